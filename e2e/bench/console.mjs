// 1,000 drones in the console, in a Chromium without a GPU: frames a second, work per frame, age of what is shown.

import { holds, launch, missing, open, picture } from '../support/browser.mjs';
import { quantiles, sleep } from '../support/process.mjs';
import { startServer } from '../support/server.mjs';

if (missing) {
  console.log(`  not measured: ${missing}`);
} else {
  const seconds = Number(process.env.HMRS_BENCH_S ?? 15);
  const [browser, server] = await Promise.all([launch(), startServer({ args: ['--scenario', 'thousand'] })]);
  const cleanup = [];
  try {
    const page = await open({ after: (f) => cleanup.push(f) }, browser, server);
    await holds(page, () => window.__console?.drones === 1000 && window.__console.state === 'live', undefined, 30_000);
    await sleep(3000);
    const frames = page.evaluate((ms) => new Promise((resolve) => {
      const at = [];
      const count = (now) => { at.push(now); if (now - at[0] < ms) requestAnimationFrame(count); else resolve(at); };
      requestAnimationFrame(count);
    }), seconds * 1000);
    const samples = [];
    const seq = await page.evaluate(() => window.__console.seq);
    for (let i = 0; i < seconds; i++) {
      await sleep(1000);
      samples.push(await page.evaluate(() => { const { fps, mainMs, ageMs } = window.__console; return { fps, mainMs, ageMs }; }));
    }
    const received = ((await page.evaluate(() => window.__console.seq)) - seq) / seconds;
    const at = await frames;
    const gaps = quantiles(at.slice(1).map((t, i) => t - at[i]));
    const of = (key) => quantiles(samples.map((s) => s[key]));
    await picture(page, 'console-thousand');
    const rows = [
      ['renderer', await page.evaluate(() => window.__console.renderer)],
      ['animation frames a second', ((at.length - 1) / ((at.at(-1) - at[0]) / 1000)).toFixed(1)],
      ['frames drawn a second (median, least)', `${of('fps').median.toFixed(1)}, ${Math.min(...samples.map((s) => s.fps)).toFixed(1)}`],
      ['between animation frames p50 / p99', `${gaps.median.toFixed(1)} ms / ${gaps.p99.toFixed(1)} ms`],
      ['main thread a frame, median', `${of('mainMs').median.toFixed(2)} ms`],
      ['snapshots a second', received.toFixed(1)],
      ['age of what is shown p50 / p99', `${of('ageMs').median.toFixed(0)} ms / ${of('ageMs').p99.toFixed(0)} ms`],
    ];
    for (const [what, figure] of rows) console.log(`  ${what.padEnd(40)} ${figure}`);
  } finally {
    for (const f of cleanup) await f();
    await browser.close();
    await server.end('SIGKILL');
    server.remove();
  }
}
