// What deploy/monitoring brings, in a real Prometheus before a real server: configuration, alarms and dashboard.

import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { connect, send } from './support/client.mjs';
import { startPostgres, missing as noPostgres } from './support/postgres.mjs';
import { full, until } from './support/process.mjs';
import { missing, monitoring, promtool, startPrometheus } from './support/prometheus.mjs';
import { hmrs, startServer } from './support/server.mjs';

/** Every query of the dashboard, with the panel that asks it. */
function queries() {
  const { panels } = JSON.parse(readFileSync(join(monitoring, 'grafana', 'dashboards', 'hmrs.json'), 'utf8'));
  return panels.flatMap(({ title, targets }) => (targets ?? []).map(({ expr }) => ({ title, expr })));
}

test('each alarm comes on what it is for, and none on a healthy server', { skip: missing }, () => {
  for (const args of [['check', 'rules', 'alerts.yml'], ['test', 'rules', 'alerts.test.yml']]) {
    const { code, out } = promtool(...args);
    assert.equal(code, 0, out);
  }
  // An alarm that nobody has seen coming is not known to come.
  const [alarms, tested] = ['alerts.yml', 'alerts.test.yml'].map((file) => readFileSync(join(monitoring, file), 'utf8'));
  const named = [...alarms.matchAll(/- alert: (\w+)/g)].map((found) => found[1]);
  assert.deepEqual(named.filter((name) => !tested.includes(`alertname="${name}"`)), []);
});

test('the dashboard shows a live server, and alarms come when its database and then it itself are gone', { skip: missing ?? noPostgres, timeout: 180_000 }, async (t) => {
  const postgres = await startPostgres(t);
  const dir = mkdtempSync(join(tmpdir(), 'hmrs-monitoring-'));
  t.after(() => rmSync(dir, { recursive: true, force: true }));
  const tokenFile = join(dir, 'token');
  assert.equal(hmrs('migrate', '--database-url', postgres.url).code, 0);
  assert.equal(hmrs('token', 'create', '--role', 'viewer', '--name', 'prometheus', '--out', tokenFile, '--database-url', postgres.url).code, 0);
  const operator = hmrs('token', 'create', '--role', 'operator', '--name', 'test', '--database-url', postgres.url).stdout.trim();
  const server = await startServer({ t, databaseUrl: postgres.url });
  const prometheus = await startPrometheus({ t, servers: [server], tokenFile });
  const check = promtool('check', 'config', prometheus.config);
  assert.equal(check.code, 0, check.out);

  const socket = await connect(server, { t, auth: { token: operator } });
  assert.equal((await send(socket, 'hold', 'all')).ok, true);
  await until('the server answers Prometheus', async () => (await prometheus.query('up == 1')).length === 1);
  const panels = queries();
  assert.ok(panels.length >= 25, `${panels.length} queries`);
  for (const { title, expr } of panels) {
    const [found] = await until(`${title} has something to show`, async () => {
      const result = await prometheus.query(expr);
      return result.some(({ value }) => Number.isFinite(Number(value[1]))) && result;
    }).catch((error) => { throw new Error(`${error.message}: ${expr}`); });
    if (title === 'Drones') assert.ok(Number(found.value[1]) > 0, expr);
  }
  await until('every alarm is known', async () => Object.keys(await prometheus.alarms()).length >= 11);
  const raised = Object.entries(await prometheus.alarms()).filter(([, state]) => state !== 'inactive');
  assert.deepEqual(raised, [], 'a healthy server raises an alarm');

  // What an alarm waits for before it calls somebody is passed in full length only.
  const comes = async (name) => {
    const start = Date.now();
    await until(`${name} comes`, async () => { const state = (await prometheus.alarms())[name]; return full ? state === 'firing' : state !== 'inactive'; }, { within: 60_000, every: 100 });
    t.diagnostic(`${name} after ${((Date.now() - start) / 1000).toFixed(1)} s`);
  };
  postgres.stop();
  await comes('HmrsDatabaseAway');
  await server.end('SIGKILL');
  await comes('HmrsDown');
});
