/**
 * Answers that are asked for before whoever needs them has been loaded: the first request for an address takes the one that was
 * begun. One that nobody took in time is as good as none, so that nothing old is shown.
 */
import { toBrowser } from './basePath';

const kFreshMs = 10_000;

const begun = new Map<string, { response: Promise<Response>; sinceMs: number }>();

export const kJsonRequest = { headers: { Accept: 'application/json' }, credentials: 'same-origin' } as const;

export function begin(path: string): void {
  const response = fetch(toBrowser(path), kJsonRequest);
  response.catch(() => undefined); // told to whoever takes it
  begun.set(path, { response, sinceMs: performance.now() });
}

/** The answer that was begun, once. */
export function takeBegun(path: string): Promise<Response> | undefined {
  const found = begun.get(path);
  begun.delete(path);
  return found !== undefined && performance.now() - found.sinceMs < kFreshMs ? found.response : undefined;
}
