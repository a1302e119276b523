// Who may command what: leases that others' commands respect, fences drawn in flight, and what late-comers learn.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { connect, next, send } from './support/client.mjs';
import { until } from './support/process.mjs';
import { startServer } from './support/server.mjs';

let server;
before(async () => { server = await startServer(); });
after(async () => { await server.end('SIGKILL'); server.remove(); });

const ask = (socket, event, payload) => socket.timeout(5000).emitWithAck(event, payload);
const by = (t, name) => connect(server, { t, auth: { name } });

test('what one operator holds, another one does not command, and is told the name', async (t) => {
  const [amira, jonas] = await Promise.all([by(t, 'Amira'), by(t, 'Jonas')]);
  const told = next(jonas, 'presence-update', { accept: (p) => p.leases.length > 0 });
  const claimed = await ask(amira, 'claim', { targets: { group: 'alpha' } });
  assert.equal(claimed.results['scout-1'].result, 'completed', JSON.stringify(claimed));
  assert.deepEqual((await told).leases, [{ holder: 'Amira', drones: ['scout-1', 'scout-2', 'scout-3', 'scout-4'] }]);

  const partly = await send(jonas, 'hold', ['scout-1', 'worker-1']);
  assert.deepEqual(partly.results['scout-1'], { result: 'not_in_control', reason: 'held by Amira' });
  assert.equal(partly.results['worker-1'].result, 'accepted');
  const whole = await send(jonas, 'hold', ['scout-1']);
  assert.equal(whole.ok, true);
  assert.equal(whole.results['scout-1'].result, 'not_in_control');
  assert.equal((await send(amira, 'hold', ['scout-1'])).results['scout-1'].result, 'accepted');

  const http = await fetch(`${server.url}/api/command`, {
    method: 'POST', headers: { 'content-type': 'application/json', 'x-operator': 'Amira' }, body: JSON.stringify({ command: 'hold', targets: ['scout-1'] }),
  });
  assert.equal((await http.json()).results['scout-1'].result, 'accepted', 'Amira is Amira over HTTP too');
  const nobody = await server.post('/api/command', { command: 'hold', targets: ['scout-1'] });
  assert.equal(nobody.body.results['scout-1'].result, 'not_in_control');

  assert.equal((await send(jonas, 'hold', 'all', {}, { override: true })).results['scout-1'].result, 'accepted', 'a stop for all reaches everyone');
  assert.equal((await ask(jonas, 'claim', { targets: ['scout-1'] })).results['scout-1'].reason, 'held by Amira');
  assert.equal((await ask(amira, 'release', { targets: ['scout-1'], to: 'Jonas' })).results['scout-1'].result, 'completed');
  assert.equal((await send(jonas, 'hold', ['scout-1'])).results['scout-1'].result, 'accepted');
  assert.equal((await ask(jonas, 'claim', { targets: ['scout-2'], take: true })).results['scout-2'].result, 'completed');
  for (const wrong of [null, {}, { targets: ['nobody'] }, { targets: { where: 'battery < 3' } }, { targets: 'all', more: 1 }]) {
    assert.equal((await ask(jonas, 'claim', wrong)).ok, false, JSON.stringify(wrong));
  }
});

test('a fence drawn in flight is seen by everyone, turns goals away, and goes again', async (t) => {
  const socket = await by(t, 'Amira');
  const fence = { name: 'crane', kind: 'keep_out', polygon: [[-100, -60], [-80, -60], [-80, -40], [-100, -40]] };
  assert.equal((await send(socket, 'set_fence', undefined, fence)).ok, true);
  await next(socket, 'visualization-update', { accept: (v) => v.fences.some((f) => f.name === 'crane') });
  const late = await by(t, 'Jonas');
  assert.ok((await next(late, 'welcome', { past: true })).fences.some((f) => f.name === 'crane'));
  const ack = await send(socket, 'goto', ['overseer-1'], { position: [-90, -50, 30] }, { dry_run: true });
  assert.notEqual(ack.results?.['overseer-1']?.result, 'accepted', JSON.stringify(ack));
  for (const [wrong, field] of [[{ polygon: [[0, 0], [1, 1]] }, 'polygon'], [{ name: '' }, 'name'], [{ floor_m: 5, ceiling_m: 4 }, 'ceiling_m']]) {
    const { ok, error } = await send(socket, 'set_fence', undefined, { ...fence, ...wrong });
    assert.equal(ok, false);
    assert.match(error.field, new RegExp(field), JSON.stringify(error));
  }
  assert.equal((await send(socket, 'remove_fence', undefined, { name: 'crane' })).ok, true);
  await next(socket, 'visualization-update', { accept: (v) => !v.fences.some((f) => f.name === 'crane') });
});

test('who comes late learns what became of earlier commands', async (t) => {
  const socket = await by(t, 'Amira');
  const ack = await send(socket, 'goto', ['worker-2'], { position: [60, -40, 20] });
  const known = await until('the command is listed', async () => (await server.json('/api/commands')).commands.find((c) => c.command_id === ack.command_id));
  assert.deepEqual([known.author, known.command, known.via, known.params.position], ['Amira', 'goto', 'socketio', [60, -40, 20]]);
  assert.ok(known.results['worker-2'] && known.began_ms <= known.changed_ms);
});
