import { describe, expect, test } from 'vitest';
import { createDataFrame, FieldType } from '../grafana';
import { marksOf } from './annotations';
import { tablesOf, toCsv } from './csv';
import { interpolate, forAddress, single } from './interpolate';
import { carryOver, linkAddress, linkValues } from './links';
import { loadDashboard } from './load';
import { switchedAnnotations, withAnnotationSwitched } from './urlState';
import type { Resolved } from './variables';

const dashboard = loadDashboard({
  templating: { list: [{ name: 'ns', type: 'query', multi: true }, { name: 'x', type: 'custom' }] },
  links: [{ type: 'link', title: 'There', url: 'https://example.com/a?b=$x#c', keepTime: true, includeVars: true }, { type: 'dashboards', tags: ['k8s'], asDropdown: true }, { type: 'link' }],
  annotations: { list: [
    { builtIn: 1, name: 'own' }, { name: 'deploys', enable: true, expr: 'changes(x[1m])', titleFormat: '{{job}}', iconColor: 'blue', datasource: { type: 'prometheus' } },
    { name: 'tags', datasource: { type: 'datasource', uid: 'grafana' }, target: { type: 'tags', tags: ['a'], matchAny: true } }, { name: 'hours', datasource: { uid: '-- Grafana --' }, target: { queryType: 'timeRegions' } }, { name: 'logs', datasource: { type: 'loki' }, expr: '{a="b"}' }, { name: 'none', datasource: { type: 'prometheus' } },
  ] },
});
const resolved = dashboard.variables.map((variable): Resolved => ({ variable, options: [], selected: variable.name === 'ns' ? ['a', 'b&c'] : ['1 2'] }));
const range = { from: 'now-1h', to: 'now' };

describe('links', () => {
  test('an address takes the range and the selections along, before its hash', () => {
    const [link] = dashboard.links;
    expect(dashboard.links).toHaveLength(2);
    expect(link === undefined ? '' : linkAddress(link, new Map([['x', single('1 2')]]), range, resolved)).toBe('https://example.com/a?b=1%202&from=now-1h&to=now&var-ns=a&var-ns=b%26c&var-x=1+2#c');
  });
  test('the range and all variables are there for links that name them', () => {
    expect(interpolate('/d/x?${__url_time_range}&${__all_variables}', new Map(linkValues(range, resolved)), ({ texts }) => texts.join(''))).toBe('/d/x?from=now-1h&to=now&var-ns=a&var-ns=b%26c&var-x=1+2');
  });
  test('values cannot leave the place they stand in with quotes or blanks', () => expect(interpolate('/x?a=$v', new Map([['v', single('"><b> ')]]), forAddress)).toBe('/x?a=%22%3E%3Cb%3E%20'));
  test('what of this page stays', () => expect(carryOver('?from=a&to=b&var-x=1&refresh=5s', { keepTime: true, includeVars: false })).toBe('from=a&to=b'));
});

describe('annotations', () => {
  test('those that cannot be answered say why', () => {
    expect(dashboard.annotations.map(({ name, problem }) => [name, problem === undefined])).toEqual([['own', true], ['deploys', true], ['tags', true], ['hours', false], ['logs', false], ['none', false]]);
    expect(dashboard.annotations.map(({ stored }) => stored)).toEqual([{ tags: [], matchAny: false, ofDashboard: true, limit: 100 }, undefined, { tags: ['a'], matchAny: true, ofDashboard: false, limit: 100 }, undefined, undefined, undefined]);
  });
  test('neighbours are one event, zero ends it', () => {
    const [, deploys] = dashboard.annotations;
    const marks = deploys === undefined ? [] : marksOf(deploys, [{ metric: { job: 'j' }, values: [[60, '1'], [120, '2'], [180, '0'], [240, '1']] }], 60_000);
    expect(marks.map(({ fromMs, toMs, title }) => [fromMs, toMs, title])).toEqual([[60_000, 120_000, 'j'], [240_000, 240_000, 'j']]);
  });
  test('a switch lives in the address', () => {
    const once = withAnnotationSwitched('?from=a', 'deploys');
    expect([...switchedAnnotations(`?${once.toString()}`)]).toEqual(['deploys']);
    expect(withAnnotationSwitched(`?${once.toString()}`, 'deploys').toString()).toBe('from=a');
  });
});

describe('csv', () => {
  test('series that share their times are columns of one table', () => {
    const frame = (name: string, values: number[]) => createDataFrame({ fields: [{ name: 'Time', type: FieldType.time, values: [0, 1000] }, { name, type: FieldType.number, values }] });
    expect(toCsv(tablesOf([frame('a', [1, 2]), frame('b, "c"', [3, 4])], false))).toBe('Time,a,"b, ""c"""\r\n1970-01-01T00:00:00.000Z,1,3\r\n1970-01-01T00:00:01.000Z,2,4');
  });
  test('text that looks like a formula is marked as text', () => {
    const frame = createDataFrame({ fields: [{ name: 'x', type: FieldType.string, values: ['=1+1', '-5'] }] });
    expect(toCsv(tablesOf([frame], false))).toBe("x\r\n'=1+1\r\n-5");
  });
});

test('a library panel is filled from the elements that the document brings along', () => {
  const { panels } = loadDashboard({ __elements: { u: { model: { type: 'stat', title: 'in the library' } } }, panels: [{ id: 1, libraryPanel: { uid: 'u' }, gridPos: { x: 0, y: 0, w: 1, h: 1 } }, { id: 2, libraryPanel: { uid: 'v' } }] });
  expect(panels.map(({ type, title }) => [type, title])).toEqual([['stat', 'in the library'], ['library panel', '']]);
});
