import { describe, expect, test, vi } from 'vitest';
import { askPanel } from './ask';
import { single } from './interpolate';
import { loadDashboard } from './load';
import { apiOf, getDataSources, sourcesOfType } from './sources';
import type { DataSource } from './sources';

const source = (uid: string, more: Partial<DataSource> = {}): DataSource => ({ uid, name: `name of ${uid}`, type: 'prometheus', isDefault: false, own: false, unsupported: undefined, scrapeIntervalMs: 15_000, traceLinks: [], tracesInSources: [], ...more });
const sources = [source('far'), source('own', { isDefault: true }), source('logs', { type: 'loki', unsupported: 'Data sources of type loki are not supported.' })];
const none = new Map();

describe('which source a reference means', () => {
  test('a known one is asked by its uid, named by uid, name or variable', () => {
    expect(apiOf({ uid: 'far' }, sources, none)).toBe('/api/datasources/proxy/uid/far/api/v1');
    expect(apiOf({ uid: 'name of far' }, sources, none)).toBe('/api/datasources/proxy/uid/far/api/v1');
    expect(apiOf({ type: 'prometheus', uid: '${ds}' }, sources, new Map([['ds', single('far')]]))).toBe('/api/datasources/proxy/uid/far/api/v1');
    expect(apiOf({ uid: 'a/b' }, [source('a/b')], none)).toBe('/api/datasources/proxy/uid/a%2Fb/api/v1');
  });
  test('without a reference, or with one from elsewhere, it is the default', () => {
    for (const reference of [undefined, {}, { uid: 'PBFA97CFB590B2093' }]) expect(apiOf(reference, sources, none)).toBe('/api/datasources/proxy/uid/own/api/v1');
    expect(apiOf({ uid: 'PBFA97CFB590B2093' }, [], none)).toBe('/api/v1');
  });
  test('a default that cannot be asked stands in for no other', () => {
    const odd = [source('logs', { type: 'loki', isDefault: true, unsupported: 'not supported' }), source('own')];
    expect(apiOf({ uid: 'PBFA97CFB590B2093' }, odd, none)).toBe('/api/datasources/proxy/uid/own/api/v1');
    expect(() => apiOf(undefined, odd, none)).toThrow('not supported');
  });
  test('this server is asked without its proxy', () => {
    expect(apiOf({ uid: 'own' }, [source('own', { own: true })], none)).toBe('/api/v1');
  });
  test('one that cannot be asked says why', () => {
    expect(() => apiOf({ uid: 'logs' }, sources, none)).toThrow('not supported');
  });
  test('a variable offers those of its kind, the default first', () => {
    expect(sourcesOfType(sources, 'prometheus').map(({ uid }) => uid)).toEqual(['own', 'far']);
    expect(sourcesOfType(sources, 'loki')).toEqual([]);
  });
});

test('a panel asks the source that each target names, else its own', async () => {
  const asked: string[] = [];
  vi.stubGlobal('fetch', (address: string) => {
    asked.push(address.replace(/\?.*/, ''));
    if (address.startsWith('/api/datasources?') || address === '/api/datasources') return Promise.resolve(Response.json([{ uid: 'far', name: 'Far', type: 'prometheus' }, { uid: 'own', name: 'Own', type: 'prometheus', isDefault: true }]));
    return Promise.resolve(Response.json({ status: 'success', data: { resultType: 'matrix', result: [] } }));
  });
  const known = await getDataSources(new AbortController().signal);
  const [panel] = loadDashboard({ panels: [{ type: 'timeseries', datasource: { uid: 'far' }, targets: [{ expr: 'up' }, { expr: 'up', datasource: { uid: 'own' } }] }] }).panels;
  if (panel === undefined) throw new Error('no panel');
  await askPanel(panel, { fromMs: 0, toMs: 60_000 }, 100, none, known, new AbortController().signal);
  expect(asked).toEqual(['/api/datasources', '/api/datasources/proxy/uid/far/api/v1/query_range', '/api/datasources/proxy/uid/own/api/v1/query_range']);
});
