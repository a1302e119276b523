// The HTTP side: the same payloads as the events, the old paths, several swarms side by side, and clear errors.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { connect, next } from './support/client.mjs';
import { until } from './support/process.mjs';
import { startServer } from './support/server.mjs';

let server;
before(async () => { server = await startServer(); });
after(async () => { await server.end('SIGKILL'); server.remove(); });

const state = async () => (await server.json('/api/status')).state;

test('health tells what it checked', async () => {
  const health = await server.json('/api/health');
  assert.equal(health.status, 'ok');
  assert.ok(health.checks.simulation.tick_age_ms < 1000, JSON.stringify(health));
  assert.ok('database' in health.checks);
});

test('status, drones and visualization are exactly the last events', async (t) => {
  const socket = await connect(server, { t });
  await next(socket, 'visualization-update', { past: true });
  await server.post('/api/pause');
  await until('the swarm is paused', async () => (await state()) === 'paused');
  // A held clock still publishes, so the same update has to be caught on both ways.
  for (const [path, event] of [['status', 'status-update'], ['drones', 'drones-update'], ['visualization', 'visualization-update']]) {
    await until(`/api/${path} and ${event} agree`, async () => {
      const answer = await server.json(`/api/${path}`);
      const said = socket.inbox[event].find(({ seq }) => seq === answer.seq);
      return said && (assert.deepEqual(answer, said), true);
    });
  }
  const alias = await server.json('/api/realtime-status');
  assert.equal(alias.tick, (await server.json('/api/status')).tick);
  await server.post('/api/start');
});

test('one drone in full, and lists that can be narrowed', async () => {
  const { drones } = await server.json('/api/drones');
  const one = await server.json(`/api/drones/${drones[0].id}`);
  assert.equal(one.id, drones[0].id);
  assert.ok(Array.isArray(one.capabilities ?? one.type?.capabilities), JSON.stringify(one).slice(0, 300));
  assert.equal((await server.json('/api/drones?limit=2')).drones.length, 2);
  const page = await server.json(`/api/drones?limit=2&after=${drones[1].id}`);
  assert.deepEqual(page.drones.map((d) => d.id), drones.slice(2, 4).map((d) => d.id));
  const where = async (text) => (await server.json(`/api/drones?where=${encodeURIComponent(text)}`)).drones.map(({ id }) => id);
  assert.deepEqual(await where(`id = ${drones[0].id} | (${drones[1].id} & not near 0,0,-1)`), [drones[0].id, drones[1].id]);
  assert.deepEqual(await where('not (flying or landed)'), []);
  for (const drone of (await server.json('/api/drones?mode=hold')).drones) assert.equal(drone.mode, 'hold');
  const { group } = drones.find((d) => d.group) ?? {};
  if (group) for (const drone of (await server.json(`/api/drones?group=${group}`)).drones) assert.equal(drone.group, group);
});

test('the old paths still work, with an empty body', async () => {
  for (const [path, expected] of [['pause', 'paused'], ['start', 'running'], ['stop', 'stopped'], ['start', 'running']]) {
    const { status, body } = await server.post(`/api/${path}`, {});
    assert.equal(status, 200, `${path}: ${JSON.stringify(body)}`);
    assert.equal(body.ok, true);
    await until(`${path} leads to ${expected}`, async () => (await state()) === expected);
  }
  for (const path of ['prepare', 'spawn', 'reset']) {
    const { status, body } = await server.post(`/api/${path}`, {});
    assert.equal(status, 200, `${path}: ${JSON.stringify(body)}`);
  }
  await server.post('/api/start');
});

test('logs are numbered, oldest first, and can be resumed', async (t) => {
  await server.post('/api/pause');
  await server.post('/api/start');
  const { entries } = await server.json('/api/logs');
  assert.ok(entries.length > 0);
  assert.deepEqual(entries.map((e) => e.seq), entries.map((e) => e.seq).sort((a, b) => a - b));
  for (const field of ['seq', 'tick', 'time', 'level', 'source', 'message']) assert.ok(field in entries[0], field);
  const from = entries[0].seq;
  const socket = await connect(server, { t, auth: { logs_after: from } });
  const missed = await next(socket, 'communication-log-update', { past: true });
  assert.equal(missed.entries[0].seq, from + 1);
});

test('a second swarm lives beside the first, in a namespace of its own', async (t) => {
  const made = await server.post('/api/swarms', { scenario: 'flock', seed: 3 });
  assert.equal(made.status, 201, JSON.stringify(made.body));
  const { id } = made.body;
  const { swarms } = await server.json('/api/swarms');
  assert.deepEqual(swarms.map((s) => s.id).sort(), ['default', id].sort());

  const [first, second] = await Promise.all([connect(server, { t }), connect(server, { t, namespace: `/swarms/${id}` })]);
  assert.equal((await next(second, 'welcome', { past: true })).swarm, id);
  assert.equal((await next(first, 'welcome', { past: true })).swarm, 'default');
  assert.equal((await next(second, 'drones-update')).drones.length, 200);
  assert.ok((await next(first, 'drones-update')).drones.length < 200);
  assert.equal((await server.json(`/api/status?swarm=${id}`)).drones, 200);

  await server.post(`/api/pause?swarm=${id}`);
  await next(second, 'status-update', { accept: (s) => s.state === 'paused' });
  assert.equal(await state(), 'running');

  const heard = next(second, 'response', { within: 800 });
  first.emit('message', 'only for the first');
  await assert.rejects(heard, /no response/);

  const closed = new Promise((resolve) => second.once('disconnect', resolve));
  const removed = await fetch(`${server.url}/api/swarms/${id}`, { method: 'DELETE' });
  assert.ok(removed.ok, String(removed.status));
  await closed;
  assert.equal((await server.json('/api/swarms')).swarms.length, 1);
  await next(first, 'drones-update');
});

test('errors have one form and a fitting status', async () => {
  const cases = [
    ['GET', '/api/nothing', undefined, 404],
    ['GET', '/api/drones/nobody', undefined, 404, 'unknown_drone'],
    ['GET', '/api/status?swarm=nowhere', undefined, 404],
    ['GET', '/api/drones?limit=many', undefined, 400, 'bad_request'],
    ['GET', '/api/drones?where=near+here', undefined, 400, 'bad_request'],
    ['POST', '/api/command', '{"command":', 400, 'bad_request'],
    ['POST', '/api/command', '', 400, 'bad_request'],
    ['POST', '/api/swarms', '{"scenario":"nowhere"}', undefined],
    ['DELETE', '/api/swarms/nowhere', undefined, 404],
  ];
  for (const [method, path, body, status, code] of cases) {
    const response = await fetch(server.url + path, { method, body, headers: { 'content-type': 'application/json' } });
    const text = await response.text();
    const where = `${method} ${path}: ${response.status} ${text.slice(0, 200)}`;
    if (status) assert.equal(response.status, status, where);
    else assert.ok(response.status >= 400 && response.status < 500, where);
    const answer = JSON.parse(text);
    assert.equal(answer.ok, false, where);
    assert.ok(answer.error.message, where);
    if (code) assert.equal(answer.error.code, code, where);
  }
});

test('an unsafe method from a foreign page is refused', async () => {
  const response = await fetch(`${server.url}/api/pause`, { method: 'POST', body: '{}', headers: { 'content-type': 'application/json', origin: 'http://evil.example' } });
  assert.equal(response.status, 403);
  assert.equal(await state(), 'running');
});

test('metrics are Prometheus text, and the API describes itself', async () => {
  const { status, body } = await server.get('/metrics');
  assert.equal(status, 200);
  for (const line of body.trimEnd().split('\n')) assert.match(line, /^(#|[a-zA-Z_:][a-zA-Z0-9_:]*(\{.*\})? \S+)/);
  assert.match(body, /tick/);
  const openapi = await server.json('/api/openapi.json');
  for (const path of ['/api/health', '/api/status', '/api/command', '/api/drones']) assert.ok(openapi.paths[path], path);
});

test('parameters describe themselves, and a change is taken over', async () => {
  const { params } = await server.json('/api/params');
  const param = params.find((p) => typeof p.value === 'number' && p.min < p.max);
  for (const field of ['path', 'label', 'unit', 'min', 'max', 'default', 'value']) assert.ok(field in param, field);
  const value = (param.min + param.max) / 2;
  const { body } = await server.post('/api/command', { command: 'set_param', params: { path: param.path, value } });
  assert.equal(body.ok, true, JSON.stringify(body));
  await until('the new value is listed', async () => {
    const now = await server.json('/api/params');
    return Math.abs(now.params.find((p) => p.path === param.path).value - value) < 1e-6;
  });
  const beyond = await server.post('/api/command', { command: 'set_param', params: { path: param.path, value: param.max + 1 } });
  assert.equal(beyond.body.error?.code, 'out_of_range', JSON.stringify(beyond.body));
});
