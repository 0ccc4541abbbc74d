import { expect, test } from 'vitest';
import { compact, layout, stackNarrow } from './layout';
import { loadDashboard } from './load';
import type { Panel } from './model';
import { repeatAll } from './repeat';

function panels(...list: [title: string, x: number, y: number, w: number, h: number, more?: Record<string, unknown>][]): Panel[] {
  return loadDashboard({ panels: list.map(([title, x, y, w, h, more]) => ({ type: 'timeseries', title, gridPos: { x, y, w, h }, ...more })) }).panels;
}
const places = (placed: { panel: Panel; at: { x: number; y: number; w: number; h: number } }[]) => placed.map(({ panel, at }) => `${panel.title} ${at.x},${at.y} ${at.w}x${at.h}`);

test('gaps close upwards, neighbours stay', () => {
  expect(places(compact(panels(['a', 0, 3, 12, 4], ['b', 12, 3, 12, 8], ['c', 0, 20, 12, 2], ['d', 0, 40, 24, 2])))).toEqual(['a 0,0 12x4', 'b 12,0 12x8', 'c 0,4 12x2', 'd 0,8 24x2']);
});

test('what overlaps moves down', () => {
  expect(places(compact(panels(['a', 0, 0, 12, 4], ['b', 6, 2, 12, 4])))).toEqual(['a 0,0 12x4', 'b 6,4 12x4']);
});

test('a collapsed row takes its panels with it, and gives them back', () => {
  const inside = [{ type: 'timeseries', title: 'in', gridPos: { x: 0, y: 1, w: 24, h: 5 } }];
  const list = panels(['row', 0, 0, 24, 1, { type: 'row', collapsed: true, panels: inside }], ['row 2', 0, 1, 24, 1, { type: 'row' }], ['after', 0, 2, 24, 3]);
  expect(places(layout(list, (row) => row.collapsed, false))).toEqual(['row 0,0 24x1', 'row 2 0,1 24x1', 'after 0,2 24x3']);
  expect(places(layout(list, () => false, false))).toEqual(['row 0,0 24x1', 'in 0,1 24x5', 'row 2 0,6 24x1', 'after 0,7 24x3']);
  expect(places(layout(list, (row) => row.title === 'row 2', false))).toEqual(['row 0,0 24x1', 'in 0,1 24x5', 'row 2 0,6 24x1']);
});

test('on a narrow screen small panels of one height stand two abreast', () => {
  const small = { type: 'stat' };
  expect(places(stackNarrow(panels(['a', 0, 0, 4, 3, small], ['b', 4, 0, 4, 3, small], ['c', 8, 0, 4, 6, small], ['d', 0, 6, 12, 8])))).toEqual(['a 0,0 12x3', 'b 12,0 12x3', 'c 0,3 24x6', 'd 0,9 24x8']);
});

test('panels and rows repeat for every value', () => {
  const two = new Map([['v', { values: ['x', 'y', 'z'], texts: [], several: true }]]);
  const across = repeatAll(panels(['$v', 0, 0, 8, 4, { repeat: 'v', maxPerRow: 2 }], ['below', 0, 4, 24, 4]), two);
  expect(across.map((panel) => [panel.title, panel.scope['v']?.values[0], panel.gridPos.x, panel.gridPos.y, panel.gridPos.w])).toEqual([['$v', 'x', 0, 0, 12], ['$v', 'y', 12, 0, 12], ['$v', 'z', 0, 4, 12], ['below', undefined, 0, 8, 24]]);
  const rows = repeatAll(panels(['row', 0, 0, 24, 1, { type: 'row', repeat: 'v' }], ['in', 0, 1, 24, 4], ['next', 0, 5, 24, 1, { type: 'row' }]), two);
  expect(rows.map((panel) => [panel.title, panel.scope['v']?.values[0], panel.gridPos.y])).toEqual([['row', 'x', 0], ['in', 'x', 1], ['row', 'y', 5], ['in', 'y', 6], ['row', 'z', 10], ['in', 'z', 11], ['next', undefined, 15]]);
  expect(repeatAll(panels(['p', 0, 0, 8, 4, { repeat: 'none' }]), two)).toHaveLength(1);
});
