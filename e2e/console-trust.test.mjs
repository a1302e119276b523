// What the console makes of a bad wire: late, reordered, damaged and foreign data is counted and never shown as live.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { holds, launch, missing, open, picture } from './support/browser.mjs';
import { live, selectAll, stripOf } from './support/console.mjs';
import { until } from './support/process.mjs';
import { startServer } from './support/server.mjs';

const options = { skip: missing, timeout: 240_000 };
let browser;
let server;
before(async () => { if (!missing) [browser, server] = await Promise.all([launch(), startServer()]); });
after(async () => { await browser?.close(); await server?.end('SIGKILL'); server?.remove(); });

const isFrame = (message) => typeof message !== 'string' && message.length >= 64 && message.subarray(0, 4).toString() === 'HMRS';

/** The console behind a wire that `meddle` may bend: it gets each message from the server and how to pass one on. */
async function behind(t, meddle) {
  const page = await open(t, browser, server, '/lite/');
  await page.routeWebSocket(/socket\.io/, (socket) => {
    const upstream = socket.connectToServer();
    upstream.onMessage((message) => meddle(message, (m) => { try { socket.send(m); } catch { /* closed meanwhile */ } }));
  });
  await page.goto(`${server.url}/?test`);
  return page;
}

test('a stream that is two seconds late is called delayed, and never live', options, async (t) => {
  const page = await behind(t, (message, pass) => setTimeout(() => pass(message), 2000));
  await holds(page, () => window.__console?.state === 'delayed', undefined, 30_000);
  await page.getByText('Delayed').first().waitFor();
  const states = new Set();
  await until('it stays so', async () => states.add(await page.evaluate(() => window.__console.state)) && states.size && (await page.evaluate(() => window.__console.ageMs)) > 1900, { within: 15_000 });
  assert.ok(!states.has('live'), [...states].join(', '));
  await holds(page, () => window.__console.hollow === window.__console.drones);
  // An immediate command is confirmed now, and the confirmation says how old the picture is.
  await selectAll(page);
  await page.getByRole('button', { name: /^Hold(\s+H)?$/ }).click();
  await page.getByText(/What you see is .* old/).waitFor();
  assert.deepEqual(page.faults, []);
});

test('damaged frames are dropped and counted, and the page lives on', options, async (t) => {
  let frames = 0;
  const page = await behind(t, (message, pass) => {
    if (!isFrame(message)) return pass(message);
    frames++;
    // One frame in five is bent, each time in another way: short, foreign, of another version, of another length.
    if (frames % 5 !== 0) return pass(message);
    const bent = Buffer.from(message);
    const kind = (frames / 5) % 4;
    if (kind === 0) return pass(bent.subarray(0, 40));
    if (kind === 1) bent.write('EVIL', 0);
    if (kind === 2) bent.writeUInt16LE(9, 4);
    if (kind === 3) return pass(Buffer.concat([bent, Buffer.alloc(5)]));
    return pass(bent);
  });
  for (const reason of ['too_short', 'wrong_magic', 'wrong_version', 'wrong_length']) await holds(page, (name) => (window.__console?.bad[name] ?? 0) > 0, reason);
  t.diagnostic(JSON.stringify(await page.evaluate(() => window.__console.bad)));
  const seq = await page.evaluate(() => window.__console.seq);
  await holds(page, (before) => window.__console.seq > before + 10 && window.__console.state === 'live', seq);
  await page.locator('.chip').click();
  await page.getByText(/wrong magic \d/).waitFor();
  assert.deepEqual(page.faults, []);
});

test('frames that overtake each other never turn the picture back', options, async (t) => {
  let frames = 0;
  let earlier = null;
  const page = await behind(t, (message, pass) => {
    if (!isFrame(message)) return pass(message);
    // Every fourth frame comes with the bytes of one that was sent before it.
    const late = ++frames % 4 === 0 ? earlier : null;
    if (frames % 4 === 1) earlier = message;
    return pass(late ?? message);
  });
  await holds(page, () => (window.__console?.bad?.old_seq ?? 0) > 3, undefined, 30_000);
  const seqs = [];
  for (let i = 0; i < 20; i++) seqs.push(await page.evaluate(() => window.__console.seq));
  assert.deepEqual(seqs, [...seqs].sort((a, b) => a - b));
});

test('a frame of a table that nobody announced is not drawn with the old names', options, async (t) => {
  let foreign = false;
  const page = await behind(t, (message, pass) => {
    if (!isFrame(message) || !foreign) return pass(message);
    const bent = Buffer.from(message);
    bent.writeUInt32LE(bent.readUInt32LE(8) + 77, 8);
    return pass(bent);
  });
  await holds(page, () => window.__console?.state === 'live', undefined, 30_000);
  foreign = true;
  await holds(page, () => (window.__console.bad.unknown_epoch ?? 0) > 0);
  const seq = await page.evaluate(() => window.__console.seq);
  assert.equal(await page.evaluate(() => window.__console.seq), seq, 'no frame is taken');
  foreign = false;
  await holds(page, () => window.__console.state === 'live', undefined, 20_000);
});

test('drones that come and go change the table, and the selection stays with its drones', options, async (t) => {
  const page = await live(t, browser, server);
  const before = await page.evaluate(() => window.__console.drones);
  await page.locator('#fleet-filter').fill('type worker');
  await page.getByRole('button', { name: 'Select', exact: true }).click();
  await holds(page, () => window.__console.selection.length > 0);
  const chosen = await page.evaluate(() => window.__console.selection);
  await server.post('/api/spawn', { type: 'quad', count: 3, position: [-100, 0, 0] });
  await holds(page, (n) => window.__console.drones === n, before + 3);
  assert.deepEqual(await page.evaluate(() => window.__console.selection), chosen);
  await server.post('/api/command', { command: 'remove', targets: { where: 'type = quad' } });
  await holds(page, (n) => window.__console.drones === n && window.__console.state === 'live', before);
  assert.deepEqual(await page.evaluate(() => window.__console.selection), chosen);
});

test('after a short cut the connection goes on where it was, and so does the picture', options, async (t) => {
  const wires = [];
  const page = await open(t, browser, server, '/lite/');
  await page.routeWebSocket(/socket\.io/, (socket) => {
    socket.connectToServer();
    wires.push(socket);
  });
  await page.goto(`${server.url}/?test`);
  await holds(page, () => window.__console?.state === 'live');
  assert.equal(await page.evaluate(() => window.__console.recovered), false);
  const known = await page.evaluate(() => window.__console.id);
  for (const wire of wires) await wire.close();
  await holds(page, () => window.__console.recovered && window.__console.state === 'live', undefined, 60_000);
  assert.equal(await page.evaluate(() => window.__console.id), known, 'it is the same console to the others');
  const seq = await page.evaluate(() => window.__console.seq);
  await holds(page, (before) => window.__console.seq > before + 25, seq);
  assert.deepEqual(page.faults, []);
});

test('where WebSockets are blocked, long polling carries a slower stream', options, async (t) => {
  const page = await open(t, browser, server, '/lite/');
  await page.routeWebSocket(/socket\.io/, (socket) => socket.close());
  await page.goto(`${server.url}/?test`);
  await holds(page, () => window.__console?.drones > 0 && window.__console.state === 'live', undefined, 30_000);
  await page.locator('.chip').click();
  await page.getByText('Long polling').waitFor();
  await selectAll(page);
  await page.getByRole('button', { name: /^Hold(\s+H)?$/ }).click();
  const strip = await until('the command is answered', async () => { const s = await stripOf(page, 'hold'); return s?.transport && s; });
  assert.equal(strip.transport, 'socketio');
  await picture(page, 'console-long-polling');
});
