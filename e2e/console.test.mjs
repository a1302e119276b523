// A person at the console: looks, selects, sends, sees what became of it; and is told when the server is gone.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { accessibilityFaults, holds, launch, missing, open, picture } from './support/browser.mjs';
import { drag, flying, holdButton, live as liveConsole, project, selection } from './support/console.mjs';
import { sleep, until } from './support/process.mjs';
import { startServer } from './support/server.mjs';

const options = { skip: missing, timeout: 240_000 };
let browser;
let server;
before(async () => { if (!missing) [browser, server] = await Promise.all([launch(), startServer()]); });
after(async () => { await browser?.close(); await server?.end('SIGKILL'); server?.remove(); });

const live = (t, at = server, path, more) => liveConsole(t, browser, at, path, more);

test('the page shows living drones within seconds, and asks nothing of anybody else', options, async (t) => {
  const start = Date.now();
  const page = await live(t);
  t.diagnostic(`live after ${Date.now() - start} ms`);
  const { drones } = await server.json('/api/drones');
  await holds(page, (n) => window.__console.drones === n, drones.length);
  const before = await page.evaluate(() => window.__console.seq);
  await holds(page, (seq) => window.__console.seq > seq + 25 && window.__console.ageMs < 250, before);
  const moved = await until('a drone moves on the map', async () => {
    for (const drone of drones) {
      const p = await project(page, drone.id);
      await sleep(100);
      const q = await project(page, drone.id);
      if (p && q && Math.hypot(p.x - q.x, p.y - q.y) > 0.05) return drone.id;
    }
    return undefined;
  });
  assert.ok(moved);
  assert.deepEqual(page.faults, []);
  assert.deepEqual(await page.evaluate(() => window.__console.bad), {});
});

test('a box drawn with the mouse selects what is in it; a click elsewhere, nothing', options, async (t) => {
  const page = await live(t);
  const { drones } = await server.json('/api/drones');
  const map = await page.locator('.map').boundingBox();
  const places = (await Promise.all(drones.map((d) => project(page, d.id)))).filter((p) => p && p.x > map.x && p.x < map.x + map.width && p.y > map.y && p.y < map.y + map.height);
  assert.ok(places.length >= 3, 'drones are in view');
  const [xs, ys] = [places.map((p) => p.x), places.map((p) => p.y)];
  const clamp = (value, from, size) => Math.min(Math.max(value, from + 4), from + size - 4);
  const corner = (x, y) => ({ x: clamp(x, map.x, map.width), y: clamp(y, map.y, map.height) });
  await drag(page, corner(Math.min(...xs) - 30, Math.min(...ys) - 30), corner(Math.max(...xs) + 30, Math.max(...ys) + 30));
  assert.ok((await selection(page)).length >= places.length, `${(await selection(page)).length} of ${places.length} are selected`);
  const drone = await flying(page, server);
  await page.mouse.click(drone.at.x, drone.at.y);
  await until('a click selects one drone', async () => (await selection(page)).length === 1);
  await page.keyboard.press('Escape');
  await until('Escape clears the selection', async () => (await selection(page)).length === 0);
});

test('select, go to, confirm: the strip goes to completed when the drone is there', options, async (t) => {
  const page = await live(t);
  const drone = await flying(page, server);
  await drag(page, { x: drone.at.x - 22, y: drone.at.y - 22 }, { x: drone.at.x + 22, y: drone.at.y + 22 });
  assert.ok((await selection(page)).includes(drone.id), `${drone.id} is in ${await selection(page)}`);
  await page.getByRole('button', { name: /^Go to/ }).click();
  // Away from the tower in the middle, so that the goal is free.
  const [dx, dy] = [drone.position[0], 20 - drone.position[1]];
  const scale = 60 / Math.hypot(dx, dy);
  await page.mouse.click(drone.at.x + dx * scale, drone.at.y + dy * scale);
  await holdButton(page, page.getByRole('button', { name: /^Hold to send/ }));
  const strip = () => page.evaluate(() => window.__console.strips.find((s) => s.command === 'goto'));
  await until('the strip is there', strip);
  await picture(page, 'console-goto');
  const done = await until('the strip is done', async () => { const s = await strip(); return s.done && s; }, { within: 60_000 });
  t.diagnostic(`strip: ${JSON.stringify(done)}`);
  assert.ok(done.counts.completed >= 1, JSON.stringify(done));
  assert.equal(done.error, null);
  assert.deepEqual(page.faults, []);
});

test('the server is killed: the page says so and disables commands; restarted, it recovers by itself', options, async (t) => {
  const mortal = await startServer({ t });
  const page = await live(t, mortal);
  await page.keyboard.press('a');
  const hold = page.getByRole('button', { name: /^Hold(\s+H)?$/ });
  await until('commands are enabled', () => hold.isEnabled());

  await mortal.end('SIGKILL');
  const start = Date.now();
  await page.getByText(/Connection lost|No connection|No fresh data/).first().waitFor();
  await until('commands are disabled', () => hold.isDisabled(), { within: 15_000 });
  t.diagnostic(`said after ${Date.now() - start} ms`);
  assert.equal(await page.evaluate(() => window.__console.state), 'lost');
  await holds(page, () => window.__console.hollow === window.__console.drones);
  await sleep(500);
  await picture(page, 'console-lost');

  const again = await startServer({ t, port: mortal.port, dataDir: mortal.dataDir });
  await holds(page, () => window.__console.state === 'live');
  t.diagnostic(`live again ${Date.now() - start} ms after the kill`);
  await page.getByText(/^Server restarted at /).waitFor();
  await holds(page, (n) => window.__console.drones === n, (await again.json('/api/drones')).drones.length);
  await page.keyboard.press('a');
  await until('commands are enabled again', () => hold.isEnabled());
  // One set of listeners: a second one would see each frame again, as an old one.
  const seq = await page.evaluate(() => window.__console.seq);
  await holds(page, (then) => window.__console.seq > then + 25, seq);
  assert.equal(await page.evaluate(() => window.__console.bad.old_seq), undefined);
  assert.deepEqual(page.faults, []);
});

test('with Socket.IO blocked the page shows HTTP polling as such, commands go over HTTP, and both end with the socket', options, async (t) => {
  const page = await open(t, browser, server, '/lite/');
  let isBlocked = true;
  await page.route('**/socket.io/**', (route) => (isBlocked ? route.abort() : route.continue()));
  await page.routeWebSocket(/socket\.io/, (socket) => (isBlocked ? socket.close() : socket.connectToServer()));
  await page.goto(`${server.url}/?test`);
  await holds(page, () => window.__console?.state === 'polling' && window.__console.drones > 0, undefined, 20_000);
  await page.getByText(/HTTP/).first().waitFor();
  await picture(page, 'console-polling');
  await page.keyboard.press('a');
  await until('all are selected', async () => (await selection(page)).length > 0);
  const states = new Set();
  for (let i = 0; i < 30; i++) {
    states.add(await page.evaluate(() => window.__console.state));
    await sleep(100);
  }
  assert.deepEqual([...states], ['polling'], 'what is shown does not flicker while it tries to reconnect');
  await page.getByRole('button', { name: /^Hold(\s+H)?$/ }).click();
  const strip = await until('the command is answered', async () => page.evaluate(() => window.__console.strips.find((s) => s.command === 'hold' && s.transport !== null)), { within: 10_000 });
  assert.equal(strip.transport, 'http', JSON.stringify(strip));

  // With the first frame of the socket polling ends: nothing is asked for twice. (The status also tells the server's time.)
  const asked = [];
  page.on('request', (request) => { if (/\/api\/(drones|visualization)$/.test(request.url())) asked.push(request.url()); });
  await until('it polls', () => asked.length > 0);
  isBlocked = false;
  await holds(page, () => window.__console.state === 'live', undefined, 20_000);
  asked.length = 0;
  await sleep(2500);
  assert.deepEqual(asked, []);
});

for (const colorScheme of ['dark', 'light']) {
  test(`in ${colorScheme} there is nothing serious that axe finds`, options, async (t) => {
    const page = await live(t, server, '/?test', { colorScheme });
    await page.keyboard.press('a');
    await until('all are selected', async () => (await selection(page)).length > 0);
    await sleep(500);
    await picture(page, `console-${colorScheme}`);
    assert.deepEqual(await accessibilityFaults(page), []);
    assert.deepEqual(page.faults, []);
  });
}

test('time control in the page moves the swarm: pause, step, start', options, async (t) => {
  const page = await live(t);
  await page.getByRole('button', { name: 'Pause the simulation' }).click();
  await holds(page, () => window.__console.runState === 'paused');
  const { tick } = await server.json('/api/status');
  await page.getByRole('button', { name: 'One step' }).click();
  await until('one tick passed', async () => (await server.json('/api/status')).tick === tick + 1);
  assert.equal(await page.evaluate(() => window.__console.state), 'live', 'paused is not stale');
  await page.getByRole('button', { name: 'Start the simulation' }).click();
  await holds(page, () => window.__console.runState === 'running');
});

test('two browsers: the second sees the command of the first', options, async (t) => {
  const [first, second] = await Promise.all([live(t), live(t)]);
  // Each knows that there is somebody else; neither counts itself.
  await second.getByTitle('1 other window is connected').waitFor();
  await first.keyboard.press('a');
  await until('all are selected', async () => (await selection(first)).length > 0);
  await first.getByRole('button', { name: /^Hold(\s+H)?$/ }).click();
  const id = await until('the first has a strip', () => first.evaluate(() => window.__console.strips.find((s) => s.command === 'hold')?.id));
  await holds(second, (known) => window.__console.strips.some((s) => s.id === known), id);
});
