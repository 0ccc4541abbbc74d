import { expect, test } from 'vitest';
import { fromBrowser, readBasePath, toBrowser } from './basePath';

function pageWith(root: string | undefined): Document {
  const page = document.implementation.createHTMLDocument('');
  if (root === undefined) return page;
  const meta = page.createElement('meta');
  meta.setAttribute('name', 'sextant-root');
  meta.setAttribute('content', root);
  page.head.append(meta);
  return page;
}

test('the root is found from what the page says of its own address', () => {
  expect(readBasePath(pageWith(undefined), 'http://h/query')).toBe('');
  expect(readBasePath(pageWith('./'), 'http://h/query?a=/b')).toBe('');
  expect(readBasePath(pageWith('./'), 'http://h/prometheus/')).toBe('/prometheus');
  expect(readBasePath(pageWith('../../'), 'http://h/a/b/d/uid/slug')).toBe('/a/b');
});

test('addresses go below the root, and those of others stay', () => {
  expect(toBrowser('/query?x=1', '/prom')).toBe('/prom/query?x=1');
  expect(toBrowser('/graph?x=1', '/graph')).toBe('/graph/graph?x=1');
  expect(toBrowser('/prometheus', '/prom')).toBe('/prom/prometheus');
  expect(toBrowser('/', '/prom')).toBe('/prom/');
  expect(toBrowser('/query', '')).toBe('/query');
  for (const other of ['https://h/x', '//h/x', '#part', 'relative']) expect(toBrowser(other, '/prom')).toBe(other);
});

test('only what lies below the root is the application', () => {
  expect(fromBrowser('/prom/query', '/prom')).toBe('/query');
  expect(fromBrowser('/prom', '/prom')).toBe('/');
  expect(fromBrowser('/prometheus/query', '/prom')).toBeUndefined();
  expect(fromBrowser('/query', '/prom')).toBeUndefined();
  expect(fromBrowser('/query', '')).toBe('/query');
});
