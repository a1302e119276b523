// HTTP polling against Socket.IO, both answered by `hmrs serve`: how old a client's knowledge of the drones is, and what it
// costs in bytes and, for the server, in time. Prints tables, and writes them and two pictures into docs/.
//
//   node bench/fresh.mjs             three rounds, about six minutes
//   QUICK=1 node bench/fresh.mjs     one short round; prints only
//   REALTIME=1                       as for bench/wire.mjs

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { picture, thousands } from './picture.mjs';
import { keep, modules, prepareOurs, root, scratch } from './servers.mjs';
import { between, figure, machine, measure, ratios, run, spread, start } from './support.mjs';

const quick = Boolean(process.env.QUICK);
const rounds = quick ? 1 : 3;
const seconds = 3;
const binary = join(root, 'target', 'release', 'hmrs');

/** Flocks, by the number of their drones: the built-in scenarios `flock`, with fewer drones, and `thousand`. */
const flock = readFileSync(join(root, 'scenarios', 'flock.toml'), 'utf8');
const scenarios = [[5], [100], [1000, 'thousand']].map(([drones, name]) => {
  if (name) return { drones, file: name };
  const file = join(scratch, `flock-${drones}.toml`);
  return { drones, file, text: flock.replace('count = 200', `count = ${drones}`) };
});
const socket = (id, name, ...args) => ({ id, name: `**Socket.IO**, ${name}, 25 Hz`, args: ['--way', ...args] });
const ways = [
  { id: 'poll-1', name: 'HTTP polling of JSON, once a second', args: ['--way', 'poll', '--rate-hz', 1] },
  { id: 'poll-25', name: 'HTTP polling of JSON, 25 times a second', args: ['--way', 'poll'] },
  socket('json', 'JSON', 'json'),
  socket('deflated', 'JSON deflated once for all', 'json', '--deflate'),
  socket('binary', 'binary', 'binary'),
  socket('delta-1', 'delta, within 1 cm', 'delta', '--error-m', 0.01),
  socket('delta-5', 'delta, within 5 cm', 'delta', '--error-m', 0.05),
];

console.log('preparing …');
prepareOurs();
for (const { file, text } of scenarios) if (text) writeFileSync(file, text);
const encoding = JSON.parse(run(['cargo', 'bench', '--locked', '--quiet', '--bench', 'delta'], { cwd: root }));
const results = {}; // drones -> way -> one report a round
for (let round = 0; round < rounds; round += 1) {
  for (const { drones, file } of scenarios) {
    const data = mkdtempSync(join(tmpdir(), 'hmrs-bench-'));
    const server = await start((port) => [
      binary, 'serve', '--bind', `127.0.0.1:${port}`, '--data-dir', data, '--scenario', file, '--database-url', 'none', '--workers', 1, '--deflate', 'always',
    ]);
    for (const { id, args } of ways) {
      const report = await measure([
        process.execPath, join(root, 'bench', 'fresh-client.mjs'), '--modules', modules, '--url', `http://127.0.0.1:${server.port}`, '--seconds', seconds, ...args,
      ]);
      ((results[drones] ??= {})[id] ??= []).push(report);
      console.log(`round ${round + 1}, ${drones} drones, ${id}: ${JSON.stringify(report)}`);
    }
    await server.end();
    rmSync(data, { recursive: true, force: true });
  }
}

const text = `${machine(rounds)}\n\n${scenarios.map(({ drones }) => table(drones)).join('\n')}\n${costs()}`;
console.log(`\n${text}`);
keep('fresh', { results, encoding });
for (const [name, drawing] of Object.entries(pictures())) writeFileSync(quick ? join(scratch, name) : join(root, 'docs', 'pictures', name), drawing);
if (!quick) {
  const page = join(root, 'docs', 'BENCHMARKS.md');
  writeFileSync(page, between(readFileSync(page, 'utf8'), 'bench-fresh', text));
  console.log(`written to ${page}`);
}
process.exit(0);

function table(drones) {
  const of = (id, pick) => figure(results[drones][id].map(pick));
  const bytes = ({ bytes_per_s: value }) => value;
  const fewer = (id) => figure(ratios(results[drones]['poll-25'].map(bytes), results[drones][id].map(bytes)));
  const rows = ways.map(({ id, name }) => `| ${name} | ${of(id, (r) => r.age_p50_ms)} | ${of(id, (r) => r.age_p99_ms)} | ${of(id, (r) => bytes(r) / 1000)} | ${fewer(id)} | ${of(id, (r) => r.first_ms)} |`);
  return `\
#### ${drones.toLocaleString('en')} drones

| way | age p50, ms | age p99, ms | kB a second | fewer bytes than polling at 25 Hz, × | from connecting to the first state, ms |
|---|---|---|---|---|---|
${rows.join('\n')}
`;
}

/** What encoding costs the server, once a tick for all clients. */
function costs() {
  const forms = Object.keys(encoding[0].ns_per_drone);
  return `\
#### Encoding, nanoseconds a drone and tick on one core

| form | ${encoding.map(({ drones }) => `${drones.toLocaleString('en')} drones`).join(' | ')} |
|---|${encoding.map(() => '---|').join('')}
${forms.map((form) => `| ${form} | ${encoding.map((each) => figure(each.ns_per_drone[form])).join(' | ')} |`).join('\n')}

With an error of ${100 * encoding[0].error_m} cm, decoded positions of delta were at most ${encoding.map(({ drones, error_most_m: most }) => `${figure([100 * most])} cm (${drones.toLocaleString('en')} drones)`).join(', ')} from where the drones were.
`;
}

function pictures() {
  const middle = (drones, id, pick) => spread(results[drones][id].map(pick)).median;
  const plain = (name) => name.replaceAll('**', '').replace('HTTP polling of JSON, ', 'polling JSON, ').replace('Socket.IO, ', '').replace('JSON deflated once for all', 'JSON deflated');
  const panels = (row) => scenarios.map(({ drones }) => ({
    title: `${drones.toLocaleString('en')} drones`,
    rows: ways.map(({ id, name }) => ({ name: plain(name), polls: id.startsWith('poll'), ...row(drones, id) })),
  }));
  return {
    'freshness.svg': picture({
      title: 'How old is what a client knows?',
      unit: 'milliseconds; dot: median, bar: 99th percentile; red: HTTP polling, blue: Socket.IO',
      panels: panels((drones, id) => ({ from: middle(drones, id, (r) => r.age_p50_ms), to: middle(drones, id, (r) => r.age_p99_ms) })),
      say: ({ from, to }) => `${thousands(from)} – ${thousands(to)}`,
    }),
    'bytes.svg': picture({
      title: 'What does it cost?',
      unit: 'kilobytes a second for each client; red: HTTP polling, blue: Socket.IO; ×: fewer than polling 25 times a second',
      panels: panels((drones, id) => ({ to: middle(drones, id, (r) => r.bytes_per_s / 1000), fewer: middle(drones, 'poll-25', (r) => r.bytes_per_s) / middle(drones, id, (r) => r.bytes_per_s) })),
      say: ({ to, fewer }) => `${thousands(to)}${fewer > 1.05 ? ` (${thousands(fewer)} × fewer)` : ''}`,
    }),
  };
}
