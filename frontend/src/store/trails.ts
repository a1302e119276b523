/**
 * Where each drone has been: a short ring of positions a slot, sampled from the stream.
 *
 * Kept here rather than taken from the server, so that trails of 10,000 drones cost the network nothing.
 */
import { eastOf, northOf, upOf, type Frame } from '../proto/decode';

export const TRAIL_POINTS = 40;
/** Simulated seconds between two points: trails are about 16 s long. */
export const TRAIL_STEP_S = 0.4;
/** More than a hundredfold speed leaves out between two frames. */
const JUMP_S = 4.5;

export class Trails {
  private points = new Float32Array(0);
  private slots = 0;
  private head = 0;
  private filled = 0;
  private lastSimS = -Infinity;

  get length(): number {
    return this.filled;
  }

  clear(): void {
    this.filled = 0;
    this.lastSimS = -Infinity;
  }

  sample(frame: Frame): void {
    if (frame.count !== this.slots) {
      this.slots = frame.count;
      this.points = new Float32Array(frame.count * TRAIL_POINTS * 3);
      this.clear();
    }
    // Time that was jumped over has no line.
    if (frame.simTimeS < this.lastSimS || frame.simTimeS - this.lastSimS > JUMP_S) this.clear();
    if (frame.simTimeS - this.lastSimS < TRAIL_STEP_S) return;
    this.lastSimS = frame.simTimeS;
    this.head = (this.head + 1) % TRAIL_POINTS;
    this.filled = Math.min(TRAIL_POINTS, this.filled + 1);
    const base = this.head * this.slots * 3;
    for (let slot = 0; slot < this.slots; slot++) {
      this.points[base + slot * 3] = eastOf(frame, slot);
      this.points[base + slot * 3 + 1] = northOf(frame, slot);
      this.points[base + slot * 3 + 2] = upOf(frame, slot);
    }
  }

  /** Calls back with the points of one drone, newest first. */
  walk(slot: number, visit: (e: number, n: number, u: number) => void): void {
    if (slot >= this.slots) return;
    for (let back = 0; back < this.filled; back++) {
      const row = (this.head - back + TRAIL_POINTS) % TRAIL_POINTS;
      const at = (row * this.slots + slot) * 3;
      visit(this.points[at], this.points[at + 1], this.points[at + 2]);
    }
  }
}
