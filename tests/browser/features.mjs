// What dashboards can do beyond showing panels, and what they survive, in headless Chromium with made-up answers: filters and
// values in the address, slow queries, kiosk mode, repeats, pages of tables, hostile texts, broken documents.
//
//   node tests/browser/features.mjs http://127.0.0.1:9090 [folder for screenshots]
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { colouredPixels, launch, openPage, screenshot } from './browser.mjs';
import { serveReference } from './reference.mjs';

const [base, shots] = process.argv.slice(2);
if (base === undefined) {
  console.error('usage: node tests/browser/features.mjs BASE_URL [SCREENSHOT_FOLDER]');
  process.exit(2);
}

let browser;
before(async () => { browser = await launch(); });
after(() => browser?.close());

const panel = (page, title) => page.getByRole('group', { name: title, exact: true });
const shown = (page, title) => panel(page, title).locator('[data-color-mode]').first();
const stat = (title, expr, more = {}) => ({ id: 1, type: 'stat', title, gridPos: { x: 0, y: 0, w: 8, h: 6 }, targets: [{ refId: 'A', expr }], ...more });

/** All that is asked from now on. */
function watchQueries(page) {
  const asked = [];
  page.on('request', (request) => { if (request.url().endsWith('/api/batch')) asked.push(...request.postDataJSON().queries.map(({ query }) => query)); });
  return asked;
}

/** Answers every query of a batch with these series. */
async function answerWith(page, metrics, value = '1') {
  await page.route('**/api/batch', (route) => {
    const lines = route.request().postDataJSON().queries.map(({ id, start, end, time, step }) => {
      const result = metrics.map((metric) => (step === undefined ? { metric, value: [time, value] } : { metric, values: [[start, value], [end, value]] }));
      return JSON.stringify({ id, status: 200, answer: { status: 'success', data: { resultType: step === undefined ? 'vector' : 'matrix', result } } });
    });
    return route.fulfill({ contentType: 'application/x-ndjson', body: `${lines.join('\n')}\n` });
  });
}

describe('variables', () => {
  test('filters hold for every query, are added and taken away, and live in the address', async () => {
    const { page, close } = await openPage(browser, base);
    await serveReference(page, { title: 'Filtered', panels: [stat('Sum', 'sum(rate(a_total{x="y"}[5m])) / sum(b)')], templating: { list: [{ name: 'Filters', type: 'adhoc', filters: [{ key: 'job', operator: '=', value: 'node' }] }] } });
    const asked = watchQueries(page);
    await page.goto('/d/filtered');
    await shown(page, 'Sum').waitFor();
    assert.equal(asked.at(-1), 'sum(rate(a_total{x="y",job="node"}[5m])) / sum(b{job="node"})');
    await page.getByRole('button', { name: 'Filters: add a filter' }).click();
    await page.getByRole('textbox', { name: 'Label' }).or(page.getByRole('combobox', { name: 'Label' })).fill('pod');
    await page.getByRole('combobox', { name: 'Operator' }).selectOption('!~');
    await page.getByRole('textbox', { name: 'Value' }).or(page.getByRole('combobox', { name: 'Value' })).fill('a|b');
    await page.getByRole('button', { name: 'Add the filter' }).click();
    await page.getByRole('button', { name: 'Remove the filter pod !~ a|b' }).waitFor();
    assert.deepEqual(new URL(page.url()).searchParams.getAll('var-Filters'), ['job|=|node', 'pod|!~|a__gfp__b']);
    await page.getByRole('button', { name: 'Remove the filter job = node' }).click();
    await page.getByRole('button', { name: 'Remove the filter job = node' }).waitFor({ state: 'detached' });
    await page.reload();
    await shown(page, 'Sum').waitFor();
    assert.equal(asked.at(-1), 'sum(rate(a_total{x="y",pod!~"a|b"}[5m])) / sum(b{pod!~"a|b"})');
    await page.getByRole('button', { name: 'Remove the filter pod !~ a|b' }).click();
    await page.getByRole('button', { name: /^Remove the filter/ }).waitFor({ state: 'detached' });
    await page.reload();
    await shown(page, 'Sum').waitFor();
    assert.equal(asked.at(-1), 'sum(rate(a_total{x="y"}[5m])) / sum(b)');
    await page.goBack();
    await page.getByRole('button', { name: 'Remove the filter pod !~ a|b' }).waitFor();
    await close();
  });

  test('a value that is gone stays as it was asked for, until what it depends on changes', async () => {
    const { page, close } = await openPage(browser, base);
    const list = [{ name: 'ns', type: 'query', query: 'label_values(namespace)' }, { name: 'pod', type: 'query', query: 'label_values(up{namespace="$ns"}, pod)' }];
    await serveReference(page, { title: 'Chained', panels: [stat('Of $pod', 'up{namespace="$ns",pod="$pod"}')], templating: { list } });
    const asked = watchQueries(page);
    await page.goto('/d/chained?var-ns=namespace-2&var-pod=gone');
    await panel(page, 'Of gone').waitFor();
    await shown(page, 'Of gone').waitFor();
    assert.equal(asked.at(-1), 'up{namespace="namespace-2",pod="gone"}');
    await page.getByRole('button', { name: 'ns: namespace-2' }).click();
    await page.getByRole('option', { name: 'namespace-3' }).getByRole('button').click();
    await panel(page, 'Of pod-1').waitFor();
    await close();
  });

  test('panels are repeated in closed rows too, and called by what their value reads as', async () => {
    const { page, close } = await openPage(browser, base);
    const row = { id: 1, type: 'row', title: 'Closed', collapsed: true, gridPos: { x: 0, y: 0, w: 24, h: 1 }, panels: [stat('$where', 'up{at="$where"}', { id: 2, repeat: 'where', gridPos: { x: 0, y: 1, w: 24, h: 4 } })] };
    await serveReference(page, { title: 'Repeated', panels: [row], templating: { list: [{ name: 'where', type: 'custom', multi: true, includeAll: true, query: 'Berlin : b,Paris : p', current: { value: ['$__all'] } }] } });
    const asked = watchQueries(page);
    await page.goto('/d/repeated');
    await page.getByRole('button', { name: 'Closed' }).click();
    await panel(page, 'Berlin').waitFor();
    await shown(page, 'Paris').waitFor();
    assert.deepEqual(asked.filter((query) => query.startsWith('up')).sort(), ['up{at="b"}', 'up{at="p"}']);
    await close();
  });
});

describe('waiting', () => {
  test('slow queries show that they run, are stopped together, and can be asked again', async () => {
    const { page, close } = await openPage(browser, base);
    await serveReference(page, { title: 'Slow', panels: [stat('One', 'up')] });
    const held = [];
    const hold = (route) => { held.push(route); };
    await page.route('**/api/batch', hold);
    await page.goto('/d/slow');
    await page.getByRole('button', { name: 'Stop' }).click();
    await panel(page, 'One').getByText('Stopped before it was answered.').waitFor();
    await page.getByRole('button', { name: 'Stop' }).waitFor({ state: 'detached' });
    await page.unroute('**/api/batch', hold);
    await panel(page, 'One').getByRole('button', { name: 'Ask again' }).click();
    await shown(page, 'One').waitFor();
    // A refresh that takes long leaves what is shown, and stopping it too.
    await page.route('**/api/batch', hold);
    await page.keyboard.press('r');
    await page.getByRole('button', { name: 'Stop' }).waitFor();
    assert.equal(await shown(page, 'One').count(), 1);
    await page.getByRole('button', { name: 'Stop' }).click();
    await page.getByRole('button', { name: 'Stop' }).waitFor({ state: 'detached' });
    assert.equal(await shown(page, 'One').count(), 1);
    await Promise.all(held.map((route) => route.abort().catch(() => undefined)));
    await close({ expectTrouble: true });
  });

  test('a server that goes away takes nothing from the page, and what it tells comes again', async () => {
    const { page, close } = await openPage(browser, base);
    await page.clock.install();
    await serveReference(page, { title: 'Away', refresh: '5s', templating: { list: [{ name: 'job', type: 'query', query: 'label_values(job)' }] }, panels: [stat('Of $job', 'up{job="$job"}'), { ...stat('Lines', 'up{job="$job"}'), id: 2, type: 'timeseries', gridPos: { x: 8, y: 0, w: 8, h: 6 } }] });
    await page.goto('/d/away');
    for (let tries = 0; (await page.locator('canvas').count()) === 0 && tries < 100; tries++) await page.clock.runFor(100);
    await shown(page, 'Of job-1').waitFor();
    const gone = (route) => route.abort('connectionrefused');
    await page.route('**/api/**', gone);
    await page.clock.runFor(130_000); // options are asked again as well
    await page.getByText('The server cannot be reached').first().waitFor();
    assert.equal(await shown(page, 'Of job-1').count(), 1);
    assert.equal(await panel(page, 'Lines').locator('canvas').count(), 1);
    await page.getByRole('button', { name: 'job: job-1' }).waitFor();
    await panel(page, 'Lines').getByRole('img', { name: /^Not refreshed/ }).waitFor();
    await page.unroute('**/api/**', gone);
    await page.clock.runFor(30_000);
    await panel(page, 'Lines').getByRole('img', { name: /^Not refreshed/ }).waitFor({ state: 'detached' });
    await close({ expectTrouble: true });
  });

  test('a pause between refreshes that is shorter than the queries take does not starve them', async () => {
    const { page, close } = await openPage(browser, base);
    await page.clock.install();
    await serveReference(page, { title: 'Hurried', refresh: '5s', panels: [stat('One', 'up')] });
    const held = [];
    const hold = (route) => { held.push(route); };
    await page.route('**/api/batch', hold);
    await page.goto('/d/hurried');
    for (let tries = 0; held.length === 0 && tries < 100; tries++) await page.clock.runFor(100);
    assert.equal(held.length, 1);
    await page.clock.runFor(21_000);
    assert.equal(held.length, 1, 'the question is not taken back');
    await page.unroute('**/api/batch', hold);
    await held[0].fallback();
    await shown(page, 'One').waitFor();
    const asked = watchQueries(page);
    for (let tries = 0; asked.length === 0 && tries < 100; tries++) await page.clock.runFor(1000);
    assert.ok(asked.length > 0, 'and asked again once it is answered');
    await close();
  });
});

describe('annotations', () => {
  test('what scripts mark is drawn, by tag and of the dashboard, and can be switched off', async () => {
    const { page, close } = await openPage(browser, base);
    const asked = [];
    await page.route('**/api/annotations?**', (route) => {
      const parameters = new URL(route.request().url()).searchParams;
      asked.push(parameters.toString());
      const time = (Number(parameters.get('from')) + Number(parameters.get('to'))) / 2;
      return route.fulfill({ contentType: 'application/json', body: JSON.stringify([{ id: 1, time, timeEnd: time, text: parameters.has('tags') ? 'Deployed <b>5</b>' : 'Own event', tags: ['deploy'], panelId: 0 }]) });
    });
    const list = [{ builtIn: 1, name: 'Annotations & Alerts', enable: true, hide: true, type: 'dashboard', datasource: { type: 'grafana', uid: '-- Grafana --' } }, { name: 'deploys', enable: true, iconColor: 'red', datasource: { type: 'grafana', uid: '-- Grafana --' }, target: { type: 'tags', tags: ['deploy', 'web'], matchAny: true, limit: 10 } }];
    await serveReference(page, { title: 'Marked', uid: 'marked', annotations: { list }, panels: [{ id: 1, type: 'timeseries', title: 'Lines', gridPos: { x: 0, y: 0, w: 24, h: 8 }, targets: [{ refId: 'A', expr: 'x' }] }] });
    await page.goto('/d/marked');
    const plot = panel(page, 'Lines').locator('.u-over');
    await plot.hover();
    const box = page.getByText('Deployed <b>5</b>');
    for (let tries = 0; tries < 20 && (await box.count()) === 0; tries++) {
      await page.waitForTimeout(100);
      await page.mouse.move(5, 5);
      await plot.hover();
    }
    await box.waitFor();
    await page.getByText('Own event').waitFor();
    assert.ok(asked.some((one) => /tags=deploy&tags=web&matchAny=true/.test(one) && /limit=10/.test(one)), asked.join('\n'));
    assert.ok(asked.some((one) => /dashboardUID=marked/.test(one)), asked.join('\n'));
    await page.getByRole('checkbox', { name: 'deploys' }).uncheck();
    await page.mouse.move(5, 5);
    await plot.hover();
    await page.getByText('Own event').waitFor();
    assert.equal(await box.count(), 0);
    await close();
  });
});

describe('exemplars', () => {
  /** Answers with a line from 0 to 10, and to who wants them with an exemplar in the middle. */
  async function answerWithExemplar(page) {
    const wanted = [];
    await page.route('**/api/batch', (route) => {
      const lines = route.request().postDataJSON().queries.map(({ id, start, end, exemplars }) => {
        wanted.push(exemplars);
        const values = [[start, '0'], [end, '10']];
        const kept = [{ seriesLabels: { job: 'web' }, exemplars: [{ labels: { traceID: 'abc<b>1</b>' }, value: '5', timestamp: (start + end) / 2 }] }];
        return JSON.stringify({ id, status: 200, answer: { status: 'success', data: { resultType: 'matrix', result: [{ metric: {}, values }] }, ...(exemplars === 'true' ? { exemplars: kept } : {}) } });
      });
      return route.fulfill({ contentType: 'application/x-ndjson', body: `${lines.join('\n')}\n` });
    });
    await page.route('**/api/datasources', (route) => route.fulfill({ contentType: 'application/json', body: JSON.stringify([{ uid: 'own', name: 'Own', type: 'prometheus', isDefault: true, own: true, jsonData: { exemplarTraceIdDestinations: [{ name: 'traceID', url: 'https://traces.example/${__value.raw}', urlDisplayLabel: 'See the trace' }, { name: 'spanID', datasourceUid: 'tempo' }] } }]) }));
    return wanted;
  }
  const lines = (more) => ({ id: 1, type: 'timeseries', title: 'Lines', gridPos: { x: 0, y: 0, w: 24, h: 8 }, fieldConfig: { defaults: { min: 0, max: 10, custom: { lineWidth: 0 } }, overrides: [] }, options: { legend: { showLegend: false } }, targets: [{ refId: 'A', expr: 'x', ...more }] });
  const middle = async (page) => {
    const box = await panel(page, 'Lines').locator('.u-over').boundingBox();
    return [box.x + box.width / 2, box.y + box.height / 2];
  };

  test('are drawn where the query wants them, say what they are, and lead to their trace', async () => {
    const { page, close } = await openPage(browser, base);
    await serveReference(page, { title: 'Exemplars', panels: [lines({ exemplar: true })] });
    const wanted = await answerWithExemplar(page);
    let requests = 0;
    page.on('request', (request) => { if (/query_exemplars/.test(request.url())) requests++; });
    await page.goto('/d/exemplars');
    await panel(page, 'Lines').locator('canvas').waitFor();
    const [x, y] = await middle(page);
    await panel(page, 'Lines').getByRole('note', { name: 'The label “spanID” of exemplars does not lead to its trace' }).waitFor();
    const tip = page.getByRole('tooltip').filter({ hasText: 'exemplar' });
    for (let tries = 0; tries < 20 && (await tip.count()) === 0; tries++) {
      await page.mouse.move(5, 5);
      await page.mouse.move(x, y);
      await page.waitForTimeout(100);
    }
    await tip.getByText('abc<b>1</b>').waitFor();
    await page.mouse.down();
    await page.mouse.up();
    const kept = page.getByRole('dialog', { name: /^Exemplar at / });
    await kept.getByText('web', { exact: true }).waitFor();
    assert.equal(await kept.getByRole('link', { name: 'See the trace' }).getAttribute('href'), 'https://traces.example/abc%3Cb%3E1%3C/b%3E');
    await screenshot(page, shots, 'exemplar-kept');
    await page.keyboard.press('Escape');
    assert.equal(await kept.count(), 0);
    assert.deepEqual([wanted.every((one) => one === 'true'), requests], [true, 0], 'they come with the answers, in no request of their own');
    await close();
  });

  test('are not asked for where the query does not want them', async () => {
    const { page, close } = await openPage(browser, base);
    await serveReference(page, { title: 'None', panels: [lines({})] });
    const wanted = await answerWithExemplar(page);
    await page.goto('/d/none');
    await panel(page, 'Lines').locator('canvas').waitFor();
    assert.ok(wanted.length > 0 && wanted.every((one) => one === undefined));
    const [x, y] = await middle(page);
    await page.mouse.move(x, y);
    await page.mouse.down();
    await page.mouse.up();
    assert.equal(await page.getByRole('dialog').count(), 0);
    await close();
  });
});

describe('around the panels', () => {
  test('kiosk mode takes away what stands around, and Esc brings it back', async () => {
    const { page, close } = await openPage(browser, base);
    await serveReference(page, { title: 'Wall', panels: [stat('One', 'up')] });
    await page.goto('/d/wall');
    await page.getByRole('button', { name: 'Dashboard menu' }).click();
    await page.getByRole('button', { name: 'Kiosk mode' }).click();
    await page.waitForURL(/kiosk=1/);
    await page.getByRole('navigation', { name: 'Pages' }).waitFor({ state: 'hidden' });
    assert.equal(await page.getByRole('heading', { level: 1 }).count(), 0);
    await shown(page, 'One').waitFor();
    await page.keyboard.press('Escape');
    await page.getByRole('navigation', { name: 'Pages' }).waitFor();
    assert.doesNotMatch(page.url(), /kiosk/);
    await page.goto('/d/wall?kiosk=tv');
    await page.getByRole('heading', { level: 1, name: 'Wall' }).waitFor();
    assert.equal(await page.getByRole('navigation', { name: 'Pages' }).isVisible(), false);
    await close();
  });

  test('a panel shows the data of another one, asked as that one asks', async () => {
    const { page, close } = await openPage(browser, base);
    const of = { id: 1, type: 'timeseries', title: 'Lines', gridPos: { x: 0, y: 0, w: 24, h: 8 }, targets: [{ refId: 'A', expr: 'rate(x[$__interval])' }] };
    const last = { id: 2, type: 'stat', title: 'Last', gridPos: { x: 0, y: 8, w: 6, h: 4 }, datasource: { type: 'datasource', uid: '-- Dashboard --' }, targets: [{ refId: 'A', panelId: 1 }] };
    const none = { ...last, id: 3, title: 'Of none', targets: [{ refId: 'A', panelId: 77 }] };
    await serveReference(page, { title: 'Shared', panels: [of, last, none] });
    const asked = [];
    page.on('request', (request) => { if (request.url().endsWith('/api/batch')) asked.push(...request.postDataJSON().queries.map(({ id: _id, ...query }) => JSON.stringify(query))); });
    await answerWith(page, [{ job: 'a' }], '42');
    await page.goto('/d/shared');
    await shown(page, 'Last').getByText('42').waitFor();
    await panel(page, 'Of none').getByText('It shows the data of panel 77, which the dashboard does not have.').waitFor();
    assert.deepEqual([asked.length, new Set(asked).size], [2, 1], asked.join('\n'));
    await screenshot(page, shots, 'data-of-another-panel');
    await close();
  });

  test('a table of many rows is read page by page', async () => {
    const { page, close } = await openPage(browser, base);
    await serveReference(page, { title: 'Long', panels: [{ id: 1, type: 'table', title: 'Rows', gridPos: { x: 0, y: 0, w: 24, h: 12 }, targets: [{ refId: 'A', expr: 'x', format: 'table', instant: true }] }] });
    await answerWith(page, Array.from({ length: 1200 }, (_, index) => ({ pod: `pod-${String(index).padStart(4, '0')}` })));
    await page.goto('/d/long');
    const rows = panel(page, 'Rows');
    await rows.getByText('1 to 500 of 1200 rows').waitFor();
    await rows.getByRole('button', { name: 'Later' }).click();
    await rows.getByRole('button', { name: 'Later' }).click();
    await rows.getByText('1001 to 1200 of 1200 rows').waitFor();
    assert.ok(await rows.getByRole('button', { name: 'Later' }).isDisabled());
    await rows.getByRole('cell', { name: 'pod-1199' }).waitFor();
    await close();
  });

  test('a state is written where it begins, and a long name leaves room for the states', async () => {
    const { page, close } = await openPage(browser, base);
    await page.addInitScript(() => {
      window.written = [];
      const original = CanvasRenderingContext2D.prototype.fillText;
      CanvasRenderingContext2D.prototype.fillText = function fillText(text, x, y) { window.written.push([text, this.textAlign, x]); return original.call(this, text, x, y); };
    });
    const name = 'a_metric_of_a_long_name{instance="host:9100",job="node",namespace="monitoring"}';
    const fieldConfig = { defaults: { mappings: [{ type: 'value', options: { 1: { text: 'Up', color: 'green' } } }] }, overrides: [] };
    await serveReference(page, { title: 'States', panels: [{ id: 1, type: 'state-timeline', title: 'One', gridPos: { x: 0, y: 0, w: 12, h: 6 }, targets: [{ refId: 'A', expr: 'up', legendFormat: name }], fieldConfig }] });
    await page.goto('/d/states');
    await page.waitForFunction(() => window.written.some(([text]) => text === 'Up'));
    const written = await page.evaluate(() => window.written);
    const [, align, x] = written.find(([text]) => text === 'Up');
    const [label] = written.find(([text]) => text.startsWith('a_metric'));
    assert.equal(align, 'left');
    assert.ok(x < 300, `the state begins at ${x}`);
    assert.ok(label.endsWith('…') && name.startsWith(label.slice(0, -1)), label);
    await close();
  });

  test('drawing options are drawn: stacks, gradients, thresholds, other scales', async () => {
    const { page, close } = await openPage(browser, base, { viewport: { width: 1280, height: 1100 } });
    const steps = [{ value: null, color: 'green' }, { value: 30, color: 'red' }];
    const kinds = {
      'Percent stack': { custom: { stacking: { mode: 'percent' }, fillOpacity: 50 } }, 'Bars after': { custom: { drawStyle: 'bars', barAlignment: 1, fillOpacity: 80 } },
      'Scheme': { color: { mode: 'thresholds' }, thresholds: { mode: 'percentage', steps }, custom: { gradientMode: 'scheme', lineWidth: 2 } }, 'Continuous': { color: { mode: 'continuous-GrYlRd' }, custom: { gradientMode: 'scheme', lineWidth: 2 } },
      'Shares': { thresholds: { mode: 'percentage', steps }, custom: { thresholdsStyle: { mode: 'dashed+area' } } }, 'Symlog': { custom: { scaleDistribution: { type: 'symlog', log: 10 } } },
      'Log': { custom: { scaleDistribution: { type: 'log', log: 2 } } }, 'Negative': { custom: { transform: 'negative-Y', stacking: { mode: 'normal' }, fillOpacity: 50 } }, 'Dots': { custom: { lineStyle: { fill: 'dot', dash: [0, 10] }, lineWidth: 3 } },
    };
    const panels = Object.entries(kinds).map(([title, defaults], index) => ({ id: index + 1, type: 'timeseries', title, gridPos: { x: (index % 3) * 8, y: Math.floor(index / 3) * 8, w: 8, h: 8 }, targets: [{ refId: 'A', expr: 'sum by (pod) (a)', legendFormat: '{{pod}}' }], fieldConfig: { defaults, overrides: [] } }));
    await serveReference(page, { title: 'Options', panels });
    await page.goto('/d/options');
    for (const title of Object.keys(kinds)) assert.ok((await colouredPixels(panel(page, title))) > 300, title);
    await screenshot(page, shots, 'drawing-options');
    await close();
  });
});

describe('bad input', () => {
  const evil = '"><img src=x onerror="document.title=1"><script>document.title=1</script>';

  test('texts of labels, variables, annotations, links and descriptions stay texts', async () => {
    const { page, close } = await openPage(browser, base);
    const lines = { targets: [{ refId: 'A', expr: 'x', legendFormat: '{{pod}}' }], description: evil, links: [{ title: evil, url: 'javascript:document.title=1' }, { title: 'data', url: 'data:text/html,<script>1</script>' }, { title: 'there', url: '/d/x?var-a=$evil' }] };
    const mapped = { fieldConfig: { defaults: { mappings: [{ type: 'value', options: { 1: { text: evil, color: 'red;background:url(//x)' } } }], unit: evil, links: [{ title: evil, url: 'javascript:document.title=1//${__value.text}' }] }, overrides: [] } };
    const overlay = '<div style="position:fixed;inset:0;background:red;z-index:99999">over</div><form action="https://x.example/"><input name=password></form><iframe src="https://x.example"></iframe><svg><a xlink:href="javascript:document.title=1"><text>t</text></a></svg><style>*{display:none}</style><base href="https://x.example/">';
    await serveReference(page, {
      title: evil, description: evil, tags: [evil], links: [{ type: 'link', title: evil, url: 'javascript:document.title=1' }],
      templating: { list: [{ name: 'evil', type: 'custom', query: 'a', current: { value: evil, text: evil } }, { name: evil, type: 'textbox', query: evil }] },
      annotations: { list: [{ name: evil, enable: true, expr: 'x', titleFormat: '{{pod}}', textFormat: '{{pod}}', iconColor: '"><b>' }] },
      panels: [
        { id: 1, type: 'timeseries', title: 'Lines', gridPos: { x: 0, y: 0, w: 12, h: 8 }, ...lines }, { id: 2, type: 'table', title: 'Table', gridPos: { x: 12, y: 0, w: 12, h: 8 }, ...mapped, targets: [{ refId: 'A', expr: 'x', format: 'table', instant: true }] },
        { id: 3, type: 'stat', title: 'Stat', gridPos: { x: 0, y: 8, w: 8, h: 6 }, ...mapped, targets: [{ refId: 'A', expr: 'x', legendFormat: '{{pod}}' }], options: { textMode: 'value_and_name' } },
        { id: 4, type: 'text', title: 'Text', gridPos: { x: 8, y: 8, w: 8, h: 6 }, options: { mode: 'html', content: overlay } }, { id: 5, type: 'bargauge', title: 'Bars', gridPos: { x: 16, y: 8, w: 8, h: 6 }, ...mapped, targets: [{ refId: 'A', expr: 'x', instant: true }] },
        { id: 6, type: 'state-timeline', title: 'States', gridPos: { x: 0, y: 14, w: 12, h: 6 }, ...mapped, targets: [{ refId: 'A', expr: 'x' }] }, { id: 7, type: 'piechart', title: 'Pie', gridPos: { x: 12, y: 14, w: 12, h: 6 }, ...mapped, targets: [{ refId: 'A', expr: 'x', instant: true }] },
      ],
    });
    await answerWith(page, [{ __name__: 'x', pod: evil, [evil]: evil }]);
    await page.goto('/d/evil');
    await shown(page, 'Stat').waitFor();
    await panel(page, 'Lines').locator('.u-over').hover();
    await panel(page, 'Pie').locator('svg').first().waitFor();
    assert.notEqual(await page.title(), '1');
    assert.equal(await page.locator('main script, main iframe, main [onerror], main base, main style, main [href^="javascript" i], main [href^="data:text" i]').count(), 0);
    // What a text places over the page stays within its panel.
    const over = await panel(page, 'Text').getByText('over').evaluate((element) => { const [a, b] = [element.getBoundingClientRect(), element.closest('section').getBoundingClientRect()]; return a.left < b.left - 1 || a.right > b.right + 1 || a.top < b.top - 1 || a.bottom > b.bottom + 1; }).catch(() => false);
    assert.equal(over, false);
    await page.getByRole('button', { name: 'Dashboard menu' }).click({ trial: true });
    await screenshot(page, shots, 'hostile-texts');
    await close();
  });

  test('documents of any shape leave the page standing', async () => {
    const documents = [
      { title: 5, panels: 'none', templating: [], annotations: 3, time: 'now', links: {}, tags: 'a' },
      { title: 'Odd grid', panels: [{ type: 'stat', title: 'Far', gridPos: { x: -5, y: 1e9, w: 1e9, h: 'x' }, targets: [{ expr: 'up' }] }, { type: 'row', panels: [{ type: 'row', panels: [null] }] }, null, 7, [], { id: 'x' }] },
      { title: 'Odd fields', panels: [{ type: 'timeseries', title: 'F', gridPos: { x: 0, y: 0, w: 12, h: 8 }, targets: [{ expr: 'up', legendFormat: {}, interval: [], intervalFactor: 'x', refId: 5 }], options: 5, fieldConfig: { defaults: { decimals: 1e9, unit: {}, min: 'a', max: [], custom: [], mappings: {}, thresholds: 4, color: 'red', links: {} }, overrides: [{}, { matcher: 5 }, { matcher: { id: 'byRegexp', options: '(' }, properties: [{ id: 'unit' }] }] } }] },
      { title: 'Odd variables', panels: [{ type: 'stat', title: '$a $b', targets: [{ expr: 'up{x="$a"}' }] }], templating: { list: [{ name: 'a', type: 'query', query: 'label_values(up, $b)' }, { name: 'b', type: 'query', query: 'label_values(up, $a)', regex: '(' }, { name: 'c' }, null, { type: 'custom', name: 'd', query: 5, current: { value: { a: 1 } } }, { type: 'interval', name: 'e', auto: true, auto_count: -1, query: '' }] } },
      { title: 'Odd repeats', panels: [{ type: 'stat', title: 'R', repeat: 'none', maxPerRow: 0, targets: [{ expr: 'up' }] }, { type: 'row', repeat: {}, title: {} }], refresh: 'soon', timezone: {}, time: { from: 'then', to: 5 } },
    ];
    for (const document of documents) {
      const { page, close, troubles } = await openPage(browser, base);
      await serveReference(page, document);
      await page.goto('/d/odd');
      await page.getByRole('heading', { level: 1 }).waitFor();
      await page.waitForTimeout(300);
      assert.equal(await page.getByText('could not be shown').count(), 0, JSON.stringify(document).slice(0, 60));
      await page.getByRole('button', { name: 'Dashboard menu' }).click();
      await page.keyboard.press('Escape');
      await page.getByRole('link', { name: 'Dashboards', exact: true }).click();
      await page.waitForURL(/\/dashboards$/);
      assert.deepEqual(troubles.filter((one) => !one.includes('Invalid regular expression')), []);
      await close({ expectTrouble: true });
    }
  });

  test('answers that are too large, broken or none say what to do', async () => {
    const answers = [
      [{ status: 200, answer: { status: 'success', data: { resultType: 'vector', result: Array.from({ length: 20_001 }, (_, index) => ({ metric: { a: String(index) }, value: [1, '1'] })) } } }, /at most 20000 are read.*select fewer/],
      [{ status: 422, answer: { status: 'error', errorType: 'execution', error: 'query processing would load too many samples into memory in query execution' } }, /too many samples/],
      [{ status: 200, answer: { status: 'success', data: { resultType: 'matrix', result: 5 } } }, /./],
      [{ status: 200, answer: null }, /not in the API's form/],
    ];
    for (const [answer, said] of answers) {
      const { page, close } = await openPage(browser, base);
      await serveReference(page, { title: 'Answers', panels: [stat('One', 'up'), { ...stat('Two', 'vector(2)'), id: 2, gridPos: { x: 8, y: 0, w: 8, h: 6 } }] });
      await page.route('**/api/batch', (route) => {
        const lines = route.request().postDataJSON().queries.map(({ id, query, end }) => JSON.stringify(query === 'up' ? { id, ...answer } : { id, status: 200, answer: { status: 'success', data: { resultType: 'matrix', result: [{ metric: {}, values: [[end, '2']] }] } } }));
        return route.fulfill({ contentType: 'application/x-ndjson', body: `${lines.join('\n')}\n` });
      });
      await page.goto('/d/answers');
      await shown(page, 'Two').waitFor();
      await panel(page, 'One').getByRole('alert').getByText(said).waitFor();
      await close();
    }
  });
});
