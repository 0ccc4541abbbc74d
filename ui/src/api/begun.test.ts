import { afterEach, beforeEach, expect, test, vi } from 'vitest';

let begun: typeof import('./begun');
let client: typeof import('./client');

beforeEach(async () => {
  vi.resetModules();
  begun = await import('./begun');
  client = await import('./client');
});
afterEach(() => {
  vi.unstubAllGlobals();
  vi.useRealTimers();
});

function countingFetch() {
  let count = 0;
  const fetched = vi.fn<typeof fetch>(() => Promise.resolve(Response.json({ answer: ++count })));
  vi.stubGlobal('fetch', fetched);
  return fetched;
}

test('the first who asks takes what was begun, the next asks anew', async () => {
  const fetched = countingFetch();
  begun.begin('/api/x');
  expect(await client.fetchJson('/api/x')).toEqual({ answer: 1 });
  expect(fetched).toHaveBeenCalledTimes(1);
  expect(await client.fetchJson('/api/x')).toEqual({ answer: 2 });
});

test('other parameters ask for something else', async () => {
  countingFetch();
  begun.begin('/api/x');
  expect(await client.fetchJson('/api/x', { a: 1 })).toEqual({ answer: 2 });
  expect(await client.fetchJson('/api/x')).toEqual({ answer: 1 });
});

test('what nobody took for long is not shown', async () => {
  vi.useFakeTimers({ toFake: ['performance'] });
  countingFetch();
  begun.begin('/api/x');
  vi.advanceTimersByTime(60_000);
  expect(await client.fetchJson('/api/x')).toEqual({ answer: 2 });
});

test('what failed fails for who takes it, and who gave up is told so', async () => {
  vi.stubGlobal('fetch', () => Promise.reject(new TypeError('failed')));
  begun.begin('/api/x');
  await expect(client.fetchJson('/api/x')).rejects.toThrow('cannot be reached');
  countingFetch();
  begun.begin('/api/x');
  await expect(client.fetchJson('/api/x', {}, AbortSignal.abort())).rejects.toThrow(expect.objectContaining({ name: 'AbortError' }));
});
