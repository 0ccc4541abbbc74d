/**
 * Where panels stand. Documents give positions on 24 columns; gaps above a panel close, what overlaps moves down, and a
 * collapsed row takes its panels with it. On a narrow screen small panels stand two abreast and the others alone.
 */
import { kColumns } from './model';
import type { GridPos, Panel } from './model';

export interface Placed {
  panel: Panel;
  at: GridPos;
}

/** Points that a panel asks for unless it says how many: what its width on a wide screen shows. */
export const pointsOf = ({ gridPos }: Panel) => Math.max(50, Math.round((gridPos.w / kColumns) * 1200));

/** Panels of a collapsed row live inside it; those of an open one follow it. Both become one flat list in reading order. */
export function flattenRows(panels: Panel[], isCollapsed: (row: Panel) => boolean): Panel[] {
  const ordered = [...panels].sort((a, b) => a.gridPos.y - b.gridPos.y || a.gridPos.x - b.gridPos.x);
  const flat: Panel[] = [];
  let hidden = false;
  let shift = 0;
  for (const panel of ordered) {
    const moved = shift === 0 ? panel : { ...panel, gridPos: { ...panel.gridPos, y: panel.gridPos.y + shift } };
    if (panel.type !== 'row') {
      if (!hidden) flat.push(moved);
      continue;
    }
    hidden = isCollapsed(panel);
    flat.push(moved);
    if (hidden || panel.panels.length === 0) continue;
    // Panels kept inside their row carry positions from the time it was open: make room and set them below it.
    const top = Math.min(...panel.panels.map((inner) => inner.gridPos.y));
    const bottom = Math.max(...panel.panels.map((inner) => inner.gridPos.y + inner.gridPos.h));
    const first = moved.gridPos.y + 1;
    for (const inner of flattenRows(panel.panels, () => false)) {
      flat.push({ ...inner, gridPos: { ...inner.gridPos, y: inner.gridPos.y - top + first } });
    }
    if (panel.collapsed) shift += bottom - top;
  }
  return flat;
}

/** Moves every panel up until it touches something; panels must come in reading order for rows to stay above theirs. */
export function compact(panels: Panel[]): Placed[] {
  const floor = new Array<number>(kColumns).fill(0);
  const ordered = [...panels].sort((a, b) => a.gridPos.y - b.gridPos.y || a.gridPos.x - b.gridPos.x);
  return ordered.map((panel) => {
    const { x, w, h } = panel.gridPos;
    const y = Math.max(...floor.slice(x, x + w));
    floor.fill(y + h, x, x + w);
    return { panel, at: { x, y, w, h } };
  });
}

const smallTypes = new Set(['stat', 'gauge']);

/** One column of full width, two for the small panels, in reading order. */
export function stackNarrow(panels: Panel[]): Placed[] {
  const ordered = [...panels].sort((a, b) => a.gridPos.y - b.gridPos.y || a.gridPos.x - b.gridPos.x);
  const placed: Placed[] = [];
  let y = 0;
  let waiting: Placed | undefined; // a small panel with room at its right for another of its height
  for (const panel of ordered) {
    const h = panel.gridPos.h;
    const small = smallTypes.has(panel.type) && panel.gridPos.w <= kColumns / 2;
    if (small && waiting?.at.h === h) {
      placed.push({ panel, at: { x: kColumns / 2, y: waiting.at.y, w: kColumns / 2, h } });
      waiting = undefined;
      continue;
    }
    const here: Placed = { panel, at: { x: 0, y, w: small ? kColumns / 2 : kColumns, h } };
    if (waiting !== undefined) waiting.at.w = kColumns;
    waiting = small ? here : undefined;
    placed.push(here);
    y += h;
  }
  if (waiting !== undefined) waiting.at.w = kColumns;
  return placed;
}

export function layout(panels: Panel[], isCollapsed: (row: Panel) => boolean, narrow: boolean): Placed[] {
  const flat = flattenRows(panels, isCollapsed);
  return narrow ? stackNarrow(flat) : compact(flat);
}
