/** The server's facts in words: "storageRetention" is read as "Storage retention". */
export function wordsOf(name: string): string {
  if (/^[A-Z]+$/.test(name)) return name;
  const words = name.replace(/([a-z0-9])([A-Z])/g, '$1 $2').replace(/_/g, ' ').toLowerCase();
  return words.charAt(0).toUpperCase() + words.slice(1);
}

export function factsOf(facts: Record<string, string | number | boolean>): { name: string; value: string }[] {
  return Object.entries(facts).filter(([, value]) => ['string', 'number', 'boolean'].includes(typeof value) && value !== '').map(([name, value]) => ({
    name: wordsOf(name), value: typeof value === 'number' ? value.toLocaleString('en') : typeof value === 'boolean' ? (value ? 'yes' : 'no') : value,
  }));
}

/** The pair "name=value" as a selector; the value may hold further equals signs. */
export function matcherOf(pair: string): string {
  const at = pair.indexOf('=');
  return `{${pair.slice(0, at)}=${JSON.stringify(pair.slice(at + 1))}}`;
}

/** Flags or lines in which every word of the search occurs. */
export function matching<T>(items: T[], search: string, text: (item: T) => string): T[] {
  const words = search.toLowerCase().split(/\s+/).filter((word) => word !== '');
  return items.filter((item) => words.every((word) => text(item).toLowerCase().includes(word)));
}
