// The Socket.IO library by itself, under the official JavaScript client: examples/socketio_echo sends back what it gets.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { test } from 'node:test';
import { connect, next, transports } from './support/client.mjs';
import { freePort, own, until } from './support/process.mjs';
import { root } from './support/server.mjs';

const MANY = 10_000;
const ways = { ...transports, 'websocket first': { transports: ['websocket', 'polling'] } };

/** The example on a free port, or on that of an earlier one. */
async function startEcho(t, port) {
  port ??= await freePort();
  const child = own(spawn(join(root, 'target', 'debug', 'examples', 'socketio_echo'), ['--bind', `127.0.0.1:${port}`], { stdio: 'ignore' }));
  t.after(() => child.kill('SIGKILL'));
  const url = `http://127.0.0.1:${port}`;
  await until('the example answers', async () => (await fetch(`${url}/socket.io/?EIO=4&transport=polling`)).ok, { within: 30_000 });
  return { url, port, end: () => { child.kill('SIGKILL'); return new Promise((resolve) => { child.once('exit', resolve); }); } };
}

for (const [name, way] of Object.entries(ways)) {
  test(`over ${name} ${MANY} numbered events go there and come back in order, and so do bytes and acks`, { timeout: 120_000 }, async (t) => {
    const socket = await connect(await startEcho(t), { t, ...way });
    const got = [];
    const all = new Promise((resolve, reject) => {
      socket.on('message-back', (n) => { if (got.push(n) === MANY) resolve(); });
      socket.on('disconnect', (reason) => reject(new Error(`${reason} after ${got.length} events`)));
    });
    for (let n = 0; n < MANY; n += 1) socket.emit('message', n);
    await all;
    assert.equal(got.findIndex((n, index) => n !== index), -1);
    const bytes = Buffer.from([0, 1, 254, 255]);
    const back = await socket.timeout(15_000).emitWithAck('message-with-ack', { bytes, text: 'ünï' });
    assert.deepEqual([Buffer.from(back.bytes), back.text], [bytes, 'ünï']);
  });
}

for (const [name, way] of Object.entries(ways)) {
  test(`over ${name} a namespace gets its own CONNECT payload, one that there is not is refused, and a restart is survived`, { timeout: 120_000 }, async (t) => {
    const echo = await startEcho(t);
    const custom = await connect(echo, { t, ...way, namespace: '/custom', auth: { token: 'x' }, reconnection: true, reconnectionDelay: 200, reconnectionDelayMax: 400 });
    assert.deepEqual(await next(custom, 'auth', { past: true, within: 15_000 }), { token: 'x' });
    await assert.rejects(connect(echo, { t, ...way, namespace: '/nowhere' }), /Invalid namespace/);
    const again = new Promise((resolve) => { custom.once('disconnect', () => custom.once('connect', resolve)); });
    await echo.end();
    await startEcho(t, echo.port);
    await again;
    assert.equal(await custom.timeout(15_000).emitWithAck('message-with-ack', 1), 1);
  });
}
