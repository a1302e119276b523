// A mission in the browser: what the swarm believes of the windows, who does what, what is blocked, and how it ended.

import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, before, test } from 'node:test';
import { accessibilityFaults, launch, missing, picture } from './support/browser.mjs';
import { live } from './support/console.mjs';
import { full, until } from './support/process.mjs';
import { hmrs, root, startServer } from './support/server.mjs';

/** Seeds that each mission is flown with before a browser. */
const SEEDS = full ? 20 : 2;
/** A mission takes seconds at full speed; on a busy machine it still fits into this. */
const PATIENCE = 240_000;
let browser;
before(async () => { if (!missing) browser = await launch(); });
after(() => browser?.close());

/** A server of its own for a scenario; nothing is late there, so that its hashes are those of a headless run. */
const flying = (t, scenario, ...args) => startServer({ t, args: ['--scenario', scenario, '--database-url', 'none', '--intent-wait-ms', '60000', ...args] });
const speedOf = (server) => async (factor) => assert.equal((await server.post('/api/command', { command: 'set_speed', params: { factor } })).body.ok, true);

/** The final report, once everybody is home. */
const final = (server) => until('everybody is home', async () => {
  const report = await server.json('/api/mission/report');
  return report.is_final && report;
}, { within: PATIENCE });

/** Every window is verified, nothing has touched, and a headless run of as many ticks ends in the same state. */
async function assertWhole(server, report, scenario, windows) {
  assert.deepEqual([report.outcome, report.windows.total, report.windows.verified], ['complete', windows, windows]);
  assert.deepEqual([report.collisions, report.crashes, report.in_the_air, report.acceptance.passed], [0, 0, 0, true], JSON.stringify(report.acceptance));
  await server.post('/api/pause');
  const { tick, state_hash: hash } = await until('the hash of the last tick', async () => {
    const status = await server.json('/api/status');
    return status.state === 'paused' && status.state_hash_tick === status.tick && status;
  });
  const headless = hmrs('run', scenario, '--seed', String(report.seed), '--ticks', String(tick));
  assert.equal(headless.last.state_hash, hash, `${scenario}, seed ${report.seed}, after ${tick} ticks`);
}

test('before the clock starts the mission and its crew are there; what is decided is not over until everybody is home', { skip: missing }, async (t) => {
  // Without mules a mission ends where the fluid does; on a small site that is soon. The worker has a long way home.
  const file = join(mkdtempSync(join(tmpdir(), 'hmrs-mission-')), 'dry.toml');
  t.after(() => rmSync(dirname(file), { recursive: true }));
  const [, kiosk] = readFileSync(join(root, 'docs', 'MISSIONS.md'), 'utf8').split('```toml\n');
  writeFileSync(file, kiosk.split('```')[0].replace(/\[\[drones\]\]\ntype = "tanker-mule"\nposition = .*\n/, '').replace('litres = 3.0', 'litres = 0.6').replace('position = [0.0, -20.0]', 'position = [0.0, -80.0]'));
  const server = await flying(t, file, '--paused');
  const page = await live(t, browser, server, '/?test');
  const panel = page.locator('#drawer-body .mission');
  await until('the crew stands by', async () => await panel.locator('.crew li').count() === 3);
  assert.equal((await server.json('/api/status')).tick, 0);
  await panel.locator('.phases .now').getByText('Prepare').waitFor();
  const said = page.getByText(/^Mission stranded, returning: \d of \d windows found are left to clean: no drone is left that brings fluid/);
  // To shortly before its fate is decided, at tick 4,100, and then at a pace that can be watched.
  assert.equal((await server.post('/api/command', { command: 'step', params: { ticks: 4050 } })).body.ok, true);
  await until('the mission is nearly over', async () => (await server.json('/api/status')).tick === 4050, { within: 60_000 });
  await speedOf(server)(8);
  await server.post('/api/start');
  await said.waitFor();
  await page.getByText(/^Mission stranded: \d of/).waitFor();
  await panel.getByText(/^Stranded, everybody is on the ground: /).waitFor();
  await page.getByRole('button', { name: 'Report', exact: true }).click();
  await page.getByRole('dialog').getByText(/^Not accepted: outcome, windows verified pct min\./).waitFor();
  await picture(page, 'console-mission-stranded');
  assert.deepEqual(page.faults, []);
});

test('a tower is found, cleaned and verified before the eyes of the operator, who gets a report', { skip: missing }, async (t) => {
  const server = await flying(t, 'facade');
  const page = await live(t, browser, server, '/?test');
  const panel = page.locator('#drawer-body .mission');
  await panel.locator('.crew li').first().waitFor();
  assert.equal(await panel.locator('.crew li').count(), 9);

  const speed = speedOf(server);
  await speed('max');
  await panel.locator('.faces canvas').first().waitFor({ timeout: PATIENCE });
  await until('windows are clean and tasks are held', async () => {
    const { windows, tasks } = await server.json('/api/mission');
    return windows.verified > 10 && tasks.held > 0;
  }, { within: PATIENCE });
  await speed(1);
  await panel.locator('.tasks li.held').first().waitFor();
  await panel.getByText(/\d+ of \d+ found/).waitFor();
  assert.ok(await panel.locator('.crew .fluid').count() >= 4, 'workers and mules have a tank');
  assert.deepEqual(await accessibilityFaults(page), []);
  await picture(page, 'console-mission');

  // What nobody in the swarm knows is shown to a god, and everybody hears of it.
  await panel.getByLabel('God view').check();
  await panel.getByText(/\d+ of 120$/).waitFor();
  await until('god view is in the log', async () => (await server.json('/api/logs')).entries.some(({ source, message }) => /god/i.test(`${source} ${message}`)), { within: 20_000 });
  await panel.getByLabel('God view').uncheck();
  await panel.getByText(/\d+ of \d+ found/).waitFor();

  await panel.locator('.tasks li.held button').first().click();
  await page.keyboard.press('q');
  await page.locator('[data-view="front"]').waitFor();
  await picture(page, 'console-mission-quad');

  await speed('max');
  const report = await final(server);
  // Decided and over are two things: it says both, in this order.
  await page.getByText(/^Mission complete: the site is seen/).waitFor({ timeout: PATIENCE });
  await page.getByRole('button', { name: 'Report', exact: true }).click();
  const dialog = page.getByRole('dialog');
  await dialog.getByText(/^Complete, everybody is on the ground:/).waitFor();
  await dialog.getByText('Accepted: every demand is met.').waitFor();
  await dialog.getByRole('row', { name: 'outcome complete complete passed' }).waitFor();
  assert.equal(report.windows.verified, 120);
  await dialog.getByRole('row', { name: `Windows verified 120 of 120` }).waitFor();
  assert.equal(await dialog.getByRole('cell', { name: 'failed', exact: true }).count(), 0);
  assert.deepEqual(await accessibilityFaults(page), []);
  await picture(page, 'console-mission-report');

  const saved = async (name) => {
    const [download] = await Promise.all([page.waitForEvent('download'), dialog.getByRole('button', { name }).click()]);
    return { name: download.suggestedFilename(), text: readFileSync(await download.path(), 'utf8') };
  };
  const json = await saved('Save as JSON');
  assert.equal(json.name, `mission-facade-${report.seed}.json`);
  assert.deepEqual(JSON.parse(json.text), report);
  const html = await saved('Save as page');
  assert.match(html.text, /Windows verified<\/td><td>120 of 120/);
  await page.keyboard.press('Escape');
  await picture(page, 'console-mission-end');
  await assertWhole(server, report, 'facade', 120);
  assert.deepEqual(page.faults, []);
});

test('four buildings are cleaned by thirty drones before the eyes of the operator, with the hash of a headless run', { skip: missing }, async (t) => {
  const server = await flying(t, 'campus');
  const page = await live(t, browser, server, '/?test');
  const panel = page.locator('#drawer-body .mission');
  await until('thirty drones have come', async () => await panel.locator('.crew li').count() === 30);
  const speed = speedOf(server);
  await speed('max');
  await until('all four are found', async () => (await server.json('/api/mission')).buildings.length === 4, { within: PATIENCE });
  await speed(1);
  await until('all four are shown', async () => await panel.locator('.faces canvas').count() >= 16, { within: 20_000 });
  await picture(page, 'console-campus');
  await speed('max');
  const report = await final(server);
  await panel.getByText(/^Complete, everybody is on the ground: the site is seen and all 240 windows found are verified$/).waitFor();
  await panel.getByText('240 of 240', { exact: true }).first().waitFor();
  await picture(page, 'console-campus-end');
  await assertWhole(server, report, 'campus', 240);
  assert.deepEqual(page.faults, []);
});

for (const [scenario, windows] of [['facade', 120], ['campus', 240]]) {
  test(`${scenario} over ${SEEDS} seeds, each before the eyes of a browser, with the hash of a headless run`, { skip: missing }, async (t) => {
    const rows = [];
    for (let seed = 1; seed <= SEEDS; seed += 1) {
      await t.test(`seed ${seed}`, async (t) => {
        const server = await flying(t, scenario, '--seed', String(seed));
        const page = await live(t, browser, server, '/?test');
        const panel = page.locator('#drawer-body .mission');
        await speedOf(server)('max');
        const report = await final(server);
        await panel.getByText(`Complete, everybody is on the ground: the site is seen and all ${windows} windows found are verified`, { exact: true }).waitFor();
        assert.equal(report.seed, seed);
        await assertWhole(server, report, scenario, windows);
        assert.deepEqual(page.faults, []);
        rows.push([seed, report.time_s, report.energy_wh, report.rework, report.near_misses]);
      });
    }
    const spread = (column) => {
      const sorted = rows.map((row) => row[column]).sort((a, b) => a - b);
      return `${sorted[sorted.length >> 1].toFixed(0)} (${sorted[0].toFixed(0)}–${sorted.at(-1).toFixed(0)})`;
    };
    t.diagnostic(`${scenario}: ${rows.length} of ${SEEDS} seeds whole, hashes equal; time ${spread(1)} s, energy ${spread(2)} Wh, rework ${spread(3)}, near misses ${spread(4)}`);
    assert.equal(rows.length, SEEDS);
  });
}
