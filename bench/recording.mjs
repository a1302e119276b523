// What recording costs the tick: the same swarm without a database, with SQLite and with PostgreSQL, in turns. Prints a table
// and writes it into docs/BENCHMARKS.md.
//
//   node bench/recording.mjs             three rounds, about three minutes
//   QUICK=1 node bench/recording.mjs     one short round; prints only

import { readFileSync, writeFileSync } from 'node:fs';
import { cpus, loadavg } from 'node:os';
import { join } from 'node:path';
import { startPostgres } from '../e2e/support/postgres.mjs';
import { cpuOf, histogramBetween, sleep } from '../e2e/support/process.mjs';
import { root, startServer } from '../e2e/support/server.mjs';
import { between, figure } from './support.mjs';

const quick = Boolean(process.env.QUICK);
const rounds = quick ? 1 : 3;
const seconds = quick ? 3 : 8;
const loadBefore = loadavg()[0];

const pg = await startPostgres(undefined, { fsync: true });
const ways = [
  { id: 'none', name: 'nothing is recorded', args: ['--database-url', 'none'] },
  { id: 'sqlite', name: 'SQLite', args: [] },
  { id: 'postgres', name: 'PostgreSQL', args: [], databaseUrl: pg.url },
  { id: 'every-tick', name: 'PostgreSQL, every drone at every tick', args: ['--telemetry-every', '1'], databaseUrl: pg.url },
];

/** One server, looked at for some seconds once it flies: what a tick took, and all that the process computed. */
async function measure({ args, databaseUrl }) {
  const server = await startServer({ args: ['--scenario', 'thousand', ...args], databaseUrl });
  await sleep(2000);
  const reading = async () => ({ at: performance.now(), cpu: cpuOf(server.pid), text: (await server.get('/metrics')).body });
  const before = await reading();
  await sleep(seconds * 1000);
  const after = await reading();
  const sum = ({ text }, end) => Number(new RegExp(`^hmrs_tick_seconds_${end}\\{[^}]*\\} (\\S+)`, 'm').exec(text)[1]);
  const passed = (end) => sum(after, end) - sum(before, end);
  const quantile = histogramBetween(before.text, after.text, 'hmrs_tick_seconds');
  const { queued_records, dropped_telemetry } = (await server.json('/api/health')).checks.database;
  await server.end('SIGTERM');
  server.remove();
  if (dropped_telemetry > 0) throw new Error(`${dropped_telemetry} recorded ticks were dropped, ${queued_records} wait`);
  return { mean: (1000 * passed('sum')) / passed('count'), p99: quantile(0.99), cpu: (after.cpu - before.cpu) / (after.at - before.at) * 100 };
}

const results = Object.fromEntries(ways.map(({ id }) => [id, []]));
for (let round = 0; round < rounds; round += 1) {
  for (let turn = 0; turn < ways.length; turn += 1) {
    const way = ways[(round + turn) % ways.length]; // nobody always comes first
    const result = await measure(way);
    results[way.id].push(result);
    console.log(`round ${round + 1}, ${way.name}: ${JSON.stringify(result)}`);
  }
}
pg.remove();

const rows = ways.map(({ id, name }) => {
  const of = (pick) => figure(results[id].map(pick));
  const ratio = figure(results[id].map(({ mean }, round) => mean / results.none[round].mean));
  return `| ${name} | ${of((r) => r.mean)} | ${ratio} | ${of((r) => r.p99)} | ${of((r) => r.cpu)} |`;
});
const text = `\
| recording to | a tick takes, mean ms | × without recording | p99 ms | CPU of the server, % of a core |
|---|---|---|---|---|
${rows.join('\n')}

1,000 drones (\`--scenario thousand\`), ${rounds} interleaved rounds of ${seconds} s, medians (least–most), ratios within a round. Measured on
${new Date().toISOString().slice(0, 10)} by \`make bench-recording\` on ${cpus().length} cores, load average ${loadBefore.toFixed(1)} before and ${loadavg()[0].toFixed(1)} at the end.`;
console.log(`\n${text}`);
if (!quick) {
  const page = join(root, 'docs', 'BENCHMARKS.md');
  writeFileSync(page, between(readFileSync(page, 'utf8'), 'bench-recording', text));
  console.log(`written to ${page}`);
}
process.exit(0);
