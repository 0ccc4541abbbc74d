import { describe, expect, test } from 'vitest';
import { explainAddress, formatSeconds, nodeTitle, planRows, readExplainState } from './explain';
import type { PlanNode } from './explain';

const node = (kind: string, name: string, seconds: number, selfSeconds: number, operands: PlanNode[] = []): PlanNode => ({
  kind, name, text: '', stepInvariant: false, series: 1, points: 1, samples: 1, bytes: 8, seconds, selfSeconds, operands,
});

describe('explanations', () => {
  test('a plan becomes rows, parents first, without literals', () => {
    const plan = node('aggregation', 'sum', 1, 0.1, [node('function', 'rate', 0.9, 0.7, [node('range', '', 0, 0)]), node('number', '', 0, 0)]);
    const rows = planRows(plan);
    expect(rows.map(({ depth, node: one }) => `${depth} ${nodeTitle(one)}`)).toEqual(['0 sum', '1 rate()', '2 range']);
    expect(rows.map(({ slowest }) => slowest)).toEqual([false, true, false]);
    expect(rows[1]?.share).toBeCloseTo(0.7);
    expect(planRows(node('number', '', 0, 0))).toHaveLength(1);
  });

  test('times are for reading', () => {
    expect(formatSeconds(0.0000123)).toBe('12 µs');
    expect(formatSeconds(0.00123)).toBe('1.2 ms');
    expect(formatSeconds(0.123)).toBe('123 ms');
    expect(formatSeconds(1.5)).toBe('1.50 s');
    expect(formatSeconds(12)).toBe('12 s');
  });

  test('the address carries the expression', () => {
    expect(readExplainState(explainAddress('a{b="c"} + 1', true).slice('/explain'.length))).toEqual({ expr: 'a{b="c"} + 1', range: true });
    expect(readExplainState('')).toEqual({ expr: '', range: false });
  });
});
