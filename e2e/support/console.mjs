// What a person does at the console: looks at it, selects with the mouse, holds a button.

import { holds, open } from './browser.mjs';
import { sleep, until } from './process.mjs';

/** The console at `path`, once it shows live drones. */
export async function live(t, browser, server, path, more) {
  const page = await open(t, browser, server, path, more);
  await holds(page, () => window.__console?.drones > 0 && window.__console.state === 'live');
  return page;
}

/** Where a drone is on the page. */
export const project = (page, id) => page.evaluate((drone) => window.__console.project(drone), id);

/** Ids of the selected drones. */
export const selection = (page) => page.evaluate(() => window.__console.selection);

/** Presses A and waits until everything is selected. */
export async function selectAll(page) {
  await page.locator('.map').first().focus();
  await page.keyboard.press('a');
  await holds(page, () => window.__console.selection.length === window.__console.drones);
}

/** The newest strip of a command, as the test hook shows it. */
export const stripOf = (page, command) => page.evaluate((name) => window.__console.strips.find((s) => s.command === name), command);

/** Drags with the mouse. */
export async function drag(page, from, to) {
  await page.mouse.move(from.x, from.y);
  await page.mouse.down();
  await page.mouse.move((from.x + to.x) / 2, (from.y + to.y) / 2, { steps: 4 });
  await page.mouse.move(to.x, to.y, { steps: 4 });
  await page.mouse.up();
}

/** A drone in the air that is in view, nearest to the middle of the map. */
export async function flying(page, server) {
  return until('a drone in the air is in view', async () => {
    const { drones } = await server.json('/api/drones');
    const map = await page.locator('.map').boundingBox();
    const seen = [];
    for (const drone of drones.filter((d) => d.landed === 'in_air')) {
      const p = await project(page, drone.id);
      if (!p || p.x < map.x + 60 || p.x > map.x + map.width - 160 || p.y < map.y + 60 || p.y > map.y + map.height - 60) continue;
      seen.push({ ...drone, at: p, away: Math.hypot(p.x - map.x - map.width / 2, p.y - map.y - map.height / 2) });
    }
    return seen.sort((a, b) => a.away - b.away)[0];
  }, { within: 30_000 });
}

/**
 * Keeps a button pressed until something has come of it: by default, until it has gone with its dialog. Panels follow
 * the selection a few times a second, and a button may have moved while the hand came down: then it is looked for again.
 */
export async function holdButton(page, button, outcome = () => button.waitFor({ state: 'detached' })) {
  await until('the button is under the pointer', async () => {
    const element = await button.elementHandle();
    await button.hover();
    await page.mouse.down();
    if (await element.evaluate((it) => it.matches(':active') || !it.isConnected)) return true;
    await page.mouse.up();
    return false;
  });
  try {
    await outcome();
  } finally {
    await page.mouse.up();
  }
}
