// What goes wrong in a process: it is told to end, it is killed, one of its drones panics.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readFileSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { accepted } from './support/commands.mjs';
import { collect, connect, droneOf, missed, missedMax, next, send, ticksPerSecond } from './support/client.mjs';
import { sleep } from './support/process.mjs';
import { startServer } from './support/server.mjs';

/** Rows of a query on the embedded database, which Python can read without anything installed. */
function sqlite(file, sql) {
  const script = 'import json, sqlite3, sys; print(json.dumps(sqlite3.connect(sys.argv[1]).execute(sys.argv[2]).fetchall()))';
  return JSON.parse(execFileSync('python3', ['-c', script, file, sql], { encoding: 'utf8' }));
}

/** The file of the embedded database, by what it begins with. */
function databaseFile(directory) {
  for (const name of readdirSync(directory)) {
    const file = join(directory, name);
    if (statSync(file).isFile() && readFileSync(file).subarray(0, 15).toString() === 'SQLite format 3') return file;
  }
  throw new Error(`no database among ${readdirSync(directory)}`);
}

test('SIGTERM with clients connected: exit 0 within 10 s, every accepted command in the database', async (t) => {
  const server = await startServer({ t });
  const clients = await Promise.all([connect(server, { t }), connect(server, { t, via: 'polling' }), connect(server, { t, via: 'upgrade' })]);
  const ids = await accepted(clients[0], 30);
  const { run_id } = await server.json('/api/status');
  const gone = Promise.all(clients.map((socket) => new Promise((resolve) => socket.once('disconnect', resolve))));
  const { code, signal, ms } = await server.end('SIGTERM');
  t.diagnostic(`ended after ${ms} ms`);
  assert.deepEqual({ code, signal }, { code: 0, signal: null });
  assert.ok(ms < 10_000);
  await gone;
  const file = databaseFile(server.dataDir);
  const stored = sqlite(file, 'select command_id from journal').flat();
  assert.deepEqual(ids.filter((id) => !stored.includes(id)), []);
  assert.equal(stored.filter((id) => ids.includes(id)).length, ids.length, 'each once');
  assert.deepEqual(sqlite(file, `select status from runs where id = '${run_id}'`), [['complete']]);
});

test('kill -9: the next server, told not to go on, starts on the same data and marks the cut run as truncated', async (t) => {
  const first = await startServer({ t });
  const socket = await connect(first, { t });
  const ids = await accepted(socket, 10);
  await sleep(1500); // more than one flush
  const { run_id } = await first.json('/api/status');
  await first.end('SIGKILL');
  const second = await startServer({ t, args: ['--recover', 'off'], port: first.port, dataDir: first.dataDir });
  const file = databaseFile(first.dataDir);
  const stored = sqlite(file, `select command_id from journal where run_id = '${run_id}'`).flat();
  assert.deepEqual(ids.filter((id) => !stored.includes(id)), []);
  assert.notEqual((await second.json('/api/status')).run_id, run_id);
  assert.deepEqual(sqlite(file, `select status from runs where id = '${run_id}'`), [['truncated']]);
  assert.equal((await second.end()).code, 0);
});

test('a drone that panics is restored in a failsafe mode and reported, and ticks go on', async (t) => {
  const server = await startServer({ t });
  const socket = await connect(server, { t });
  const update = await next(socket, 'drones-update', { accept: (u) => u.drones.some((d) => d.landed === 'in_air'), within: 30_000 });
  const { id } = update.drones.find((d) => d.landed === 'in_air');
  const during = collect(socket, 'status-update', 3000);
  const logged = next(socket, 'log-update', { accept: (entry) => entry.source === id && ['warning', 'error', 'critical'].includes(entry.level) });
  const ack = await send(socket, 'inject_fault', [id], { fault: 'panic' });
  assert.equal(ack.ok, true, JSON.stringify(ack));
  const entry = await logged;
  t.diagnostic(`logged: ${entry.message}`);
  const seen = await during;
  assert.ok(missed(seen) <= missedMax, `${missed(seen) * 100} % of the updates are missing`);
  assert.ok(Math.abs(ticksPerSecond(seen) - 25) <= 1, `${ticksPerSecond(seen)} ticks a second`);
  const drone = droneOf(await server.json('/api/drones'), id);
  assert.ok(['hold', 'land', 'rtl', 'emergency'].includes(drone.mode), `mode ${drone.mode}`);
  assert.equal((await server.json('/api/drones')).drones.length, update.drones.length);
  assert.equal((await send(socket, 'hold', [id])).ok, true, 'the restored drone takes commands');
  assert.equal((await server.json('/api/health')).status, 'ok');
});

test('a log that nobody can write to fails no command', async (t) => {
  // Every line of the log is refused: the disk behind it is full.
  const server = await startServer({ t, under: ['bash', '-c', 'exec "$@" > /dev/full 2>&1', 'bash'], env: { RUST_LOG: 'debug' } });
  const { drones } = await server.json('/api/drones');
  const { id } = drones.find((drone) => drone.landed === 'in_air');
  for (const [command, params] of [['hold'], ['goto', { position: [drones[0].position[0], drones[0].position[1], 30] }], ['velocity', { velocity: [1, 0, 0] }], ['hold']]) {
    const { status, body } = await server.post('/api/command', { command, targets: [id], ...(params ? { params } : {}) });
    assert.deepEqual([status, body.ok, body.results[id].result], [200, true, 'accepted'], JSON.stringify(body));
  }
  // What is wrong with a command is told as it is, and not by a failure of its own.
  const { status, body } = await server.post('/api/command', { command: 'fly_to_the_moon', targets: [id] });
  assert.deepEqual([status, body.error.code], [400, 'unknown_command'], JSON.stringify(body));
  assert.equal((await server.json('/api/health')).status, 'ok');
});

test('a client that is cut off is gone for the others, and may return', async (t) => {
  const server = await startServer({ t });
  const watcher = await connect(server, { t });
  const lost = await connect(server, { auth: { name: 'Lost' } });
  const left = next(watcher, 'presence-update', { accept: ({ operators }) => !operators.some((o) => o.name === 'Lost'), within: 5000 });
  lost.io.engine.transport.ws.terminate?.() ?? lost.io.engine.close();
  await left;
  await connect(server, { t, auth: { name: 'Lost' } });
});
