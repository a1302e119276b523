// The small page that needs no build: served always, and at `/` when there is no console.

import assert from 'node:assert/strict';
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { accessibilityFaults, holds, launch, missing, open, picture } from './support/browser.mjs';
import { until } from './support/process.mjs';
import { startServer } from './support/server.mjs';

const options = { skip: missing, timeout: 60_000 };
let browser;
let server;
before(async () => { if (!missing) [browser, server] = await Promise.all([launch(), startServer()]); });
after(async () => { await browser?.close(); await server?.end('SIGKILL'); server?.remove(); });

test('/lite/ counts the drones, draws them and holds them', options, async (t) => {
  const page = await open(t, browser, server, '/lite/');
  const { drones } = await server.json('/api/drones');
  await holds(page, (n) => document.body.innerText.includes(String(n)), drones.length);
  const painted = () => page.evaluate(() => {
    const canvas = document.querySelector('canvas');
    const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
    return new Set(new Uint32Array(data.buffer)).size > 2;
  });
  await until('something is drawn', painted);
  await picture(page, 'lite');
  await page.getByRole('button', { name: /hold/i }).first().click();
  await until('drones hold', async () => (await server.json('/api/status')).modes.hold > 0);
  assert.deepEqual(await accessibilityFaults(page), []);
  assert.deepEqual(page.faults, []);
});

test('without a built console / leads to the small page', options, async (t) => {
  const bare = await startServer({ t, args: ['--console-dir', mkdtempSync(join(tmpdir(), 'hmrs-none-'))] });
  const page = await open(t, browser, bare, '/');
  await until('the small page is shown', async () => (await page.locator('canvas').count()) > 0 && /lite|HMRS/i.test(await page.title()));
  assert.deepEqual(page.faults, []);
});
