// Commands: answered quickly, executed once, done when they are done, and harmless when they are wrong.

import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, before, test } from 'node:test';
import { connect, distance, droneOf, next, send } from './support/client.mjs';
import { quantiles, sleep, until } from './support/process.mjs';
import { startServer } from './support/server.mjs';

let server;
before(async () => { server = await startServer(); });
after(async () => { await server.end('SIGKILL'); server.remove(); });

/** A drone that flies, as the newest update shows it. */
async function airborne(socket) {
  const update = await next(socket, 'drones-update', { accept: (u) => u.drones.some((d) => d.landed === 'in_air'), within: 30_000 });
  return update.drones.find((drone) => drone.landed === 'in_air');
}

/** A place `metres` further from the tower in the middle of `hello` than the drone is. */
function outward({ position: [e, n, u] }, metres) {
  const [dx, dy] = [e - 0, n - 20];
  const scale = metres / Math.max(1, Math.hypot(dx, dy));
  return [e + dx * scale, n + dy * scale, u];
}

test('a command is acknowledged within 50 ms at the median', async (t) => {
  const socket = await connect(server, { t });
  const { id } = await airborne(socket);
  const took = [];
  for (let i = 0; i < 60; i++) {
    const start = performance.now();
    const ack = await send(socket, 'hold', [id]);
    took.push(performance.now() - start);
    assert.equal(ack.ok, true, JSON.stringify(ack));
  }
  const { median, p99 } = quantiles(took);
  t.diagnostic(`ack after ${median.toFixed(1)} ms at the median, ${p99.toFixed(1)} ms at the 99th percentile`);
  assert.ok(median < 50, `${median} ms`);
});

test('goto is completed when the drone is within its stated radius of the goal, and not before', async (t) => {
  const socket = await connect(server, { t });
  const drone = await airborne(socket);
  const position = outward(drone, 12);
  const command_id = randomUUID();
  const track = [];
  socket.on('drones-update', ({ tick, drones }) => track.push({ tick, away: distance(drones.find((d) => d.id === drone.id).position, position) }));
  const done = next(socket, 'command-update', { accept: (u) => u.command_id === command_id && u.done, within: 60_000 });

  const ack = await send(socket, 'goto', [drone.id], { position }, { command_id });
  assert.equal(ack.results[drone.id]?.result, 'accepted', JSON.stringify(ack));
  const update = await done;
  await next(socket, 'drones-update', { accept: (u) => u.tick > update.tick });

  const { params } = await server.json('/api/params');
  const radius = params.find(({ path }) => path.endsWith('arrival_radius_m')).value;
  assert.equal(update.results[drone.id].result, 'completed', JSON.stringify(update));
  const at = track.find(({ tick }) => tick >= update.tick);
  t.diagnostic(`completed at tick ${update.tick}, ${at.away.toFixed(2)} m from the goal, radius ${radius} m`);
  assert.ok(at.away <= radius + 0.01, `completed ${at.away} m from the goal`);
  const earlier = socket.inbox['command-update'].filter((u) => u.command_id === command_id && u !== update);
  assert.ok(earlier.every((u) => u.results[drone.id]?.result !== 'completed'), 'completed was said twice');
  const firstInside = track.find(({ away }) => away <= radius).tick;
  assert.ok(update.tick >= firstInside, `completed at tick ${update.tick}, inside only from tick ${firstInside} on`);
});

test('everybody hears of a command, and a newer one cancels it by name', async (t) => {
  const [a, b] = await Promise.all([connect(server, { t, auth: { name: 'Ada' } }), connect(server, { t, via: 'polling' })]);
  const drone = await airborne(a);
  const [first, second] = [randomUUID(), randomUUID()];
  const heard = next(b, 'command-update', { accept: (u) => u.command_id === first });
  const cancelled = next(b, 'command-update', { accept: (u) => u.command_id === first && u.results[drone.id]?.result === 'cancelled' });
  await send(a, 'goto', [drone.id], { position: outward(drone, 30) }, { command_id: first });
  const update = await heard;
  assert.equal(update.via, 'socketio');
  assert.equal(update.command, 'goto');
  assert.match(update.author, /Ada/);
  await send(a, 'hold', [drone.id], undefined, { command_id: second });
  assert.ok((await cancelled).results[drone.id].reason, 'cancelled says by what');
});

test('the same command_id over Socket.IO and HTTP executes once and is answered alike', async (t) => {
  const socket = await connect(server, { t });
  const count = async () => (await server.json('/api/drones')).drones.length;
  const known = await count();

  const later = { command_id: randomUUID(), command: 'spawn', params: { type: 'scout', count: 1, position: [-60, -60, 0] } };
  const first = await socket.timeout(5000).emitWithAck('command', later);
  assert.equal(first.ok, true, JSON.stringify(first));
  const second = await server.post('/api/command', later);
  assert.equal(second.status, 200);
  assert.deepEqual(second.body, first);

  const together = { ...later, command_id: randomUUID() };
  const acks = await Promise.all([
    socket.timeout(5000).emitWithAck('command', together),
    server.post('/api/command', together).then(({ body }) => body),
    socket.timeout(5000).emitWithAck('command', together),
    server.post('/api/command', together).then(({ body }) => body),
  ]);
  for (const ack of acks) assert.deepEqual(ack, acks[0]);

  await next(socket, 'drones-update', { accept: (u) => u.drones.length >= known + 2 });
  await sleep(200);
  assert.equal(await count(), known + 2);
});

test('a dry run gives the answer and changes nothing', async (t) => {
  const socket = await connect(server, { t });
  const drone = await airborne(socket);
  const ack = await send(socket, 'land', [drone.id], undefined, { dry_run: true });
  assert.equal(ack.ok, true, JSON.stringify(ack));
  assert.equal(ack.dry_run, true);
  await sleep(200);
  assert.notEqual(droneOf(await server.json('/api/drones'), drone.id).mode, 'land');
});

test("the old clients' form of a command is understood", async (t) => {
  const socket = await connect(server, { t });
  const drone = await airborne(socket);
  const ack = await socket.timeout(5000).emitWithAck('command', { drone_name: drone.id, command_type: 'hover' });
  assert.equal(ack.ok, true, JSON.stringify(ack));
  await next(socket, 'drones-update', { accept: (u) => droneOf(u, drone.id).mode === 'hold' });
});

test('partial success is normal: each target has its own result', async (t) => {
  const socket = await connect(server, { t });
  const ack = await send(socket, 'takeoff', 'all', { altitude_m: 10 });
  assert.equal(ack.ok, true, JSON.stringify(ack));
  const { drones } = await server.json('/api/drones');
  assert.deepEqual(Object.keys(ack.results).sort(), drones.map((d) => d.id).sort());
  for (const [id, { result, reason }] of Object.entries(ack.results)) {
    assert.ok(['accepted', 'denied', 'unsupported', 'temporarily_rejected'].includes(result), `${id}: ${result}`);
    if (result !== 'accepted') assert.ok(reason, `${id} was ${result} without a reason`);
  }
});

test('time control is a command like any other', async (t) => {
  const socket = await connect(server, { t });
  await send(socket, 'pause');
  const paused = await next(socket, 'status-update', { accept: (s) => s.state === 'paused' });
  const ack = await send(socket, 'step', undefined, { ticks: 7 });
  assert.equal(ack.ok, true, JSON.stringify(ack));
  await next(socket, 'status-update', { accept: (s) => s.tick === paused.tick + 7 });
  await sleep(200);
  assert.equal((await server.json('/api/status')).tick, paused.tick + 7);
  await send(socket, 'set_speed', undefined, { factor: 4 });
  await send(socket, 'start');
  const from = await next(socket, 'status-update', { accept: (s) => s.state === 'running' });
  await sleep(2000);
  const to = await next(socket, 'status-update');
  const speed = ((to.sim_time_s - from.sim_time_s) * 1000) / (to.wall_time_ms - from.wall_time_ms);
  t.diagnostic(`asked for 4 ×, got ${speed.toFixed(2)} ×`);
  assert.ok(Math.abs(speed - 4) < 0.4, `${speed}`);
  await send(socket, 'set_speed', undefined, { factor: 1 });
});

test('load_scenario and reset begin a new run', async (t) => {
  const socket = await connect(server, { t });
  const before = await server.json('/api/status');
  await send(socket, 'load_scenario', undefined, { name: 'flock' });
  const flock = await until('the flock is there', async () => { const s = await server.json('/api/status'); return s.drones === 200 && s; });
  assert.notEqual(flock.run_id, before.run_id);
  const ack = await send(socket, 'reset', undefined, { seed: 7 });
  assert.equal(ack.ok, true, JSON.stringify(ack));
  await until('a third run', async () => ![before.run_id, flock.run_id].includes((await server.json('/api/status')).run_id));
  await send(socket, 'load_scenario', undefined, { name: 'hello' });
  await send(socket, 'start');
  await until('hello flies again', async () => { const s = await server.json('/api/status'); return s.drones < 200 && s.state === 'running'; });
});

// ——— bad input ———

const [somewhere, long] = [[0, 0, 20], 'x'.repeat(65)];
/** What is sent, the code that must come back, and the field that must be named. */
const wrong = {
  'no object': ['takeoff', 'bad_request'],
  'a list': [[1, 2], 'bad_request'],
  'null': [null, 'bad_request'],
  'no command': [{ targets: 'all' }, 'bad_request', 'command'],
  'a command that is a number': [{ command: 7 }, 'bad_request', 'command'],
  'an unknown command': [{ command: 'dance', targets: 'all' }, 'unknown_command'],
  'no targets': [{ command: 'hold' }, 'bad_request', 'targets'],
  'an unknown drone': [{ command: 'hold', targets: ['nobody'] }, 'unknown_drone'],
  'an unknown group': [{ command: 'hold', targets: { group: 'nobody' } }, 'unknown_group'],
  'a predicate that is none': [{ command: 'hold', targets: { where: 'battery <' } }, 'bad_request'],
  'a predicate about nothing known': [{ command: 'hold', targets: { where: 'colour = red' } }, 'bad_request'],
  'goto without a place': [{ command: 'goto', targets: 'all', params: {} }, 'bad_request'],
  'goto with two coordinates': [{ command: 'goto', targets: 'all', params: { position: [1, 2] } }, 'bad_request'],
  'goto with words': [{ command: 'goto', targets: 'all', params: { position: ['a', 'b', 'c'] } }, 'bad_request'],
  'goto out of the world': [{ command: 'goto', targets: 'all', params: { position: [1e300, 0, 10] } }, 'out_of_range'],
  'a negative speed': [{ command: 'goto', targets: 'all', params: { position: somewhere, speed_mps: -1 } }, 'out_of_range'],
  'a parameter that does not exist': [{ command: 'goto', targets: 'all', params: { position: somewhere, colour: 'red' } }, 'bad_request'],
  'an envelope field that does not exist': [{ command: 'hold', targets: 'all', colour: 'red' }, 'bad_request', 'colour'],
  'a command_id that is too long': [{ command: 'hold', targets: 'all', command_id: long }, 'bad_request', 'command_id'],
  'a speed factor of 1000': [{ command: 'set_speed', params: { factor: 1000 } }, 'out_of_range'],
  'no ticks at all': [{ command: 'step', params: { ticks: 0 } }, 'out_of_range'],
  'an unknown parameter path': [{ command: 'set_param', params: { path: 'no.such.path', value: 1 } }, 'unknown_param'],
  'a spawn of an unknown type': [{ command: 'spawn', params: { type: 'zeppelin' } }, ['bad_request', 'out_of_range']],
  'a spawn of a million': [{ command: 'spawn', params: { type: 'scout', count: 1e6 } }, ['out_of_range', 'too_large']],
  'an unknown scenario': [{ command: 'load_scenario', params: { name: 'nowhere' } }, ['bad_request', 'not_found']],
  'a broken scenario': [{ command: 'load_scenario', params: { text: 'drones = 3' } }, 'bad_request'],
};

test('bad input is refused with its code over both transports, and nothing changes', async (t) => {
  const paused = await startServer({ t, args: ['--paused'] });
  const socket = await connect(paused, { t });
  const before = await paused.json('/api/status');
  const faults = [];
  for (const [what, [payload, codes, field]] of Object.entries(wrong)) {
    const overSocket = await socket.timeout(5000).emitWithAck('command', payload).catch((error) => ({ error: { code: `no ack: ${error.message}` } }));
    const overHttp = await paused.post('/api/command', payload);
    for (const [via, answer] of [['Socket.IO', overSocket], ['HTTP', overHttp.body]]) {
      const { code, message, field: named } = answer.error ?? {};
      if (answer.ok !== false || ![codes].flat().includes(code)) faults.push(`${what} over ${via}: expected ${codes}, got ${JSON.stringify(answer)}`);
      else if (!message) faults.push(`${what} over ${via}: no message`);
      else if (field && named !== field) faults.push(`${what} over ${via}: names field ${named}, not ${field}`);
    }
    if (overHttp.status < 400 || overHttp.status > 499) faults.push(`${what} over HTTP: status ${overHttp.status}`);
  }
  assert.deepEqual(faults, []);
  assert.equal(socket.connected, true);
  const later = await paused.json('/api/status');
  for (const field of ['tick', 'state', 'state_hash', 'run_id', 'drones']) assert.deepEqual(later[field], before[field], field);
  assert.doesNotMatch(paused.log(), /panicked/);
});

test('a client that sends too many commands is told when to try again', async (t) => {
  const strict = await startServer({ t, args: ['--commands-per-s', '20', '--commands-burst', '40'] });
  const socket = await connect(strict, { t });
  const { id } = await airborne(socket);
  const acks = await Promise.all(Array.from({ length: 100 }, () => send(socket, 'hold', [id])));
  assert.ok(acks.filter((ack) => ack.ok).length >= 40);
  const limited = acks.filter((ack) => ack.error?.code === 'rate_limited');
  assert.ok(limited.length >= 40, `${limited.length} of 100 commands at once were refused`);
  assert.ok(limited.every((ack) => ack.error.retry_after_ms > 0), 'rate_limited carries retry_after_ms');
  // Whoever comes back as a new client, or by HTTP, is the same one.
  const again = await connect(strict, { t });
  const others = await Promise.all(Array.from({ length: 40 }, () => send(again, 'hold', [id])));
  assert.ok(others.filter((ack) => ack.error?.code === 'rate_limited').length >= 20, 'a new connection does not begin anew');
  const overHttp = await Promise.all(Array.from({ length: 20 }, () => strict.post('/api/command', { command: 'hold', targets: [id] })));
  assert.ok(overHttp.some(({ status, body }) => status === 429 && body.error.code === 'rate_limited'), 'nor does another way');
  await sleep(500);
  assert.equal((await send(socket, 'hold', [id])).ok, true);
});
