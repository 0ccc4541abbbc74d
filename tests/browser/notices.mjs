// The server's notices on every page, as they come and go; and what its targets answer.
//
//   node tests/browser/notices.mjs http://127.0.0.1:9090 CONFIGURATION [folder for screenshots]
//
// The server must run with --web.enable-lifecycle and this Prometheus configuration, which the test breaks and mends; it has the
// targets of browser_test.py.
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { after, before, describe, test } from 'node:test';
import { violations } from './axe.mjs';
import { launch, narrow, openPage, overflow, screenshot } from './browser.mjs';

const [base, configuration, shots] = process.argv.slice(2);
const good = readFileSync(configuration, 'utf8');

let browser;
before(async () => { browser = await launch(); });
after(() => browser?.close());

async function reload(text) {
  writeFileSync(configuration, text);
  return (await fetch(new URL('/-/reload', base), { method: 'POST' })).status;
}

const notices = (page) => page.getByRole('status', { name: 'Notices of the server' });

describe('Notices', () => {
  test('a configuration that cannot be read is told on whatever page is open, until it can', async () => {
    const { page, close } = await openPage(browser, base);
    await page.goto('/query');
    await page.getByRole('heading', { level: 1, name: 'Query' }).waitFor();
    assert.notEqual(await reload('scrape_configs: 5\n'), 200);
    await notices(page).getByText(/Configuration reload has failed/i).waitFor({ timeout: 5000 });
    assert.deepEqual(await violations(page), []);
    await screenshot(page, shots, 'notice');
    await page.getByRole('link', { name: 'Alerts', exact: true }).click();
    await notices(page).getByText(/Configuration reload has failed/i).waitFor();
    assert.equal(await reload(good), 200);
    await notices(page).getByText(/reload has failed/i).waitFor({ state: 'detached', timeout: 5000 });
    await close();
  });

  test('where no more may follow live, the page asks', async () => {
    const { page, close } = await openPage(browser, base);
    await page.route('**/api/v1/notifications/live', (route) => route.fulfill({ status: 204 }));
    await page.route('**/api/v1/notifications', (route) => route.fulfill({ json: { status: 'success', data: [{ text: 'Something <b>is</b> up', date: '2026-01-01T00:00:00Z', active: true }, { text: 'Old', date: '2026-01-01T00:00:00Z', active: false }] } }));
    await page.goto('/flags');
    await notices(page).getByText('Something <b>is</b> up').waitFor();
    assert.equal(await notices(page).getByText('Old').count(), 0);
    await close();
  });
});

describe('What a target answers', () => {
  const open = async (page, pool) => {
    await page.goto('/targets');
    const region = page.getByRole('region', { name: `Pool ${pool}` });
    await region.getByRole('button', { name: /^Body of / }).click();
    return page.getByRole('dialog', { name: /^Answer of / });
  };

  test('its text is shown, searched and copied', async () => {
    const { page, close } = await openPage(browser, base);
    await page.context().grantPermissions(['clipboard-read', 'clipboard-write']);
    const dialog = await open(page, 'text');
    const body = dialog.getByLabel('Body');
    await body.getByText('one{a="b"} 1').waitFor();
    await dialog.getByText(/^HTTP 200 · text\/plain.* · \d+ bytes · in /).waitFor();
    assert.deepEqual(await violations(page), []);
    await screenshot(page, shots, 'target-body');
    await dialog.getByLabel('Search lines').fill('TWO');
    await page.waitForFunction(() => document.querySelector('pre[aria-label=Body]')?.textContent === 'two 2');
    await dialog.getByRole('button', { name: 'Copy' }).click();
    await dialog.getByText('Copied').waitFor({ state: 'attached' });
    assert.equal(await page.evaluate(() => navigator.clipboard.readText()), 'two 2');
    await dialog.getByLabel('Search lines').fill('nowhere');
    await dialog.getByText('No line matches').waitFor();
    await page.setViewportSize(narrow);
    assert.equal(await overflow(page), 0);
    await page.keyboard.press('Escape');
    await dialog.getByRole('button', { name: 'Close' }).click();
    await dialog.waitFor({ state: 'detached' });
    await close();
  });

  test('what is too long is cut, what is no text is said to be none, what does not answer says so', async () => {
    const { page, close } = await openPage(browser, base);
    let dialog = await open(page, 'large');
    await dialog.getByText('The first 65,536 bytes are shown.').waitFor({ timeout: 30_000 });
    dialog = await open(page, 'binary');
    await dialog.getByText('The body is no text.').waitFor();
    dialog = await open(page, 'silent');
    await dialog.getByText('context deadline exceeded').waitFor();
    await close();
  });
});
