// PostgreSQL goes away in every way it can, and the swarm flies on.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { accepted } from './support/commands.mjs';
import { collect, connect, missed, missedMax, ticksPerSecond } from './support/client.mjs';
import { missing, startPostgres } from './support/postgres.mjs';
import { full, until } from './support/process.mjs';
import { startServer } from './support/server.mjs';

const outage = (full ? 30 : 10) * 1000;
const options = { skip: missing, timeout: 180_000 };

const count = (pg, table) => Number(pg.query(`select count(*) from ${table}`)[0][0]);
const journalled = (pg) => new Set(pg.query('select command_id from journal').flat());
const database = async (server) => (await server.json('/api/status')).database;

test('with PostgreSQL: SIGTERM leaves every accepted command there', options, async (t) => {
  const pg = await startPostgres(t);
  const server = await startServer({ t, databaseUrl: pg.url });
  const socket = await connect(server, { t });
  const ids = await accepted(socket, 30);
  const { code, ms } = await server.end('SIGTERM');
  assert.equal(code, 0, server.log());
  assert.ok(ms < 10_000);
  const stored = journalled(pg);
  assert.deepEqual(ids.filter((id) => !stored.has(id)), []);
  assert.ok(count(pg, 'telemetry') > 0, 'telemetry is recorded');
});

for (const [how, away, back] of [['stopped', 'stop', 'start'], ['frozen', 'freeze', 'thaw']]) {
  test(`PostgreSQL ${how} for ${outage / 1000} s in mid-run: the swarm does not notice, nothing accepted is lost`, options, async (t) => {
    const pg = await startPostgres(t);
    const server = await startServer({ t, databaseUrl: pg.url });
    const socket = await connect(server, { t });
    const ids = await accepted(socket, 10);
    await until('rows are written', () => count(pg, 'telemetry') > 0);

    pg[away]();
    const watching = collect(socket, 'status-update', outage);
    ids.push(...(await accepted(socket, 10)));
    await until('the outage is noticed', async () => (await database(server)) === 'away', { within: outage });
    const health = await server.json('/api/health');
    assert.equal(health.status, 'degraded');
    assert.equal(health.checks.simulation.tick_age_ms < 1000, true);
    const seen = await watching;
    t.diagnostic(`${ticksPerSecond(seen).toFixed(2)} ticks a second meanwhile`);
    assert.ok(missed(seen) <= missedMax, `${missed(seen) * 100} % of the updates are missing`);
    assert.ok(Math.abs(ticksPerSecond(seen) - 25) <= 1, `${ticksPerSecond(seen)} ticks a second`);

    pg[back]();
    await until('the database is noticed again', async () => (await database(server)) === 'ok', { within: 20_000 });
    const before = count(pg, 'telemetry');
    ids.push(...(await accepted(socket, 10)));
    await until('rows are written again', () => count(pg, 'telemetry') > before);
    assert.equal((await server.end('SIGTERM')).code, 0);
    const stored = journalled(pg);
    assert.deepEqual(ids.filter((id) => !stored.has(id)), []);
    assert.deepEqual(pg.query('select run_id, seq from journal group by run_id, seq having count(*) > 1'), []);
  });
}

test('started without its database the server flies, says so, and records once the database is there', options, async (t) => {
  const pg = await startPostgres(t);
  pg.stop();
  const server = await startServer({ t, databaseUrl: pg.url });
  const socket = await connect(server, { t });
  assert.equal((await server.json('/api/health')).status, 'degraded');
  assert.equal(await database(server), 'away');
  const seen = await collect(socket, 'status-update', 2000);
  assert.ok(Math.abs(ticksPerSecond(seen) - 25) <= 1.5, `${ticksPerSecond(seen)} ticks a second`);
  const ids = await accepted(socket, 5);
  pg.start();
  await until('the database is noticed', async () => (await database(server)) === 'ok', { within: 20_000 });
  assert.equal((await server.end('SIGTERM')).code, 0);
  const stored = journalled(pg);
  assert.deepEqual(ids.filter((id) => !stored.has(id)), []);
});

test('SIGTERM while the database is away ends within 10 s, says what waits, and the next start delivers it', options, async (t) => {
  const pg = await startPostgres(t);
  pg.stop();
  const first = await startServer({ t, databaseUrl: pg.url });
  const socket = await connect(first, { t });
  const ids = await accepted(socket, 5);
  const status = await first.json('/api/status');
  assert.ok(status.spool.records > 0 && status.spool.fill_pct < 1, JSON.stringify(status.spool));
  assert.ok((await first.json('/api/health')).checks.database.spool.records > 0);
  assert.match((await first.get('/metrics')).body, /^hmrs_spool_records [1-9]/m);
  const { code, ms } = await first.end('SIGTERM');
  t.diagnostic(`ended after ${ms} ms`);
  assert.equal(code, 0, first.log());
  assert.ok(ms < 10_000, `${ms} ms`);
  assert.match(first.log(), /records are left in the spool/);
  pg.start();
  const second = await startServer({ t, databaseUrl: pg.url, dataDir: first.dataDir });
  await until('the spool is delivered', async () => (await second.json('/api/health')).checks.database.spool.records === 0);
  assert.equal((await second.end('SIGTERM')).code, 0);
  const stored = journalled(pg);
  assert.deepEqual(ids.filter((id) => !stored.has(id)), []);
  assert.deepEqual(pg.query(`select status from runs where id = '${status.run_id}'`), [['complete']]);
});

test('SIGTERM with a database that is frozen ends within 10 s', options, async (t) => {
  const pg = await startPostgres(t);
  const server = await startServer({ t, databaseUrl: pg.url });
  const socket = await connect(server, { t });
  await accepted(socket, 3);
  pg.freeze();
  const ids = await accepted(socket, 3);
  const { code, ms } = await server.end('SIGTERM');
  t.diagnostic(`ended after ${ms} ms`);
  assert.equal(code, 0, server.log());
  assert.ok(ms < 10_000 && ids.length > 0, `${ms} ms`);
  pg.thaw();
});
