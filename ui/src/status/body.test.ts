import { describe, expect, test } from 'vitest';
import { linesWith, shownBytes } from './body';

describe('a target\'s answer', () => {
  test('lines are found whatever the case', () => {
    expect(linesWith('# HELP a\nA 1\nb 2\n', 'a ')).toEqual(['# HELP a', 'A 1']);
    expect(linesWith('a 1\r\n', '')).toEqual(['a 1']);
    expect(linesWith('', 'x')).toEqual([]);
  });
  test('bytes are those of the wire', () => expect(shownBytes('aä€')).toBe(6));
});
