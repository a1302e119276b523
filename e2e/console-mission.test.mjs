// A mission in the browser: what the swarm believes of the windows, who does what, what is blocked, and how it ended.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, before, test } from 'node:test';
import { accessibilityFaults, launch, missing, picture } from './support/browser.mjs';
import { live } from './support/console.mjs';
import { full, until } from './support/process.mjs';
import { startServer } from './support/server.mjs';

// A minute and more: at full length only.
const options = { skip: missing || (!full && 'make e2e flies it') };
/** Simulated seconds of the mission pass a hundred times faster; what is left of them fits into this on a busy machine. */
const PATIENCE = 240_000;
let server, browser;
before(async () => {
  if (options.skip) return;
  [server, browser] = await Promise.all([startServer({ args: ['--scenario', 'facade', '--database-url', 'none'] }), launch()]);
});
after(async () => {
  await browser?.close();
  await server?.end('SIGKILL');
  server?.remove();
});

test('a tower is found, cleaned and verified before the eyes of the operator, who gets a report', options, async (t) => {
  const page = await live(t, browser, server, '/?test');
  const panel = page.locator('#drawer-body .mission');
  await panel.locator('.crew li').first().waitFor();
  assert.equal(await panel.locator('.crew li').count(), 9);

  const speed = (factor) => server.post('/api/command', { command: 'set_speed', params: { factor } });
  assert.equal((await speed('max')).body.ok, true);
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
  await page.getByText(/^Mission complete/).waitFor({ timeout: PATIENCE });
  await until('everybody is home', async () => (await server.json('/api/mission/report')).is_final, { within: PATIENCE });
  await page.getByRole('button', { name: 'Report', exact: true }).click();
  const dialog = page.getByRole('dialog');
  await dialog.getByText(/^Complete:/).waitFor();
  const report = await server.json('/api/mission/report');
  assert.equal(report.is_final, true);
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
  assert.deepEqual(page.faults, []);
});
