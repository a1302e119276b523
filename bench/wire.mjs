// Measures our Socket.IO server beside others, on this machine, in one interleaved run; prints tables and writes them into
// docs/BENCHMARKS.md.
//
//   node bench/wire.mjs              three rounds, about a quarter of an hour
//   QUICK=1 node bench/wire.mjs      one short round; prints only
//   PARTS="idle slow"                these parts alone; prints only
//   ONLY="floor hmrs"                these servers alone; prints only
//   ROUNDS=5                         more rounds
//   REALTIME=1                       real-time priority, for a machine that has other work as well; needs the right to it

import { readFileSync, writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { join } from 'node:path';
import { keep, prepare, root, servers, visit } from './servers.mjs';
import { between, figure, machine, parts, ratios } from './support.mjs';

const quick = Boolean(process.env.QUICK);
const only = process.env.ONLY?.split(/\s+/).filter(Boolean);
const rounds = Number(process.env.ROUNDS ?? (quick ? 1 : 3));

const fanOut = (drones, clients) => ({ drones, clients, settle: 1, listen: quick ? 2 : 4 });
// Large events, so that what piles up soon exceeds what the kernel holds (up to 4 MiB a client, and no process's memory).
const burdened = { drones: 1000, first: 0, settle: 1, undisturbed: quick ? 2 : 4, listen: quick ? 5 : 12, rounds: 1 };

/** What is done to a server. `rounds` overrides how often. */
const scenarios = {
  idle: { drones: 0, clients: quick ? 1000 : 5000, settle: quick ? 1 : 2, listen: 0 },
  '10x1000': fanOut(10, 1000),
  '100x500': fanOut(100, 500),
  '100x1000': fanOut(100, 1000),
  '1000x500': fanOut(1000, 500),
  stalled: { ...burdened, clients: 200, stalled: 40 },
  slow: { ...burdened, clients: 50, slow: 10 },
};
const fanOuts = Object.keys(scenarios).filter((name) => name.includes('x'));
const chosenParts = parts(Object.keys(scenarios));

const chosen = servers.filter(({ id }) => !only || only.includes(id));
if (only?.some((id) => !servers.some((server) => server.id === id))) {
  throw new Error(`ONLY: there are ${servers.map(({ id }) => id).join(', ')}`);
}
if (process.platform !== 'linux' || cpus().length < 2) throw new Error('this needs Linux and two cores: one for the server, one for its clients');

console.log('preparing …');
prepare();
const results = Object.fromEntries(Object.keys(scenarios).map((name) => [name, {}])); // scenario -> server -> one report a round
for (let round = 0; round < rounds; round += 1) {
  for (const name of chosenParts) {
    if (round >= (scenarios[name].rounds ?? rounds)) continue;
    for (const server of chosen.filter((each) => !each.only || each.only.includes(name))) {
      const report = await examine(server, scenarios[name]);
      (results[name][server.id] ??= []).push(report);
      console.log(`round ${round + 1}, ${name}, ${server.id}: ${brief(report)}`);
    }
  }
}
const text = page();
console.log(`\n${text}`);
keep('wire', { results });
if (!quick && !only && !process.env.PARTS) {
  const file = join(root, 'docs', 'BENCHMARKS.md');
  writeFileSync(file, between(readFileSync(file, 'utf8'), 'bench-wire', text));
  console.log(`written to ${file}`);
}
process.exit(0);

async function examine(server, { drones, clients, first = 20, stalled = 0, slow = 0, settle, undisturbed = 0, listen }) {
  const report = await visit(server, { drones }, [
    '--clients', clients, '--first', first, '--stalled', stalled, '--slow', slow, '--settle-s', settle, '--undisturbed-s', undisturbed, '--listen-s', listen,
  ]);
  if (report.joined < report.clients) console.log(`  ${report.clients - report.joined} clients of ${report.clients} are not in: ${JSON.stringify(report.lost)}`);
  return report;
}

function brief({ opening, listening, slow }) {
  if (!listening) return `${(opening.resident_bytes_per_session / 1024).toFixed(1)} KiB a session, ${opening.connects_per_s.toFixed(0)} connects/s`;
  const { server_cpu_us_per_message: cpu, latency, hz_per_client: hz, missed, own_cpu_share: own, server_waited_share: waited } = listening;
  const narrow = slow ? `; slow: ${slow.latency.max_ms} ms, ${slow.hz_per_client.toFixed(1)} Hz` : '';
  return `${cpu?.toFixed(2)} µs a message, p50 ${latency.p50_ms} ms, p99 ${latency.p99_ms} ms, ${hz.toFixed(1)} Hz, ${missed} missed${narrow}; waited ${(waited * 100).toFixed(0)} % of the time, generator ${(own * 100).toFixed(0)} % of its core`;
}

// ── the page ──

/** What `pick` takes out of each round's report of one server. */
function values(scenario, id, pick) {
  return (results[scenario][id] ?? []).map(pick);
}

/**
 * One table with its title: a row for each server that took part, columns of `[title, scenario, pick, "against the floor"?]`.
 * Nothing when none took part.
 */
function section(title, columns) {
  const rows = chosen.filter(({ id }) => columns.some(([, scenario]) => results[scenario][id]));
  if (rows.length === 0) return '';
  const cell = (id, [, scenario, pick, toFloor]) => figure(toFloor ? ratios(values(scenario, id, pick), values(scenario, 'floor', pick)) : values(scenario, id, pick));
  return [
    `#### ${title}\n`,
    `| server | ${columns.map(([name]) => name).join(' | ')} |`,
    `|---|${columns.map(() => '---|').join('')}`,
    ...rows.map(({ id, name }) => `| ${name} | ${columns.map((column) => cell(id, column)).join(' | ')} |`),
    '\n',
  ].join('\n');
}

function page() {
  const perMessage = ({ listening }) => listening.server_cpu_us_per_message;
  const missed = ({ listening: { missed: gone, messages } }) => (1000 * gone) / (gone + messages);
  const p99 = ({ listening }) => listening.latency.p99_ms;
  const before = ({ undisturbed }) => undisturbed.latency.p99_ms;
  const kib = (bytes) => bytes / 1024;
  const grown = ({ listening }) => kib(kib(listening.resident_bytes_after - listening.resident_bytes_before));
  const columns = (scenario) => [
    ['CPU µs a message', scenario, perMessage],
    ['× floor', scenario, perMessage, true],
    ['p50 ms', scenario, ({ listening }) => listening.latency.p50_ms],
    ['p99 ms', scenario, p99],
    ['events a second and client', scenario, ({ listening }) => listening.hz_per_client],
    ['missed ‰', scenario, missed],
  ];
  const tables = fanOuts.map((scenario) => {
    const { drones, clients } = scenarios[scenario];
    const kilobytes = figure(Object.values(results[scenario]).flat().slice(0, 1).map(({ listening }) => listening.bytes_per_message / 1000));
    return section(`25 events a second of ${drones.toLocaleString('en')} drones (${kilobytes} kB) to ${clients.toLocaleString('en')} clients`, columns(scenario));
  });
  const listened = Object.values(results).flatMap((byServer) => Object.values(byServer).flat()).flatMap((report) => report.listening ?? []);
  const [waited, own] = [listened.map((each) => each.server_waited_share), listened.map((each) => each.own_cpu_share)];
  const { idle, stalled, slow } = scenarios;
  const busy = scenarios['100x1000'];
  return `${machine(rounds)}
Share of the time that servers stood in line for their core: ${figure(waited.map((share) => 100 * share), 2)} %; share of its core that the load generator used: ${figure(own.map((share) => 100 * share), 2)} %.

${section(`A client: ${idle.clients.toLocaleString('en')} idle ones, and ${busy.clients.toLocaleString('en')} that join and stay while 25 events a second of ${busy.drones} drones go to all that are in`, [
    ['KiB idle', 'idle', ({ opening }) => kib(opening.resident_bytes_per_session)],
    ['KiB active', '100x1000', ({ listening }) => kib(listening.resident_bytes_per_session)],
    ['connects a second, idle', 'idle', ({ opening }) => opening.connects_per_s],
    ['connects a second, broadcasting', '100x1000', ({ opening }) => opening.connects_per_s],
    ['CPU µs a connect, idle', 'idle', ({ opening }) => opening.server_cpu_us_per_connect],
  ])}${tables.join('')}${section(`${stalled.stalled} of ${stalled.clients} clients stop reading for ${stalled.listen} s, 25 events a second of ${stalled.drones.toLocaleString('en')} drones`, [
    ['memory grown, MiB', 'stalled', grown],
    ['p99 ms of all before', 'stalled', before],
    ['p99 ms of the others', 'stalled', p99],
    ['missed ‰ by the others', 'stalled', missed],
  ])}${section(`${slow.slow} of ${slow.clients} clients have a tenth of the bandwidth for ${slow.listen} s, 25 events a second of ${slow.drones.toLocaleString('en')} drones`, [
    ['age of what they get, p50 ms', 'slow', (report) => report.slow.latency.p50_ms],
    ['most, ms', 'slow', (report) => report.slow.latency.max_ms],
    ['events a second that they get', 'slow', (report) => report.slow.hz_per_client],
    ['memory grown, MiB', 'slow', grown],
    ['p99 ms of the others before', 'slow', before],
    ['p99 ms then', 'slow', p99],
    ['missed ‰ by the others', 'slow', missed],
  ])}Versions:

${chosen.map(({ name, version }) => `- ${name}: ${version()}`).join('\n')}
`;
}
