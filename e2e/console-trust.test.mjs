// What the console makes of a bad wire: late, reordered, damaged and foreign data is counted and never shown as live.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { accessibilityFaults, holds, launch, missing, open, picture } from './support/browser.mjs';
import { holdButton, live, project, selectAll, stripOf } from './support/console.mjs';
import { full, until } from './support/process.mjs';
import { startServer } from './support/server.mjs';

const options = { skip: missing, timeout: 240_000 };
const atLength = { ...options, skip: missing ?? (full ? undefined : 'at full length only') };
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

test('a stream that is half a second late is called late, holds its markers filled, and takes commands', options, async (t) => {
  const page = await behind(t, (message, pass) => setTimeout(() => pass(message), 500));
  await holds(page, () => window.__console?.state === 'late', undefined, 30_000);
  await page.locator('.chip', { hasText: 'Late' }).waitFor();
  assert.equal(await page.evaluate(() => window.__console.hollow), 0);
  await selectAll(page);
  await until('commands are enabled', () => page.getByRole('button', { name: /^Hold(\s+H)?$/ }).isEnabled());
  assert.equal(await page.evaluate(() => window.__console.state), 'late');
  assert.deepEqual(page.faults, []);
});

test('a socket that is open and brings nothing is no connection: frozen, struck, commands off, and Stop all gets through', atLength, async (t) => {
  let silent = false;
  let isWhole = true;
  const page = await behind(t, (message, pass) => {
    // An attachment goes the way of its announcement; answers come through.
    if (typeof message === 'string') isWhole = !silent || /^43/.test(message);
    if (isWhole) pass(message);
  });
  await holds(page, () => window.__console?.state === 'live' && window.__console.drones > 0, undefined, 30_000);
  await selectAll(page);
  silent = true;
  await holds(page, () => window.__console.state === 'lost');
  await page.getByText(/^No fresh data for .* Positions are frozen; commands are disabled\./).waitFor();
  await holds(page, () => window.__console.hollow === window.__console.drones);
  assert.equal(await page.getByRole('button', { name: /^Hold(\s+H)?$/ }).isDisabled(), true);
  await page.getByText('Last known values', { exact: true }).waitFor();
  assert.equal(await page.locator('.inspector dl dd').first().evaluate((dd) => getComputedStyle(dd).textDecorationLine), 'line-through');
  const before = (await server.json('/api/commands')).commands.length;
  await holdButton(page, page.getByRole('button', { name: /^Stop all/ }), () => until('stop got through', async () => (await server.json('/api/commands')).commands.length > before));
  silent = false;
  await holds(page, () => window.__console.state === 'live');
  assert.deepEqual(page.faults, []);
});

test('a drone that falls silent gets an age, after a minute a place in a list, and goes from the map when it is let go', options, async (t) => {
  const own = await startServer({ t, args: ['--database-url', 'none'] });
  const page = await live(t, browser, own);
  await own.post('/api/command', { command: 'inject_fault', targets: ['scout-1'], params: { fault: 'link' } });
  await own.post('/api/command', { command: 'set_speed', params: { factor: 25 } });
  await page.locator('.fleet .row', { hasText: 'scout-1' }).getByText(/\d s old$/).waitFor();
  const lost = page.getByRole('region', { name: 'Lost drones' });
  await lost.getByText('scout-1').waitFor();
  await own.post('/api/pause');
  await until('the table has it no more', async () => (await page.locator('.fleet .row', { hasText: 'scout-1' }).count()) === 0);
  const map = await page.locator('.map').boundingBox();
  const isShown = async () => { const at = await project(page, 'scout-1'); return at.x > map.x - 5000; };
  assert.equal(await isShown(), true, 'its last place is kept');
  await picture(page, 'console-silent');
  assert.deepEqual(await accessibilityFaults(page), []);
  await lost.getByRole('button', { name: 'Dismiss' }).click();
  await until('it is off the map', async () => !(await isShown()));
  assert.equal(await lost.count(), 0);
  await own.post('/api/command', { command: 'inject_fault', targets: ['scout-1'], params: { fault: 'link', clear: true } });
  await own.post('/api/start');
  await page.locator('.fleet .row', { hasText: 'scout-1' }).waitFor();
  await until('it is on the map again', isShown);
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

test('a simulation that stands still while the line is good is called stalled, and another build older', atLength, async (t) => {
  let stuck = null;
  const page = await behind(t, (message, pass) => {
    if (typeof message === 'string' && message.includes('"welcome"')) return pass(message.replace(/"build":"[^"]*"/, (build) => (stuck === null ? build : '"build":"another"')));
    if (!isFrame(message) || stuck === null) return pass(message);
    stuck ||= message.subarray(16, 24);
    const bent = Buffer.from(message);
    stuck.copy(bent, 16);
    return pass(bent);
  });
  await holds(page, () => window.__console?.state === 'live' && window.__console.drones > 0, undefined, 30_000);
  stuck = false;
  await page.getByText('Simulation stalled').waitFor();
  assert.equal(await page.evaluate(() => window.__console.state), 'live', 'the network is fine');
  // Another name is another connection, and that is greeted anew.
  await page.getByRole('button', { name: /Name yourself/ }).click();
  await page.getByLabel(/Your name/).fill('Amira');
  await page.getByRole('button', { name: 'Use it' }).click();
  await page.getByText('This page is older than the server.').waitFor();
  await page.getByRole('button', { name: 'Reload' }).waitFor();
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
  await page.getByText('Long polling', { exact: true }).waitFor();
  await page.locator('.chip', { hasText: /Hz, long polling/ }).waitFor();
  // Asked for is what one answer a round trip can carry, and no more.
  await until('the rate is that of a slower stream', async () => {
    const hz = Number(/([\d.]+) Hz/.exec(await page.locator('.pop', { hasText: 'Frames' }).innerText())?.[1]);
    return hz > 0 && hz <= 6;
  });
  await selectAll(page);
  await page.getByRole('button', { name: /^Hold(\s+H)?$/ }).click();
  const strip = await until('the command is answered', async () => { const s = await stripOf(page, 'hold'); return s?.transport && s; });
  assert.equal(strip.transport, 'socketio');
  await picture(page, 'console-long-polling');
});
