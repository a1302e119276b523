// A client that stops reading costs the others nothing and the server no memory.

import assert from 'node:assert/strict';
import { connect as tcp } from 'node:net';
import { test } from 'node:test';
import { collect, connect, missed, missedMax, next, rateHz } from './support/client.mjs';
import { full, residentMiB, sleep } from './support/process.mjs';
import { startServer } from './support/server.mjs';

const seconds = full ? 60 : 10;

/** A websocket client made by hand, which joins the default namespace and then never reads again. */
async function stalledClient(server, t) {
  const socket = tcp(server.port, '127.0.0.1');
  t.after(() => socket.destroy());
  socket.on('error', () => {}); // the server may end it at any time
  socket.write(`GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: 127.0.0.1:${server.port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: ${Buffer.alloc(16).toString('base64')}\r\nSec-WebSocket-Version: 13\r\n\r\n`);
  await new Promise((resolve) => socket.once('data', resolve));
  // A masked text frame with the packet `40`: connect to the namespace `/`. The mask is zero.
  socket.write(Buffer.from([0x81, 0x82, 0, 0, 0, 0, 0x34, 0x30]));
  await new Promise((resolve) => socket.once('data', resolve));
  socket.pause();
}

test(`clients that stop reading for ${seconds} s: the others miss nothing, memory stays flat`, { timeout: 120_000 }, async (t) => {
  const server = await startServer({ t, args: ['--scenario', 'thousand', '--database-url', 'none'] });
  const [json, status] = await Promise.all([connect(server, { t }), connect(server, { t, via: 'polling' })]);
  await status.timeout(5000).emitWithAck('unsubscribe', { topics: ['drones-update', 'visualization-update'] });
  await next(json, 'drones-update');
  await sleep(2000); // what is allocated once, is
  for (let i = 0; i < 3; i++) await stalledClient(server, t);
  await sleep(1000);

  const before = residentMiB(server.pid);
  json.inbox = {};
  const memory = [];
  const sampling = setInterval(() => memory.push(residentMiB(server.pid)), 500);
  json.offAny();
  const [drones, updates] = await Promise.all([collect(json, 'drones-update', seconds * 1000), collect(status, 'status-update', seconds * 1000)]);
  clearInterval(sampling);

  const growth = Math.max(...memory) - before;
  t.diagnostic(`${drones.length} updates of 1,000 drones at ${rateHz(drones).toFixed(2)} Hz, ${(missed(drones) * 100).toFixed(2)} % missing, ${(missed(updates) * 100).toFixed(2)} % over polling`);
  const tenths = memory.filter((_, i) => i % Math.ceil(memory.length / 10) === 0);
  t.diagnostic(`memory ${before.toFixed(1)} MiB, then ${tenths.map((m) => m.toFixed(1)).join(' ')}`);
  assert.ok(missed(drones) <= missedMax, `${missed(drones) * 100} % of the updates are missing`);
  assert.ok(missed(updates) <= missedMax, `${missed(updates) * 100} % of the updates are missing`);
  assert.ok(Math.abs(rateHz(drones) - 25) <= 1, `${rateHz(drones)} Hz`);
  assert.ok(growth < 16, `memory grew by ${growth} MiB: ${memory.map((m) => m.toFixed(0))}`);
});
