import { describe, expect, test } from 'vitest';
import { prepareTarget } from './ask';
import { pointsOf } from './layout';
import { loadDashboard } from './load';

const hour = { fromMs: 0, toMs: 3_600_000 };
const source = { id: 1, type: 'timeseries', gridPos: { x: 0, y: 0, w: 24, h: 8 }, datasource: { uid: 'far' }, interval: '1m', timeFrom: '10m', targets: [{ expr: 'up[$__interval]' }, { expr: 'hidden', hide: true }], transformations: [{ id: 'first' }] };
const shown = { id: 2, type: 'stat', gridPos: { x: 0, y: 8, w: 4, h: 4 }, datasource: { type: 'datasource', uid: '-- Dashboard --' }, transformations: [{ id: 'second' }] };

function load(target: Record<string, unknown>, panels: Record<string, unknown>[] = [source]) {
  const all = loadDashboard({ panels: [...panels, { ...shown, targets: [target] }] }).panels;
  const panel = all.find(({ id }) => id === 2);
  if (panel === undefined) throw new Error('no panel');
  return { panel, of: all.flatMap((one) => [one, ...one.panels]).find(({ id }) => id === 1) };
}

describe('the data of another panel', () => {
  test('is asked for as that one asks', () => {
    const { panel, of } = load({ panelId: 1 });
    expect(of).toBeDefined();
    if (of === undefined) return;
    const { targets, datasource, interval, timeFrom } = of;
    expect(panel).toMatchObject({ targets, datasource, interval, timeFrom, type: 'stat', title: '', problem: undefined });
    expect(panel.targets.map(({ expr }) => expr)).toEqual(['up[$__interval]', 'hidden']);
    const asked = [panel, of].map((one) => prepareTarget(one.targets[0]!, one, hour, one.maxDataPoints ?? pointsOf(one), new Map()));
    expect(asked[0]).toEqual(asked[1]);
  });
  test('comes before or after its transformations', () => {
    expect(load({ panelId: 1 }).panel.transformations.map(({ id }) => id)).toEqual(['second']);
    expect(load({ panelId: 1, withTransforms: true }).panel.transformations.map(({ id }) => id)).toEqual(['first', 'second']);
  });
  test('may be in a closed row', () => {
    const row = { id: 9, type: 'row', collapsed: true, panels: [source] };
    expect(load({ panelId: 1 }, [row]).panel.targets[0]?.expr).toBe('up[$__interval]');
  });
  test('may be that of another source than the panel names', () => {
    const { panel } = load({ panelId: 1, datasource: { uid: '-- Dashboard --' } });
    expect(panel.datasource).toEqual({ type: '', uid: 'far' });
  });
});
