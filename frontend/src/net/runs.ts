/** Recorded runs over HTTP: listed, played, forked, compared, exported. */
import { isRecord } from '../proto/events';
import type { Http } from './http';

export interface Run {
  id: string;
  swarm: string;
  scenario: string;
  seed: number;
  tick_s: number;
  version: string;
  started: string;
  ended: string | null;
  ticks: number;
  status: string;
  parent: string | null;
  fork_tick: number | null;
}

/** A swarm that the server flies or plays now. */
export interface Swarm {
  id: string;
  kind: 'live' | 'replay';
  clients: number;
  scenario: string | null;
  run_id: string | null;
  state: string | null;
}

export interface Comparison {
  /** Null: they are equal as far as both go. */
  first_divergence_tick: number | null;
  compared_to_tick: number;
  reason: string;
  drones: string[];
}

/** Figures of a recorded tick by name; what could not be measured is absent or null. */
export interface Measured {
  tick: number;
  metrics: Record<string, unknown>;
}

/** Where the drones were at a tick: three metres a drone, in the order of `ids`. */
export interface PastFrame {
  tick: number;
  ids: readonly string[];
  enu: Float32Array;
}

/** What a route put up, or what it had against it. */
export type Put = { ok: true; swarm: string; run: string } | { ok: false; message: string };

export const EXPORTS = ['csv', 'jsonl', 'parquet', 'mcap'] as const;
export type ExportFormat = (typeof EXPORTS)[number];

export const RUNS_A_PAGE = 50;
/** Flying a run again to a late tick takes longer than any other question. */
const LONG_MS = 60_000;

const post = (body: unknown): RequestInit => ({ method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) });

export class Runs {
  constructor(private readonly http: Http) {}

  /** Newest first; `after` is the id of the last run of the page before. */
  async list(search: string, after?: string): Promise<Run[]> {
    const query = new URLSearchParams({ limit: String(RUNS_A_PAGE), ...(search ? { q: search } : {}), ...(after ? { after } : {}) });
    const { runs } = await this.answer(`runs?${query}`);
    return Array.isArray(runs) ? runs.filter((r): r is Run => isRecord(r) && typeof r.id === 'string') : [];
  }

  /** What flies or is played now. */
  async swarms(): Promise<Swarm[]> {
    const { swarms } = await this.answer('swarms');
    return Array.isArray(swarms) ? swarms.filter((s): s is Swarm => isRecord(s) && typeof s.id === 'string') : [];
  }

  async one(id: string): Promise<Run> {
    return (await this.answer(`runs/${encodeURIComponent(id)}`)) as unknown as Run;
  }

  replay(id: string, tick = 0): Promise<Put> {
    return this.put(`runs/${encodeURIComponent(id)}/replay`, { tick, paused: true });
  }

  fork(id: string, tick: number): Promise<Put> {
    return this.put(`runs/${encodeURIComponent(id)}/fork`, { tick, paused: true });
  }

  /** Ends a replay or a fork. */
  async end(swarm: string): Promise<void> {
    await this.http.ask(`swarms/${encodeURIComponent(swarm)}`, { method: 'DELETE' });
  }

  async compare(one: string, other: string): Promise<Comparison> {
    return (await this.answer(`runs/${encodeURIComponent(one)}/compare?with=${encodeURIComponent(other)}`)) as unknown as Comparison;
  }

  async metrics(id: string): Promise<Measured[]> {
    const { metrics } = await this.answer(`runs/${encodeURIComponent(id)}/metrics`);
    return Array.isArray(metrics) ? (metrics as Measured[]).filter((row) => isRecord(row) && isRecord(row.metrics)) : [];
  }

  /** Every `every`th tick from `from` to `to`, both included. */
  async frames(id: string, from: number, to: number, every: number): Promise<PastFrame[]> {
    const { frames } = await this.answer(`runs/${encodeURIComponent(id)}/frames?from=${from}&to=${to}&every=${every}`);
    if (!Array.isArray(frames)) return [];
    return frames.filter(isRecord).map(({ tick, drones }) => {
      const list = (Array.isArray(drones) ? drones : []) as { id: string; position: number[] }[];
      return { tick: Number(tick), ids: list.map((d) => d.id), enu: Float32Array.from(list.flatMap((d) => d.position.slice(0, 3))) };
    });
  }

  exportPath(id: string, format: ExportFormat): string {
    return this.http.url(`runs/${encodeURIComponent(id)}/export?format=${format}`);
  }

  private async answer(path: string, init?: RequestInit): Promise<Record<string, unknown>> {
    const body = await this.http.ask(path, init, LONG_MS);
    if (!isRecord(body)) throw new Error('no answer');
    if (body.ok === false) throw new Error(isRecord(body.error) ? String(body.error.message) : 'refused');
    return body;
  }

  private async put(path: string, body: object): Promise<Put> {
    try {
      const { id, run_id } = await this.answer(path, post(body));
      return { ok: true, swarm: String(id), run: String(run_id) };
    } catch (error) {
      return { ok: false, message: error instanceof Error ? error.message : 'no answer' };
    }
  }
}
