/**
 * What is to be drawn this frame, as arrays by slot: where each drone is on the screen and how it looks.
 *
 * Every renderer, the labels and the picking read the same arrays, so that all of them agree on where a drone is.
 */
import { alertOf, BAD_DATA_BIT, LANDED_MASK, LINK_LOST_BIT, type Frame } from '../proto/decode';
import { mixHeading, type Pair } from '../store/ring';
import type { Camera, Matrix } from './camera';
import { chooseSize } from './sizes';

/** How a drone looks: an index into the renderer's colours, plus a bit for hollow. */
export const LOOK_DRONE = 0;
export const LOOK_GROUND = 1;
export const LOOK_SELECTED = 2;
export const LOOK_CAUTION = 3;
export const LOOK_WARNING = 4;
export const LOOK_FROZEN = 5;
export const LOOKS = 6;
export const HOLLOW = 8;

/** About the size of a large glyph. */
const CELL_PX = 14;
/** Where nothing is drawn and nothing can be picked. */
const NOWHERE_PX = -100_000;
/** Headings are looked up in a view that is not from above. */
const HEADING_STEPS = 256;

/** Longer silent than this and a drone is drawn hollow. */
export const STALE_RAW = 25;
const SILENT_RAW = 75;
const MODE_EMERGENCY = 8;

export type Freshness = 'fresh' | 'old' | 'lost';

export class Scene {
  count = 0;
  inView = 0;
  /** The tick that is shown, which may lie between two. */
  tick = 0;
  /** Drones in view for each occupied cell of the screen: 1 when they stand apart, more when they crowd. */
  crowding = 1;
  /** How large drones are drawn: an index into the glyph sizes. */
  size = 0;
  frame: Frame | null = null;
  private cells = new Uint8Array(0);
  private readonly turned = new Uint16Array(HEADING_STEPS);
  private turnedFor: Matrix | null = null;
  /** Screen positions in CSS pixels. */
  x = new Float32Array(0);
  y = new Float32Array(0);
  heading = new Uint16Array(0);
  look = new Uint8Array(0);
  shape: Uint8Array = new Uint8Array(0);
  /** Slots that are not shown at all; null while every one is. */
  hidden: Uint8Array | null = null;

  clear(): void {
    this.count = 0;
    this.inView = 0;
    this.frame = null;
  }

  build(pair: Pair, camera: Camera, isSelected: (slot: number) => boolean, freshness: Freshness): void {
    const { a, b, k } = pair;
    const count = b.count;
    if (this.x.length < count) {
      this.x = new Float32Array(count);
      this.y = new Float32Array(count);
      this.heading = new Uint16Array(count);
      this.look = new Uint8Array(count);
    }
    this.count = count;
    this.frame = b;
    this.tick = a.tick + (b.tick - a.tick) * k;
    const { zoom, width, height, matrix } = camera;
    const [xe, xn, ye, yn, yu] = [matrix.xe * zoom, matrix.xn * zoom, matrix.ye * zoom, matrix.yn * zoom, matrix.yu * zoom];
    const left = camera.x(0, 0, 0);
    const top = camera.y(0, 0, 0);
    const fromAbove = camera.view === 'top';
    if (!fromAbove) this.turnHeadings(matrix);
    const [ai, bi] = [a.i16, b.i16];
    const columns = Math.ceil(width / CELL_PX);
    const cellCount = columns * Math.ceil(height / CELL_PX);
    if (this.cells.length < cellCount) this.cells = new Uint8Array(cellCount);
    this.cells.fill(0);
    let inView = 0;
    let occupied = 0;
    for (let slot = 0, at = 0; slot < count; slot++, at += 8) {
      const ae = a.originE + ai[at] * a.scaleM;
      const an = a.originN + ai[at + 1] * a.scaleM;
      const au = a.originU + ai[at + 2] * a.scaleM;
      const e = ae + (b.originE + bi[at] * b.scaleM - ae) * k;
      const n = an + (b.originN + bi[at + 1] * b.scaleM - an) * k;
      const u = au + (b.originU + bi[at + 2] * b.scaleM - au) * k;
      const x = this.hidden?.[slot] ? NOWHERE_PX : left + xe * e + xn * n;
      const y = top + ye * e + yn * n + yu * u;
      this.x[slot] = x;
      this.y[slot] = y;
      const heading = mixHeading(a.u16[at + 3], b.u16[at + 3], k);
      this.heading[slot] = fromAbove ? heading : this.turned[heading >> 8];
      this.look[slot] = lookOf(b, slot, isSelected(slot), freshness);
      if (x < 0 || y < 0 || x >= width || y >= height) continue;
      inView++;
      const cell = Math.floor(y / CELL_PX) * columns + Math.floor(x / CELL_PX);
      occupied += 1 - this.cells[cell];
      this.cells[cell] = 1;
    }
    this.crowding = inView / Math.max(1, occupied);
    this.inView = inView;
    this.size = chooseSize(inView, this.crowding, this.size);
  }

  /** Where a nose points on the screen, for each heading. */
  private turnHeadings(m: Matrix): void {
    if (this.turnedFor === m) return;
    this.turnedFor = m;
    for (let i = 0; i < HEADING_STEPS; i++) {
      const turn = (2 * Math.PI * i) / HEADING_STEPS;
      const [e, n] = [Math.sin(turn), Math.cos(turn)];
      const angle = Math.atan2(m.xe * e + m.xn * n, -(m.ye * e + m.yn * n));
      this.turned[i] = Math.round((angle / (2 * Math.PI)) * 65536) & 0xffff;
    }
  }
}

/** Colour only for attention: a healthy drone that nobody selected is grey. */
export function lookOf(frame: Frame, slot: number, selected: boolean, freshness: Freshness): number {
  if (freshness === 'lost') return (selected ? LOOK_SELECTED : LOOK_FROZEN) | HOLLOW;
  const flags = frame.u16[slot * 8 + 5];
  const silent = frame.u8[slot * 16 + 12];
  const stale = silent > STALE_RAW || (flags & (LINK_LOST_BIT | BAD_DATA_BIT)) !== 0;
  const hollow = stale || freshness === 'old' ? HOLLOW : 0;
  const alert = alertOf(frame, slot);
  if (alert >= 3 || frame.u8[slot * 16 + 8] === MODE_EMERGENCY) return LOOK_WARNING | hollow;
  if (alert === 2 || silent > SILENT_RAW || stale) return LOOK_CAUTION | hollow;
  if (selected) return LOOK_SELECTED | hollow;
  return ((flags & LANDED_MASK) === 0 ? LOOK_GROUND : LOOK_DRONE) | hollow;
}
