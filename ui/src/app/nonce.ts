/**
 * The word by which the page's content security policy allows styles that are made while it runs. It is another one for each
 * page that the server gives out; empty where no server wrote it (development).
 */
export function styleNonce(page: Document = document): string {
  return page.querySelector('meta[name="sextant-nonce"]')?.getAttribute('content') ?? '';
}
