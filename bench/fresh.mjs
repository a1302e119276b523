// HTTP polling against Socket.IO, both answered by `hmrs serve`: how old a client's knowledge of the drones is, and what it
// costs in bytes. Prints a table, and writes it and a picture into docs/BENCHMARKS.md.
//
//   node bench/fresh.mjs             three rounds, about five minutes
//   QUICK=1 node bench/fresh.mjs     one short round; prints only
//   REALTIME=1                       as for bench/wire.mjs

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { modules, prepare, root, scratch, venv } from './servers.mjs';
import { between, figure, machine, measure, run, start } from './support.mjs';

const quick = Boolean(process.env.QUICK);
const rounds = quick ? 1 : 3;
const seconds = quick ? 3 : 8;
const binary = join(root, 'target', 'release', 'hmrs');

/** Built-in scenarios, and how many drones they fly. */
const scenarios = [['flock', 200], ['thousand', 1000]];
const ways = [
  { id: 'poll-1', name: 'HTTP polling of JSON, once a second', args: ['--way', 'poll', '--rate-hz', 1] },
  { id: 'poll-25', name: 'HTTP polling of JSON, 25 times a second', args: ['--way', 'poll'] },
  { id: 'json', name: '**Socket.IO**, JSON, 25 Hz', args: ['--way', 'json'] },
  { id: 'binary', name: '**Socket.IO**, binary, 25 Hz', args: ['--way', 'binary'] },
  { id: 'binary-5', name: '**Socket.IO**, binary, 5 Hz', args: ['--way', 'binary', '--rate-hz', 5] },
];

console.log('preparing …');
prepare();
const results = {}; // scenario -> way -> one report a round
for (let round = 0; round < rounds; round += 1) {
  for (const [scenario] of scenarios) {
    const data = mkdtempSync(join(tmpdir(), 'hmrs-bench-'));
    const server = await start((port) => [binary, 'serve', '--bind', `127.0.0.1:${port}`, '--data-dir', data, '--scenario', scenario, '--database-url', 'none', '--workers', 1]);
    for (const { id, args } of ways) {
      const report = await measure([
        process.execPath, join(root, 'bench', 'fresh-client.mjs'), '--modules', modules, '--url', `http://127.0.0.1:${server.port}`, '--seconds', seconds, ...args,
      ]);
      ((results[scenario] ??= {})[id] ??= []).push(report);
      console.log(`round ${round + 1}, ${scenario}, ${id}: ${JSON.stringify(report)}`);
    }
    await server.end();
    rmSync(data, { recursive: true, force: true });
  }
}

const text = `${machine(rounds)}\n\n${scenarios.map(([name, drones]) => table(name, drones)).join('\n')}`;
console.log(`\n${text}`);
const file = join(scratch, 'fresh.json');
writeFileSync(file, JSON.stringify({ results, ways, scenarios }));
if (!quick) {
  run([join(venv, 'bin', 'python'), join(root, 'bench', 'plot.py'), file, join(root, 'docs', 'pictures', 'freshness.svg')]);
  const page = join(root, 'docs', 'BENCHMARKS.md');
  writeFileSync(page, between(readFileSync(page, 'utf8'), 'bench-fresh', text));
  console.log(`written to ${page}`);
}
process.exit(0);

function table(scenario, drones) {
  const of = (id, pick) => figure(results[scenario][id].map(pick));
  const bytes = ({ bytes_per_s: value }) => value;
  const fewer = (id) => figure(results[scenario][id].map((report, round) => bytes(results[scenario]['poll-25'][round]) / bytes(report)));
  const rows = ways.map(({ id, name }) => `| ${name} | ${of(id, (r) => r.age_p50_ms)} | ${of(id, (r) => r.age_p99_ms)} | ${of(id, (r) => bytes(r) / 1000)} | ${fewer(id)} |`);
  return `\
#### ${drones.toLocaleString('en')} drones (\`--scenario ${scenario}\`)

| way | age p50, ms | age p99, ms | kB a second | fewer bytes than polling at 25 Hz, × |
|---|---|---|---|---|
${rows.join('\n')}
`;
}
