/** Frames for tests: the golden files, and small ones made on the spot. */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { decodeFrame, type Frame } from '../../src/proto/decode';
import { encodeFrame } from '../../src/proto/encode';
import type { DroneJson } from '../../src/proto/events';

const dir = fileURLToPath(new URL('../fixtures/frames/', import.meta.url));

export function golden(name: string): Uint8Array {
  return new Uint8Array(readFileSync(dir + name));
}

export function goldenJson<T>(name: string): T {
  return JSON.parse(readFileSync(dir + name, 'utf8')) as T;
}

export function fixtureJson<T>(name: string): T {
  return JSON.parse(readFileSync(`${dir}../${name}`, 'utf8')) as T;
}

export function drone(id: string, more: Partial<DroneJson> = {}): DroneJson {
  return { id, type: 'scout', group: 'alpha', position: [0, 0, 10], velocity: [0, 0, 0], heading_deg: 0, battery_pct: 50, mode: 'swarm', landed: 'in_air', ...more };
}

export interface FrameOptions {
  seq?: number;
  tick?: number;
  timeMs?: number;
  epoch?: number;
  flags?: number;
}

export function frameOf(drones: DroneJson[], o: FrameOptions = {}): Frame {
  const tick = o.tick ?? 0;
  const buffer = encodeFrame({ seq: o.seq ?? 0, tick, sim_time_s: tick * 0.04, wall_time_ms: o.timeMs ?? 1000, drones }, o.epoch ?? 1, o.flags ?? 0);
  const decoded = decodeFrame(buffer);
  if (!decoded.ok) throw new Error(decoded.reason);
  return decoded.frame;
}

/** A small generator with a printed seed, so that a failing random test can be repeated. */
export function random(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
}
