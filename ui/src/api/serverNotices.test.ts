import { describe, expect, test } from 'vitest';
import { withEvent } from './serverNotices';

const notice = (text: string, active = true) => ({ text, date: '2026-01-01T00:00:00Z', active });

describe('the server\'s notices', () => {
  test('an event puts a notice up, in the order of the texts, or takes it down', () => {
    const one = withEvent([], JSON.stringify(notice('b')));
    expect(withEvent(one, JSON.stringify(notice('a'))).map(({ text }) => text)).toEqual(['a', 'b']);
    expect(withEvent(one, JSON.stringify({ ...notice('b'), date: 'later' }))).toEqual([{ ...notice('b'), date: 'later' }]);
    expect(withEvent(one, JSON.stringify(notice('b', false)))).toEqual([]);
  });
  test('what is no notice changes nothing', () => {
    for (const event of ['', '{', '[]', 'null', '{"text":5}', '{"active":true}']) expect(withEvent([notice('b')], event)).toEqual([notice('b')]);
  });
});
