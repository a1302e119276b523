// What an operator does beside flying: a queue of points, other keys, a screen on the wall, a look at the wire, figures as files.

import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { accessibilityFaults, holds, launch, missing, picture } from './support/browser.mjs';
import { holdButton, live, selection, stripOf } from './support/console.mjs';
import { full, until } from './support/process.mjs';
import { startServer } from './support/server.mjs';

const options = { skip: missing };
const atLength = { ...options, skip: missing ?? (full ? undefined : 'at full length only') };
/** One bright pixel. */
const BRIGHT_PNG = 'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8/5+hHgAHggJ/PchI7wAAAABJRU5ErkJggg==';
let server, browser;
before(async () => { if (!missing) [browser, server] = await Promise.all([launch(), startServer()]); });
after(async () => { await browser?.close(); await server?.end('SIGKILL'); server?.remove(); });

const drawer = (page, name) => page.getByRole('tab', { name, exact: true }).click();

test('points are queued with the mouse and by key, and flown one after the other', options, async (t) => {
  const page = await live(t, browser, server, '/?test');
  const { drones } = await server.json('/api/drones');
  const id = drones[0].id;
  await page.goto(`${server.url}/?test&sel=${id}`);
  await holds(page, (wanted) => window.__console?.selection[0] === wanted, id);
  const map = page.locator('.map');
  const { width, height } = await map.boundingBox();
  for (const [x, y] of [[0.58, 0.74], [0.7, 0.8]]) await map.click({ position: { x: width * x, y: height * y }, button: 'right', modifiers: ['Shift'] });
  await map.focus();
  await page.keyboard.press('w');
  const queue = page.getByRole('region', { name: 'Queue of points' });
  await queue.getByText(/^3 points/).waitFor();
  await queue.getByRole('button', { name: 'Leave out point 3' }).click();
  await queue.getByText(/^2 points/).waitFor();
  await queue.getByLabel('Height of point 2, m').fill('25');
  await queue.getByLabel('Height of point 2, m').press('Enter');
  await picture(page, 'console-queue');
  assert.deepEqual(await accessibilityFaults(page), []);
  await queue.getByRole('button', { name: /^Fly with 1 drone/ }).click();
  await holdButton(page, page.getByRole('button', { name: /^Hold to/ }));
  const strip = await until('the mission has begun', () => stripOf(page, 'mission_start'), { within: 20_000 });
  assert.equal(strip.error, null);
  const { waypoints } = (await server.json('/api/commands')).commands.find((c) => c.command === 'mission').params;
  assert.equal(waypoints.length, 2);
  assert.equal(waypoints[1].position[2], 25);
  await until('the drone flies its points', async () => (await server.json(`/api/drones/${id}`)).mode === 'mission', { within: 20_000 });
  assert.deepEqual(page.faults, []);
});

test('a key can be another one, is remembered, and cannot be taken twice', options, async (t) => {
  const page = await live(t, browser, server, '/?test');
  const help = async () => {
    await page.locator('.map').focus();
    await page.keyboard.press('?');
    await page.getByRole('dialog').waitFor();
  };
  await help();
  await page.getByRole('button', { name: /^A, All/ }).click();
  await page.keyboard.press('z');
  await page.getByText('Z is taken: Show everything.').waitFor();
  await page.keyboard.press('Enter');
  await page.getByText('Enter cannot be given away.').waitFor();
  await page.keyboard.press('o');
  await page.getByRole('button', { name: /^O, All/ }).waitFor();
  assert.deepEqual(await accessibilityFaults(page), []);
  await page.reload();
  await holds(page, () => window.__console?.drones > 0);
  await page.locator('.map').focus();
  await page.keyboard.press('a');
  assert.deepEqual(await selection(page), []);
  await page.keyboard.press('o');
  await holds(page, () => window.__console.selection.length === window.__console.drones);
  await help();
  await page.getByRole('button', { name: 'Keys as they were' }).click();
  await page.getByRole('button', { name: /^A, All/ }).waitFor();
});

test('a screen on the wall shows the picture and commands nothing', options, async (t) => {
  const page = await live(t, browser, server, '/?test&kiosk');
  await page.locator('.wall').waitFor();
  await page.locator('.map').focus();
  const before = (await server.json('/api/commands')).commands.length;
  await page.keyboard.press('a');
  await page.keyboard.press('h');
  await page.getByText('Only the picture is shown here.').waitFor();
  assert.equal((await server.json('/api/commands')).commands.length, before);
  for (const hidden of ['Stop all', 'Pause']) assert.equal(await page.getByRole('button', { name: hidden }).isVisible(), false, hidden);
  await picture(page, 'console-kiosk');
  assert.deepEqual(await accessibilityFaults(page), []);
  await page.keyboard.press('k');
  await page.getByRole('button', { name: /^Stop all/ }).waitFor();
});

test('tiles of the server lie under the swarm, with the name of those who made them', options, async (t) => {
  const dir = mkdtempSync(join(tmpdir(), 'hmrs-tiles-'));
  t.after(() => rmSync(dir, { recursive: true, force: true }));
  const { lat, lon } = { lat: 29.3759, lon: 47.9774 };
  for (const z of [15, 16, 17]) {
    const [x0, y0] = [((lon + 180) / 360) * 2 ** z, ((1 - Math.asinh(Math.tan((lat * Math.PI) / 180)) / Math.PI) / 2) * 2 ** z].map(Math.floor);
    for (let x = x0 - 3; x <= x0 + 3; x++) {
      mkdirSync(join(dir, `${z}/${x}`), { recursive: true });
      for (let y = y0 - 3; y <= y0 + 3; y++) writeFileSync(join(dir, `${z}/${x}/${y}.png`), Buffer.from(BRIGHT_PNG, 'base64'));
    }
  }
  writeFileSync(join(dir, 'attribution.txt'), '© the makers of maps\n');
  const own = await startServer({ t, args: ['--scenario', 'facade', '--database-url', 'none', '--tiles-dir', dir] });
  assert.equal((await own.json('/api/config')).tiles.zoom_max, 17);
  assert.equal((await own.get('/api/tiles/17/1/1.png')).status, 404);
  assert.equal((await own.get('/api/tiles/17/..%2F..%2F/etc.png')).status, 404);
  const page = await live(t, browser, own, '/?test', { colorScheme: 'dark' });
  await page.getByText('© the makers of maps').waitFor();
  const bright = () => page.locator('.map canvas').first().evaluate((canvas) => {
    const { data } = canvas.getContext('2d').getImageData(40, 40, 200, 100);
    return data.reduce((sum, value, i) => sum + (i % 4 === 3 ? 0 : value), 0) / (data.length * 0.75);
  });
  await until('the map is there', async () => (await bright()) > 40, { within: 20_000 });
  await picture(page, 'console-tiles');
  await page.locator('.map').focus();
  await page.keyboard.press('b');
  await until('the map is gone', async () => (await bright()) < 30, { within: 20_000 });
  assert.deepEqual(page.faults, []);
});

test('the wire can be looked at, and what is plotted kept as a table and a picture', options, async (t) => {
  const page = await live(t, browser, server, '/?test');
  await drawer(page, 'Messages');
  await page.locator('.messages .event', { hasText: 'drones-update' }).first().waitFor();
  await page.getByLabel('Which messages').selectOption('drones-update');
  await page.locator('.messages li button').first().click();
  await page.locator('.messages pre', { hasText: '"serverTimeMs"' }).waitFor();
  await page.getByRole('button', { name: 'Stop', exact: true }).click();
  await picture(page, 'console-messages');
  assert.deepEqual(await accessibilityFaults(page), []);
  await drawer(page, 'Plots');
  const saved = async (name) => {
    const [download] = await Promise.all([page.waitForEvent('download'), page.getByRole('button', { name, exact: true }).click()]);
    return { name: download.suggestedFilename(), bytes: readFileSync(await download.path()) };
  };
  const csv = await saved('CSV');
  assert.match(csv.name, /^hello-\d{6}\.csv$/);
  const [head, ...rows] = csv.bytes.toString().trim().split('\n');
  assert.equal(head, 'time_s,separation,polarization,battery,batteryMedian,speed,airborne,tick');
  assert.ok(rows.length > 0 && rows.every((row) => row.split(',').length === 8), rows.join('\n'));
  const png = await saved('PNG');
  assert.equal(png.bytes.subarray(1, 4).toString(), 'PNG');
  assert.ok(png.bytes.length > 5000, `${png.bytes.length} bytes`);
  assert.deepEqual(page.faults, []);
});

for (const [what, viewport] of [['the smallest window', { width: 1280, height: 720 }], ['type of twice the size', { width: 720, height: 450 }]]) {
  test(`in ${what} everything can be reached`, atLength, async (t) => {
    const page = await live(t, browser, server, '/?test', { viewport });
    await page.locator('.map').focus();
    await page.keyboard.press('a');
    await holds(page, () => window.__console.selection.length === window.__console.drones);
    // Panels grow when they come to follow the selection.
    await until('the panels follow', () => page.getByRole('button', { name: /^Return/ }).first().isEnabled());
    const { scrollWidth, scrollHeight } = await page.evaluate(() => document.documentElement);
    assert.ok((await page.evaluate(() => document.documentElement.scrollWidth)) <= viewport.width, `${scrollWidth} x ${scrollHeight}: nothing sticks out`);
    for (const name of [/^Stop all/, /^Return/, /^Go to/]) {
      const button = page.getByRole('button', { name }).first();
      await button.scrollIntoViewIfNeeded();
      const box = await button.boundingBox();
      assert.ok(box.x >= 0 && box.x + box.width <= viewport.width && box.y >= 0 && box.y + box.height <= viewport.height, `${name}: ${JSON.stringify(box)}`);
      assert.ok(box.height >= 24 && box.width >= 24, `${name} is large enough to hit`);
    }
    const map = await page.locator('.map').boundingBox();
    assert.ok(map.width >= 300 && map.height >= 150, JSON.stringify(map));
    await picture(page, `console-${viewport.width}`);
    assert.deepEqual(page.faults, []);
  });
}

test('Stop all by keyboard is held, single keys can be turned off, and what happens is spoken', atLength, async (t) => {
  const page = await live(t, browser, server, '/?test');
  await page.locator('[aria-live="polite"]', { hasText: /Live\. \d+ flying, \d+ warning/ }).waitFor({ state: 'attached' });
  await page.locator('.map').focus();
  const known = await page.evaluate(() => window.__console.strips.map((s) => s.id));
  const stopped = () => page.evaluate((ids) => window.__console.strips.find((s) => s.command === 'hold' && !ids.includes(s.id)), known);
  await page.keyboard.down('Shift');
  await page.keyboard.down('X');
  await page.keyboard.up('X');
  assert.equal(await stopped(), undefined, 'pressed shortly it does nothing');
  await page.keyboard.down('X');
  await until('all are stopped', stopped);
  await page.keyboard.up('X');
  await page.keyboard.up('Shift');
  await page.keyboard.press('?');
  await page.getByRole('dialog').getByLabel('Single-key shortcuts').uncheck();
  await page.keyboard.press('Escape');
  await page.locator('.map').focus();
  await page.keyboard.press('a');
  await page.keyboard.press('v');
  assert.deepEqual(await selection(page), []);
  assert.ok(!new URL(page.url()).search.includes('view=tilt'));
  await server.post('/api/command', { command: 'inject_fault', targets: ['worker-1'], params: { fault: 'gps' } });
  await page.locator('[aria-live="assertive"]', { hasText: /Warning: (no position fix|worker-1)/ }).waitFor({ state: 'attached' });
  await server.post('/api/command', { command: 'inject_fault', targets: ['worker-1'], params: { fault: 'gps', clear: true } });
});

test('the preflight says what is open and what is fine', atLength, async (t) => {
  const page = await live(t, browser, server, '/?test');
  await drawer(page, 'Preflight');
  const panel = page.getByRole('tabpanel');
  await panel.getByText('Live data').waitFor();
  await server.post('/api/command', { command: 'inject_fault', targets: ['worker-2'], params: { fault: 'gps' } });
  await panel.getByText(/points? (is|are) open/).waitFor();
  await panel.getByText(/^All 12: /).waitFor();
  await panel.locator('li', { hasText: 'Every alert has been seen' }).getByText(/not seen/).waitFor();
  await panel.locator('li', { hasText: 'No drone shows a warning' }).getByRole('button').click();
  await panel.getByText(/^\d+ selected: /).waitFor();
  assert.deepEqual(await accessibilityFaults(page), []);
  await server.post('/api/command', { command: 'inject_fault', targets: ['worker-2'], params: { fault: 'gps', clear: true } });
});
