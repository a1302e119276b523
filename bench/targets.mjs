// What we aim at, and what a run reached: reads what every part of `make bench` left in target/bench, prints a table and
// writes it into docs/BENCHMARKS.md.
//
//   node bench/targets.mjs             after the parts
//   QUICK=1 node bench/targets.mjs     prints only

import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { root, scratch } from './servers.mjs';
import { between, figure, ratios, spread } from './support.mjs';

const [atLeast, atMost] = ['≥', '≤'];

/**
 * Every aim: what it is about, its bound, and the figures that a run reached, which are one for each round; a run without the
 * part has none. `run` is `{ wire, growth, fresh, store }`, each what its part left.
 */
const aims = [
  ...['10x1000', '100x1000', '1000x500'].map((scenario) => {
    const [drones, clients] = scenario.split('x').map(Number);
    return {
      what: `CPU a message, × floor: ${thousands(drones)} drones to ${thousands(clients)} clients`, bound: [atMost, 1.15],
      reached: ({ wire }) => ratios(wireOf(wire, scenario, 'hmrs', perMessage), wireOf(wire, scenario, 'floor', perMessage)),
    };
  }),
  ...[['100', 5000, '100 drones'], ['1000', 2200, '1,000 drones'], ['1000-binary', 5000, '1,000 drones, binary'], ['100-deflate', 4000, '100 drones, deflated once for all']].map(([crowd, count, what]) => ({
    what: `clients that miss nothing, p99 below 50 ms: ${what}`, bound: [atLeast, count],
    reached: ({ growth }) => mostClients(growth, crowd),
  })),
  { what: 'latency p50, ms: 100 drones to 1,000 clients', bound: [atMost, 4.5], reached: ({ wire }) => wireOf(wire, '100x1000', 'hmrs', ({ listening }) => listening.latency.p50_ms) },
  { what: 'latency p99, ms: 100 drones to 1,000 clients', bound: [atMost, 8], reached: ({ wire }) => wireOf(wire, '100x1000', 'hmrs', p99) },
  { what: 'oldest data that a client on a tenth of the bandwidth gets, s', bound: [atMost, 0.5], reached: ({ wire }) => wireOf(wire, 'slow', 'hmrs', ({ slow }) => slow.latency.max_ms / 1000) },
  // Pages that any process touches for the first time while it runs are no cost of a client: 16 KiB for each of the 40, as
  // much as an idle one takes, are the least that can be told from them.
  { what: 'memory that 20 % stalled clients cost, MiB', bound: [atMost, 0.625], reached: ({ wire }) => wireOf(wire, 'stalled', 'hmrs', ({ listening }) => (listening.resident_bytes_after - listening.resident_bytes_before) / (1 << 20)) },
  { what: 'p99 of the others beside 20 % stalled clients, × before', bound: [atMost, 1.1], reached: ({ wire }) => wireOf(wire, 'stalled', 'hmrs', (report) => p99(report) / report.undisturbed.latency.p99_ms) },
  { what: 'KiB a client, idle', bound: [atMost, 8], reached: ({ wire }) => wireOf(wire, 'idle', 'hmrs', ({ opening }) => opening.resident_bytes_per_session / 1024) },
  { what: 'KiB a client, active', bound: [atMost, 8], reached: ({ wire }) => wireOf(wire, '100x1000', 'hmrs', ({ listening }) => listening.resident_bytes_per_session / 1024) },
  { what: 'connects a second, idle', bound: [atLeast, 16_000], reached: ({ wire }) => wireOf(wire, 'idle', 'hmrs', ({ opening }) => opening.connects_per_s) },
  { what: 'connects a second while broadcasting', bound: [atLeast, 5000], reached: ({ wire }) => wireOf(wire, '100x1000', 'hmrs', ({ opening }) => opening.connects_per_s) },
  ...[[100, 74], [1000, 330]].map(([drones, times]) => ({
    what: `fewer bytes than polling at 25 Hz, ×: delta within 5 cm, ${thousands(drones)} drones`, bound: [atLeast, times],
    reached: ({ fresh }) => ratios(freshOf(fresh, drones, 'poll-25', bytes), freshOf(fresh, drones, 'delta-5', bytes)),
  })),
  { what: 'error of a position in delta, cm', bound: [atMost, 5], reached: ({ fresh }) => (fresh ? [100 * Math.max(...fresh.encoding.map((each) => each.error_most_m))] : []) },
  { what: 'from connecting to a frame of delta that stands alone, s: 1,000 drones', bound: [atMost, 1], reached: ({ fresh }) => freshOf(fresh, 1000, 'delta-5', ({ first_ms: ms }) => ms / 1000) },
  { what: 'encoding delta, ns a drone: 1,000 drones', bound: [atMost, 10], reached: ({ fresh }) => fresh?.encoding.find(({ drones }) => drones === 1000)?.ns_per_drone.delta ?? [] },
  { what: 'tick p99, ms: 10,000 live drones, 100 clients watching', bound: [atMost, 10], reached: ({ growth }) => ticksOf(growth, { drones: 10_000, live: true, watchers: 100 }, ({ p99_ms: ms }) => ms) },
  // As far as 16 s can tell: one tick more or less.
  { what: 'ticks a second: 10,000 live drones, 100 clients watching', bound: [atLeast, 24.9], reached: ({ growth }) => ticksOf(growth, { drones: 10_000, live: true, watchers: 100 }, ({ hz }) => hz) },
  { what: 'ticks a second: 50,000 live drones', bound: [atLeast, 24.9], reached: ({ growth }) => ticksOf(growth, { drones: 50_000, live: true, watchers: 0 }, ({ hz }) => hz) },
  { what: 'a tick of 100,000 drones headless on one core, ms', bound: [atMost, 10], reached: ({ growth }) => ticksOf(growth, { drones: 100_000, threads: 1 }, ({ ns_per_drone: ns }) => ns / 10) },
  { what: 'rows a second into PostgreSQL, × `psql \\copy`', bound: [atLeast, 1.2], reached: ({ store }) => storeRatio(store, 'copy') },
  { what: 'rows a second into PostgreSQL, × single INSERTs, each committed', bound: [atLeast, 60], reached: ({ store }) => storeRatio(store, 'insert_prepared') },
  { what: 'rows a second into PostgreSQL', bound: [atLeast, 400_000], reached: ({ store }) => store?.rows_per_s.writer ?? [] },
];

/** What `run` reached of each aim: `{ what, bound, reached: figures, is_reached }`; the middle of the rounds counts, undefined without any. */
export function judge(run) {
  return aims.map(({ what, bound: [sign, limit], reached }) => {
    const figures = reached(run);
    const middle = spread(figures)?.median;
    return { what, bound: `${sign} ${thousands(limit)}`, reached: figures, is_reached: middle === undefined ? undefined : sign === atLeast ? middle >= limit : middle <= limit };
  });
}

/** The table of what `judge` found. */
export function table(judged) {
  const answer = (reached) => (reached === undefined ? 'not measured' : reached ? 'yes' : '**no**');
  return [
    '| what | we aim at | this run | reached |',
    '|---|---|---|---|',
    ...judged.map(({ what, bound, reached, is_reached: yes }) => `| ${what} | ${bound} | ${figure(reached)} | ${answer(yes)} |`),
  ].join('\n');
}

function thousands(count) {
  return count.toLocaleString('en');
}

function perMessage({ listening }) { return listening.server_cpu_us_per_message; }
function p99({ listening }) { return listening.latency.p99_ms; }
function bytes({ bytes_per_s: value }) { return value; }

function wireOf(wire, scenario, server, pick) {
  return (wire?.results[scenario]?.[server] ?? []).map(pick);
}

function freshOf(fresh, drones, way, pick) {
  return (fresh?.results[drones]?.[way] ?? []).map(pick);
}

function ticksOf(growth, want, pick) {
  return (growth?.ticks ?? []).filter((row) => Object.entries(want).every(([key, value]) => row[key] === value)).map(pick);
}

/** The largest crowd that was held; none of those tried counts as 0. */
function mostClients(growth, crowd) {
  const rows = (growth?.clients ?? []).filter((row) => row.server === 'hmrs' && row.crowd === crowd);
  return rows.length === 0 ? [] : [Math.max(0, ...rows.filter((row) => row.keeps_up).map((row) => row.clients))];
}

function storeRatio(store, way) {
  return store ? ratios(store.rows_per_s.writer, store.rows_per_s[way]) : [];
}

/** What a part left, and when; undefined if it did not run. */
function left(name) {
  const file = join(scratch, `${name}.json`);
  try {
    return { at: statSync(file).mtime, found: JSON.parse(readFileSync(file, 'utf8')) };
  } catch (error) {
    if (error.code === 'ENOENT') return undefined;
    throw error;
  }
}

if (process.argv[1] === new URL(import.meta.url).pathname) {
  const parts = ['wire', 'growth', 'fresh', 'store'].map((name) => [name, left(name)]).filter(([, part]) => part);
  const judged = judge(Object.fromEntries(parts.map(([name, { found }]) => [name, found])));
  const known = judged.filter((each) => each.is_reached !== undefined);
  const when = parts.map(([name, { at }]) => `\`bench-${name}\` ${at.toISOString().slice(0, 16).replace('T', ' ')}`).join(', ');
  const text = `${known.filter((each) => each.is_reached).length} of ${known.length} that were measured are reached (UTC: ${when || 'nothing was measured'}).\n\n${table(judged)}`;
  console.log(`\n${text}`);
  if (!process.env.QUICK) {
    const page = join(root, 'docs', 'BENCHMARKS.md');
    writeFileSync(page, between(readFileSync(page, 'utf8'), 'bench-targets', text));
    console.log(`written to ${page}`);
  }
}
