// The console behind a narrow link: it asks for changes by itself, and what it shows stays fresh.
//
// HMRS_E2E=full watches for five minutes and prints how old the picture was; otherwise only that it comes so far.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { holds, launch, missing, open, picture } from './support/browser.mjs';
import { full, sleep } from './support/process.mjs';
import { startServer } from './support/server.mjs';
import { throttle } from './support/throttle.mjs';

const MINUTES = 5;
const AGE_MAX_MS = 500;
/** Of what the binary frames of a thousand drones take: the JSON takes more than ten times as much. */
const A_TENTH = 40_000;

let browser;
let server;
before(async () => { if (!missing) [browser, server] = await Promise.all([launch(), startServer({ args: ['--scenario', 'thousand'] })]); });
after(async () => { await browser?.close(); await server?.end('SIGKILL'); server?.remove(); });

test('a thousand drones over a tenth of the bandwidth', { skip: missing, timeout: 900_000 }, async (t) => {
  const link = await throttle(t, server.port, A_TENTH);
  const page = await open(t, browser, link);
  await holds(page, () => window.__console?.weak && window.__console.drones === 1000 && window.__console.state === 'live', undefined, 240_000);
  await page.getByText('weak link').waitFor();
  await picture(page, 'weak-link');
  if (full) await watch(t, page, link);
  assert.deepEqual(page.faults, []);
});

/** How old the newest data was, by the one clock that server and page have here. */
async function watch(t, page, link) {
  await sleep(10_000);
  const [from, bytes] = [performance.now(), link.bytes];
  const { ages, seqs } = await page.evaluate((ms) => new Promise((resolve) => {
    const [seen, seqs, end] = [[], new Set(), performance.now() + ms];
    const look = () => {
      const age = Date.now() - window.__console.newestMs;
      seen.push(Number.isNaN(age) ? Infinity : age);
      seqs.add(window.__console.seq);
      if (performance.now() < end) setTimeout(look, 20);
      else resolve({ ages: seen.sort((a, b) => a - b), seqs: seqs.size });
    };
    look();
  }), MINUTES * 60_000);
  const seconds = (performance.now() - from) / 1000;
  const quantile = (q) => ages[Math.min(ages.length - 1, Math.floor(q * ages.length))];
  t.diagnostic(`${link.bytesPerSecond} bytes a second, of which ${Math.round((link.bytes - bytes) / seconds)} were used, ${(seqs / seconds).toFixed(1)} frames a second for ${Math.round(seconds)} s: age p50 ${quantile(0.5)} ms, p99 ${quantile(0.99)} ms, greatest ${ages.at(-1)} ms of ${ages.length} looks`);
  assert.ok(ages.at(-1) <= AGE_MAX_MS, `data was ${ages.at(-1)} ms old`);
}
