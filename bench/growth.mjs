// How cost grows with clients and with drones, and where it ends; prints tables, and writes them and two pictures into
// docs/BENCHMARKS.md.
//
//   node bench/growth.mjs            one round, about twenty-five minutes
//   QUICK=1 node bench/growth.mjs    small numbers; prints only
//   PARTS="1000-binary drones"       these parts alone; prints only
//   REALTIME=1                       as for bench/wire.mjs

import { readFileSync, writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { join } from 'node:path';
import { histogramBetween, sleep, until } from '../e2e/support/process.mjs';
import { binary, startServer } from '../e2e/support/server.mjs';
import { growth } from './picture.mjs';
import { keep, load, prepare, root, scratch, servers, visit } from './servers.mjs';
import { between, figure, machine, measure, parts, prioritised, run } from './support.mjs';

const quick = Boolean(process.env.QUICK);

/**
 * What goes to how many clients. A server that failed twice to keep up with fewer is not asked for more. Compressed events
 * go to those servers that can compress.
 */
const crowds = [
  { id: '10', title: '10 drones', drones: 10, counts: [500, 1000, 2000, 3000, 4000, 5000, 6000] },
  { id: '100', title: '100 drones', drones: 100, counts: [1, 10, 100, 500, 1000, 2000, 3000, 4000, 5000, 6000] },
  { id: '1000', title: '1,000 drones', drones: 1000, counts: [100, 500, 1000, 1500, 2000, 2200, 2500] },
  { id: '1000-binary', title: '1,000 drones, binary', drones: 1000, form: 'binary', counts: [500, 1000, 2000, 3000, 4000, 5000, 6000] },
  { id: '100-deflate', title: '100 drones, deflated', drones: 100, form: 'deflate', counts: [50, 100, 200, 500, 1000, 2000, 3000, 4000, 5000] },
].map((crowd) => (quick ? { ...crowd, counts: crowd.counts.filter((count) => count === 100 || count === 500 || count === 1000) } : crowd));
const compared = servers.filter(({ only }) => !only);
const swarms = quick ? [10, 1000, 10_000] : [10, 100, 1000, 4000, 10_000, 20_000, 50_000, 100_000];
/** Swarms that are watched as well, and by how many. */
const watched = { 10_000: 100 };
/** What watchers ask for: each tick as changes, and the scene once a second. */
const WATCHING = '{"topics":{"drones-update":{"encoding":"delta","rate_hz":25},"visualization-update":{"rate_hz":1}}}';
const TICK_MS = 40;
/** A server keeps up while nobody misses an event and 99 of 100 arrive within this time. */
const LATE_MS = 50;
const chosenParts = parts([...crowds.map(({ id }) => id), 'drones']);

console.log('preparing …');
prepare();
const clients = []; // { server, crowd, drones, form, clients, joined, cpu_us, p50_ms, p99_ms, missed, keeps_up }
for (const crowd of crowds.filter(({ id }) => chosenParts.includes(id))) {
  const out = new Set();
  for (const count of crowd.counts) {
    for (const server of takingPart(crowd).filter(({ id }) => !out.has(id))) {
      let row = await serve(server, crowd, count);
      if (!row.keeps_up) {
        console.log(JSON.stringify(row));
        row = await serve(server, crowd, count);
      }
      clients.push(row);
      if (!row.keeps_up) out.add(server.id);
      console.log(JSON.stringify(row));
    }
  }
}
const ticks = []; // { drones, threads, ns_per_drone } headless, { drones, live: true, watchers, p50_ms, p99_ms, hz } live
for (const drones of chosenParts.includes('drones') ? swarms : []) {
  const scenario = join(scratch, 'growth.toml');
  writeFileSync(scenario, swarm(drones));
  for (const threads of [1, 2]) {
    // The first ticks find their memory: they belong to the start and not to a tick.
    const count = Math.min(2000, Math.max(30, Math.round(400_000 / drones)));
    const { drone_updates_per_s: rate } = JSON.parse(run([...prioritised, binary, 'run', scenario, '--ticks', count, '--threads', threads].map(String)).trim().split('\n').at(-1));
    ticks.push({ drones, threads, ns_per_drone: 1e9 / rate });
    console.log(JSON.stringify(ticks.at(-1)));
  }
  for (const watchers of [0, watched[drones] ?? 0].filter((count, at) => at === 0 || count > 0)) {
    ticks.push(await live(scenario, drones, watchers));
    console.log(JSON.stringify(ticks.at(-1)));
  }
}

const text = page();
console.log(`\n${text}`);
keep('growth', { clients, ticks });
if (!quick && !process.env.PARTS) {
  for (const [name, svg] of Object.entries(pictures())) writeFileSync(join(root, 'docs', 'pictures', name), svg);
  const target = join(root, 'docs', 'BENCHMARKS.md');
  writeFileSync(target, between(readFileSync(target, 'utf8'), 'bench-growth', text));
  console.log(`written to ${target}`);
}
process.exit(0);

function takingPart({ form }) {
  return compared.filter(({ deflates }) => form !== 'deflate' || deflates);
}

async function serve(server, { id, drones, form }, count) {
  const { joined, clients: asked, listening } = await visit(server, { drones, form }, [
    '--clients', count, '--first', Math.min(count, 20), '--settle-s', 1, '--listen-s', 3,
  ]);
  const { server_cpu_us_per_message: cpu_us, latency: { p50_ms, p99_ms }, hz_per_client: hz, missed, bytes_per_message: bytes, own_cpu_share: own } = listening;
  const keeps_up = joined === asked && missed === 0 && hz > 24.5 && p99_ms < LATE_MS;
  return { server: server.id, crowd: id, drones, form, clients: count, joined, cpu_us, p50_ms, p99_ms, hz, missed, bytes, own, keeps_up };
}

/** Quadcopters with wind, gusts, batteries, a fence and their neighbours to look at, as dense whatever their number. */
function swarm(count) {
  const [near, far] = [6 * Math.sqrt(count), 12 * Math.sqrt(count) + 100];
  return `name = "growth"
[wind]
speed_mps = 2.0
gust_mps = 0.4
[[fences]]
kind = "keep_in"
polygon = [[-${far}, -${far}], [${far}, -${far}], [${far}, ${far}], [-${far}, ${far}]]
[[drones]]
type = "quad"
count = ${count}
box = { min = [-${near}, -${near}], max = [${near}, ${near}] }
altitude_m = [25.0, 45.0]
behavior = "boids"
`;
}

/** The same swarm in a server, on every core, nothing recorded, and so many clients watching. */
async function live(scenario, drones, watchers) {
  const server = await startServer({ args: ['--scenario', scenario, '--database-url', 'none'], healthy: 120_000, under: prioritised });
  const look = async () => ({ ...(await server.json('/api/status')), metrics: (await server.get('/metrics')).body, at: performance.now() });
  await until('it ticks', async () => (await look()).tick > 25, { within: 120_000 });
  // Ticks enough that a hundredth of them is more than an accident.
  const seconds = quick ? 4 : drones < 10_000 ? 8 : 16;
  const watching = watchers > 0 && measure([
    load, '--addr', `127.0.0.1:${server.port}`, '--server-pid', server.pid, '--clients', watchers, '--first', 0, '--payload', WATCHING, '--settle-s', 3, '--listen-s', seconds,
  ]);
  if (watching) {
    await until('all watch', async () => (await look()).clients >= watchers, { within: 30_000 });
    await sleep(3000);
  }
  const before = await look();
  await sleep(seconds * 1000);
  const after = await look();
  const seen = watching ? (await watching).listening.attachments_per_s_and_client : undefined;
  await server.end('SIGKILL');
  server.remove();
  const quantile = histogramBetween(before.metrics, after.metrics, 'hmrs_tick_seconds');
  return { drones, live: true, watchers, seen_hz: seen, p50_ms: quantile(0.5), p99_ms: quantile(0.99), hz: ((after.tick - before.tick) * 1000) / (after.at - before.at) };
}

// ── the page ──

function page() {
  const of = (server, crowd) => clients.filter((row) => row.server === server && row.crowd === crowd.id);
  const most = (server, crowd) => {
    const rows = of(server, crowd);
    if (rows.length === 0) return '–';
    const count = rows.findLast((row) => row.keeps_up)?.clients ?? 0;
    return `${count.toLocaleString('en')}${count === Math.max(...crowd.counts) ? ' (all that were tried)' : ''}`;
  };
  const run100 = crowds.find(({ id }) => id === '100');
  const floor = (count) => of('floor', run100).find((row) => row.clients === count);
  const at = (drones, want) => ticks.find((row) => row.drones === drones && Object.entries(want).every(([key, value]) => row[key] === value));
  const headless = (drones, threads) => figure([at(drones, { threads })?.ns_per_drone]);
  const lives = ticks.filter((row) => row.live);
  return `${machine(1)}

#### Clients

Most of them to whom an event went 25 times a second so that nobody missed one and 99 of 100 came within ${LATE_MS} ms, of the numbers tried
(${crowds.map(({ title, counts }) => `${title}: ${counts.map((n) => n.toLocaleString('en')).join(', ')}`).join('; ')}), in one of two attempts:

| server | ${crowds.map(({ title }) => title).join(' | ')} |
|---|${crowds.map(() => '---|').join('')}
${compared.map(({ id, name }) => `| ${name} | ${crowds.map((crowd) => most(id, crowd)).join(' | ')} |`).join('\n')}

| clients, 100 drones | CPU µs a message | × floor | p50 ms | p99 ms |
|---|---|---|---|---|
${of('hmrs', run100).map((row) => `| ${row.clients.toLocaleString('en')} | ${figure([row.cpu_us])} | ${figure([row.cpu_us / floor(row.clients)?.cpu_us])} | ${figure([row.p50_ms])} | ${figure([row.p99_ms])} |`).join('\n')}

#### Drones

Quadcopters in flocks, as dense whatever their number: headless (\`hmrs run\`), and live at 25 Hz (\`hmrs serve\`, ${cpus().length} cores, the clients
on one of them). A live tick has ${TICK_MS} ms.

| drones | ns a drone, 1 thread | ns a drone, 2 threads |
|---|---|---|
${swarms.map((drones) => `| ${drones.toLocaleString('en')} | ${headless(drones, 1)} | ${headless(drones, 2)} |`).join('\n')}

| drones | clients that watch | tick p50 ms | p99 ms | ticks a second | frames a second and client |
|---|---|---|---|---|---|
${lives.map((row) => `| ${row.drones.toLocaleString('en')} | ${row.watchers} | ${figure([row.p50_ms])} | ${figure([row.p99_ms])} | ${figure([row.hz])} | ${figure([row.seen_hz])} |`).join('\n')}
`;
}

function pictures() {
  const colours = { hmrs: 'ours', floor: 'other', socketioxide: 'third', node: 'poll' };
  const crowd = (pick) => compared.filter(({ id }) => colours[id]).map(({ id, name }) => ({
    name: name.replaceAll('*', '').replace(' socket.io', ''),
    kind: colours[id],
    points: clients.filter((row) => row.server === id && row.crowd === '100').map((row) => [row.clients, row[pick]]),
  }));
  const isUnwatched = (row) => row.live && row.watchers === 0;
  const fleet = (name, kind, want, pick) => ({ name, kind, points: ticks.filter(want).map((row) => [row.drones, row[pick]]) });
  return {
    'growth-clients.svg': growth({
      title: 'More clients',
      unit: 'an event of 100 drones to each, 25 times a second',
      panels: [
        { title: 'CPU a message, µs', across: 'clients', series: crowd('cpu_us') },
        { title: '99th percentile of the latency, ms', across: 'clients', limit: LATE_MS, series: crowd('p99_ms') },
      ],
    }),
    'growth-drones.svg': growth({
      title: 'More drones',
      unit: 'quadcopters in flocks, as dense whatever their number',
      panels: [
        { title: 'headless: a drone in a tick, ns', across: 'drones', series: [fleet('1 thread', 'ours', (row) => row.threads === 1, 'ns_per_drone'), fleet('2 threads', 'third', (row) => row.threads === 2, 'ns_per_drone')] },
        { title: 'live: a tick, ms', across: 'drones', limit: TICK_MS, series: [fleet('median', 'ours', isUnwatched, 'p50_ms'), fleet('99th percentile', 'poll', isUnwatched, 'p99_ms')] },
      ],
    }),
  };
}
