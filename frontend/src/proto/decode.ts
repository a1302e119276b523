/**
 * The binary `drones-update` frame, version 1: a 64-byte header and 16 bytes a drone, little-endian.
 *
 * Nothing is parsed record by record: a frame is the received buffer plus typed-array views on it, so 10,000 drones cost
 * the header check alone. `docs/PROTOCOL.md` specifies the layout; `test/fixtures/frames` holds golden frames.
 */

export const HEADER_BYTES = 64;
export const RECORD_BYTES = 16;
export const FRAME_VERSION = 1;
/** No frame is larger than this many drones; a length above it is damage, not a swarm. */
export const DRONES_MAX = 100_000;

export const FLAG_PAUSED = 1;
export const FLAG_STOPPED = 2;
export const FLAG_REPLAY = 4;

export const MODES = ['standby', 'takeoff', 'hold', 'guided', 'mission', 'swarm', 'rtl', 'land', 'emergency'] as const;
export type Mode = (typeof MODES)[number];
export const LANDED = ['on_ground', 'takeoff', 'in_air', 'landing'] as const;
export type Landed = (typeof LANDED)[number];
export const ALERTS = ['none', 'info', 'caution', 'warning', 'critical'] as const;

/** Bits of a record's 16-bit flag word. */
export const LANDED_MASK = 0b11;
export const ARMED_BIT = 1 << 2;
export const ALERT_SHIFT = 3;
export const ALERT_MASK = 0b111;
export const LINK_LOST_BIT = 1 << 6;
export const BAD_DATA_BIT = 1 << 7;
export const SIGNALLING_BIT = 1 << 8;

export const AGE_UNIT_MS = 40;
export const AGE_MAX = 255;
export const SPEED_UNIT_MPS = 0.2;
export const BATTERY_UNIT_PCT = 0.5;
export const BATTERY_UNKNOWN = 255;
export const HEADING_UNIT_DEG = 360 / 65536;

export interface Frame {
  readonly epoch: number;
  readonly seq: number;
  readonly tick: number;
  /** Unix milliseconds by the server's clock, when the frame was made. */
  readonly serverTimeMs: number;
  readonly simTimeS: number;
  readonly originE: number;
  readonly originN: number;
  readonly originU: number;
  /** Metres per position unit. */
  readonly scaleM: number;
  readonly count: number;
  readonly flags: number;
  /** The records seen as 16-bit words, 8 a drone: e, n, u signed; heading and flags unsigned. */
  readonly i16: Int16Array;
  readonly u16: Uint16Array;
  /** The records seen as bytes, 16 a drone. */
  readonly u8: Uint8Array;
}

export type BadFrame =
  | 'not_binary'
  | 'too_short'
  | 'wrong_magic'
  | 'wrong_version'
  | 'wrong_stride'
  | 'wrong_length'
  | 'too_many'
  | 'not_finite';

export type Decoded = { ok: true; frame: Frame } | { ok: false; reason: BadFrame };

const MAGIC = 0x53524d48; // "HMRS" read as a little-endian u32

function bad(reason: BadFrame): Decoded {
  return { ok: false, reason };
}

/** The bytes as an ArrayBuffer whose first byte is the frame's, copied only when a view starts off a 4-byte boundary. */
function aligned(data: unknown): { buffer: ArrayBuffer; offset: number; length: number } | null {
  if (data instanceof ArrayBuffer) return { buffer: data, offset: 0, length: data.byteLength };
  if (ArrayBuffer.isView(data)) {
    const { buffer, byteOffset, byteLength } = data;
    if (buffer instanceof ArrayBuffer && byteOffset % 4 === 0) return { buffer, offset: byteOffset, length: byteLength };
    const copy = new Uint8Array(byteLength);
    copy.set(new Uint8Array(buffer, byteOffset, byteLength));
    return { buffer: copy.buffer, offset: 0, length: byteLength };
  }
  return null;
}

/** Checks one received frame completely and gives views on it. Never throws, whatever it is given. */
export function decodeFrame(data: unknown): Decoded {
  const bytes = aligned(data);
  if (!bytes) return bad('not_binary');
  const { buffer, offset, length } = bytes;
  if (length < HEADER_BYTES) return bad('too_short');
  const head = new DataView(buffer, offset, HEADER_BYTES);
  if (head.getUint32(0, true) !== MAGIC) return bad('wrong_magic');
  if (head.getUint16(4, true) !== FRAME_VERSION) return bad('wrong_version');
  if (head.getUint16(6, true) !== RECORD_BYTES) return bad('wrong_stride');
  const count = head.getUint32(56, true);
  if (count > DRONES_MAX) return bad('too_many');
  if (length !== HEADER_BYTES + count * RECORD_BYTES) return bad('wrong_length');

  const frame: Frame = {
    epoch: head.getUint32(8, true),
    seq: head.getUint32(12, true),
    tick: head.getUint32(16, true) + head.getUint32(20, true) * 2 ** 32,
    serverTimeMs: head.getFloat64(24, true),
    simTimeS: head.getFloat64(32, true),
    originE: head.getFloat32(40, true),
    originN: head.getFloat32(44, true),
    originU: head.getFloat32(48, true),
    scaleM: head.getFloat32(52, true),
    count,
    flags: head.getUint32(60, true),
    i16: new Int16Array(buffer, offset + HEADER_BYTES, count * 8),
    u16: new Uint16Array(buffer, offset + HEADER_BYTES, count * 8),
    u8: new Uint8Array(buffer, offset + HEADER_BYTES, count * RECORD_BYTES),
  };
  const finite =
    Number.isFinite(frame.serverTimeMs) &&
    Number.isFinite(frame.simTimeS) &&
    Number.isFinite(frame.originE) &&
    Number.isFinite(frame.originN) &&
    Number.isFinite(frame.originU) &&
    Number.isFinite(frame.scaleM) &&
    frame.scaleM > 0;
  return finite ? { ok: true, frame } : bad('not_finite');
}

/* Readers of one record. `slot` must be below `frame.count`. */

export const eastOf = (f: Frame, slot: number): number => f.originE + f.i16[slot * 8] * f.scaleM;
export const northOf = (f: Frame, slot: number): number => f.originN + f.i16[slot * 8 + 1] * f.scaleM;
export const upOf = (f: Frame, slot: number): number => f.originU + f.i16[slot * 8 + 2] * f.scaleM;
export const headingOf = (f: Frame, slot: number): number => f.u16[slot * 8 + 3] * HEADING_UNIT_DEG;
export const modeOf = (f: Frame, slot: number): number => f.u8[slot * 16 + 8];
/** Percent, or NaN when the drone does not know it. */
export const batteryOf = (f: Frame, slot: number): number => {
  const raw = f.u8[slot * 16 + 9];
  return raw === BATTERY_UNKNOWN ? NaN : raw * BATTERY_UNIT_PCT;
};
export const flagsOf = (f: Frame, slot: number): number => f.u16[slot * 8 + 5];
export const landedOf = (f: Frame, slot: number): number => f.u16[slot * 8 + 5] & LANDED_MASK;
export const alertOf = (f: Frame, slot: number): number => (f.u16[slot * 8 + 5] >> ALERT_SHIFT) & ALERT_MASK;
/** Milliseconds since the drone last reported, when the frame was made; 10,200 means that or more. */
export const silenceMsOf = (f: Frame, slot: number): number => f.u8[slot * 16 + 12] * AGE_UNIT_MS;
export const speedOf = (f: Frame, slot: number): number => f.u8[slot * 16 + 13] * SPEED_UNIT_MPS;
export const climbOf = (f: Frame, slot: number): number => ((f.u8[slot * 16 + 14] << 24) >> 24) * SPEED_UNIT_MPS;
export const modeName = (raw: number): Mode | 'unknown' => MODES[raw] ?? 'unknown';
