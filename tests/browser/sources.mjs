// A provisioned dashboard in a folder, of which one panel asks another server through the proxy and one this server.
//
//   node tests/browser/sources.mjs http://127.0.0.1:9090 http://127.0.0.1:9190 [folder for screenshots]
//
// The first server has the dashboard "Both servers" in the folder "Team A" and the second as data source "far".
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { launch, openPage, screenshot } from './browser.mjs';

const [base, far, shots] = process.argv.slice(2);
assert.ok(far, 'usage: node tests/browser/sources.mjs BASE_URL URL_OF_THE_OTHER [SCREENSHOT_FOLDER]');

let browser;
before(async () => { browser = await launch(); });
after(() => browser?.close());

const started = async (server) => {
  const { data } = await (await fetch(`${server}/api/v1/query?query=${encodeURIComponent('max(process_start_time_seconds{job="sextant"})')}`)).json();
  return Math.round(Number(data.result[0].value[1]));
};

test('each panel asks the server that it names, and a file may not be changed from the page', async () => {
  const { page, close } = await openPage(browser, base);
  const asked = [];
  page.on('request', (request) => asked.push(new URL(request.url()).pathname));
  await page.goto('/dashboards');
  await page.getByText('Team A').waitFor();
  await page.getByRole('link', { name: 'Both servers' }).click();
  const digits = async (title) => Number((await page.getByRole('group', { name: title, exact: true }).locator('[data-color-mode]').textContent()).replace(/\D/g, ''));
  await page.getByRole('group', { name: 'Far start', exact: true }).locator('[data-color-mode]').waitFor();
  await page.getByRole('group', { name: 'Near start', exact: true }).locator('[data-color-mode]').waitFor();
  const [there, here] = [await started(far), await started(base)];
  assert.notEqual(there, here);
  assert.ok(Math.abs((await digits('Far start')) - there) <= 1, 'the other server answers');
  assert.ok(Math.abs((await digits('Near start')) - here) <= 1, 'this server answers');
  assert.ok(asked.includes('/api/datasources/proxy/uid/far/api/v1/query') && asked.includes('/api/batch'));
  await page.getByRole('button', { name: 'Dashboard menu' }).click();
  await page.getByText('It comes from a file of the server').waitFor();
  assert.equal(await page.getByRole('button', { name: 'Delete', exact: true }).count(), 0);
  await screenshot(page, shots, 'sources');
  await close();
});

test('a source that is away says so in its panel, and the others stand', async () => {
  const { page, close } = await openPage(browser, base);
  await page.route('**/api/datasources/proxy/uid/far/**', (route) => route.fulfill({ status: 502, json: { message: 'connection refused' } }));
  await page.goto('/d/far-board');
  await page.getByRole('group', { name: 'Near start', exact: true }).locator('[data-color-mode]').waitFor();
  await page.getByRole('group', { name: 'Far start', exact: true }).getByRole('alert').waitFor();
  await screenshot(page, shots, 'source-away');
  await close({ expectTrouble: true }); // the refused query
});
