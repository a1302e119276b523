// Sweeps, exports and comparisons as researchers use them: the same bytes however they were come by.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { own, until } from './support/process.mjs';
import { binary, hmrs } from './support/server.mjs';

const home = mkdtempSync(join(tmpdir(), 'hmrs-research-'));
test.after(() => rmSync(home, { recursive: true, force: true }));
const file = (name) => join(home, name);
const text = (name) => readFileSync(file(name), 'utf8');

/** A small sweep: 3 × 2 points, 3 seeds. */
const sweep = ['sweep', 'vicsek', '--grid', 'behavior.vicsek.noise_rad=0:4:3', '--grid', 'drones[0].count=10,20', '--seeds', '1..3', '--ticks', '40'];

function done(...args) {
  const result = hmrs(...args);
  assert.equal(result.code, 0, result.stderr);
  return result.last;
}

/** Rows of a CSV file as objects, without its comment lines. */
function rows(name) {
  const [head, ...lines] = text(name).trimEnd().split('\n').filter((line) => !line.startsWith('#')).map((line) => line.split(','));
  return lines.map((cells) => Object.fromEntries(cells.map((cell, i) => [head[i], cell])));
}

test('a sweep has a row a run, each of which a single run repeats', () => {
  assert.equal(done(...sweep, '--out', file('whole.csv')).runs, 18);
  const all = rows('whole.csv');
  assert.equal(all.length, 18);
  const row = all[16];
  const run = done('run', 'vicsek', '--ticks', '40', '--seed', row.seed, '--set', `behavior.vicsek.noise_rad=${row['behavior.vicsek.noise_rad']}`, '--set', `drones[0].count=${row['drones[0].count']}`);
  assert.equal(run.state_hash, row.state_hash);
  assert.equal(String(run.metrics.polarization), row.polarization);
  for (const key of ['program', 'version', 'scenario', 'scenario_hash', 'seeds', 'plan_hash', 'command_line']) assert.match(text('whole.csv'), new RegExp(`^# ${key}: .+$`, 'm'));
});

test('shards, merged in any order, are the same bytes as the sweep in one piece, in every format and on any number of jobs', () => {
  for (const ending of ['csv', 'jsonl', 'parquet']) {
    done(...sweep, '--jobs', '1', '--out', file(`one.${ending}`));
    const shards = [0, 1, 2].map((i) => file(`shard-${i}.${ending}`));
    shards.forEach((out, i) => done(...sweep, '--jobs', '2', '--shard', `${i}/3`, '--out', out));
    done('sweep', 'merge', shards[2], shards[0], shards[1], '--out', file(`merged.${ending}`));
    assert.ok(readFileSync(file(`one.${ending}`)).equals(readFileSync(file(`merged.${ending}`))), ending);
    const lacking = hmrs('sweep', 'merge', shards[0], shards[2], '--out', file('lacking.csv'));
    assert.equal(lacking.code, 1);
    assert.match(lacking.stderr, /run 1 of 18 is in none of the files: shard 1\/3/);
  }
  assert.equal(text('one.csv'), text('whole.csv'));
});

test('runs with ticks of different length last the same seconds, in one piece, merged or called again', () => {
  const ticks = ['sweep', 'vicsek', '--seconds', '2', '--grid', 'time.tick_s=0.01,0.02', '--seeds', '1..2'];
  done(...ticks, '--out', file('ticks.csv'));
  assert.deepEqual(rows('ticks.csv').map((row) => [row.ticks, row.sim_time_s]), [['200', '2'], ['200', '2'], ['100', '2'], ['100', '2']]);
  assert.match(text('ticks.csv'), /^# seconds: 2$/m);
  assert.doesNotMatch(text('ticks.csv'), /^# tick/m);
  const shards = [0, 1].map((i) => file(`ticks-${i}.csv`));
  shards.forEach((out, i) => done(...ticks, '--shard', `${i}/2`, '--out', out));
  done('sweep', 'merge', ...shards, '--out', file('ticks-merged.csv'));
  assert.equal(text('ticks-merged.csv'), text('ticks.csv'));
  assert.equal(done(...ticks, '--out', file('ticks.csv')).computed, 0);
  const run = done('run', 'vicsek', '--seconds', '2', '--seed', '2', '--set', 'time.tick_s=0.02');
  assert.equal(run.state_hash, rows('ticks.csv')[3].state_hash);
});

test('a sweep that is killed and started again gives the same bytes as an unbroken one', async () => {
  const long = ['sweep', 'vicsek', '--grid', 'behavior.vicsek.noise_rad=0:4:3', '--grid', 'drones[0].count=30', '--seeds', '1..8', '--ticks', '150', '--jobs', '1'];
  done(...long, '--out', file('unbroken.csv'));
  for (const torn of [false, true]) {
    const out = file('broken.csv');
    rmSync(out, { force: true });
    const child = own(spawn(binary, [...long, '--out', out], { stdio: 'ignore' }));
    const ended = new Promise((resolve) => child.once('exit', resolve));
    await until('some rows are there', () => existsSync(`${out}.part`) && readFileSync(`${out}.part`, 'utf8').split('\n').length > 4, { every: 1 });
    child.kill('SIGKILL');
    await ended;
    assert.ok(!existsSync(out), 'the sweep was over before it was killed');
    if (torn) writeFileSync(`${out}.part`, readFileSync(`${out}.part`, 'utf8').slice(0, -20));
    const last = done(...long, '--out', out);
    assert.ok(last.resumed >= 2 && last.resumed < 24 && last.computed === 24 - last.resumed, JSON.stringify(last));
    assert.equal(readFileSync(out, 'utf8'), text('unbroken.csv'));
    assert.ok(!existsSync(`${out}.part`));
    assert.equal(done(...long, '--out', out).computed, 0, 'a finished sweep is not run again');
  }
  const other = hmrs('sweep', 'vicsek', '--seeds', '1..2', '--ticks', '5', '--out', file('broken.csv'));
  assert.equal(other.code, 1);
  assert.match(other.stderr, /holds another sweep/);
});

test('a run that fails is a row with its error, and the sweep goes on', () => {
  const battery = ['10,60', '50,70'].flatMap((values, i) => ['--grid', `drones[0].battery_pct[${i}]=${values}`]);
  const args = ['sweep', 'hello', ...battery, '--seeds', '1..2', '--ticks', '5'];
  const last = done(...args, '--out', file('failed.csv'));
  assert.equal(last.failed, 2);
  assert.deepEqual(rows('failed.csv').map((row) => row.state_hash !== ''), [true, true, true, true, false, false, true, true]);
  assert.match(text('failed.csv'), /drones\[0\]\.battery_pct: 60 is more than 50/);
  assert.equal(hmrs('sweep', 'hello', '--grid', 'drones[1].count=0,-1', '--ticks', '5', '--out', file('all.csv')).code, 2);
});

test('a plan file, a list and a Latin hypercube say what to visit', () => {
  writeFileSync(file('plan.toml'), `scenario = "vicsek"\nseeds = [1, 2]\nticks = 5\n[latin_hypercube]\npoints = 4\nranges = { "behavior.vicsek.noise_rad" = [0.0, 4.0], "metrics.link_m" = [0.5, 2.0] }\n[grid]\n"drones[0].count" = [10, 20]\n`);
  assert.equal(done('sweep', '--plan', file('plan.toml'), '--out', file('plan.csv')).runs, 16);
  const quarters = new Set(rows('plan.csv').map((row) => Math.floor(Number(row['behavior.vicsek.noise_rad']))));
  assert.deepEqual([...quarters].sort(), [0, 1, 2, 3]);
  writeFileSync(file('list.csv'), 'behavior.vicsek.noise_rad,drones[0].count\n1,10\n2.5,20\n');
  done('sweep', 'vicsek', '--list', file('list.csv'), '--ticks', '5', '--out', file('listed.csv'));
  assert.deepEqual(rows('listed.csv').map((row) => [row['behavior.vicsek.noise_rad'], row['drones[0].count']]), [['1', '10'], ['2.5', '20']]);
});

for (const [what, args, pattern] of [
  ['a parameter that is none', ['--grid', 'behavior.vicsek.noise=1'], /behavior\.vicsek\.noise: there is no such parameter/],
  ['a value out of range', ['--grid', 'behavior.vicsek.noise_rad=1,99'], /behavior\.vicsek\.noise_rad: 99 is out of range 0\.\./],
  ['a path that comes twice', ['--grid', 'metrics.link_m=1', '--grid', 'metrics.link_m=2'], /metrics\.link_m is varied twice/],
  ['a field that scenarios do not have', ['--grid', 'colour=red,blue'], /colour=red: is not known here/],
  ['a value that no run can have', ['--grid', 'drones[0].count=10,-5'], /drones\[0\]\.count=-5: -5 is out of range/],
  ['seeds that are none', ['--seeds', '5..1'], /--seeds 5\.\.1/],
  ['a shard that is none', ['--shard', '3/3'], /--shard 3\/3/],
]) {
  test(`a sweep refuses ${what} before it begins`, () => {
    const { code, stderr } = hmrs('sweep', 'vicsek', '--ticks', '5', ...args, '--out', file('refused.csv'));
    assert.equal(code, 2, stderr);
    assert.match(stderr, pattern);
    assert.ok(!existsSync(file('refused.csv')));
  });
}

test('the published cases that are quick hold through the command line, each with its source', () => {
  const { code, stdout, stderr } = hmrs('verify', '--quick');
  assert.equal(code, 0, stderr);
  const [head, ...cases] = stdout.trimEnd().split('\n');
  assert.match(head, /case +expected +got +tolerance +source/);
  assert.ok(cases.length >= 14, stdout);
  for (const line of cases) assert.match(line, /^\S+ +[\d.]+ +[\d.]+ +\S+ +ok +\S/);
  assert.equal(hmrs('verify', 'no-such-case').code, 1);
});

test('the fitness of a flock stands in its run and in the columns of a sweep, with the tolerances as parameters', () => {
  const sets = ['drones[0].count=20', 'gps.preset=rtk', 'metrics.steady_from_s=10'];
  const tolerance = 'metrics.speed_tolerance_mps';
  done('sweep', 'vasarhelyi', '--seconds', '40', ...sets.flatMap((set) => ['--grid', set]), '--grid', `${tolerance}=0.1,5`, '--out', file('fit.csv'));
  const all = rows('fit.csv');
  assert.ok(Number(all[1].fitness_speed) > Number(all[0].fitness_speed), `${all[0].fitness_speed} ${all[1].fitness_speed}`);
  for (const row of all) {
    const run = done('run', 'vasarhelyi', '--seconds', '40', ...[...sets, `${tolerance}=${row[tolerance]}`].flatMap((set) => ['--set', set]));
    assert.deepEqual([run.fitness.total, run.state_hash], [Number(row.fitness_total), row.state_hash]);
    const factors = ['speed', 'danger', 'disconnected', 'cluster', 'wall', 'correlation'].map((name) => run.fitness[name]);
    assert.ok(factors.every((factor) => factor >= 0 && factor <= 1), JSON.stringify(run.fitness));
    assert.ok(Math.abs(run.fitness.total - factors.reduce((a, b) => a * b)) < 1e-12);
    assert.equal(run.aggregates.vasarhelyi_cluster_min.max, 20);
  }
  assert.equal(done('run', 'vicsek', '--ticks', '5').fitness, undefined);
});

test('a run refuses files that it could not write', () => {
  const run = (...args) => hmrs('run', 'vicsek', '--ticks', '5', ...args);
  const twice = run('--out', file('twice.csv'), '--metrics', file('twice.csv'));
  assert.match(twice.stderr, /--metrics .*twice\.csv: is the file of --out already/);
  const report = run('--report', file('report.json'));
  assert.match(report.stderr, /--report: the scenario vicsek has no mission/);
  assert.deepEqual([twice.code, report.code, existsSync(file('twice.csv')), existsSync(file('report.json'))], [2, 2, false, false]);
});

test('the tables of a run are the same in every format, and a difference is named', () => {
  for (const ending of ['csv', 'jsonl', 'parquet']) {
    done('run', 'hello', '--ticks', '100', '--every', '10', '--out', file(`states.${ending}`), '--metrics', file(`metrics.${ending}`), '--happenings', file(`log.${ending}`), '--set', 'limits.separation_m=4', '--commands', file(`commands.${ending}`));
  }
  for (const table of ['states', 'metrics', 'log', 'commands']) {
    for (const ending of ['jsonl', 'parquet']) assert.equal(hmrs('diff', file(`${table}.csv`), file(`${table}.${ending}`)).code, 0, `${table}.${ending}`);
  }
  assert.equal(rows('states.csv').length, 12 * 10);
  writeFileSync(file('other.csv'), text('states.csv').replace(/^(20,0\.8,worker-2,.*),in_air,/m, '$1,landing,'));
  const { code, stderr } = hmrs('diff', file('states.csv'), file('other.csv'));
  assert.equal(code, 1);
  assert.match(stderr, /differ first in row \d+, tick 20, drone worker-2: landed: in_air and landing/);
  done('run', 'hello', '--ticks', '50', '--out', file('all.mcap'));
  assert.equal(readFileSync(file('all.mcap')).subarray(0, 8).toString('latin1'), '\x89MCAP0\r\n');
});
