// Reads the binary form of `drones-update`, version 1, from its description alone (docs/PROTOCOL.md): written apart
// from the console's decoder on purpose, so that a mistake shared by server and console cannot hide.

const modes = ['standby', 'takeoff', 'hold', 'guided', 'mission', 'swarm', 'rtl', 'land', 'emergency'];
const landed = ['on_ground', 'takeoff', 'in_air', 'landing'];
const alerts = ['none', 'info', 'caution', 'warning', 'critical'];

export function decodeFrame(buffer) {
  const view = new DataView(buffer.buffer, buffer.byteOffset, buffer.byteLength);
  const magic = String.fromCharCode(...new Uint8Array(view.buffer, view.byteOffset, 4));
  if (magic !== 'HMRS') throw new Error(`a frame begins with HMRS, this one with ${JSON.stringify(magic)}`);
  const frame = {
    version: view.getUint16(4, true),
    stride: view.getUint16(6, true),
    epoch: view.getUint32(8, true),
    seq: view.getUint32(12, true),
    tick: Number(view.getBigUint64(16, true)),
    server_time_ms: view.getFloat64(24, true),
    sim_time_s: view.getFloat64(32, true),
    origin: [40, 44, 48].map((at) => view.getFloat32(at, true)),
    scale_m: view.getFloat32(52, true),
    flags: view.getUint32(60, true),
    drones: [],
  };
  const count = view.getUint32(56, true);
  if (view.byteLength !== 64 + count * frame.stride) throw new Error(`${view.byteLength} bytes cannot hold ${count} records of ${frame.stride}`);
  for (let slot = 0; slot < count; slot++) {
    const at = 64 + slot * frame.stride;
    const flags = view.getUint16(at + 10, true);
    const battery = view.getUint8(at + 9);
    frame.drones.push({
      position: [0, 2, 4].map((axis, i) => frame.origin[i] + view.getInt16(at + axis, true) * frame.scale_m),
      heading_deg: (view.getUint16(at + 6, true) * 360) / 65536,
      mode: modes[view.getUint8(at + 8)],
      battery_pct: battery === 255 ? null : battery / 2,
      landed: landed[flags & 3],
      armed: (flags & 4) !== 0,
      alert: alerts[(flags >> 3) & 7],
      age_ms: view.getUint8(at + 12) * 40,
      speed_mps: view.getUint8(at + 13) * 0.2,
      climb_mps: view.getInt8(at + 14) * 0.2,
    });
  }
  return frame;
}
