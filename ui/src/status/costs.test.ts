import { describe, expect, test } from 'vitest';
import { countQuery, formatBytes, formatCount, formatWindow, queryAddress, shareOf, valuesQuery } from './costs';

describe('costs', () => {
  test('bytes and counts are for reading', () => {
    expect(formatBytes(0)).toBe('0 B');
    expect(formatBytes(1536)).toBe('1.5 KiB');
    expect(formatBytes(300 * 2 ** 20)).toBe('300 MiB');
    expect(formatCount(1234567)).toBe('1\u202f234\u202f567');
  });

  test('the window says since when', () => {
    expect(formatWindow(3600)).toBe('in the last hour');
    expect(formatWindow(600)).toBe('in the last 10 minutes');
    expect(formatWindow(3)).toBe('in the last minute');
  });

  test('a share needs a limit and never exceeds it', () => {
    expect(shareOf(5, 0)).toBeUndefined();
    expect(shareOf(5, 10)).toBe(0.5);
    expect(shareOf(15, 10)).toBe(1);
  });

  test('rows lead to queries that any name and value survives', () => {
    expect(countQuery([['job', 'a"b'], ['in.stance', 'x']], '__name__')).toBe('sort_desc(count by (__name__) ({job="a\\"b", "in.stance"="x"}))');
    expect(valuesQuery('path')).toBe('topk(20, count by (path) ({path!=""}))');
    expect(queryAddress('up')).toBe('/query?g0.expr=up&g0.tab=table');
  });
});
