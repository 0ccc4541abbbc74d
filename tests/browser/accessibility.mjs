// Has axe-core judge every page that the server has (those of src/app/pages.cc), light and dark, and what opens on them.
//
//   node tests/browser/accessibility.mjs http://127.0.0.1:9090
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, before, describe, test } from 'node:test';
import { violations } from './axe.mjs';
import { launch, narrow, openPage, until, wide } from './browser.mjs';
import { everyPanelType } from './panels.mjs';
import { serveReference } from './reference.mjs';

const [base] = process.argv.slice(2);
assert.ok(base, 'usage: node tests/browser/accessibility.mjs BASE_URL');

const list = /const char\* page : \{([^;]*?)\}\) \{/.exec(readFileSync(new URL('../../src/app/pages.cc', import.meta.url), 'utf8'))[1];
const addresses = [...list.matchAll(/"(\/[^"]*)"/g)].map(([, path]) => path).filter((path) => !path.endsWith('/*') && path !== '/');
assert.ok(addresses.length > 15, 'the list of pages is read');

/** What an address is opened as, where it is not by itself. */
const openedAs = {
  '/d/{uid}': '/d/home',
  '/query': '/query?g0.expr=up&g0.tab=table&g1.expr=node_load1&g1.tab=graph',
  '/explain': '/explain?expr=sum(rate(node_cpu_seconds_total[5m]))',
  '/alert-history': '/alert-history?view=noise',
  '/routing': '/routing?labels=severity%3D%22page%22',
};

let browser;
before(async () => {
  await until('a scrape', 120_000, async () => (await (await fetch(`${base}/api/v1/query?query=node_load1`)).json()).data?.result.length > 0 || undefined);
  browser = await launch();
});
after(() => browser?.close());

const settled = async (page) => {
  await page.getByRole('heading', { level: 1 }).first().waitFor(); // texts have headings of their own
  await page.waitForLoadState('networkidle');
};

async function judge(page, what) {
  return (await violations(page)).map((line) => `${what}: ${line}`);
}

for (const scheme of ['light', 'dark']) {
  describe(`${scheme}`, () => {
    for (const address of ['/', '/no/such/page', ...addresses]) {
      test(address, async () => {
        const { page, close } = await openPage(browser, base, { scheme, viewport: wide });
        const response = await page.goto(openedAs[address] ?? address);
        if (response.status() === 200) {
          await settled(page);
          const found = await judge(page, 'wide');
          await page.setViewportSize(narrow);
          await page.waitForTimeout(300); // panels are laid out anew
          assert.deepEqual([...found, ...(await judge(page, 'narrow'))], []);
        }
        await close({ expectTrouble: true }); // what a server without a configuration file refuses
      });
    }

    test('a dashboard with every type of panel, and what opens on it', async () => {
      const { page, close } = await openPage(browser, base, { scheme, viewport: { width: 1280, height: 4000 } });
      await serveReference(page, everyPanelType());
      await page.goto('/d/every');
      await settled(page);
      assert.deepEqual(await judge(page, 'panels'), []);
      for (const name of [/^Time range/, /^Refresh interval/, /^Others/, /^Menu of A timeseries/]) {
        await page.getByRole('button', { name }).first().click();
        assert.deepEqual(await judge(page, `${name}`), []);
        await page.keyboard.press('Escape');
      }
      for (const tab of ['data', 'query', 'json']) {
        await page.goto(`/d/every?inspect=1&inspectTab=${tab}`);
        await page.getByRole('dialog').waitFor();
        assert.deepEqual(await judge(page, tab), []);
      }
      await close();
    });

    test('what opens on the other pages', async () => {
      const { page, close } = await openPage(browser, base, { scheme });
      await page.goto('/silences?new=alertname%3D"A"');
      await page.getByRole('dialog').waitFor();
      await page.waitForLoadState('networkidle');
      assert.deepEqual(await judge(page, 'new silence'), []);
      await page.goto('/targets');
      await settled(page);
      await page.getByRole('button', { name: /^Details of/ }).first().click();
      assert.deepEqual(await judge(page, 'details of a target'), []);
      await page.getByRole('button', { name: 'Keyboard shortcuts' }).click();
      await page.getByRole('dialog').waitFor();
      assert.deepEqual(await judge(page, 'keys'), []);
      await page.goto('/query?g0.expr=sum(rate(up))');
      await page.getByRole('alert').waitFor();
      assert.deepEqual(await judge(page, 'a mistake'), []);
      await page.route('**/api/**', (route) => route.abort('connectionrefused'));
      await page.goto('/targets');
      await page.getByText('The server cannot be reached').first().waitFor();
      await page.getByRole('heading', { level: 1 }).waitFor();
      assert.deepEqual(await judge(page, 'unreachable'), []);
      await close({ expectTrouble: true }); // what is refused
    });
  });
}
