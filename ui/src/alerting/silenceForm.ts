/** What the form of a silence says, and the silence that comes of it. */
import type { NewSilence } from '../api/alertmanager';
import { parseDuration } from '../time/duration';
import { parseMatchers, problemOf } from './matchers';

export interface SilenceFields {
  matchers: string;
  /** How long from now ("2h"), or an RFC 3339 time. */
  until: string;
  createdBy: string;
  comment: string;
}

export type Checked = { silence: NewSilence; problem?: undefined } | { problem: string };

const kLongestMs = 366 * 86_400_000;

export function checkSilence({ matchers, until, createdBy, comment }: SilenceFields, nowMs: number, editing?: { id: string; startsAt: string }): Checked {
  const parsed = parseMatchers(matchers);
  if ('problem' in parsed) return parsed;
  const wrong = problemOf(parsed.matchers);
  if (wrong !== undefined) return { problem: wrong };
  const duration = parseDuration(until.trim());
  const endMs = duration === undefined ? Date.parse(until) : nowMs + duration;
  if (Number.isNaN(endMs)) return { problem: `“${until}” is neither a duration like 2h nor a time.` };
  if (endMs <= nowMs) return { problem: 'The silence would end in the past.' };
  if (endMs - nowMs > kLongestMs) return { problem: 'A silence of more than a year is surely a mistake.' };
  if (createdBy.trim() === '') return { problem: 'Say who makes the silence.' };
  if (comment.trim() === '') return { problem: 'Say why.' };
  return { silence: { matchers: parsed.matchers, startsAt: editing?.startsAt ?? new Date(nowMs).toISOString(), endsAt: new Date(endMs).toISOString(), createdBy: createdBy.trim(), comment: comment.trim(), ...(editing === undefined ? {} : { id: editing.id }) } };
}
