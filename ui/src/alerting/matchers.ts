/** Matchers as people write them, name="value", name=~"regex" and their negations, several between braces or apart by commas. */
import type { Matcher } from '../api/alertmanager';
import type { Labels } from '../api/types';

const kMatcher = /^\s*(?:"((?:[^"\\]|\\.)*)"|([^\s=!~,"{}]+))\s*(=~|!~|!=|=)\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,"{}]+))\s*(,|$)/;
const kMatchersMax = 100;

const unescaped = (text: string) => text.replace(/\\(["\\n])/g, (_, char: string) => (char === 'n' ? '\n' : char));

export type Parsed = { matchers: Matcher[] } | { problem: string };

/** The matchers of a text, or what is wrong with it. */
export function parseMatchers(text: string): Parsed {
  let rest = text.trim().replace(/^\{(.*)\}$/s, '$1').trim().replace(/,$/, '');
  const matchers: Matcher[] = [];
  while (rest !== '') {
    const found = kMatcher.exec(rest);
    if (found === null) return { problem: `“${rest.slice(0, 40)}” is no matcher; write name="value", name=~"regex", or != and !~.` };
    const [whole, quotedName, plainName, operator = '=', quoted, plain] = found;
    const value = quoted === undefined ? (plain ?? '') : unescaped(quoted);
    const isRegex = operator.endsWith('~');
    if (isRegex) {
      try {
        new RegExp(value);
      } catch {
        return { problem: `“${value}” is no regular expression.` };
      }
    }
    matchers.push({ name: quotedName === undefined ? (plainName ?? '') : unescaped(quotedName), value, isRegex, isEqual: operator.startsWith('=') });
    if (matchers.length > kMatchersMax) return { problem: `At most ${kMatchersMax} matchers.` };
    rest = rest.slice(whole.length).trim();
  }
  return { matchers };
}

const isPlainName = (name: string) => /^[a-zA-Z_:][\w:]*$/.test(name);

export function matcherText({ name, value, isRegex, isEqual }: Matcher): string {
  return `${isPlainName(name) ? name : JSON.stringify(name)}${isEqual === false ? '!' : isRegex ? '' : '='}${isEqual === false ? (isRegex ? '~' : '=') : isRegex ? '=~' : ''}${JSON.stringify(value)}`;
}

export const matchersText = (matchers: Matcher[]) => matchers.map(matcherText).join(', ');

/** Matchers that hold for exactly these labels, for a silence made from an alert. */
export const matchersOf = (labels: Labels): Matcher[] => Object.entries(labels).map(([name, value]) => ({ name, value, isRegex: false, isEqual: true }));

/** A silence that would hide everything is refused by Alertmanager; say so before asking. */
export function problemOf(matchers: Matcher[]): string | undefined {
  if (matchers.length === 0) return 'A silence needs at least one matcher.';
  const holdsForNothing = ({ value, isRegex, isEqual }: Matcher) => (isRegex ? new RegExp(`^(?:${value})$`).test('') : value === '') === (isEqual !== false);
  return matchers.every(holdsForNothing) ? 'At least one matcher must not match the empty string, or the silence would hide everything.' : undefined;
}
