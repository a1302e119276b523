// Commands whose fate is followed into the database.

import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { next, send } from './client.mjs';
import { sleep } from './process.mjs';

/** Sends `n` commands from a client and returns the ids of those that were accepted. */
export async function accepted(socket, n) {
  const { drones } = await next(socket, 'drones-update');
  const ids = [];
  for (let i = 0; i < n; i++) {
    const command_id = randomUUID();
    const ack = await send(socket, 'hold', [drones[i % drones.length].id], undefined, { command_id });
    if (ack.ok) ids.push(command_id);
    await sleep(20);
  }
  assert.ok(ids.length >= n / 2, `only ${ids.length} of ${n} commands were accepted`);
  return ids;
}
