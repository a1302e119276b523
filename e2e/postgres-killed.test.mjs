// PostgreSQL is killed again and again under a swarm that flies, is commanded and is recorded. What its clients saw and were
// told is the log that the database is compared with.

import assert from 'node:assert/strict';
import { randomInt, randomUUID } from 'node:crypto';
import { test } from 'node:test';
import { connect, next } from './support/client.mjs';
import { missing, startPostgres } from './support/postgres.mjs';
import { full, histogramBetween, quantiles, sleep, until } from './support/process.mjs';
import { startServer } from './support/server.mjs';

const kills = full ? 10 : 2;
const seconds = full ? 180 : 8;
/** Before it, and as long after it, nobody kills: what a tick costs then is what it is compared with. */
const calm = full ? 60 : 0;
const every = 25;

/** Three at a time, until `stop` is set: the ids of the commands that were acknowledged. */
async function command(socket, drones, state) {
  const one = async () => {
    while (!state.stop) {
      const command_id = randomUUID();
      const before = performance.now();
      try {
        const ack = await socket.timeout(15_000).emitWithAck('command', { command_id, command: 'hold', targets: [drones[randomInt(drones.length)]] });
        state.latencies.push(performance.now() - before);
        if (ack.ok) state.acked.push(command_id);
        else state.refused.push(ack.error);
      } catch (error) {
        state.refused.push(error);
      }
      await sleep(30);
    }
  };
  await Promise.all([one(), one(), one()]);
}

test(`PostgreSQL is killed ${kills} times in ${seconds} s under 1,000 drones and commands: nothing is missing, nothing is there twice`, { skip: missing, timeout: 600_000 }, async (t) => {
  const pg = await startPostgres(t, { fsync: true });
  const server = await startServer({ t, databaseUrl: pg.url, args: ['--scenario', 'thousand', '--telemetry-every', String(every)] });
  const socket = await connect(server, { t });
  const { drones } = await next(socket, 'drones-update', { within: 15_000 });
  const shown = new Map(); // ticks that are recorded, with a drone and where it was shown
  const watched = drones[0].id;
  // All of them as JSON, 25 times a second, would keep this process busy.
  assert.equal((await socket.timeout(5000).emitWithAck('subscribe', { topics: { 'drones-update': { drones: [watched] } } })).ok, true);
  socket.on('drones-update', ({ tick, drones }) => {
    // Who is there before the first tick sees what the scenario says, which is not telemetry yet.
    const drone = tick > 0 && tick % every === 0 && drones?.find(({ id }) => id === watched);
    if (drone) shown.set(tick, drone.position);
  });
  const metrics = async () => (await server.get('/metrics')).body;
  const readings = [await metrics()];
  const state = { acked: [], refused: [], latencies: [], stop: false };
  t.after(() => { state.stop = true; });
  const commanding = command(socket, drones.map(({ id }) => id), state);

  await sleep(calm * 1000);
  readings.push(await metrics());
  const moments = Array.from({ length: kills }, (_, i) => ((i + Math.random() * 0.5) * seconds * 1000) / kills);
  const began = performance.now();
  let away = 0;
  for (const moment of moments) {
    await sleep(Math.max(0, began + moment - performance.now()));
    await pg.kill();
    const killed = performance.now();
    await sleep(Math.random() * (full ? 6000 : 1000));
    await pg.revive();
    away += performance.now() - killed;
  }
  await sleep(Math.max(0, began + seconds * 1000 - performance.now()));
  readings.push(await metrics());
  await sleep(calm * 1000);
  readings.push(await metrics());
  state.stop = true;
  await commanding;
  await until('everything is delivered', async () => {
    const { database } = (await server.json('/api/health')).checks;
    return database.state === 'ok' && database.spool.records === 0;
  }, { within: 60_000 });
  const { run_id } = await server.json('/api/status');
  assert.equal((await server.end('SIGTERM')).code, 0, server.log());

  const stored = pg.query(`select command_id from journal where run_id = '${run_id}' and command_id <> ''`).flat();
  const known = new Set(stored);
  const { median: p50, p99 } = quantiles(state.latencies);
  t.diagnostic(`${kills} kills, away for ${(away / 1000).toFixed(1)} s; ${state.acked.length} commands acknowledged, ${state.refused.length} not; ack p50 ${p50.toFixed(1)} ms, p99 ${p99.toFixed(1)} ms`);
  assert.ok(state.acked.length > kills * 10, `${state.acked.length} commands`);
  assert.deepEqual(state.acked.filter((id) => !known.has(id)), [], 'acknowledged commands are missing');
  assert.equal(known.size, stored.length, 'a command is there twice');

  const [[frames, first, last, rows]] = pg.query(`select count(*), min(tick), max(tick), (select count(*) from telemetry where run_id = '${run_id}') from metrics where run_id = '${run_id}'`).map((row) => row.map(Number));
  t.diagnostic(`${frames} recorded ticks, ${rows} rows of telemetry`);
  assert.equal(frames, (last - first) / every + 1, `recorded ticks from ${first} to ${last}`);
  assert.deepEqual(pg.query(`select tick, count(*) from telemetry where run_id = '${run_id}' group by tick having count(*) <> ${drones.length} or count(distinct drone) <> ${drones.length}`), []);
  assert.equal(rows, frames * drones.length);
  assert.deepEqual(pg.query('select * from gaps'), []);
  const hashes = pg.query(`select count(distinct tick), count(*) from hashes where run_id = '${run_id}' and tick % 25 = 0 and tick > 0`)[0].map(Number);
  assert.deepEqual(hashes, [Math.floor(last / 25), Math.floor(last / 25)], 'hashes');
  assert.ok(shown.size > 3, `${shown.size} recorded ticks were shown`);
  const recorded = new Map(pg.query(`select tick, east_m, north_m, up_m from telemetry where run_id = '${run_id}' and drone = '${watched}'`).map(([tick, ...position]) => [Number(tick), position.map(Number)]));
  for (const [tick, position] of shown) {
    const there = recorded.get(tick);
    assert.ok(there?.every((value, axis) => Math.abs(value - position[axis]) < 0.01), `${watched} at tick ${tick}: shown at ${position}, recorded at ${there}`);
  }

  const tick = (i) => histogramBetween(readings[i], readings[i + 1], 'hmrs_tick_seconds')(0.99);
  if (calm === 0) return t.diagnostic(`tick p99 ${tick(1).toFixed(2)} ms meanwhile`);
  const [before, during, after] = [0, 1, 2].map(tick);
  const ratio = (2 * during) / (before + after);
  t.diagnostic(`tick p99 ${before.toFixed(2)} ms before, ${during.toFixed(2)} ms meanwhile, ${after.toFixed(2)} ms afterwards: ratio ${ratio.toFixed(2)}`);
  assert.ok(ratio <= 1.2, `ratio ${ratio}`);
});
