/**
 * Where the application lives: below the path of --web.external-url or --web.route-prefix, or of a proxy that takes one away.
 * The server writes into each page how to get from its address to the application's root ("./", "../../"); everything else
 * in the application speaks of addresses as if that root were "/".
 */

/** The root as a path without its last slash: "" or "/prometheus". */
export function readBasePath(page: Document, address: string): string {
  const root = page.querySelector('meta[name="sextant-root"]')?.getAttribute('content') ?? '/';
  return new URL(root, address).pathname.replace(/\/+$/, '');
}

const base = readBasePath(document, window.location.href);

/** The address the browser needs for a path of the application ("/query?…"); others ("https://…", "#x", "//host") as they are. */
export function toBrowser(address: string, root = base): string {
  if (!address.startsWith('/') || address.startsWith('//')) return address;
  return root + address;
}

/** The application's path for one of the browser's; undefined when it does not belong to the application. */
export function fromBrowser(path: string, root = base): string | undefined {
  if (path !== root && !path.startsWith(`${root}/`)) return undefined;
  return path === root ? '/' : path.slice(root.length);
}

/** The application's path of the page that is shown. */
export function currentPath(): string {
  return fromBrowser(window.location.pathname) ?? '/';
}
