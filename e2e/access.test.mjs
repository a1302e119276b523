// Who may do what: every row of the table in docs/SECURITY.md tried with every role, logins, revoking, the audit trail.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { connect, next, send } from './support/client.mjs';
import { until } from './support/process.mjs';
import { hmrs, root, startServer } from './support/server.mjs';

const roles = ['nobody', 'viewer', 'operator', 'admin'];
const tokens = {};
let server;
before(async () => {
  const first = await startServer();
  await first.end();
  const made = (role) => hmrs('token', 'create', '--role', role, '--name', `${role}-token`, '--data-dir', first.dataDir).stdout.trim();
  for (const role of roles.slice(1)) tokens[role] = made(role);
  server = await startServer({ dataDir: first.dataDir, args: ['--admin-page', 'look', '--log-format', 'json'] });
});
after(async () => { await server.end('SIGKILL'); server.remove(); });

const json = { 'content-type': 'application/json' };
const bearer = (token) => (token ? { authorization: `Bearer ${token}` } : {});
const call = (method, path, { token, body, headers } = {}) => fetch(server.url + path, {
  method, headers: { ...json, ...bearer(token), ...headers }, ...(body === undefined ? {} : { body: JSON.stringify(body) }),
});
const ask = async (...args) => (await call(...args)).json();

/** Logs in as a browser does and gives the cookie back. */
async function logIn(token, name) {
  const answer = await call('POST', '/api/login', { body: { token, name }, headers: { origin: server.url } });
  assert.equal(answer.status, 200, await answer.clone().text());
  const [pair, ...rest] = answer.headers.get('set-cookie').split('; ');
  return { cookie: pair, attributes: rest, body: await answer.json() };
}

function rows(kind) {
  const text = readFileSync(join(root, 'docs', 'SECURITY.md'), 'utf8');
  return [...text.matchAll(/^\| (\w+) \| `([^`]+)` \| (.+) \|$/gm)].filter((row) => row[1] === kind)
    .map(([, , what, cells]) => ({ what, allowed: cells.split(' | ').map((cell) => cell === 'yes') }));
}

test('every route × role: what the table allows is done, everything else is refused', async () => {
  const table = rows('HTTP');
  assert.ok(table.length > 40, `${table.length} routes`);
  // Nothing that is allowed here may end the server's run: what is not there is asked for.
  const bodies = { '/api/login': { token: 'nonsense' }, '/api/tokens': { role: 'none' }, '/api/swarms': { scenario: 'none' }, '/api/command': { command: 'none' }, '/api/scenarios/check': { text: '' } };
  const wrong = [];
  for (const { what, allowed } of table) {
    const [method, pattern] = what.split(' ');
    const path = pattern.replace(/\{\w+\}/, 'none');
    for (const [index, role] of roles.entries()) {
      const answer = await call(method, path, { token: tokens[role], body: method === 'POST' ? (bodies[path] ?? {}) : undefined });
      await answer.arrayBuffer();
      const refused = answer.status === 401 || answer.status === 403;
      const login = path === '/api/login'; // its own answer to nonsense is 401
      if (refused === allowed[index] && !login) wrong.push(`${what} as ${role}: ${answer.status}`);
      if (!allowed[index] && answer.status !== (role === 'nobody' ? 401 : 403)) wrong.push(`${what} as ${role}: ${answer.status}`);
    }
  }
  assert.deepEqual(wrong, []);
  await call('POST', '/api/start', { token: tokens.operator, body: {} });
});

test('every route that describes itself is in the table', async () => {
  const { paths } = await ask('GET', '/api/openapi.json');
  const listed = rows('HTTP').map(({ what }) => what);
  const described = Object.entries(paths).flatMap(([path, methods]) => Object.keys(methods).map((method) => `${method.toUpperCase()} ${path}`));
  assert.deepEqual(described.filter((what) => !listed.includes(what)), []);
  assert.equal((await call('GET', '/api/none', { token: tokens.admin })).status, 404);
});

test('every event × role', async (t) => {
  const table = rows('event');
  assert.ok(table.length >= 9);
  const payloads = { subscribe: { topics: {} }, unsubscribe: { topics: [] }, history: { from_tick: 0, to_tick: 0, every: 1 }, message: 'hello', command: { command: 'hold', targets: 'all' }, claim: { targets: 'all' }, release: { targets: 'all' } };
  for (const role of roles.slice(1)) {
    const socket = await connect(server, { t, auth: { token: tokens[role], name: role } });
    assert.equal((await next(socket, 'welcome', { past: true })).role, role);
    for (const { what, allowed } of table.filter(({ what }) => what in payloads)) {
      const { ok, error } = await socket.timeout(5000).emitWithAck(what, payloads[what]);
      assert.equal(ok, allowed[roles.indexOf(role)], `${what} as ${role}: ${JSON.stringify(error)}`);
      if (!ok) assert.equal(error.code, 'forbidden', what);
    }
    socket.disconnect();
  }
});

test('every namespace × role', async (t) => {
  const made = await ask('POST', '/api/swarms', { token: tokens.operator, body: { scenario: 'hello', name: 'second' } });
  assert.equal(made.ok, true, JSON.stringify(made));
  for (const { what, allowed } of rows('CONNECT')) {
    for (const [index, role] of roles.entries()) {
      const auth = { token: tokens[role], username: role, password: tokens[role] ?? '' };
      const trial = connect(server, { t, namespace: what.replace('{id}', 'second'), auth });
      if (allowed[index]) (await trial).disconnect();
      else await assert.rejects(trial, undefined, `${what} as ${role}`);
    }
  }
  assert.equal((await call('DELETE', '/api/swarms/second', { token: tokens.operator })).status, 200);
});

test('a browser logs in, flies by its cookie alone, and logs out', async (t) => {
  const { cookie, attributes, body } = await logIn(tokens.operator, 'Amira');
  assert.deepEqual([body.name, body.role], ['Amira', 'operator']);
  assert.match(cookie, new RegExp(`^hmrs-${server.port}=[\\w-]{43}$`));
  for (const attribute of ['HttpOnly', 'SameSite=Strict', 'Path=/']) assert.ok(attributes.includes(attribute), String(attributes));
  const own = { cookie, origin: server.url };
  assert.equal((await ask('GET', '/api/session', { headers: own })).by, 'login');
  for (const via of ['websocket', 'polling']) {
    const socket = await connect(server, { t, via, extraHeaders: own });
    assert.equal((await send(socket, 'hold', 'all')).ok, true);
    socket.disconnect();
  }
  const command = { command: 'hold', targets: 'all' };
  assert.equal((await call('POST', '/api/command', { body: command, headers: own })).status, 200);
  // A page elsewhere, and a form that names no page, get nothing done with somebody's cookie.
  assert.equal((await call('POST', '/api/command', { body: command, headers: { cookie } })).status, 403);
  assert.equal((await call('POST', '/api/command', { body: command, headers: { cookie, origin: 'http://evil.example' } })).status, 403);
  for (const via of ['websocket', 'polling']) await assert.rejects(connect(server, { t, via, extraHeaders: { cookie, origin: 'http://evil.example' } }));
  // Another server's cookie, on another port of the same host, is not this one's.
  assert.equal((await call('GET', '/api/status', { headers: { cookie: cookie.replace(/^hmrs-\d+/, 'hmrs-1') } })).status, 401);

  const page = await connect(server, { t, extraHeaders: own });
  const gone = new Promise((resolve) => page.once('disconnect', resolve));
  const out = await call('POST', '/api/logout', { headers: own });
  assert.match(out.headers.get('set-cookie'), /Max-Age=0/);
  await gone;
  assert.equal((await call('GET', '/api/session', { headers: own })).status, 401, 'a cookie was replayed after logging out');
  await assert.rejects(connect(server, { t, extraHeaders: own }), /login has ended/);
});

test('behind TLS the cookie is one that only this host can have set', async () => {
  const answer = await call('POST', '/api/login', { body: { token: tokens.viewer }, headers: { 'x-forwarded-proto': 'https', origin: server.url.replace('http:', 'https:') } });
  assert.match(answer.headers.get('set-cookie'), /^__Host-hmrs=[\w-]{43}; Path=\/; Max-Age=43\d{3}; HttpOnly; SameSite=Strict; Secure$/);
});

test('revoking a token cuts its clients within seconds, and what was logged in with it', async (t) => {
  const made = await ask('POST', '/api/tokens', { token: tokens.admin, body: { role: 'operator', name: 'short-lived', days: 1 } });
  const { cookie } = await logIn(made.token);
  const clients = await Promise.all([
    connect(server, { t, auth: { token: made.token } }),
    connect(server, { t, via: 'polling', auth: { token: made.token } }),
    connect(server, { t, extraHeaders: { cookie, origin: server.url } }),
  ]);
  const gone = clients.map((socket) => new Promise((resolve) => socket.once('disconnect', resolve)));
  const start = Date.now();
  // From outside the server, as an admin on the machine does.
  assert.equal(hmrs('token', 'revoke', made.id, '--data-dir', server.dataDir).code, 0);
  await Promise.all(gone);
  t.diagnostic(`cut after ${Date.now() - start} ms`);
  assert.equal((await call('GET', '/api/status', { token: made.token })).status, 401);
  assert.equal((await call('GET', '/api/status', { headers: { cookie } })).status, 401);
  for (const auth of [{ token: made.token }, { token: `${made.token}x` }, { token: '' }, {}]) await assert.rejects(connect(server, { t, auth }));
  assert.ok((await ask('GET', '/api/tokens', { token: tokens.admin })).tokens.find(({ id }) => id === made.id).revoked);
});

test('the admin page is shut with the token that opened it', async (t) => {
  const made = await ask('POST', '/api/tokens', { token: tokens.admin, body: { role: 'admin', name: 'page' } });
  const page = await connect(server, { t, namespace: '/admin', auth: { username: 'x', password: made.token } });
  const session = await next(page, 'session', { past: true });
  const gone = new Promise((resolve) => page.once('disconnect', resolve));
  assert.equal((await call('DELETE', `/api/tokens/${made.id}`, { token: tokens.admin })).status, 200);
  await gone;
  await assert.rejects(connect(server, { t, namespace: '/admin', auth: { sessionId: session } }), /invalid credentials/);
});

test('a flood of logins is slowed down', async () => {
  const statuses = await Promise.all(Array.from({ length: 40 }, async () => (await call('POST', '/api/login', { body: { token: 'guess' } })).status));
  assert.ok(statuses.filter((status) => status === 429).length >= 20, String(statuses));
  assert.ok(statuses.every((status) => status === 429 || status === 401), String(statuses));
});

test('the audit trail has who, role, address, id and result, and only admins read it', async (t) => {
  const socket = await connect(server, { t, auth: { token: tokens.operator, name: 'Jonas' } });
  await send(socket, 'hold', 'all', undefined, { command_id: 'audited-1' });
  await send(socket, 'goto', 'all', {}, { command_id: 'audited-2' });
  const watcher = await connect(server, { t, auth: { token: tokens.viewer, name: 'Vera' } });
  await send(watcher, 'land', 'all', undefined, { command_id: 'audited-3' });
  const trail = async (query = '') => (await ask('GET', `/api/audit?limit=1000${query}`, { token: tokens.admin })).entries;
  const entries = await until('all is written', async () => {
    const found = await trail();
    return ['audited-1', 'audited-2', 'audited-3'].every((id) => found.some((entry) => entry.subject === id)) && found;
  }, { within: 20_000 });
  const of = (id) => { const { who, role, address, via, kind, what, result } = entries.find(({ subject }) => subject === id); return { who, role, address, via, kind, what, result }; };
  const common = { address: '127.0.0.1', via: 'socketio', kind: 'command' };
  assert.deepEqual(of('audited-1'), { who: 'Jonas', role: 'operator', what: 'hold', result: 'ok', ...common });
  assert.equal(of('audited-2').result, 'bad_request');
  assert.deepEqual(of('audited-3'), { who: 'Vera', role: 'viewer', what: 'land', result: 'forbidden', ...common });
  for (const [kind, what] of [['login', ''], ['logout', ''], ['token', 'create'], ['token', 'revoke'], ['swarm', 'launch'], ['swarm', 'end'], ['lease', 'claim'], ['route', 'GET /api/audit']]) {
    assert.ok(entries.some((entry) => entry.kind === kind && entry.what === what), `${kind} ${what}`);
  }
  assert.ok(entries.some(({ kind, via }) => kind === 'token' && via === 'cli'));
  assert.ok(entries.some(({ kind, result }) => kind === 'login' && result === 'unauthorized'));
  assert.ok(entries.some(({ kind }) => kind === 'cut'));
  assert.deepEqual(entries.map(({ id }) => id), entries.map(({ id }) => id).sort().reverse());
  assert.deepEqual((await trail('&who=Vera&kind=command')).map(({ subject }) => subject).includes('audited-3'), true);
  const listed = hmrs('audit', '--data-dir', server.dataDir, '--json', '--kind', 'login');
  assert.equal(listed.code, 0, listed.stderr);
  assert.equal(JSON.parse(listed.stdout.trim().split('\n')[0]).kind, 'login');
});

test('a flood of attempts beyond a role is refused to the last and written down at its beginning', async () => {
  const made = await ask('POST', '/api/tokens', { token: tokens.admin, body: { role: 'viewer', name: 'nosy' } });
  for (let round = 0; round < 10; round += 1) {
    const statuses = await Promise.all(Array.from({ length: 50 }, async () => (await call('GET', '/api/audit', { token: made.token })).status));
    assert.deepEqual([...new Set(statuses)], [403]);
  }
  const written = await until('the beginning is written', async () => {
    const { entries } = await ask('GET', '/api/audit?limit=1000&who=nosy&kind=route', { token: tokens.admin });
    return entries.length >= 100 && entries.length;
  });
  assert.ok(written < 200, `${written} of 500 attempts are in the audit trail`);
});

test('log lines are JSON with the name of the request, and no secret stands in them', async () => {
  await call('POST', '/api/pause', { token: tokens.operator, body: {}, headers: { 'x-request-id': 'from-the-edge-1' } });
  const named = await call('POST', '/api/start', { token: tokens.operator, body: {} });
  const id = named.headers.get('x-request-id');
  assert.match(id, /^[0-9a-f]{16}$/);
  const lines = await until('the request is logged', async () => {
    const found = server.log().split('\n').filter((line) => line.startsWith('{')).map((line) => JSON.parse(line));
    return found.some(({ request }) => request === id) && found;
  });
  const line = lines.find(({ request }) => request === id);
  assert.deepEqual([line.message, line.status, line.who, line.level], ['POST /api/start', 200, 'operator-token', 'info']);
  assert.ok(lines.some(({ request, message }) => request === 'from-the-edge-1' && message === 'POST /api/pause'));
  const came = lines.find(({ target, who }) => target === 'hmrs::client' && who === 'Jonas');
  assert.deepEqual([came.message, came.role, came.address, came.namespace], ['connected', 'operator', '127.0.0.1', '/']);
  assert.match(came.socket, /^[\w-]{20}$/);
  for (const token of Object.values(tokens)) assert.ok(!server.log().includes(token));
});

test('health says whether to restart it and whether to send clients, without a token', async () => {
  for (const path of ['/healthz', '/readyz']) assert.equal((await call('GET', path)).status, 200, path);
  assert.equal((await ask('GET', '/api/health')).ready, true);
});
