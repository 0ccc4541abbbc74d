/** Hands a text to the browser as a file. */
export function download(name: string, text: string, type: string): void {
  const url = URL.createObjectURL(new Blob([text], { type }));
  const anchor = document.createElement('a');
  anchor.href = url;
  anchor.download = name.replace(/[^\w.\- ]+/g, '_').slice(0, 120);
  anchor.click();
  window.setTimeout(() => URL.revokeObjectURL(url), 10_000);
}
