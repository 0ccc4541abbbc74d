/** Tells whoever listens that the server asks for a login. Apart from login.ts, which makes calls itself. */
let listener: (() => void) | undefined;

export function onLoggedOut(act: () => void): void {
  listener = act;
}

/** Looks at an answer. A 401 that is not the server's own JSON is a password dialog's of the browser, and no page's business. */
export function heedLoggedOut(response: Response): void {
  if (response.status !== 401) return;
  if (response.headers.get('Content-Type')?.startsWith('application/json') === true) listener?.();
}
