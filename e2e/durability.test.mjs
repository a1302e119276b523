// No acknowledged command is lost, whatever is killed, stopped or filled up. The independent log is the clients' own.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { randomInt, randomUUID } from 'node:crypto';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { connect, next, send } from './support/client.mjs';
import { missing, startPostgres } from './support/postgres.mjs';
import { full, quantiles, until } from './support/process.mjs';
import { hmrs, startServer } from './support/server.mjs';

const kills = Number(process.env.HMRS_KILLS ?? (full ? 50 : 10));
const seed = Number(process.env.HMRS_SEED_OF_KILLS ?? randomInt(1 << 30));

/** Random numbers that a failing test can be repeated with. */
function random(state) {
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Rows of a query on an SQLite file, which Python reads without anything installed. */
function sqlite(file, sql) {
  const program = 'import sqlite3,json,sys; c = sqlite3.connect(sys.argv[1], timeout=10); print(json.dumps(c.execute(sys.argv[2]).fetchall())); c.commit()';
  const { status, stdout, stderr } = spawnSync('python3', ['-c', program, file, sql], { encoding: 'utf8', maxBuffer: 1 << 28 });
  if (status !== 0) throw new Error(stderr);
  return JSON.parse(stdout);
}

/** Gives commands, several at a time, until the server dies; the ids of those that were acknowledged go into `acked`. */
async function commandUntilDeath(socket, drones, acked, latencies) {
  const one = async () => {
    for (;;) {
      const command_id = randomUUID();
      const before = performance.now();
      const ack = await send(socket, 'hold', [drones[acked.length % drones.length].id], undefined, { command_id });
      if (!ack.ok) continue;
      latencies.push(performance.now() - before);
      acked.push(command_id);
    }
  };
  await Promise.allSettled([one(), one(), one()]);
}

async function killed(t, { databaseUrl, query, between = () => {} }) {
  t.diagnostic(`HMRS_SEED_OF_KILLS=${seed}`);
  const dice = random(seed);
  const dataDir = mkdtempSync(join(tmpdir(), 'hmrs-e2e-'));
  t.after(() => rmSync(dataDir, { recursive: true, force: true }));
  const acked = [];
  const latencies = [];
  for (let round = 0; round < kills; round++) {
    await between(round, dice);
    const server = await startServer({ t, dataDir, databaseUrl });
    const socket = await connect(server);
    const { drones } = await next(socket, 'drones-update');
    const commands = commandUntilDeath(socket, drones, acked, latencies);
    await new Promise((resolve) => setTimeout(resolve, 30 + dice() * 400));
    await server.end('SIGKILL');
    socket.disconnect();
    await commands;
  }
  await between(kills, dice);
  const last = await startServer({ t, dataDir, databaseUrl });
  await until('everything is delivered', async () => {
    const { database } = (await last.json('/api/health')).checks;
    return database.state === 'ok' && database.spool.records === 0;
  }, { within: 30_000 });
  assert.equal((await last.end('SIGTERM')).code, 0, last.log());
  const stored = query(dataDir, "select command_id from journal where command_id <> ''").flat();
  const { median: p50, p99 } = quantiles(latencies);
  t.diagnostic(`${kills} kills, ${acked.length} commands acknowledged, ${stored.length} stored; ack p50 ${p50.toFixed(1)} ms, p99 ${p99.toFixed(1)} ms`);
  assert.ok(acked.length > kills, 'commands were given');
  const known = new Set(stored);
  assert.deepEqual(acked.filter((id) => !known.has(id)), [], 'acknowledged commands are missing');
  assert.equal(known.size, stored.length, 'a command is there twice');
  assert.deepEqual(query(dataDir, 'select run_id, tick, count(*) from metrics group by run_id, tick having count(*) > 1'), []);
  return { acked, stored };
}

test(`SQLite: the server is killed ${kills} times under commands, and no acknowledged one is missing`, { timeout: 1_800_000 }, async (t) => {
  await killed(t, { query: (dataDir, sql) => sqlite(join(dataDir, 'hmrs.sqlite'), sql) });
});

test(`PostgreSQL: the server is killed ${kills} times under commands, every third time without its database`, { skip: missing, timeout: 1_800_000 }, async (t) => {
  const pg = await startPostgres(t);
  let isUp = true;
  await killed(t, {
    databaseUrl: pg.url,
    query: (_, sql) => pg.query(sql),
    between: (round) => {
      const shouldBeUp = round % 3 !== 1 || round === kills;
      if (isUp && !shouldBeUp) pg.stop();
      if (!isUp && shouldBeUp) pg.start();
      isUp = shouldBeUp;
    },
  });
});

test('an ack comes within 50 ms at the median, and not before the command is in the database', { timeout: 60_000 }, async (t) => {
  const server = await startServer({ t });
  const socket = await connect(server, { t });
  const { drones } = await next(socket, 'drones-update');
  const latencies = [];
  for (let i = 0; i < 40; i++) {
    const command_id = randomUUID();
    const before = performance.now();
    const ack = await send(socket, 'hold', [drones[i % drones.length].id], undefined, { command_id });
    latencies.push(performance.now() - before);
    assert.equal(ack.ok, true, JSON.stringify(ack));
    if (i % 8 === 0) assert.equal(sqlite(join(server.dataDir, 'hmrs.sqlite'), `select 1 from journal where command_id = '${command_id}'`).length, 1);
  }
  const { median: p50, p99 } = quantiles(latencies);
  t.diagnostic(`ack p50 ${p50.toFixed(1)} ms, p99 ${p99.toFixed(1)} ms`);
  assert.ok(p50 < 50, `${p50} ms`);
});

/** A file system of its own that a test may fill up; undefined where this user may not mount one. */
function smallDisk(t, size) {
  const directory = mkdtempSync(join(tmpdir(), 'hmrs-disk-'));
  if (spawnSync('mount', ['-t', 'tmpfs', '-o', `size=${size}`, 'tmpfs', directory]).status !== 0) return undefined;
  t.after(() => { spawnSync('umount', ['-l', directory]); rmSync(directory, { recursive: true, force: true }); });
  return directory;
}

test('a full disk: commands are refused with a reason, the swarm flies on, and with room again nothing is missing', { timeout: 120_000 }, async (t) => {
  const disk = smallDisk(t, '8m');
  if (!disk) return t.skip('mounting a small file system needs root');
  const dataDir = join(disk, 'data');
  mkdirSync(dataDir);
  const server = await startServer({ t, dataDir, args: ['--telemetry-every', '5'] });
  const socket = await connect(server, { t });
  const { drones } = await next(socket, 'drones-update');
  const hold = (command_id) => send(socket, 'hold', [drones[0].id], undefined, { command_id });
  const acked = [];
  for (let i = 0; i < 5; i++) acked.push((await hold(randomUUID())).command_id);

  const ballast = join(disk, 'ballast');
  try { for (let n = 0; ; n++) writeFileSync(`${ballast}-${n}`, Buffer.alloc(n < 100 ? 1 << 20 : 4096)); } catch { /* one MiB did not fit */ }
  spawnSync('dd', ['if=/dev/zero', `of=${ballast}`, 'bs=4k']);
  let refusal;
  let unsure;
  await until('a command is refused', async () => {
    const command_id = randomUUID();
    const ack = await hold(command_id);
    if (ack.ok) return void acked.push(command_id);
    if (/applied at tick/.test(ack.error.message)) return void (unsure = command_id);
    refusal = ack.error;
    return true;
  }, { within: 20_000 });
  assert.equal(refusal.code, 'unavailable');
  assert.match(refusal.message, /not carried out.*neither the database .*full.* nor the spool .*full/i);
  const health = await server.json('/api/health');
  assert.equal(health.status, 'degraded');
  assert.match(health.checks.database.refusing, /full/);
  assert.match((await server.get('/metrics')).body, /hmrs_commands_refused 1/);
  const { tick } = await server.json('/api/status');
  await until('the swarm flies on', async () => (await server.json('/api/status')).tick > tick + 25);

  spawnSync('sh', ['-c', `rm -f ${ballast}*`]);
  await until('commands are taken again', async () => (await hold('after')).ok, { within: 20_000, every: 200 });
  acked.push('after');
  if (unsure) {
    assert.equal((await hold(unsure)).ok, true, 'the same id again says that it is safe now');
    acked.push(unsure);
  }
  await until('everything is delivered', async () => (await server.json('/api/health')).checks.database.spool.records === 0, { within: 20_000 });
  assert.equal((await server.end('SIGTERM')).code, 0, server.log());
  const stored = sqlite(join(dataDir, 'hmrs.sqlite'), 'select command_id from journal').flat();
  assert.deepEqual(acked.filter((id) => !stored.includes(id)), []);
  assert.equal(new Set(stored).size, stored.length);
});

/** Fills the disk of a cluster under a swarm that is recorded and commanded, and gives the room back. */
async function fillAndFree(t, pg, disk) {
  const server = await startServer({ t, databaseUrl: pg.url, args: ['--telemetry-every', '1'] });
  const socket = await connect(server, { t });
  const { drones } = await next(socket, 'drones-update');
  const acked = [];
  const hold = async () => {
    const command_id = randomUUID();
    const ack = await send(socket, 'hold', [drones[0].id], undefined, { command_id });
    assert.equal(ack.ok, true, JSON.stringify(ack));
    acked.push(command_id);
  };
  for (let i = 0; i < 5; i++) await hold();
  const ballast = join(disk, 'ballast');
  spawnSync('dd', ['if=/dev/zero', `of=${ballast}`, 'bs=4k']);
  const health = async () => (await server.json('/api/health')).checks.database;
  await until('the database takes nothing', async () => { await hold(); return (await health()).state === 'away'; }, { within: 60_000, every: 50 });
  for (let i = 0; i < 5; i++) await hold();
  const { last_error, refusing, spool } = await health();
  assert.match(last_error, /No space left on device|is away/);
  assert.ok(!refusing && spool.records > 0, JSON.stringify({ refusing, spool }));

  rmSync(ballast);
  await until('everything is delivered', async () => { const { state, spool } = await health(); return state === 'ok' && spool.records === 0; }, { within: 30_000 });
  const { run_id } = await server.json('/api/status');
  assert.equal((await server.end('SIGTERM')).code, 0, server.log());
  assert.doesNotMatch(server.log(), /panicked/);
  const stored = pg.query("select command_id from journal where command_id <> ''").flat();
  assert.deepEqual(stored.toSorted(), acked.toSorted());
  const [[frames, first, last]] = pg.query(`select count(*), min(tick), max(tick) from metrics where run_id = '${run_id}'`).map((row) => row.map(Number));
  assert.equal(frames, last - first + 1, 'telemetry is complete');
  assert.deepEqual(pg.query('select * from gaps'), []);
}

test("PostgreSQL's disk is full: everything goes to the spool, and with room again nothing is missing", { skip: missing, timeout: 120_000 }, async (t) => {
  const disk = smallDisk(t, '160m');
  if (!disk) return t.skip('mounting a small file system needs root');
  chmodSync(disk, 0o755);
  const pg = await startPostgres(undefined, { under: disk });
  try {
    await fillAndFree(t, pg, disk);
  } finally {
    pg.remove(); // before the disk goes
  }
});

/** Runs a program so that even root may not write where its own files forbid it. */
const obeying = process.getuid() === 0 ? ['setpriv', '--bounding-set=-dac_override,-dac_read_search', '--inh-caps=-dac_override,-dac_read_search'] : [];

test('a data directory that may not be written to: the swarm flies, commands are refused with the reason, and no longer once it may', { timeout: 60_000 }, async (t) => {
  const dataDir = mkdtempSync(join(tmpdir(), 'hmrs-e2e-'));
  t.after(() => { chmodSync(dataDir, 0o700); rmSync(dataDir, { recursive: true, force: true }); });
  chmodSync(dataDir, 0o500);
  const server = await startServer({ t, dataDir, under: obeying });
  const socket = await connect(server, { t });
  const { drones } = await next(socket, 'drones-update', { within: 15_000 });
  const hold = (command_id) => send(socket, 'hold', [drones[0].id], undefined, { command_id });
  const { error } = await until('a command is refused', async () => { const ack = await hold(randomUUID()); return !ack.ok && /not carried out/.test(ack.error.message) && ack; }, { within: 20_000 });
  assert.equal(error.code, 'unavailable');
  assert.match(error.message, /neither the database .*hmrs\.sqlite.*Permission denied.* nor the spool .*spool.*Permission denied/i);
  const health = await server.json('/api/health');
  assert.equal(health.status, 'degraded');
  assert.match(health.checks.database.refusing, /Permission denied/);
  const { tick } = await server.json('/api/status');
  await until('the swarm flies on', async () => (await server.json('/api/status')).tick > tick + 10, { within: 20_000 });
  chmodSync(dataDir, 0o700);
  await until('commands are taken', async () => (await hold('allowed')).ok, { within: 30_000, every: 200 });
  assert.equal((await server.end('SIGTERM')).code, 0, server.log());
  assert.equal(sqlite(join(dataDir, 'hmrs.sqlite'), "select count(*) from journal where command_id = 'allowed'")[0][0], 1);
  assert.doesNotMatch(server.log(), /panicked/);
});

test('a database of a newer program, or one that the user may not change: the server does not start and says why', { skip: missing, timeout: 60_000 }, async (t) => {
  const first = await startServer({ t });
  assert.equal((await first.end('SIGTERM')).code, 0);
  const file = join(first.dataDir, 'hmrs.sqlite');
  sqlite(file, "insert into __diesel_schema_migrations (version) values ('29990101000001') returning 1");
  const refused = (...args) => {
    const { code, stderr } = hmrs('serve', '--bind', '127.0.0.1:0', '--data-dir', first.dataDir, ...args);
    assert.equal(code, 1, stderr);
    assert.doesNotMatch(stderr, /panicked/);
    return stderr;
  };
  assert.match(refused(), /schema too new: the database has migration 29990101000001.*run a newer hmrs/);

  const pg = await startPostgres(t);
  pg.query('create role guest login');
  pg.query('revoke create on schema public from public');
  assert.match(refused('--database-url', pg.url.replace('hmrs@', 'guest@')), /migration failed: .*permission denied for schema public/);
});
