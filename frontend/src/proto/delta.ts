/**
 * `drones-update` as changes, version 1: what is known of the swarm flies on by whole numbers, and a frame speaks only of the
 * drones that did something else. `docs/PROTOCOL.md` specifies it bit by bit; `test/fixtures/delta.json` holds golden frames.
 *
 * What comes out is a binary frame as if it had been received, so that everything behind the link knows one form only.
 */
import { decodeFrame, DRONES_MAX, FRAME_VERSION, HEADER_BYTES, RECORD_BYTES, type Decoded } from './decode';

export const DELTA_MAGIC = 0xde;
const VERSION = 1;
const WHOLE = 1;
export const UNITS_PER_M = 4096;
const SINCE_MAX = 255;
const TICKS_MAX = 1000;
const ONES_MAX = 24;
/** Columns of fields, in the order of their lists. */
export const [HEADING, SPEED, CLIMB, BATTERY, STATUS, SILENCE] = [0, 1, 2, 3, 4, 5];
const FIELDS = 6;

export type BadDelta = 'short' | 'magic' | 'version' | 'gap' | 'count' | 'value' | 'long';

/** Thrown inside this module only. */
class Wrong extends Error {
  constructor(readonly reason: BadDelta) {
    super(reason);
  }
}

class Bits {
  private at = 0;
  constructor(private readonly bytes: Uint8Array) {}

  get left(): number {
    return this.bytes.length * 8 - this.at;
  }

  /** The next bits as an unsigned number, 32 at most. */
  bits(length: number): number {
    if (length > this.left) throw new Wrong('short');
    let value = 0;
    while (length > 0) {
      const inByte = 8 - (this.at & 7);
      const taken = Math.min(inByte, length);
      const part = (this.bytes[this.at >> 3] >> (inByte - taken)) & ((1 << taken) - 1);
      value = value * (1 << taken) + part;
      this.at += taken;
      length -= taken;
    }
    return value;
  }

  rice(k: number): number {
    let ones = 0;
    while (ones < ONES_MAX && this.bits(1) === 1) ones++;
    return ones === ONES_MAX ? this.bits(32) : ((ones << k) | this.bits(k)) >>> 0;
  }

  /** A signed number: 0, −1, 1, −2, 2, … */
  signed(k: number, more = 0): number {
    const value = this.rice(k) + more;
    return (value >>> 1) ^ -(value & 1);
  }

  varint(): number {
    let value = 0;
    for (let scale = 1; scale < 2 ** 53; scale *= 128) {
      const byte = this.bits(8);
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) {
        if (value >= 2 ** 53) break;
        return value;
      }
    }
    throw new Wrong('short');
  }

  u32(): number {
    const value = this.varint();
    if (value >= 2 ** 32) throw new Wrong('value');
    return value;
  }
}

/** What is known of a swarm. Positions are in 4096ths of a metre and wrap, velocities in the same a tick. */
export class Known {
  epoch = 0;
  tickS = 0;
  errorUnits = 0;
  chain = -1;
  seq = 0;
  tick = 0;
  serverTimeMs = 0;
  state = 0;
  position: Int32Array[] = [];
  velocity: Int32Array[] = [];
  since = new Int32Array(0);
  fields: Int16Array[] = [];

  get count(): number {
    return this.since.length;
  }

  resize(count: number): void {
    const columns = (n: number): Int32Array[] => Array.from({ length: n }, () => new Int32Array(count));
    this.position = columns(3);
    this.velocity = columns(3);
    this.since = new Int32Array(count);
    this.fields = Array.from({ length: FIELDS }, () => new Int16Array(count));
  }

  advance(ticks: number): void {
    this.position.forEach((p, axis) => {
      const v = this.velocity[axis];
      for (let i = 0; i < p.length; i++) p[i] += Math.imul(v[i], ticks);
    });
    const { since } = this;
    const silence = this.fields[SILENCE];
    for (let i = 0; i < since.length; i++) {
      since[i] = Math.min(since[i] + ticks, SINCE_MAX);
      if (silence[i] !== 0) silence[i] = Math.min(Math.max(silence[i] + ticks, 0), 255);
    }
  }

  /** Moves a drone, and has it fly as if the error had grown evenly since it was last moved. */
  correct(slot: number, axis: number, error: number): void {
    this.position[axis][slot] += error;
    this.velocity[axis][slot] += Math.trunc(error / Math.max(this.since[slot], 1));
  }
}

export class DeltaDecoder {
  readonly known = new Known();

  /** Nothing of an earlier connection holds. */
  forget(): void {
    this.known.chain = -1;
  }

  /** Reads the next frame. After `gap` the next whole one heals it, as after every other error. Never throws. */
  read(bytes: Uint8Array): { ok: true } | { ok: false; reason: BadDelta } {
    try {
      this.readFrame(new Bits(bytes), bytes);
      return { ok: true };
    } catch (error) {
      if (error instanceof Wrong) return { ok: false, reason: error.reason };
      throw error;
    }
  }

  /** What is known, as a binary frame. */
  frame(): Decoded {
    return decodeFrame(frameOf(this.known));
  }

  private readFrame(input: Bits, bytes: Uint8Array): void {
    const { known } = this;
    if (input.bits(8) !== DELTA_MAGIC) throw new Wrong('magic');
    if (input.bits(8) !== VERSION) throw new Wrong('version');
    const flags = input.bits(8);
    const chain = input.u32();
    const seq = input.u32();
    if (flags & WHOLE) {
      known.chain = -1;
      this.readWhole(input, bytes);
    } else {
      const back = input.u32();
      if (chain !== known.chain || known.seq !== (seq - back) >>> 0) throw new Wrong('gap');
      known.chain = -1;
      this.readChanges(input);
    }
    if (input.left >= 8 || input.bits(input.left) !== 0) throw new Wrong('long');
    known.chain = chain;
    known.seq = seq;
    known.state = flags >> 1;
  }

  private readWhole(input: Bits, bytes: Uint8Array): void {
    const { known } = this;
    known.epoch = input.u32();
    known.tick = input.varint();
    known.serverTimeMs = input.varint();
    const at = bytes.length - input.left / 8;
    if (input.left < 64) throw new Wrong('short');
    known.tickS = new DataView(bytes.buffer, bytes.byteOffset + at, 8).getFloat64(0, true);
    input.bits(32);
    input.bits(32);
    known.errorUnits = input.varint();
    const count = input.varint();
    if (count > DRONES_MAX || count > input.left) throw new Wrong('count');
    if (!(Number.isFinite(known.tickS) && known.tickS > 0) || known.errorUnits < 1 || known.errorUnits >= 1 << 20) throw new Wrong('value');
    known.resize(count);
    for (const column of [...known.position, ...known.velocity, known.since, ...known.fields]) {
      const k = input.bits(5);
      let value = 0;
      for (let slot = 0; slot < count; slot++) {
        value = (value + input.signed(k)) | 0;
        column[slot] = value;
      }
    }
    const headings = known.fields[HEADING];
    for (let slot = 0; slot < count; slot++) headings[slot] &= 0xff;
    if (known.since.some((since) => since < 0 || since > SINCE_MAX)) throw new Wrong('value');
  }

  private readChanges(input: Bits): void {
    const { known } = this;
    const ticks = input.varint();
    const waited = input.u32();
    if (ticks > TICKS_MAX) throw new Wrong('value');
    known.tick += ticks;
    known.serverTimeMs += (waited >>> 1) ^ -(waited & 1);
    known.advance(ticks);
    const step = Math.max(1, Math.floor((known.errorUnits * 4) / 5));
    readList(input, known.count, (k, slot) => {
      for (let axis = 0; axis < 3; axis++) known.correct(slot, axis, Math.imul(input.signed(k), step));
      known.since[slot] = 0;
    });
    known.fields.forEach((values, field) => {
      readList(input, known.count, (k, slot) => {
        values[slot] += input.signed(k, 1);
        if (field === HEADING) values[slot] &= 0xff;
      });
    });
  }
}

/** A bit, 1 if anything is in the list; then two parameters, and until the end: drones stepped over, and what is said of one. */
function readList(input: Bits, count: number, take: (k: number, slot: number) => void): void {
  if (input.bits(1) === 0) return;
  const skip = input.bits(5);
  const k = input.bits(5);
  for (let slot = input.rice(skip); slot !== count; slot += 1 + input.rice(skip)) {
    if (slot > count) throw new Wrong('value');
    take(k, slot);
  }
}

/** Middle of the swarm in whole metres, and the quantum that spans it from there. */
function span(position: readonly Int32Array[]): { origin: number[]; scale: number } {
  let reach = 0;
  const origin = position.map((column) => {
    let [low, high] = [Infinity, -Infinity];
    for (const value of column) {
      if (value < low) low = value;
      if (value > high) high = value;
    }
    const middle = column.length === 0 ? 0 : Math.round((low + high) / 2 / UNITS_PER_M);
    if (column.length > 0) reach = Math.max(reach, high / UNITS_PER_M - middle, middle - low / UNITS_PER_M);
    return middle;
  });
  return { origin, scale: Math.fround(Math.max(0.01, (reach / 32_767) * 1.000_001)) };
}

function frameOf(known: Known): ArrayBuffer {
  const { count, position, fields } = known;
  const { origin, scale } = span(position);
  const buffer = new ArrayBuffer(HEADER_BYTES + count * RECORD_BYTES);
  const head = new DataView(buffer);
  head.setUint32(0, 0x484d5253); // "HMRS"
  head.setUint16(4, FRAME_VERSION, true);
  head.setUint16(6, RECORD_BYTES, true);
  head.setUint32(8, known.epoch, true);
  head.setUint32(12, known.seq, true);
  head.setUint32(16, known.tick % 2 ** 32, true);
  head.setUint32(20, Math.floor(known.tick / 2 ** 32), true);
  head.setFloat64(24, known.serverTimeMs, true);
  head.setFloat64(32, known.tick * known.tickS, true);
  origin.forEach((metres, axis) => head.setFloat32(40 + 4 * axis, metres, true));
  head.setFloat32(52, scale, true);
  head.setUint32(56, count, true);
  head.setUint32(60, known.state, true);
  const words = new Int16Array(buffer, HEADER_BYTES);
  const bytes = new Uint8Array(buffer, HEADER_BYTES);
  for (let slot = 0; slot < count; slot++) {
    for (let axis = 0; axis < 3; axis++) words[slot * 8 + axis] = Math.round((position[axis][slot] / UNITS_PER_M - origin[axis]) / scale);
    words[slot * 8 + 3] = fields[HEADING][slot] << 8;
    words[slot * 8 + 5] = fields[STATUS][slot] >> 4;
    const at = slot * RECORD_BYTES;
    bytes[at + 8] = fields[STATUS][slot] & 15;
    bytes[at + 9] = fields[BATTERY][slot];
    bytes[at + 12] = fields[SILENCE][slot];
    bytes[at + 13] = fields[SPEED][slot];
    bytes[at + 14] = fields[CLIMB][slot];
  }
  return buffer;
}
