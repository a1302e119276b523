// Scenario, seed and journal decide every bit of a run: headless, on one thread or two, stepped, live in real time, or
// replayed from the record.

import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { connect, send } from './support/client.mjs';
import { sleep, until } from './support/process.mjs';
import { hmrs, startServer } from './support/server.mjs';

function run(scenario, ticks, ...more) {
  const { code, last, stderr } = hmrs('run', scenario, '--ticks', String(ticks), ...more);
  assert.equal(code, 0, stderr);
  assert.equal(last.ticks, ticks);
  assert.match(last.state_hash, /^[0-9a-f]{16}$/);
  return last;
}

for (const [scenario, ticks] of [['hello', 500], ['flock', 250], ['thousand', 100], ['facade', 800]]) {
  test(`${scenario}: two runs of ${ticks} ticks end in the same state, on one thread and on two`, () => {
    const hashes = [[], [], ['--threads', '1'], ['--threads', '2']].map((more) => run(scenario, ticks, ...more).state_hash);
    assert.deepEqual(hashes, hashes.map(() => hashes[0]));
  });
}

test('another seed or another length ends elsewhere', () => {
  const hashes = [run('flock', 100), run('flock', 100, '--seed', '2'), run('flock', 101)].map((r) => r.state_hash);
  assert.equal(new Set(hashes).size, 3);
});

test('the summary of a run says what it was and how fast', () => {
  const last = run('hello', 250);
  for (const field of ['scenario', 'seed', 'ticks', 'sim_time_s', 'wall_s', 'real_time_factor', 'drone_updates_per_s', 'state_hash', 'metrics']) assert.ok(field in last, field);
  assert.ok(Math.abs(last.sim_time_s - 10) < 1e-6);
});

for (const scenario of ['hello', 'flock', 'facade']) {
  test(`${scenario}: the live server, stepped, agrees with the headless run`, async (t) => {
    const server = await startServer({ t, args: ['--scenario', scenario, '--paused'] });
    const socket = await connect(server, { t });
    for (const [ticks, total] of [[1, 1], [124, 125], [375, 500]]) {
      const ack = await send(socket, 'step', undefined, { ticks });
      assert.equal(ack.ok, true, JSON.stringify(ack));
      const status = await until(`tick ${total}`, async () => { const s = await server.json('/api/status'); return s.tick === total && s.state_hash_tick === total && s; });
      assert.equal(status.state_hash, run(scenario, total).state_hash, `after ${total} ticks`);
    }
  });

  test(`${scenario}: steps that are asked for while others are under way are neither lost nor disturbed`, async (t) => {
    const server = await startServer({ t, args: ['--scenario', scenario, '--paused'] });
    const socket = await connect(server, { t });
    for (let i = 0; i < 100; i++) assert.equal((await send(socket, 'step', undefined, { ticks: 5 })).ok, true);
    const status = await until('tick 500', async () => { const s = await server.json('/api/status'); return s.tick === 500 && s.state_hash_tick === 500 && s; });
    assert.equal(status.state_hash, run(scenario, 500).state_hash);
  });

  test(`${scenario}: the live server in real time agrees with the headless run`, async (t) => {
    const server = await startServer({ t, args: ['--scenario', scenario] });
    await sleep(3000);
    await server.post('/api/pause');
    const status = await until('paused', async () => { const s = await server.json('/api/status'); return s.state === 'paused' && s.state_hash_tick === s.tick && s; });
    assert.ok(status.tick > 50);
    // A drone that answered late kept its last intent: that is in the journal, and the bare run knows no journal.
    if (/intent/.test(JSON.stringify(await server.json('/api/logs')))) return t.skip('an intent was late on this machine');
    assert.equal(status.state_hash, run(scenario, status.tick).state_hash, `after ${status.tick} ticks`);
  });
}

/** The status of a swarm when it stands at `tick` with a hash of that tick. */
const standing = (server, swarm, tick) => until(`tick ${tick} of ${swarm}`, async () => {
  const status = await server.json(`/api/status?swarm=${swarm}`);
  return status.tick === tick && status.state_hash_tick === tick && status;
});

test('twelve pairs of scenario and seed: one hash each, live, headless, replayed, on one thread and on two', async (t) => {
  const server = await startServer({ t, args: ['--paused', '--intent-wait-ms', '60000'] });
  const ticks = 100;
  const flown = [];
  for (const scenario of ['hello', 'flock', 'vicsek', 'couzin', 'lattice', 'vasarhelyi']) {
    for (const seed of [3, 2 ** 40 + 1]) {
      const { status, body } = await server.post('/api/swarms', { scenario, seed });
      assert.ok(status < 300, JSON.stringify(body));
      const id = body.swarm?.id ?? body.id;
      await server.post(`/api/pause?swarm=${id}`);
      const from = await until(`${id} is held`, async () => { const s = await server.json(`/api/status?swarm=${id}`); return s.state === 'paused' && s; });
      assert.ok(from.tick < ticks, `${scenario} was at tick ${from.tick} before it was held`);
      const ack = await server.post(`/api/command?swarm=${id}`, { command: 'step', params: { ticks: ticks - from.tick } });
      assert.equal(ack.body.ok, true, JSON.stringify(ack.body));
      const live = await standing(server, id, ticks);
      const [one, two] = ['1', '2'].map((threads) => run(scenario, ticks, '--seed', String(seed), '--threads', threads).state_hash);
      assert.deepEqual([one, two], [live.state_hash, live.state_hash], `${scenario}, seed ${seed}`);
      flown.push({ scenario, seed, run: live.run_id, hash: live.state_hash });
      await server.post(`/api/swarms/${id}`, undefined, 'DELETE');
    }
  }
  await server.end();
  for (const { scenario, seed, run: id, hash } of flown) {
    const { code, last, stderr } = hmrs('replay', id, '--verify', '--threads', seed === 3 ? '1' : '2', '--data-dir', server.dataDir);
    assert.equal(code, 0, `${scenario}, seed ${seed}: ${stderr}`);
    assert.equal(last.state_hash, hash, `${scenario}, seed ${seed}`);
    assert.ok(last.hashes_verified >= 4, JSON.stringify(last));
  }
});

/** Numbers from 0 to 1 that are the same every time. */
function numbers(seed) {
  let state = seed;
  return () => { state = (Math.imul(state, 1664525) + 1013904223) >>> 0; return state / 2 ** 32; };
}

test('a run with 200 random commands and parameter changes replays to the same hash, and one flipped entry is found at its tick', async (t) => {
  const server = await startServer({ t, args: ['--scenario', 'hello', '--paused', '--intent-wait-ms', '60000'] });
  const random = numbers(20_000);
  const between = (low, high) => low + (high - low) * random();
  const pick = (list) => list[Math.floor(random() * list.length)];
  const ids = (await server.json('/api/drones')).drones.map((drone) => drone.id);
  const tunable = (await server.json('/api/params')).params.filter((param) => param.type === 'number');
  const commands = [
    () => ['goto', { position: [between(-100, 100), between(-100, -20), between(5, 60)], speed_mps: between(1, 6) }],
    () => ['hold'], () => ['rtl'], () => ['land'],
    () => ['takeoff', { altitude_m: between(3, 30) }],
    () => ['velocity', { velocity: [between(-3, 3), between(-3, 3), between(-1, 1)] }],
    () => ['set_behavior', { behavior: 'boids', params: { separation_m: between(2, 9) } }],
    () => ['formation', { shape: pick(['line', 'circle', 'grid']), spacing_m: between(3, 8) }],
    () => ['inject_fault', { fault: pick(['gps', 'link', 'battery']), ...(random() < 0.5 ? { duration_s: between(1, 20) } : {}) }],
    () => ['set_environment', { wind_mps: between(0, 8), wind_from_deg: between(0, 360) }],
    () => { const param = pick(tunable); return ['set_param', { path: param.path, value: between(param.min, Math.min(param.max, param.min + 50)) }]; },
    () => ['spawn', { type: pick(['scout', 'quad']), count: 1, position: [between(-90, 90), -60, 20] }],
  ];
  let tick = 0;
  let accepted = 0;
  for (let n = 0; n < 200; n++) {
    const [command, params] = pick(commands)();
    const { body } = await server.post('/api/command', { command, targets: random() < 0.2 ? 'all' : [pick(ids)], ...(params ? { params } : {}) });
    accepted += body.ok ? 1 : 0;
    const ticks = Math.floor(between(0, 4));
    if (ticks > 0) {
      assert.equal((await server.post('/api/command', { command: 'step', params: { ticks } })).body.ok, true);
      tick += ticks;
      await until(`tick ${tick}`, async () => (await server.json('/api/status')).tick === tick);
    }
  }
  await server.post('/api/command', { command: 'step', params: { ticks: 25 } });
  tick += 25;
  const { run_id: id, state_hash: hash } = await until(`tick ${tick}`, async () => { const s = await server.json('/api/status'); return s.tick === tick && s.state_hash_tick === tick && s; });
  assert.ok(accepted > 100, `only ${accepted} of 200 commands were accepted`);
  await server.end();

  const record = join(server.dataDir, 'run.jsonl');
  const replayed = hmrs('replay', id, '--verify', '--until', String(tick), '--data-dir', server.dataDir, '--record', record);
  assert.equal(replayed.code, 0, replayed.stderr);
  assert.deepEqual([replayed.last.state_hash, replayed.last.ticks], [hash, tick]);
  assert.ok(replayed.last.hashes_verified > 50, JSON.stringify(replayed.last));
  t.diagnostic(`${accepted} of 200 commands accepted over ${tick} ticks, ${replayed.last.hashes_verified} hashes verified`);

  const lines = readFileSync(record, 'utf8').trimEnd().split('\n');
  assert.equal(hmrs('replay', record, '--verify').last.state_hash, hash);
  const of = (command) => [...lines.keys()].filter((n) => JSON.parse(lines[n]).entry?.command === command);
  const middle = (list) => list[Math.floor(list.length / 2)];
  for (const place of [of('goto')[0], middle(of('goto')), of('set_param')[0], middle(of('set_param'))]) {
    const line = JSON.parse(lines[place]);
    const { seq, tick: at, command, params } = line.entry;
    if (command === 'goto') params.position[0] += 1e-9;
    else params.value *= 1 - 1e-9;
    const flipped = join(server.dataDir, 'flipped.jsonl');
    writeFileSync(flipped, [...lines.slice(0, place), JSON.stringify(line), ...lines.slice(place + 1)].join('\n') + '\n');
    const found = hmrs('replay', flipped, '--verify');
    assert.equal(found.code, 1);
    assert.match(found.stderr, new RegExp(`differs at tick ${at + 1}:.*entry ${seq} at tick ${at} \\(${command}`));
    if (command === 'set_param') {
      const diff = hmrs('diff', record, flipped);
      assert.equal(diff.code, 1);
      assert.match(diff.stderr, new RegExp(`differ first at tick ${at + 1} .*${params.path}: `));
    }
  }
});
