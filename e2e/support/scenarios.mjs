// Scenarios made for a measurement from those that are built in.

import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { artefacts, root } from './server.mjs';

/** The path of ten thousand boids: the built-in thousand on three times the ground. */
export function tenThousand() {
  const path = join(artefacts, 'ten-thousand.toml');
  const text = readFileSync(join(root, 'scenarios', 'thousand.toml'), 'utf8');
  const wider = (list) => list.replace(/-?\d+\.\d+/g, (n) => (Number(n) * 3).toFixed(1));
  writeFileSync(path, text
    .replace('A thousand boids', 'Ten thousand boids').replaceAll('count = 250', 'count = 2500').replaceAll('columns = 25', 'columns = 50')
    .replace(/^(polygon|box|center) = .*$/gm, wider).replace(/(home = .*)/g, (line) => line.replace(/center = \[[^\]]*\]/, wider)));
  return path;
}
