// The binary form of drones-update: what it says, when it is sent, and how credits hold it back.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { collect, connect, next, rateHz, send } from './support/client.mjs';
import { decodeFrame } from './support/frame.mjs';
import { sleep } from './support/process.mjs';
import { startServer } from './support/server.mjs';

let server;
before(async () => { server = await startServer({ args: ['--scenario', 'flock'] }); });
after(async () => { await server.end('SIGKILL'); server.remove(); });

const subscribe = (socket, topic) => socket.timeout(5000).emitWithAck('subscribe', { topics: { 'drones-update': topic } });
/** Frames, not the JSON updates that arrive until the subscription holds. */
const isFrame = (payload) => payload instanceof Uint8Array;

for (const via of ['websocket', 'polling']) {
  test(`over ${via} a binary frame says what the JSON of the same tick says`, async (t) => {
    const [json, binary] = await Promise.all([connect(server, { t }), connect(server, { t, via })]);
    const ack = await subscribe(binary, { encoding: 'binary', rate_hz: 25 });
    assert.equal(ack.ok, true, JSON.stringify(ack));
    assert.equal(ack.topics['drones-update'].encoding, 'binary');
    const table = await next(binary, 'drones-table', { past: true });
    await sleep(1000);
    const updates = new Map(json.inbox['drones-update'].map((update) => [update.tick, update]));
    let compared = 0;
    for (const frame of binary.inbox['drones-update'].filter(isFrame).map(decodeFrame)) {
      const update = updates.get(frame.tick);
      if (!update) continue;
      compared += 1;
      assert.equal(frame.version, 1);
      assert.equal(frame.stride, 16);
      assert.equal(frame.epoch, table.epoch);
      assert.equal(frame.seq, update.seq);
      assert.equal(frame.flags & 7, 0);
      assert.ok(Math.abs(frame.sim_time_s - update.sim_time_s) < 1e-3);
      assert.ok(Math.abs(frame.server_time_ms - Date.now()) < 10_000);
      assert.deepEqual(table.drones.map((d) => d.id), update.drones.map((d) => d.id));
      assert.equal(frame.drones.length, update.drones.length);
      frame.drones.forEach((drone, slot) => {
        const said = update.drones[slot];
        const where = `tick ${frame.tick}, ${said.id}`;
        // Half a quantum, and the half millimetre to which JSON is rounded.
        drone.position.forEach((p, axis) => assert.ok(Math.abs(p - said.position[axis]) <= frame.scale_m / 2 + 1e-3, `${where}: ${drone.position} ≠ ${said.position}`));
        const turn = Math.abs(drone.heading_deg - said.heading_deg) % 360;
        assert.ok(Math.min(turn, 360 - turn) <= 0.06, `${where}: heading ${drone.heading_deg} ≠ ${said.heading_deg}`);
        assert.ok(Math.abs(drone.battery_pct - said.battery_pct) <= 0.31, `${where}: battery`);
        assert.equal(drone.mode, said.mode, where);
        assert.equal(drone.landed, said.landed, where);
        assert.ok(Math.abs(drone.speed_mps - Math.hypot(said.velocity[0], said.velocity[1])) <= 0.11, `${where}: speed`);
      });
    }
    assert.ok(compared >= 10, `only ${compared} frames had a JSON update of the same tick`);
  });
}

test('without a frame-ack no more than in_flight_max frames are under way', async (t) => {
  const socket = await connect(server, { t });
  await subscribe(socket, { encoding: 'binary', rate_hz: 25, in_flight_max: 2 });
  await sleep(2000);
  const frames = () => socket.inbox['drones-update'].filter(isFrame).map(decodeFrame);
  assert.equal(frames().length, 2);
  const newest = (await server.json('/api/status')).tick;
  socket.emit('frame-ack', { seq: frames()[0].seq });
  await sleep(500);
  assert.equal(frames().length, 3);
  assert.ok(frames()[2].tick >= newest - 1, `after a pause the newest frame comes, not one of tick ${frames()[2].tick} at tick ${newest}`);
});

test('a client that acknowledges each frame gets all of them', async (t) => {
  const socket = await connect(server, { t });
  await subscribe(socket, { encoding: 'binary', rate_hz: 25, in_flight_max: 2 });
  socket.on('drones-update', (payload) => { if (isFrame(payload)) socket.emit('frame-ack', { seq: decodeFrame(payload).seq }); });
  await sleep(300);
  const seen = await collect(socket, 'drones-update', 4000);
  assert.ok(Math.abs(rateHz(seen) - 25) <= 1, `${rateHz(seen)} a second`);
});

test('a lower rate is kept', async (t) => {
  const socket = await connect(server, { t });
  const ack = await subscribe(socket, { encoding: 'binary', rate_hz: 5 });
  assert.equal(ack.topics['drones-update'].rate_hz, 5);
  await sleep(300);
  const seen = await collect(socket, 'drones-update', 4000);
  assert.ok(Math.abs(rateHz(seen) - 5) <= 0.5, `${rateHz(seen)} a second`);
});

test('unsubscribe ends a topic and leaves the others', async (t) => {
  const socket = await connect(server, { t });
  await next(socket, 'drones-update');
  assert.equal((await socket.timeout(5000).emitWithAck('unsubscribe', { topics: ['drones-update'] })).ok, true);
  await sleep(200);
  const [drones, status] = await Promise.all([collect(socket, 'drones-update', 1000), collect(socket, 'status-update', 1000)]);
  assert.equal(drones.length, 0);
  assert.ok(status.length > 15);
});

test('a wrong subscription is refused and changes nothing', async (t) => {
  const socket = await connect(server, { t });
  for (const topic of [{ encoding: 'morse' }, { rate_hz: -1 }, { rate_hz: 'fast' }, { in_flight_max: 0.5 }]) {
    const ack = await subscribe(socket, topic);
    assert.equal(ack.ok, false, `${JSON.stringify(topic)}: ${JSON.stringify(ack)}`);
    assert.ok(ack.error.code && ack.error.message);
  }
  assert.ok(!isFrame(await next(socket, 'drones-update')));
});

test('a change of the drone table changes the epoch, and the new table comes first', async (t) => {
  const socket = await connect(server, { t });
  await subscribe(socket, { encoding: 'binary' });
  const { epoch, drones } = await next(socket, 'drones-table', { past: true });
  const order = [];
  socket.on('drones-table', (table) => order.push(['table', table.epoch]));
  socket.on('drones-update', (payload) => { if (isFrame(payload)) order.push(['frame', decodeFrame(payload).epoch, decodeFrame(payload).drones.length]); });
  const table = next(socket, 'drones-table', { accept: (u) => u.epoch !== epoch });
  const { welcome } = socket.inbox;
  const ack = await send(socket, 'spawn', undefined, { type: welcome[0].types[0].name, count: 2, position: [0, 0, 0] });
  assert.equal(ack.ok, true, JSON.stringify(ack));
  const changed = await table;
  assert.equal(changed.drones.length, drones.length + 2);
  await sleep(300);
  const firstNew = order.findIndex(([kind, of]) => kind === 'frame' && of === changed.epoch);
  const announced = order.findIndex(([kind, of]) => kind === 'table' && of === changed.epoch);
  assert.ok(announced >= 0 && announced < firstNew, JSON.stringify(order));
  assert.equal(order[firstNew][2], drones.length + 2);
});

test('the drone table is told to who begins to need it, and not again with every change of the subscription', async (t) => {
  const socket = await connect(server, { t });
  const tables = () => socket.inbox['drones-table']?.length ?? 0;
  /** Events come in order, and the answer last. */
  const told = async (settings) => {
    const before = tables();
    assert.equal((await subscribe(socket, settings)).ok, true);
    return tables() - before;
  };
  assert.equal(await told({ encoding: 'binary' }), 1);
  assert.equal(await told({ encoding: 'binary' }), 0);
  assert.equal(await told({ encoding: 'delta', rate_hz: 5 }), 0);
  assert.equal(await told({ encoding: 'delta', rate_hz: 25, error_m: 0.05 }), 0);
  assert.equal(await told({ encoding: 'json' }), 0);
  assert.equal(await told({ encoding: 'binary' }), 1);
  await socket.timeout(5000).emitWithAck('unsubscribe', { topics: ['drones-update'] });
  assert.equal(await told({ encoding: 'delta' }), 1);
});

test('a client that asks for binary frames at CONNECT is sent no list in JSON before', async (t) => {
  const topics = { 'drones-update': { encoding: 'binary', rate_hz: 25 } };
  const socket = await connect(server, { t, auth: { topics } });
  await next(socket, 'drones-update', { past: true, accept: isFrame, within: 15_000 });
  assert.ok(socket.inbox['drones-update'].every(isFrame));
  assert.equal(socket.inbox['drones-table'].length, 1);
  assert.ok(await next(socket, 'status-update', { past: true, within: 15_000 }), 'topics that CONNECT does not name stay as they are');
  await assert.rejects(connect(server, { t, auth: { topics: { 'drones-update': { encoding: 'xml' } } } }), /encoding must be json/);
});
