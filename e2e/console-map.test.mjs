// The map under the hand: its menu, what a command would do before it is sent, and a picture of the site under the swarm.

import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { accessibilityFaults, holds, launch, missing, picture } from './support/browser.mjs';
import { flying, holdButton, live as liveConsole, selection, stripOf } from './support/console.mjs';
import { full, until } from './support/process.mjs';
import { startServer } from './support/server.mjs';

const options = { skip: missing, timeout: 240_000 };
const atLength = { ...options, skip: missing ?? (full ? undefined : 'at full length only') };
let browser;
let server;
before(async () => { if (!missing) [browser, server] = await Promise.all([launch(), startServer()]); });
after(async () => { await browser?.close(); await server?.end('SIGKILL'); server?.remove(); });

const live = (t, more) => liveConsole(t, browser, server, '/?test', more);
const menu = (page) => page.getByRole('menu', { name: 'Menu of the map' });
const item = (page, name) => menu(page).getByRole('menuitem', { name });

for (const colorScheme of ['dark', 'light']) {
  test(`the right button opens what can be done with a drone and at a place, in ${colorScheme}`, colorScheme === 'dark' ? options : atLength, async (t) => {
    const page = await live(t, { colorScheme });
    const drone = await flying(page, server);
    await page.mouse.click(drone.at.x, drone.at.y, { button: 'right' });
    const id = await menu(page).locator('.of').first().innerText();
    assert.deepEqual(await accessibilityFaults(page), []);
    assert.deepEqual(await selection(page), [], 'looking selects nothing');
    await picture(page, `console-menu-${colorScheme}`);
    await item(page, 'Select only this one').click();
    await holds(page, (wanted) => window.__console.selection.join() === wanted, id);
    assert.equal(await menu(page).count(), 0);
    // A place: the selected drone is sent there, and asked about first.
    const map = await page.locator('.map').boundingBox();
    const place = { x: map.x + map.width * 0.3, y: map.y + map.height * 0.8 };
    await page.mouse.click(place.x, place.y, { button: 'right' });
    await menu(page).getByText(`Command ${id}`).waitFor();
    await item(page, /^Send here/).click();
    await page.getByRole('button', { name: /^Hold to send 1 drone/ }).waitFor();
    await page.keyboard.press('Escape');
    // A click beside the menu closes it and does nothing else.
    await page.mouse.click(place.x, place.y, { button: 'right' });
    await menu(page).waitFor();
    await page.mouse.click(place.x - 30, place.y - 30);
    await menu(page).waitFor({ state: 'detached' });
    assert.deepEqual(await selection(page), [id]);
    assert.deepEqual(page.faults, []);
  });
}

test('the menu by keyboard alone: opened at the selection, walked through, chosen from, left', options, async (t) => {
  const page = await live(t);
  await page.locator('#row-2').click();
  const [id] = await selection(page);
  await page.locator('.map').focus();
  await page.keyboard.press('ContextMenu');
  await menu(page).getByText(id, { exact: true }).waitFor();
  const focused = () => page.evaluate(() => document.activeElement?.textContent?.trim());
  await until('the first entry has the focus', async () => (await focused()) === 'Take out of the selection');
  await page.keyboard.press('ArrowUp');
  await until('up from the first is the last', async () => /Draw a fence/.test(await focused()));
  await page.keyboard.press('Home');
  await page.keyboard.press('Enter');
  await holds(page, () => window.__console.selection.length === 0);
  await holds(page, () => document.activeElement?.classList.contains('map'));
  await page.keyboard.press('Shift+F10');
  await menu(page).waitFor();
  await page.keyboard.press('Escape');
  await menu(page).waitFor({ state: 'detached' });
  assert.deepEqual(page.faults, []);
});

test('a long press opens it on a phone, all of it in view and large enough for a finger', options, async (t) => {
  const page = await live(t, { viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true });
  const drone = await flying(page, server);
  const devtools = await page.context().newCDPSession(page);
  const touchPoints = [{ x: drone.at.x, y: drone.at.y }];
  await devtools.send('Input.dispatchTouchEvent', { type: 'touchStart', touchPoints });
  await menu(page).waitFor();
  await devtools.send('Input.dispatchTouchEvent', { type: 'touchEnd', touchPoints: [] });
  const box = await menu(page).boundingBox();
  assert.ok(box.x >= 0 && box.x + box.width <= 390 && box.y + box.height <= 844, JSON.stringify(box));
  assert.ok((await item(page, 'Select only this one').boundingBox()).height >= 40, 'a finger finds it');
  await picture(page, 'console-menu-phone');
});

test('what a command would do is drawn and said before it is sent, and happens', options, async (t) => {
  const own = await startServer({ t });
  const page = await liveConsole(t, browser, own);
  await page.locator('#fleet-filter').fill('group alpha');
  await page.getByRole('button', { name: 'Select', exact: true }).click();
  await holds(page, () => window.__console.selection.length === 4);
  const ids = await selection(page);
  // What is done at once can be taken back.
  const modes = async () => new Set((await own.json('/api/drones')).drones.filter((d) => ids.includes(d.id)).map((d) => d.mode));
  await page.getByRole('button', { name: /^Hold(\s+H)?$/ }).click();
  await until('they hold', async () => [...await modes()].join() === 'hold');
  await page.locator('.notices').getByRole('button', { name: 'Undo' }).click();
  await until('they fly their mission again', async () => [...await modes()].join() === 'mission');
  await own.post('/api/pause');
  await holds(page, () => window.__console.runState === 'paused');
  await page.getByRole('button', { name: /^Go to/ }).click();
  const map = await page.locator('.map').boundingBox();
  await page.mouse.click(map.x + map.width * 0.28, map.y + map.height * 0.78);
  const said = await page.locator('.confirm .foreseen').innerText();
  const [, seconds] = /^Done in (\d+\.\d) s, drones at least \d+\.\d m apart$/.exec(said) ?? assert.fail(said);
  await picture(page, 'console-foreseen');
  const path = await page.evaluate(() => window.__console.foreseen);
  assert.deepEqual(Object.keys(path).sort(), [...ids].sort());
  await holdButton(page, page.getByRole('button', { name: /^Hold to send/ }));
  await holds(page, () => window.__console.foreseen === null);
  const strip = await until('it is answered', async () => { const s = await stripOf(page, 'goto'); return s?.transport && s; });
  const { sim_time_s: from } = await own.json('/api/status');
  await own.post('/api/command', { command: 'set_speed', params: { factor: 10 } });
  await own.post('/api/start');
  await until('it is done', async () => (await own.json('/api/commands')).commands.find((c) => c.command_id === strip.id)?.done, { within: 60_000 });
  const { commands } = await own.json('/api/commands');
  const { tick } = commands.find((c) => c.command_id === strip.id);
  t.diagnostic(`foreseen ${seconds} s, took ${(tick * 0.04 - from).toFixed(2)} s`);
  assert.ok(Math.abs(tick * 0.04 - from - Number(seconds)) < 0.11, `${seconds} s were foreseen, it took ${(tick * 0.04 - from).toFixed(2)} s`);
  assert.deepEqual(page.faults, []);
});

test('a picture of the site lies where its points say, and can be taken away', options, async (t) => {
  const dir = mkdtempSync(join(tmpdir(), 'hmrs-site-'));
  t.after(() => rmSync(dir, { recursive: true, force: true }));
  // Two pixels: the left one red, the right one white, each 100 m wide, to both sides of the origin.
  const png = await browser.newPage().then(async (page) => {
    const url = await page.evaluate(() => {
      const canvas = Object.assign(document.createElement('canvas'), { width: 20, height: 10 });
      const c = canvas.getContext('2d');
      for (const [x, colour] of [[0, '#ff0000'], [10, '#ffffff']]) { c.fillStyle = colour; c.fillRect(x, 0, 10, 10); }
      return canvas.toDataURL('image/png');
    });
    await page.close();
    return Buffer.from(url.split(',')[1], 'base64');
  });
  writeFileSync(join(dir, 'yard.png'), png);
  const file = join(dir, 'site.json');
  writeFileSync(file, JSON.stringify({ image: 'yard.png', attribution: 'Own survey', points: [{ pixel: [0, 0], at: [-100, 50] }, { pixel: [20, 10], at: [100, -50] }] }));
  const own = await startServer({ t, args: ['--database-url', 'none', '--paused', '--site-image', file] });
  assert.equal((await own.json('/api/config')).site_image.points.length, 2);
  const page = await liveConsole(t, browser, own, '/?test&at=0,0,0,3', { colorScheme: 'dark' });
  await page.getByText('Own survey').waitFor();
  const colourAt = (e, n) => page.locator('.map canvas').first().evaluate((canvas, [east, north]) => {
    const { width, height } = canvas;
    const [x, y] = [width / 2 + 3 * east, height / 2 - 3 * north];
    const { data } = canvas.getContext('2d').getImageData(x - 1, y - 1, 3, 3);
    return [0, 1, 2].map((channel) => Math.round([...data].filter((_, i) => i % 4 === channel).reduce((a, b) => a + b, 0) / 9));
  }, [e, n]);
  await until('the picture is there', async () => (await colourAt(93, 45))[1] > 80);
  const [left, right, outside] = [await colourAt(-93, 45), await colourAt(93, 45), await colourAt(10, 70)];
  t.diagnostic(JSON.stringify({ left, right, outside }));
  assert.ok(left[0] > left[1] + 8, 'red lies in the west');
  assert.ok(Math.abs(right[0] - right[1]) < 12, 'white lies in the east');
  assert.ok(Math.max(...outside) < 40, 'nothing lies beyond');
  await picture(page, 'console-site-image');
  await page.locator('.map').focus();
  await page.keyboard.press('b');
  await until('the picture is gone', async () => Math.max(...await colourAt(93, 45)) < 40);
  assert.deepEqual(page.faults, []);
});
