// The servers of the benchmarks: how each is prepared, started and named.

import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { measure, run, start } from './support.mjs';

export const root = join(dirname(fileURLToPath(import.meta.url)), '..');
export const scratch = join(root, 'target', 'bench');
const peers = join(root, 'bench', 'peers');
export const modules = join(scratch, 'node');
export const venv = join(scratch, 'venv');

export const load = join(scratch, 'load', 'release', 'hmrs-load');

/** What a server is told: how many drones are in an event, and in which form it sends them. */
const python = (file) => (port, { drones, form }) => [
  join(venv, 'bin', 'python'), join(peers, file), '--port', port, '--drones', drones, ...(form === 'binary' ? ['--binary'] : []),
];
const node = (...more) => (port, { drones, form }) => [
  process.execPath, join(peers, 'node.mjs'), '--modules', modules, '--port', port, '--drones', drones, ...more, ...(form ? [`--${form}`] : []),
];
const rust = (binary) => (port, { drones, form }) => [binary, '--bind', `127.0.0.1:${port}`, '--drones', drones, ...(form ? [`--${form}`] : [])];

const npmVersion = (name) => JSON.parse(readFileSync(join(modules, 'node_modules', name, 'package.json'))).version;
const pypiVersion = (name) => run([join(venv, 'bin', 'python'), '-c', `import importlib.metadata as m; print(m.version("${name}"))`]).trim();
const crateVersion = (name) => new RegExp(`name = "${name}"\nversion = "([^"]+)"`).exec(readFileSync(join(peers, 'socketioxide', 'Cargo.lock')))[1];

/**
 * `only` names the scenarios in which a server takes part; without it, it is in all of them. `deflates` says that it can send
 * compressed messages: once for all clients, or to each for itself.
 */
export const servers = [
  {
    id: 'floor',
    name: 'floor',
    command: rust(join(scratch, 'load', 'release', 'floor')),
    version: () => 'one epoll, one `send` a client of a frame that is ready; this repository',
  },
  {
    id: 'hmrs',
    name: '**HMRS**',
    command: rust(join(root, 'target', 'release', 'examples', 'socketio_broadcast')),
    deflates: 'once',
    version: () => `\`examples/socketio_broadcast.rs\` of hmrs ${/^version = "([^"]+)"/m.exec(readFileSync(join(root, 'Cargo.toml'), 'utf8'))[1]}`,
  },
  {
    id: 'socketioxide',
    name: 'socketioxide',
    command: rust(join(scratch, 'socketioxide', 'release', 'socketioxide-peer')),
    version: () => `socketioxide ${crateVersion('socketioxide')}, axum ${crateVersion('axum')}`,
  },
  {
    id: 'node',
    name: 'node socket.io',
    command: node(),
    deflates: 'each',
    version: () => `socket.io ${npmVersion('socket.io')}, ws ${npmVersion('ws')}, Node ${process.version}`,
  },
  {
    id: 'node-volatile',
    name: 'node socket.io, `volatile`',
    command: node('--volatile'),
    only: ['stalled', 'slow'],
    version: () => 'as above; events that a client cannot take at once are dropped',
  },
  {
    id: 'uvicorn',
    name: 'python-socketio on uvicorn',
    command: python('uvicorn_server.py'),
    deflates: 'each', // as it comes
    version: () => `python-socketio ${pypiVersion('python-socketio')}, uvicorn ${pypiVersion('uvicorn')}, uvloop ${pypiVersion('uvloop')}, websockets ${pypiVersion('websockets')}`,
  },
  {
    id: 'gevent',
    name: 'Flask-SocketIO on gevent',
    command: python('gevent_server.py'),
    version: () => `Flask-SocketIO ${pypiVersion('Flask-SocketIO')}, gevent ${pypiVersion('gevent')}, gevent-websocket ${pypiVersion('gevent-websocket')}`,
  },
];

/** Starts `server` with `settings`, has the load generator visit it, and ends it; `args` are the generator's. What it reports. */
export async function visit(server, settings, args) {
  const running = await start(server.command, settings);
  try {
    const form = settings.form === 'deflate' ? ['--deflate'] : [];
    return await measure([load, '--addr', `127.0.0.1:${running.port}`, '--server-pid', running.pid, ...form, ...args]);
  } finally {
    await running.end();
  }
}

/** Leaves what a part measured for `bench/targets.mjs`. */
export function keep(name, results) {
  mkdirSync(scratch, { recursive: true });
  writeFileSync(join(scratch, `${name}.json`), JSON.stringify(results, null, 1));
}

/** Builds and installs everything that is missing or not up to date; the peers come from their registries. */
export function prepare() {
  prepareOurs();
  const cargo = (manifest, folder) => run([
    'cargo', 'build', '--release', '--locked', '--quiet', '--manifest-path', join(root, 'bench', manifest), '--target-dir', join(scratch, folder),
  ]);
  cargo('load/Cargo.toml', 'load');
  cargo('peers/socketioxide/Cargo.toml', 'socketioxide');
  run(['cargo', 'build', '--release', '--locked', '--quiet', '--example', 'socketio_broadcast']);
  unlessDone('requirements.txt', venv, () => {
    run(['python3', '-m', 'venv', '--clear', venv]);
    run([join(venv, 'bin', 'pip'), 'install', '--quiet', '--disable-pip-version-check', '--requirement', join(peers, 'requirements.txt')]);
  });
}

/** The server alone, and what node needs: the official client. */
export function prepareOurs() {
  mkdirSync(modules, { recursive: true });
  run(['cargo', 'build', '--release', '--locked', '--quiet', '--bin', 'hmrs']);
  unlessDone('package-lock.json', modules, () => {
    run(['cp', join(peers, 'package.json'), join(peers, 'package-lock.json'), modules]);
    run(['npm', 'ci', '--no-audit', '--no-fund', '--ignore-scripts'], { cwd: modules });
  });
}

/** Installs into `folder` what the file `list` of the peers says, unless that is what is there. */
function unlessDone(list, folder, install) {
  const [wanted, done] = [readFileSync(join(peers, list), 'utf8'), join(folder, `.installed-${list}`)];
  if (existsSync(done) && readFileSync(done, 'utf8') === wanted) return;
  install();
  writeFileSync(done, wanted);
}
