// The browser of the tests: headless Chromium driven over its own protocol, watched for everything a page must not do.
import { createRequire } from 'node:module';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';

const require = createRequire(new URL('../../ui/package.json', import.meta.url));
const { chromium } = require('playwright-core');

const flags = ['--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync'];

export const wide = { width: 1280, height: 800 };
export const narrow = { width: 420, height: 800 };

export function launch() {
  return chromium.launch({ executablePath: process.env.SEXTANT_CHROMIUM ?? '/usr/bin/chromium', args: flags });
}

/**
 * A fresh page with nothing stored. `page.troubles` collects console errors, exceptions and requests that leave the server;
 * `close` throws when there were any, unless the test expects them.
 */
export async function openPage(browser, base, { scheme = 'light', viewport = wide } = {}) {
  const context = await browser.newContext({ baseURL: base, colorScheme: scheme, viewport, timezoneId: 'UTC', reducedMotion: 'reduce' });
  const page = await context.newPage();
  page.setDefaultTimeout(15_000);
  const troubles = [];
  page.on('console', (message) => { if (message.type() === 'error') troubles.push(`console: ${message.text()}`); });
  page.on('pageerror', (error) => troubles.push(`exception: ${error.message}`));
  page.on('request', (request) => {
    const url = new URL(request.url());
    if (/^(https?|wss?):$/.test(url.protocol) && url.host !== new URL(base).host) troubles.push(`request to another host: ${request.url()}`);
  });
  const close = async ({ expectTrouble = false } = {}) => {
    await context.close();
    if (!expectTrouble && troubles.length > 0) throw new Error(`the page was not clean:\n  ${troubles.join('\n  ')}`);
  };
  return { page, close, troubles };
}

export async function screenshot(page, folder, name) {
  if (folder === undefined) return;
  mkdirSync(folder, { recursive: true });
  await page.mouse.move(0, 0);
  await page.screenshot({ path: join(folder, `${name}.png`) });
}

/** Coloured (not grey, not transparent) pixels of the first canvas inside `locator`: lines and areas, but not grid or text. */
export async function colouredPixels(locator) {
  const canvas = locator.locator('canvas').first();
  await canvas.waitFor();
  return canvas.evaluate((element) => {
    const { data } = element.getContext('2d').getImageData(0, 0, element.width, element.height);
    let count = 0;
    for (let i = 0; i < data.length; i += 4) {
      const [r, g, b, a] = [data[i], data[i + 1], data[i + 2], data[i + 3]];
      if (a > 20 && Math.max(r, g, b) - Math.min(r, g, b) > 30) count++;
    }
    return count;
  });
}

/** How far the content stands out over the right edge of the window; 0 when nothing does. */
export function overflow(page) {
  return page.evaluate(() => Math.max(0, document.documentElement.scrollWidth - window.innerWidth));
}

/** Repeats `check` until it returns something other than undefined; for what the server needs time to collect. */
export async function until(what, timeoutMs, check) {
  const deadline = Date.now() + timeoutMs;
  for (;;) {
    const found = await check().catch(() => undefined);
    if (found !== undefined) return found;
    if (Date.now() > deadline) throw new Error(`waited ${timeoutMs / 1000} s in vain for ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 250));
  }
}
