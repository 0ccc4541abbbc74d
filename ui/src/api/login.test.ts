import { afterEach, expect, test, vi } from 'vitest';
import { call, fetchJson, sendJson } from './client';
import { onLoggedOut } from './loggedOut';
import { destinationAfterLogin, getMyself, loginAddress, readVisitor } from './login';

function answer(status: number, body: unknown, type = 'application/json') {
  vi.stubGlobal('fetch', () => Promise.resolve(new Response(JSON.stringify(body), { status, headers: { 'Content-Type': type } })));
}

afterEach(() => vi.unstubAllGlobals());

test('the way to the login page and back stays in the application', () => {
  expect(loginAddress('/')).toBe('/login');
  expect(loginAddress('/d/x?from=now-1h&var-a=b')).toBe('/login?redirectTo=%2Fd%2Fx%3Ffrom%3Dnow-1h%26var-a%3Db');
  expect(destinationAfterLogin(loginAddress('/d/x?from=now-1h&var-a=b').slice('/login'.length))).toBe('/d/x?from=now-1h&var-a=b');
  expect(destinationAfterLogin('')).toBe('/');
  for (const bad of ['https://evil.example/', '//evil.example', '/\\evil.example', '/\t/evil.example', 'javascript:alert(1)', '/login?x', '/logout', 'x']) {
    expect(destinationAfterLogin(`?${new URLSearchParams({ redirectTo: bad })}`), bad).toBe('/');
  }
});

test('the page says who looks', () => {
  const page = document.implementation.createHTMLDocument('');
  expect(readVisitor(page)).toBe('off');
  for (const kind of ['user', 'anonymous', 'off']) {
    page.head.innerHTML = `<meta name="sextant-visitor" content="${kind}">`;
    expect(readVisitor(page)).toBe(kind);
  }
  page.head.innerHTML = '<meta name="sextant-visitor" content="nonsense">';
  expect(readVisitor(page)).toBe('off');
});

test('an answer that nobody is logged in is heeded, and nothing else', async () => {
  const heeded = vi.fn();
  onLoggedOut(heeded);
  const ask = async (promise: Promise<unknown>) => promise.catch(() => undefined);
  answer(401, { message: 'Unauthorized' });
  await ask(getMyself());
  await ask(call('/api/v1/query'));
  await ask(sendJson('POST', '/api/v2/silences', {}));
  expect(heeded).toHaveBeenCalledTimes(3);
  answer(403, { message: 'Permission denied' });
  await ask(fetchJson('/api/search'));
  answer(401, 'Unauthorized', 'text/plain');
  await ask(fetchJson('/api/search'));
  expect(heeded).toHaveBeenCalledTimes(3);
});
