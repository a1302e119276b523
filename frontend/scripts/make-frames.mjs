/**
 * Writes the golden frames under test/fixtures/frames: each `.bin` beside its meaning in `frames.json`.
 *
 * Written with a plain DataView, independently of src/proto, so that the decoder is tested against the layout as
 * documented and not against its own encoder. The backend's tests read the same files.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const dir = fileURLToPath(new URL('../test/fixtures/frames/', import.meta.url));
mkdirSync(dir, { recursive: true });

/** One frame. `drones` hold raw integers exactly as they stand in the record. */
function frame({ header, drones, stride = 16, magic = 'HMRS', version = 1 }) {
  const view = new DataView(new ArrayBuffer(64 + drones.length * 16));
  [...magic].forEach((char, i) => view.setUint8(i, char.charCodeAt(0)));
  view.setUint16(4, version, true);
  view.setUint16(6, stride, true);
  view.setUint32(8, header.epoch, true);
  view.setUint32(12, header.seq, true);
  view.setBigUint64(16, BigInt(header.tick), true);
  view.setFloat64(24, header.server_time_ms, true);
  view.setFloat64(32, header.sim_time_s, true);
  header.origin.forEach((metres, i) => view.setFloat32(40 + 4 * i, metres, true));
  view.setFloat32(52, header.scale_m, true);
  view.setUint32(56, drones.length, true);
  view.setUint32(60, header.flags, true);
  drones.forEach((d, slot) => {
    const at = 64 + slot * 16;
    view.setInt16(at, d.e, true);
    view.setInt16(at + 2, d.n, true);
    view.setInt16(at + 4, d.u, true);
    view.setUint16(at + 6, d.heading, true);
    view.setUint8(at + 8, d.mode);
    view.setUint8(at + 9, d.battery);
    view.setUint16(at + 10, d.flags, true);
    view.setUint8(at + 12, d.age);
    view.setUint8(at + 13, d.speed);
    view.setInt8(at + 14, d.climb);
  });
  return new Uint8Array(view.buffer);
}

const header = {
  epoch: 3, seq: 1200, tick: 30000, server_time_ms: 1760000000123.5, sim_time_s: 1200,
  origin: [0, 0, 0], scale_m: 0.0625, flags: 0,
};
const three = [
  { e: 160, n: -320, u: 240, heading: 16384, mode: 4, battery: 174, flags: 0b110, age: 0, speed: 25, climb: -5 },
  { e: -32768, n: 32767, u: 0, heading: 65535, mode: 0, battery: 255, flags: 0, age: 255, speed: 0, climb: 0 },
  { e: 0, n: 0, u: 400, heading: 0, mode: 8, battery: 8, flags: 0b1_1110_0110, age: 30, speed: 255, climb: 127 },
];

/** A raw record in the units people use. */
function meaning(h, d) {
  return {
    position: [d.e, d.n, d.u].map((q, i) => Math.fround(h.origin[i]) + q * Math.fround(h.scale_m)),
    heading_deg: (d.heading * 360) / 65536,
    mode: ['standby', 'takeoff', 'hold', 'guided', 'mission', 'swarm', 'rtl', 'land', 'emergency'][d.mode],
    battery_pct: d.battery === 255 ? null : d.battery * 0.5,
    landed: ['on_ground', 'takeoff', 'in_air', 'landing'][d.flags & 3],
    armed: (d.flags & 4) !== 0,
    alert: ['none', 'info', 'caution', 'warning', 'critical'][(d.flags >> 3) & 7],
    link_lost: (d.flags & 64) !== 0,
    bad_data: (d.flags & 128) !== 0,
    signalling: (d.flags & 256) !== 0,
    age_ms: d.age * 40,
    speed_mps: d.speed * 0.2,
    climb_mps: d.climb * 0.2,
  };
}

const good = {
  'three.bin': { header, drones: three },
  'empty.bin': { header: { ...header, seq: 0, tick: 0, sim_time_s: 0, flags: 2 }, drones: [] },
  'offset-origin.bin': {
    header: { ...header, epoch: 4294967295, tick: 2 ** 40 + 7, origin: [1000.5, -2000.25, 12], scale_m: 0.5, flags: 5 },
    drones: three.slice(0, 2),
  },
};
const base = frame(good['three.bin']);
const bad = {
  'truncated.bin': { bytes: base.slice(0, base.length - 3), reason: 'wrong_length' },
  'header-only-part.bin': { bytes: base.slice(0, 40), reason: 'too_short' },
  'wrong-magic.bin': { bytes: frame({ header, drones: three, magic: 'HMRX' }), reason: 'wrong_magic' },
  'wrong-version.bin': { bytes: frame({ header, drones: three, version: 2 }), reason: 'wrong_version' },
  'wrong-stride.bin': { bytes: frame({ header, drones: three, stride: 20 }), reason: 'wrong_stride' },
  'nan-time.bin': { bytes: frame({ header: { ...header, server_time_ms: NaN }, drones: three }), reason: 'not_finite' },
  'zero-scale.bin': { bytes: frame({ header: { ...header, scale_m: 0 }, drones: three }), reason: 'not_finite' },
};

const index = { version: 1, good: {}, bad: {} };
for (const [name, spec] of Object.entries(good)) {
  writeFileSync(dir + name, frame(spec));
  index.good[name] = {
    header: { ...spec.header, count: spec.drones.length },
    raw: spec.drones,
    drones: spec.drones.map((d) => meaning(spec.header, d)),
  };
}
for (const [name, { bytes, reason }] of Object.entries(bad)) {
  writeFileSync(dir + name, bytes);
  index.bad[name] = { reason };
}
writeFileSync(dir + 'frames.json', JSON.stringify(index, null, 2) + '\n');
