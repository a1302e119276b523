/** Weighs what a first visit downloads and fails when it is over budget. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';

const KB = 1024;
const BUDGET = { js: 90 * KB, css: 12 * KB, fonts: 36 * KB, lite: 26 * KB };

const root = fileURLToPath(new URL('../', import.meta.url));
const gz = (path) => gzipSync(readFileSync(path), { level: 9 }).length;
const html = readFileSync(join(root, 'dist/index.html'), 'utf8');
const files = readdirSync(join(root, 'dist/assets')).map((name) => join(root, 'dist/assets', name));

// Initial is what index.html names; chunks loaded later do not count.
const initial = (end) => files.filter((f) => f.endsWith(end) && html.includes(f.slice(f.lastIndexOf('/') + 1)));
const sum = (list, weigh) => list.reduce((total, file) => total + weigh(file), 0);
const lite = readdirSync(join(root, 'lite'), { recursive: true, withFileTypes: true })
  .filter((e) => e.isFile() && /\.(js|html|css)$/.test(e.name))
  .map((e) => join(e.parentPath ?? e.path, e.name));

const weight = {
  js: sum(initial('.js'), gz),
  css: sum(initial('.css'), gz),
  fonts: sum(files.filter((f) => f.endsWith('.woff2')), (f) => readFileSync(f).length),
  lite: sum(lite, gz),
};

let over = false;
for (const [kind, bytes] of Object.entries(weight)) {
  const ok = bytes <= BUDGET[kind];
  over ||= !ok;
  console.log(`${ok ? 'ok  ' : 'OVER'} ${kind.padEnd(6)} ${(bytes / KB).toFixed(1).padStart(6)} of ${(BUDGET[kind] / KB).toFixed(0)} KiB${kind === 'fonts' ? '' : ' gz'}`);
}
if (over) process.exit(1);
