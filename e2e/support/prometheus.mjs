// A real Prometheus with the configuration and the alarms that are shipped, before servers on this machine.

import { spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort, own, until } from './process.mjs';
import { root } from './server.mjs';

export const monitoring = join(root, 'deploy', 'monitoring');
const directory = (process.env.PATH ?? '').split(':').find((dir) => ['prometheus', 'promtool'].every((name) => existsSync(join(dir, name))));

/** Why there is no Prometheus here; undefined if there is. In CI its absence is a failure, not a reason to skip. */
export const missing = directory || process.env.CI ? undefined : 'Prometheus is not installed';

/** Runs promtool to its end: `{ code, out }`. */
export function promtool(...args) {
  const { status, stdout, stderr } = spawnSync(join(directory ?? '', 'promtool'), args, { cwd: monitoring, encoding: 'utf8' });
  return { code: status, out: stdout + stderr };
}

/** Replaces `from`, which must be there: a test of another file than the one that is shipped would prove nothing. */
function replace(text, from, to) {
  if (!text.includes(from)) throw new Error(`prometheus.yml has no ${JSON.stringify(from)}`);
  return text.replace(from, to);
}

/**
 * Prometheus with deploy/monitoring/prometheus.yml: only the servers' addresses, the place of the token and the times
 * between two looks are changed.
 */
export async function startPrometheus({ t, servers, tokenFile }) {
  const port = await freePort();
  const dir = mkdtempSync(join(tmpdir(), 'hmrs-prometheus-'));
  let text = readFileSync(join(monitoring, 'prometheus.yml'), 'utf8');
  text = replace(text, 'scrape_interval: 5s', 'scrape_interval: 200ms\n  scrape_timeout: 200ms');
  text = replace(text, 'evaluation_interval: 5s', 'evaluation_interval: 200ms');
  text = replace(text, '[alerts.yml]', `[${join(monitoring, 'alerts.yml')}]`);
  text = replace(text, '/run/secrets/metrics/token', tokenFile);
  text = replace(text, /dns_sd_configs:\n.*/.exec(text)[0], `static_configs:\n      - targets: [${servers.map((server) => `"127.0.0.1:${server.port}"`)}]`);
  const file = join(dir, 'prometheus.yml');
  writeFileSync(file, text);
  const child = own(spawn(join(directory, 'prometheus'), [`--config.file=${file}`, `--storage.tsdb.path=${join(dir, 'data')}`, `--web.listen-address=127.0.0.1:${port}`], { stdio: ['ignore', 'ignore', 'pipe'] }));
  let log = '';
  child.stderr.on('data', (data) => { log += data; });
  const exited = new Promise((resolve) => child.once('exit', resolve));
  t.after(async () => {
    child.kill('SIGKILL');
    await exited;
    rmSync(dir, { recursive: true, force: true });
  });
  const url = `http://127.0.0.1:${port}`;
  await Promise.race([
    until('Prometheus answers', async () => (await fetch(`${url}/-/ready`)).ok),
    exited.then((code) => { throw new Error(`prometheus ended at start (${code}):\n${log}`); }),
  ]);
  const ask = async (path) => {
    const answer = await (await fetch(url + path)).json();
    if (answer.status !== 'success') throw new Error(`${path}: ${answer.error}`);
    return answer.data;
  };
  return {
    config: file,
    /** What a query gives now. */
    query: async (expression) => (await ask(`/api/v1/query?query=${encodeURIComponent(expression)}`)).result,
    /** The state of every alarm by its name: `inactive`, `pending` or `firing`. */
    async alarms() {
      const { groups } = await ask('/api/v1/rules?type=alert');
      return Object.fromEntries(groups.flatMap(({ rules }) => rules.map(({ name, state }) => [name, state])));
    },
  };
}
