// Hostile clients, against the server itself and through nginx: each is refused as it should be, memory stays flat, and
// an operator who watches meanwhile misses nothing.

import assert from 'node:assert/strict';
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { constants, setPriority } from 'node:os';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { attacks } from './support/attacks.mjs';
import { collect, connect, missed } from './support/client.mjs';
import { startNginx } from './support/nginx.mjs';
import { full, own, quantiles, residentMiB } from './support/process.mjs';
import { startServer } from './support/server.mjs';

/** What all attacks together may cost; sessions that were left are among it, until their time is over. */
const GROWTH_MIB = 64;
/** Share of the updates that a watcher may miss while attackers want the same two cores. */
const MISSED_MAX = 0.03;

/** Time between an update's tick and its arrival, against the fastest one seen: the clock that both share is monotonic. */
function lateness(seen, tickMs) {
  const ages = seen.map(({ at, payload }) => at - payload.tick * tickMs);
  const fastest = Math.min(...ages);
  return quantiles(ages.map((age) => age - fastest));
}

async function besiege(t, server, port, viewer, { timesMax = Infinity, extra = [] } = {}) {
  const quiet = await collect(viewer, 'drones-update', full ? 20_000 : 4000);
  // Attackers have machines of their own: here they have to leave the processor to the server and to who watches.
  const attacker = own(fork(fileURLToPath(new URL('./support/attacks.mjs', import.meta.url)), [port, full ? 10 : 1, timesMax].map(String)));
  setPriority(attacker.pid, constants.priority.PRIORITY_LOW);
  t.after(() => attacker.kill());
  const began = residentMiB(server.pid);
  const seen = [];
  const watch = (payload) => seen.push({ at: performance.now(), payload });
  viewer.on('drones-update', watch);
  const wrong = [];
  for (const [index, { what, right }] of attacks.entries()) {
    const [before, start] = [residentMiB(server.pid), performance.now()];
    attacker.send(index);
    const [outcomes] = await once(attacker, 'message');
    const grown = residentMiB(server.pid) - before;
    t.diagnostic(`${what}: ${Object.entries(outcomes).map(([outcome, n]) => `${n} x ${outcome}`).join(', ')}; ${grown >= 0 ? '+' : ''}${grown.toFixed(2)} MiB, ${((performance.now() - start) / 1000).toFixed(1)} s`);
    if (Object.keys(outcomes).some((outcome) => !right.includes(outcome) && !extra.includes(outcome))) wrong.push(`${what}: ${JSON.stringify(outcomes)}, not ${right}`);
  }
  viewer.off('drones-update', watch);
  const [calm, busy] = [lateness(quiet, 40), lateness(seen, 40)];
  const grown = residentMiB(server.pid) - began;
  t.diagnostic(`${attacks.length} kinds of attack: ${grown.toFixed(1)} MiB more; updates at an operator late by p99 ${calm.p99.toFixed(1)} ms before, ${busy.p99.toFixed(1)} ms meanwhile, ${(missed(seen) * 100).toFixed(2)} % missing`);
  assert.deepEqual(wrong, []);
  assert.ok(grown < GROWTH_MIB, `${grown} MiB more`);
  assert.ok(missed(seen) <= MISSED_MAX, `${missed(seen) * 100} % of the updates are missing`);
  assert.equal((await server.get('/api/health')).status, 200);
  assert.equal(viewer.connected, true);
  assert.doesNotMatch(server.log(), /panicked/);
}

test('hostile clients at the server itself', { timeout: 300_000 }, async (t) => {
  const server = await startServer({ t, args: ['--deflate', 'always'] });
  await besiege(t, server, server.port, await connect(server, { t }));
});

test('hostile clients through nginx', { timeout: 300_000 }, async (t) => {
  const server = await startServer({ t, args: ['--deflate', 'always', '--trusted-proxy', '127.0.0.1'] });
  const edge = await startNginx({ t, servers: [server] });
  // nginx lets 20 handshakes a second pass and turns others away itself; it may end a connection without the close frame.
  await besiege(t, server, edge.port, await connect(edge, { t }), { timesMax: full ? 30 : 3, extra: ['429', 'closed'] });
});
