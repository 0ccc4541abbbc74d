/** A pie's slices: where each starts and ends, as shares of the whole. */

export interface Slice<T> {
  item: T;
  value: number;
  share: number;
  start: number;
}

/** Values of zero and below take no part; `sort` orders by value, `none` keeps the order. */
export function slicesOf<T>(items: { item: T; value: number }[], sort: 'asc' | 'desc' | 'none'): Slice<T>[] {
  const shown = items.filter(({ value }) => Number.isFinite(value) && value > 0);
  if (sort !== 'none') shown.sort((a, b) => (sort === 'asc' ? a.value - b.value : b.value - a.value));
  const total = shown.reduce((sum, { value }) => sum + value, 0);
  let start = 0;
  return shown.map(({ item, value }) => {
    const slice = { item, value, share: value / total, start };
    start += slice.share;
    return slice;
  });
}

/** An SVG path of a slice around (0, 0); a whole circle is drawn as two halves, which one arc cannot express. */
export function slicePath(start: number, share: number, radius: number, hole: number): string {
  const point = (at: number, r: number) => `${(r * Math.sin(2 * Math.PI * at)).toFixed(2)} ${(-r * Math.cos(2 * Math.PI * at)).toFixed(2)}`;
  if (share > 0.9999) return `${slicePath(0, 0.5, radius, hole)}${slicePath(0.5, 0.5, radius, hole)}`;
  const end = start + share;
  const large = share > 0.5 ? 1 : 0;
  const outer = `M${point(start, radius)}A${radius} ${radius} 0 ${large} 1 ${point(end, radius)}`;
  return hole > 0 ? `${outer}L${point(end, hole)}A${hole} ${hole} 0 ${large} 0 ${point(start, hole)}Z` : `${outer}L0 0Z`;
}
