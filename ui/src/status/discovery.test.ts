import { expect, test } from 'vitest';
import { changedLabels, ruleText } from './discovery';
import { factsOf, matcherOf, matching } from './facts';

test('a step says which labels it changed', () => {
  expect(changedLabels({ a: '1', b: '2' }, { a: '1', c: '3' })).toEqual([{ name: 'b', from: '2', to: undefined }, { name: 'c', from: undefined, to: '3' }]);
});
test('a rule reads as in the configuration', () => {
  expect(ruleText({ source_labels: ['__address__', 'job'], regex: '(.+):\\d+', action: 'replace' })).toBe('source_labels: [__address__, job]\nregex: "(.+):\\\\d+"\naction: replace');
});
test('facts are named in words', () => {
  expect(factsOf({ storageRetention: '15d', CWD: '/', cpuCount: 2, corrupt: false, empty: '' }).map(({ name, value }) => `${name}: ${value}`)).toEqual(['Storage retention: 15d', 'CWD: /', 'Cpu count: 2', 'Corrupt: no']);
});
test('a pair becomes a selector, whatever its value holds', () => expect(matcherOf('a=b="c')).toBe('{a="b=\\"c"}'));
test('every word must occur', () => expect(matching(['a b', 'b'], 'B a', (one) => one)).toEqual(['a b']));
