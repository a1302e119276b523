// Recorded runs flown again: replay, seek, history, fork, comparison, and going on after kill -9.

import assert from 'node:assert/strict';
import { randomInt, randomUUID } from 'node:crypto';
import { execFile, spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { collect, connect, next, send, ticksPerSecond } from './support/client.mjs';
import { missing, startPostgres } from './support/postgres.mjs';
import { full, own, quantiles, sleep, until } from './support/process.mjs';
import { binary, hmrs, startServer } from './support/server.mjs';

const at = (namespace) => (namespace ? `?swarm=${namespace.split('/').at(-1)}` : '');

/** The status of a held clock at `tick`, with the hash of that very tick. */
const heldAt = (server, tick, namespace, within = 20_000) =>
  until(`tick ${tick}`, async () => {
    const status = await server.json(`/api/status${at(namespace)}`);
    return status.tick === tick && status.state_hash_tick === tick && status.state !== 'running' && status;
  }, { within });

async function ok(answer) {
  const ack = await answer;
  assert.equal(ack.ok, true, JSON.stringify(ack));
  return ack;
}

/** Steps a held swarm to `tick` and returns its hash there. */
async function stepTo(server, socket, tick) {
  const { tick: now } = await server.json('/api/status');
  await ok(send(socket, 'step', undefined, { ticks: tick - now }));
  await heldAt(server, tick);
}

/** A held swarm flown to tick 400, with commands on the way: `{ server, socket, run, hashes }`. */
async function recorded(t, options = {}) {
  const server = await startServer({ t, args: ['--scenario', 'hello', '--paused', '--keyframe-every-s', '2'], ...options });
  const socket = await connect(server, { t });
  const hashes = {};
  const drone = (await next(socket, 'drones-update', { past: true })).drones[0].id;
  for (const tick of [100, 200, 300, 400]) {
    await stepTo(server, socket, tick);
    if (tick === 100) await ok(send(socket, 'goto', [drone], { position: [30, 20, 25] }));
    if (tick === 200) await ok(send(socket, 'set_param', undefined, { path: 'limits.separation_m', value: 6.5 }));
    await sleep(60);
    hashes[tick] = (await heldAt(server, tick)).state_hash;
  }
  const { run_id: run } = await server.json('/api/status');
  return { server, socket, run, hashes, drone };
}

test('a replay shows every tick as it was, in a namespace of its own', async (t) => {
  const { server, run, hashes, drone } = await recorded(t);
  const made = await server.post(`/api/runs/${run}/replay`, { paused: true, tick: 50 });
  assert.equal(made.status, 201, JSON.stringify(made.body));
  const { namespace, id } = made.body;
  await heldAt(server, 50, namespace);
  const replay = await connect(server, { t, namespace });
  const welcome = await next(replay, 'welcome', { past: true });
  assert.equal(welcome.run_id, run);
  for (const tick of [400, 100, 300, 200]) {
    const start = performance.now();
    await ok(send(replay, 'seek', undefined, { tick }));
    const took = performance.now() - start;
    const status = await heldAt(server, tick, namespace);
    assert.equal(status.state_hash, hashes[tick], `the state at tick ${tick}`);
    assert.deepEqual([status.replay.last_tick, status.run_id], [400, run]);
    t.diagnostic(`seek to ${tick}: ${took.toFixed(0)} ms`);
  }
  await ok(send(replay, 'step', undefined, { ticks: 200 }));
  assert.equal((await heldAt(server, 400, namespace)).state_hash, hashes[400]);

  for (const [command, targets, params, code] of [
    ['hold', [drone], undefined, 'not_in_state'],
    ['set_param', undefined, { path: 'limits.separation_m', value: 5 }, 'not_in_state'],
    ['seek', undefined, { tick: 401 }, 'out_of_range'],
    ['seek', undefined, {}, 'bad_request'],
    ['load_scenario', undefined, { name: 'flock' }, 'not_in_state'],
  ]) {
    const ack = await send(replay, command, targets, params);
    assert.equal(ack.error?.code, code, JSON.stringify(ack));
  }
  const live = await connect(server, { t });
  assert.equal((await send(live, 'seek', undefined, { tick: 1 })).error.code, 'not_in_state');
  const listed = (await server.json('/api/swarms')).swarms.map(({ id, kind }) => [id, kind]);
  assert.deepEqual(listed, [['default', 'live'], [id, 'replay']]);
  assert.equal((await server.post(`/api/swarms/${id}`, '', 'DELETE')).status, 200);
  assert.equal((await server.get(`/api/status?swarm=${id}`)).status, 404);
});

test('a replay at ten times the speed leaves the live swarm at 25 Hz', async (t) => {
  const { server, socket, run } = await recorded(t);
  await ok(send(socket, 'start'));
  const { namespace } = (await server.post(`/api/runs/${run}/replay`, { speed: 10 })).body;
  const replay = await connect(server, { t, namespace });
  const [live, played] = await Promise.all([collect(socket, 'status-update', 1200), collect(replay, 'status-update', 1200)]);
  t.diagnostic(`live ${ticksPerSecond(live).toFixed(1)}, replay ${ticksPerSecond(played).toFixed(1)} ticks a second`);
  assert.ok(Math.abs(ticksPerSecond(live) - 25) < 2, `live at ${ticksPerSecond(live)}`);
  assert.ok(ticksPerSecond(played) > 150, `replay at ${ticksPerSecond(played)}`);
});

const [minutes, seeks, seekMax] = full ? [30, 200, 500] : [1, 15, 2000];

test(`any tick of ${minutes} min with 200 drones is shown within ${seekMax} ms`, { timeout: 900_000 }, async (t) => {
  const server = await startServer({ t, args: ['--scenario', 'flock', '--paused'] });
  const socket = await connect(server, { t });
  const last = minutes * 60 * 25;
  await ok(send(socket, 'step', undefined, { ticks: last }));
  await heldAt(server, last, undefined, 600_000);
  const { run_id: run } = await server.json('/api/status');
  const { namespace, id } = (await server.post(`/api/runs/${run}/replay`, { paused: true })).body;
  await heldAt(server, 0, namespace);
  const took = { seek: [], frames: [] };
  for (let i = 0; i < seeks; i++) {
    const tick = randomInt(last + 1);
    const before = performance.now();
    const { body } = await server.post(`/api/command?swarm=${id}`, { command: 'seek', params: { tick } });
    assert.equal(body.ok, true, JSON.stringify(body));
    await until(`tick ${tick} is shown`, async () => (await server.json(`/api/status?swarm=${id}`)).tick === tick, { every: 5 });
    took.seek.push(performance.now() - before);
    const asked = performance.now();
    const { source, frames } = await server.json(`/api/runs/${run}/frames?from=${tick}&to=${tick}`);
    took.frames.push(performance.now() - asked);
    assert.deepEqual([source, frames.length, frames[0].tick, frames[0].drones.length], ['replay', 1, tick, 200]);
  }
  for (const [way, times] of Object.entries(took)) {
    const { median, p99, max } = quantiles(times);
    t.diagnostic(`${way}: ${seeks} random ticks of ${last}: median ${median.toFixed(0)} ms, p99 ${p99.toFixed(0)} ms, most ${max.toFixed(0)} ms`);
    assert.ok((full ? max : median) < seekMax, `${way}: ${times.map(Math.round)}`);
  }
});

test('history gives the frames of the past as they were shown, without leaving live', async (t) => {
  const server = await startServer({ t, args: ['--scenario', 'hello', '--keyframe-every-s', '1'] });
  const socket = await connect(server, { t });
  const seen = await collect(socket, 'drones-update', 2500);
  const shown = seen.map(({ payload }) => payload).filter((frame) => frame.tick > 0);
  const [from, to] = [shown[0].tick, shown.at(-1).tick];
  const answer = await ok(socket.timeout(5000).emitWithAck('history', { from_tick: from, to_tick: to, every: 1 }));
  assert.deepEqual(answer.frames.map((frame) => frame.tick), Array.from({ length: to - from + 1 }, (_, i) => from + i));
  for (const frame of shown) assert.deepEqual(answer.frames[frame.tick - from].drones, frame.drones, `tick ${frame.tick}`);
  const http = await server.json(`/api/history?from_tick=${from}&to_tick=${to}&every=5`);
  assert.deepEqual(http.frames[0], answer.frames[0]);
  for (const [wish, code] of [
    [{ from_tick: 5, to_tick: 1, every: 1 }, 'out_of_range'],
    [{ from_tick: 0, to_tick: 9, every: 0 }, 'out_of_range'],
    [{ from_tick: 1e9, to_tick: 2e9 }, 'out_of_range'],
    [{ from_tick: -1, to_tick: 9 }, 'bad_request'],
    [{ to_tick: 9 }, 'bad_request'],
  ]) {
    const { error } = await socket.timeout(5000).emitWithAck('history', wish);
    assert.equal(error?.code, code, JSON.stringify(wish));
  }
});

test('a run is exported over HTTP, in every format, with where it is from', async (t) => {
  const { server, run } = await recorded(t);
  const file = async (query) => {
    const response = await fetch(`${server.url}/api/runs/${run}/export?${query}`);
    assert.equal(response.status, 200, query);
    return Buffer.from(await response.arrayBuffer());
  };
  const { drones } = await server.json('/api/drones');
  const csv = (await file('format=csv&every=50')).toString().trimEnd().split('\n');
  assert.ok(csv[0].startsWith('# program: hmrs') && csv.some((line) => line === `# run: ${run}`), csv[0]);
  const rows = csv.filter((line) => !line.startsWith('#'));
  assert.equal(rows.length, 1 + 9 * drones.length, 'a header, and every drone at ticks 0, 50, … 400');
  const [frame] = (await server.json(`/api/runs/${run}/frames?from=400`)).frames;
  const last = Object.fromEntries(rows[0].split(',').map((name, i) => [name, rows.at(-1).split(',')[i]]));
  const shown = frame.drones.find((drone) => drone.id === last.drone);
  assert.deepEqual([last.tick, Number(last.e_m).toFixed(2)], ['400', shown.position[0].toFixed(2)]);
  const journal = (await file('format=jsonl&table=journal')).toString().trimEnd().split('\n').slice(1, -1);
  assert.deepEqual(journal.map((line) => JSON.parse(line).command), ['goto', 'set_param']);
  const parquet = await file('format=parquet&every=100');
  assert.deepEqual([parquet.subarray(0, 4).toString(), parquet.subarray(-4).toString()], ['PAR1', 'PAR1']);
  const mcap = await file('format=mcap&every=100');
  assert.deepEqual([...mcap.subarray(0, 5)], [0x89, 0x4d, 0x43, 0x41, 0x50]);
  assert.deepEqual([...mcap.subarray(-8)], [...mcap.subarray(0, 8)], 'it is whole');
  for (const [query, field] of [['format=xml', 'format'], ['format=csv&table=x', 'table'], ['format=csv&from=999', 'from']]) {
    const { status, body } = await server.get(`/api/runs/${run}/export?${query}`);
    assert.deepEqual([status, body.error.field], [400, field]);
  }
});

test('a fork is equal before its tick and parts there; two equal forks stay equal', async (t) => {
  const { server, socket, run } = await recorded(t);
  await stepTo(server, socket, 1100);
  await sleep(60);
  const end = (await heldAt(server, 1100)).state_hash;
  const fork = async (tick, set) => {
    const { status, body } = await server.post(`/api/runs/${run}/fork`, { tick, set, paused: true });
    assert.equal(status, 201, JSON.stringify(body));
    const forked = await connect(server, { t, namespace: body.namespace });
    await ok(send(forked, 'step', undefined, { ticks: 1100 - tick }));
    return { ...body, hash: (await heldAt(server, 1100, body.namespace)).state_hash };
  };
  const same = await fork(1000);
  assert.equal(same.hash, end, 'unchanged, it flies as its parent did');
  const [one, two] = [await fork(1000, { 'limits.separation_m': 9 }), await fork(1000, { 'limits.separation_m': 9 })];
  assert.equal(one.hash, two.hash);
  assert.notEqual(one.hash, end);

  const compare = async (a, b) => server.json(`/api/runs/${a}/compare?with=${b}`);
  assert.equal((await compare(run, one.run_id)).first_divergence_tick, 1000);
  assert.equal((await compare(one.run_id, two.run_id)).first_divergence_tick, null);
  assert.equal((await compare(run, same.run_id)).first_divergence_tick, null);
  const described = await server.json(`/api/runs/${one.run_id}`);
  assert.deepEqual([described.parent, described.fork_tick], [run, 1000]);
  const frames = async (id) => (await server.json(`/api/runs/${id}/frames?from=900&to=1000&every=25`)).frames;
  assert.deepEqual(await frames(one.run_id), await frames(run));

  const command_id = randomUUID();
  const ack = await ok(send(socket, 'fork', undefined, { tick: 300 }, { command_id }));
  assert.equal(ack.fork.namespace, `/swarms/${ack.fork.id}`);
  assert.deepEqual(await send(socket, 'fork', undefined, { tick: 300 }, { command_id }), ack, 'sent again, it forks once');
  const wrong = await server.post(`/api/runs/${run}/fork`, { tick: 10, set: { 'limits.nothing': 1 } });
  assert.equal(wrong.body.error.code, 'unknown_param');
  assert.equal((await server.post(`/api/runs/${run}/fork`, { tick: 10_000 })).body.error.code, 'out_of_range');
});

/** What the run `run` must have come to at `tick`, by its journal, without a server. */
async function unbroken(server, run, scenario, tick) {
  const { entries } = await server.json(`/api/runs/${run}/journal`);
  const file = join(server.dataDir, 'journal.jsonl');
  writeFileSync(file, entries.map((entry) => JSON.stringify(entry)).join('\n'));
  const { code, last, stderr } = hmrs('run', scenario, '--ticks', String(tick), '--journal', file);
  assert.equal(code, 0, stderr);
  return last.state_hash;
}

/** Commands one drone after the other until the server is gone; the ids that were acknowledged, with their acks. */
async function commandUntilGone(socket, drones) {
  const acked = [];
  for (let i = 0; socket.connected; i++) {
    const command_id = randomUUID();
    const params = { position: [(i * 7) % 60, (i * 13) % 60, 20 + (i % 20)] };
    try {
      const ack = await socket.timeout(1000).emitWithAck('command', { command_id, command: 'goto', targets: [drones[i % drones.length]], params });
      if (ack.ok) acked.push({ command_id, ack });
    } catch { break; }
    await sleep(15);
  }
  return acked;
}

/** Begins to start a server and kills it before it has got far. */
async function killWhileStarting(args, { port, dataDir, databaseUrl }, ms) {
  const all = ['serve', '--bind', `127.0.0.1:${port}`, '--data-dir', dataDir, ...args, ...(databaseUrl ? ['--database-url', databaseUrl] : [])];
  const child = own(spawn(binary, all, { stdio: 'ignore' }));
  await sleep(ms);
  child.kill('SIGKILL');
  await new Promise((resolve) => (child.exitCode === null && child.signalCode === null ? child.once('exit', resolve) : resolve()));
}

/** Kills a server in mid-run, starts it again and checks that it goes on as if nothing had happened. */
async function killAndGoOn(t, options, kills) {
  const args = ['--scenario', 'hello', '--keyframe-every-s', '1'];
  let server = await startServer({ t, args, ...options });
  const { port, dataDir } = server;
  const { run_id: run } = await server.json('/api/status');
  const { drones } = await server.json('/api/drones');
  const acked = [];
  for (let kill = 0; kill < kills; kill++) {
    const socket = await connect(server, { t });
    const commanding = commandUntilGone(socket, drones.map((drone) => drone.id));
    await sleep((kill === 0 ? 1200 : 30) + Math.random() * 1500); // of the first there has to be something
    await server.end('SIGKILL');
    socket.disconnect();
    acked.push(...(await commanding));
    if (kill % 3 === 2) await killWhileStarting(args, { port, dataDir, ...options }, Math.random() * 400);
    server = await startServer({ t, args, port, dataDir, ...options });
    const status = await server.json('/api/status');
    assert.equal(status.run_id, run, `the same run goes on\n${server.log()}`);
    assert.ok(status.resumed_at_tick > 0);
    const { entries } = await server.json(`/api/runs/${run}/journal`);
    const kept = new Map(entries.map((entry) => [entry.command_id, entry]));
    assert.deepEqual(acked.filter(({ command_id }) => !kept.has(command_id)), [], 'no acknowledged command is missing');
    const again = await connect(server, { t });
    const last = acked.at(-1);
    if (last) {
      const answer = await send(again, 'hold', [drones[0].id], undefined, { command_id: last.command_id });
      assert.deepEqual([answer.ok, answer.tick], [true, last.ack.tick], 'an id that was answered before the crash is not carried out again');
    }
    again.disconnect();
    // A command of the very tick that it goes on from is part of the state there, but no more of a run that ends there.
    const at = await until('it flies on', async () => { const s = await server.json('/api/status'); return s.state_hash_tick > status.resumed_at_tick && s; }, { within: 20_000 });
    // What nobody was promised yet, such as a drone that decided late, is in the journal a moment later.
    await until(`equal to an unbroken run at tick ${at.state_hash_tick}`, async () => at.state_hash === (await unbroken(server, run, 'hello', at.state_hash_tick)), { every: 500 });
    t.diagnostic(`kill ${kill + 1}: ${acked.length} commands acknowledged, goes on from tick ${status.resumed_at_tick}, equal at ${at.state_hash_tick}`);
  }
  const logs = JSON.stringify(await server.json('/api/logs'));
  assert.match(logs, /was interrupted; run .* goes on from tick/);
  return { server, run, args };
}

const kills = Number(process.env.HMRS_KILLS ?? (full ? 50 : 3));

test(`after ${kills} times kill -9 the same run goes on from its last durable tick`, { timeout: 1_800_000 }, async (t) => {
  const { server, run, args } = await killAndGoOn(t, {}, kills);
  const { port, dataDir } = server;
  await server.post('/api/pause');
  await until('held', async () => (await server.json('/api/status')).state === 'paused');
  await sleep(500); // more than one flush
  await server.end('SIGKILL');
  const replayed = hmrs('replay', run, '--verify', '--data-dir', dataDir);
  assert.equal(replayed.code, 0, replayed.stderr);
  t.diagnostic(`replayed: ${replayed.stdout.trim()}`);
  const held = await startServer({ t, args, port, dataDir });
  assert.equal((await held.json('/api/status')).state, 'paused', 'a held clock stays held');
  await held.post('/api/start');
  await sleep(1200);
  await held.end('SIGKILL');
  const asked = await startServer({ t, args: [...args, '--recover', 'paused'], port, dataDir });
  const status = await asked.json('/api/status');
  assert.deepEqual([status.state, status.run_id], ['paused', run]);
  await asked.end('SIGKILL');
  const other = await startServer({ t, args: ['--scenario', 'flock'], port, dataDir });
  assert.notEqual((await other.json('/api/status')).run_id, run);
  assert.equal((await other.json(`/api/runs/${run}`)).status, 'truncated');
  assert.match(other.log(), /stays so: its scenario is not/);
});

test('with PostgreSQL: after kill -9 the same run goes on', { skip: missing, timeout: 600_000 }, async (t) => {
  const pg = await startPostgres(t);
  await killAndGoOn(t, { databaseUrl: pg.url }, full ? 10 : 2);
});

test('a run of another version is refused, and its telemetry can still be read', async (t) => {
  const { server, run } = await recorded(t);
  const sql = `import sqlite3,sys; c=sqlite3.connect(sys.argv[1], timeout=10); c.execute("update runs set version='0.0.1' where id=?", (sys.argv[2],)); c.commit()`;
  await promisify(execFile)('python3', ['-c', sql, join(server.dataDir, 'hmrs.sqlite'), run]);
  const refused = await server.post(`/api/runs/${run}/replay`, {});
  assert.equal(refused.status, 409);
  assert.match(refused.body.error.message, /recorded by version 0\.0\.1/);
  const frames = await server.json(`/api/runs/${run}/frames`);
  assert.equal(frames.source, 'telemetry');
  assert.ok(frames.frames.length > 0);
});
