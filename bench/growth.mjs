// How cost grows with clients and with drones, and where it ends; prints tables, and writes them and two pictures into
// docs/BENCHMARKS.md.
//
//   node bench/growth.mjs            one round, about fifteen minutes
//   QUICK=1 node bench/growth.mjs    small numbers; prints only
//   REALTIME=1                       as for bench/wire.mjs

import { readFileSync, writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { join } from 'node:path';
import { histogramBetween, sleep, until } from '../e2e/support/process.mjs';
import { binary, startServer } from '../e2e/support/server.mjs';
import { growth } from './picture.mjs';
import { load, prepare, root, scratch, servers } from './servers.mjs';
import { between, figure, machine, measure, run, start } from './support.mjs';

const quick = Boolean(process.env.QUICK);

/** Drones in each event, and to how many clients it goes. A server that could not keep up with fewer is not asked for more. */
const crowds = quick ? { 100: [1, 100, 500] } : {
  10: [1000, 2000, 3000, 4000, 5000, 6000],
  100: [1, 10, 100, 500, 1000, 2000, 3000, 4000, 5000, 6000],
  1000: [100, 500, 1000, 1500, 2000, 2500],
};
const compared = servers.filter(({ id }) => ['floor', 'hmrs', 'socketioxide', 'node'].includes(id));
const swarms = quick ? [10, 1000] : [10, 100, 1000, 4000, 10_000, 20_000, 50_000, 100_000];
const TICK_MS = 40;
/** A server keeps up while nobody misses an event and 99 of 100 arrive within this time. */
const LATE_MS = 50;

console.log('preparing …');
prepare();
const clients = []; // { server, drones, clients, cpu_us, p50_ms, p99_ms, missed, keeps_up }
for (const [drones, counts] of Object.entries(crowds)) {
  const out = new Set();
  for (const count of counts) {
    for (const server of compared.filter(({ id }) => !out.has(id))) {
      const row = await serve(server, Number(drones), count);
      clients.push(row);
      if (!row.keeps_up) out.add(server.id);
      console.log(JSON.stringify(row));
    }
  }
}
const ticks = []; // { drones, threads, ns_per_drone } headless, { drones, live: true, p50_ms, p99_ms, hz } live
for (const drones of swarms) {
  const scenario = join(scratch, 'growth.toml');
  writeFileSync(scenario, swarm(drones));
  for (const threads of [1, 2]) {
    // The first ticks find their memory: they belong to the start and not to a tick.
    const count = Math.min(2000, Math.max(30, Math.round(400_000 / drones)));
    const { drone_updates_per_s: rate } = JSON.parse(run([binary, 'run', scenario, '--ticks', count, '--threads', threads].map(String)).trim().split('\n').at(-1));
    ticks.push({ drones, threads, ns_per_drone: 1e9 / rate });
    console.log(JSON.stringify(ticks.at(-1)));
  }
  ticks.push(await live(scenario, drones));
  console.log(JSON.stringify(ticks.at(-1)));
}

const text = page();
console.log(`\n${text}`);
writeFileSync(join(scratch, 'growth.json'), JSON.stringify({ clients, ticks }, null, 1));
if (!quick) {
  for (const [name, svg] of Object.entries(pictures())) writeFileSync(join(root, 'docs', 'pictures', name), svg);
  const target = join(root, 'docs', 'BENCHMARKS.md');
  writeFileSync(target, between(readFileSync(target, 'utf8'), 'bench-growth', text));
  console.log(`written to ${target}`);
}
process.exit(0);

async function serve(server, drones, count) {
  const running = await start(server.command, { drones });
  try {
    const { joined, clients: asked, listening } = await measure([
      load, '--addr', `127.0.0.1:${running.port}`, '--server-pid', running.pid, '--clients', count, '--first', Math.min(count, 20),
      '--settle-s', 1, '--listen-s', 3,
    ]);
    const { server_cpu_us_per_message: cpu_us, latency: { p50_ms, p99_ms }, hz_per_client: hz, missed } = listening;
    const keeps_up = joined === asked && missed === 0 && hz > 24.5 && p99_ms < LATE_MS;
    return { server: server.id, drones, clients: count, cpu_us, p50_ms, p99_ms, hz, missed, keeps_up };
  } finally {
    await running.end();
  }
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

/** The same swarm in a server, on every core, nothing recorded and nobody watching. */
async function live(scenario, drones) {
  const server = await startServer({ args: ['--scenario', scenario, '--database-url', 'none'], healthy: 120_000 });
  const look = async () => ({ metrics: (await server.get('/metrics')).body, tick: (await server.json('/api/status')).tick, at: performance.now() });
  await until('it ticks', async () => (await look()).tick > 25, { within: 120_000 });
  const before = await look();
  await sleep(quick ? 2000 : 8000);
  const after = await look();
  await server.end('SIGKILL');
  server.remove();
  const quantile = histogramBetween(before.metrics, after.metrics, 'hmrs_tick_seconds');
  return { drones, live: true, p50_ms: quantile(0.5), p99_ms: quantile(0.99), hz: ((after.tick - before.tick) * 1000) / (after.at - before.at) };
}

// ── the page ──

function page() {
  const most = (server, drones) => clients.findLast((row) => row.server === server && row.drones === drones && row.keeps_up)?.clients ?? 0;
  const tried = (drones) => Math.max(...crowds[drones]);
  const show = (count, drones) => `${count.toLocaleString('en')}${count === tried(drones) ? ' (all that were tried)' : ''}`;
  const sizes = Object.keys(crowds).map(Number);
  const ours = clients.filter(({ server, drones }) => server === 'hmrs' && drones === 100);
  const floor = (count) => clients.find((row) => row.server === 'floor' && row.drones === 100 && row.clients === count);
  const at = (drones, want) => ticks.find((row) => row.drones === drones && Object.entries(want).every(([key, value]) => row[key] === value));
  return `${machine(1)}

#### Clients

Most of them to whom an event went 25 times a second so that nobody missed one and 99 of 100 came within ${LATE_MS} ms, of the numbers tried
(${sizes.map((drones) => `${drones} drones: ${crowds[drones].map((n) => n.toLocaleString('en')).join(', ')}`).join('; ')}):

| server | ${sizes.map((drones) => `${drones.toLocaleString('en')} drones`).join(' | ')} |
|---|${sizes.map(() => '---|').join('')}
${compared.map(({ id, name }) => `| ${name} | ${sizes.map((drones) => show(most(id, drones), drones)).join(' | ')} |`).join('\n')}

| clients, 100 drones | CPU µs a message | × floor | p50 ms | p99 ms |
|---|---|---|---|---|
${ours.map((row) => `| ${row.clients.toLocaleString('en')} | ${figure([row.cpu_us])} | ${floor(row.clients) ? figure([row.cpu_us / floor(row.clients).cpu_us]) : '–'} | ${figure([row.p50_ms])} | ${figure([row.p99_ms])} |`).join('\n')}

#### Drones

Quadcopters in flocks, as dense whatever their number: headless (\`hmrs run\`), and live at 25 Hz with nobody watching (\`hmrs serve\`,
${cpus().length} cores). A live tick has ${TICK_MS} ms.

| drones | ns a drone, 1 thread | ns a drone, 2 threads | live tick p50 ms | p99 ms | ticks a second |
|---|---|---|---|---|---|
${swarms.map((drones) => `| ${drones.toLocaleString('en')} | ${figure([at(drones, { threads: 1 }).ns_per_drone])} | ${figure([at(drones, { threads: 2 }).ns_per_drone])} | ${figure([at(drones, { live: true }).p50_ms])} | ${figure([at(drones, { live: true }).p99_ms])} | ${figure([at(drones, { live: true }).hz])} |`).join('\n')}
`;
}

function pictures() {
  const colours = { hmrs: 'ours', floor: 'other', socketioxide: 'third', node: 'poll' };
  const crowd = (pick) => compared.map(({ id, name }) => ({
    name: name.replaceAll('*', '').replace(' socket.io', ''),
    kind: colours[id],
    points: clients.filter(({ server, drones }) => server === id && drones === 100).map((row) => [row.clients, row[pick]]),
  }));
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
        { title: 'live: a tick, ms', across: 'drones', limit: TICK_MS, series: [fleet('median', 'ours', (row) => row.live, 'p50_ms'), fleet('99th percentile', 'poll', (row) => row.live, 'p99_ms')] },
      ],
    }),
  };
}
