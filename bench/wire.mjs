// Measures our Socket.IO server beside others, on this machine, in one interleaved run; prints tables and writes them into
// docs/BENCHMARKS.md.
//
//   node bench/wire.mjs              three rounds, less than ten minutes
//   QUICK=1 node bench/wire.mjs      one short round; prints only
//   ONLY="floor hmrs"                these servers alone; prints only
//   ROUNDS=5                         more rounds
//   REALTIME=1                       real-time priority, for a machine that has other work as well; needs the right to it

import { readFileSync, writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { join } from 'node:path';
import { load, prepare, root, scratch, servers } from './servers.mjs';
import { between, figure, machine, measure, start } from './support.mjs';

const quick = Boolean(process.env.QUICK);
const only = process.env.ONLY?.split(/\s+/).filter(Boolean);
const rounds = Number(process.env.ROUNDS ?? (quick ? 1 : 3));
const DRONES = 100;

/** What is done to a server. `rounds` overrides how often. */
const scenarios = {
  idle: { drones: 0, clients: quick ? 1000 : 5000, settle: quick ? 1 : 2, listen: 0 },
  'fan-out 500': { drones: DRONES, clients: 500, settle: 1, listen: quick ? 2 : 4 },
  'fan-out 1000': { drones: DRONES, clients: 1000, settle: 1, listen: quick ? 2 : 4 },
  // Large events, so that what piles up soon exceeds what the kernel holds (up to 4 MiB a client, and no process's memory).
  stalled: { drones: 1000, clients: 50, stalled: 10, settle: 1, listen: quick ? 5 : 12, rounds: 1 },
};

const chosen = servers.filter(({ id }) => !only || only.includes(id));
if (only?.some((id) => !servers.some((server) => server.id === id))) {
  throw new Error(`ONLY: there are ${servers.map(({ id }) => id).join(', ')}`);
}
if (process.platform !== 'linux' || cpus().length < 2) throw new Error('this needs Linux and two cores: one for the server, one for its clients');

console.log('preparing …');
prepare();
const results = Object.fromEntries(Object.keys(scenarios).map((name) => [name, {}])); // scenario -> server -> one report a round
for (let round = 0; round < rounds; round += 1) {
  for (const [name, scenario] of Object.entries(scenarios)) {
    if (round >= (scenario.rounds ?? rounds)) continue;
    for (const server of chosen.filter((each) => !each.only || each.only.includes(name))) {
      const report = await visit(server, scenario);
      (results[name][server.id] ??= []).push(report);
      console.log(`round ${round + 1}, ${name}, ${server.id}: ${brief(report)}`);
    }
  }
}
const text = page();
console.log(`\n${text}`);
writeFileSync(join(scratch, 'wire.json'), JSON.stringify(results, null, 1));
if (!quick && !only) {
  const file = join(root, 'docs', 'BENCHMARKS.md');
  writeFileSync(file, between(readFileSync(file, 'utf8'), 'bench-wire', text));
  console.log(`written to ${file}`);
}
process.exit(0);

async function visit(server, { drones, clients, stalled = 0, settle, listen }) {
  const running = await start(server.command, { drones });
  try {
    const report = await measure([
      load, '--addr', `127.0.0.1:${running.port}`, '--server-pid', running.pid, '--clients', clients, '--stalled', stalled,
      '--settle-s', settle, '--listen-s', listen,
    ]);
    if (report.joined < report.clients) console.log(`  ${report.clients - report.joined} clients of ${report.clients} are not in: ${JSON.stringify(report.lost)}`);
    return report;
  } finally {
    await running.end();
  }
}

function brief({ opening, listening }) {
  if (!listening) return `${(opening.resident_bytes_per_session / 1024).toFixed(1)} KiB a session, ${opening.connects_per_s.toFixed(0)} connects/s`;
  const { server_cpu_us_per_message: cpu, latency, hz_per_client: hz, missed, own_cpu_share: own, server_waited_share: waited } = listening;
  return `${cpu.toFixed(2)} µs a message, p50 ${latency.p50_ms} ms, p99 ${latency.p99_ms} ms, ${hz.toFixed(1)} Hz, ${missed} missed; waited ${(waited * 100).toFixed(0)} % of the time, generator ${(own * 100).toFixed(0)} % of its core`;
}

// ── the page ──

/** A figure of each round, from what `pick` takes out of the reports of one server. */
function figures(scenario, id, pick) {
  return figure((results[scenario][id] ?? []).map(pick));
}

/** Against the floor of the same round. */
function ratios(scenario, id, pick) {
  const floor = results[scenario].floor;
  return floor ? figure(results[scenario][id].map((report, round) => pick(report) / pick(floor[round]))) : '–';
}

function table(scenario, columns) {
  const rows = chosen.filter(({ id }) => results[scenario][id]);
  const lines = [
    `| server | ${columns.map(([title]) => title).join(' | ')} |`,
    `|---|${columns.map(() => '---|').join('')}`,
    ...rows.map(({ id, name }) => `| ${name} | ${columns.map(([, pick, how = figures]) => how(scenario, id, pick)).join(' | ')} |`),
  ];
  return lines.join('\n');
}

function page() {
  const perMessage = ({ listening }) => listening.server_cpu_us_per_message;
  const fanOut = [
    ['CPU µs a message', perMessage],
    ['× floor', perMessage, ratios],
    ['p50 ms', ({ listening }) => listening.latency.p50_ms],
    ['p99 ms', ({ listening }) => listening.latency.p99_ms],
    ['events a second and client', ({ listening }) => listening.hz_per_client],
    ['missed ‰', ({ listening: { missed, messages } }) => (1000 * missed) / (missed + messages)],
  ];
  const mib = (bytes) => bytes / (1 << 20);
  const { clients, stalled, listen } = scenarios.stalled;
  const listened = Object.values(results).flatMap((byServer) => Object.values(byServer).flat()).flatMap((report) => report.listening ?? []);
  const [waited, own] = [listened.map((each) => each.server_waited_share), listened.map((each) => each.own_cpu_share)];
  return `${machine(rounds)}
Share of the time that servers stood in line for their core: ${figure(waited.map((share) => 100 * share), 2)} %; share of its core that the load generator used: ${figure(own.map((share) => 100 * share), 2)} %.

#### ${scenarios.idle.clients.toLocaleString('en')} idle sessions

${table('idle', [
    ['KiB a session', ({ opening }) => opening.resident_bytes_per_session / 1024],
    ['connects a second', ({ opening }) => opening.connects_per_s],
    ['CPU µs a connect', ({ opening }) => opening.server_cpu_us_per_connect],
  ])}

#### 25 events a second of ${DRONES} drones (${figures('fan-out 500', chosen[0].id, ({ listening }) => listening.bytes_per_message / 1000)} kB) to 500 clients

${table('fan-out 500', fanOut)}

#### The same to 1,000 clients

${table('fan-out 1000', fanOut)}

#### ${stalled} of ${clients} clients stop reading for ${listen} s, 25 events a second of ${scenarios.stalled.drones.toLocaleString('en')} drones

${table('stalled', [
    ['memory grown, MiB', ({ listening }) => mib(listening.resident_bytes_after - listening.resident_bytes_before)],
    ['p99 ms of the others', ({ listening }) => listening.latency.p99_ms],
    ['missed ‰ by the others', ({ listening: { missed, messages } }) => (1000 * missed) / (missed + messages)],
  ])}

Versions:

${chosen.map(({ name, version }) => `- ${name}: ${version()}`).join('\n')}
`;
}
