// The pipelines page of a server that runs pipelines of its own: what passes, what waits in a queue, what is refused and lost.
//
//   node tests/browser/collector.mjs http://127.0.0.1:9090 [folder for screenshots]
//
// The server must have the pipelines of browser_test.py: metrics into the store, traces to an address where nobody answers with
// room for three requests, logs to one that refuses for good.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { violations } from './axe.mjs';
import { launch, narrow, openPage, overflow, screenshot, until, wide } from './browser.mjs';

const [base, shots] = process.argv.slice(2);

let browser;
before(async () => { browser = await launch(); });
after(() => browser?.close());

async function post(path, document) {
  const response = await fetch(new URL(path, base), { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify(document) });
  await response.text();
  return response.status;
}

const now = () => `${Date.now()}000000`;
const spans = () => ({ resourceSpans: [{ scopeSpans: [{ spans: [{ traceId: '0102030405060708090a0b0c0d0e0f10', spanId: '0102030405060708', name: 's', kind: 1, startTimeUnixNano: '1', endTimeUnixNano: '2' }] }] }] });
const points = () => ({ resourceMetrics: [{ scopeMetrics: [{ metrics: [{ name: 'g', gauge: { dataPoints: [{ asDouble: 1, timeUnixNano: now() }] } }] }] }] });
const records = () => ({ resourceLogs: [{ scopeLogs: [{ logRecords: [{ body: { stringValue: 'x' }, timeUnixNano: now() }] }] }] });

test('queues, what they have no room for, and what was dropped and why', async () => {
  for (let i = 0; i < 3; i++) await post('/v1/traces', spans());
  await until('a full queue', 10_000, async () => ((await post('/v1/traces', spans())) === 503 ? true : undefined));
  assert.equal(await post('/v1/metrics', points()), 200);
  assert.equal(await post('/v1/logs', records()), 200);
  const { page, close } = await openPage(browser, base, { viewport: { width: 1280, height: 1000 } });
  await page.goto('/pipelines');
  const row = (pipeline, to) => page.getByRole('table', { name: `Edges of ${pipeline}` }).getByRole('row').filter({ has: page.getByRole('cell', { name: to, exact: true }) });
  await row('traces', 'exporter otlphttp/dead').getByText('3 of 3 requests').waitFor();
  const cells = await row('traces', 'exporter otlphttp/dead').getByRole('cell').allTextContents();
  assert.ok(Number(cells[8]) >= 1, `not queued: ${cells.join('|')}`);
  assert.equal(cells[9], '0');
  assert.equal(cells[10], '0');
  await row('logs', 'exporter otlphttp/strict').getByText('1 refused for good').waitFor();
  await page.getByRole('region', { name: 'Pipeline logs' }).getByText('has dropped items').waitFor();
  assert.equal(await page.getByRole('region', { name: 'Pipeline metrics' }).getByText('has dropped items').count(), 0);
  assert.deepEqual((await row('metrics', 'exporter sextant').getByRole('cell').allTextContents()).slice(7), ['–', '–', '0', '0']);
  assert.deepEqual(await violations(page), []);
  for (const scheme of ['light', 'dark']) {
    await page.emulateMedia({ colorScheme: scheme });
    await screenshot(page, shots, `pipelines-real-${scheme}`);
  }
  for (const viewport of [narrow, wide]) {
    await page.setViewportSize(viewport);
    assert.equal(await overflow(page), 0);
  }
  await close();
});
