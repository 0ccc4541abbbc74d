// What a page costs on the wire: the JavaScript and CSS that each entry of the built application loads, compressed with brotli.
// Usage: node tools/bundle-size.mjs [limit of the initial load in KB]; exits 1 when the limit is exceeded.
import { readdirSync, readFileSync } from 'node:fs';
import { brotliCompressSync } from 'node:zlib';

const limitKb = Number(process.argv[2] ?? 300);
const dist = new URL('../dist/', import.meta.url);
const html = readFileSync(new URL('index.html', dist), 'utf8');
const sizes = new Map(readdirSync(new URL('assets/', dist)).filter((name) => /\.(js|css)$/.test(name))
  .map((name) => [name, brotliCompressSync(readFileSync(new URL(`assets/${name}`, dist))).length]));
const kb = (bytes) => (bytes / 1000).toFixed(1).padStart(7);

let initial = 0;
for (const [name, bytes] of [...sizes].sort((a, b) => b[1] - a[1])) {
  const first = html.includes(name);
  if (first) initial += bytes;
  console.log(`${kb(bytes)} KB ${first ? 'at first' : 'on need '} ${name}`);
}
console.log(`${kb(initial)} KB at first, ${kb([...sizes.values()].reduce((sum, one) => sum + one, 0))} KB in all (brotli)`);
if (initial > limitKb * 1000) {
  console.error(`The initial load exceeds ${limitKb} KB.`);
  process.exit(1);
}
