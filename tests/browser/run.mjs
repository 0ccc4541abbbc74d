// Opens every page of a running server in headless Chromium and asserts what a person would look for: Home, Machine, Query,
// Targets, Costs, Explain, Dashboards, Status, Flags, Alert history, Routing, Alerts, Pipelines, Profile, Users, Service accounts.
// Axe judges them in accessibility.mjs, what needs users is in login.mjs and admin.mjs, other servers' data in sources.mjs.
//
//   node tests/browser/run.mjs http://127.0.0.1:9090 [folder for screenshots]
//
// The server must scrape a node_exporter's metrics and have at least one rule group. Needs `npm ci` in ui/ and Chromium
// (/usr/bin/chromium, or SEXTANT_CHROMIUM).
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { serveReference } from './reference.mjs';
import { colouredPixels, launch, narrow, openPage, overflow, screenshot, until, wide } from './browser.mjs';

const [base, shots] = process.argv.slice(2);
if (base === undefined || !/^https?:\/\//.test(base)) {
  console.error('usage: node tests/browser/run.mjs BASE_URL [SCREENSHOT_FOLDER]');
  process.exit(2);
}

async function api(path) {
  const response = await fetch(new URL(`/api/v1/${path}`, base));
  const { status, data } = await response.json();
  assert.equal(status, 'success', path);
  return data;
}

/** The first value of an instant query, or undefined. */
async function ask(query) {
  const value = (await api(`query?query=${encodeURIComponent(query)}`)).result[0]?.value?.[1];
  return value === undefined ? undefined : Number(value);
}

const panel = (page, title) => page.getByRole('group', { name: title, exact: true });
const editor = (page, number = 1) => page.getByRole('textbox', { name: `Query ${number}, PromQL` });
const numberIn = (text) => Number(/-?\d+(?:\.\d+)?/.exec(text)?.[0]);

/** Every page with what must be on it before its picture is taken. */
const pages = {
  home: {
    path: '/', heading: 'Home',
    ready: async (page) => {
      await panel(page, 'CPU').locator('svg[role=img] text').waitFor();
      await panel(page, 'CPU by mode').scrollIntoViewIfNeeded(); // panels ask for their data when they come into view
      await panel(page, 'CPU by mode').locator('canvas').waitFor();
      await page.evaluate(() => window.scrollTo(0, 0));
    },
  },
  machine: {
    path: '/machine', heading: 'Machine',
    ready: async (page) => {
      await page.getByRole('table', { name: 'What uses this machine' }).locator('tbody tr').nth(2).waitFor();
      await panel(page, 'CPU').locator('canvas').waitFor();
    },
  },
  query: {
    path: `/query?${new URLSearchParams({ 'g0.expr': 'up', 'g0.tab': 'table', 'g1.expr': 'sum by (mode) (rate(node_cpu_seconds_total[1m]))', 'g1.tab': 'graph', from: 'now-15m', to: 'now' })}`,
    heading: 'Query', ready: async (page) => { await page.getByRole('table').waitFor(); await page.locator('canvas').waitFor(); await editor(page, 2).waitFor(); },
  },
  targets: { path: '/targets', heading: 'Targets', ready: (page) => page.getByRole('table').first().waitFor() },
  cardinality: { path: '/cardinality', heading: 'Costs', ready: (page) => page.getByRole('table', { name: 'Metrics' }).locator('tbody tr').first().waitFor() },
  explain: {
    path: '/explain?expr=sum+by+(cpu)+(rate(node_cpu_seconds_total[5m]))+%2F+scalar(count(up))', heading: 'Explain',
    ready: async (page) => { await page.getByRole('table', { name: 'Plan' }).locator('tbody tr').nth(4).waitFor(); await page.getByRole('textbox', { name: 'PromQL to explain' }).waitFor(); },
  },
  dashboards: { path: '/dashboards', heading: 'Dashboards', ready: (page) => page.getByRole('list', { name: 'Dashboards' }).waitFor() },
  status: { path: '/status', heading: 'Status', ready: (page) => page.getByRole('table', { name: 'Series by metric' }).locator('tbody tr').first().waitFor() },
  flags: { path: '/flags', heading: 'Flags', entry: 'Status', ready: (page) => page.getByRole('table', { name: 'Flags' }).waitFor() },
  history: { path: '/alert-history?view=noise', heading: 'Alert history', entry: 'Alerts', ready: (page) => page.getByRole('region', { name: 'Receivers' }).waitFor() },
  routing: {
    path: '/routing?labels=severity%3D%22page%22', heading: 'Routing', entry: 'Alerts',
    ready: (page) => page.getByRole('region', { name: 'Where an alert goes' }).getByRole('cell', { name: 'log', exact: true }).waitFor(),
  },
  pipelines: { path: '/pipelines', heading: 'Pipelines', ready: (page) => page.getByText('No pipelines').or(page.getByRole('region', { name: 'Pipeline metrics' })).waitFor() },
  profile: { path: '/profile', heading: 'Profile', entry: undefined, ready: (page) => page.getByText('Users are off').waitFor() },
  users: { path: '/users', heading: 'Users', entry: undefined, refused: true, ready: (page) => page.getByText('Users are off').waitFor() },
  accounts: { path: '/service-accounts', heading: 'Service accounts', entry: undefined, refused: true, ready: (page) => page.getByText('Users are off').waitFor() },
  alerts: { path: '/alerts', heading: 'Alerts', ready: (page) => page.getByRole('region', { name: /^Rule group / }).first().waitFor() },
};

let browser;
before(async () => {
  await until('the server and two scrapes of the host', 120_000, () => ask('count(rate(node_cpu_seconds_total{mode="idle"}[5m]))'));
  await until('an evaluated rule group', 60_000, async () => ((await api('rules')).groups.length > 0 ? true : undefined));
  browser = await launch();
});
after(() => browser?.close());

describe('every page in every look', () => {
  for (const scheme of ['light', 'dark']) {
    for (const [size, viewport] of Object.entries({ wide, narrow })) {
      for (const [name, { path, heading, ready, refused = false, ...rest }] of Object.entries(pages)) {
        const entry = 'entry' in rest ? rest.entry : heading; // of the navigation; some pages have none

        test(`${name}, ${scheme}, ${size}`, async () => {
          const { page, close } = await openPage(browser, base, { scheme, viewport });
          await page.goto(path);
          await page.getByRole('heading', { level: 1, name: heading }).waitFor();
          await ready(page);
          await page.waitForLoadState('networkidle');
          assert.equal(await page.title(), `${heading} · Sextant`);
          if (entry !== undefined) assert.equal(await page.getByRole('navigation', { name: 'Pages', exact: true }).getByRole('link', { name: entry }).getAttribute('aria-current'), 'page');
          assert.equal(await overflow(page), 0, 'nothing stands out over the right edge');
          const background = await page.evaluate(() => getComputedStyle(document.body).backgroundColor);
          const [red] = background.match(/\d+/g).map(Number);
          assert.ok(scheme === 'dark' ? red < 60 : red > 200, `${scheme} page has background ${background}`);
          assert.equal(await page.getByRole('alert').count(), 0, 'no error is shown');
          await screenshot(page, shots, `${name}-${scheme}-${size}`);
          await close({ expectTrouble: refused }); // the browser reports what this server does not have
        });
      }
    }
  }
});

describe('Home', () => {
  test("shows the host's true memory size, cores, load and use", async () => {
    const { page, close } = await openPage(browser, base);
    await page.goto('/');
    const memory = await ask('node_memory_MemTotal_bytes');
    const shown = await panel(page, 'Memory size').getByText(/\d [GMT]iB/).textContent();
    const unit = { MiB: 2 ** 20, GiB: 2 ** 30, TiB: 2 ** 40 }[shown.match(/[GMT]iB/)[0]];
    assert.ok(Math.abs(numberIn(shown) * unit - memory) <= 0.051 * unit, `${shown} for ${memory} bytes`);
    assert.equal(numberIn(await panel(page, 'Cores').locator('[data-color-mode]').textContent()), await ask('count(count by (cpu) (node_cpu_seconds_total))'));
    for (const title of ['CPU', 'Memory', 'Fullest disk']) {
      const percent = await panel(page, title).locator('svg[role=img] text').textContent();
      assert.match(percent, /^\d+(\.\d+)?%$/, title);
      assert.ok(numberIn(percent) > 0 && numberIn(percent) <= 100, `${title}: ${percent}`);
    }
    assert.ok(numberIn(await panel(page, 'Load, 1 min').locator('[data-color-mode]').textContent()) >= 0);
    await close();
  });

  test('draws its charts, all of them, down to the last row', async () => {
    const { page, close } = await openPage(browser, base);
    await page.goto('/');
    for (const title of ['CPU by mode', 'Load', 'Throughput', 'Samples per second', 'Samples per scrape']) {
      const found = panel(page, title);
      await found.scrollIntoViewIfNeeded();
      assert.ok((await colouredPixels(found)) > 100, `${title} is drawn`);
    }
    const memory = page.locator('[data-panel-type=timeseries]').and(panel(page, 'Memory'));
    assert.ok((await colouredPixels(memory)) > 1000, 'memory is drawn as areas');
    const root = panel(page, 'Filesystems').getByRole('row').filter({ has: page.getByRole('cell', { name: /^\// }) });
    await root.first().waitFor();
    assert.equal(await page.getByText('No data').count(), 0, 'no panel is empty');
    await screenshot(page, shots, 'home-bottom');
    await close();
  });

  test('a chart answers the pointer, and dragging zooms', async () => {
    const { page, close } = await openPage(browser, base);
    await page.goto('/');
    const over = panel(page, 'CPU by mode').locator('.u-over');
    const box = await over.boundingBox();
    await page.mouse.move(box.x + box.width - 2, box.y + box.height / 2); // the newest values: a server that just started has no others
    await page.getByRole('tooltip').filter({ hasText: /user/ }).filter({ hasText: /%/ }).waitFor();
    assert.ok((await over.locator('[class*=point]:not([hidden])').count()) > 1, 'a point on each line');
    await page.screenshot(shots === undefined ? {} : { path: `${shots}/home-tooltip.png` });
    await page.mouse.move(box.x + box.width * 0.5, box.y + 20);
    await page.mouse.down();
    await page.mouse.move(box.x + box.width * 0.9, box.y + 30, { steps: 5 });
    await page.mouse.up();
    await page.waitForURL(/from=\d{13}&to=\d{13}/);
    const parameters = new URL(page.url()).searchParams;
    const minutes = (Number(parameters.get('to')) - Number(parameters.get('from'))) / 60_000;
    assert.ok(minutes > 5.5 && minutes < 6.5, `40 % of 15 minutes are 6, not ${minutes}`);
    await close();
  });

  test('a panel leads to its expressions on the query page', async () => {
    const { page, close } = await openPage(browser, base);
    await page.goto('/');
    await panel(page, 'Load').getByRole('link', { name: 'Open Load in Query' }).click();
    await page.waitForURL(/\/query\?/);
    await page.getByRole('region', { name: 'Query 1' }).locator('canvas').waitFor();
    assert.match(await editor(page, 1).textContent(), /^node_load1\{job="[^"$]+", instance="[^"$]+"\}$/);
    assert.equal(await page.getByRole('region', { name: /^Query \d$/ }).count(), 4);
    await close();
  });

  test('rows fold, ranges change, refreshing asks again', async () => {
    const { page, close } = await openPage(browser, base);
    await page.goto('/');
    await panel(page, 'Throughput').waitFor({ state: 'attached' });
    await page.getByRole('button', { name: 'Disks' }).click();
    await panel(page, 'Throughput').waitFor({ state: 'detached' });
    await page.getByRole('button', { name: 'Time range' }).click();
    await page.getByRole('button', { name: 'Last 5 minutes' }).click();
    await page.waitForURL(/from=now-5m/);
    const asked = page.waitForRequest(/\/api\/batch/);
    await page.getByRole('button', { name: 'Refresh', exact: true }).click();
    await asked;
    await close();
  });

  test('a panel type that is not drawn yet says so, and the others stand', async () => {
    const { page, close } = await openPage(browser, base);
    await page.route('**/api/dashboards/uid/home', (route) => route.fulfill({ json: { dashboard: {
      title: 'Old', panels: [{ type: 'flamegraph', title: 'Flames', gridPos: { x: 0, y: 0, w: 12, h: 6 } }, { type: 'text', title: 'Words', gridPos: { x: 12, y: 0, w: 12, h: 6 }, options: { content: '**strong** <img src=x onerror="document.title=1">' } }],
    } } }));
    await page.goto('/');
    await panel(page, 'Flames').getByText('is not drawn').waitFor();
    assert.equal(await panel(page, 'Words').locator('strong').textContent(), 'strong');
    assert.equal(await page.title(), 'Home · Sextant', 'what a document says is not run');
    await close({ expectTrouble: true }); // the broken picture
  });
});

describe('Query', () => {
  test('completion opens while typing, Ctrl+Enter runs, the table has the value', async () => {
    const { page, close } = await openPage(browser, base);
    await page.goto('/query');
    await editor(page).click();
    await page.keyboard.type('node_memory_MemT');
    const offered = page.getByRole('listbox').getByRole('option', { name: /node_memory_MemTotal_bytes/ });
    await offered.waitFor();
    await screenshot(page, shots, 'query-completion');
    await page.waitForTimeout(150); // CodeMirror takes no keys in the first 75 ms of its list
    await page.keyboard.press('Enter');
    assert.match(await editor(page).textContent(), /^node_memory_MemTotal_bytes$/);
    await page.keyboard.press('Escape');
    await editor(page).fill('up == 1');
    await page.keyboard.press('Escape');
    await page.keyboard.press('Control+Enter');
    const rows = page.getByRole('table').locator('tbody tr');
    await rows.first().waitFor();
    assert.equal(await rows.count(), (await api('query?query=up%3D%3D1')).result.length);
    assert.match(await rows.first().textContent(), /up\{.*instance=.*\}1$/);
    assert.match(await page.getByText(/\d+ series/).textContent(), new RegExp(`^${await rows.count()} series`));
    await close();
  });

  test('the graph draws lines, lives in the address, and survives a reload', async () => {
    const { page, close } = await openPage(browser, base);
    await page.goto('/query?g0.expr=node_load1&g0.tab=table&from=now-15m&to=now');
    await page.getByRole('group', { name: 'View' }).getByRole('button', { name: 'Graph' }).click();
    assert.ok((await colouredPixels(page.getByRole('region', { name: 'Query 1' }))) > 100, 'lines are drawn');
    assert.match(page.url(), /g0\.tab=graph/);
    await page.reload();
    await page.getByRole('region', { name: 'Query 1' }).locator('canvas').waitFor();
    assert.equal(await editor(page).textContent(), 'node_load1');
    await close();
  });

  test('several queries stand below each other and go again', async () => {
    const { page, close } = await openPage(browser, base);
    await page.goto('/query?g0.expr=up');
    await page.getByRole('button', { name: 'Add query' }).click();
    await editor(page, 2).fill('1 + 1');
    await page.keyboard.press('Control+Enter');
    await page.getByRole('region', { name: 'Query 2' }).getByRole('cell', { name: '2', exact: true }).waitFor();
    await page.getByRole('button', { name: 'Remove Query 1' }).click();
    await page.getByRole('region', { name: 'Query 2' }).waitFor({ state: 'detached' });
    assert.equal(await editor(page).textContent(), '1 + 1');
    await close();
  });

  test("a mistake is explained in the server's words", async () => {
    const { page, close } = await openPage(browser, base);
    await page.goto('/query?g0.expr=sum(rate(up))');
    const message = page.getByRole('alert');
    await message.waitFor();
    assert.match(await message.textContent(), /not valid.*(range vector|matrix|instant vector)/is);
    await screenshot(page, shots, 'query-error');
    await close({ expectTrouble: true }); // the browser logs the 400
  });

  test('nothing found is not an error', async () => {
    const { page, close } = await openPage(browser, base);
    await page.goto('/query?g0.expr=no_such_metric_anywhere');
    await page.getByText('No series match').waitFor();
    await close();
  });
});

describe('Dashboards', () => {
  test('the list leads to a dashboard, words and tags narrow it', async () => {
    const { page, close } = await openPage(browser, base);
    await page.goto('/dashboards');
    await page.getByRole('list', { name: 'Dashboards' }).getByRole('link', { name: 'Home' }).click();
    await page.waitForURL(/\/d\/home/);
    await page.getByRole('heading', { level: 1, name: 'Home' }).waitFor();
    await page.goBack();
    await page.getByRole('searchbox', { name: 'Search dashboards' }).fill('no such dashboard');
    await page.getByText('No dashboard matches').waitFor();
    assert.match(page.url(), /search=/);
    await close();
  });

  test('a panel alone, and what is behind it, live in the address', async () => {
    const { page, close } = await openPage(browser, base);
    const targets = [{ refId: 'A', expr: 'sum by (mode) (rate(cpu_seconds_total[$__rate_interval]))', legendFormat: '{{mode}}' }];
    await serveReference(page, { title: 'Two', panels: [{ id: 1, type: 'timeseries', title: 'One', targets, gridPos: { x: 0, y: 0, w: 12, h: 8 } }, { id: 2, type: 'piechart', title: 'Shares', targets, gridPos: { x: 12, y: 0, w: 12, h: 8 } }] });
    await page.goto('/d/two');
    await panel(page, 'Shares').locator('svg[role=img] path').first().waitFor();
    await panel(page, 'One').hover();
    await page.getByRole('button', { name: 'Menu of One' }).click();
    await page.getByRole('link', { name: 'View', exact: true }).click();
    await page.waitForURL(/viewPanel=1/);
    await panel(page, 'Shares').waitFor({ state: 'detached' });
    await page.reload();
    await page.getByRole('button', { name: 'Back to the dashboard' }).click();
    await panel(page, 'Shares').waitFor();
    await page.goto('/d/two?inspect=1&inspectTab=query');
    const dialog = page.getByRole('dialog', { name: 'Inspect One' });
    await dialog.getByText(/rate\(cpu_seconds_total\[\d+[ms]\w*\]\)/).waitFor();
    await dialog.getByRole('button', { name: 'Data' }).click();
    await dialog.getByRole('columnheader', { name: 'mode-1' }).waitFor();
    const [file] = await Promise.all([page.waitForEvent('download'), dialog.getByRole('button', { name: 'Download CSV' }).click()]);
    assert.equal(file.suggestedFilename(), 'One.csv');
    await page.keyboard.press('Escape');
    await dialog.waitFor({ state: 'detached' });
    assert.doesNotMatch(page.url(), /inspect/);
    await close();
  });

  test('HTML in a document does not run, and what is lacking is said', async () => {
    const { page, close } = await openPage(browser, base);
    const bad = '<img src=x onerror="document.title=1"><script>document.title=1</script><b>kept</b>';
    await serveReference(page, { title: bad, panels: [{ id: 1, type: 'text', title: bad, options: { mode: 'html', content: bad } }, { id: 2, type: 'flamegraph', title: 'Profile' }, { id: 3, type: 'stat', title: 'Odd', targets: [{ expr: 'up' }], transformations: [{ id: 'noSuchThing' }] }] });
    await page.goto('/d/bad');
    await page.getByText('kept', { exact: true }).waitFor();
    await panel(page, 'Profile').getByText('is not drawn').waitFor();
    await panel(page, 'Odd').getByText('noSuchThing').waitFor();
    assert.notEqual(await page.title(), '1');
    assert.equal(await page.locator('main script, main [onerror]').count(), 0);
    await close();
  });
});

describe('Saving dashboards', () => {
  const documentOf = (title) => ({ title, uid: 'browser-saved', panels: [{ id: 1, type: 'stat', title: 'Up', gridPos: { x: 0, y: 0, w: 8, h: 6 }, targets: [{ refId: 'A', expr: 'count(up)' }] }] });
  const menu = async (page, item) => {
    await page.getByRole('button', { name: 'Dashboard menu' }).click();
    await page.getByRole('button', { name: item, exact: true }).click();
  };

  test('one is imported, changed, moved, restored, exported and deleted, and another change is noticed', async () => {
    await fetch(`${base}/api/dashboards/uid/browser-saved`, { method: 'DELETE' });
    const { page, close } = await openPage(browser, base);
    await page.goto('/dashboards');
    await page.getByRole('button', { name: 'Import' }).click();
    const importing = page.getByRole('dialog', { name: 'Import a dashboard' });
    await importing.getByLabel('or its JSON').fill('{"no": "title"}');
    await importing.getByRole('button', { name: 'Import' }).click();
    await importing.getByRole('alert').getByText('it has no title').waitFor();
    await importing.getByLabel('A file').setInputFiles({ name: 'd.json', mimeType: 'application/json', buffer: Buffer.from(JSON.stringify({ dashboard: documentOf('Brought along'), meta: {} })) });
    await screenshot(page, shots, 'dashboard-import');
    await importing.getByRole('button', { name: 'Import' }).click();
    await page.waitForURL(/\/d\/browser-saved/);
    await page.getByRole('heading', { level: 1, name: 'Brought along' }).waitFor();
    await panel(page, 'Up').getByText(/^\d+$/).waitFor();

    await menu(page, 'Edit JSON');
    const editing = page.getByRole('dialog', { name: 'JSON of Brought along' });
    const text = await editing.getByLabel('The dashboard').inputValue();
    // Somebody else is faster.
    await fetch(`${base}/api/dashboards/db`, { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify({ dashboard: documentOf('Theirs'), overwrite: true }) });
    await editing.getByLabel('The dashboard').fill(text.replace('Brought along', 'Mine'));
    await editing.getByLabel('What changed').fill('another title');
    await editing.getByRole('button', { name: 'Save' }).click();
    await editing.getByText('has been changed by someone else').waitFor();
    await screenshot(page, shots, 'dashboard-conflict');
    await editing.getByLabel('Save over the other version').check();
    await editing.getByRole('button', { name: 'Save' }).click();
    await page.getByRole('heading', { level: 1, name: 'Mine' }).waitFor();

    await menu(page, 'Move');
    const moving = page.getByRole('dialog', { name: 'Move Mine' });
    await moving.getByLabel('Folder').selectOption('A new folder…');
    await moving.getByLabel('Name of the new folder').fill(`Folder ${Date.now()}`);
    await moving.getByRole('button', { name: 'Move' }).click();
    await moving.waitFor({ state: 'detached' });
    const { meta } = await (await fetch(`${base}/api/dashboards/uid/browser-saved`)).json();
    assert.match(meta.folderTitle, /^Folder \d+$/);

    await menu(page, 'Versions');
    const versions = page.getByRole('table', { name: 'Versions' });
    await versions.getByText('another title').waitFor();
    await versions.getByRole('button', { name: 'Restore version 1' }).click();
    await page.getByRole('heading', { level: 1, name: 'Brought along' }).waitFor();
    const [file] = await Promise.all([page.waitForEvent('download'), menu(page, 'Export')]);
    assert.equal(file.suggestedFilename(), 'Brought along.json');
    await menu(page, 'Delete');
    await page.getByRole('button', { name: 'Delete the dashboard' }).click();
    await page.waitForURL(/\/dashboards$/);
    assert.equal((await fetch(`${base}/api/dashboards/uid/browser-saved`)).status, 404);
    await fetch(`${base}/api/folders/${meta.folderUid}`, { method: 'DELETE' });
    await close({ expectTrouble: true }); // the refused save
  });

  test('a dashboard asks in one request, and what is out of sight not at all', async () => {
    const panels = Array.from({ length: 40 }, (_, index) => ({ id: index + 1, type: 'stat', title: `P${index + 1}`, gridPos: { x: (index % 4) * 6, y: Math.floor(index / 4) * 6, w: 6, h: 6 }, targets: [{ refId: 'A', expr: `vector(${index + 1})` }] }));
    await fetch(`${base}/api/dashboards/db`, { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify({ dashboard: { title: 'Many', uid: 'browser-many', panels }, overwrite: true }) });
    const { page, close } = await openPage(browser, base);
    const batches = [];
    let alone = 0;
    page.on('request', (request) => {
      if (request.url().endsWith('/api/batch')) batches.push(request.postDataJSON().queries.map(({ query }) => query));
      if (/\/api\/v1\/query/.test(request.url())) alone++;
    });
    await page.goto('/d/browser-many');
    await panel(page, 'P1').getByText('1', { exact: true }).waitFor();
    assert.equal(alone, 0);
    assert.equal(batches.length, 1, 'one request for all that is in sight');
    assert.ok(batches[0].length >= 12 && batches[0].length < 40, `${batches[0].length} queries`);
    assert.ok(!batches[0].includes('vector(40)'));
    await panel(page, 'P40').scrollIntoViewIfNeeded();
    await panel(page, 'P40').getByText('40', { exact: true }).waitFor();
    const before = batches.length;
    await Promise.all([page.waitForResponse(/\/api\/batch/), page.keyboard.press('r')]);
    assert.ok(batches[before].includes('vector(40)') && !batches[before].includes('vector(1)'), 'what was left behind is not refreshed');
    await Promise.all([page.waitForResponse(/\/api\/batch/), page.evaluate(() => window.scrollTo(0, 0))]);
    assert.ok(batches.at(-1).includes('vector(1)'), 'it is when it is seen again');
    await fetch(`${base}/api/dashboards/uid/browser-many`, { method: 'DELETE' });
    await close();
  });
});

describe('Exploring', () => {
  test('the metrics browser tells types, units and series, and builds a query', async () => {
    const { page, close } = await openPage(browser, base);
    await page.goto('/query');
    await page.getByRole('button', { name: 'Metrics browser' }).click();
    const dialog = page.getByRole('dialog', { name: 'Metrics' });
    await dialog.getByRole('searchbox').fill('node_cpu_seconds_total');
    const found = dialog.getByRole('list', { name: 'Found metrics' }).getByRole('button').first();
    await found.getByText(/counter.* · \d+ series/).waitFor();
    await found.click();
    await dialog.getByText('rate(node_cpu_seconds_total[5m])').waitFor();
    await dialog.getByRole('button', { name: 'Condition' }).click();
    await dialog.getByLabel('Label', { exact: true }).selectOption('mode');
    await dialog.getByLabel('Value', { exact: true }).fill('idle');
    await dialog.getByLabel('What of all together').selectOption('Sum');
    await dialog.getByRole('group', { name: 'By' }).getByLabel('cpu').check();
    await screenshot(page, shots, 'query-builder');
    await dialog.getByRole('button', { name: 'Use this query' }).click();
    await dialog.waitFor({ state: 'detached' });
    assert.equal(await editor(page).textContent(), 'sum by (cpu) (rate(node_cpu_seconds_total{mode="idle"}[5m]))');
    await page.getByRole('table').locator('tbody tr').first().waitFor();
    await close();
  });

  test('a slow query can be stopped, and asked again', async () => {
    const { page, close } = await openPage(browser, base);
    let release;
    await page.route(/\/api\/v1\/query(\?|$)/, async (route) => { await new Promise((resolve) => { release = resolve; }); await route.continue().catch(() => undefined); });
    await page.goto('/query?g0.expr=up');
    await page.getByRole('button', { name: 'Stop' }).click();
    await page.getByText('Stopped', { exact: true }).waitFor();
    await page.unroute(/\/api\/v1\/query(\?|$)/);
    release?.();
    await page.getByRole('button', { name: 'Run' }).click();
    await page.getByRole('table').locator('tbody tr').first().waitFor();
    await close();
  });

  test('histograms are drawn as a heatmap, and exemplars as dots with their labels', async () => {
    const { page, close } = await openPage(browser, base);
    await serveReference(page, {});
    await page.route(/\/api\/v1\/query_exemplars/, (route) => {
      const end = Number(new URL(route.request().url()).searchParams.get('end'));
      return route.fulfill({ json: { status: 'success', data: [{ seriesLabels: { __name__: 'duration_bucket', le: '1' }, exemplars: [{ labels: { trace_id: '0af7651916cd43dd' }, value: '0.4', timestamp: end - 60 }] }] } });
    });
    await page.goto(`/query?${new URLSearchParams({ 'g0.expr': 'sum by (le) (rate(duration_bucket[5m]))', 'g0.tab': 'heatmap' })}`);
    assert.ok((await colouredPixels(page.getByRole('region', { name: 'Query 1' }))) > 1000, 'cells are drawn');
    await screenshot(page, shots, 'query-heatmap');
    await page.getByRole('group', { name: 'View' }).getByRole('button', { name: 'Graph' }).click();
    await page.getByLabel('Exemplars').check();
    await page.waitForURL(/show_exemplars=1/);
    await page.getByRole('region', { name: 'Exemplars' }).getByText('0af7651916cd43dd').waitFor();
    await screenshot(page, shots, 'query-exemplars');
    await close();
  });
});

describe('Pipelines and routes', () => {
  test('edges are drawn with what passes and what is refused', async () => {
    const { page, close } = await openPage(browser, base);
    const edge = (from, to, more = {}) => ({ pipeline: 'traces', from, to, items: 1000, itemsPerSecond: 50.5, refused: 0, refusedPerSecond: 0, pending: 3, ...more });
    const components = [
      { component: 'exporter otlp', signal: 'traces', queue: { size: 900, capacity: 1000, unit: 'requests' }, sent: 5, sendFailed: 14, notQueued: 2, dropped: 12, droppedByReason: { 'no more retries left': 12 } },
      { component: 'exporter otlp', signal: 'logs', sent: 0, sendFailed: 0, notQueued: 0, dropped: 0, droppedByReason: {} },
    ];
    await page.route('**/api/v1/pipelines', (route) => route.fulfill({ json: { edges: [edge('', 'processor memory_limiter'), edge('processor memory_limiter', 'processor batch'), edge('processor batch', 'exporter otlp', { refused: 7, refusedPerSecond: 1.5 }), edge('processor batch', 'exporter debug')], components } }));
    await page.goto('/pipelines');
    const figures = page.getByRole('table', { name: 'Edges of traces' });
    await figures.getByText('900 of 1k requests').waitFor();
    const cells = await figures.getByRole('row').filter({ hasText: 'exporter otlp' }).getByRole('cell').allTextContents();
    assert.deepEqual(cells, ['processor batch', 'exporter otlp', '50.5', '1k', '1.5', '7', '3', '900 of 1k requests', '2', '14', '1212 no more retries left']);
    await page.getByText('refuses items').waitFor();
    for (const colorScheme of ['light', 'dark']) {
      await page.emulateMedia({ colorScheme });
      await screenshot(page, shots, `pipelines-full-${colorScheme}`);
    }
    await close();
  });

  test('the routing tree shows where an alert goes', async () => {
    const { page, close } = await openPage(browser, base);
    const original = 'route:\n  receiver: log\n  routes:\n  - receiver: pager\n    matchers:\n    - severity="page"\n    continue: true\n  - receiver: mail\n    matchers:\n    - team="a"\nreceivers:\n- name: log\n';
    await page.route(/\/api\/v2\/status/, (route) => route.fulfill({ json: { config: { original }, uptime: '', versionInfo: {} } }));
    await page.route(/\/api\/v2\/alerts\/explain/, (route) => route.fulfill({ json: { isKnown: false, isFiring: false, inhibitedBy: [], silencedBy: [], routes: [{ route: '{}/{severity="page"}', receiver: 'pager', groupKey: 'x', mutedBy: [], isOutsideOfActiveIntervals: false, integrations: [] }] } }));
    await page.goto('/routing?labels=severity%3D%22page%22');
    const tree = page.getByRole('region', { name: 'Routing tree' });
    await tree.locator('[data-taken=true]').getByText('→ pager').waitFor();
    assert.equal(await tree.locator('[data-taken=true]').count(), 1);
    assert.equal(await tree.getByRole('listitem').count(), 3);
    await screenshot(page, shots, 'routing-tree');
    await close();
  });
});

describe('Server pages', () => {
  test('flags, configuration and status show what the API says', async () => {
    const { page, close } = await openPage(browser, base);
    await page.goto('/status');
    await page.getByRole('table', { name: 'Series by metric' }).locator('tbody tr').first().waitFor();
    await page.getByRole('link', { name: 'Flags' }).click();
    await page.getByRole('table', { name: 'Flags' }).locator('tbody tr').first().waitFor();
    const flags = await api('status/flags');
    assert.equal(await page.getByRole('table', { name: 'Flags' }).locator('tbody tr').count(), Object.keys(flags).length);
    await page.getByRole('link', { name: 'Configuration' }).click();
    await page.locator('pre code').first().waitFor();
    await screenshot(page, shots, 'config');
    await close();
  });

  test('service discovery tells what each relabelling rule did', async () => {
    const { page, close } = await openPage(browser, base);
    const steps = [{ rule: { source_labels: ['a'], target_label: 'b', action: 'replace' }, output: { __address__: 'x:1', a: '1', b: '1' }, keep: true }, { rule: { action: 'drop' }, output: {}, keep: false }];
    const success = (data) => (route) => route.fulfill({ contentType: 'application/json', body: JSON.stringify({ status: 'success', data }) });
    await page.route(/\/api\/v1\/scrape_pools/, success({ scrapePools: ['p'] }));
    await page.route(/\/api\/v1\/targets\?/, success({ activeTargets: [], droppedTargets: [{ discoveredLabels: { __address__: 'x:1', a: '1' }, scrapePool: 'p' }], droppedTargetCounts: { p: 1 } }));
    await page.route(/\/api\/v1\/targets\/relabel_steps/, success({ steps }));
    await page.goto('/service-discovery');
    await page.getByRole('button', { name: 'Relabelling of x:1' }).click();
    const list = page.getByRole('list', { name: 'Relabelling steps' });
    await list.getByText('is set to').waitFor();
    await list.getByText('The target is dropped here.').waitFor();
    await screenshot(page, shots, 'service-discovery');
    await close();
  });
});

describe('Silences', () => {
  test('one is made from an alert with a look at what it hides, and expired', async () => {
    const { page, close } = await openPage(browser, base);
    const alert = { fingerprint: '1', labels: { alertname: 'Slow', team: 'a' }, annotations: { summary: 'It is slow' }, startsAt: '2026-01-01T00:00:00Z', endsAt: '2026-01-01T00:00:00Z', receivers: [{ name: 'mail' }], status: { state: 'active', silencedBy: [], inhibitedBy: [] } };
    let silences = [];
    const answer = (route, body) => route.fulfill({ contentType: 'application/json', body: JSON.stringify(body) });
    await page.route(/\/api\/v2\/alerts\/groups/, (route) => answer(route, [{ labels: { team: 'a' }, receiver: { name: 'mail' }, alerts: [alert] }]));
    await page.route(/\/api\/v2\/alerts\?/, (route) => answer(route, new URL(route.request().url()).searchParams.getAll('filter').includes('team="a"') ? [alert] : []));
    await page.route(/\/api\/v2\/status/, (route) => answer(route, { config: { original: 'route:' }, uptime: '', versionInfo: { version: '1' } }));
    await page.route(/\/api\/v2\/silence(s|\/)/, (route) => {
      if (route.request().method() === 'POST') {
        silences = [{ ...route.request().postDataJSON(), id: 's1', updatedAt: '', status: { state: 'active' } }];
        return answer(route, { silenceID: 's1' });
      }
      if (route.request().method() === 'DELETE') silences = silences.map((one) => ({ ...one, status: { state: 'expired' } }));
      return answer(route, silences);
    });
    await page.goto('/alertmanager');
    await page.getByText('It is slow').waitFor();
    await screenshot(page, shots, 'notifications');
    await page.getByRole('link', { name: 'Silence', exact: true }).first().click();
    const dialog = page.getByRole('dialog', { name: 'New silence' });
    await dialog.getByText('Hides 1 alert now').waitFor();
    await dialog.getByRole('button', { name: 'Silence', exact: true }).click();
    await dialog.getByText('Say who makes the silence.').waitFor();
    await dialog.getByLabel('By').fill('me');
    await dialog.getByLabel('Why').fill('it is known');
    await screenshot(page, shots, 'silence-new');
    await dialog.getByRole('button', { name: 'Silence', exact: true }).click();
    await page.getByRole('list', { name: 'Silences' }).getByText('it is known').waitFor();
    assert.deepEqual(silences[0].matchers, [{ name: 'team', value: 'a', isRegex: false, isEqual: true }]);
    await page.getByRole('button', { name: 'Expire', exact: true }).click();
    await page.getByText('Change the search or the state.').waitFor();
    await close();
  });
});

describe('Alert history and routing', () => {
  test('what happened to an alert, why it goes where it goes, and where another configuration would have sent it', async () => {
    const { page, close, troubles } = await openPage(browser, base);
    const posted = await fetch(`${base}/api/v2/alerts`, {
      method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify([{ labels: { alertname: 'Walrus', severity: 'critical', note: '<b>"x"</b>' } }]),
    });
    assert.equal(posted.status, 200);
    await page.goto('/alert-history?filter=alertname%3D"Walrus"');
    const events = page.getByRole('list', { name: 'Events' });
    await events.getByText('Began').waitFor();
    assert.equal(await events.getByRole('listitem').filter({ hasText: 'Walrus' }).count() > 0, true);
    await screenshot(page, shots, 'alert-history');
    await page.getByRole('button', { name: 'Held back', exact: true }).click();
    await page.getByText('Change the filter or the kind.').waitFor();
    await page.getByRole('button', { name: 'Noise', exact: true }).click();
    await page.getByRole('region', { name: 'Alerts by how often they change' }).getByRole('link', { name: 'Walrus' }).waitFor();
    await screenshot(page, shots, 'alert-noise');
    await page.getByRole('button', { name: 'Messages', exact: true }).click();
    await page.waitForURL(/view=deliveries/);
    await page.goBack();
    await page.goto('/alert-history?filter=alertname%3D"Walrus"');
    await events.getByRole('link', { name: 'Why' }).first().click();
    const way = page.getByRole('region', { name: 'Where an alert goes' });
    await way.getByText('fires now').waitFor();
    await way.getByRole('cell', { name: 'log', exact: true }).waitFor();
    const trial = page.getByRole('region', { name: 'Try a configuration' });
    await trial.getByLabel('The file').fill('route: {receiver: nobody}');
    await trial.getByRole('button', { name: 'Try it' }).click();
    await trial.getByRole('alert').getByText('nobody').waitFor();
    await trial.getByLabel('The file').fill('route: {receiver: pager, group_wait: 0s}\nreceivers: [{name: pager, webhook_configs: [{url: "http://127.0.0.1:1/"}]}]');
    await trial.getByRole('button', { name: 'Try it' }).click();
    const outcome = trial.getByRole('region', { name: 'Outcome' });
    await outcome.getByRole('row', { name: /^pager – \d+ with/ }).waitFor();
    await outcome.getByRole('row').filter({ hasText: 'Walrus' }).getByText('pager').waitFor();
    await screenshot(page, shots, 'routing');
    // The refused configuration is an answer that the browser reports, and nothing else went wrong.
    assert.deepEqual(troubles.filter((one) => !one.includes('400')), []);
    await close({ expectTrouble: true });
  });
});

describe('Machine', () => {
  const rows = (page) => page.getByRole('table', { name: 'What uses this machine' }).locator('tbody tr');

  test('what eats this machine is one click from the home page', async () => {
    const { page, close } = await openPage(browser, base);
    await page.goto('/');
    const strip = page.getByRole('navigation', { name: 'What uses this machine' });
    assert.match(await strip.getByRole('link', { name: /^Most memory/ }).textContent(), /Most memory .+ \d+(\.\d+)? [KMG]iB/);
    await strip.getByRole('link', { name: /^Most memory/ }).click();
    await page.waitForURL(/\/machine\?sort=memory/);
    await rows(page).nth(2).waitFor();
    const shown = await rows(page).first().locator('td').nth(2).textContent();
    const { topProcesses } = await api('host/processes?limit=25');
    const most = Math.max(...topProcesses.map((one) => one.memoryBytes));
    const unit = { KiB: 2 ** 10, MiB: 2 ** 20, GiB: 2 ** 30 }[shown.match(/[KMG]iB/)[0]];
    assert.ok(Math.abs(numberIn(shown) * unit - most) < 0.3 * most, `${shown} for ${most} bytes`);
    await close();
  });

  test('names programs, services and containers, and the order lives in the address', async () => {
    const { page, close } = await openPage(browser, base);
    await page.goto('/machine');
    await rows(page).nth(2).waitFor();
    const amounts = async (column) => (await rows(page).locator(`td:nth-child(${column})`).allTextContents()).map(numberIn);
    const cpu = await amounts(2);
    assert.deepEqual(cpu, [...cpu].sort((a, b) => b - a), 'most CPU first');
    await page.getByRole('button', { name: 'Programs' }).click();
    await page.getByRole('columnheader', { name: 'Program' }).waitFor();
    await rows(page).filter({ hasText: 'sextant' }).first().waitFor();
    await page.getByRole('button', { name: 'Memory' }).click();
    assert.match(page.url(), /by=names&sort=memory/);
    assert.equal(await page.getByRole('columnheader', { name: 'Memory' }).getAttribute('aria-sort'), 'descending');
    await close();
  });

  test('draws the last minutes second by second', async () => {
    const { page, close } = await openPage(browser, base);
    await page.goto('/machine');
    for (const title of ['CPU', 'Memory']) {
      await panel(page, title).scrollIntoViewIfNeeded();
      assert.ok((await colouredPixels(panel(page, title))) > 100, `${title} is drawn`);
    }
    const { timesMs } = await api('host/recent?seconds=300&metric[]=load');
    const steps = timesMs.slice(1).map((time, i) => time - timesMs[i]).sort((a, b) => a - b);
    assert.ok(Math.abs(steps[Math.floor(steps.length / 2)] - 1000) < 100, 'a second apart');
    await close();
  });
});

describe('Costs', () => {
  test('lists the metrics with most series, and each leads to a query that takes it apart', async () => {
    const { page, close } = await openPage(browser, base);
    await page.goto('/cardinality');
    const { metrics, head } = await api('status/cardinality');
    assert.ok(head.series > 100 && head.series <= head.seriesLimit);
    const rows = page.getByRole('table', { name: 'Metrics' }).locator('tbody tr');
    await rows.first().waitFor();
    assert.equal(await rows.count(), metrics.length);
    const counted = await ask(`count({__name__="${metrics[0].metric}"})`);
    assert.ok(Math.abs(counted - metrics[0].series) <= 2, `${counted} series of ${metrics[0].metric}, not ${metrics[0].series}`);
    await page.getByRole('table', { name: 'Targets' }).getByText('node').first().waitFor();
    await rows.first().getByRole('link').click();
    await page.waitForURL(/\/query\?/);
    await page.getByRole('table').locator('tbody tr').first().waitFor();
    await close();
  });

  test('the order and the number of rows live in the address', async () => {
    const { page, close } = await openPage(browser, base);
    await page.goto('/cardinality?sort=created');
    assert.equal(await page.getByRole('button', { name: 'Most new series' }).getAttribute('aria-pressed'), 'true');
    const asked = page.waitForRequest(/status\/cardinality\?.*limit=50/);
    await page.getByRole('group', { name: 'Rows' }).getByRole('button', { name: '50' }).click();
    await asked;
    assert.match(page.url(), /rows=50/);
    await close();
  });
});

describe('Explain', () => {
  test('shows the plan with what each part took, and follows from the query page', async () => {
    const { page, close } = await openPage(browser, base);
    await page.goto(`/query?${new URLSearchParams({ 'g0.expr': 'sum(rate(node_cpu_seconds_total[5m]))', 'g0.tab': 'table' })}`);
    await page.getByRole('region', { name: 'Query 1' }).getByRole('link', { name: 'Explain' }).click();
    await page.waitForURL(/\/explain\?expr=sum/);
    const rows = page.getByRole('table', { name: 'Plan' }).locator('tbody tr');
    await rows.first().waitFor();
    assert.match(await rows.nth(0).textContent(), /^sum/);
    assert.match(await rows.nth(1).textContent(), /^rate\(\)/);
    const { plan } = await api(`explain?${new URLSearchParams({ query: 'sum(rate(node_cpu_seconds_total[5m]))' })}`);
    assert.equal(plan.name, 'sum');
    assert.ok(plan.operands[0].series > 0 && plan.samples > plan.operands[0].series, 'series and samples are counted');
    await page.getByRole('button', { name: 'The last hour' }).click();
    await page.waitForURL(/range=1/);
    await page.getByText('× 241').waitFor();
    await close();
  });

  test('a query that cannot run says why', async () => {
    const { page, close } = await openPage(browser, base);
    await page.goto('/explain?expr=sum(');
    assert.match(await page.getByRole('alert').textContent(), /parse error/);
    await close({ expectTrouble: true });
  });
});

describe('Targets', () => {
  test('lists what the server scrapes, with its health and its labels', async () => {
    const { page, close } = await openPage(browser, base);
    await page.goto('/targets');
    const { activeTargets } = await api('targets');
    const up = activeTargets.filter((target) => target.health === 'up');
    assert.ok(up.length > 0, 'something is up');
    for (const pool of new Set(activeTargets.map((target) => target.scrapePool))) await page.getByRole('region', { name: `Pool ${pool}` }).waitFor();
    const line = page.getByRole('row').filter({ hasText: up[0].scrapeUrl });
    assert.match(await line.first().textContent(), new RegExp(`up.*job=?${up[0].labels.job}`));
    assert.match(await line.first().textContent(), /(ago|just now).*(ms|µs|s)$/);
    await page.getByRole('button', { name: `Details of ${up[0].scrapeUrl}` }).first().click();
    await page.getByText('Discovered labels').waitFor();
    await screenshot(page, shots, 'targets-details');
    await close();
  });

  test('filters by health and by words, and keeps both in the address', async () => {
    const { page, close } = await openPage(browser, base);
    await page.goto('/targets');
    const { activeTargets } = await api('targets');
    const [first] = activeTargets;
    await page.getByRole('searchbox', { name: 'Search targets' }).fill(first.scrapeUrl);
    await page.waitForURL(/search=/);
    const found = activeTargets.filter((target) => target.scrapeUrl.includes(first.scrapeUrl)).length;
    assert.equal(await page.getByRole('button', { name: /^Details of/ }).count(), found);
    await page.getByRole('searchbox', { name: 'Search targets' }).fill('no such target');
    await page.getByText('No target matches').waitFor();
    await close();
  });

  test('shows what a pool is scraped with', async () => {
    const { page, close } = await openPage(browser, base);
    await page.goto('/targets');
    await page.getByRole('button', { name: 'Scrape config' }).first().click();
    const dialog = page.getByRole('dialog', { name: /^Scrape config of / });
    await dialog.getByText(/every .*timeout/).waitFor();
    await screenshot(page, shots, 'targets-config');
    await page.keyboard.press('Escape');
    await dialog.waitFor({ state: 'detached' });
    await close({ expectTrouble: true }); // a server may refuse to show its configuration
  });
});

describe('Alerts', () => {
  test('lists the rule groups, their rules, and leads to the query', async () => {
    const { page, close } = await openPage(browser, base);
    await page.goto('/alerts');
    const { groups } = await api('rules');
    for (const group of groups) await page.getByRole('region', { name: `Rule group ${group.name}`, exact: true }).waitFor();
    const rule = groups.flatMap((group) => group.rules).find((one) => one.type === 'alerting');
    assert.ok(rule !== undefined, 'there is an alerting rule');
    const head = page.getByRole('button', { name: rule.name, exact: true }).first();
    if ((await head.getAttribute('aria-expanded')) === 'false') await head.click();
    await page.getByRole('link', { name: rule.query, exact: true }).first().click();
    await page.waitForURL(/\/query\?/);
    await editor(page).waitFor();
    assert.equal((await editor(page).textContent()).replace(/\s+/g, ''), rule.query.replace(/\s+/g, ''));
    await close();
  });

  test('the state filter agrees with the server', async () => {
    const { page, close } = await openPage(browser, base);
    await page.goto('/alerts');
    const { groups } = await api('rules');
    const inactive = groups.flatMap((group) => group.rules).filter((rule) => rule.state === 'inactive').length;
    await page.getByRole('group', { name: 'State' }).getByRole('button', { name: `Inactive ${inactive}` }).click();
    await page.waitForURL(/state=inactive/);
    assert.equal(await page.getByRole('main').locator('li > div > button[aria-expanded]').count(), inactive);
    await close();
  });
});

describe('everywhere', () => {
  test('the content security policy allows no styles or scripts but ours, and another page has another nonce', async () => {
    const nonces = new Set();
    for (let i = 0; i < 2; ++i) {
      const response = await fetch(`${base}/query`);
      const policy = response.headers.get('content-security-policy');
      assert.doesNotMatch(policy, /unsafe|\*/);
      const nonce = /style-src 'self' 'nonce-([0-9a-f]{32})'/.exec(policy)[1];
      assert.ok((await response.text()).includes(`name="sextant-nonce" content="${nonce}"`));
      assert.equal(response.headers.get('cache-control'), 'no-store');
      nonces.add(nonce);
    }
    assert.equal(nonces.size, 2);
    const { page, close } = await openPage(browser, base);
    await page.goto('/query');
    await editor(page).waitFor();
    // What the editor makes of styles while it runs is there.
    assert.equal(await page.locator('.cm-scroller').first().evaluate((element) => getComputedStyle(element).display), 'flex');
    const isRefused = await page.evaluate(() => {
      const style = document.createElement('style');
      style.textContent = 'body { --evil: 1 }';
      document.head.append(style);
      return getComputedStyle(document.body).getPropertyValue('--evil') === '';
    });
    assert.ok(isRefused);
    await close({ expectTrouble: true });
  });

  test('the keyboard alone is enough', async () => {
    const { page, close } = await openPage(browser, base);
    await page.goto('/');
    await page.getByRole('heading', { level: 1 }).waitFor();
    await page.keyboard.press('Tab');
    assert.equal(await page.evaluate(() => document.activeElement.textContent), 'Skip to content');
    await page.keyboard.press('Enter');
    assert.equal(await page.evaluate(() => document.activeElement.id), 'content');
    for (const [key, path] of [['q', '/query'], ['t', '/targets'], ['a', '/alerts'], ['h', '/']]) {
      await page.evaluate(() => document.activeElement.blur());
      await page.keyboard.press('g');
      await page.keyboard.press(key);
      await page.waitForURL((url) => url.pathname === path);
    }
    await page.keyboard.press('?');
    await page.getByRole('dialog', { name: 'Keyboard' }).waitFor();
    await screenshot(page, shots, 'keyboard-help');
    await page.keyboard.press('Escape');
    await page.getByRole('dialog').waitFor({ state: 'detached' });
    await page.goto('/targets');
    await page.getByRole('searchbox').waitFor();
    await page.keyboard.press('/');
    assert.equal(await page.evaluate(() => document.activeElement.type), 'search');
    const ring = await page.evaluate(() => getComputedStyle(document.activeElement).outlineStyle);
    assert.notEqual(ring, 'none', 'what has the focus shows it');
    await close();
  });

  test('light and dark can be chosen and the choice stays', async () => {
    const { page, close } = await openPage(browser, base, { scheme: 'light' });
    await page.goto('/targets');
    await page.getByRole('button', { name: 'Switch to the dark theme' }).click();
    await page.reload();
    await page.getByRole('button', { name: 'Switch to the light theme' }).waitFor();
    assert.match(await page.evaluate(() => getComputedStyle(document.body).backgroundColor), /rgb\((\d|[1-5]\d), /);
    await close();
  });

  test('going back returns to where one was', async () => {
    const { page, close } = await openPage(browser, base);
    await page.goto('/targets');
    await page.getByRole('link', { name: 'Alerts' }).click();
    await page.getByRole('heading', { level: 1, name: 'Alerts' }).waitFor();
    await page.goBack();
    await page.getByRole('heading', { level: 1, name: 'Targets' }).waitFor();
    await close();
  });

  test('a server that goes away is announced, and its return too', async () => {
    const { page, close } = await openPage(browser, base);
    await page.goto('/targets');
    await page.getByRole('table').first().waitFor();
    await page.route('**/api/**', (route) => route.abort('connectionrefused'));
    await page.keyboard.press('r');
    await page.getByText('The server cannot be reached').first().waitFor();
    assert.ok((await page.getByRole('table').count()) > 0, 'the last answer stays on the page');
    await screenshot(page, shots, 'unreachable');
    await page.unroute('**/api/**');
    await page.keyboard.press('r');
    await page.getByText('The server cannot be reached').first().waitFor({ state: 'detached' });
    await close({ expectTrouble: true }); // the refused connections
  });

  test('Home opened while the server is away fills itself when it returns', async () => {
    const { page, close } = await openPage(browser, base);
    await page.route('**/api/**', (route) => route.abort('connectionrefused'));
    await page.goto('/');
    await page.getByText('The server cannot be reached').waitFor();
    await page.unroute('**/api/**');
    await panel(page, 'CPU').locator('svg[role=img] text').waitFor();
    await page.getByText('The server cannot be reached').waitFor({ state: 'detached' });
    await close({ expectTrouble: true }); // the refused connections
  });

  test('an address that leads nowhere says so', async () => {
    const { page, close } = await openPage(browser, base);
    const response = await page.goto('/no/such/page');
    if (response.status() !== 404) await page.getByRole('heading', { name: 'No such page' }).waitFor();
    await close({ expectTrouble: response.status() === 404 }); // the browser logs the 404
  });
});
