#!/usr/bin/env node
// What the pages cost, in headless Chromium on a server started for it: first paint and bytes of the first page, a dashboard of
// 144 panels, the redraw of 50 series, memory over an hour's worth of refreshes. Prints each figure beside its must; exits 1 when
// one is missed.
//
//   node bench/ui/run.mjs [--binary build/sextant] [--rounds 20] [--refreshes 720] [--only paint,panels,redraw,memory]
//
// Needs `npm ci` in ui/ and Chromium (/usr/bin/chromium, or SEXTANT_CHROMIUM).
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { brotliCompressSync } from 'node:zlib';
import { launch, until } from '../../tests/browser/browser.mjs';

const { values: options } = parseArgs({
  options: {
    binary: { type: 'string', default: new URL('../../build/sextant', import.meta.url).pathname }, rounds: { type: 'string', default: '20' },
    refreshes: { type: 'string', default: '720' }, only: { type: 'string', default: 'paint,panels,redraw,memory' },
  },
});
const rounds = Number(options.rounds);
const refreshes = Number(options.refreshes);
const wanted = options.only.split(',');

const kPanels = 144;
const window = { width: 1920, height: 1500 };

let missed = 0;

function report(what, figure, unit, must) {
  const shown = figure >= 100 ? Math.round(figure) : Math.round(figure * 10) / 10;
  const isMet = must === undefined || figure <= must;
  if (!isMet) missed++;
  console.log(`${what.padEnd(62)} ${String(shown).padStart(7)} ${unit.padEnd(3)}${must === undefined ? '' : ` must: ≤ ${must}${isMet ? '' : '  MISSED'}`}`);
}

const sorted = (list) => [...list].sort((a, b) => a - b);
const median = (list) => sorted(list)[Math.floor(list.length / 2)];
const p95 = (list) => sorted(list)[Math.min(list.length - 1, Math.ceil(list.length * 0.95) - 1)];

/** `count` made-up series that move, without a store behind them: the page's share is what is measured. */
const series = (count) => Array.from({ length: count }, (_, index) => `label_replace(sin(vector(time() / 300 + ${index})) + ${index}, "series", "s${index}", "", "")`).join(' or ');

function dashboardOf(uid, panels) {
  return { uid, title: uid, schemaVersion: 39, time: { from: 'now-1h', to: 'now' }, panels: panels.map((panel, index) => ({ id: index + 1, title: `Panel ${index + 1}`, ...panel })) };
}

function manyPanels() {
  const types = ['timeseries', 'timeseries', 'timeseries', 'stat', 'gauge', 'bargauge'];
  return Array.from({ length: kPanels }, (_, index) => {
    const type = types[index % types.length];
    return { type, gridPos: { x: (index % 12) * 2, y: Math.floor(index / 12) * 3, w: 2, h: 3 }, options: { legend: { showLegend: false } }, targets: [{ refId: 'A', expr: series(type === 'timeseries' ? 5 : 1), legendFormat: '{{series}}' }] };
  });
}

async function save(base, dashboard) {
  const response = await fetch(`${base}/api/dashboards/db`, { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify({ dashboard, overwrite: true }) });
  if (!response.ok) throw new Error(`${dashboard.uid} was not saved: ${await response.text()}`);
}

async function startServer(folder) {
  const server = spawn(options.binary, ['--data', join(folder, 'data'), '--listen', '127.0.0.1:0'], { stdio: ['ignore', 'pipe', 'inherit'] });
  let printed = '';
  server.stdout.on('data', (text) => { printed += text; });
  const base = await until('the server', 30_000, async () => /http:\/\/127\.0\.0\.1:\d+/.exec(printed)?.[0]);
  await until('a scrape', 60_000, async () => (await (await fetch(`${base}/api/v1/query?query=node_load1`)).json()).data.result.length > 0 || undefined);
  return { server, base };
}

async function open(browser, base) {
  const context = await browser.newContext({ baseURL: base, viewport: window, timezoneId: 'UTC', reducedMotion: 'reduce' });
  const page = await context.newPage();
  const cdp = await context.newCDPSession(page);
  await cdp.send('Performance.enable', { timeDomain: 'threadTicks' }); // CPU time: a busy machine does not count
  return { context, page, cdp };
}

const metrics = async (cdp) => Object.fromEntries((await cdp.send('Performance.getMetrics')).metrics.map(({ name, value }) => [name, value]));

/** Milliseconds in the page, by its clock, from its load (or from `begin`) until `count` panels are drawn and painted. */
function untilDrawn(page, count, begin) {
  return page.evaluate(([wantedCount, start]) => new Promise((resolve, reject) => {
    const isDrawn = (panel) => panel.querySelector('canvas, svg[role=img], [role=meter], [data-color-mode]') !== null;
    const look = () => {
      const drawn = [...document.querySelectorAll('section[data-panel-type]')].filter(isDrawn).length;
      const took = performance.now() - start;
      if (drawn >= wantedCount) requestAnimationFrame(() => resolve(performance.now() - start));
      else if (took > 30_000) reject(new Error(`${drawn} of ${wantedCount} panels are drawn after 30 s`));
      else setTimeout(look, 20);
    };
    look();
  }), [count, begin ?? 0]);
}

/** Until an answer to all queries has been read; Chromium calls a stream that a page read to its end finished or aborted. */
function answeredAll(page) {
  const isIt = (request) => request.url().endsWith('/api/batch');
  return Promise.race([page.waitForEvent('requestfinished', isIt), page.waitForEvent('requestfailed', isIt)]);
}

async function measurePaint(browser, base) {
  const paints = [];
  const home = [];
  for (let round = 0; round < rounds; round++) {
    const { context, page } = await open(browser, base);
    await page.goto('/');
    paints.push(await page.evaluate(() => new Promise((resolve) => {
      new PerformanceObserver((list) => resolve(list.getEntriesByName('first-contentful-paint')[0].startTime)).observe({ type: 'paint', buffered: true });
    })));
    home.push(await untilDrawn(page, 6));
    await context.close();
  }
  report('first contentful paint, cold cache, p95', p95(paints), 'ms', 1000);
  report('first contentful paint, cold cache, median', median(paints), 'ms');
  report('first six panels of Home drawn, cold cache, median', median(home), 'ms');

  const { context, page, cdp } = await open(browser, base);
  await cdp.send('Network.enable');
  let wire = 0;
  cdp.on('Network.loadingFinished', ({ encodedDataLength }) => { wire += encodedDataLength; });
  const bodies = [];
  page.on('response', (response) => { if (/(\/|\.js|\.css|\.svg)$/.test(new URL(response.url()).pathname)) bodies.push(response.body()); });
  await page.goto('/');
  await untilDrawn(page, 6);
  await page.waitForLoadState('networkidle');
  const bytes = (await Promise.all(bodies)).reduce((sum, body) => sum + brotliCompressSync(body).length, 0);
  report('first page: document, scripts and styles, as brotli', bytes / 1000, 'KB', 400);
  report('first page: everything on the wire, answers too (gzip)', wire / 1000, 'KB');
  await context.close();
}

async function measurePanels(browser, base) {
  await save(base, dashboardOf('bench-panels', manyPanels()));
  const opened = [];
  const busy = [];
  const loaded = [];
  const { context, page, cdp } = await open(browser, base);
  await page.goto('/d/bench-panels'); // what the page needs is in the cache from here on
  await untilDrawn(page, kPanels);
  for (let round = 0; round < rounds; round++) {
    await page.goto('/d/bench-panels');
    loaded.push(await untilDrawn(page, kPanels));
    await page.goto('/dashboards');
    const link = page.getByRole('link', { name: 'bench-panels' });
    await link.waitFor();
    await page.waitForLoadState('networkidle');
    const before = await metrics(cdp);
    const begin = await link.evaluate((element) => { const now = performance.now(); element.click(); return now; });
    opened.push(await untilDrawn(page, kPanels, begin));
    busy.push(((await metrics(cdp)).TaskDuration - before.TaskDuration) * 1000);
  }
  report(`${kPanels} panels with data: every panel drawn, page loaded anew, p95`, p95(loaded), 'ms', 1000);
  report(`${kPanels} panels with data: every panel drawn, page loaded anew, median`, median(loaded), 'ms');
  report(`${kPanels} panels with data: every panel drawn, from the list, p95`, p95(opened), 'ms', 1000);
  report(`${kPanels} panels with data: main thread, median`, median(busy), 'ms', 300);
  await context.close();
}

async function measureRedraw(browser, base) {
  const stepS = 15;
  const dashboard = dashboardOf('bench-series', [{ type: 'timeseries', gridPos: { x: 0, y: 0, w: 24, h: 16 }, interval: `${stepS}s`, maxDataPoints: 1000, targets: [{ refId: 'A', expr: series(50), legendFormat: '{{series}}' }] }]);
  const toS = Math.floor(Date.now() / 1000 / stepS) * stepS;
  await save(base, { ...dashboard, time: { from: new Date((toS - 999 * stepS) * 1000).toISOString(), to: new Date(toS * 1000).toISOString() } });
  const { context, page, cdp } = await open(browser, base);
  await page.goto('/d/bench-series');
  await untilDrawn(page, 1);
  await page.waitForLoadState('networkidle');
  const redraws = [];
  const refreshed = [];
  for (let round = 0; round < rounds; round++) {
    let before = await metrics(cdp);
    // A window that is wider by a pixel has everything drawn again from the data that is there.
    await page.setViewportSize({ ...window, width: window.width - 1 - (round % 2) });
    await page.evaluate(() => new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(() => setTimeout(resolve, 50)))));
    redraws.push(((await metrics(cdp)).TaskDuration - before.TaskDuration) * 1000);
    before = await metrics(cdp);
    const answered = answeredAll(page);
    await page.keyboard.press('r');
    await answered;
    await page.evaluate(() => new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(() => setTimeout(resolve, 50)))));
    refreshed.push(((await metrics(cdp)).TaskDuration - before.TaskDuration) * 1000);
  }
  report('50 series × 1,000 points: redraw, main thread, median', median(redraws), 'ms', 50);
  report('50 series × 1,000 points: refresh, from the answer to the picture', median(refreshed), 'ms');
  await context.close();
}

async function heapOf(cdp) {
  for (let i = 0; i < 3; i++) await cdp.send('HeapProfiler.collectGarbage');
  const { JSHeapUsedSize, Nodes, JSEventListeners } = await metrics(cdp);
  return { heap: JSHeapUsedSize / 1e6, nodes: Nodes, listeners: JSEventListeners };
}

async function measureMemory(browser, base) {
  await save(base, dashboardOf('bench-memory', manyPanels().slice(0, 48)));
  const { context, page, cdp } = await open(browser, base);
  await page.goto('/d/bench-memory');
  await untilDrawn(page, 48);
  // The tools over the panels come when the page is at rest, which refreshes without a pause put off: they are no growth.
  await page.waitForFunction((count) => document.querySelectorAll('section [aria-label^="Menu of"]').length >= count, 48);
  const looks = [];
  for (let turn = 1; turn <= refreshes; turn++) {
    const answered = answeredAll(page);
    await page.keyboard.press('r');
    await answered;
    await page.evaluate(() => new Promise((resolve) => requestAnimationFrame(() => setTimeout(resolve, 0))));
    if (turn % Math.ceil(refreshes / 6) === 0) looks.push(await heapOf(cdp));
  }
  const [first, last] = [looks[0], looks.at(-1)];
  console.log(`heap after garbage collection, every ${Math.ceil(refreshes / 6)} refreshes: ${looks.map(({ heap }) => heap.toFixed(1)).join(', ')} MB; nodes ${looks.map(({ nodes }) => nodes).join(', ')}; listeners ${looks.map(({ listeners }) => listeners).join(', ')}`);
  report(`${refreshes} refreshes of 48 panels: growth of the heap from a sixth on`, (last.heap / first.heap - 1) * 100, '%', 5);
  report(`${refreshes} refreshes of 48 panels: growth of nodes from a sixth on`, (last.nodes / first.nodes - 1) * 100, '%', 5);
  await context.close();
}

const folder = mkdtempSync(join(tmpdir(), 'sextant-ui-'));
const { server, base } = await startServer(folder);
const browser = await launch();
try {
  const measures = { paint: measurePaint, panels: measurePanels, redraw: measureRedraw, memory: measureMemory };
  for (const [name, measure] of Object.entries(measures)) if (wanted.includes(name)) await measure(browser, base);
} finally {
  await browser.close();
  server.kill();
  await new Promise((resolve) => server.once('exit', resolve));
  rmSync(folder, { recursive: true, force: true });
}
process.exit(missed === 0 ? 0 : 1);
