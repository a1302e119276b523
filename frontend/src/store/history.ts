/**
 * The last minutes of the stream, kept here, so that an operator can look back while the swarm flies on.
 *
 * Frames stay the buffers they arrived in. Memory is bounded: when it is full, every second frame of the older half
 * goes, so that the past grows coarser before it is forgotten.
 */
import type { Frame } from '../proto/decode';
import type { Pair } from './ring';

/** Simulated seconds between two frames that are kept. */
export const STEP_S = 0.2;
const BYTES_MAX = 24 * 1024 * 1024;
const FRAMES_MAX = 6000;

export class History {
  private frames: Frame[] = [];
  private bytes = 0;

  get length(): number {
    return this.frames.length;
  }

  /** Simulated time of the oldest and the newest frame; null without any. */
  get span(): [fromS: number, toS: number] | null {
    const { frames } = this;
    return frames.length === 0 ? null : [frames[0].simTimeS, frames[frames.length - 1].simTimeS];
  }

  clear(): void {
    this.frames = [];
    this.bytes = 0;
  }

  /** Takes a frame of the stream, if it is time for one. Another drone table or a clock set back begin anew. */
  sample(frame: Frame): void {
    const last = this.frames[this.frames.length - 1];
    if (last && (last.epoch !== frame.epoch || last.count !== frame.count || frame.simTimeS < last.simTimeS)) this.clear();
    else if (last && frame.simTimeS - last.simTimeS < STEP_S * 0.99) return;
    this.frames.push(frame);
    this.bytes += frame.u8.byteLength;
    if (this.bytes > BYTES_MAX || this.frames.length > FRAMES_MAX) this.thin();
  }

  /** The frames around a simulated time, within what is known. */
  at(simS: number): Pair | null {
    const { frames } = this;
    if (frames.length === 0) return null;
    let [low, high] = [0, frames.length - 1];
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (frames[middle].simTimeS <= simS) low = middle;
      else high = middle - 1;
    }
    const a = frames[low];
    const b = frames[Math.min(low + 1, frames.length - 1)];
    const span = b.simTimeS - a.simTimeS;
    return { a, b, k: span > 0 ? Math.min(1, Math.max(0, (simS - a.simTimeS) / span)) : 0 };
  }

  private thin(): void {
    const half = this.frames.length >> 1;
    this.frames = this.frames.filter((_, i) => i >= half || i % 2 === 0);
    this.bytes = this.frames.reduce((sum, frame) => sum + frame.u8.byteLength, 0);
    // All of it is as coarse as it may get: the oldest are forgotten.
    if (this.bytes > BYTES_MAX * 0.95) this.frames.splice(0, this.frames.length >> 2);
  }
}
