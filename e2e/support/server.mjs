// Starts the real binary, as a user would, and ends it.

import { spawn, spawnSync } from 'node:child_process';
import { closeSync, mkdirSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { freePort, own, until } from './process.mjs';

export const root = join(dirname(fileURLToPath(import.meta.url)), '..', '..');
export const binary = process.env.HMRS_BIN ?? join(root, 'target', 'release', 'hmrs');
export const artefacts = join(root, 'target', 'e2e');
mkdirSync(artefacts, { recursive: true });

let started = 0;

/**
 * `hmrs serve` on a free loopback port with a data directory of its own, once it answers `/api/health`.
 *
 * `args` are added to the command line; `port` and `dataDir` continue an earlier server; `under` is a command that runs it.
 * In a test, pass its context as `t`: the server is then ended with the test.
 */
export async function startServer({ t, args = [], env = {}, port, dataDir, databaseUrl, under = [], healthy = 20_000 } = {}) {
  port ??= await freePort();
  const ownDir = dataDir === undefined;
  dataDir ??= mkdtempSync(join(tmpdir(), 'hmrs-e2e-'));
  const logFile = join(artefacts, `${basename(process.argv[1], '.mjs')}-${++started}.log`);
  // Into the file by itself: a test that had to pass the lines on would hold the server up, and be held up by it.
  const log = openSync(logFile, 'w');
  const all = [...under, binary, 'serve', '--bind', `127.0.0.1:${port}`, '--data-dir', dataDir, ...args];
  if (databaseUrl) all.push('--database-url', databaseUrl);
  const { DATABASE_URL, ...inherited } = process.env;
  const child = own(spawn(all[0], all.slice(1), { stdio: ['ignore', log, log], env: { RUST_LOG: 'info', ...inherited, ...env } }));
  closeSync(log);
  const exited = new Promise((resolve) => child.once('close', (code, signal) => resolve({ code, signal })));

  const server = {
    url: `http://127.0.0.1:${port}`,
    port,
    pid: child.pid,
    dataDir,
    exited,
    log: () => readFileSync(logFile, 'utf8'),
    /** Sends a signal and waits for the end: `{ code, signal, ms }`. */
    async end(signal = 'SIGTERM') {
      const start = Date.now();
      child.kill(signal);
      return { ...(await exited), ms: Date.now() - start };
    },
    async get(path) {
      const response = await fetch(server.url + path);
      return { status: response.status, headers: response.headers, body: await readBody(response) };
    },
    async post(path, body = {}, method = 'POST') {
      const text = typeof body === 'string' ? body : JSON.stringify(body);
      const response = await fetch(server.url + path, { method, headers: { 'content-type': 'application/json' }, body: text });
      return { status: response.status, headers: response.headers, body: await readBody(response) };
    },
    async json(path) {
      const { status, body } = await server.get(path);
      if (status !== 200) throw new Error(`GET ${path}: ${status} ${JSON.stringify(body)}`);
      return body;
    },
    remove() { if (ownDir) rmSync(dataDir, { recursive: true, force: true }); },
  };
  t?.after(async () => {
    if (child.exitCode === null && child.signalCode === null) await server.end('SIGKILL');
    server.remove();
  });

  await Promise.race([
    until(`${server.url}/api/health answers`, async () => (await fetch(`${server.url}/api/health`)).ok, { within: healthy }),
    exited.then(({ code, signal }) => { throw new Error(`hmrs ended at start (${code ?? signal}):\n${server.log()}`); }),
  ]);
  return server;
}

async function readBody(response) {
  const text = await response.text();
  try { return JSON.parse(text); } catch { return text; }
}

/** Runs `hmrs` with these arguments to its end: `{ code, stdout, stderr, last }`, `last` being the last line of stdout as JSON. */
export function hmrs(...args) {
  const { status, stdout, stderr } = spawnSync(binary, args, { encoding: 'utf8', timeout: 120_000, maxBuffer: 1 << 26 });
  const result = { code: status, stdout, stderr };
  try { result.last = JSON.parse(stdout.trimEnd().split('\n').at(-1)); } catch { /* not every command ends with JSON */ }
  return result;
}
