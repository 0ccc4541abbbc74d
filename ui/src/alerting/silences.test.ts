import { describe, expect, test } from 'vitest';
import { matcherText, matchersOf, matchersText, parseMatchers, problemOf } from './matchers';
import { checkSilence } from './silenceForm';

const matcher = (name: string, value: string, isRegex = false, isEqual = true) => ({ name, value, isRegex, isEqual });

describe('matchers', () => {
  test.each([
    ['{a="b", c=~"d.*",}', [matcher('a', 'b'), matcher('c', 'd.*', true)]],
    ['a!="x,y", "odd name"!~"z"', [matcher('a', 'x,y', false, false), matcher('odd name', 'z', true, false)]],
    ['a=b', [matcher('a', 'b')]],
    ['a="say \\"hi\\""', [matcher('a', 'say "hi"')]],
    ['', []],
  ])('%s', (text, matchers) => {
    expect(parseMatchers(text)).toEqual({ matchers });
    expect(parseMatchers(matchersText(matchers))).toEqual({ matchers });
  });
  test.each(['a', 'a=="b"', 'a="b" c="d"', 'a=~"("', '{a="b"'])('%s is refused', (text) => expect(parseMatchers(text)).toHaveProperty('problem'));
  test('all four operators are written', () => {
    expect([matcher('a', 'b'), matcher('a', 'b', false, false), matcher('a', 'b', true), matcher('a', 'b', true, false)].map(matcherText)).toEqual(['a="b"', 'a!="b"', 'a=~"b"', 'a!~"b"']);
  });
  test('a silence that would hide everything is none', () => {
    expect(problemOf([])).toMatch(/at least one/);
    expect(problemOf([matcher('a', '.*', true)])).toMatch(/empty string/);
    expect(problemOf([matcher('a', '', false, false)])).toBeUndefined();
    expect(problemOf(matchersOf({ a: 'b' }))).toBeUndefined();
  });
});

describe('the form', () => {
  const fields = { matchers: 'a="b"', until: '2h', createdBy: 'me', comment: 'why' };
  const nowMs = Date.parse('2026-01-01T00:00:00Z');
  test('a duration counts from now, a time is itself', () => {
    expect(checkSilence(fields, nowMs)).toMatchObject({ silence: { startsAt: '2026-01-01T00:00:00.000Z', endsAt: '2026-01-01T02:00:00.000Z' } });
    expect(checkSilence({ ...fields, until: '2026-01-02T00:00:00Z' }, nowMs, { id: 'x', startsAt: '2025-12-31T00:00:00.000Z' })).toMatchObject({ silence: { id: 'x', startsAt: '2025-12-31T00:00:00.000Z', endsAt: '2026-01-02T00:00:00.000Z' } });
  });
  test.each([[{ until: 'soon' }, /neither/], [{ until: '2025-01-01T00:00:00Z' }, /past/], [{ until: '9y' }, /year/], [{ createdBy: ' ' }, /who/], [{ comment: '' }, /why/], [{ matchers: '' }, /at least one/]])('%o', (wrong, message) => {
    expect(checkSilence({ ...fields, ...wrong }, nowMs).problem).toMatch(message);
  });
});
