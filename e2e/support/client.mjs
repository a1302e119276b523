// The official JavaScript client, and small waits around it.

import { io } from 'socket.io-client';
import { sleep } from './process.mjs';

export { io };

/** Options of the three ways to connect. */
export const transports = {
  websocket: { transports: ['websocket'] },
  polling: { transports: ['polling'] },
  upgrade: { transports: ['polling', 'websocket'] },
};

/**
 * A connected official client. `inbox[event]` keeps the payloads of every event from the first one on, so that no test
 * can be too late for `welcome`. Closed with the test when its context is passed as `t`.
 */
export async function connect(server, { t, namespace = '/', via = 'websocket', auth, ...options } = {}) {
  const socket = io(server.url + (namespace === '/' ? '' : namespace), { forceNew: true, reconnection: false, timeout: 5000, auth, ...transports[via], ...options });
  t?.after(() => socket.disconnect());
  socket.inbox = {};
  socket.onAny((event, payload) => (socket.inbox[event] ??= []).push(payload));
  await new Promise((resolve, reject) => {
    socket.once('connect', resolve).once('connect_error', reject);
  });
  return socket;
}

/** The next payload of `event` (or one received earlier, with `past`) for which `accept` holds. */
export function next(socket, event, { accept = () => true, within = 5000, past = false } = {}) {
  const known = past && socket.inbox[event]?.find(accept);
  if (known) return Promise.resolve(known);
  return new Promise((resolve, reject) => {
    const listen = (payload) => {
      if (!accept(payload)) return;
      clearTimeout(timer);
      socket.off(event, listen);
      resolve(payload);
    };
    const timer = setTimeout(() => {
      socket.off(event, listen);
      reject(new Error(`no ${event} within ${within / 1000} s`));
    }, within);
    socket.on(event, listen);
  });
}

/** Every payload of `event` during `ms`, each with the time of its arrival: `[{ at, payload }]`. */
export async function collect(socket, event, ms) {
  const seen = [];
  const listen = (payload) => seen.push({ at: performance.now(), payload });
  socket.on(event, listen);
  await sleep(ms);
  socket.off(event, listen);
  return seen;
}

/** Arrivals per second, between the first and the last. */
export function rateHz(seen) {
  return ((seen.length - 1) * 1000) / (seen.at(-1).at - seen[0].at);
}

/** Sends a command and returns its ack. */
export function send(socket, command, targets, params, extra = {}) {
  return socket.timeout(5000).emitWithAck('command', { command, ...(targets === undefined ? {} : { targets }), ...(params ? { params } : {}), ...extra });
}

/**
 * Share of updates that are missing by their `seq`, 0 to 1. Telemetry may be replaced by newer telemetry when the whole
 * machine is busy, so tests of healthy clients allow `missedMax` and print what it was.
 */
export function missed(seen) {
  const seqs = seen.map(({ payload }) => payload.seq);
  return 1 - seqs.length / (seqs.at(-1) - seqs[0] + 1);
}
export const missedMax = 0.01;

/** Ticks that passed per second, by the server's count. */
export function ticksPerSecond(seen) {
  return ((seen.at(-1).payload.tick - seen[0].payload.tick) * 1000) / (seen.at(-1).at - seen[0].at);
}

/** One drone of a `drones-update` payload. */
export const droneOf = (payload, id) => payload.drones.find((drone) => drone.id === id);

export const distance = (a, b) => Math.hypot(...a.map((value, axis) => value - b[axis]));
