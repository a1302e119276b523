// The renderer for GPUs, here on SwiftShader: it draws drones where the other one does, and its loss is survived.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { holds, launch, missing, picture, pixelsAround } from './support/browser.mjs';
import { live, project } from './support/console.mjs';
import { startServer } from './support/server.mjs';

const options = { skip: missing, timeout: 120_000 };
const TOLERANCE_PX = 1.5;
let browser;
let server;
before(async () => {
  if (!missing) [browser, server] = await Promise.all([launch({ gl: true }), startServer({ args: ['--scenario', 'hello', '--paused'] })]);
});
after(async () => { await browser?.close(); await server?.end('SIGKILL'); server?.remove(); });

const open = (t, renderer) => live(t, browser, server, `/?test&renderer=${renderer}&at=0,0,0,3`, { viewport: { width: 1100, height: 800 } });

test('both renderers draw every drone in the same place', options, async (t) => {
  const { drones } = await server.json('/api/drones');
  const centres = {};
  for (const renderer of ['gl', 'raster']) {
    const page = await open(t, renderer);
    await holds(page, (name) => window.__console.renderer === name, renderer === 'gl' ? 'webgl2' : 'raster');
    const places = Object.fromEntries(await Promise.all(drones.map(async ({ id }) => [id, await project(page, id)])));
    // The overlay with its names and trails is not what is compared.
    await page.evaluate(() => { for (const canvas of document.querySelectorAll('.above')) canvas.style.visibility = 'hidden'; });
    await picture(page, `console-${renderer}`);
    centres[renderer] = await pixelsAround(page, places, '#8fa1ab', 11);
    assert.deepEqual(page.faults, []);
  }
  const seen = Object.keys(centres.gl).filter((id) => centres.gl[id] && centres.raster[id]);
  t.diagnostic(JSON.stringify(seen.map((id) => [id, centres.gl[id], centres.raster[id]])));
  assert.ok(seen.length >= 3, `${seen.length} drones stand apart from the others`);
  assert.deepEqual(Object.keys(centres.gl).map((id) => centres.gl[id] !== null), Object.keys(centres.raster).map((id) => centres.raster[id] !== null));
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
  await page.getByText(/drawing goes on without it/).waitFor();
  const seq = await page.evaluate(() => window.__console.seq);
  await holds(page, (before) => window.__console.seq > before, seq);
  const { drones } = await server.json('/api/drones');
  const places = Object.fromEntries(await Promise.all(drones.map(async ({ id }) => [id, await project(page, id)])));
  const drawn = Object.values(await pixelsAround(page, places, '#8fa1ab', 11)).filter(Boolean);
  assert.ok(drawn.length > 0, 'drones are drawn');
  assert.deepEqual(page.faults, []);
});

test('without a GPU the processor draws from the beginning', options, async (t) => {
  const page = await live(t, browser, server, '/?test');
  assert.equal(await page.evaluate(() => window.__console.renderer), 'raster', 'SwiftShader is no GPU');
});
