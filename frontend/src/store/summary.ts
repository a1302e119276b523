/** One pass over the newest frame, four times a second: all the panels know about the fleet. */
import { ALERT_MASK, ALERT_SHIFT, BAD_DATA_BIT, batteryOf, LANDED_MASK, LINK_LOST_BIT, MODES, modeOf, upOf, type Frame } from '../proto/decode';
import { STALE_RAW } from '../render/scene';
import type { Predicate, QueryContext } from './query';

export interface Group {
  count: number;
  flying: number;
  caution: number;
  warning: number;
  stale: number;
  modes: Record<string, number>;
  /** Percent; NaN without a drone that knows. */
  batteryMin: number;
  batteryMedian: number;
  altitudeMin: number;
  altitudeMax: number;
  silenceMaxMs: number;
}

export interface Summary {
  fleet: Group;
  selection: Group;
  /** Slots the filter lets through, those that need attention first. */
  rows: Int32Array;
  /** One byte a drone for the ribbon: 0 ground, 1 flying, 2 stale, 3 caution, 4 warning, plus 8 when selected. */
  ribbon: Uint8Array;
}

const RIBBON_GROUND = 0;
const RIBBON_FLYING = 1;
const RIBBON_STALE = 2;
const RIBBON_CAUTION = 3;
export const RIBBON_WARNING = 4;
export const RIBBON_SELECTED = 8;

class Counter {
  private modes = new Uint32Array(MODES.length + 1);
  private batteries = new Uint32Array(201);
  private known = 0;
  private group: Group = {
    count: 0, flying: 0, caution: 0, warning: 0, stale: 0, modes: {},
    batteryMin: NaN, batteryMedian: NaN, altitudeMin: NaN, altitudeMax: NaN, silenceMaxMs: 0,
  };

  add(frame: Frame, slot: number, severity: number, silent: number): void {
    const g = this.group;
    g.count++;
    if ((frame.u16[slot * 8 + 5] & LANDED_MASK) !== 0) g.flying++;
    if (severity === RIBBON_WARNING) g.warning++;
    else if (severity === RIBBON_CAUTION) g.caution++;
    else if (severity === RIBBON_STALE) g.stale++;
    this.modes[Math.min(modeOf(frame, slot), MODES.length)]++;
    g.silenceMaxMs = Math.max(g.silenceMaxMs, silent * 40);
    // A drone whose numbers cannot be trusted counts as a drone but enters no statistics.
    if ((frame.u16[slot * 8 + 5] & BAD_DATA_BIT) !== 0) return;
    const raw = batteryOf(frame, slot);
    if (!Number.isNaN(raw)) {
      this.batteries[Math.min(200, Math.round(raw * 2))]++;
      this.known++;
    }
    const up = upOf(frame, slot);
    g.altitudeMin = up >= g.altitudeMin ? g.altitudeMin : up;
    g.altitudeMax = up <= g.altitudeMax ? g.altitudeMax : up;
  }

  result(): Group {
    const g = this.group;
    this.modes.forEach((count, i) => {
      if (count > 0) g.modes[MODES[i] ?? 'unknown'] = count;
    });
    let seen = 0;
    for (let i = 0; i <= 200 && this.known > 0; i++) {
      if (this.batteries[i] > 0 && Number.isNaN(g.batteryMin)) g.batteryMin = i / 2;
      seen += this.batteries[i];
      if (seen * 2 >= this.known) {
        g.batteryMedian = i / 2;
        break;
      }
    }
    return g;
  }
}

export function severityOf(frame: Frame, slot: number): number {
  const flags = frame.u16[slot * 8 + 5];
  const alert = (flags >> ALERT_SHIFT) & ALERT_MASK;
  if (alert >= 3 || modeOf(frame, slot) === MODES.length - 1) return RIBBON_WARNING;
  if (alert === 2) return RIBBON_CAUTION;
  if (frame.u8[slot * 16 + 12] > STALE_RAW || (flags & (LINK_LOST_BIT | BAD_DATA_BIT)) !== 0) return RIBBON_STALE;
  return (flags & LANDED_MASK) === 0 ? RIBBON_GROUND : RIBBON_FLYING;
}

export function summarise(context: QueryContext, filter: Predicate): Summary {
  const { frame, selected } = context;
  const fleet = new Counter();
  const selection = new Counter();
  const ribbon = new Uint8Array(frame.count);
  const buckets: [number[], number[], number[], number[]] = [[], [], [], []];
  for (let slot = 0; slot < frame.count; slot++) {
    const severity = severityOf(frame, slot);
    const silent = frame.u8[slot * 16 + 12];
    const chosen = selected(slot);
    fleet.add(frame, slot, severity, silent);
    if (chosen) selection.add(frame, slot, severity, silent);
    ribbon[slot] = severity | (chosen ? RIBBON_SELECTED : 0);
    if (filter(context, slot)) buckets[Math.min(3, RIBBON_WARNING - severity)].push(slot);
  }
  return { fleet: fleet.result(), selection: selection.result(), rows: Int32Array.from(buckets.flat()), ribbon };
}
