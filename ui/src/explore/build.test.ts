import { expect, test } from 'vitest';
import { buildExpression, nothing, suggested } from './build';

test('what suits a metric follows from its type, or its name', () => {
  expect(buildExpression(suggested('http_requests_total', ''))).toBe('rate(http_requests_total[5m])');
  expect(buildExpression(suggested('http_requests', 'counter'))).toBe('rate(http_requests[5m])');
  expect(buildExpression(suggested('node_load1', 'gauge'))).toBe('node_load1');
  expect(buildExpression(suggested('latency_bucket', ''))).toBe('histogram_quantile(0.95, sum by (le) (rate(latency_bucket[5m])))');
  expect(buildExpression(suggested('latency', 'histogram'))).toBe('histogram_quantile(0.95, sum(rate(latency[5m])))');
});

test('filters, names and values are written so that they mean themselves', () => {
  const filters = [{ label: 'job', operator: '=' as const, value: 'a"b\\c' }, { label: 'a.b', operator: '!~' as const, value: 'x.*' }, { label: '', operator: '=' as const, value: 'left out' }];
  expect(buildExpression({ ...nothing, metric: 'up', filters })).toBe('up{job="a\\"b\\\\c", "a.b"!~"x.*"}');
  expect(buildExpression({ ...nothing, metric: 'a.metric', aggregation: 'max', by: ['job', 'a.b'] })).toBe('max by (job, "a.b") ({"a.metric"})');
  expect(buildExpression(nothing)).toBe('');
});
