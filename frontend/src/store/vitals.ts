/** What a server says of itself, read from the text of `/metrics` and from `/api/health`. */
import { isRecord } from '../proto/events';

/** One reading of `/metrics`: every sample by its name with its labels. */
export type Reading = ReadonlyMap<string, number>;

export function readMetrics(text: string): Reading {
  const found = new Map<string, number>();
  for (const line of text.split('\n')) {
    const at = line.lastIndexOf(' ');
    if (at > 0 && !line.startsWith('#')) found.set(line.slice(0, at), Number(line.slice(at + 1)));
  }
  return found;
}

/** Sum over all labels, or over those that hold `label`; NaN without any. */
export function total(reading: Reading, name: string, label = ''): number {
  let sum = NaN;
  for (const [key, value] of reading) {
    if ((key === name || key.startsWith(`${name}{`)) && key.includes(label)) sum = (Number.isNaN(sum) ? 0 : sum) + value;
  }
  return sum;
}

/** How much it grew a second between two readings. */
export function rate(before: Reading, now: Reading, name: string, seconds: number): number {
  return (total(now, name) - total(before, name)) / seconds;
}

/**
 * The time, ms, that a share `q` of what a histogram counted between two readings stayed under: the bound of its bucket,
 * so never flattering. NaN when nothing was counted, Infinity beyond the largest bound.
 */
export function quantileMs(before: Reading, now: Reading, name: string, q: number): number {
  const counts = new Map<number, number>();
  for (const [key, value] of now) {
    const bound = key.startsWith(`${name}_bucket{`) ? /le="([^"]+)"/.exec(key)?.[1] : undefined;
    if (bound === undefined) continue;
    const le = bound === '+Inf' ? Infinity : Number(bound);
    counts.set(le, (counts.get(le) ?? 0) + value - (before.get(key) ?? 0));
  }
  const sorted = [...counts].sort(([a], [b]) => a - b);
  const all = sorted.at(-1)?.[1] ?? 0;
  if (all <= 0) return NaN;
  return (sorted.find(([, count]) => count >= q * all)?.[0] ?? NaN) * 1000;
}

export type Level = 'ok' | 'degraded' | 'down';
export interface Health {
  status: Level;
  ready: boolean;
  version: string;
  swarms: readonly { swarm: string; tick: number; tick_age_ms: number; missed_ticks: number; crashes: number }[];
  database: { state: string; queued_records?: number; lag_ms?: number; refusing?: string | null; last_error?: string | null; spool?: { records: number; last_error?: string | null } | null };
}

export function readHealth(body: unknown): Health | null {
  if (!isRecord(body) || !isRecord(body.checks) || !isRecord(body.checks.database) || !Array.isArray(body.checks.swarms)) return null;
  const { status, ready, version, checks } = body;
  if (status !== 'ok' && status !== 'degraded' && status !== 'down') return null;
  return { status, ready: ready === true, version: String(version), swarms: checks.swarms as Health['swarms'], database: checks.database as unknown as Health['database'] };
}
