// Hostile clients, against the server itself and through nginx: each is refused as it should be, memory stays flat, and
// an operator who watches meanwhile misses nothing and sees it no later (at full length: HMRS_E2E=full).
//
// Attackers have machines of their own; here they run on what the server and the watcher leave of this one (SCHED_IDLE),
// and the watcher, who has one too, comes before all (SCHED_RR). That alone makes updates later, by processors that are
// busy and have to be taken away from the attackers. So what these do to the machine is measured in the same minutes: the
// same attacks on a second server, which runs on what is left too and which nobody watches. The ratio of the two is what
// the attacked server adds.

import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { attacks } from './support/attacks.mjs';
import { connect, missed } from './support/client.mjs';
import { startNginx } from './support/nginx.mjs';
import { full, own, quantiles, residentMiB, sleep } from './support/process.mjs';
import { startServer } from './support/server.mjs';

/** What all attacks together may cost; sessions that were left are among it, until their time is over. */
const GROWTH_MIB = 64;
/** Share of the updates that a watcher may miss while attackers want the same two cores. */
const MISSED_MAX = 0.03;

/** How much later than beside attacks on another server the slowest hundredth of the updates may be. */
const LATER_MAX = 1.2;
/** How often all of it is done: of one round, six updates are the slowest hundredth. */
const ROUNDS = full ? 3 : 1;
/** What runs a command on what others leave of the processors; nearly so where nothing is measured, and others may be busy. */
const LEFTOVER = full ? ['chrt', '--idle', '0'] : ['nice', '-n', '19'];

/** Lets this process, the watcher's, come before every other. */
const comeFirst = () => execFileSync('chrt', ['--rr', '--all-tasks', '--pid', '10', String(process.pid)]);

/** Attackers of the server at `port`; tells them what to do. */
function attackersOf(t, port, { timesMax }) {
  const file = fileURLToPath(new URL('./support/attacks.mjs', import.meta.url));
  const [command, ...args] = [...LEFTOVER, process.execPath, file, ...[port, full ? 10 : 1, timesMax].map(String)];
  const attackers = own(spawn(command, args, { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] }));
  t.after(() => attackers.kill());
  return async (index) => {
    attackers.send(index);
    return (await once(attackers, 'message'))[0];
  };
}

/** The updates that reach a watcher, by what goes on meanwhile: how late each is, against the fastest one seen. */
class Watch {
  fastest = Infinity;
  ages = { quiet: [], elsewhere: [], here: [] };
  seen = [];
  constructor(viewer) {
    viewer.on('drones-update', (payload) => {
      // Ticks are 40 ms apart, and both clocks are the machine's.
      const age = performance.now() - payload.tick * 40;
      this.fastest = Math.min(this.fastest, age);
      this.ages[this.now]?.push(age);
      this.seen.push({ payload });
    });
  }
  async during(what, work) {
    this.now = what;
    const result = await work();
    this.now = undefined;
    return result;
  }
  late(what) { return quantiles(this.ages[what].map((age) => age - this.fastest)); }
}

async function besiege(t, server, port, viewer, { timesMax = Infinity, extra = [], elsewhere } = {}) {
  const [attack, distract] = [attackersOf(t, port, { timesMax }), elsewhere && attackersOf(t, elsewhere, { timesMax })];
  if (full) comeFirst();
  const watch = new Watch(viewer);
  await watch.during('quiet', () => sleep(full ? 5000 : 1000));
  const began = residentMiB(server.pid);
  const wrong = [];
  const all = Array(ROUNDS).fill([...attacks.entries()]).flat();
  for (const [index, { what, right }] of all) {
    const [before, start] = [residentMiB(server.pid), performance.now()];
    const outcomes = await watch.during('here', () => attack(index));
    const seconds = ((performance.now() - start) / 1000).toFixed(1);
    const grown = residentMiB(server.pid) - before;
    if (distract) await watch.during('elsewhere', () => distract(index));
    if (full) await watch.during('quiet', () => sleep(300));
    t.diagnostic(`${what}: ${Object.entries(outcomes).map(([outcome, n]) => `${n} x ${outcome}`).join(', ')}; ${grown >= 0 ? '+' : ''}${grown.toFixed(2)} MiB, ${seconds} s`);
    if (Object.keys(outcomes).some((outcome) => !right.includes(outcome) && !extra.includes(outcome))) wrong.push(`${what}: ${JSON.stringify(outcomes)}, not ${right}`);
  }
  const grown = residentMiB(server.pid) - began;
  const late = (what) => `${watch.late(what).median.toFixed(1)} / ${watch.late(what).p99.toFixed(1)} ms`;
  t.diagnostic(`${attacks.length} kinds of attack: ${grown.toFixed(1)} MiB more, ${(missed(watch.seen) * 100).toFixed(2)} % of the updates missing`);
  t.diagnostic(`updates at an operator late by p50 / p99 ${late('quiet')} in between, ${late('here')} during them${elsewhere ? `, ${late('elsewhere')} during the same on another server` : ''} (${Object.values(watch.ages).map((ages) => ages.length).join(', ')} updates)`);
  assert.deepEqual(wrong, []);
  assert.ok(grown < GROWTH_MIB, `${grown} MiB more`);
  assert.ok(missed(watch.seen) <= MISSED_MAX, `${missed(watch.seen) * 100} % of the updates are missing`);
  assert.equal((await server.get('/api/health')).status, 200);
  assert.equal(viewer.connected, true);
  assert.doesNotMatch(server.log(), /panicked/);
  if (elsewhere) {
    const ratio = watch.late('here').p99 / watch.late('elsewhere').p99;
    t.diagnostic(`the attacked server adds x ${ratio.toFixed(2)}`);
    assert.ok(ratio <= LATER_MAX, `x ${ratio}`);
  }
}

/** A server that is there to be attacked, on what is left of the processors. */
const decoy = (t, args) => startServer({ t, args, under: LEFTOVER });

test('hostile clients at the server itself', { timeout: 600_000 }, async (t) => {
  const args = ['--deflate', 'always'];
  const server = await startServer({ t, args });
  const elsewhere = full ? (await decoy(t, args)).port : undefined;
  await besiege(t, server, server.port, await connect(server, { t }), { elsewhere });
});

test('hostile clients through nginx', { timeout: 600_000 }, async (t) => {
  const args = ['--deflate', 'always', '--trusted-proxy', '127.0.0.1'];
  const server = await startServer({ t, args });
  const edge = await startNginx({ t, servers: [server] });
  const elsewhere = full ? (await startNginx({ t, servers: [await decoy(t, args)], under: LEFTOVER })).port : undefined;
  // nginx lets 20 handshakes a second pass and turns others away itself; it may end a connection without the close frame.
  await besiege(t, server, edge.port, await connect(edge, { t }), { timesMax: full ? 30 : 3, extra: ['429', 'closed'], elsewhere });
});
