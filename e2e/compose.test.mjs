// docker-compose.yml on any Docker engine: from nothing to a console that flies, what the containers may do, and what
// happens when one of them dies. `make test-compose`; builds the images first, which takes its minutes.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { launch, missing, open } from './support/browser.mjs';
import { collect, connect, next, rateHz, send, transports } from './support/client.mjs';
import { sleep, until } from './support/process.mjs';
import { root } from './support/server.mjs';

const project = `hmrs-test-${process.pid}`;
const port = 5907;
const edge = { url: `http://127.0.0.1:${port}` };
const dir = mkdtempSync(join(tmpdir(), 'hmrs-compose-'));
let token;

function docker(...args) {
  const { status, stdout, stderr } = spawnSync('docker', args, { cwd: root, encoding: 'utf8', maxBuffer: 1 << 26 });
  if (status !== 0) throw new Error(`docker ${args.join(' ')}: ${stderr.trim()}`);
  return stdout.trim();
}
const compose = (...args) => docker('compose', '--env-file', join(dir, 'env'), '--project-name', project, ...args);
const container = (service) => compose('ps', '--quiet', '--all', service).split('\n')[0];
const inspect = (service) => JSON.parse(docker('inspect', container(service)))[0];
const api = async (path, init = {}) => fetch(edge.url + path, { ...init, headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json', ...init.headers } });
const healthy = (within = 30_000) => until('the site is healthy', async () => (await api('/api/health')).status === 200 && (await (await api('/api/health')).json()).status === 'ok', { within, every: 50 });

before(() => {
  writeFileSync(join(dir, 'env'), `HMRS_PORT=${port}\nHMRS_EDGE_SUBNET=172.30.61.0/24\n`);
  const start = Date.now();
  compose('build');
  console.log(`built in ${((Date.now() - start) / 1000).toFixed(0)} s`);
  const up = Date.now();
  compose('up', '--detach', '--wait');
  console.log(`all healthy after ${((Date.now() - up) / 1000).toFixed(1)} s`);
  token = compose('exec', '-T', 'backend', 'hmrs', 'token', 'create', '--role', 'admin', '--name', 'test');
});
after(() => {
  compose('--profile', '*', 'down', '--volumes', '--timeout', '5');
  rmSync(dir, { recursive: true, force: true });
});

test('the images are small', (t) => {
  const size = (name) => Number(docker('image', 'inspect', '--format', '{{.Size}}', name)) / 1e6;
  t.diagnostic(`hmrs-backend ${size('hmrs-backend:local').toFixed(1)} MB, hmrs-frontend ${size('hmrs-frontend:local').toFixed(1)} MB`);
  assert.ok(size('hmrs-backend:local') <= 60);
});

test('nobody comes in without a token', async (t) => {
  assert.equal((await fetch(`${edge.url}/api/status`)).status, 401);
  await assert.rejects(connect(edge, { t }));
});

test('official clients fly through the edge over every transport', async (t) => {
  await until('the token is known', async () => (await api('/api/status')).status === 200);
  for (const via of Object.keys(transports)) {
    const socket = await connect(edge, { t, via, auth: { token } });
    const rate = rateHz(await collect(socket, 'status-update', 2000));
    assert.ok(Math.abs(rate - 25) <= 2, `${via}: ${rate} updates a second`);
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

for (const service of ['backend', 'database', 'frontend']) {
  test(`${service} is killed: everything recovers by itself, nothing acknowledged is lost`, async (t) => {
    const id = `before-the-kill-of-${service}`;
    const run = (await (await api('/api/status')).json()).run_id;
    const ack = await (await api('/api/command', { method: 'POST', body: JSON.stringify({ command: 'hold', targets: 'all', command_id: id }) })).json();
    assert.equal(ack.ok, true);
    await until('the command is recorded', async () => {
      const journal = await (await api(`/api/runs/${run}/journal`)).json();
      return journal.entries?.some((entry) => entry.command_id === id);
    });
    const start = Date.now();
    docker('kill', '--signal', 'KILL', container(service));
    // `docker kill` counts as a stop by hand, which no restart policy undoes: do what the engine does after a crash.
    await sleep(200);
    docker('start', container(service));
    await healthy();
    t.diagnostic(`healthy again after ${((Date.now() - start) / 1000).toFixed(1)} s`);
    const journal = await (await api(`/api/runs/${run}/journal`)).json();
    assert.ok(journal.entries.some((entry) => entry.command_id === id));
  });
}

test('a back end that is made anew, with another address, is found again', async (t) => {
  const start = Date.now();
  compose('up', '--detach', '--force-recreate', '--no-deps', 'backend');
  await healthy();
  t.diagnostic(`healthy again after ${((Date.now() - start) / 1000).toFixed(1)} s`);
  const socket = await connect(edge, { t, auth: { token } });
  await next(socket, 'drones-update');
});

test('the simulator runs without a server and without a network', () => {
  const last = compose('run', '--rm', 'simulator', 'run', 'hello', '--seconds', '60', '--seed', '7', '--out', '/data/hello.csv').trim().split('\n').at(-1);
  assert.equal(JSON.parse(last).ticks, 1500);
});
