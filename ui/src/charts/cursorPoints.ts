/** The points of the series at the cursor. Most charts never have one: each point is made when it is first wanted. */
import type uPlot from 'uplot';
import css from './TimeChart.module.css';

/** A hook for uPlot's setCursor; `colors` are those of the series in their order. */
export function cursorPoints(colors: readonly string[]): (u: uPlot) => void {
  const points: (HTMLElement | undefined)[] = [];
  return (u) => {
    const index = (u.cursor.left ?? -1) < 0 ? null : u.cursor.idx;
    const time = index == null ? undefined : u.data[0][index];
    u.root.toggleAttribute('data-pointed', time !== undefined); // brings the cursor above the canvas
    colors.forEach((color, position) => {
      const { show, scale } = u.series[position + 1] ?? {};
      const value = index == null || show === false ? undefined : u.data[position + 1]?.[index];
      const point = points[position];
      if (time === undefined || value == null || scale === undefined) {
        if (point !== undefined) point.hidden = true;
        return;
      }
      const moved = point ?? (points[position] = makePoint(u.over, color));
      moved.hidden = false;
      moved.style.transform = `translate(${Math.ceil(u.valToPos(time, 'x'))}px, ${Math.ceil(u.valToPos(value, scale))}px)`;
    });
  };
}

function makePoint(over: HTMLElement, color: string): HTMLElement {
  const point = document.createElement('div');
  point.className = css['point'] ?? '';
  point.style.background = color;
  over.append(point);
  return point;
}
