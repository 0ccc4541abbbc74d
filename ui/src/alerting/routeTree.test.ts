import { expect, test } from 'vitest';
import { readRouteTree } from './routeTree';

const text = `global:
  resolve_timeout: 5m
route:
  receiver: log
  group_by:
  - alertname
  - job
  continue: false
  routes:
  - receiver: pager
    match:
      severity: page
    matchers:
    - team=~"a|b"
    - "odd\\\\name"="x: y"
    continue: true
    mute_time_intervals:
    - nights
    routes:
    - receiver: 'it''s'
      group_wait: 10s
  - matchers:
    - severity="info"
receivers:
- name: log
`;

test('the tree is read with its matchers and what is set on the way', () => {
  const tree = readRouteTree(text);
  expect(tree).toMatchObject({ key: '{}', receiver: 'log', groupBy: ['alertname', 'job'], continues: false });
  expect(tree?.routes).toHaveLength(2);
  const [pager, info] = tree?.routes ?? [];
  expect(pager).toMatchObject({ receiver: 'pager', continues: true, mutedBy: ['nights'] });
  expect(pager?.matchers).toContain('severity="page"');
  expect(pager?.matchers).toContain('team=~"a|b"');
  expect(pager?.routes[0]).toMatchObject({ receiver: "it's", timing: 'waits 10s' });
  expect(info).toMatchObject({ receiver: '', key: '{}/{severity="info"}' });
});

test('texts without a route, and lines that are none, do no harm', () => {
  expect(readRouteTree('')).toBeUndefined();
  expect(readRouteTree('receivers:\n- name: x\n')).toBeUndefined();
  expect(() => readRouteTree('route:\n  what is this\n')).toThrow('not understood');
  expect(() => readRouteTree(`route:\n${Array.from({ length: 60 }, (_, depth) => `${' '.repeat(depth + 1)}a:\n`).join('')}`)).toThrow('too deep');
});
