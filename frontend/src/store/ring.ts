/**
 * The last few snapshots, newest last, and the pair of them that surrounds a moment.
 *
 * Frames stay what they were on the wire: typed-array views, no object a drone. O(1) to push, O(8) to look up.
 */
import type { Frame } from '../proto/decode';

export const RING_SIZE = 8;
/** How far beyond the newest frame motion is continued before the picture freezes. */
export const EXTRAPOLATION_MAX_MS = 250;

export interface Pair {
  a: Frame;
  b: Frame;
  /** 0 is `a`, 1 is `b`, above 1 continues the motion from `a` to `b`. */
  k: number;
}

export class Ring {
  private frames: Frame[] = [];

  get latest(): Frame | null {
    return this.frames.at(-1) ?? null;
  }

  get length(): number {
    return this.frames.length;
  }

  clear(): void {
    this.frames.length = 0;
  }

  /**
   * Takes a frame that is newer than all others. A frame of another drone table, or one whose simulation time runs
   * backwards (reset, rewind), starts afresh: nothing may be interpolated across it. Returns whether it did.
   */
  push(frame: Frame): boolean {
    const last = this.latest;
    const cut = last !== null && (last.epoch !== frame.epoch || last.count !== frame.count || frame.tick < last.tick);
    if (cut) this.clear();
    this.frames.push(frame);
    if (this.frames.length > RING_SIZE) this.frames.shift();
    return cut;
  }

  /** The snapshots around server time `atMs`; null while there is none at all. */
  pairAt(atMs: number): Pair | null {
    const { frames } = this;
    const newest = frames.length - 1;
    if (newest < 0) return null;
    if (newest === 0 || atMs <= frames[0].serverTimeMs) return { a: frames[0], b: frames[0], k: 0 };
    let i = newest;
    while (i > 1 && frames[i - 1].serverTimeMs > atMs) i--;
    const a = frames[i - 1];
    const b = frames[i];
    const span = b.serverTimeMs - a.serverTimeMs;
    // Two frames of one tick (a paused swarm) or of one clock reading say nothing about motion.
    if (span <= 0 || a.tick === b.tick) return { a: b, b, k: 0 };
    const limit = 1 + EXTRAPOLATION_MAX_MS / span;
    return { a, b, k: Math.min(limit, (atMs - a.serverTimeMs) / span) };
  }

  /** Mean distance between frames in ms; NaN with fewer than two. */
  intervalMs(): number {
    const { frames } = this;
    if (frames.length < 2) return NaN;
    return (frames[frames.length - 1].serverTimeMs - frames[0].serverTimeMs) / (frames.length - 1);
  }
}

/** From one 16-bit heading towards another the short way round; `k` may exceed 1. */
export function mixHeading(a: number, b: number, k: number): number {
  const turn = ((b - a) << 16) >> 16;
  return (a + turn * k) & 0xffff;
}
