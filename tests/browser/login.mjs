// Logging in and out of a server with users.
//
//   node tests/browser/login.mjs http://127.0.0.1:9090 USER PASSWORD [folder for screenshots]
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { launch, narrow, openPage, overflow, screenshot, wide } from './browser.mjs';

const [base, user, password, shots] = process.argv.slice(2);
assert.ok(password, 'usage: node tests/browser/login.mjs BASE_URL USER PASSWORD [SCREENSHOT_FOLDER]');

// Chromium writes every 401 to the console.
const kExpect401 = { expectTrouble: true };

let browser;
before(async () => { browser = await launch(); });
after(() => browser?.close());

const fill = async (page, secret) => {
  await page.getByLabel('User or email').fill(user);
  await page.getByLabel('Password').fill(secret);
  await page.getByRole('button', { name: 'Log in' }).click();
};
const place = (page) => { const { pathname, search } = new URL(page.url()); return pathname + search; };

test('a page asks to log in, and is shown afterwards; logging out ends it', async () => {
  const { page, close } = await openPage(browser, base);
  await page.goto('/query?g0.expr=up&g0.tab=table');
  await page.getByRole('heading', { level: 1, name: 'Log in to Sextant' }).waitFor();
  assert.match(place(page), /^\/login\?redirectTo=/);
  assert.equal(await page.title(), 'Log in · Sextant');
  await fill(page, 'a wrong password');
  await page.getByRole('alert').getByText('Invalid username or password').waitFor();
  await fill(page, password);
  await page.getByRole('heading', { level: 1, name: 'Query' }).waitFor();
  assert.equal(place(page), '/query?g0.expr=up&g0.tab=table');
  await page.reload();
  await page.getByRole('heading', { level: 1, name: 'Query' }).waitFor();
  if (shots !== undefined) await screenshot(page, shots, 'logged-in');
  await page.getByRole('link', { name: `Log out ${user}` }).click();
  await page.getByRole('heading', { level: 1, name: 'Log in to Sextant' }).waitFor();
  await page.goto('/targets');
  await page.getByRole('heading', { level: 1, name: 'Log in to Sextant' }).waitFor();
  await close(kExpect401);
});

test('a session that ended elsewhere leads to the login page, and back', async () => {
  const { page, close } = await openPage(browser, base);
  // A page that asks for nothing by itself: the next click must be what finds out.
  await page.goto('/login?redirectTo=%2Fflags');
  await fill(page, password);
  await page.getByRole('table', { name: 'Flags' }).waitFor();
  await page.waitForLoadState('networkidle');
  await page.context().clearCookies();
  await page.getByRole('link', { name: 'Targets', exact: true }).first().click();
  await page.getByRole('heading', { level: 1, name: 'Log in to Sextant' }).waitFor();
  assert.equal(place(page), '/login?redirectTo=%2Ftargets');
  await fill(page, password);
  await page.getByRole('heading', { level: 1, name: 'Targets' }).waitFor();
  await close(kExpect401);
});

for (const scheme of ['light', 'dark']) {
  for (const [size, viewport] of Object.entries({ wide, narrow })) {
    test(`the login page, ${scheme}, ${size}`, async () => {
      const { page, close } = await openPage(browser, base, { scheme, viewport });
      await page.goto('/login');
      await page.getByLabel('Password').waitFor();
      assert.equal(await overflow(page), 0);
      if (shots !== undefined) await screenshot(page, shots, `login-${scheme}-${size}`);
      await close();
    });
  }
}
