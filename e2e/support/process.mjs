// Child processes that are never left behind, free ports, and what the kernel says about a process.

import { readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

export { sleep };

/** Longer runs and real outages: `make e2e` sets it, `make test` keeps within its minutes. */
export const full = process.env.HMRS_E2E === 'full';

const children = new Set();
process.on('exit', () => { for (const child of children) child.kill('SIGKILL'); });
for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => process.exit(130));

/** Makes sure that `child` does not outlive this process, however this process ends. */
export function own(child) {
  children.add(child);
  child.once('exit', () => children.delete(child));
  return child;
}

/** A free TCP port on the loopback address. */
export function freePort() {
  return new Promise((resolve, reject) => {
    const probe = createServer();
    probe.once('error', reject).listen(0, '127.0.0.1', () => {
      const { port } = probe.address();
      probe.close(() => resolve(port));
    });
  });
}

/** Calls `look` every `every` ms until it gives something truthy, and returns that; `what` names it in the failure. */
export async function until(what, look, { within = 20_000, every = 25 } = {}) {
  const deadline = Date.now() + within;
  let error;
  for (;;) {
    try {
      const found = await look();
      if (found) return found;
      error = undefined;
    } catch (caught) {
      error = caught;
    }
    if (Date.now() > deadline) throw new Error(`not within ${within / 1000} s: ${what}${error ? ` (${error.message})` : ''}`);
    await sleep(every);
  }
}

/** Resident memory of a process in MiB. */
export function residentMiB(pid) {
  return (Number(readFileSync(`/proc/${pid}/statm`, 'utf8').split(' ')[1]) * 4096) / (1 << 20);
}

/** Pids of the direct children of a process. */
export function childrenOf(pid) {
  return readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(/\s+/).filter(Boolean).map(Number);
}

/** Middle and 99th percentile of a list of numbers. */
export function quantiles(values) {
  const sorted = [...values].sort((a, b) => a - b);
  const at = (q) => sorted[Math.min(sorted.length - 1, Math.floor(q * sorted.length))];
  return { median: at(0.5), p99: at(0.99), max: sorted.at(-1) };
}

/**
 * Quantiles of what a Prometheus histogram counted between two readings of `/metrics`, in ms, linear between its bounds;
 * undefined without such a histogram.
 */
export function histogramBetween(before, after, name) {
  const buckets = (text) => new Map([...text.matchAll(new RegExp(`^${name}_bucket\\{[^}]*le="([^"]+)"[^}]*\\} (\\S+)`, 'gm'))].map((m) => [Number(m[1].replace('+Inf', 'Infinity')), Number(m[2])]));
  const [from, to] = [buckets(before), buckets(after)];
  if (to.size === 0) return undefined;
  const counts = [...to].map(([le, n]) => [le, n - (from.get(le) ?? 0)]).sort(([a], [b]) => a - b);
  return (q) => {
    const rank = q * counts.at(-1)[1];
    const at = counts.findIndex(([, n]) => n >= rank);
    const [low, below] = at === 0 ? [0, 0] : counts[at - 1];
    const [high, n] = counts[at];
    return 1000 * (Number.isFinite(high) ? low + ((high - low) * (rank - below)) / Math.max(1, n - below) : low);
  };
}

/** User and system time that a process has used, ms. */
export function cpuOf(pid) {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1].split(' ');
  return (Number(fields[11]) + Number(fields[12])) * 10;
}
