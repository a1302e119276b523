// A server that is restarted: stock clients come back by themselves, and not all at once.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { connect } from './support/client.mjs';
import { full, until } from './support/process.mjs';
import { startServer } from './support/server.mjs';

const count = full ? 1000 : 200;

test(`${count} clients return after a restart, spread over seconds`, { timeout: 300_000 }, async (t) => {
  const first = await startServer({ t });
  const clients = [];
  for (let n = 0; n < count; n += 20) {
    clients.push(...await Promise.all(Array.from({ length: 20 }, async () => {
      const socket = await connect(first, { t, reconnection: true });
      // Telemetry for so many clients in one process would measure this process.
      socket.on('connect', () => socket.emit('unsubscribe', { topics: ['drones-update', 'status-update', 'visualization-update'] }));
      socket.emit('unsubscribe', { topics: ['drones-update', 'status-update', 'visualization-update'] });
      return socket;
    })));
  }
  const reasons = {};
  const left = [];
  const back = [];
  for (const socket of clients) {
    socket.on('disconnect', (reason) => { reasons[reason] = (reasons[reason] ?? 0) + 1; left.push(performance.now()); });
    socket.on('connect', () => back.push(performance.now()));
  }
  const { code, ms } = await first.end('SIGTERM');
  assert.equal(code, 0);
  assert.match(first.log(), /stopped; everything is recorded/);
  if (full) assert.ok(ms < 10_000, `stopped in ${ms} ms`);
  const ended = performance.now();
  await startServer({ t, port: first.port, dataDir: first.dataDir });
  await until('everyone is back', () => clients.every((socket) => socket.connected), { within: 120_000 });
  assert.deepEqual(reasons, { 'transport close': count }, 'nobody was told to stay away');
  const spread = (times) => Math.max(...times) - Math.min(...times);
  const busiest = Math.max(...back.map((from) => back.filter((at) => at >= from && at < from + 250).length));
  t.diagnostic(`stopped in ${ms} ms, clients put out over ${spread(left).toFixed(0)} ms; back over ${spread(back).toFixed(0)} ms, the last ${(Math.max(...back) - ended).toFixed(0)} ms after the end, at most ${busiest} within 250 ms`);
  assert.ok(spread(left) > 500, 'they are put out one after the other');
  assert.ok(busiest < count / 2, `${busiest} of ${count} came within 250 ms`);
});
