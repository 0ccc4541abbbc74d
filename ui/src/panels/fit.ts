/** The largest size at which a text fits, for values that fill their panel. */

let canvas: CanvasRenderingContext2D | null | undefined;
const widths = new Map<string, number>();
const kWidthsMax = 5000;
const kFamily = 'Inter, ui-sans-serif, system-ui, "Segoe UI", Roboto, "Noto Sans", "Liberation Sans", sans-serif';

/** Width in pixels of one line at 100 px; an estimate where there is no canvas (tests). */
function widthAt100(text: string, weight: number): number {
  canvas ??= typeof document === 'undefined' ? null : document.createElement('canvas').getContext('2d');
  if (canvas === null || canvas === undefined) return text.length * 60;
  const key = `${weight} ${text}`;
  const known = widths.get(key);
  if (known !== undefined) return known;
  canvas.font = `${weight} 100px ${kFamily}`;
  const { width } = canvas.measureText(text);
  if (widths.size >= kWidthsMax) widths.clear();
  widths.set(key, width);
  return width;
}

export function fitFont(text: string, width: number, height: number, max: number, min = 10, weight = 600): number {
  const byWidth = (width / Math.max(1, widthAt100(text, weight))) * 100;
  return Math.max(min, Math.floor(Math.min(byWidth, height / 1.2, max)));
}

/** Columns of the grid that gives `count` tiles the most room, when each is to be as wide as high times `shape`. */
export function columnsFor(count: number, width: number, height: number, shape = 1): number {
  let [columns, best] = [1, 0];
  for (let candidate = 1; candidate <= count; candidate++) {
    const size = Math.min(width / candidate / shape, height / Math.ceil(count / candidate));
    if (size > best + 1e-9) [best, columns] = [size, candidate];
  }
  return columns;
}
