/**
 * JSON drone lists turned into the same binary frame the stream carries.
 *
 * The HTTP fallback and a server that answers in JSON go through here, so that everything behind the link knows one form
 * only. Positions are quantised to the smallest scale that holds the whole fleet.
 */
import { ALERTS, ARMED_BIT, ALERT_SHIFT, BAD_DATA_BIT, BATTERY_UNKNOWN, FRAME_VERSION, HEADER_BYTES, LANDED, MODES, RECORD_BYTES } from './decode';
import type { DroneJson, DronesUpdate } from './events';

const MAGIC_BYTES = [0x48, 0x4d, 0x52, 0x53];
/** One centimetre: the finest scale worth sending to a screen. */
const SCALE_MIN_M = 0.01;

const clamp = (value: number, low: number, high: number): number => Math.min(high, Math.max(low, value));

function alertLevel(alert: DroneJson['alert']): number {
  if (!alert) return 0;
  const name = typeof alert === 'string' ? alert : alert.level;
  const index = (ALERTS as readonly string[]).indexOf(name);
  return index < 0 ? ALERTS.indexOf('caution') : index;
}

function positionOf(drone: DroneJson): [number, number, number] | null {
  const p = drone.position;
  return Array.isArray(p) && p.length >= 3 && p.every(Number.isFinite) ? [p[0], p[1], p[2]] : null;
}

/** `flags` as in the frame header; drones without a finite position are marked as bad data and put at the origin. */
export function encodeFrame(update: DronesUpdate, epoch: number, flags: number): ArrayBuffer {
  const { drones } = update;
  let reach = 0;
  for (const drone of drones) {
    const p = positionOf(drone);
    if (p) reach = Math.max(reach, Math.abs(p[0]), Math.abs(p[1]), Math.abs(p[2]));
  }
  const scale = Math.fround(Math.max(SCALE_MIN_M, reach / 32_700));
  const buffer = new ArrayBuffer(HEADER_BYTES + drones.length * RECORD_BYTES);
  const view = new DataView(buffer);
  MAGIC_BYTES.forEach((byte, i) => view.setUint8(i, byte));
  view.setUint16(4, FRAME_VERSION, true);
  view.setUint16(6, RECORD_BYTES, true);
  view.setUint32(8, epoch, true);
  view.setUint32(12, update.seq, true);
  view.setUint32(16, update.tick % 2 ** 32, true);
  view.setUint32(20, Math.floor(update.tick / 2 ** 32), true);
  view.setFloat64(24, update.wall_time_ms, true);
  view.setFloat64(32, update.sim_time_s, true);
  view.setFloat32(52, scale, true);
  view.setUint32(56, drones.length, true);
  view.setUint32(60, flags, true);

  drones.forEach((drone, slot) => {
    const at = HEADER_BYTES + slot * RECORD_BYTES;
    const p = positionOf(drone);
    const [e, n, u] = p ?? [0, 0, 0];
    view.setInt16(at, Math.round(e / scale), true);
    view.setInt16(at + 2, Math.round(n / scale), true);
    view.setInt16(at + 4, Math.round(u / scale), true);
    const heading = Number.isFinite(drone.heading_deg) ? drone.heading_deg : 0;
    view.setUint16(at + 6, Math.round((heading / 360) * 65536) & 0xffff, true);
    const mode = (MODES as readonly string[]).indexOf(drone.mode);
    view.setUint8(at + 8, mode < 0 ? 0 : mode);
    const battery = drone.battery_pct;
    view.setUint8(at + 9, Number.isFinite(battery) ? clamp(Math.round(battery * 2), 0, 200) : BATTERY_UNKNOWN);
    const landed = Math.max(0, (LANDED as readonly string[]).indexOf(drone.landed));
    const armed = landed > 0 ? ARMED_BIT : 0;
    view.setUint16(at + 10, landed | armed | (alertLevel(drone.alert) << ALERT_SHIFT) | (p ? 0 : BAD_DATA_BIT), true);
    const v = drone.velocity ?? [0, 0, 0];
    view.setUint8(at + 13, clamp(Math.round(Math.hypot(v[0], v[1]) * 5) || 0, 0, 255));
    view.setInt8(at + 14, clamp(Math.round(v[2] * 5) || 0, -128, 127));
  });
  return buffer;
}
