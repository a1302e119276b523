// 1,000 live drones at 25 ticks a second with 10 websocket clients: what a tick costs, and whether one was missed.
//
// Clients run in processes of their own, so that one slow reader here is not mistaken for a slow server.

import { fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { collect, connect, missed, rateHz } from '../support/client.mjs';
import { cpuOf, histogramBetween, own, quantiles, residentMiB, sleep } from '../support/process.mjs';
import { startServer } from '../support/server.mjs';

const [clients, seconds] = [10, Number(process.env.HMRS_BENCH_S ?? 20)];
const self = fileURLToPath(import.meta.url);

if (process.argv[2] === '--clients') {
  // A child: n clients that take the binary frames, and say how many came, how old, and how often one was missing.
  const [url, n] = process.argv.slice(3);
  const sockets = await Promise.all(Array.from({ length: Number(n) }, () => connect({ url })));
  for (const socket of sockets) {
    socket.offAny();
    await socket.timeout(5000).emitWithAck('subscribe', { topics: { 'drones-update': { encoding: 'binary', rate_hz: 25 } } });
  }
  process.send('ready');
  const ages = [];
  for (const socket of sockets) {
    socket.on('drones-update', (frame) => {
      if (frame instanceof Uint8Array) ages.push(Date.now() - new DataView(frame.buffer, frame.byteOffset).getFloat64(24, true));
    });
  }
  const seen = await Promise.all(sockets.map((socket) => collect(socket, 'status-update', seconds * 1000)));
  process.send({ ages, rates: seen.map(rateHz), gone: Math.max(...seen.map(missed)) });
  process.disconnect();
  for (const socket of sockets) socket.disconnect();
} else {
  const server = await startServer({ args: ['--scenario', 'thousand'] });
  const child = own(fork(self, ['--clients', server.url, String(clients)]));
  const messages = [];
  child.on('message', (message) => messages.push(message));
  while (!messages.includes('ready')) await sleep(50);

  const before = { tick: (await server.json('/api/status')).tick, at: performance.now(), cpu: cpuOf(server.pid), metrics: await metrics() };
  const load = [];
  const sampling = setInterval(async () => load.push((await server.json('/api/status')).load), 500);
  while (messages.length < 2) await sleep(100);
  clearInterval(sampling);
  const elapsed = (performance.now() - before.at) / 1000;
  const after = { tick: (await server.json('/api/status')).tick, cpu: cpuOf(server.pid), metrics: await metrics() };
  const { ages, rates, gone } = messages[1];
  const counter = (text, name) => [...text.matchAll(new RegExp(`^${name}(?:\\{[^}]*\\})? (\\S+)`, 'gm'))].reduce((sum, m) => sum + Number(m[1]), 0);
  const counted = (name) => counter(after.metrics, name) - counter(before.metrics, name);
  const tick = histogramBetween(before.metrics, after.metrics, 'hmrs_tick_seconds');
  const ms = (value) => (value === undefined ? 'not measured' : `${value.toFixed(2)} ms`);
  const age = quantiles(ages);
  const rows = [
    ['drones, clients, seconds', `1,000, ${clients}, ${elapsed.toFixed(0)}`],
    ['ticks a second', ((after.tick - before.tick) / elapsed).toFixed(2)],
    ['ticks missed, drones that decided late', `${counted('hmrs_ticks_missed_total')}, ${counted('hmrs_intents_late_total')}`],
    ['tick p50 / p99', `${ms(tick?.(0.5))} / ${ms(tick?.(0.99))}`],
    ['tick mean, worst second', ms(Math.max(...load.map((l) => l.tick_ms)))],
    ['lateness, worst second', ms(Math.max(...load.map((l) => l.lateness_ms)))],
    ['status-update a second, slowest client', Math.min(...rates).toFixed(2)],
    ['updates missed, unluckiest client', `${(gone * 100).toFixed(2)} %`],
    ['age of a frame at a client p50 / p99', `${ms(age.median)} / ${ms(age.p99)}`],
    ['server CPU', `${((after.cpu - before.cpu) / elapsed / 10).toFixed(0)} % of one core`],
    ['server memory', `${residentMiB(server.pid).toFixed(0)} MiB`],
  ];
  for (const [what, figure] of rows) console.log(`  ${what.padEnd(40)} ${figure}`);
  await server.end('SIGTERM');
  server.remove();
  // Coarse on purpose: this prints figures, and fails only where something is broken rather than busy.
  process.exitCode = (after.tick - before.tick) / elapsed > 24 && gone < 0.05 ? 0 : 1;

  async function metrics() { return (await server.get('/metrics')).body; }
}
