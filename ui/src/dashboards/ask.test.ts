import { describe, expect, test } from 'vitest';
import { prepareTarget } from './ask';
import { loadDashboard } from './load';
import { panelRange } from './panelRange';

const hour = { fromMs: 0, toMs: 3_600_000 };

function panelOf(document: Record<string, unknown>) {
  const [panel] = loadDashboard({ panels: [{ type: 'timeseries', ...document }] }).panels;
  if (panel === undefined) throw new Error('no panel');
  return panel;
}

function asked(target: Record<string, unknown>, panel: Record<string, unknown> = {}, scrapeIntervalMs?: number) {
  const read = panelOf({ ...panel, targets: [{ expr: '$__interval $__rate_interval', ...target }] });
  const [first] = read.targets;
  if (first === undefined) throw new Error('no target');
  const { expr, stepMs } = prepareTarget(first, read, hour, 1000, new Map(), scrapeIntervalMs === undefined ? undefined : { uid: 's', name: 's', type: 'prometheus', isDefault: true, own: true, unsupported: undefined, scrapeIntervalMs, traceLinks: [], tracesInSources: [] });
  return `${expr} ${stepMs / 1000}`;
}

describe('steps', () => {
  test.each([
    ['scrapes every 15 s', {}, {}, undefined, '15s 1m 15'],
    ['the source scrapes every minute', {}, {}, 60_000, '1m 4m 60'],
    ['the smallest step of the target stands for the scrape interval', { interval: '1m' }, {}, undefined, '1m 4m 60'],
    ['that of the panel does not', {}, { interval: '1m' }, undefined, '1m 1m15s 60'],
    ['a factor makes the interval longer too', { intervalFactor: 4 }, {}, undefined, '1m 1m15s 60'],
    ['a step of $__rate_interval', { interval: '$__rate_interval', intervalFactor: 2 }, {}, undefined, '1m 1m 60'],
    ['a step that says nothing', { interval: '0s' }, {}, undefined, '15s 1m 15'],
  ])('%s', (_name, target, panel, scrape, expected) => expect(asked(target, panel, scrape)).toBe(expected));
});

describe("a panel's own time", () => {
  const at = (panel: Record<string, unknown>) => panelRange(panelOf(panel), hour, new Map([['back', { values: ['30m'], texts: ['30m'], several: false }]]), true);
  test.each([
    [{ timeFrom: '10m' }, [3_000_000, 3_600_000], 'last 10m'],
    [{ timeFrom: '$back' }, [1_800_000, 3_600_000], 'last 30m'],
    [{ timeShift: '30m' }, [-1_800_000, 1_800_000], '30m earlier'],
    [{ timeFrom: 'now/d' }, [0, 86_399_999], 'from now/d'],
    [{ timeFrom: 'soon', timeShift: 'ever' }, [0, 3_600_000], 'no time: soon, no duration: ever'],
    [{}, [0, 3_600_000], ''],
  ])('%j', (panel, [fromMs, toMs], said) => expect(at(panel)).toEqual({ range: { fromMs, toMs }, said }));
});
