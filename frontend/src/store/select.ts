/** The selection: one bit a slot, so that ten thousand drones select in microseconds and copy in a kilobyte. */
import type { Slots } from './slots';

export class Selection {
  private words = new Uint32Array(0);
  private size = 0;
  private selected = 0;
  /** Grows with every change, so that watchers can compare cheaply. */
  version = 0;

  get count(): number {
    return this.selected;
  }

  resize(size: number): void {
    this.size = size;
    this.words = new Uint32Array((size + 31) >>> 5);
    this.selected = 0;
    this.version++;
  }

  has(slot: number): boolean {
    return slot >= 0 && slot < this.size && (this.words[slot >>> 5] & (1 << (slot & 31))) !== 0;
  }

  set(slot: number, on: boolean): void {
    if (slot < 0 || slot >= this.size || this.has(slot) === on) return;
    this.words[slot >>> 5] ^= 1 << (slot & 31);
    this.selected += on ? 1 : -1;
    this.version++;
  }

  toggle(slot: number): void {
    this.set(slot, !this.has(slot));
  }

  clear(): void {
    if (this.selected === 0) return;
    this.words.fill(0);
    this.selected = 0;
    this.version++;
  }

  replace(slots: Iterable<number>): void {
    this.clear();
    for (const slot of slots) this.set(slot, true);
    this.version++;
  }

  all(): void {
    for (let slot = 0; slot < this.size; slot++) this.set(slot, true);
  }

  invert(): void {
    for (let slot = 0; slot < this.size; slot++) this.toggle(slot);
  }

  slots(): number[] {
    const found: number[] = [];
    for (let w = 0; w < this.words.length; w++) {
      for (let bits = this.words[w]; bits !== 0; bits &= bits - 1) found.push((w << 5) + 31 - Math.clz32(bits & -bits));
    }
    return found;
  }

  /** The first selected slot, or -1. */
  first(): number {
    for (let w = 0; w < this.words.length; w++) {
      const bits = this.words[w];
      if (bits !== 0) return (w << 5) + 31 - Math.clz32(bits & -bits);
    }
    return -1;
  }

  ids(slots: Slots): string[] {
    return this.slots().map((slot) => slots.ids[slot]);
  }

  /** After a new drone table: the same drones stay selected wherever they stand now. */
  remap(ids: readonly string[], slots: Slots): void {
    this.resize(slots.count);
    for (const id of ids) this.set(slots.slot(id), true);
  }
}
