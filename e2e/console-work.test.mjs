// An operator's work at the console: groups, confirmations, authority, fences, parameters, looking back, keyboard alone.

import assert from 'node:assert/strict';
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { holds, launch, missing, picture } from './support/browser.mjs';
import { connect } from './support/client.mjs';
import { drag, flying, holdButton, live as liveConsole, project, selectAll, selection, stripOf } from './support/console.mjs';
import { sleep, until } from './support/process.mjs';
import { hmrs, startServer } from './support/server.mjs';

const options = { skip: missing, timeout: 240_000 };
let browser;
let server;
before(async () => { if (!missing) [browser, server] = await Promise.all([launch(), startServer()]); });
after(async () => { await browser?.close(); await server?.end('SIGKILL'); server?.remove(); });

const live = (t, path, more) => liveConsole(t, browser, server, path, more);
const chosen = (page, n) => holds(page, (count) => window.__console.selection.length === count, n);

test('a filter selects the drones that the same words reach over the API', options, async (t) => {
  const page = await live(t);
  await server.post('/api/pause');
  t.after(() => server.post('/api/start'));
  await holds(page, () => window.__console.runState === 'paused');
  // Frames carry rounded figures: the limits lie where no drone is near.
  const { drones } = await server.json('/api/drones');
  const limit = (of, among = drones) => {
    const values = among.map(of).sort((a, b) => a - b);
    const gaps = values.slice(1).map((value, i) => ({ size: value - values[i], middle: (value + values[i]) / 2 }));
    return gaps.reduce((a, b) => (a.size > b.size ? a : b)).middle.toFixed(2);
  };
  const [battery, altitude] = [limit((d) => d.battery_pct), limit((d) => d.position[2], drones.filter((d) => d.type === 'scout'))];
  let reached = 0;
  for (const where of [`battery < ${battery}`, `altitude > ${altitude} & type = scout`, 'group = alpha | mode = hold', `landed = in_air & battery >= ${battery}%`, 'armed = true & id != scout-1', `id = overseer-1 | type = "worker"`]) {
    const { body } = await server.post('/api/command', { command: 'hold', targets: { where }, dry_run: true });
    const found = Object.keys(body.results ?? {}).sort();
    reached += found.length;
    await page.locator('#fleet-filter').fill(where);
    const shown = async () => (await page.locator('#filter-said').innerText()).split(' ')[0];
    await until(`${where} shows ${found}`, async () => (await shown()) === String(found.length), { within: 20_000 }).catch(async (error) => { throw new Error(`${error.message}: ${await shown()}`); });
    await page.getByRole('button', { name: 'Select', exact: true }).click();
    await holds(page, (ids) => window.__console.selection.toSorted().join() === ids.join(), found);
  }
  assert.ok(reached > 12, `${reached} drones were reached in all`);
});

test('clicks add and take away, digits remember groups and bring them back', options, async (t) => {
  const page = await live(t);
  await server.post('/api/pause');
  t.after(() => server.post('/api/start'));
  await holds(page, () => window.__console.runState === 'paused');
  const first = await flying(page, server);
  await page.mouse.click(first.at.x, first.at.y);
  await chosen(page, 1);
  const [id] = await selection(page);
  const other = await until('another drone stands apart', async () => {
    const { drones } = await server.json('/api/drones');
    const [a, map] = [await project(page, id), await page.locator('.map').boundingBox()];
    for (const drone of drones) {
      const p = await project(page, drone.id);
      const isIn = p && p.x > map.x + 30 && p.x < map.x + map.width - 80 && p.y > map.y + 60 && p.y < map.y + map.height - 40;
      if (isIn && drone.id !== id && Math.hypot(p.x - a.x, p.y - a.y) > 40) return p;
    }
    return undefined;
  });
  await page.keyboard.down('Shift');
  await page.mouse.click(other.x, other.y);
  await page.keyboard.up('Shift');
  await chosen(page, 2);
  const pair = await selection(page);
  await page.keyboard.press('Shift+Digit4');
  await page.getByText('Saved as group 4: 2 drones').waitFor();
  await page.keyboard.down('Control');
  await page.mouse.click(other.x, other.y);
  await page.keyboard.up('Control');
  await chosen(page, 1);
  await page.keyboard.press('Escape');
  await chosen(page, 0);
  await page.keyboard.press('4');
  await chosen(page, 2);
  assert.deepEqual(await selection(page), pair);
  await page.getByText('Group 4: 2 drones', { exact: true }).waitFor();
  // The same digit again brings them to the middle.
  await page.keyboard.press('4');
  const middle = await page.locator('.map').boundingBox().then((box) => ({ x: box.x + box.width / 2, y: box.y + box.height / 2 }));
  await until('the group is in the middle', async () => {
    const [a, b] = await Promise.all(pair.map((drone) => project(page, drone)));
    return Math.hypot((a.x + b.x) / 2 - middle.x, (a.y + b.y) / 2 - middle.y) < 3;
  });
  // Alt and a box take away what lies in it.
  const map = await page.locator('.map').boundingBox();
  await page.keyboard.down('Alt');
  await drag(page, { x: map.x + 5, y: map.y + 60 }, { x: map.x + map.width - 60, y: map.y + map.height - 5 });
  await page.keyboard.up('Alt');
  await chosen(page, 0);
});

test('a hold that is let go early does nothing; a full one sends, and the targets are those of its beginning', options, async (t) => {
  const page = await live(t);
  await selectAll(page);
  const all = await selection(page);
  await page.getByRole('button', { name: /^Return/ }).click();
  const confirm = page.getByRole('button', { name: /^Hold to return/ });
  await page.getByText(/would take it on/).waitFor();
  await confirm.click({ delay: 150 });
  await confirm.waitFor();
  assert.equal(await stripOf(page, 'rtl'), undefined, 'nothing was sent');
  // The selection changes while the confirmation stands: the command must not.
  await page.evaluate(() => document.activeElement?.blur());
  await page.keyboard.press('i');
  await chosen(page, 0);
  await holdButton(page, confirm);
  const strip = await until('it is answered', async () => { const s = await stripOf(page, 'rtl'); return s?.transport && s; });
  const told = (await server.json('/api/commands')).commands.find((c) => c.command_id === strip.id);
  assert.deepEqual(Object.keys(told.results).sort(), [...all].sort());
});

test('a strip shows who refused and why, and the refused can be asked again', options, async (t) => {
  const page = await live(t);
  await selectAll(page);
  await page.getByRole('button', { name: /^Take off/ }).click();
  await page.getByText(/would refuse|would take it on/).waitFor();
  await holdButton(page, page.getByRole('button', { name: /^Hold to take off/ }));
  const strip = await until('it is answered', async () => { const s = await stripOf(page, 'takeoff'); return s?.transport && s; });
  assert.ok(strip.counts.denied > 0, `drones in the air do not take off: ${JSON.stringify(strip)}`);
  await page.locator('.strips .reason').first().waitFor();
  await picture(page, 'console-refused');
  await page.getByRole('button', { name: /^Retry the \d+ refused/ }).first().click();
  const again = await until('the refused were asked again', () => page.evaluate(() => window.__console.strips.filter((s) => s.command === 'takeoff')[1] && window.__console.strips[0]));
  assert.equal(Object.values(again.counts).reduce((a, b) => a + b, 0), strip.counts.denied);
});

test('the next box is a region to scan; who cannot scan says so before and after', options, async (t) => {
  const page = await live(t);
  await page.locator('#fleet-filter').fill('type worker');
  await page.getByRole('button', { name: 'Select', exact: true }).click();
  await holds(page, () => window.__console.selection.length === 3);
  await page.getByRole('button', { name: 'More', exact: true }).click();
  await page.getByRole('button', { name: 'Draw region' }).click();
  await page.getByText('Drag a box over the region').waitFor();
  const map = await page.locator('.map').boundingBox();
  await drag(page, { x: map.x + 120, y: map.y + map.height - 160 }, { x: map.x + 220, y: map.y + map.height - 90 });
  await page.getByText(/would refuse/).waitFor();
  await page.getByRole('button', { name: /^Cancel/ }).click();
});

test('what somebody else holds is refused with the name; claimed, handed over, and stopped all the same', options, async (t) => {
  // A swarm of its own: drones that other tests have sent home refuse to hold on the ground.
  const server = await startServer({ t });
  const jonas = await connect(server, { t, auth: { name: 'Jonas' } });
  const asked = await jonas.timeout(5000).emitWithAck('claim', { targets: { group: 'alpha' } });
  assert.equal(asked.ok, true);
  const page = await liveConsole(t, browser, server);
  await page.getByRole('button', { name: /Name yourself/ }).click();
  await page.getByLabel(/Your name/).fill('Amira');
  await page.getByRole('button', { name: 'Use it' }).click();
  await holds(page, () => window.__console.leases.length === 1 && window.__console.state === 'live');
  await page.locator('#fleet-filter').fill('group alpha or group bravo');
  await page.getByRole('button', { name: 'Select', exact: true }).click();
  await page.getByText('4 held by Jonas').waitFor();
  await page.getByRole('button', { name: /^Hold(\s+H)?$/ }).click();
  const strip = await until('it is answered', async () => { const s = await stripOf(page, 'hold'); return s?.counts.denied === 4 && s; }, { within: 15_000 }).catch(async (error) => { throw new Error(`${error.message}: ${JSON.stringify(await page.evaluate(() => [window.__console.state, window.__console.strips.slice(0, 3), window.__console.leases]))}`); });
  await page.getByText(/held by Jonas, 4 times/).waitFor();
  t.diagnostic(JSON.stringify(strip.counts));
  await page.getByRole('button', { name: 'Claim', exact: true }).click();
  await holds(page, () => window.__console.leases.find((l) => l.holder === 'Amira')?.drones.length === 3);
  await picture(page, 'console-authority');
  await page.getByRole('button', { name: 'Take over' }).click();
  await holds(page, () => window.__console.leases.find((l) => l.holder === 'Amira')?.drones.length === 7);
  // Whoever loses command of a drone is told.
  assert.equal((await jonas.timeout(5000).emitWithAck('claim', { targets: ['scout-1'], take: true })).ok, true);
  await page.getByText('Jonas holds scout-1 now, which you held.').waitFor();
  await page.getByLabel('Hand over to').selectOption('Jonas');
  await holds(page, () => window.__console.leases.find((l) => l.holder === 'Jonas')?.drones.length === 7);
  const known = await page.evaluate(() => window.__console.strips.map((s) => s.id));
  const stopped = () => page.evaluate((ids) => window.__console.strips.find((s) => s.command === 'hold' && s.transport !== null && !ids.includes(s.id)), known);
  let stop;
  await holdButton(page, page.getByRole('button', { name: /^Stop all/ }), async () => { stop = await until('stop is answered', stopped); });
  const told = (await server.json('/api/commands')).commands.find((c) => c.command_id === stop.id);
  assert.equal(Object.keys(told.results).length, 12, 'stop reaches everyone, held or not');
  assert.deepEqual(Object.values(told.results).filter((r) => ['denied', 'not_in_control', 'failed'].includes(r.result)), []);
});

test('a fence drawn on the map is sent, seen by the server, and undone', options, async (t) => {
  const page = await live(t);
  await page.getByRole('tab', { name: 'Fences' }).click();
  await page.getByRole('button', { name: 'Draw a fence' }).click();
  const map = await page.locator('.map').boundingBox();
  for (const [dx, dy] of [[80, 80], [140, 80], [140, 140], [80, 140]]) await page.mouse.click(map.x + dx, map.y + map.height - 220 + dy);
  await page.getByLabel('Name', { exact: true }).fill('crane');
  await picture(page, 'console-fence');
  await page.getByRole('button', { name: 'Send to the swarm' }).click();
  const fences = async () => (await server.json('/api/visualization')).fences;
  const drawn = await until('the server has it', async () => (await fences()).find((f) => f.name === 'crane'));
  assert.equal(drawn.polygon.length, 4);
  await page.locator('.fences li', { hasText: 'crane' }).getByRole('button', { name: 'Remove' }).click();
  await until('it is gone', async () => !(await fences()).some((f) => f.name === 'crane'));
  await page.locator('.notices').getByRole('button', { name: 'Undo' }).last().click();
  await until('it is back', async () => (await fences()).some((f) => f.name === 'crane'));
  await server.post('/api/command', { command: 'remove_fence', params: { name: 'crane' } });
});

test('a parameter is changed, listed and taken back; a value out of range is not sent', options, async (t) => {
  const page = await live(t);
  const value = async () => (await server.json('/api/params')).params.find((p) => p.path === 'limits.separation_m').value;
  const before = await value();
  await page.getByRole('tab', { name: 'Parameters' }).click();
  const field = page.locator('[id="p-limits.separation_m"]');
  await field.fill('5000');
  await field.press('Enter');
  await page.getByText(/^Between /).waitFor();
  await field.fill(String(before + 2));
  await field.press('Enter');
  await until('it is changed', async () => (await value()) === before + 2);
  await page.getByRole('button', { name: 'Undo' }).click();
  await until('it is as before', async () => (await value()) === before);
  // What somebody else changes shows up here and can be set back.
  await server.post('/api/command', { command: 'set_param', params: { path: 'limits.separation_m', value: before + 1 } });
  await page.getByRole('button', { name: '1 change' }).click();
  await page.getByRole('button', { name: 'Set back' }).click();
  await until('it is as before again', async () => (await value()) === before);
});

test('looking back locks commands until live; the link of a view brings it back', options, async (t) => {
  const page = await live(t);
  await selectAll(page);
  const hold = page.getByRole('button', { name: /^Hold(\s+H)?$/ });
  await until('commands are enabled', () => hold.isEnabled());
  await sleep(1500);
  await page.keyboard.press(',');
  await holds(page, () => window.__console.rewound !== null);
  await page.getByText(/^Looking back at/).waitFor();
  await until('commands are locked', () => hold.isDisabled());
  const place = await project(page, 'overseer-1');
  await sleep(700);
  assert.deepEqual(await project(page, 'overseer-1'), place, 'the past stands still while the swarm flies on');
  const age = page.locator('.inspector .age');
  await until('the age is that of the picture', async () => /^\d+\.\d s/.test(await age.innerText()));
  await page.keyboard.press('h');
  await page.getByText('You are looking back: go live to command.').last().waitFor();
  await picture(page, 'console-past');
  await page.keyboard.press('Shift+Space');
  await holds(page, () => window.__console.rewound === null);
  await until('commands are enabled again', () => hold.isEnabled());
  await page.locator('.notice', { hasText: 'You are looking back' }).waitFor({ state: 'detached', timeout: 3000 });
  await until('the age is that of the newest data', async () => /^\d+ ms/.test(await age.innerText()));
  await page.keyboard.press('q');
  await holds(page, () => window.__console.views === 4);
  await page.waitForURL(/view=quad/);
  const again = await live(t, new URL(page.url()).pathname + new URL(page.url()).search);
  await holds(again, () => window.__console.views === 4 && window.__console.selection.length === window.__console.drones);
  assert.deepEqual([...page.faults, ...again.faults], []);
});

test('select, go to and confirm by keyboard alone', options, async (t) => {
  const page = await live(t);
  await page.keyboard.press('/');
  await holds(page, () => document.activeElement?.id === 'fleet-filter');
  await page.keyboard.type('id tanker-mule-2');
  await page.keyboard.press('Escape');
  for (let i = 0; i < 30 && (await page.evaluate(() => document.activeElement?.id)) !== 'fleet-grid'; i++) await page.keyboard.press('Tab');
  await page.locator('#row-0', { hasText: 'tanker-mule-2' }).waitFor();
  await page.keyboard.press('Enter');
  await holds(page, () => window.__console.selection.join() === 'tanker-mule-2');
  await page.keyboard.press('g');
  await page.getByText(/Click where the drones shall go/).waitFor();
  for (let i = 0; i < 2; i++) await page.keyboard.press('ArrowDown');
  await page.keyboard.press('Enter');
  await page.getByRole('button', { name: /^Hold to send/ }).waitFor();
  await page.keyboard.down('Enter');
  await until('the command is on its way', async () => (await stripOf(page, 'goto'))?.transport);
  await page.keyboard.up('Enter');
  assert.deepEqual(page.faults, []);
});

test('an observer sees everything and commands nothing', options, async (t) => {
  const dataDir = mkdtempSync(join(tmpdir(), 'hmrs-e2e-'));
  const made = hmrs('token', 'create', '--role', 'viewer', '--name', 'Vera', '--data-dir', dataDir);
  assert.equal(made.code, 0, made.stderr);
  const token = /hmrs_[\w-]+/.exec(made.stdout + made.stderr)[0];
  const guarded = await startServer({ t, dataDir });
  const page = await liveConsole(t, browser, guarded, `/?test#token=${token}`);
  await selectAll(page);
  await page.getByText(/You are observing/).first().waitFor();
  assert.equal(await page.getByRole('button', { name: /^Hold(\s+H)?$/ }).isDisabled(), true);
  await page.keyboard.press('h');
  assert.equal(await stripOf(page, 'hold'), undefined);
  const refused = await fetch(`${guarded.url}/api/command`, { method: 'POST', headers: { 'content-type': 'application/json', authorization: `Bearer ${token}` }, body: JSON.stringify({ command: 'hold', targets: 'all' }) });
  assert.equal(refused.status, 403);
});

test('at the width of a phone there are the map, the alerts and Stop', options, async (t) => {
  const page = await live(t, '/?test', { viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true });
  assert.ok((await page.evaluate(() => document.documentElement.scrollWidth)) <= 390, 'nothing sticks out');
  for (const part of [page.locator('.map'), page.getByRole('button', { name: /^Stop all/ })]) {
    const box = await part.first().boundingBox();
    assert.ok(box.x >= 0 && box.x + box.width <= 390 && box.height >= 24, JSON.stringify(box));
  }
  await picture(page, 'console-phone');
});

test('Stop all is at hand over every dialog and beside a choice; what waits to be confirmed is never out of sight', options, async (t) => {
  const server = await startServer({ t });
  const page = await liveConsole(t, browser, server);
  const stops = () => page.evaluate(() => window.__console.strips.filter((s) => s.command === 'hold').length);
  const stoppedOnce = async (n) => { await until('all are stopped', async () => (await stops()) === n); };
  await page.locator('.map').focus();
  await page.keyboard.press('?');
  const dialog = page.getByRole('dialog');
  await dialog.waitFor();
  await page.keyboard.down('Shift');
  await page.keyboard.down('X');
  await stoppedOnce(1);
  await page.keyboard.up('X');
  await page.keyboard.up('Shift');
  await dialog.waitFor({ state: 'detached' });
  await page.locator('.map').focus();
  await page.keyboard.press('u');
  await holdButton(page, dialog.getByRole('button', { name: /^Stop all/ }));
  await stoppedOnce(2);
  await page.locator('select.speed').focus();
  await page.keyboard.down('Shift');
  await page.keyboard.down('X');
  await stoppedOnce(3);
  await page.keyboard.up('X');
  await page.keyboard.up('Shift');
  await page.locator('.map').focus();
  await page.keyboard.press(']');
  await page.getByRole('button', { name: 'Commands', exact: true }).waitFor();
  await page.keyboard.press('[');
  await page.getByRole('button', { name: 'Fleet', exact: true }).click();
  await page.locator('#fleet-grid').waitFor();
  await page.locator('.map').focus();
  await page.keyboard.press('a');
  await page.keyboard.press('r');
  await page.getByRole('button', { name: /^Hold to return 12 drones/ }).waitFor();
  await page.keyboard.press('Escape');
});
