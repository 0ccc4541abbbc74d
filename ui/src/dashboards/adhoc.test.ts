import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parser } from '@prometheus-io/lezer-promql';
import { describe, expect, test } from 'vitest';
import { readFilter, withFilters, writeFilter } from './adhoc';

const one = [{ label: 'job', operator: '=', value: 'a"b' }];

describe('filters in expressions', () => {
  test.each([
    ['up', 'up{job="a\\"b"}'],
    ['up{}', 'up{job="a\\"b"}'],
    ['up { x = "}" , }', 'up { x = "}" , job="a\\"b"}'],
    ['{__name__=~"a|b"}', '{__name__=~"a|b",job="a\\"b"}'],
    ['sum by (job, pod) (rate(a:b_total{x="y"}[5m:1m] offset 5m)) / on (job) group_left max without() (c)', 'sum by (job, pod) (rate(a:b_total{x="y",job="a\\"b"}[5m:1m] offset 5m)) / on (job) group_left max without() (c{job="a\\"b"})'],
    ['vector(1) > bool Inf or time() * 1e+3 # up', 'vector(1) > bool Inf or time() * 1e+3 # up'],
    ['label_replace(up, "a", "$1 up", \'b\', `c`)', 'label_replace(up{job="a\\"b"}, "a", "$1 up", \'b\', `c`)'],
    ['x @ start()', 'x{job="a\\"b"} @ start()'],
  ])('%s', (expr, expected) => expect(withFilters(expr, one)).toBe(expected));

  test('labels of any characters, one of several values', () => {
    expect(withFilters('up', [{ label: 'k8s.pod', operator: '!=|', value: 'a.b|c' }])).toBe('up{"k8s.pod"!~"a\\\\.b|c"}');
    expect(withFilters('up', [])).toBe('up');
  });

  /** The parser of the query page, which knows the whole language, as judge. */
  const count = (expr: string) => {
    const found = { selectors: 0, filtered: 0, errors: 0 };
    parser.parse(expr).iterate({ enter: (node) => {
      if (node.type.isError) found.errors++;
      if (node.name !== 'VectorSelector') return;
      found.selectors++;
      if (expr.slice(node.from, node.to).includes('zz_filter="v"')) found.filtered++;
    } });
    return found;
  };
  const folder = join(process.env['SEXTANT_CONFORMANCE_DIR'] ?? join(import.meta.dirname, '../../../../shared/conformance'), 'dashboards');
  const files = existsSync(folder) ? readdirSync(folder, { withFileTypes: true }).filter((entry) => entry.isDirectory()).flatMap((entry) => readdirSync(join(folder, entry.name)).map((name) => join(folder, entry.name, name))) : [];
  test.skipIf(files.length === 0)('every selector of real dashboards, and nothing else', () => {
    const exprs = new Set(files.flatMap((file) => [...readFileSync(file, 'utf8').matchAll(/"expr":\s*("(?:[^"\\]|\\.)*")/g)].map(([, text]) => (JSON.parse(text ?? '""') as string).replace(/\$\{?__(rate_)?interval\}?|\$__range\b|\$\{?resolution\}?/g, '5m').replace(/\$\w+|\$\{[^}]+\}|\[\[\w+\]\]/g, 'v'))));
    let judged = 0;
    for (const expr of exprs) {
      if (count(expr).errors > 0) continue;
      const after = count(withFilters(expr, [{ label: 'zz_filter', operator: '=', value: 'v' }]));
      expect(after, expr).toEqual({ ...count(expr), filtered: after.selectors });
      judged++;
    }
    expect(judged).toBeGreaterThan(500);
  });
});

test('addresses', () => {
  const filter = { label: 'a|b', operator: '=~', value: 'x|y' };
  expect(writeFilter(filter)).toBe('a__gfp__b|=~|x__gfp__y');
  expect(readFilter(writeFilter(filter))).toEqual(filter);
  expect(readFilter('a|=|')).toEqual({ label: 'a', operator: '=', value: '' });
  for (const wrong of ['', 'a', 'a|b', 'a|<|1', '|=|x']) expect(readFilter(wrong)).toBeUndefined();
});
