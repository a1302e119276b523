// A real headless Chromium, and a page of the console in it that watches what it does.

import { execFileSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import axe from 'axe-core';
import { chromium } from 'playwright-core';
import { artefacts } from './server.mjs';

const executablePath = ['chromium', 'chromium-browser', 'google-chrome'].map(which).find(Boolean);

function which(name) {
  try {
    return execFileSync('which', [name], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim();
  } catch {
    return undefined;
  }
}

/** Why no browser can be had; undefined if one can. In CI its absence is a failure, not a reason to skip. */
export const missing = executablePath || process.env.CI ? undefined : 'Chromium is not installed';

/**
 * A browser without a GPU that asks nothing of the world beyond the page. With `gl`, WebGL is there, computed by the
 * processor; everything else is then slow.
 */
export function launch({ gl = false } = {}) {
  const graphics = gl ? ['--use-gl=angle', '--use-angle=swiftshader', '--enable-unsafe-swiftshader', '--ignore-gpu-blocklist'] : ['--disable-gpu'];
  return chromium.launch({
    executablePath: executablePath ?? '/usr/bin/chromium',
    args: ['--headless', '--no-sandbox', ...graphics, '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync'],
  });
}

/**
 * A page of `server` at `path`, closed with the test. `page.faults` collects what must not happen: errors on the page,
 * and requests to anywhere but the server.
 */
export async function open(t, browser, server, path = '/?test', options = {}) {
  const context = await browser.newContext({ viewport: { width: 1440, height: 900 }, reducedMotion: 'reduce', colorScheme: 'dark', ...options });
  t.after(() => context.close());
  const page = await context.newPage();
  page.setDefaultTimeout(30_000);
  page.faults = [];
  page.on('pageerror', (error) => page.faults.push(`error: ${error.stack ?? error}`));
  const watch = (url) => {
    const { protocol, host } = new URL(url);
    if (!['data:', 'blob:'].includes(protocol) && host !== new URL(server.url).host) page.faults.push(`request to ${url}`);
  };
  page.on('request', (request) => watch(request.url()));
  page.on('websocket', (socket) => watch(socket.url()));
  await page.goto(server.url + path);
  return page;
}

/** Waits until `look`, evaluated in the page with `arg`, is true. */
export const holds = (page, look, arg, timeout = 30_000) => page.waitForFunction(look, arg, { timeout, polling: 50 });

/** A picture of the page for people to look at, in target/e2e. */
export function picture(page, name) {
  mkdirSync(artefacts, { recursive: true });
  return page.screenshot({ path: join(artefacts, `${name}.png`) });
}

/**
 * Of each of `places` (`{name: {x, y}}` on the page): the middle of the pixels of `colour` within `radius`, and how many there
 * are; null where there are none, or where another place is so near that it could not be told apart.
 */
export async function pixelsAround(page, places, colour, radius) {
  const shot = (await page.screenshot()).toString('base64');
  return page.evaluate(async ([png, wanted, hex, reach]) => {
    const bytes = Uint8Array.from(atob(png), (letter) => letter.charCodeAt(0));
    const image = await createImageBitmap(new Blob([bytes], { type: 'image/png' }));
    const context = new OffscreenCanvas(image.width, image.height).getContext('2d');
    context.drawImage(image, 0, 0);
    const { data, width, height } = context.getImageData(0, 0, image.width, image.height);
    const ink = [1, 3, 5].map((i) => parseInt(hex.slice(i, i + 2), 16));
    const isInk = (at) => ink.every((value, channel) => Math.abs(data[at + channel] - value) <= 6);
    const list = Object.entries(wanted).filter(([, p]) => p);
    return Object.fromEntries(list.map(([name, p]) => {
      if (list.some(([other, q]) => other !== name && Math.hypot(q.x - p.x, q.y - p.y) < 2.2 * reach)) return [name, null];
      let [sumX, sumY, pixels] = [0, 0, 0];
      for (let y = Math.max(0, Math.floor(p.y - reach)); y <= Math.min(height - 1, p.y + reach); y++) {
        for (let x = Math.max(0, Math.floor(p.x - reach)); x <= Math.min(width - 1, p.x + reach); x++) {
          if (!isInk((y * width + x) * 4)) continue;
          sumX += x;
          sumY += y;
          pixels++;
        }
      }
      return [name, pixels > 3 ? { x: sumX / pixels, y: sumY / pixels, pixels } : null];
    }));
  }, [shot, places, colour, radius]);
}

/** Serious and critical findings of axe, each as `rule: where`. */
export async function accessibilityFaults(page) {
  await page.evaluate(axe.source);
  const { violations } = await page.evaluate(() => window.axe.run(document, { resultTypes: ['violations'] }));
  return violations
    .filter(({ impact }) => ['serious', 'critical'].includes(impact))
    .flatMap(({ id, nodes }) => nodes.map(({ target, failureSummary }) => `${id}: ${target} (${failureSummary.replace(/\s+/g, ' ')})`));
}
