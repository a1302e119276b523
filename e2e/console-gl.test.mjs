// The renderer for GPUs, here on SwiftShader: it draws drones where the other one does, and its loss is survived.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { holds, launch, missing, picture, pixelsAround } from './support/browser.mjs';
import { live, project } from './support/console.mjs';
import { until } from './support/process.mjs';
import { startServer } from './support/server.mjs';

// SwiftShader computes everything that is drawn on the processor: small pages, and time.
const options = { skip: missing, timeout: 300_000 };
const VIEWPORT = { width: 560, height: 640 };
const TOLERANCE_PX = 1.5;
/** So many stand apart from the others far enough to be told apart. */
const DRAWN_MIN = 6;
let browser;
let server;
before(async () => {
  if (!missing) [browser, server] = await Promise.all([launch({ gl: true }), startServer({ args: ['--scenario', 'hello', '--paused'] })]);
});
after(async () => { await browser?.close(); await server?.end('SIGKILL'); server?.remove(); });

const open = (t, renderer) => live(t, browser, server, `/?test&renderer=${renderer}&at=0,0,0,2`, { viewport: VIEWPORT });

/** Where the drones are drawn, once most of them are: the picture of a slow machine may lag behind what it will show. */
const drawn = (page, drones) => until('the drones are drawn', async () => {
  const places = Object.fromEntries(await Promise.all(drones.map(async ({ id }) => [id, await project(page, id)])));
  const found = await pixelsAround(page, places, '#8fa1ab', 11);
  return Object.values(found).filter(Boolean).length >= DRAWN_MIN && found;
}, { within: 90_000, every: 250 });

test('both renderers draw every drone in the same place', options, async (t) => {
  const { drones } = await server.json('/api/drones');
  const centres = {};
  for (const renderer of ['gl', 'raster']) {
    const page = await open(t, renderer);
    await holds(page, (name) => window.__console.renderer === name, renderer === 'gl' ? 'webgl2' : 'raster');
    // The overlay with its names and trails is not what is compared.
    await page.evaluate(() => { for (const canvas of document.querySelectorAll('.above')) canvas.style.visibility = 'hidden'; });
    await picture(page, `console-${renderer}`);
    centres[renderer] = await drawn(page, drones);
    assert.deepEqual(page.faults, []);
    await page.context().close();
  }
  const seen = Object.keys(centres.gl).filter((id) => centres.gl[id] && centres.raster[id]);
  t.diagnostic(JSON.stringify(seen.map((id) => [id, centres.gl[id], centres.raster[id]])));
  assert.ok(seen.length >= DRAWN_MIN, `${seen.length} drones are drawn by both`);
  for (const id of seen) {
    const [a, b] = [centres.gl[id], centres.raster[id]];
    const away = Math.hypot(a.x - b.x, a.y - b.y);
    assert.ok(away <= TOLERANCE_PX, `${id}: ${away.toFixed(2)} px apart`);
    assert.ok(a.pixels > b.pixels / 2 && a.pixels < b.pixels * 2, `${id}: ${a.pixels} and ${b.pixels} pixels`);
  }
});

test('a lost context switches to the processor at once, and the map goes on', options, async (t) => {
  const page = await open(t, 'gl');
  await holds(page, () => window.__console.renderer === 'webgl2');
  await page.evaluate(() => document.querySelector('.map canvas').getContext('webgl2').getExtension('WEBGL_lose_context').loseContext());
  await holds(page, () => window.__console.renderer === 'raster');
  const seq = await page.evaluate(() => window.__console.seq);
  await holds(page, (before) => window.__console.seq > before, seq);
  const { drones } = await server.json('/api/drones');
  await drawn(page, drones);
  assert.deepEqual(page.faults, []);
});

test('without a GPU the processor draws from the beginning', options, async (t) => {
  const page = await live(t, browser, server, '/?test', { viewport: VIEWPORT });
  assert.equal(await page.evaluate(() => window.__console.renderer), 'raster', 'SwiftShader is no GPU');
});
