/**
 * Queries that are asked in the same moment travel in one request to /api/batch, and each is answered as soon as its line
 * arrives. A server without that call is asked query by query.
 */
import { toBrowser } from './basePath';
import { ApiError, isAbort, openEnvelope } from './client';
import type { Answer, Envelope } from './client';
import { heedLoggedOut } from './loggedOut';
import { queryInstant, queryRange } from './prometheus';
import type { RangeRequest } from './prometheus';
import { reportReachable, reportUnreachable } from './reachability';
import type { QueryResult } from './types';

/**
 * `asColumns`: answers on the grid of the steps may come as columns, which are read several times faster than points.
 * `exemplars`: those of the series come with the answer.
 */
export type Question = (RangeRequest & { asColumns?: boolean; exemplars?: boolean }) | { query: string; timeMs: number };

interface Waiting {
  question: Question;
  signal: AbortSignal;
  resolve: (answer: Answer<QueryResult>) => void;
  reject: (error: unknown) => void;
}

interface Line {
  id: string;
  status: number;
  answer: Envelope;
}

/** An answer waits for others while they keep coming, but not for long: all of them are drawn at once. */
const kPauseMs = 25;
const kWaitMaxMs = 150;

/** Queries of one request; the server takes 500. */
const kTogetherMax = 250;

let waiting: Waiting[] = [];
/** Whether the server has the call; unknown until it was asked once. */
let absent = false;

const aborted = () => new DOMException('The query was given up.', 'AbortError');
const seconds = (ms: number) => ms / 1000;

function alone({ question, signal }: Waiting): Promise<Answer<QueryResult>> {
  return 'timeMs' in question ? queryInstant(question.query, question.timeMs, signal) : queryRange(question, signal);
}

export function askTogether(question: Question, signal: AbortSignal): Promise<Answer<QueryResult>> {
  return new Promise((resolve, reject) => {
    if (signal.aborted) return reject(aborted());
    // The first of a moment waits for the others of it.
    if (waiting.length === 0) setTimeout(sendWaiting, 0);
    waiting.push({ question, signal, resolve, reject });
  });
}

function sendWaiting(): void {
  const all = waiting.filter((one) => !one.signal.aborted);
  for (const one of waiting) if (one.signal.aborted) one.reject(aborted());
  waiting = [];
  for (let from = 0; from < all.length; from += kTogetherMax) void send(all.slice(from, from + kTogetherMax));
}

/** The lines of a stream of JSON, as they arrive. */
export async function* linesOf(stream: ReadableStream<Uint8Array>): AsyncGenerator<string> {
  const reader = stream.getReader();
  const decoder = new TextDecoder();
  let pieces: string[] = [];
  for (;;) {
    const { done, value } = await reader.read();
    let text = done ? decoder.decode() : decoder.decode(value, { stream: true });
    for (let end = text.indexOf('\n'); end >= 0; end = text.indexOf('\n')) {
      yield [...pieces, text.slice(0, end)].join('');
      pieces = [];
      text = text.slice(end + 1);
    }
    if (text !== '') pieces.push(text);
    if (done) break;
  }
  if (pieces.length > 0) yield pieces.join('');
}

async function send(asked: Waiting[]): Promise<void> {
  if (absent) return void asked.forEach((one) => alone(one).then(one.resolve, one.reject));
  // The request ends when nobody waits for any of its answers.
  const controller = new AbortController();
  const open = new Map(asked.map((one, index) => [String(index), one]));
  const drop = (id: string) => {
    open.get(id)?.reject(aborted());
    open.delete(id);
    if (open.size === 0) controller.abort();
  };
  open.forEach((one, id) => one.signal.addEventListener('abort', () => drop(id), { once: true }));
  const rejectAll = (error: unknown) => {
    for (const one of open.values()) one.reject(error);
    open.clear();
  };
  try {
    const queries = asked.map(({ question }, index) => ('timeMs' in question
      ? { id: String(index), query: question.query, time: seconds(question.timeMs) }
      : { id: String(index), query: question.query, start: seconds(question.startMs), end: seconds(question.endMs), step: seconds(question.stepMs), ...(question.asColumns === true ? { format: 'columns' } : {}), ...(question.exemplars === true ? { exemplars: 'true' } : {}) }));
    const response = await fetch(toBrowser('/api/batch'), {
      method: 'POST', credentials: 'same-origin', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify({ queries }), signal: controller.signal,
    });
    heedLoggedOut(response);
    if (response.status === 404 || response.status === 405) {
      absent = true;
      return void open.forEach((one) => alone(one).then(one.resolve, one.reject));
    }
    if (!response.ok || response.body === null) {
      if (response.status >= 500) reportUnreachable(`HTTP ${response.status}`);
      return rejectAll(new ApiError(`The queries were refused: HTTP ${response.status}.`, response.status >= 500 ? 'unreachable' : 'refused', response.status));
    }
    reportReachable();
    // What arrives within a moment is told together: pages draw all of it at once.
    let arrived: string[] = [];
    let [firstMs, lastMs] = [0, 0];
    let timer: ReturnType<typeof setTimeout> | undefined;
    const tell = () => {
      clearTimeout(timer);
      timer = undefined;
      const lines = arrived;
      arrived = [];
      for (const line of lines) answerOne(line, open);
    };
    const tellWhenQuiet = () => {
      const nowMs = performance.now();
      if (nowMs - lastMs >= kPauseMs || nowMs - firstMs >= kWaitMaxMs) tell();
      else timer = setTimeout(tellWhenQuiet, kPauseMs);
    };
    for await (const line of linesOf(response.body)) {
      lastMs = performance.now();
      if (arrived.length === 0) firstMs = lastMs;
      arrived.push(line);
      timer ??= setTimeout(tellWhenQuiet, kPauseMs);
    }
    tell();
    rejectAll(new ApiError('The server ended its answer before this query was answered.', 'malformed'));
  } catch (error) {
    if (isAbort(error)) return rejectAll(error);
    reportUnreachable('the connection failed');
    rejectAll(new ApiError('The server cannot be reached: the connection failed.', 'unreachable'));
  }
}

function answerOne(text: string, open: Map<string, Waiting>): void {
  let line: Line;
  try {
    line = JSON.parse(text) as Line;
  } catch {
    return; // whose answer it was is not known; it is told when the stream ends
  }
  const one = open.get(line.id);
  open.delete(line.id);
  if (one === undefined) return;
  try {
    one.resolve(openEnvelope<QueryResult>(line.answer, line.status));
  } catch (error) {
    one.reject(error);
  }
}
