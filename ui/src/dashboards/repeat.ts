/** Panels and rows that a document shows once per value of a variable. */
import { kColumns } from './model';
import type { VariableValue, Values } from './interpolate';
import type { Panel } from './model';

/** Copies of one panel or row; a variable with hundreds of values must not make hundreds of charts. */
const kCopiesMax = 50;

function choices(name: string, values: Values): VariableValue[] {
  const { values: all = [], texts = [], names = texts } = values.get(name) ?? {};
  return all.slice(0, kCopiesMax).map((value, index) => ({ values: [value], texts: [names[index] ?? value], several: false }));
}

/** Of the variables that panels or rows are repeated for, those with more values than there are copies. */
export function cutRepeats(panels: Panel[], values: Values): { name: string; copies: number; values: number }[] {
  const names = new Set(panels.flatMap((panel) => [panel.repeat, ...panel.panels.map((inner) => inner.repeat)]));
  return [...names].map((name) => ({ name, copies: kCopiesMax, values: values.get(name)?.values.length ?? 0 })).filter((one) => one.values > one.copies);
}

const shifted = (panel: Panel, by: number): Panel => ({ ...panel, gridPos: { ...panel.gridPos, y: panel.gridPos.y + by } });
const scoped = (panel: Panel, name: string, value: VariableValue): Panel => ({ ...panel, scope: { ...panel.scope, [name]: value }, panels: panel.panels.map((inner) => scoped(inner, name, value)) });

function repeatPanel(panel: Panel, values: Values): { panels: Panel[]; grownBy: number } {
  const chosen = choices(panel.repeat, values);
  if (chosen.length === 0) return { panels: [panel], grownBy: 0 };
  const { x, y, w, h } = panel.gridPos;
  if (panel.repeatDirection === 'v') {
    return { panels: chosen.map((value, index) => ({ ...scoped(panel, panel.repeat, value), gridPos: { x, y: y + index * h, w, h } })), grownBy: (chosen.length - 1) * h };
  }
  const perLine = Math.min(panel.maxPerRow, chosen.length);
  const width = Math.max(1, Math.floor(kColumns / perLine));
  const panels = chosen.map((value, index) => ({
    ...scoped(panel, panel.repeat, value), gridPos: { x: (index % perLine) * width, y: y + Math.floor(index / perLine) * h, w: width, h },
  }));
  return { panels, grownBy: (Math.ceil(chosen.length / perLine) - 1) * h };
}

function repeatPanels(panels: Panel[], values: Values): Panel[] {
  let growth = 0;
  return [...panels]
    .sort((a, b) => a.gridPos.y - b.gridPos.y || a.gridPos.x - b.gridPos.x)
    .flatMap((panel) => {
      const moved = shifted(panel, growth);
      // A closed row keeps its panels inside.
      if (panel.type === 'row') return [panel.panels.length === 0 ? moved : { ...moved, panels: repeatPanels(panel.panels, values) }];
      if (panel.repeat === '') return [moved];
      const repeated = repeatPanel(moved, values);
      growth += repeated.grownBy;
      return repeated.panels;
    });
}

/** Rows take the panels down to the next row with them, each copy with its own value. */
export function repeatAll(panels: Panel[], values: Values): Panel[] {
  const ordered = [...panels].sort((a, b) => a.gridPos.y - b.gridPos.y || a.gridPos.x - b.gridPos.x);
  const out: Panel[] = [];
  let growth = 0;
  for (let i = 0; i < ordered.length; ) {
    const head = ordered[i];
    if (head === undefined) break;
    let end = i + 1;
    while (end < ordered.length && ordered[end]?.type !== 'row') end++;
    const section = ordered.slice(i, end);
    i = end;
    const bottom = Math.max(...section.map((panel) => panel.gridPos.y + panel.gridPos.h));
    const chosen = head.type === 'row' && head.repeat !== '' ? choices(head.repeat, values) : [];
    if (chosen.length === 0) {
      const body = repeatPanels(section, values);
      out.push(...body.map((panel) => shifted(panel, growth)));
      growth += Math.max(...body.map((panel) => panel.gridPos.y + panel.gridPos.h)) - bottom;
      continue;
    }
    for (const value of chosen) {
      const copies = repeatPanels(section.map((panel) => scoped(panel, head.repeat, value)), new Map([...values, [head.repeat, value]]));
      out.push(...copies.map((panel) => shifted(panel, growth)));
      growth += Math.max(...copies.map((panel) => panel.gridPos.y + panel.gridPos.h)) - head.gridPos.y;
    }
    growth -= bottom - head.gridPos.y;
  }
  return out;
}
