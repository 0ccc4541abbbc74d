import { expect, test, vi } from 'vitest';
import { UnderWay } from './underWay';

test('counts what is asked, tells of changes, and gives all of it up', () => {
  const underWay = new UnderWay();
  const told = vi.fn();
  const leave = underWay.subscribe(told);
  const stop = vi.fn();
  const end = underWay.begin(stop);
  underWay.begin(stop);
  expect(underWay.count).toBe(2);
  end();
  end();
  expect([underWay.count, told.mock.calls.length]).toEqual([1, 3]);
  underWay.stopAll();
  expect(stop).toHaveBeenCalledTimes(1);
  leave();
  underWay.begin(stop);
  expect(told).toHaveBeenCalledTimes(3);
});
