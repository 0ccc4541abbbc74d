// Opens every dashboard of the conformance folders in headless Chromium, with made-up answers to its queries, and counts the
// panels: each must be drawn or say why it is not.
//
//   node tests/browser/dashboards.mjs BASE_URL CONFORMANCE_FOLDER [SCREENSHOT_FOLDER] [words that a dashboard's path must have]
//
// BASE_URL serves the pages: a running server, or `npm run preview` in ui/.
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { launch, openPage, screenshot } from './browser.mjs';
import { serveReference } from './reference.mjs';

const [base, conformance, shots, ...words] = process.argv.slice(2);
if (base === undefined || conformance === undefined) {
  console.error('usage: node tests/browser/dashboards.mjs BASE_URL CONFORMANCE_FOLDER [SCREENSHOT_FOLDER] [WORD...]');
  process.exit(2);
}

function filesIn(folder) {
  return readdirSync(folder, { withFileTypes: true }).filter((entry) => entry.isDirectory())
    .flatMap((entry) => readdirSync(join(folder, entry.name)).filter((name) => name.endsWith('.json')).map((name) => join(folder, entry.name, name))).sort();
}

const files = [...filesIn(join(conformance, 'dashboards')), ...filesIn(join(conformance, 'alerting/article')).filter((path) => /\/dashboards-[a-z]+\//.test(path))]
  .filter((path) => words.every((word) => path.includes(word)));

/** Panels of a document, those in rows of either form among them; repeats make more of them. */
function panelsIn({ panels, rows }) {
  return [...(panels ?? []), ...(rows ?? [])].reduce((sum, one) => sum + (one.type === 'row' || one.type === undefined ? 0 : 1) + panelsIn(one), 0);
}

/** What a drawn panel shows: a canvas, a drawing, a table, text, or that there is nothing. */
async function countPanels(page) {
  return page.evaluate(() => {
    const counts = { drawn: 0, empty: [], refused: [], failed: [], waiting: [] };
    for (const panel of document.querySelectorAll('section[data-panel-type]')) {
      const name = `${panel.dataset.panelType} “${panel.getAttribute('aria-label')}”`;
      const refused = panel.querySelector('[data-refused]');
      if (refused !== null) counts.refused.push(`${name}: ${refused.textContent}`);
      else if (panel.querySelector('[role=alert]') !== null) counts.failed.push(`${name}: ${panel.querySelector('[role=alert]').textContent}`);
      else if (panel.querySelector('canvas, svg[role=img], svg[role=group], table, [role=meter], [data-color-mode]') !== null || panel.dataset.panelType === 'text') counts.drawn++;
      else if (panel.querySelector('[data-empty]') !== null) counts.empty.push(`${name}: ${panel.querySelector('[data-empty]').textContent}`);
      else counts.waiting.push(name);
    }
    return counts;
  });
}

const totals = { drawn: 0, empty: [], refused: [], failed: [] };
let browser;
before(async () => { browser = await launch(); });
after(async () => {
  await browser?.close();
  console.log(`${totals.drawn} drawn, ${totals.empty.length} without data, ${totals.refused.length} refused, ${totals.failed.length} failed`);
  for (const [what, list] of Object.entries(totals)) if (Array.isArray(list) && list.length > 0) console.log(`${what}:\n  ${list.join('\n  ')}`);
});

describe('dashboards', () => {
  for (const path of files) {
    const name = path.slice(conformance.length).replace(/^\//, '');
    test(name, async () => {
      const { page, close } = await openPage(browser, base, { scheme: 'dark', viewport: { width: 1400, height: 900 } });
      const document = JSON.parse(readFileSync(path, 'utf8'));
      await serveReference(page, document);
      await page.goto('/d/reference');
      await page.getByRole('heading', { level: 1 }).waitFor();
      await page.locator('section[data-panel-type], button[aria-expanded]:has(h2)').or(page.getByText('This dashboard has no panels')).first().waitFor();
      const folded = page.locator('button[aria-expanded=false]:has(h2)');
      while ((await folded.count()) > 0) await folded.first().click();
      // Panels ask when they come near the window: make it as high as the page.
      await page.waitForTimeout(300);
      const height = await page.evaluate(() => document.documentElement.scrollHeight);
      await page.setViewportSize({ width: 1400, height: Math.min(30_000, Math.max(900, height)) });
      let counts = await countPanels(page);
      for (let tries = 0; tries < 60 && counts.waiting.length > 0; tries++) {
        await page.waitForTimeout(250);
        counts = await countPanels(page);
      }
      await screenshot(page, shots, `${basename(path, '.json')}`);
      totals.drawn += counts.drawn;
      for (const what of ['empty', 'refused', 'failed']) totals[what].push(...counts[what].map((line) => `${name}: ${line}`));
      // Every type is drawn; what may be refused asks another kind of server or lives in another server's library.
      assert.deepEqual(counts.refused.filter((line) => !/It asks a data source of type|It is a library panel/.test(line)), []);
      assert.deepEqual(counts.failed, []);
      assert.deepEqual(counts.waiting, []);
      const counted = counts.drawn + counts.empty.length + counts.refused.length;
      assert.ok(counted >= panelsIn(document), `${counted} panels of ${panelsIn(document)}`);
      await close();
    });
  }
});
