// What needs attention, and what a newcomer is shown.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { holds, launch, missing } from './support/browser.mjs';
import { live as liveConsole, holdButton, selection } from './support/console.mjs';
import { startServer } from './support/server.mjs';

const options = { skip: missing, timeout: 240_000 };
let browser;
let server;
before(async () => { if (!missing) [browser, server] = await Promise.all([launch(), startServer()]); });
after(async () => { await browser?.close(); await server?.end('SIGKILL'); server?.remove(); });

const live = (t) => liveConsole(t, browser, server, '/?test');
const breakFix = (targets) => server.post('/api/command', { command: 'inject_fault', targets, params: { fault: 'gps' } });

test('three things to try are there, and are ticked off as they are done', options, async (t) => {
  const page = await live(t);
  const hint = page.locator('.hint');
  await hint.getByText('Three things to try').waitFor();
  assert.equal(await hint.locator('li').count(), 3);
  const done = (n) => holds(page, (count) => document.querySelectorAll('.hint li.done').length === count, n);
  await done(0);
  await page.locator('#row-0').click();
  await done(1);
  await page.keyboard.press('g');
  const map = await page.locator('.map').boundingBox();
  await page.mouse.click(map.x + map.width * 0.3, map.y + map.height * 0.8);
  await holdButton(page, page.getByRole('button', { name: /^Hold to send/ }));
  await done(2);
  await page.locator('#fleet-filter').fill('battery < 30');
  await done(3);
  await hint.getByText('That is how it works').waitFor();
  await page.getByRole('button', { name: 'Got it' }).click();
  await hint.waitFor({ state: 'detached' });
  await page.reload();
  await holds(page, () => window.__console?.drones > 0);
  assert.equal(await hint.count(), 0, 'it is shown once');
});

test('alerts of one kind stand together, are seen, put on the shelf and brought back; a newcomer is loud again', options, async (t) => {
  const page = await live(t);
  await breakFix(['scout-1', 'scout-2', 'worker-1']);
  const alert = page.locator('.alerts > ul').first().locator('li', { hasText: 'no position fix' });
  await alert.getByText(/^3 drones/).waitFor();
  await alert.getByRole('button', { name: 'Select 3' }).click();
  assert.deepEqual((await selection(page)).toSorted(), ['scout-1', 'scout-2', 'worker-1']);
  await alert.getByRole('button', { name: 'Seen' }).click();
  await alert.getByText(/, seen$/).waitFor();
  await breakFix(['worker-3']);
  await alert.getByText(/^4 drones/).waitFor();
  await alert.getByRole('button', { name: 'Seen' }).click();
  await alert.getByRole('button', { name: 'Shelve' }).click();
  await alert.waitFor({ state: 'detached' });
  // What is out of sight still counts.
  await page.locator('.counts .warning', { hasText: /^4 / }).waitFor();
  await page.getByRole('button', { name: '1 shelved' }).click();
  await page.getByRole('button', { name: 'Bring back' }).click();
  await alert.waitFor();
  assert.deepEqual(page.faults, []);
});

test('what was seen is loud again when it becomes something else, and what is over stays until it is seen', options, async (t) => {
  await server.post('/api/command', { command: 'inject_fault', targets: ['scout-1', 'scout-2', 'worker-1', 'worker-3'], params: { fault: 'gps', clear: true } });
  const page = await live(t);
  const alert = (text) => page.locator('.alerts > ul').first().locator('li', { hasText: text }).filter({ hasText: 'overseer-1' });
  const fault = (kind) => server.post('/api/command', { command: 'inject_fault', targets: ['overseer-1'], params: { fault: kind } });
  await breakFix(['overseer-1']);
  await alert('no position fix').getByRole('button', { name: 'Seen' }).click();
  await alert('no position fix').getByText(/, seen$/).waitFor();
  await fault('motor');
  await alert('falling').getByRole('button', { name: 'Seen' }).waitFor();
  assert.equal(await alert('no position fix').count(), 0, 'one drone, one alert');
  // A warning that goes away before anybody has seen it is still to be seen.
  await breakFix(['scout-4']);
  const brief = page.locator('.alerts > ul').first().locator('li', { hasText: 'no position fix' }).filter({ hasText: 'scout-4' });
  await brief.waitFor();
  await server.post('/api/command', { command: 'inject_fault', targets: ['scout-4'], params: { fault: 'gps', clear: true } });
  await brief.getByText(/, over, not seen$/).waitFor();
  await brief.getByRole('button', { name: 'Seen' }).click();
  await brief.waitFor({ state: 'detached' });
  assert.deepEqual(page.faults, []);
});
