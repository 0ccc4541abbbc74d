import { act } from 'react';
import { createRoot } from 'react-dom/client';
import { describe, expect, test } from 'vitest';
import { grafanaTheme } from '../grafana';
import { loadDashboard } from './load';
import { PanelFrame } from './PanelFrame';
import type { DataSource } from './sources';
import { UnderWay } from './underWay';

(globalThis as { IS_REACT_ACT_ENVIRONMENT?: boolean }).IS_REACT_ACT_ENVIRONMENT = true;

const own: DataSource = { uid: 'own', name: 'Own', type: 'prometheus', isDefault: true, own: true, unsupported: undefined, scrapeIntervalMs: 15_000, traceLinks: [], tracesInSources: [] };
const withTempo: DataSource = { ...own, tracesInSources: [{ label: 'trace_id', uid: 'tempo' }] };
const wanted = { targets: [{ expr: 'x', exemplar: true }] };

/** What the panel says that it leaves out, before it has data. */
function said(json: Record<string, unknown>, sources = [own]): string[] {
  const [panel] = loadDashboard({ panels: [json] }).panels;
  if (panel === undefined) throw new Error('no panel');
  const nothing = () => undefined;
  const element = document.createElement('div');
  const root = createRoot(element);
  act(() => root.render(
    <PanelFrame
      panel={panel} values={new Map()} range={{ fromMs: 0, toMs: 60_000 }} turn={0} utc theme={grafanaTheme('light')} syncKey={undefined} onZoom={nothing} panelKey="1"
      beginsInView={false} isViewed={false} inspect={undefined} marks={[]} sources={sources} underWay={new UnderWay()} level={2}
    />,
  ));
  const texts = [...element.querySelectorAll('[data-left-out]')].map((one) => one.getAttribute('aria-label') ?? '');
  act(() => root.unmount());
  return texts;
}

describe('a panel says what it leaves out', () => {
  test('exemplars on heatmaps', () => {
    expect(said({ type: 'heatmap', title: 'Heat', ...wanted })).toEqual(['Exemplars are not drawn on heatmaps.']);
    expect(said({ type: 'heatmap', ...wanted }), 'without a title').toEqual(['Exemplars are not drawn on heatmaps.']);
    expect(said({ type: 'heatmap', targets: [{ expr: 'x' }] })).toEqual([]);
    expect(said({ type: 'heatmap', targets: [{ expr: 'x', exemplar: true, hide: true }, { expr: 'y' }] })).toEqual([]);
  });
  test('ways from exemplars into a data source', () => {
    expect(said({ type: 'timeseries', title: 'Lines', ...wanted }, [withTempo])).toEqual([expect.stringMatching(/“trace_id” of exemplars does not lead to its trace: .*“tempo”/)]);
    expect(said({ type: 'timeseries', ...wanted })).toEqual([]);
    expect(said({ type: 'timeseries', targets: [{ expr: 'x' }] }, [withTempo])).toEqual([]);
    expect(said({ type: 'timeseries', ...wanted, datasource: { uid: 'far' } }, [withTempo, { ...own, uid: 'far', isDefault: false }])).toEqual([]);
    expect(said({ type: 'timeseries', targets: [{ expr: 'x', exemplar: true, instant: true }] }, [withTempo]), 'which has none').toEqual([]);
  });
  test('only where it would be shown', () => {
    expect(said({ type: 'table', ...wanted }, [withTempo])).toEqual([]);
    expect(said({ type: 'canvas', ...wanted }, [withTempo]), 'it is not drawn at all').toEqual([]);
  });
});
