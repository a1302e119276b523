/** What was measured in a recorded run, as columns over simulated time. */
import type { Measured } from '../net/runs';
import { separationOf } from './series';

export const FIGURES = ['separation_min_m', 'polarization', 'battery_min_pct', 'speed_mean_mps', 'airborne', 'cohesion_radius_m', 'near_misses'] as const;
export type Figure = (typeof FIGURES)[number];

export interface Columns {
  /** Simulated seconds. */
  time: readonly number[];
  /** NaN where nothing could be measured; distances beyond the server's search are infinite. */
  values: Readonly<Record<Figure, readonly number[]>>;
}

export function columns(rows: readonly Measured[], tickS: number): Columns {
  const read = (row: Measured, name: Figure): number => {
    const value = row.metrics[name];
    if (name === 'separation_min_m') return separationOf(value, row.metrics.airborne);
    return typeof value === 'number' && Number.isFinite(value) ? value : NaN;
  };
  return {
    time: rows.map((row) => row.tick * tickS),
    values: Object.fromEntries(FIGURES.map((name) => [name, rows.map((row) => read(row, name))])) as Record<Figure, number[]>,
  };
}

/** One figure at the given moments; NaN where nothing was measured. */
export function onTimes(c: Columns, figure: Figure, times: readonly number[]): number[] {
  const known = new Map(c.time.map((t, i) => [t, c.values[figure][i]]));
  return times.map((t) => known.get(t) ?? NaN);
}

/** The value that was measured last at or before a moment; NaN before the first. */
export function valueAt(c: Columns, figure: Figure, atS: number): number {
  let [low, high] = [0, c.time.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (c.time[middle] <= atS + 1e-6) low = middle + 1;
    else high = middle;
  }
  return low === 0 ? NaN : c.values[figure][low - 1];
}
