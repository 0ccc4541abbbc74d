/**
 * History routing for a handful of pages: the address is the only state, components subscribe to it, and a plain click on a
 * <Link> changes it without a reload. Modified clicks (new tab, download) are left to the browser.
 */
import { useSyncExternalStore } from 'react';
import type { AnchorHTMLAttributes, MouseEvent } from 'react';
import { currentPath, fromBrowser, toBrowser } from '../api/basePath';

const changed = new EventTarget();

function subscribe(listener: () => void): () => void {
  window.addEventListener('popstate', listener);
  changed.addEventListener('change', listener);
  return () => {
    window.removeEventListener('popstate', listener);
    changed.removeEventListener('change', listener);
  };
}

/** The current path with its search part; re-renders the caller when it changes. */
export function useAddress(): { path: string; search: string } {
  const address = useSyncExternalStore(subscribe, () => currentPath() + window.location.search);
  const mark = address.indexOf('?');
  return mark < 0 ? { path: address, search: '' } : { path: address.slice(0, mark), search: address.slice(mark) };
}

/** As pages are named, whatever slashes the address ends in. */
export const trimmedPath = (path: string) => (path.length > 1 ? path.replace(/\/+$/, '') : path);

/** Goes to `to` (the application's path and search); `replace` keeps it out of the back button's list. */
export function navigate(to: string, options: { replace?: boolean } = {}): void {
  const address = toBrowser(to);
  if (address === window.location.pathname + window.location.search) return;
  if (options.replace === true) window.history.replaceState(null, '', address);
  else window.history.pushState(null, '', address);
  changed.dispatchEvent(new Event('change'));
}

/** Replaces only the search part of the address. */
export function setSearch(parameters: URLSearchParams, options: { replace?: boolean } = {}): void {
  const search = parameters.toString();
  navigate(currentPath() + (search === '' ? '' : `?${search}`), options);
}

/**
 * For links inside content that is not ours to write, such as those of dashboards: a plain click on one that leads to a page
 * of the application changes the address instead of loading the page anew.
 */
export function followInside(event: MouseEvent<HTMLElement>, isPage: (path: string) => boolean): void {
  if (event.defaultPrevented || event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
  const anchor = event.target instanceof Element ? event.target.closest('a') : null;
  if (anchor === null || anchor.target === '_blank' || anchor.origin !== window.location.origin) return;
  const path = fromBrowser(anchor.pathname);
  if (path === undefined || !isPage(path)) return;
  if (anchor.getAttribute('href')?.startsWith('#') === true) return;
  event.preventDefault();
  navigate(path + anchor.search);
}

type LinkProps = AnchorHTMLAttributes<HTMLAnchorElement> & { to: string };

export function Link({ to, onClick, ...rest }: LinkProps) {
  const follow = (event: MouseEvent<HTMLAnchorElement>) => {
    onClick?.(event);
    if (event.defaultPrevented || event.button !== 0) return;
    if (event.metaKey || event.ctrlKey || event.shiftKey || event.altKey || rest.target === '_blank') return;
    event.preventDefault();
    navigate(to);
  };
  return <a href={toBrowser(to)} onClick={follow} {...rest} />;
}
