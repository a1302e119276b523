// What the benchmark does with processes, and with numbers.

import { spawn, spawnSync } from 'node:child_process';
import { connect } from 'node:net';
import { cpus, loadavg, release, totalmem } from 'node:os';
import { freePort, own, until } from '../e2e/support/process.mjs';

const loadBefore = loadavg()[0];

/** On what, when and how a run was made. */
export function machine(rounds) {
  const [core] = cpus();
  return `
Measured on ${new Date().toISOString().slice(0, 10)}: ${cpus().length} cores (${core.model.trim()}), ${Math.round(totalmem() / 2 ** 30)} GiB, Linux ${release()};
load average ${loadBefore.toFixed(1)} before the run, ${loadavg()[0].toFixed(1)} at its end. ${rounds} interleaved round${rounds === 1 ? '' : 's'}, medians (least–most).
Servers and clients ran at ${realtime ? 'real-time' : 'normal'} priority, each side on a core of its own.`;
}

/** Runs a command to its end and gives its output; throws with what it said when it fails. */
export function run([program, ...args], { cwd } = {}) {
  const { status, stdout, stderr, error } = spawnSync(program, args, { cwd, encoding: 'utf8', maxBuffer: 1 << 26 });
  if (status !== 0) throw new Error(`${[program, ...args].join(' ')} failed: ${error ?? stderr}`);
  return stdout;
}

/** On a busy machine: before everything else that wants the core, so that latencies are the server's and not its neighbours'. */
export const realtime = Boolean(process.env.REALTIME);

/** A command that runs others at that priority; threads that share a core take turns, or some servers would starve their own. */
export const prioritised = realtime ? ['chrt', '--rr', '1'] : [];

/** Those of `all` that PARTS="one other" names; all without it. */
export function parts(all, wanted = process.env.PARTS) {
  const named = wanted?.split(/\s+/).filter(Boolean) ?? [];
  const unknown = named.filter((name) => !all.includes(name));
  if (unknown.length > 0) throw new Error(`PARTS: there is no ${unknown.join(', ')}; there are ${all.join(', ')}`);
  return named.length > 0 ? named : all;
}

/** The command, on one core, with as many sockets as it may have. It gets the pid of what is spawned. */
const onCore = (core, command) => [
  'sh', '-c', `ulimit -n "$(ulimit -Hn)"; exec ${prioritised.join(' ')} taskset --cpu-list "$@"`,
  'sh', String(core), ...command.map(String),
];

/** Starts a server on core 0, once it listens. */
export async function start(command, settings) {
  const port = await freePort();
  const [program, ...args] = onCore(0, command(port, settings));
  const child = own(spawn(program, args, { stdio: ['ignore', 'ignore', 'pipe'] }));
  let words = '';
  child.stderr.on('data', (chunk) => { words = (words + chunk).slice(-2000); });
  const gone = new Promise((resolve) => child.once('exit', resolve));
  const failed = gone.then(() => { throw new Error(`the server ended at start: ${words}`); });
  failed.catch(() => {});
  await Promise.race([until('the server listens', () => listens(port), { within: 20_000 }), failed]);
  return { port, pid: child.pid, end: () => { child.kill('SIGKILL'); return gone; } };
}

const listens = (port) => new Promise((resolve) => {
  const probe = connect({ port, host: '127.0.0.1' });
  probe.once('connect', () => { probe.destroy(); resolve(true); }).once('error', () => resolve(false));
});

/** Runs the load generator on core 1; what it reports. */
export function measure(command) {
  const [program, ...args] = onCore(1, command);
  const child = own(spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'] }));
  let [out, words] = ['', ''];
  child.stdout.on('data', (chunk) => { out += chunk; });
  child.stderr.on('data', (chunk) => { words += chunk; });
  return new Promise((resolve, reject) => {
    child.once('close', (code) => (code === 0 ? resolve(JSON.parse(out)) : reject(new Error(`the load generator ended with ${code}: ${words}`))));
  });
}

/** The middle of some numbers, and between which they lie; null without any. */
export function spread(values) {
  const sorted = values.filter(Number.isFinite).sort((a, b) => a - b);
  if (sorted.length === 0) return null;
  const half = (sorted.length - 1) / 2;
  return { median: (sorted[Math.floor(half)] + sorted[Math.ceil(half)]) / 2, least: sorted[0], most: sorted.at(-1) };
}

/** Each of `values` against the one of the same round in `bases`. */
export function ratios(values, bases) {
  return values.map((value, round) => value / bases[round]);
}

/** Three significant digits, no more: `median (least–most)`, the latter only where they differ visibly. */
export function figure(values, digits = 3) {
  const found = spread(values);
  if (!found) return '–';
  const [median, least, most] = [found.median, found.least, found.most].map((value) => short(value, digits));
  return least === most ? median : `${median} (${least}–${most})`;
}

function short(value, digits) {
  const rounded = Number(value.toPrecision(digits));
  return Math.abs(rounded) >= 1000 ? Math.round(rounded).toLocaleString('en') : String(rounded);
}

/** Puts `text` between the two markers of `name` in `page`; everything else stays. */
export function between(page, name, text) {
  const [start, end] = [`<!-- ${name} -->`, `<!-- /${name} -->`];
  const [from, to] = [page.indexOf(start), page.indexOf(end)];
  if (from < 0 || to < from) throw new Error(`the page lacks the markers ${start} and ${end}`);
  return `${page.slice(0, from + start.length)}\n${text.trim()}\n${page.slice(to)}`;
}
