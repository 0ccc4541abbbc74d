/** The expressions that were run, newest first, kept in this browser. */
const kStorageKey = 'sextant.queries';
const kKept = 50;

export function readHistory(): string[] {
  try {
    const kept: unknown = JSON.parse(window.localStorage.getItem(kStorageKey) ?? '[]');
    return Array.isArray(kept) ? kept.filter((one): one is string => typeof one === 'string') : [];
  } catch {
    return [];
  }
}

export function remember(expr: string): void {
  const trimmed = expr.trim();
  if (trimmed === '') return;
  try {
    const kept = [trimmed, ...readHistory().filter((one) => one !== trimmed)].slice(0, kKept);
    window.localStorage.setItem(kStorageKey, JSON.stringify(kept));
  } catch {
    // storage can be forbidden or full; a history is a convenience
  }
}
