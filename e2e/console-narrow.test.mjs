// The console in a small window, as at 200 % zoom and on a phone; and a button that stays where the finger is.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { accessibilityFaults, holds, launch, missing, picture } from './support/browser.mjs';
import { live, selectAll } from './support/console.mjs';
import { startServer } from './support/server.mjs';

const options = { skip: missing };
const TABS = ['Timeline', 'Plots', 'Log', 'Parameters', 'World', 'Fences', 'Preflight', 'Messages', 'Server'];
const TWICE = { width: 720, height: 450 };
const PHONE = { width: 390, height: 844 };
let server, browser;
before(async () => { if (!missing) [browser, server] = await Promise.all([launch(), startServer()]); });
after(async () => { await browser?.close(); await server?.end('SIGKILL'); server?.remove(); });

/** Evaluated in the page: whether an element is where the column beneath the map shows it. */
function inSight(selector) {
  const place = document.querySelector(selector)?.getBoundingClientRect();
  const column = document.querySelector('.under').getBoundingClientRect();
  return place !== undefined && place.height > 0 && place.top < column.bottom - 20 && place.bottom > column.top + 20;
}

/** Nothing is wider than the page, and Stop all stands on it. */
async function isTidy(page, { width, height }, where) {
  const [whole, column] = await page.evaluate(() => [document.documentElement, document.querySelector('.under')].map((it) => it.scrollWidth - it.clientWidth));
  assert.deepEqual([whole, column], [0, 0], `${where}: nothing sticks out`);
  const stop = await page.getByRole('button', { name: /^Stop all/ }).boundingBox();
  assert.ok(stop.x >= 0 && stop.y >= 0 && stop.x + stop.width <= width && stop.y + stop.height <= height, `${where}: ${JSON.stringify(stop)}`);
}

for (const [what, viewport] of [['at 200 % zoom', TWICE], ['on a phone', PHONE]]) {
  test(`${what} every panel and every tool can be reached`, options, async (t) => {
    const page = await live(t, browser, server, '/?test', { viewport });
    await page.locator('.under .drawer').waitFor();
    await isTidy(page, viewport, 'at first');
    await picture(page, `console-narrow-${viewport.width}`);
    const more = page.getByRole('button', { name: 'Speed, runs, theme and help' });
    if (await more.isVisible()) await more.click();
    for (const part of [page.getByRole('button', { name: 'Runs', exact: true }), page.getByLabel('Simulation speed'), page.locator('.who'), page.getByRole('button', { name: /^Theme/ }), page.getByRole('button', { name: 'Help and keys' })]) {
      const box = await part.first().boundingBox();
      assert.ok(box && box.x >= 0 && box.x + box.width <= viewport.width && box.height >= 24, `${part}: ${JSON.stringify(box)}`);
    }
    await isTidy(page, viewport, 'with all of the bar');
    for (const name of TABS) {
      await page.getByRole('tab', { name, exact: true }).click();
      await page.locator('#drawer-body > *').first().waitFor();
      await isTidy(page, viewport, name);
    }
    await page.getByLabel('Filter drones').fill('battery < 101');
    await page.locator('#fleet-grid [role="row"]').first().click();
    await holds(page, () => window.__console.selection.length === 1);
    assert.deepEqual(await accessibilityFaults(page), []);
    assert.deepEqual(page.faults, []);
  });
}

test('in a small window a key that opens a panel also brings it into sight', options, async (t) => {
  const page = await live(t, browser, server, '/?test', { viewport: TWICE });
  await page.locator('.under .drawer').waitFor();
  await page.locator('.map').focus();
  await page.keyboard.press('\\');
  await holds(page, inSight, '#drawer-body');
  assert.equal(await page.evaluate(inSight, '.inspector'), false);
  await page.keyboard.press(']');
  await holds(page, inSight, '.inspector');
  await page.keyboard.press(']');
  await page.locator('.inspector').waitFor({ state: 'detached' });
  await page.keyboard.press('[');
  if (await page.locator('#fleet-grid').count() === 0) await page.keyboard.press('[');
  await holds(page, inSight, '#fleet-grid');
  await page.keyboard.press('/');
  await holds(page, () => document.activeElement.id === 'fleet-filter');
  await holds(page, inSight, '#fleet-filter');
  await page.keyboard.press('Escape');
  // What waits to be confirmed is seen, also with the side panel closed.
  await selectAll(page);
  await page.keyboard.press('l');
  await holds(page, inSight, '.confirm .hold');
  await page.keyboard.press('Escape');
});

test('the button that is held stays where it is when the answer arrives', options, async (t) => {
  const still = await startServer({ t, args: ['--scenario', 'hello', '--paused'] });
  for (const viewport of [{ width: 1440, height: 900 }, { width: 1000, height: 720 }]) {
    const page = await live(t, browser, still, '/?test', { viewport });
    await selectAll(page);
    await page.getByText('Command 12 drones').waitFor();
    await page.evaluate(() => {
      window.places = new Set();
      const look = () => {
        const button = document.querySelector('.confirm .hold');
        if (button) window.places.add(Math.round(button.getBoundingClientRect().top));
        requestAnimationFrame(look);
      };
      look();
    });
    await page.keyboard.press('l');
    await page.getByText(/would take it on/).waitFor();
    await page.getByText(/^(Done in|Looked|\d+ done within)/).waitFor();
    await picture(page, `console-answer-${viewport.width}`);
    assert.equal(await page.evaluate(() => window.places.size), 1, `at ${viewport.width}: ${await page.evaluate(() => [...window.places])}`);
  }
});
