/** The swarm in numbers over time: one row a quarter second, bounded, in simulated time. */
import type { StatusUpdate } from '../proto/events';
import type { Summary } from './summary';

export const METRICS = ['separation', 'polarization', 'battery', 'speed', 'airborne', 'tick'] as const;
export type Metric = (typeof METRICS)[number];
/** What is kept: the battery's plot shows two of its quantiles, the least and the middle. */
export const KEPT = ['separation', 'polarization', 'battery', 'batteryMedian', 'speed', 'airborne', 'tick'] as const;
export type Kept = (typeof KEPT)[number];

/** The lines of a metric's plot, the one that its figure is read from first. */
export const linesOf = (metric: Metric): readonly Kept[] => (metric === 'battery' ? ['battery', 'batteryMedian'] : [metric]);

export interface Mark {
  atS: number;
  kind: 'command' | 'caution' | 'warning';
  text: string;
}

const ROWS_MAX = 4800;
const MARKS_MAX = 400;
const STEP_S = 0.2;

/** How far the server looks for the nearest drone, metres: `SEARCH_M` of src/sim/measure/pairs.rs. What is farther it does not measure. */
export const SEARCH_M = 24;

/** The least distance: infinite where drones fly farther apart than the server looks, NaN where there is none. */
export function separationOf(measured: unknown, airborne: unknown): number {
  if (typeof measured === 'number' && Number.isFinite(measured)) return measured;
  return measured === null && typeof airborne === 'number' && airborne >= 2 ? Infinity : NaN;
}

const finite = (value: number | null | undefined): number => (typeof value === 'number' && Number.isFinite(value) ? value : NaN);

export class Series {
  readonly time: number[] = [];
  readonly values: Record<Kept, number[]> = { separation: [], polarization: [], battery: [], batteryMedian: [], speed: [], airborne: [], tick: [] };
  marks: Mark[] = [];

  clear(): void {
    this.time.length = 0;
    for (const kept of KEPT) this.values[kept].length = 0;
    this.marks = [];
  }

  /** Takes a row, unless the clock has hardly moved; a clock set back begins anew. */
  sample(status: StatusUpdate, summary: Summary | null): void {
    const last = this.time[this.time.length - 1];
    const at = status.sim_time_s;
    if (last !== undefined && at < last) this.clear();
    else if (last !== undefined && at - last < STEP_S) return;
    const m = status.metrics ?? {};
    const row: Record<Kept, number> = {
      separation: separationOf(m.separation_min_m, m.airborne), polarization: finite(m.polarization), battery: finite(summary?.fleet.batteryMin), batteryMedian: finite(summary?.fleet.batteryMedian), speed: finite(m.speed_mean_mps),
      airborne: finite(m.airborne ?? summary?.fleet.flying), tick: finite(status.load?.tick_ms),
    };
    this.time.push(at);
    for (const kept of KEPT) this.values[kept].push(row[kept]);
    if (this.time.length > ROWS_MAX) this.thin();
  }

  mark(mark: Mark): void {
    this.marks = [...this.marks, mark].slice(-MARKS_MAX);
  }

  /** The older half becomes coarser by half. */
  private thin(): void {
    const half = this.time.length >> 1;
    const keep = (_: number, i: number): boolean => i >= half || i % 2 === 0;
    const lists = [this.time, ...KEPT.map((kept) => this.values[kept])];
    for (const list of lists) list.splice(0, list.length, ...list.filter(keep));
  }
}
