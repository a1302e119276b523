// A PostgreSQL cluster of our own in a temporary directory, which tests may stop, freeze and start again.

import { execFile, spawnSync } from 'node:child_process';
import { chownSync, existsSync, mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { childrenOf, freePort, until } from './process.mjs';

const programs = ['initdb', 'pg_ctl', 'postgres', 'createdb', 'psql'];
const directory = [...installed(), ...(process.env.PATH ?? '').split(':')].find((dir) => programs.every((name) => existsSync(join(dir, name))));

function installed() {
  try {
    return readdirSync('/usr/lib/postgresql').sort((a, b) => Number(b) - Number(a)).map((version) => `/usr/lib/postgresql/${version}/bin`);
  } catch {
    return [];
  }
}

/** Why there can be no cluster here; undefined if there can. In CI its absence is a failure, not a reason to skip. */
export const missing = directory || process.env.CI ? undefined : 'PostgreSQL is not installed';

// initdb refuses root: as root, everything runs as the system's `postgres`.
const asRoot = process.getuid() === 0;
const numeric = (flag) => Number(spawnSync('id', [flag, 'postgres'], { encoding: 'utf8' }).stdout);

const env = { ...process.env, LC_ALL: 'C.UTF-8' };

function commandOf(program, args) {
  if (!directory) throw new Error('PostgreSQL is not installed');
  const command = [join(directory, program), ...args];
  return asRoot ? ['setpriv', '--reuid=postgres', '--regid=postgres', '--clear-groups', ...command] : command;
}

function run(program, ...args) {
  const command = commandOf(program, args);
  const { status, stdout, stderr, error } = spawnSync(command[0], command.slice(1), { encoding: 'utf8', cwd: tmpdir(), timeout: 60_000, stdio: ['ignore', 'pipe', 'pipe'], env });
  if (status !== 0) throw new Error(`${program} ${args.join(' ')}: ${error ?? stderr}${stdout}`);
  return stdout;
}

/**
 * Starts a cluster with an empty database `hmrs`; removed with the test when its context is passed. `fsync`: whether it
 * waits for the disk; `under`: the directory in which it makes its own.
 */
export async function startPostgres(t, { fsync = false, under = tmpdir() } = {}) {
  const home = mkdtempSync(join(under, 'hmrs-pg-'));
  if (asRoot) chownSync(home, numeric('-u'), numeric('-g'));
  const data = join(home, 'data');
  const port = await freePort();
  run('initdb', '-D', data, '-U', 'hmrs', '--auth=trust', '--encoding=UTF8', '--no-locale', '--no-sync');
  const options = `-p ${port} -c listen_addresses=127.0.0.1 -c unix_socket_directories='${home}' -c fsync=${fsync ? 'on' : 'off'}`;
  const postmaster = () => Number(readFileSync(join(data, 'postmaster.pid'), 'utf8').split('\n')[0]);
  const everyone = () => [postmaster(), ...childrenOf(postmaster())];
  const signal = (name) => {
    for (const pid of everyone()) {
      try { process.kill(pid, name); } catch { /* a session that has just ended */ }
    }
  };

  const start = ['-D', data, '-w', '-l', join(home, 'log'), '-o', options, 'start'];

  const cluster = {
    url: `postgres://hmrs@127.0.0.1:${port}/hmrs`,
    start: () => run('pg_ctl', ...start),
    /** Starts it again while this process goes on. */
    async revive() {
      const [program, ...args] = commandOf('pg_ctl', start);
      await promisify(execFile)(program, args, { cwd: tmpdir(), env }).catch((error) => {
        throw new Error(`${error.message}\n${readFileSync(join(home, 'log'), 'utf8').slice(-2000)}`);
      });
    },
    /** `kill -9` to every process of it. */
    async kill() {
      const pids = everyone();
      signal('SIGKILL');
      await until('the processes of PostgreSQL are gone', () => !pids.some((pid) => existsSync(`/proc/${pid}`)), { within: 30_000 });
    },
    /** Ends it as a crash would: sessions are cut, nothing is said to them. */
    stop: () => run('pg_ctl', '-D', data, '-w', '-m', 'immediate', 'stop'),
    /** Freezes it: connections stay open and nothing answers. */
    freeze: () => signal('SIGSTOP'),
    thaw: () => signal('SIGCONT'),
    /** Rows of a query, each an array of strings. */
    query(sql) {
      const text = run('psql', '-h', '127.0.0.1', '-p', String(port), '-U', 'hmrs', '-d', 'hmrs', '-v', 'ON_ERROR_STOP=1', '-At', '-F', '\t', '-c', sql);
      return text.split('\n').filter(Boolean).map((line) => line.split('\t'));
    },
    remove() {
      if (existsSync(join(data, 'postmaster.pid')) && existsSync(`/proc/${postmaster()}`)) {
        cluster.thaw();
        cluster.stop();
      }
      rmSync(home, { recursive: true, force: true });
    },
  };
  let removed = false;
  const removeOnce = () => { if (!removed) { removed = true; cluster.remove(); } };
  process.on('exit', removeOnce);
  t?.after(removeOnce);
  cluster.start();
  run('createdb', '-h', '127.0.0.1', '-p', String(port), '-U', 'hmrs', 'hmrs');
  return cluster;
}
