// docker-compose.yml on any Docker engine: from nothing to a console that flies, what the containers may do, and what
// happens when one of them dies. `make test-compose`; builds the images first, which takes its minutes.

import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { request } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { launch, missing, open } from './support/browser.mjs';
import { collect, connect, next, rateHz, send, transports } from './support/client.mjs';
import { sleep, until } from './support/process.mjs';
import { root } from './support/server.mjs';

const project = `hmrs-test-${process.pid}`;
const port = 5907;
const ports = { tls: 5909, prometheus: 5910, grafana: 5911 };
const edge = { url: `http://127.0.0.1:${port}` };
const dir = mkdtempSync(join(tmpdir(), 'hmrs-compose-'));
let token;
let startSeconds;

function docker(...args) {
  const { status, stdout, stderr } = spawnSync('docker', args, { cwd: root, encoding: 'utf8', maxBuffer: 1 << 26 });
  if (status !== 0) throw new Error(`docker ${args.join(' ')}: ${stderr.trim()}`);
  return stdout.trim();
}
/** The same without standing still meanwhile. */
const dockerAside = (...args) => new Promise((resolve, reject) => {
  spawn('docker', args, { cwd: root, stdio: 'ignore' }).once('exit', (code) => (code === 0 ? resolve() : reject(new Error(`docker ${args.join(' ')}: ${code}`))));
});
const files = ['docker-compose.yml', 'deploy/compose.two.yml'].map((file) => ['--file', file]);
const tlsFiles = ['docker-compose.yml', 'deploy/compose.tls.yml'].map((file) => ['--file', file]);
const withFiles = (chosen, args) => docker('compose', '--env-file', join(dir, 'env'), '--project-name', project, ...chosen.flat(), ...args);
const compose = (...args) => withFiles(files.slice(0, 1), args);
const composeTwo = (...args) => withFiles(files, args);
const container = (service) => composeTwo('ps', '--quiet', '--all', service).split('\n')[0];
const inspect = (service) => JSON.parse(docker('inspect', container(service)))[0];
const api = async (path, init = {}) => fetch(edge.url + path, { ...init, headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json', ...init.headers } });
const command = async (id) => (await api('/api/command', { method: 'POST', body: JSON.stringify({ command: 'hold', targets: 'all', command_id: id }), signal: AbortSignal.timeout(4000) })).json();
const seconds = (since) => ((Date.now() - since) / 1000).toFixed(1);
const healthy = (within = 60_000) => until('the site is healthy', async () => (await api('/api/health')).status === 200 && (await (await api('/api/health')).json()).status === 'ok', { within, every: 50 });

before(async () => {
  writeFileSync(join(dir, 'env'), `HMRS_PORT=${port}\nHMRS_EDGE_SUBNET=172.30.61.0/24\nHMRS_TLS_LISTEN=127.0.0.1\nHMRS_TLS_PORT=${ports.tls}\nHMRS_TLS_DIR=${join(dir, 'tls')}\nPROMETHEUS_PORT=${ports.prometheus}\nGRAFANA_PORT=${ports.grafana}\n`);
  // As with HMRS_BIN elsewhere: the images that are there are tested, and nothing is built.
  if (process.env.HMRS_COMPOSE_IMAGES !== 'built') {
    const start = Date.now();
    compose('build');
    console.log(`built in ${((Date.now() - start) / 1000).toFixed(0)} s`);
  }
  const up = Date.now();
  compose('up', '--detach', '--wait');
  startSeconds = Number(seconds(up));
  console.log(`all healthy after ${startSeconds} s`);
  token = compose('exec', '-T', 'backend', 'hmrs', 'token', 'create', '--role', 'admin', '--name', 'test');
  await until('the token is known', async () => (await api('/api/status')).status === 200);
});
after(() => {
  composeTwo('--profile', '*', 'down', '--volumes', '--remove-orphans', '--timeout', '5');
  rmSync(dir, { recursive: true, force: true });
});

test('the images are small, and everything is there within half a minute', (t) => {
  const size = (name) => Number(docker('image', 'inspect', '--format', '{{.Size}}', name)) / 1e6;
  t.diagnostic(`hmrs-backend ${size('hmrs-backend:local').toFixed(1)} MB, hmrs-frontend ${size('hmrs-frontend:local').toFixed(1)} MB`);
  assert.ok(size('hmrs-backend:local') <= 60);
  assert.ok(startSeconds <= 30, `${startSeconds} s`);
});

test('nobody comes in without a token', async (t) => {
  assert.equal((await fetch(`${edge.url}/api/status`)).status, 401);
  await assert.rejects(connect(edge, { t }));
});

test('official clients fly through the edge over every transport', async (t) => {
  for (const via of Object.keys(transports)) {
    const socket = await connect(edge, { t, via, auth: { token } });
    const rate = rateHz(await collect(socket, 'status-update', 2000));
    assert.ok(rate > 15 && rate < 30, `${via}: ${rate} updates a second`);
    const ack = await send(socket, 'hold', 'all');
    assert.equal(ack.ok, true, via);
    socket.disconnect();
  }
});

test('a person flies a drone in a real browser', { skip: missing }, async (t) => {
  const browser = await launch();
  t.after(() => browser.close());
  const page = await open(t, browser, edge, `/?test#token=${token}`);
  await page.getByText('Live').first().waitFor();
  assert.ok(await page.getByText('scout-1').first().isVisible());
  assert.doesNotMatch(page.url(), /token=/, 'the token stays in the address bar');
  const [login] = await page.context().cookies();
  assert.deepEqual([login.name, login.httpOnly, login.sameSite], [`hmrs-${port}`, true, 'Strict']);
  assert.ok(!(await page.evaluate(() => JSON.stringify({ ...localStorage, ...sessionStorage }))).includes('hmrs_'), 'the token is kept where scripts can read it');
  await page.keyboard.press('a');
  await page.getByRole('button', { name: /^Hold(\s+H)?$/ }).click();
  const strip = () => page.evaluate(() => window.__console.strips.find((s) => s.command === 'hold'));
  const done = await until('the command is done', async () => { const s = await strip(); return s?.done && s; });
  assert.equal(done.error, null);
});

test('containers may do nothing that they need not', () => {
  for (const service of ['frontend', 'backend', 'database']) {
    const { HostConfig: host, Config: config, State: state } = inspect(service);
    assert.equal(host.ReadonlyRootfs, true, service);
    assert.deepEqual(host.CapDrop, ['ALL'], service);
    assert.equal(host.CapAdd, null, service);
    assert.ok(host.SecurityOpt.includes('no-new-privileges:true'), service);
    assert.ok(host.Memory > 0 && host.PidsLimit > 0 && host.NanoCpus > 0, service);
    assert.equal(host.LogConfig.Config['max-size'], '10m', service);
    const status = spawnSync('grep', ['-E', '^(Uid|CapEff)', `/proc/${state.Pid}/status`], { encoding: 'utf8' }).stdout;
    assert.doesNotMatch(status, /^Uid:\s+0\b/m, `${service} runs as root`);
    assert.match(status, /^CapEff:\s+0+$/m, service);
    assert.ok(config.User, service);
  }
  const published = ['backend', 'database'].flatMap((service) => Object.values(inspect(service).NetworkSettings.Ports ?? {}).filter(Boolean));
  assert.deepEqual(published, [], 'only the edge is published');
  const networks = JSON.parse(docker('network', 'inspect', `${project}_edge`, `${project}_database`));
  assert.ok(networks.every((network) => network.Internal), 'the inner networks have a way out');
});

test('no secret stands in an image, a log, a variable or a list of processes', () => {
  const password = docker('run', '--rm', '--volume', `${project}_database-secret:/secret:ro`, '--user', 'root', '--entrypoint', 'cat', inspect('database').Config.Image, '/secret/password');
  assert.match(password, /^[0-9a-f]{64}$/);
  const places = {
    logs: compose('logs', '--no-color'),
    variables: ['frontend', 'backend', 'database'].map((service) => JSON.stringify(inspect(service).Config)).join(),
    processes: ['frontend', 'backend', 'database'].map((service) => docker('top', container(service), '-eo', 'pid,args')).join(),
    images: docker('history', '--no-trunc', 'hmrs-backend:local') + docker('history', '--no-trunc', 'hmrs-frontend:local'),
  };
  for (const [place, text] of Object.entries(places)) {
    assert.ok(!text.includes(password), `the password is in ${place}`);
    assert.ok(!text.includes(token), `the token is in ${place}`);
  }
});

/** Gives a command ten times a second until told to stop; the ids of those that were acknowledged. */
function commands(name) {
  const acked = [];
  let [going, number] = [true, 0];
  const work = (async () => {
    while (going) {
      const id = `${name}-${number += 1}`;
      const ack = await command(id).catch(() => undefined);
      if (ack?.ok) acked.push(id);
      await sleep(100);
    }
  })();
  return { acked, async stop() { going = false; await work; return acked; } };
}

/** Kills the first process of a container from outside, as a crash does: what comes back does so by itself. */
const crash = (service) => dockerAside('run', '--rm', '--pid', 'host', '--user', 'root', '--entrypoint', '/bin/sh', inspect('database').Config.Image, '-c', `kill -9 ${inspect(service).State.Pid}`);

const recorded = async (run, ids) => {
  const journal = await (await api(`/api/runs/${run}/journal`)).json();
  const found = new Set(journal.entries?.map((entry) => entry.command_id));
  return ids.every((id) => found.has(id));
};

const outages = [
  ...['backend', 'database', 'frontend'].map((service) => [`kill -9 of ${service}`, service, () => crash(service)]),
  ['a restart of the database', 'database', () => dockerAside('restart', container('database'))],
];
for (const [what, service, strike] of outages) {
  test(`${what}: everything recovers by itself, and nothing acknowledged is lost`, async (t) => {
    await healthy();
    const run = (await (await api('/api/status')).json()).run_id;
    const giving = commands(`during ${what}`.replaceAll(' ', '-').slice(0, 40));
    await until('commands are taken', () => giving.acked.length >= 5);
    const before = inspect(service).State.StartedAt;
    const start = Date.now();
    await strike();
    await until(`${service} runs again`, () => { const { State } = inspect(service); return State.StartedAt !== before && State.Health.Status === 'healthy'; }, { within: 90_000, every: 200 });
    await healthy();
    t.diagnostic(`healthy again after ${seconds(start)} s`);
    const sofar = giving.acked.length;
    await until('commands are taken again', () => giving.acked.length >= sofar + 5, { within: 30_000 });
    const acked = await giving.stop();
    await until('every acknowledged command is recorded', () => recorded(run, acked), { within: 30_000, every: 500 });
    t.diagnostic(`${acked.length} commands were acknowledged meanwhile, all are recorded`);
  });
}

test('a back end that is made anew, with another address, is found again', async (t) => {
  const address = () => inspect('backend').NetworkSettings.Networks[`${project}_edge`].IPAddress;
  const [before, start] = [address(), Date.now()];
  compose('rm', '--stop', '--force', 'backend');
  // Its address goes to somebody else meanwhile.
  const squatter = docker('run', '--detach', '--rm', '--network', `${project}_edge`, '--entrypoint', 'sleep', inspect('database').Config.Image, '300');
  t.after(() => docker('rm', '--force', squatter));
  compose('up', '--detach', '--no-deps', 'backend');
  await healthy();
  t.diagnostic(`healthy again after ${seconds(start)} s, ${before} became ${address()}`);
  assert.notEqual(address(), before);
  const socket = await connect(edge, { t, auth: { token } });
  await next(socket, 'drones-update');
});

test('two back ends: 40 polling clients stay connected, and those of one that is killed are back within 2 s', async (t) => {
  composeTwo('up', '--detach', '--wait', 'backend', 'backend-2');
  const scenarios = { backend: 'hello', 'backend-2': 'flock' };
  const clients = await Promise.all(Array.from({ length: 40 }, async (_, index) => {
    const node = index % 2 ? 'backend-2' : 'backend';
    const socket = await connect(edge, { t, via: 'polling', auth: { token }, query: { node }, reconnection: true, reconnectionDelay: 200, reconnectionDelayMax: 400, timeout: 20_000 });
    assert.equal((await next(socket, 'welcome', { past: true, within: 20_000 })).scenario.name, scenarios[node]);
    // Where every drone is, forty times in one process of this test, would measure that process.
    await socket.timeout(20_000).emitWithAck('unsubscribe', { topics: ['drones-update', 'visualization-update'] });
    socket.on('disconnect', () => { socket.lostAt = performance.now(); });
    socket.on('connect', () => { socket.backAt = performance.now(); });
    return Object.assign(socket, { node });
  }));
  await Promise.all(clients.map(async (socket) => { for (let i = 0; i < 10; i += 1) await next(socket, 'status-update', { within: 60_000 }); }));
  assert.equal(clients.filter((socket) => socket.lostAt || !socket.connected).length, 0);
  const theirs = clients.filter(({ node }) => node === 'backend-2');
  const pid = container('backend-2');
  const killed = performance.now();
  // Not awaited by blocking: the clients live in this process.
  spawn('docker', ['kill', pid], { stdio: 'ignore' });
  await until('all are back', () => theirs.every(({ backAt }) => backAt), { within: 30_000 });
  const lost = Math.min(...theirs.map(({ lostAt }) => lostAt));
  const back = Math.max(...theirs.map(({ backAt }) => backAt));
  t.diagnostic(`the first noticed after ${Math.round(lost - killed)} ms, the last was back ${Math.round(back - lost)} ms later`);
  assert.ok(back - lost < 2000, `${back - lost} ms`);
  assert.equal(clients.filter(({ node, lostAt }) => node === 'backend' && lostAt).length, 0, 'clients of the other one noticed');
});

test('a back end that is stopped tells its clients, writes everything down and ends in time', async (t) => {
  const sockets = await Promise.all(Array.from({ length: 20 }, () => connect(edge, { t, auth: { token } })));
  const gone = sockets.map((socket) => new Promise((resolve) => socket.once('disconnect', resolve)));
  const start = Date.now();
  compose('stop', 'backend');
  t.diagnostic(`stopped after ${seconds(start)} s`);
  await Promise.all(gone);
  assert.equal(inspect('backend').State.ExitCode, 0);
  assert.match(compose('logs', '--no-color', '--tail', '20', 'backend'), /stopped; everything is recorded/);
  compose('start', 'backend');
  await healthy();
});

/** The commands of a chapter of the manual, as a reader would copy them. */
function manual(chapter) {
  const text = readFileSync(join(root, 'docs', 'OPERATIONS.md'), 'utf8').split(`\n## ${chapter}\n`)[1];
  return /```sh\n([^]*?)```/.exec(text)[1];
}
/** Runs them, word for word, in a folder of their own: only the project and its settings are those of the test. */
function follow(commands) {
  const env = { ...process.env, COMPOSE_PROJECT_NAME: project, COMPOSE_FILE: join(root, 'docker-compose.yml'), COMPOSE_ENV_FILES: join(dir, 'env') };
  const { status, stdout, stderr } = spawnSync('bash', ['-euo', 'pipefail', '-c', commands], { cwd: dir, env, encoding: 'utf8' });
  assert.equal(status, 0, `${commands}\n${stdout}${stderr}`);
}

test('a backup by the manual brings everything back that there was', async (t) => {
  await healthy();
  const [backUp, restore] = manual('Back up and restore').split('# restore\n');
  const run = (await (await api('/api/status')).json()).run_id;
  assert.equal((await command('before-the-backup')).ok, true);
  await until('it is recorded', () => recorded(run, ['before-the-backup']));
  follow(backUp);
  t.diagnostic(`${statSync(join(dir, 'hmrs.dump')).size} bytes`);
  assert.equal((await command('after-the-backup')).ok, true);
  await until('it is recorded', () => recorded(run, ['after-the-backup']));
  const start = Date.now();
  follow(restore);
  await healthy();
  t.diagnostic(`restored and healthy after ${seconds(start)} s`);
  // The token of this test is one of the things that came back.
  assert.equal(await recorded(run, ['before-the-backup']), true);
  assert.equal(await recorded(run, ['after-the-backup']), false);
  assert.equal((await command('after-the-restore')).ok, true);
  const { entries } = await (await api('/api/audit?kind=command&limit=1000')).json();
  assert.ok(entries.some(({ subject }) => subject === 'before-the-backup'));
});

test('over TLS, with a certificate made as the manual says', async (t) => {
  mkdirSync(join(dir, 'deploy'));
  follow(manual('TLS'));
  const [key, certificate] = ['tls.key', 'tls.crt'].map((name) => readFileSync(join(dir, 'deploy', 'tls', name)));
  mkdirSync(join(dir, 'tls'));
  writeFileSync(join(dir, 'tls', 'tls.key'), key);
  writeFileSync(join(dir, 'tls', 'tls.crt'), certificate);
  chmodSync(join(dir, 'tls', 'tls.key'), 0o644);
  withFiles(tlsFiles, ['up', '--detach', '--wait', 'frontend']);
  t.after(() => compose('up', '--detach', '--wait', 'frontend'));
  const url = `https://localhost:${ports.tls}`;
  const ask = (path, { body, ...init } = {}) => new Promise((resolve, reject) => {
    request(url + path, { ca: certificate, ...init }, resolve).on('error', reject).end(body);
  });
  const page = await ask('/');
  assert.equal(page.statusCode, 200);
  assert.equal(page.headers['strict-transport-security'], 'max-age=31536000');
  page.resume();
  const login = await ask('/api/login', { method: 'POST', headers: { 'content-type': 'application/json', origin: url }, body: JSON.stringify({ token }) });
  assert.match(login.headers['set-cookie'][0], /^__Host-hmrs=[^;]+; .*HttpOnly; SameSite=Strict; Secure$/);
  login.resume();
  const [cookie] = login.headers['set-cookie'][0].split(';');
  for (const via of Object.keys(transports)) {
    const socket = await connect({ url }, { t, via, ca: certificate, extraHeaders: { cookie, origin: url } });
    await next(socket, 'drones-update');
    assert.equal((await send(socket, 'hold', 'all')).ok, true, via);
    socket.disconnect();
  }
});

/** Whether an image is here or can be had. */
const available = (image) => ['image inspect', 'pull --quiet'].some((how) => spawnSync('docker', [...how.split(' '), image], { stdio: 'ignore' }).status === 0);
const monitoringImage = (service) => /image: \$\{\w+:-([^}]+)\}/.exec(readFileSync(join(root, 'docker-compose.yml'), 'utf8').split(`\n  ${service}:\n`)[1])[1];

test('the profile monitoring: Prometheus knows both servers by a token of its own', async (t) => {
  if (!available(monitoringImage('prometheus'))) return t.skip('its image cannot be had here');
  composeTwo('up', '--detach', '--wait', 'backend-2');
  compose('--profile', 'monitoring', 'up', '--detach', '--wait', 'prometheus');
  const ask = async (query) => (await (await fetch(`http://127.0.0.1:${ports.prometheus}/api/v1/query?query=${encodeURIComponent(query)}`)).json()).data.result;
  const found = await until('both are seen', async () => { const up = await ask('up{job="hmrs"} == 1'); return up.length === 2 && up; }, { within: 60_000, every: 500 });
  t.diagnostic(found.map(({ metric }) => metric.instance).join(', '));
  await until('drones are counted', async () => (await ask('sum(hmrs_drones)')).length === 1);
  const { groups } = (await (await fetch(`http://127.0.0.1:${ports.prometheus}/api/v1/rules?type=alert`)).json()).data;
  assert.ok(groups.flatMap(({ rules }) => rules).length >= 11);
  const { HostConfig: host, Config: config } = inspect('prometheus');
  assert.deepEqual([host.ReadonlyRootfs, host.CapDrop, config.User], [true, ['ALL'], '65534:10001']);
  assert.ok(!compose('--profile', 'monitoring', 'logs', '--no-color', 'metrics-token', 'prometheus').match(/hmrs_[\w-]{40}/), 'the token is in a log');
});

test('the profile monitoring: Grafana shows the dashboard', async (t) => {
  if (!available(monitoringImage('grafana'))) return t.skip('its image cannot be had here');
  compose('--profile', 'monitoring', 'up', '--detach', '--wait', 'grafana');
  const boards = await until('the dashboard is there', async () => {
    const found = await (await fetch(`http://127.0.0.1:${ports.grafana}/api/search?query=HMRS`)).json();
    return found.length > 0 && found;
  }, { within: 120_000, every: 500 });
  assert.equal(boards[0].title, 'HMRS');
});

test('the simulator runs without a server and without a network', () => {
  const last = compose('run', '--rm', 'simulator', 'run', 'hello', '--seconds', '60', '--seed', '7', '--out', '/data/hello.csv').trim().split('\n').at(-1);
  assert.equal(JSON.parse(last).ticks, 1500);
});
