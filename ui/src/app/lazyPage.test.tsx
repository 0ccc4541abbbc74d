import { act } from 'react';
import { createRoot } from 'react-dom/client';
import { afterEach, expect, test } from 'vitest';
import { ErrorBoundary } from '../components/ErrorBoundary';
import { lazyPage } from './lazyPage';

(globalThis as { IS_REACT_ACT_ENVIRONMENT?: boolean }).IS_REACT_ACT_ENVIRONMENT = true;

const mounted: (() => void)[] = [];
afterEach(() => mounted.splice(0).forEach((unmount) => unmount()));

async function show(Page: React.ComponentType): Promise<HTMLElement> {
  const host = document.createElement('div');
  const root = createRoot(host, { onCaughtError: () => undefined });
  mounted.push(() => act(() => root.unmount()));
  await act(async () => { root.render(<ErrorBoundary what="The page"><Page /></ErrorBoundary>); await Promise.resolve(); });
  return host;
}

test('a page is shown when its code is there, and at once when it comes again', async () => {
  let loads = 0;
  const Page = lazyPage('it', () => { loads++; return Promise.resolve({ default: () => <p>here</p> }); });
  expect((await show(Page)).textContent).toBe('here');
  expect((await show(Page)).textContent).toBe('here');
  expect(loads).toBe(1);
});

test('code that does not come is told by the boundary, and asked for again the next time', async () => {
  let fails = true;
  const Page = lazyPage('it', () => (fails ? Promise.reject(new Error('no network')) : Promise.resolve({ default: () => <p>here</p> })));
  expect((await show(Page)).textContent).toContain('no network');
  fails = false;
  expect((await show(Page)).textContent).toBe('here');
});

test('code that is begun before is loaded once; a failure then is nobody’s', async () => {
  let loads = 0;
  const Page = lazyPage('it', () => { loads++; return Promise.resolve({ default: () => <p>here</p> }); });
  Page.begin();
  Page.begin();
  expect((await show(Page)).textContent).toBe('here');
  expect(loads).toBe(1);
  let fails = true;
  const Later = lazyPage('it', () => (fails ? Promise.reject(new Error('no network')) : Promise.resolve({ default: () => <p>later</p> })));
  Later.begin();
  await Promise.resolve();
  await Promise.resolve();
  await Promise.resolve();
  fails = false;
  expect((await show(Later)).textContent).toBe('later');
});
