import { afterEach, beforeEach, expect, test, vi } from 'vitest';

const range = (query: string) => ({ query, startMs: 0, endMs: 60_000, stepMs: 15_000 });
const line = (id: string, status: number, answer: unknown) => `${JSON.stringify({ id, status, answer })}\n`;
const good = (value: string) => ({ status: 'success', data: { resultType: 'scalar', result: [0, value] } });

let askTogether: typeof import('./batch').askTogether;
let linesOf: typeof import('./batch').linesOf;

beforeEach(async () => {
  vi.resetModules(); // whether the server has the call is remembered
  ({ askTogether, linesOf } = await import('./batch'));
});
afterEach(() => vi.unstubAllGlobals());

const stream = (...pieces: string[]) => new ReadableStream<Uint8Array>({
  start(controller) {
    for (const piece of pieces) controller.enqueue(new TextEncoder().encode(piece));
    controller.close();
  },
});

test('queries of one moment go in one request and are answered in any order, also with a failure', async () => {
  const asked: string[] = [];
  vi.stubGlobal('fetch', (address: string, { body }: { body: string }) => {
    asked.push(`${address} ${body}`);
    return Promise.resolve(new Response(stream(line('1', 422, { status: 'error', errorType: 'execution', error: 'too many' }), line('0', 200, good('7')))));
  });
  const { signal } = new AbortController();
  const [first, second] = await Promise.allSettled([askTogether(range('a'), signal), askTogether({ query: 'b', timeMs: 5000 }, signal)]);
  expect(asked).toEqual(['/api/batch {"queries":[{"id":"0","query":"a","start":0,"end":60,"step":15},{"id":"1","query":"b","time":5}]}']);
  expect(first).toMatchObject({ status: 'fulfilled', value: { data: { result: [0, '7'] } } });
  expect(second).toMatchObject({ status: 'rejected', reason: { message: 'too many', status: 422 } });
});

test('columns are asked for where they can be read', async () => {
  let asked = '';
  vi.stubGlobal('fetch', (_: string, { body }: { body: string }) => {
    asked = body;
    return Promise.resolve(new Response(stream(line('0', 200, good('1')), line('1', 200, good('1')))));
  });
  const { signal } = new AbortController();
  await Promise.all([askTogether({ ...range('a'), asColumns: true }, signal), askTogether({ ...range('b'), asColumns: false }, signal)]);
  expect((JSON.parse(asked) as { queries: { format?: string }[] }).queries.map(({ format }) => format)).toEqual(['columns', undefined]);
});

test('one that is given up leaves the others; when all are, the request ends', async () => {
  let request: AbortSignal | undefined;
  vi.stubGlobal('fetch', (_: string, { signal }: { signal: AbortSignal }) => {
    request = signal;
    return new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(new DOMException('', 'AbortError'))));
  });
  const [a, b] = [new AbortController(), new AbortController()];
  const both = Promise.allSettled([askTogether(range('a'), a.signal), askTogether(range('b'), b.signal)]);
  await new Promise((resolve) => setTimeout(resolve, 5));
  a.abort();
  expect(request?.aborted).toBe(false);
  b.abort();
  expect(request?.aborted).toBe(true);
  expect((await both).map((one) => one.status === 'rejected' && (one.reason as Error).name)).toEqual(['AbortError', 'AbortError']);
});

test('a server without the call is asked one by one, and that is remembered', async () => {
  const asked: string[] = [];
  vi.stubGlobal('fetch', (address: string) => {
    asked.push(address.replace(/\?.*/, ''));
    return Promise.resolve(address === '/api/batch' ? new Response('', { status: 404 }) : Response.json(good('1')));
  });
  const { signal } = new AbortController();
  await askTogether(range('a'), signal);
  await askTogether({ query: 'b', timeMs: 0 }, signal);
  expect(asked).toEqual(['/api/batch', '/api/v1/query_range', '/api/v1/query']);
});

test('an answer that ends early says so, and a connection that breaks too', async () => {
  vi.stubGlobal('fetch', () => Promise.resolve(new Response(stream('nonsense\n'))));
  const { signal } = new AbortController();
  await expect(askTogether(range('a'), signal)).rejects.toThrow('ended its answer before');
  vi.stubGlobal('fetch', () => Promise.reject(new TypeError('failed')));
  await expect(askTogether(range('a'), signal)).rejects.toThrow('cannot be reached');
});

test('lines are found wherever the stream is cut', async () => {
  const lines: string[] = [];
  const bytes = new TextEncoder().encode('é1\n22\n\n3');
  for await (const one of linesOf(new ReadableStream({ start(controller) { for (const byte of bytes) controller.enqueue(Uint8Array.of(byte)); controller.close(); } }))) lines.push(one);
  expect(lines).toEqual(['é1', '22', '', '3']);
});
