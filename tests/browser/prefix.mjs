// The pages below a path: each as it is opened, gone to from another one, and loaded anew.
//
//   node tests/browser/prefix.mjs http://127.0.0.1:9090/prometheus …
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { launch, openPage, until } from './browser.mjs';

const bases = process.argv.slice(2);
assert.notEqual(bases.length, 0, 'usage: node tests/browser/prefix.mjs BASE_URL…');

let browser;
before(async () => {
  browser = await launch();
});
after(() => browser?.close());

for (const base of bases) {
  const root = new URL(base).pathname;

  test(`the pages below ${base}`, async () => {
    await until('a scrape', 60_000, async () => (await (await fetch(`${base}/api/v1/query?query=up`)).json()).data?.result.length > 0 || undefined);
    const { page, close } = await openPage(browser, new URL(base).origin);
    const outside = [];
    page.on('request', (request) => { if (!new URL(request.url()).pathname.startsWith(`${root}/`)) outside.push(request.url()); });

    await page.goto(`${root}/`);
    await page.getByRole('heading', { level: 1, name: 'Home' }).waitFor();
    await page.getByRole('link', { name: 'Targets', exact: true }).first().click();
    await page.getByRole('table').first().waitFor();
    assert.equal(new URL(page.url()).pathname, `${root}/targets`);
    await page.reload();
    await page.getByRole('table').first().waitFor();

    await page.goto(`${root}/query?g0.expr=up&g0.tab=table`);
    await page.getByRole('table').waitFor();
    await page.goto(`${root}/alerts`);
    await page.getByRole('region', { name: /^Rule group / }).first().waitFor();

    await page.getByRole('link', { name: 'Dashboards', exact: true }).first().click();
    const first = page.getByRole('list', { name: 'Dashboards' }).getByRole('link').first();
    const title = await first.textContent();
    const href = await first.getAttribute('href');
    assert.match(href, new RegExp(`^${root}/d/[^/]+$`));
    for (const address of [href, `${href}/`, `${href}/a-slug`, `${href}/a%2Fslug`]) {
      await page.goto(address);
      await page.getByRole('heading', { level: 1, name: title }).waitFor();
    }
    assert.deepEqual(outside, []);
    await close();
  });
}
