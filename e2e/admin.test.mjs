// The official Socket.IO admin page, as published, in a real browser.

import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { extname, join } from 'node:path';
import { after, before, test } from 'node:test';
import { launch, missing, picture } from './support/browser.mjs';
import { connect, next } from './support/client.mjs';
import { until } from './support/process.mjs';
import { hmrs, root, startServer } from './support/server.mjs';

const password = 'look but do not touch';
const files = join(root, 'e2e', 'node_modules', '@socket.io', 'admin-ui', 'ui', 'dist');
const types = { '.html': 'text/html', '.js': 'text/javascript', '.css': 'text/css', '.png': 'image/png', '.svg': 'image/svg+xml' };
let browser, host, origin;
before(async () => {
  if (missing) return;
  browser = await launch();
  host = createServer(async (request, response) => {
    const path = new URL(request.url, 'http://page').pathname;
    try {
      response.writeHead(200, { 'content-type': types[extname(path)] ?? 'text/html' }).end(await readFile(join(files, path === '/' ? 'index.html' : path)));
    } catch {
      response.writeHead(404).end();
    }
  });
  await new Promise((resolve) => host.listen(0, '127.0.0.1', resolve));
  origin = `http://127.0.0.1:${host.address().port}`;
});
after(async () => { await browser?.close(); host?.close(); });

/** The page, connected to `server`. Its fonts come from the world, which there may not be. */
async function logIn(t, server, word = password) {
  const context = await browser.newContext({ viewport: { width: 1440, height: 900 } });
  t.after(() => context.close());
  const page = await context.newPage();
  page.setDefaultTimeout(30_000);
  page.faults = [];
  page.on('pageerror', (error) => page.faults.push(String(error)));
  await page.route((url) => url.hostname !== '127.0.0.1', (route) => route.abort());
  await page.goto(origin);
  await page.getByLabel('Server URL').fill(server.url);
  await page.getByLabel('Username').fill('admin');
  await page.getByLabel('Password').fill(word);
  await page.getByRole('button', { name: 'Connect' }).click();
  return page;
}

const start = (t, ...args) => startServer({ t, args: ['--allow-origin', origin, '--admin-page', ...args], env: { HMRS_ADMIN_PASSWORD: password } });
const options = { skip: missing, timeout: 180_000 };

test('the page logs in and shows the server, without copies of events unless they are asked for', options, async (t) => {
  const server = await start(t, 'look');
  await connect(server, { t });
  const page = await logIn(t, server, 'a wrong guess');
  await page.getByText('Invalid credentials').waitFor();
  await page.getByLabel('Password').fill(password);
  await page.getByRole('button', { name: 'Connect' }).click();
  await page.getByLabel('Password').waitFor({ state: 'hidden' });
  await until('both clients are counted', async () => /\/admin\s+1/.test(await page.locator('body').innerText()));
  await picture(page, 'admin-production');
  assert.equal(await page.getByRole('link', { name: 'Events' }).count(), 0);
  await page.getByRole('link', { name: 'Servers' }).click();
  await page.getByText(String(server.pid)).waitFor();
  assert.deepEqual(page.faults, []);
});

test('in its development mode the page shows clients, rooms and events, and of secrets nothing', options, async (t) => {
  const server = await start(t, 'look', '--admin-events');
  const client = await connect(server, { t, via: 'polling', extraHeaders: { cookie: 'secret=hidden-cookie' } });
  // Telemetry would fill the page; what people say is enough to see that events are shown.
  await client.timeout(5000).emitWithAck('unsubscribe', { topics: ['drones-update', 'status-update', 'visualization-update'] });
  const page = await logIn(t, server);
  await page.getByLabel('Password').waitFor({ state: 'hidden' });
  const shown = async (name, text) => {
    await page.getByRole('link', { name, exact: true }).click();
    await page.getByText(text).first().waitFor();
  };
  await shown('Sockets', client.id);
  await picture(page, 'admin-sockets');
  await page.getByText(client.id).first().click();
  await page.getByText('user-agent').first().waitFor();
  assert.ok(!(await page.content()).includes('hidden-cookie'));
  await shown('Rooms', 'command-update');
  await shown('Events', 'Type');
  await client.timeout(5000).emitWithAck('message', 'good morning');
  for (const name of ['message', 'response']) await page.getByText(name, { exact: true }).first().waitFor();
  await picture(page, 'admin-events');
  await shown('Servers', String(server.pid));
  assert.deepEqual(page.faults, []);
});

test('without a password and without tokens there is no admin page', options, () => {
  const { code, stderr } = hmrs('serve', '--bind', '127.0.0.1:0', '--database-url', 'none', '--admin-page', 'look');
  assert.equal(code, 1);
  assert.match(stderr, /nobody could log in: set HMRS_ADMIN_PASSWORD/);
});

test('an access token of an admin is a password for it, one of an operator is not', options, async (t) => {
  const first = await startServer({ t });
  await first.end();
  const token = (role) => hmrs('token', 'create', '--role', role, '--name', role, '--data-dir', first.dataDir).stdout.trim().split(/\s+/).at(-1);
  const [admin, operator] = [token('admin'), token('operator')];
  const server = await startServer({ t, dataDir: first.dataDir, args: ['--admin-page', 'look'] });
  const page = (word) => connect(server, { t, namespace: '/admin', auth: { username: 'Ada', password: word } });
  await assert.rejects(page(operator), /invalid credentials/);
  await assert.rejects(page(password), /invalid credentials/);
  const socket = await page(admin);
  assert.deepEqual((await next(socket, 'config', { past: true })).supportedFeatures, ['AGGREGATED_EVENTS']);
});
