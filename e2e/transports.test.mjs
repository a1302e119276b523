// The official JavaScript client over each transport: it connects, is welcomed, and hears 25 updates a second.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { collect, connect, missed, missedMax, next, rateHz, transports } from './support/client.mjs';
import { startServer } from './support/server.mjs';

let server;
before(async () => { server = await startServer(); });
after(async () => { await server.end('SIGKILL'); server.remove(); });

for (const via of Object.keys(transports)) {
  test(`over ${via} a client is welcomed before anything else`, async (t) => {
    const socket = await connect(server, { t, via });
    const welcome = await next(socket, 'welcome', { past: true });
    assert.equal(Object.keys(socket.inbox)[0], 'welcome');
    assert.equal(welcome.swarm, 'default');
    assert.equal(welcome.tick_hz, 25);
    assert.equal(welcome.scenario.name, 'hello');
    assert.equal(welcome.role, 'operator');
    for (const field of ['version', 'build', 'origin', 'groups', 'params_hash', 'fences', 'obstacles', 'run_id', 'scenarios']) {
      assert.ok(field in welcome, `welcome has no ${field}`);
    }
    const names = welcome.types.map((type) => type.name);
    for (const name of ['scout', 'worker', 'tanker-mule', 'tanker-lifeline', 'overseer']) assert.ok(names.includes(name), `no type ${name} in ${names}`);
  });

  test(`over ${via} drones-update and status-update arrive 25 ± 1 times a second, none missing`, async (t) => {
    const socket = await connect(server, { t, via });
    await next(socket, 'drones-update');
    if (via === 'upgrade' && socket.io.engine.transport.name !== 'websocket') {
      await new Promise((resolve) => socket.io.engine.once('upgrade', resolve));
    }
    assert.equal(socket.io.engine.transport.name, via === 'polling' ? 'polling' : 'websocket');
    const [drones, status] = await Promise.all([collect(socket, 'drones-update', 5000), collect(socket, 'status-update', 5000)]);
    for (const [event, seen] of Object.entries({ 'drones-update': drones, 'status-update': status })) {
      const rate = rateHz(seen);
      t.diagnostic(`${event}: ${rate.toFixed(2)} a second, ${(missed(seen) * 100).toFixed(1)} % missing`);
      assert.ok(Math.abs(rate - 25) <= 1, `${event} came ${rate} times a second`);
      assert.ok(missed(seen) <= missedMax, `${missed(seen) * 100} % of the updates are missing`);
    }
  });
}

test('a drones-update names, places and describes every drone', async (t) => {
  const socket = await connect(server, { t });
  const update = await next(socket, 'drones-update');
  assert.ok(update.drones.length >= 5);
  for (const field of ['seq', 'tick', 'sim_time_s', 'wall_time_ms']) assert.equal(typeof update[field], 'number', field);
  assert.ok(Math.abs(update.sim_time_s - update.tick * 0.04) < 1e-6);
  for (const drone of update.drones) {
    assert.match(drone.id, /^\S+$/);
    assert.equal(drone.position.length, 3);
    assert.equal(drone.velocity.length, 3);
    assert.ok(drone.position.every(Number.isFinite), drone.id);
    assert.ok(drone.heading_deg >= 0 && drone.heading_deg <= 360, drone.id);
    assert.ok(drone.battery_pct >= 0 && drone.battery_pct <= 100, drone.id);
    assert.ok(['standby', 'takeoff', 'hold', 'guided', 'mission', 'swarm', 'rtl', 'land', 'emergency'].includes(drone.mode), drone.mode);
    assert.ok(['on_ground', 'takeoff', 'in_air', 'landing'].includes(drone.landed), drone.landed);
  }
});

test('the built-in scenario is in motion at once', async (t) => {
  const socket = await connect(server, { t });
  const { drones } = await next(socket, 'drones-update');
  const later = await next(socket, 'drones-update', { accept: (u) => u.tick > 100 });
  const moved = later.drones.filter((drone, i) => Math.hypot(...drone.position.map((p, k) => p - drones[i].position[k])) > 0.05);
  assert.ok(moved.length > 0 || later.drones.some((d) => Math.hypot(...d.velocity) > 0.1));
});

test('what one client sends as message, everybody in the namespace receives as response', async (t) => {
  const [a, b] = await Promise.all([connect(server, { t, auth: { name: 'Ada' } }), connect(server, { t, via: 'polling' })]);
  const heard = Promise.all([a, b].map((socket) => next(socket, 'response')));
  const payload = { text: 'grüß dich ✈', list: [1, null, { x: 2 }] };
  assert.equal((await a.timeout(2000).emitWithAck('message', payload)).ok, true);
  for (const response of await heard) {
    assert.deepEqual(response.msg, payload);
    assert.ok(response.from, 'a response says who sent it');
    assert.ok(response.time, 'a response says when');
  }
});

test('a connection to a namespace that does not exist is refused with a reason', async () => {
  await assert.rejects(connect(server, { namespace: '/swarms/none' }), /namespace/i);
});

test('presence-update names who is connected', async (t) => {
  const a = await connect(server, { t, auth: { name: 'Ada' } });
  const both = next(a, 'presence-update', { accept: ({ operators }) => operators.some((o) => o.name === 'Grace') });
  const b = await connect(server, { auth: { name: 'Grace' } });
  assert.ok((await both).operators.some((o) => o.name === 'Ada'));
  const left = next(a, 'presence-update', { accept: ({ operators }) => !operators.some((o) => o.name === 'Grace') });
  b.disconnect();
  await left;
});
