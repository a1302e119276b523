// Recorded runs in the console: listed, played again, moved in, forked, exported, and one flown over another.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { accessibilityFaults, holds, launch, missing, picture } from './support/browser.mjs';
import { live } from './support/console.mjs';
import { until } from './support/process.mjs';
import { startServer } from './support/server.mjs';

const options = { skip: missing, timeout: 240_000 };
const END = 400;
const FORKED_AT = 250;
let browser;
let server;
let run;
let fork;

/** Steps the swarm `id` to a tick. */
async function fly(id, tick) {
  const at = id === 'default' ? '' : `?swarm=${id}`;
  const status = () => server.json(`/api/status${at}`);
  const { tick: now } = await status();
  if (tick > now) assert.equal((await server.post(`/api/command${at}`, { command: 'step', params: { ticks: tick - now } })).body.ok, true);
  await until(`${id} is at tick ${tick}`, async () => (await status()).tick === tick, { within: 30_000 });
}

before(async () => {
  if (missing) return;
  [browser, server] = await Promise.all([launch(), startServer({ args: ['--scenario', 'hello', '--paused', '--keyframe-every-s', '2'] })]);
  ({ run_id: run } = await server.json('/api/status'));
  await fly('default', END);
  // The fork flies with other distances, and parts.
  const made = await server.post(`/api/runs/${run}/fork`, { tick: FORKED_AT, set: { 'limits.separation_m': 9 }, paused: true });
  assert.equal(made.status, 201, JSON.stringify(made.body));
  fork = made.body;
  await fly(fork.id, END);
  await until('both runs are recorded so far', async () => (await server.json('/api/runs')).runs.filter((r) => r.ticks >= END).length === 2, { within: 30_000 });
});
after(async () => { await browser?.close(); await server?.end('SIGKILL'); server?.remove(); });

const open = (t, path = '/?test') => live(t, browser, server, path);
const row = (page, id) => page.locator(`tr[data-run="${id}"]`);
const swarmOf = (page) => new URL(page.url()).searchParams.get('swarm');

/** Opens the list of runs and plays one; the page is then that of the replay. */
async function play(page, id) {
  await page.getByRole('button', { name: 'Runs', exact: true }).click();
  await row(page, id).getByRole('button', { name: 'Replay' }).click();
  await page.waitForURL(/swarm=/);
  await holds(page, () => window.__console?.replay && window.__console.drones > 0);
}

test('a run from the list is played: sought, let go, faster, and left; its drones take no commands', options, async (t) => {
  const page = await open(t);
  await page.getByRole('button', { name: 'Runs', exact: true }).click();
  await row(page, fork.run_id).getByText(`at tick ${FORKED_AT}`).waitFor();
  await page.getByLabel('Search runs').fill('no such run');
  await page.getByText('No entry matches.').waitFor();
  await page.getByLabel('Search runs').fill(run);
  await row(page, run).waitFor();
  await holds(page, () => document.querySelectorAll('tr[data-run]').length === 1);
  assert.deepEqual(await accessibilityFaults(page), []);
  await picture(page, 'console-runs');
  await row(page, run).getByRole('button', { name: 'Replay' }).click();
  await page.waitForURL(/swarm=/);
  await holds(page, () => window.__console?.replay && window.__console.drones > 0 && window.__console.tick === 0);
  const swarm = swarmOf(page);

  const track = page.getByRole('slider', { name: /^Time of the replay/ });
  const box = await track.boundingBox();
  // Left of the plot are the figures of its scale (`GUTTER_PX` of frontend/src/render/plot.ts).
  const gutter = 38;
  await page.mouse.click(box.x + gutter + (box.width - gutter) / 2, box.y + box.height / 2);
  await until('the replay stands in the middle', async () => Math.abs((await server.json(`/api/status?swarm=${swarm}`)).tick - END / 2) <= 5, { within: 20_000 });
  await track.press('End');
  await holds(page, (end) => window.__console.tick === end, END);
  await track.press('ArrowLeft');
  await holds(page, (tick) => window.__console.tick === tick, END - 25);
  await track.press('Home');
  await holds(page, () => window.__console.tick === 0);
  await page.getByLabel('Simulation speed').selectOption('10');
  await page.getByRole('button', { name: 'Start the simulation' }).click();
  await holds(page, (end) => window.__console.tick === end, END);

  await page.locator('.map').first().focus();
  await page.keyboard.press('a');
  await holds(page, () => window.__console.selection.length === window.__console.drones);
  await page.getByText(/^A replay: its drones follow the record/).first().waitFor();
  assert.equal(await page.getByRole('button', { name: /^Hold(\s+H)?$/ }).isDisabled(), true);
  assert.equal(await page.getByRole('button', { name: /^Stop all/ }).isDisabled(), true, 'nobody stops a replay and believes that drones have stopped');
  assert.deepEqual(await accessibilityFaults(page), []);

  const saved = page.waitForEvent('download');
  await page.locator('.playback').getByLabel('Export').selectOption('csv');
  assert.equal((await saved).suggestedFilename(), `${run}.csv`);
  assert.deepEqual(page.faults, []);

  await page.getByRole('button', { name: 'Back to the live swarm' }).click();
  await holds(page, () => window.__console && !window.__console.replay && window.__console.drones > 0);
  assert.equal(swarmOf(page), null);
  await until('the replay has ended', async () => (await server.get(`/api/status?swarm=${swarm}`)).status === 404);
  // A link to what is no more says so, and leads back.
  await page.goto(`${server.url}/?test&swarm=${swarm}`);
  await page.getByText(`There is no swarm ${swarm}, or no more.`).waitFor();
  await page.locator('.banner').getByRole('button', { name: 'Back to the live swarm' }).click();
  await holds(page, () => window.__console?.drones > 0);
});

test('a link to a moment that the page has not seen opens it as a replay; of a run that is not there it says so', options, async (t) => {
  const notice = 'The moment of this link is no longer kept here';
  const page = await open(t, `/?test&at=3,4,5,2&t=10.4&run=${run}`);
  await page.locator('.notice', { hasText: notice }).waitFor();
  await holds(page, () => !/[?&](t|run)=/.test(location.search));
  assert.deepEqual(await accessibilityFaults(page), []);
  await picture(page, 'console-moment');
  await page.getByRole('button', { name: 'Open it as a replay' }).click();
  await page.waitForURL(/swarm=/);
  await holds(page, () => window.__console?.replay && window.__console.drones > 0 && window.__console.tick === 260);
  assert.equal((await server.json(`/api/status?swarm=${swarmOf(page)}`)).run_id, run);
  assert.equal(new URL(page.url()).searchParams.get('at'), '3.0,4.0,5.0,2');

  // Later than the record goes: its end.
  await page.goto(`${server.url}/?test&t=9999&run=${run}`);
  await page.getByRole('button', { name: 'Open it as a replay' }).click();
  await holds(page, (end) => window.__console?.replay && window.__console.tick === end, END);

  await page.goto(`${server.url}/?test&t=10.4&run=no-such-run`);
  await page.locator('.notice', { hasText: notice }).waitFor();
  assert.equal(await page.getByRole('button', { name: 'Open it as a replay' }).count(), 0);
  assert.deepEqual(page.faults, []);
});

test('run A over run B: both are drawn, where they part is said, and figures stand side by side', options, async (t) => {
  const page = await open(t);
  await page.keyboard.press('u');
  await row(page, run).getByRole('checkbox').check();
  await row(page, fork.run_id).getByRole('checkbox').check();
  await page.getByRole('button', { name: 'A over B' }).click();
  await page.waitForURL(/swarm=/);
  await holds(page, (other) => window.__console?.over?.run === other && window.__console.over.partsAt !== null && window.__console.over.drones === window.__console.drones, fork.run_id);
  assert.equal((await page.evaluate(() => window.__console.over)).partsAt, FORKED_AT);
  const apart = async () => /(\d+\.\d) m, (\d+\.\d) m/.exec(await page.locator('.side').innerText())?.slice(1).map(Number);

  await page.getByRole('button', { name: /^They part at/ }).click();
  await holds(page, (tick) => window.__console.tick === tick, FORKED_AT);
  await until('they are in the same places', async () => (await apart())?.[1] <= 0.1, { within: 20_000 });
  const track = page.getByRole('slider', { name: /^Time of the replay/ });
  await track.press('End');
  await holds(page, (tick) => window.__console.tick === tick, END);
  const [mean, most] = await until('they are apart', async () => { const found = await apart(); return found?.[1] > 0.1 && found; }, { within: 20_000 });
  t.diagnostic(`apart at the end: mean ${mean} m, most ${most} m`);
  assert.equal(await page.locator('.side tbody tr').count(), 8);
  await picture(page, 'console-over');
  assert.deepEqual(await accessibilityFaults(page), []);
  await page.getByRole('button', { name: 'Compare no more' }).click();
  await holds(page, () => window.__console.over === null);
  assert.deepEqual(page.faults, []);
});

test('a replay is forked where it stands, and the fork can be commanded', options, async (t) => {
  const page = await open(t);
  await play(page, run);
  const replay = swarmOf(page);
  const track = page.getByRole('slider', { name: /^Time of the replay/ });
  await track.press('PageUp');
  await holds(page, () => window.__console.tick === 250);
  await page.getByRole('button', { name: 'Fork here' }).click();
  await page.waitForURL((url) => url.searchParams.get('swarm') !== replay);
  await holds(page, () => window.__console && !window.__console.replay && window.__console.drones > 0 && window.__console.tick === 250);
  await page.locator('.map').first().focus();
  await page.keyboard.press('a');
  await holds(page, () => window.__console.selection.length === window.__console.drones);
  await page.getByRole('button', { name: /^Hold(\s+H)?$/ }).click();
  await until('the command is answered', () => page.evaluate(() => window.__console.strips.find((s) => s.command === 'hold' && s.transport === 'socketio')));
  assert.deepEqual(page.faults, []);
});
