import { afterEach, describe, expect, test, vi } from 'vitest';
import { textOf, TooLarge } from './body';
import { ApiError, call, fetchJson } from './client';

function answer(status: number, body: unknown) {
  const fetched = vi.fn<typeof fetch>(() => Promise.resolve(new Response(typeof body === 'string' ? body : JSON.stringify(body), { status })));
  vi.stubGlobal('fetch', fetched);
  return fetched;
}

const failure = async (promise: Promise<unknown>) => promise.then(() => undefined, (error: unknown) => error as ApiError);

afterEach(() => vi.unstubAllGlobals());

describe('a call', () => {
  test('gives the data with warnings and infos', async () => {
    answer(200, { status: 'success', data: [1], warnings: ['w'], infos: ['i'] });
    expect(await call('/api/v1/x')).toEqual({ data: [1], warnings: ['w'], infos: ['i'] });
  });
  test("carries the server's words when it refuses", async () => {
    answer(400, { status: 'error', errorType: 'bad_data', error: 'parse error' });
    expect(await failure(call('/api/v1/query'))).toMatchObject({ kind: 'refused', status: 400, type: 'bad_data', message: 'parse error' });
  });
  test('a gateway that answers for the server means unreachable; other nonsense is malformed', async () => {
    answer(502, '<html>');
    expect(await failure(call('/api/v1/x'))).toMatchObject({ kind: 'unreachable', status: 502 });
    answer(200, 'hello');
    expect(await failure(call('/api/v1/x'))).toMatchObject({ kind: 'malformed' });
    answer(200, { hello: 1 });
    expect(await failure(call('/api/v1/x'))).toMatchObject({ kind: 'malformed' });
  });
  test('no connection is unreachable, an abort stays an abort', async () => {
    vi.stubGlobal('fetch', () => Promise.reject(new TypeError('failed')));
    expect(await failure(call('/api/v1/x'))).toMatchObject({ kind: 'unreachable' });
    vi.stubGlobal('fetch', () => Promise.reject(new DOMException('aborted', 'AbortError')));
    expect(await failure(call('/api/v1/x'))).toMatchObject({ name: 'AbortError' });
  });
  test('an answer that is too large, or breaks off, says so', async () => {
    const endless = () => new ReadableStream<Uint8Array>({ pull: (controller) => controller.enqueue(new Uint8Array(1000).fill(32)) });
    await expect(textOf(new Response(endless()), 5000)).rejects.toThrow(TooLarge);
    expect(await textOf(new Response('a'.repeat(5000)), 5000)).toHaveLength(5000);
    expect(await textOf(new Response(null), 5000)).toBe('');
    vi.stubGlobal('fetch', () => Promise.resolve(new Response(new ReadableStream({ pull: () => Promise.reject(new TypeError('gone')) }))));
    expect(await failure(call('/api/v1/x'))).toMatchObject({ kind: 'unreachable', message: expect.stringContaining('broke') as string });
  });
  test('lists repeat their name; long parameters travel in the body', async () => {
    const fetched = answer(200, { status: 'success', data: null });
    await call('/api/v1/series', { 'match[]': ['a', 'b'], start: undefined });
    expect(fetched.mock.calls[0]?.[0]).toBe('/api/v1/series?match%5B%5D=a&match%5B%5D=b');
    await call('/api/v1/query', { query: 'x'.repeat(5000) });
    expect(fetched.mock.calls[1]?.[0]).toBe('/api/v1/query');
    expect(fetched.mock.calls[1]?.[1]?.method).toBe('POST');
  });
});

test('a document without envelope says why it is refused', async () => {
  answer(404, { message: 'Dashboard not found' });
  expect(await failure(fetchJson('/api/dashboards/uid/x'))).toMatchObject({ kind: 'refused', status: 404, message: 'Dashboard not found' });
});
