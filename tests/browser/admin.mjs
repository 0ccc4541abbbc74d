// Users, service accounts, one's own profile and preferences, on a server with users.
//
//   node tests/browser/admin.mjs http://127.0.0.1:9090 USER PASSWORD [folder for screenshots]
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { violations } from './axe.mjs';
import { launch, narrow, openPage, overflow, screenshot, wide } from './browser.mjs';

const [base, user, password, shots] = process.argv.slice(2);
assert.ok(password, 'usage: node tests/browser/admin.mjs BASE_URL USER PASSWORD [SCREENSHOT_FOLDER]');

let browser;
before(async () => { browser = await launch(); });
after(() => browser?.close());

async function logIn(page, login = user, secret = password) {
  await page.goto('/login?redirectTo=%2Fflags');
  await page.getByLabel('User or email').fill(login);
  await page.getByLabel('Password').fill(secret);
  await page.getByRole('button', { name: 'Log in' }).click();
  await page.getByRole('heading', { level: 1, name: 'Flags' }).waitFor();
}

const row = (page, name) => page.getByRole('row').filter({ has: page.getByRole('cell', { name, exact: true }) });

describe('users', () => {
  test('one is made, given a role and another name, shut out and let in, given another password, and removed', async () => {
    const { page, close } = await openPage(browser, base);
    await logIn(page);
    await page.goto('/users');
    await page.getByRole('button', { name: 'New user' }).click();
    const dialog = page.getByRole('dialog', { name: 'New user' });
    await dialog.getByLabel('Login').fill('vera');
    await dialog.getByLabel('Password').fill('abc');
    await dialog.getByRole('button', { name: 'Make the user' }).click();
    await dialog.getByRole('alert').getByText('must have 4 to').waitFor();
    await dialog.getByLabel('Password').fill('viewing');
    await dialog.getByLabel('Name').fill('Vera <b>V.</b>');
    await dialog.getByRole('button', { name: 'Make the user' }).click();
    await row(page, 'vera').getByText('Vera <b>V.</b>').waitFor();
    await page.getByLabel('Role of vera').selectOption('Editor');
    await page.reload();
    assert.equal(await page.getByLabel('Role of vera').inputValue(), 'Editor');
    await page.getByRole('button', { name: 'Rename vera' }).click();
    await page.getByRole('dialog').getByLabel('Email').fill('vera@example.com');
    await page.getByRole('dialog').getByRole('button', { name: 'Save' }).click();
    await row(page, 'vera').getByText('vera@example.com').waitFor();
    await page.getByRole('button', { name: 'Disable vera' }).click();
    await row(page, 'vera').getByText('disabled').waitFor();
    const status = async (secret) => (await fetch(`${base}/api/user`, { headers: { Authorization: `Basic ${Buffer.from(`vera:${secret}`).toString('base64')}` } })).status;
    assert.equal(await status('viewing'), 401);
    await page.getByRole('button', { name: 'Enable vera' }).click();
    await row(page, 'vera').getByText('active').waitFor();
    assert.equal(await status('viewing'), 200);
    await page.getByRole('button', { name: 'Password of vera' }).click();
    await page.getByRole('dialog').getByLabel('New password').fill('watching');
    await page.getByRole('dialog').getByRole('button', { name: 'Set the password' }).click();
    await page.getByRole('dialog').waitFor({ state: 'detached' });
    assert.equal(await status('watching'), 200);
    await page.getByLabel(`Role of ${user}`).selectOption('Viewer');
    await page.getByRole('alert').getByText('last administrator').waitFor();
    await page.getByRole('searchbox', { name: 'Search users' }).fill('vera');
    await page.waitForURL(/search=vera/);
    await row(page, user).waitFor({ state: 'detached' });
    await screenshot(page, shots, 'users');
    await page.getByRole('button', { name: 'Delete vera' }).click();
    await page.getByRole('dialog').getByRole('button', { name: 'Delete the user' }).click();
    await page.getByText('No user matches').waitFor();
    await close({ expectTrouble: true }); // what was refused on purpose
  });

  test('a viewer is told what is not allowed', async () => {
    const made = await fetch(`${base}/api/admin/users`, { method: 'POST', headers: { 'Content-Type': 'application/json', Authorization: `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}` }, body: JSON.stringify({ login: 'viewer', password: 'viewing', role: 'Viewer' }) });
    assert.equal(made.status, 200);
    const { page, close } = await openPage(browser, base);
    await logIn(page, 'viewer', 'viewing');
    await page.goto('/users');
    await page.getByRole('alert').getByText('this needs the role Admin').waitFor();
    await page.goto('/d/home');
    await page.getByRole('button', { name: 'Dashboard menu' }).click();
    await page.getByRole('button', { name: 'Export' }).waitFor();
    assert.equal(await page.getByRole('button', { name: 'Edit JSON' }).count(), 0);
    await close({ expectTrouble: true }); // the refused list
  });
});

test('a service account, its token and what the token may do', async () => {
  const { page, close } = await openPage(browser, base);
  await logIn(page);
  await page.goto('/service-accounts');
  await page.getByText('No service accounts').waitFor();
  await page.getByRole('button', { name: 'New account' }).click();
  await page.getByRole('dialog').getByLabel('Name').fill('sync');
  await page.getByRole('dialog').getByLabel('Role').selectOption('Editor');
  await page.getByRole('dialog').getByRole('button', { name: 'Make the account' }).click();
  await page.getByRole('button', { name: 'Tokens of sync' }).click();
  await page.waitForURL(/account=\d/);
  const tokens = page.getByRole('region', { name: 'Tokens of sync' });
  await tokens.getByRole('button', { name: 'New token' }).click();
  await page.getByRole('dialog').getByLabel('Name').fill('nightly');
  await page.getByRole('dialog').getByRole('button', { name: 'Make the token' }).click();
  const secret = await tokens.getByRole('status').locator('code').textContent();
  await screenshot(page, shots, 'service-accounts');
  const asks = async (path) => (await fetch(`${base}${path}`, { headers: { Authorization: `Bearer ${secret}` } })).status;
  assert.equal(await asks('/api/search'), 200);
  assert.equal(await asks('/api/users'), 403);
  await page.getByRole('button', { name: 'Disable sync' }).click();
  await row(page, 'sync').getByText('disabled').waitFor();
  assert.equal(await asks('/api/search'), 401);
  await page.getByRole('button', { name: 'Enable sync' }).click();
  await row(page, 'sync').getByText('active').waitFor();
  await tokens.getByRole('button', { name: 'Delete token nightly' }).click();
  await tokens.getByText('no tokens yet').waitFor();
  assert.equal(await asks('/api/search'), 401);
  await page.getByRole('button', { name: 'Delete sync' }).click();
  await page.getByRole('dialog').getByRole('button', { name: 'Delete the account' }).click();
  await page.getByText('No service accounts').waitFor();
  await close();
});

describe('profile', () => {
  test('sessions are listed and ended, and the password changed', async () => {
    const other = await openPage(browser, base);
    await logIn(other.page, 'viewer', 'viewing');
    const { page, close } = await openPage(browser, base);
    await logIn(page, 'viewer', 'viewing');
    await page.goto('/profile');
    const sessions = page.getByRole('table', { name: 'Sessions' });
    await sessions.getByText('this one').waitFor();
    await screenshot(page, shots, 'profile');
    const ending = sessions.getByRole('button', { name: /^Sign out session/ });
    while ((await ending.count()) > 0) {
      const before = await ending.count();
      await ending.first().click();
      await page.waitForFunction((count) => document.querySelectorAll('table[aria-label=Sessions] button').length < count, before);
    }
    await other.page.goto('/targets');
    await other.page.getByRole('heading', { level: 1, name: 'Log in to Sextant' }).waitFor();
    const form = page.getByRole('region', { name: 'Password', exact: true });
    await form.getByLabel('Old password').fill('wrong');
    await form.getByLabel('New password', { exact: true }).fill('other secret');
    await form.getByLabel('New password again').fill('other secret');
    await form.getByRole('button', { name: 'Change password' }).click();
    await form.getByRole('alert').getByText('invalid old password').waitFor();
    await form.getByLabel('Old password').fill('viewing');
    await form.getByRole('button', { name: 'Change password' }).click();
    await form.getByText('Saved.').waitFor();
    await other.close({ expectTrouble: true });
    await close({ expectTrouble: true }); // the wrong password
  });

  test('preferences count here and where one logs in next', async () => {
    const { page, close } = await openPage(browser, base, { scheme: 'light' });
    await logIn(page, 'viewer', 'other secret');
    await page.goto('/profile');
    const form = page.getByRole('region', { name: 'Preferences' });
    await form.getByLabel('Theme').selectOption('dark');
    await form.getByLabel('Time zone').selectOption('utc');
    await form.getByRole('button', { name: 'Save preferences' }).click();
    await form.getByText('Saved.').waitFor();
    const isDark = () => page.evaluate(() => document.documentElement.dataset.theme === 'dark');
    assert.ok(await isDark());
    await close();
    const next = await openPage(browser, base, { scheme: 'light' });
    await logIn(next.page, 'viewer', 'other secret');
    await next.page.waitForFunction(() => document.documentElement.dataset.theme === 'dark');
    await next.page.goto('/profile');
    assert.equal(await next.page.getByLabel('Time zone').inputValue(), 'utc');
    await next.close();
  });
});

for (const scheme of ['light', 'dark']) {
  test(`the pages about users pass axe, ${scheme}`, async () => {
    const { page, close } = await openPage(browser, base, { scheme });
    await logIn(page);
    for (const path of ['/profile', '/users', '/service-accounts']) {
      for (const viewport of [wide, narrow]) {
        await page.setViewportSize(viewport);
        await page.goto(path);
        await page.getByRole('heading', { level: 1 }).waitFor();
        await page.waitForLoadState('networkidle');
        assert.deepEqual(await violations(page), [], path);
        assert.equal(await overflow(page), 0, path);
        await screenshot(page, shots, `${path.slice(1)}-${scheme}-${viewport.width}`);
      }
    }
    await page.getByRole('button', { name: 'New account' }).click();
    assert.deepEqual(await violations(page), [], 'a dialog');
    await close();
  });
}
