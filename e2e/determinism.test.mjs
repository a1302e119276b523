// Scenario and seed decide every bit of a run: headless, on one thread or two, stepped, or live in real time.

import assert from 'node:assert/strict';
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

for (const [scenario, ticks] of [['hello', 500], ['flock', 250], ['thousand', 100]]) {
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

for (const scenario of ['hello', 'flock']) {
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
