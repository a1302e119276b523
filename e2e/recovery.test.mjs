// Clients that are cut off: the official JavaScript client that asks to be remembered loses no event; one that does not
// ask gets exactly what the protocol says, and what it missed on request.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { connect, distance, next, send } from './support/client.mjs';
import { sleep, until } from './support/process.mjs';
import { startServer } from './support/server.mjs';

const cut = process.env.HMRS_E2E === 'full' ? 10_000 : 2000;
let server;
before(async () => { server = await startServer(); });
after(async () => { await server.end('SIGKILL'); server.remove(); });

/** Ends the connection without a word, as a tunnel under a mountain does. */
const tear = (socket) => socket.io.engine.transport.ws.terminate();

test(`cut off for ${cut / 1000} s, a client that asked for it loses no event and hears none twice`, async (t) => {
  const client = await connect(server, { t, auth: { recover: true, name: 'Ada' }, reconnection: true, reconnectionDelay: cut, reconnectionDelayMax: cut, randomizationFactor: 0 });
  const other = await connect(server, { t, via: 'polling' });
  assert.equal(client.recovered, false);
  const { id } = client;
  assert.equal((await client.timeout(5000).emitWithAck('subscribe', { topics: { 'drones-update': { encoding: 'binary' } } })).ok, true);
  const heard = [];
  client.on('response', ({ msg }) => heard.push(msg));
  const updates = [];
  client.on('command-update', ({ command_id, done }) => { if (done) updates.push(command_id); });

  let sent = 0;
  const talking = setInterval(() => other.emit('message', ++sent), 25);
  await until('it hears the other', () => heard.length > 5);
  const { drones } = await next(other, 'drones-update', { accept: (u) => u.drones.some((d) => d.landed === 'in_air'), within: 30_000 });
  const drone = drones.find((d) => d.landed === 'in_air');
  const returned = new Promise((resolve) => client.io.once('reconnect', resolve));
  tear(client);
  const commands = [];
  for (const [n, command] of ['hold', 'goto', 'hold'].entries()) {
    const command_id = `while-away-${n}`;
    const ack = await send(other, command, [drone.id], command === 'goto' ? { position: drone.position.map((p, axis) => p + (axis === 0 ? 3 : 0)) } : undefined, { command_id });
    assert.equal(ack.ok, true, JSON.stringify(ack));
    commands.push(command_id);
  }
  await returned;
  await until('it is back', () => client.connected, { within: 5000 });
  assert.equal(client.recovered, true);
  assert.equal(client.id, id);
  const frame = await next(client, 'drones-update');
  assert.ok(Buffer.isBuffer(frame), 'its subscription is as it was');
  assert.equal(client.inbox['drones-table'].length, 2, 'the table may have changed meanwhile');
  clearInterval(talking);
  await until('it has heard everything', () => heard.length >= sent && updates.length >= commands.length, { within: 5000 });
  assert.deepEqual(heard, Array.from({ length: sent }, (_, n) => n + 1));
  assert.deepEqual(updates.filter((command_id) => commands.includes(command_id)), commands, 'each outcome once');
  assert.equal(client.inbox.welcome.length, 1, 'who lost nothing is not welcomed again');
  t.diagnostic(`${sent} messages in order, none lost, none doubled`);
});

test('a client that does not ask is not remembered, and no event has an argument more', async (t) => {
  const client = await connect(server, { t, reconnection: true, reconnectionDelay: 300 });
  const counts = new Set();
  client.onAny((event, ...args) => counts.add(args.length));
  const remembered = await connect(server, { t, auth: { recover: true } });
  remembered.on('response', (...args) => remembered.lastArgs = args);
  await client.timeout(5000).emitWithAck('message', 'hello');
  await until('the other has heard it', () => remembered.lastArgs);
  assert.equal(remembered.lastArgs.length, 2, 'one that asked is given the offset');
  const returned = new Promise((resolve) => client.io.once('reconnect', resolve));
  tear(client);
  await returned;
  await next(client, 'welcome', { accept: () => client.inbox.welcome.length === 2, past: true });
  assert.ok(!client.recovered);
  assert.deepEqual([...counts], [1]);
});

test('with logs_after a client that was away is told how the commands ended that it had given', async (t) => {
  const client = await connect(server, { t });
  const update = await next(client, 'drones-update', { accept: (u) => u.drones.some((d) => d.landed === 'in_air'), within: 30_000 });
  const drone = update.drones.find((d) => d.landed === 'in_air');
  const goal = drone.position.map((p, axis) => p + (axis === 1 ? 4 : 0));
  const command_id = 'given-and-gone';
  const seq = (await server.json('/api/logs?limit=1')).entries.at(-1).seq;
  assert.equal((await send(client, 'goto', [drone.id], { position: goal }, { command_id })).ok, true);
  tear(client);
  await until('the drone is there', async () => {
    const { drones } = await server.json('/api/drones');
    return distance(drones.find((d) => d.id === drone.id).position, goal) < 1;
  }, { within: 20_000 });
  await sleep(2000);
  const returned = await connect(server, { t, auth: { logs_after: seq } });
  const outcome = await next(returned, 'command-update', { accept: (u) => u.command_id === command_id && u.done, past: true });
  assert.equal(outcome.results[drone.id].result, 'completed');
  const { entries } = await next(returned, 'communication-log-update', { past: true });
  assert.ok(entries.length > 0 && entries.every((entry) => entry.seq > seq));
});
