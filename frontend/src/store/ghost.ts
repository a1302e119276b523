/**
 * Another recorded run beside the one on the map: where its drones were at the same tick.
 *
 * Read in pieces around the tick that is shown; the last few pieces are kept.
 */
import type { PastFrame } from '../net/runs';

/** Ticks between two frames that are read; what lies between is drawn in between. */
export const EVERY = 5;
const FRAMES_A_PIECE = 100;
/** A piece of a large swarm is shorter: an answer is JSON. */
const STATES_A_PIECE = 20_000;
const PIECES_KEPT = 4;

export type ReadFrames = (from: number, to: number, every: number) => Promise<PastFrame[]>;

export class Ghost {
  private pieces = new Map<number, PastFrame[]>();
  private asking = new Set<number>();
  private readonly framesAPiece: number;
  /** Why nothing more is read. */
  failed: string | null = null;

  /** `lastTick`: beyond it the run does not go. `drones`: about how many it has. */
  constructor(
    readonly run: string,
    private readonly lastTick: number,
    drones: number,
    private readonly read: ReadFrames,
  ) {
    this.framesAPiece = Math.max(2, Math.min(FRAMES_A_PIECE, Math.floor(STATES_A_PIECE / Math.max(1, drones))));
  }

  /** Where its drones were at `tick`, which may lie between two ticks; null while that is unknown. Reads what is missing. */
  at(tick: number): GhostFrame | null {
    if (tick > this.lastTick) return null;
    this.want(tick);
    this.want(tick + this.framesAPiece * EVERY * 0.5);
    const first = Math.floor(tick / EVERY);
    const a = this.frame(first);
    if (!a) return null;
    const b = this.frame(first + 1) ?? a;
    return new GhostFrame(a, b, b === a ? 0 : (tick - a.tick) / (b.tick - a.tick));
  }

  private pieceOf(index: number): number {
    return Math.floor(index / this.framesAPiece);
  }

  private frame(index: number): PastFrame | undefined {
    const piece = this.pieceOf(index);
    return this.pieces.get(piece)?.[index - piece * this.framesAPiece];
  }

  private want(tick: number): void {
    const piece = this.pieceOf(Math.floor(tick / EVERY));
    const from = piece * this.framesAPiece * EVERY;
    if (from > this.lastTick || this.failed !== null || this.pieces.has(piece) || this.asking.has(piece)) return;
    this.asking.add(piece);
    const to = Math.min(this.lastTick, from + (this.framesAPiece - 1) * EVERY);
    this.read(from, to, EVERY).then((frames) => this.keep(piece, frames), (error: unknown) => {
      this.failed = error instanceof Error ? error.message : String(error);
    }).finally(() => this.asking.delete(piece));
  }

  private keep(piece: number, frames: PastFrame[]): void {
    this.pieces.set(piece, frames);
    for (const old of this.pieces.keys()) if (this.pieces.size > PIECES_KEPT && old !== piece) this.pieces.delete(old);
  }
}

/** The drones of another run at one moment. */
export class GhostFrame {
  private places: Map<string, number> | null = null;

  constructor(
    private readonly a: PastFrame,
    private readonly b: PastFrame,
    private readonly k: number,
  ) {}

  get count(): number {
    return this.a.ids.length;
  }

  /** Where the drone `id` was; `slot` is where it probably stands in the list. Null: there was none of that name. */
  place(id: string, slot: number): readonly [e: number, n: number, u: number] | null {
    const { a, b, k } = this;
    const index = a.ids[slot] === id ? slot : this.indexOf(id);
    if (index < 0) return null;
    // Drones that come or go between two frames are not moved in between.
    const mixed = b.ids[index] === id ? k : 0;
    const at = (axis: number): number => a.enu[index * 3 + axis] + (mixed === 0 ? 0 : (b.enu[index * 3 + axis] - a.enu[index * 3 + axis]) * mixed);
    return [at(0), at(1), at(2)];
  }

  private indexOf(id: string): number {
    this.places ??= new Map(this.a.ids.map((known, i) => [known, i]));
    return this.places.get(id) ?? -1;
  }
}

/** How far drones are from where the same drones are in another run. */
export interface Apart {
  /** Drones that both have. */
  count: number;
  meanM: number;
  mostM: number;
  /** The drone that is farthest, or none. */
  farthest: string | null;
}

export function apart(ids: readonly string[], here: (slot: number) => readonly [number, number, number], ghost: GhostFrame): Apart {
  const found: Apart = { count: 0, meanM: NaN, mostM: NaN, farthest: null };
  let [sum, most] = [0, -1];
  ids.forEach((id, slot) => {
    const there = ghost.place(id, slot);
    if (!there) return;
    const [e, n, u] = here(slot);
    const distance = Math.hypot(e - there[0], n - there[1], u - there[2]);
    found.count++;
    sum += distance;
    if (distance <= most) return;
    most = distance;
    found.farthest = id;
  });
  if (found.count > 0) [found.meanM, found.mostM] = [sum / found.count, most];
  return found;
}
