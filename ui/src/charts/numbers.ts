/** Numbers for axes and tables that know no unit. */

const kPrefixes: [number, string][] = [[1e15, 'P'], [1e12, 'T'], [1e9, 'G'], [1e6, 'M'], [1e3, 'k']];

function trimZeros(text: string): string {
  return text.includes('.') ? text.replace(/\.?0+$/, '') : text;
}

/** 1234567 → "1.235M"; at most `digits` after the point. */
export function formatShort(value: number, digits = 3): string {
  if (!Number.isFinite(value)) return Number.isNaN(value) ? 'NaN' : value > 0 ? '+Inf' : '-Inf';
  const size = Math.abs(value);
  for (const [scale, prefix] of kPrefixes) if (size >= scale) return trimZeros((value / scale).toFixed(digits)) + prefix;
  if (size !== 0 && size < 10 ** -digits) return value.toExponential(2).replace(/\.?0+e/, 'e');
  return trimZeros(value.toFixed(digits));
}

/** Labels of neighbouring ticks: one scale, and just enough digits to tell them apart. */
export function formatTicks(ticks: number[]): string[] {
  const largest = Math.max(0, ...ticks.map(Math.abs));
  const [scale, prefix] = kPrefixes.find(([size]) => largest >= size) ?? [1, ''];
  const step = ticks.length > 1 ? Math.abs((ticks[1] ?? 0) - (ticks[0] ?? 0)) / scale : largest / scale;
  if (largest > 0 && largest < 1e-4) return ticks.map((tick) => (tick === 0 ? '0' : tick.toExponential(1).replace('.0e', 'e')));
  let digits = 0;
  while (digits < 6 && step > 0 && Math.abs(Math.round(step * 10 ** digits) / 10 ** digits - step) > step * 1e-3) digits++;
  return ticks.map((tick) => (tick === 0 ? '0' : (tick / scale).toFixed(digits) + prefix));
}

/** A sample's value as the API wrote it, with thousands kept apart from nothing: exact, only tidied. */
export function formatExact(text: string): string {
  const value = Number(text);
  if (!Number.isFinite(value) || text.includes('e')) return text;
  if (Number.isInteger(value) && Math.abs(value) >= 10_000) return value.toLocaleString('en-US').replaceAll(',', '\u202f');
  return text;
}
