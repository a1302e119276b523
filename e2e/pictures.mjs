// Takes the pictures of the console that the README shows: `node e2e/pictures.mjs [NAME…]`, into docs/pictures.
// Each is the real server in a real browser; whoever changes how the console looks takes them again and looks at them.

import { statSync } from 'node:fs';
import { join } from 'node:path';
import { holds, launch } from './support/browser.mjs';
import { drag, holdButton, live as liveConsole, selectAll } from './support/console.mjs';
import { sleep, until } from './support/process.mjs';
import { tenThousand } from './support/scenarios.mjs';
import { root, startServer } from './support/server.mjs';

const BYTES_MAX = 300 * 1024;

const box = async (page, x0, y0, x1, y1) => {
  const map = await page.locator('.map').first().boundingBox();
  const at = (x, y) => ({ x: map.x + x * map.width, y: map.y + y * map.height });
  await drag(page, at(x0, y0), at(x1, y1));
};
const click = (page, name) => page.getByRole('button', { name }).first().click();
const tab = (page, name) => page.getByRole('tab', { name }).click();
const filter = async (page, text) => {
  await page.locator('#fleet-filter').fill(text);
  await page.getByRole('button', { name: 'Select', exact: true }).click();
};

/** Selects what a filter lets through, and shows everybody again. */
const only = async (page, text) => {
  await filter(page, text);
  await page.locator('#fleet-filter').fill('');
  await page.locator('#fleet-filter').blur();
};

/** Flies on until the swarm looks like one: a beginning in rows is no picture of a flock. */
async function flyOn(server, seconds) {
  const { tick } = await server.json('/api/status');
  await server.post('/api/command', { command: 'step', params: { ticks: seconds * 25 } });
  await until('it has flown', async () => (await server.json('/api/status')).tick >= tick + seconds * 25, { within: 300_000 });
  await server.post('/api/start');
}

/** A command that waits to be confirmed, with what it would do. */
async function foreseen(page) {
  await only(page, 'group bravo or group alpha');
  await page.getByRole('button', { name: /^Go to/ }).click();
  const map = await page.locator('.map').boundingBox();
  await page.mouse.click(map.x + map.width * 0.78, map.y + map.height * 0.78);
  await page.locator('.confirm .foreseen').waitFor();
  await sleep(500);
}

/** A command on its way, alerts and a selection: what a minute at the console looks like. */
async function atWork(page, server) {
  await only(page, 'group alpha');
  await page.getByRole('button', { name: /^Go to/ }).click();
  const map = await page.locator('.map').boundingBox();
  await page.mouse.click(map.x + map.width * 0.28, map.y + map.height * 0.78);
  await holdButton(page, page.getByRole('button', { name: /^Hold to send/ }));
  await server.post('/api/command', { command: 'inject_fault', targets: ['worker-2'], params: { fault: 'gps' } });
  await sleep(6000);
}

/** A run of flock, and a fork of it with other distances, one over the other. */
async function runOverAnother(page, server) {
  const fly = async (swarm, ticks) => {
    const { tick } = await server.json(`/api/status${swarm}`);
    await server.post(`/api/command${swarm}`, { command: 'step', params: { ticks } });
    await until('it has flown', async () => (await server.json(`/api/status${swarm}`)).tick === tick + ticks, { within: 60_000 });
  };
  await fly('', 700);
  const { run_id: run } = await server.json('/api/status');
  const { body: fork } = await server.post(`/api/runs/${run}/fork`, { tick: 350, set: { 'limits.separation_m': 6 }, paused: true });
  await fly(`?swarm=${fork.id}`, 350);
  await sleep(2000);
  await page.locator('.map').focus();
  await page.keyboard.press('u');
  for (const id of [run, fork.run_id]) await page.locator(`tr[data-run="${id}"]`).getByRole('checkbox').check();
  await page.getByRole('button', { name: 'A over B' }).click();
  await holds(page, () => window.__console?.over?.partsAt > 0);
  await page.getByRole('slider', { name: /^Time of the replay/ }).press('End');
  await holds(page, () => window.__console.tick >= 700);
  await selectAll(page);
  await click(page, 'Centre');
  for (let i = 0; i < 2; i++) await click(page, 'Zoom in');
  await page.locator('.map').focus();
  await page.keyboard.press('Escape');
  await sleep(1500);
}

const pictures = {
  'console-dark': { colorScheme: 'dark', prepare: atWork },
  'console-light': { colorScheme: 'light', prepare: atWork },
  'console-flock': { scenario: 'flock', colorScheme: 'light', prepare: async (page) => { await box(page, 0.3, 0.2, 0.9, 0.7); await tab(page, 'Plots'); await sleep(8000); } },
  'console-foreseen': { prepare: foreseen },
  'console-menu': { colorScheme: 'light', prepare: async (page) => { await only(page, 'group alpha'); const map = await page.locator('.map').boundingBox(); await page.mouse.click(map.x + map.width * 0.3, map.y + map.height * 0.3, { button: 'right' }); await sleep(2000); } },
  'console-thousand': { scenario: 'thousand', args: ['--paused'], prepare: async (page, server) => { await flyOn(server, 60); await only(page, 'group north'); await sleep(9000); } },
  'console-ten-thousand': { scenario: 'ten-thousand', args: ['--paused'], prepare: async (page, server) => { await flyOn(server, 40); await only(page, 'group north'); await sleep(9000); } },
  'console-alerts': {
    scenario: 'flock', prepare: async (page, server) => {
      const ids = (from, n) => Array.from({ length: n }, (_, i) => `quad-${from + i}`);
      for (const [targets, fault] of [[ids(10, 12), 'gps'], [ids(60, 5), 'link'], [ids(100, 2), 'motor'], [ids(140, 8), 'battery']]) await server.post('/api/command', { command: 'inject_fault', targets, params: { fault } });
      await sleep(5000);
      await click(page, 'Seen');
      await tab(page, 'Log');
      await sleep(1500);
    },
  },
  'console-lost': { prepare: async (page, server) => { await selectAll(page); await sleep(2000); await server.end('SIGKILL'); await holds(page, () => window.__console.state === 'lost'); await sleep(1500); } },
  'console-past': { scenario: 'flock', prepare: async (page) => { await selectAll(page); await sleep(12_000); for (let i = 0; i < 6; i++) await page.keyboard.press(','); await sleep(800); } },
  'console-over': { scenario: 'flock', args: ['--paused'], prepare: runOverAnother },
  'console-quad': { prepare: async (page) => { await filter(page, 'type scout'); await page.keyboard.press('Escape'); await page.locator('.map').first().focus(); await page.keyboard.press('q'); await sleep(6000); } },
  'console-tilt': { colorScheme: 'light', prepare: async (page) => { await filter(page, 'group bravo'); await page.locator('.map').first().focus(); await page.keyboard.press('v'); await sleep(800); await page.keyboard.press('z'); await sleep(6000); } },
  'console-mission': { scenario: 'facade', args: ['--paused'], prepare: async (page, server) => { await flyOn(server, 240); await page.locator('#drawer-body .mission .tasks li.held button').first().click(); await page.keyboard.press('q'); await sleep(12_000); } },
  'console-first-run': { newcomer: true, prepare: () => sleep(3000) },
  'console-phone': { viewport: { width: 390, height: 844 }, prepare: () => sleep(3000) },
};

const names = process.argv.slice(2);
const browser = await launch();
for (const [name, { scenario = 'hello', colorScheme = 'dark', viewport = { width: 1440, height: 900 }, newcomer = false, args = [], prepare }] of Object.entries(pictures)) {
  if (names.length > 0 && !names.includes(name)) continue;
  const server = await startServer({ args: ['--scenario', scenario === 'ten-thousand' ? tenThousand() : scenario, ...args] });
  const ends = [];
  try {
    const page = await liveConsole({ after: (f) => ends.push(f) }, browser, server, '/?test', { colorScheme, viewport });
    if (!newcomer && viewport.width > 760) await click(page, 'Got it');
    await sleep(4000);
    await prepare(page, server);
    // A machine that is busy with something else shows a console that is late, and says so.
    const isBusy = await page.evaluate(() => ['late', 'delayed'].includes(window.__console.state));
    const path = join(root, 'docs', 'pictures', `${name}.png`);
    await page.screenshot({ path });
    const { size } = statSync(path);
    console.log(`${name.padEnd(22)} ${(size / 1024).toFixed(0).padStart(4)} KiB${size > BYTES_MAX ? ', too large' : ''}${isBusy ? ', taken on a busy machine: take it again' : ''}`);
    if (size > BYTES_MAX) process.exitCode = 1;
  } finally {
    for (const end of ends) await end();
    await server.end('SIGKILL');
    server.remove();
  }
}
await browser.close();
