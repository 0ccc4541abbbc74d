/** What the page of costs shows of its numbers, and the queries that its rows lead to. */

const kUnits = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];

/** 1572864 → "1.5 MiB" */
export function formatBytes(bytes: number): string {
  let unit = 0;
  let value = bytes;
  while (value >= 1024 && unit < kUnits.length - 1) {
    value /= 1024;
    unit++;
  }
  return `${unit === 0 ? value : value.toFixed(value < 10 ? 1 : 0)} ${kUnits[unit]}`;
}

/** 1234567 → "1 234 567", with narrow spaces. */
export function formatCount(count: number): string {
  return count.toLocaleString('en-US').replaceAll(',', '\u202f');
}

/** What "new" means: "in the last hour", or since when the server counts. */
export function formatWindow(seconds: number): string {
  if (seconds >= 3300) return 'in the last hour';
  const minutes = Math.floor(seconds / 60);
  return minutes <= 1 ? 'in the last minute' : `in the last ${minutes} minutes`;
}

/** How much of a limit is used, 0 to 1; undefined without a limit. */
export function shareOf(used: number, limit: number): number | undefined {
  return limit > 0 ? Math.min(1, used / limit) : undefined;
}

const quote = (text: string) => JSON.stringify(text);
const labelName = (name: string) => (/^[A-Za-z_][A-Za-z0-9_]*$/.test(name) ? name : quote(name));

/** The series with these labels, counted by another. */
export function countQuery(labels: [name: string, value: string][], by: string): string {
  const matchers = labels.map(([name, value]) => `${labelName(name)}=${quote(value)}`).join(', ');
  return `sort_desc(count by (${labelName(by)}) ({${matchers}}))`;
}

/** The values of a label, by how many series have each. */
export function valuesQuery(name: string): string {
  return `topk(20, count by (${labelName(name)}) ({${labelName(name)}!=""}))`;
}

export function queryAddress(expression: string): string {
  return `/query?${new URLSearchParams({ 'g0.expr': expression, 'g0.tab': 'table' })}`;
}
