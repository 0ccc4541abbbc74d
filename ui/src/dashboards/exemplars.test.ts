import { afterEach, describe, expect, test, vi } from 'vitest';
import { thinnedOut } from './exemplars';
import type { DataSource } from './sources';

const at = (timeMs: number, value: number) => ({ seriesLabels: {}, labels: {}, timeMs, value });

describe('thinning out', () => {
  const kept = (...all: [number, number][]) => thinnedOut(all.map(([timeMs, value]) => at(timeMs, value)), 10_000).map(({ timeMs, value }) => [timeMs, value]);
  const calm = Array.from({ length: 40 }, (_, index): [number, number] => [20_000 + index, 50]);
  test('each step keeps its largest, and those well below it', () => {
    expect(kept([0, 100], [1000, 99], [2000, 1], [3000, 2])).toEqual([[0, 100]]); // two standard deviations are 113
    // With many that are alike, two of them are 33.
    expect(kept([0, 100], [1000, 99], [2000, 1], [10_000, 98], [11_000, 2], ...calm)).toEqual([[20_000, 50], [11_000, 2], [10_000, 98], [2000, 1], [0, 100]]);
  });
  test('the same one, found by two queries, is one', () => expect(kept([5, 7], [5, 7])).toEqual([[5, 7]]));
  test('what is no number is left out', () => expect(kept([0, NaN], [1, Infinity], [2, 3])).toEqual([[2, 3]]));
  test('at most 1000, the newest', () => {
    const many = kept(...Array.from({ length: 1500 }, (_, index): [number, number] => [index * 10_000, 1]));
    expect([many.length, many[0]?.[0], many.at(-1)?.[0]]).toEqual([1000, 14_990_000, 5_000_000]);
  });
});

describe('asking', () => {
  afterEach(() => { vi.unstubAllGlobals(); vi.resetModules(); });
  const answered = [{ seriesLabels: { job: 'web' }, exemplars: [{ labels: { traceID: 'a b', user: '7' }, value: '0.5', timestamp: 30 }] }];
  const source: DataSource = { uid: 'own', name: 'Own', type: 'prometheus', isDefault: true, own: true, unsupported: undefined, scrapeIntervalMs: 15_000, traceLinks: [{ label: 'traceID', url: 'https://traces.example/${__value.raw}?from=${__from}', title: 'Open the trace' }], tracesInSources: [] };

  async function ask(panelJson: Record<string, unknown>, sources: DataSource[], answer: (address: string) => unknown, takesExemplars = true) {
    const { askPanel } = await import('./ask');
    const { loadDashboard } = await import('./load');
    const asked: string[] = [];
    vi.stubGlobal('fetch', (address: string, { body }: { body?: string | null } = {}) => {
      asked.push(typeof body === 'string' ? body : decodeURIComponent(address.replace(/\+/g, ' ')));
      const found = answer(address);
      return Promise.resolve(address === '/api/batch' ? new Response(`${JSON.stringify({ id: '0', status: 200, answer: found })}\n`) : Response.json(found));
    });
    const [panel] = loadDashboard({ panels: [{ type: 'timeseries', ...panelJson }] }).panels;
    if (panel === undefined) throw new Error('no panel');
    const { builtins } = await import('./interpolate');
    return { asked, ...await askPanel(panel, { fromMs: 0, toMs: 60_000 }, 100, new Map(builtins(0, 60_000)), sources, new AbortController().signal, { takesExemplars }) };
  }
  const matrix = { status: 'success', data: { resultType: 'matrix', result: [] } };

  test('they come with the answers, and name the trace', async () => {
    const { exemplars, asked } = await ask({ targets: [{ expr: 'x', exemplar: true }] }, [source], () => ({ ...matrix, exemplars: answered }));
    expect(asked).toEqual([expect.stringContaining('"exemplars":"true"')]);
    expect(exemplars).toEqual([{ timeMs: 30_000, value: 0.5, facts: [
      { name: 'traceID', value: 'a b', link: { title: 'Open the trace', href: 'https://traces.example/a%20b?from=0' } }, { name: 'user', value: '7', link: undefined }, { name: 'job', value: 'web' },
    ] }]);
  });
  test.each([
    ['the query does not want them', { targets: [{ expr: 'x' }] }, true],
    ['it asks about the present', { type: 'table', targets: [{ expr: 'x', exemplar: true, instant: true, range: false }] }, true],
    ['the panel does not draw them', { type: 'stat', targets: [{ expr: 'x', exemplar: true }] }, false],
  ])('none are asked for where %s', async (_why, panel, takes) => {
    const { asked } = await ask(panel, [source], () => matrix, takes);
    expect(asked).toEqual([expect.not.stringContaining('exemplars')]);
  });
  test('another server is asked once for all of a panel', async () => {
    const far: DataSource = { ...source, uid: 'far', own: false, traceLinks: [] };
    const { exemplars, asked, warnings } = await ask({ targets: [{ expr: 'x', exemplar: true }, { expr: 'y', exemplar: true }, { expr: 'z' }] }, [far], (address) => (address.includes('query_exemplars') ? { status: 'success', data: answered } : matrix));
    expect(asked.filter((one) => one.includes('query_exemplars'))).toEqual([expect.stringContaining('query=(x) or (y)&start=0&end=60')]);
    expect(exemplars.map(({ facts }) => facts.map(({ link }) => link))).toEqual([[undefined, undefined, undefined]]);
    expect(warnings).toEqual([]);
  });
  test('one that refuses leaves the panel, and is told of', async () => {
    const far: DataSource = { ...source, uid: 'far', name: 'Far', own: false };
    const { exemplars, warnings, frames } = await ask({ targets: [{ expr: 'x', exemplar: true }] }, [far], (address) => (address.includes('query_exemplars') ? { status: 'error', errorType: 'bad_data', error: 'not kept here' } : matrix));
    expect([exemplars, frames, warnings]).toEqual([[], [], ['Exemplars of Far: not kept here']]);
  });
  test('destinations are read from the settings of the source', async () => {
    const { getDataSources } = await import('./sources');
    vi.stubGlobal('fetch', () => Promise.resolve(Response.json([{ uid: 'a', jsonData: { exemplarTraceIdDestinations: [{ name: 'traceID', url: 'https://t/${__value.raw}', urlDisplayLabel: 'See' }, { name: 'trace_id', datasourceUid: 'tempo' }] } }])));
    const [read] = await getDataSources(new AbortController().signal);
    expect(read?.traceLinks).toEqual([{ label: 'traceID', url: 'https://t/${__value.raw}', title: 'See' }]);
    expect(read?.tracesInSources).toEqual([{ label: 'trace_id', uid: 'tempo' }]);
  });
});
