/** The live fleet outside the reactive framework: who, where, selected, and where they have been. */
import type { Frame } from '../proto/decode';
import { alertOf, eastOf, landedOf, northOf, upOf } from '../proto/decode';
import type { DronesTable, Fence, Obstacle, Vec3, VisualizationUpdate, Welcome } from '../proto/events';
import { missionOf, type Mission } from '../proto/mission';
import type { Backdrop } from '../render/backdrop';
import type { Bounds } from '../render/camera';
import { parseQuery, type Predicate, type QueryContext } from './query';
import { Ring } from './ring';
import { Selection } from './select';
import { Silence } from './silence';
import { Slots } from './slots';
import { Trails } from './trails';

export class Fleet {
  readonly slots = new Slots();
  readonly ring = new Ring();
  readonly selection = new Selection();
  readonly trails = new Trails();
  readonly silence = new Silence();
  links: readonly (readonly [string, string])[] = [];
  goals: ReadonlyMap<string, Vec3> = new Map();
  fences: readonly Fence[] = [];
  obstacles: readonly Obstacle[] = [];
  pads: readonly (readonly [number, number])[] = [];
  /** What lies under the swarm, if this server has pictures of it and they are wanted. */
  ground: readonly Backdrop[] = [];
  /** What there is to do, and how far it is; null in worlds without a mission. */
  mission: Mission | null = null;
  /** Draws buildings and crew: fetched when the first mission comes. */
  windows: typeof import('../render/windows') | null = null;
  types: Welcome['types'] = [];
  /** Grows when what lies on the ground changed, so that it is painted again. */
  siteVersion = 0;
  tableVersion = 0;
  filter: Predicate = () => true;
  /** The moment that is looked back at, while somebody does. */
  rewound: Frame | null = null;
  private padsWanted = true;

  /** What panels and map show: the newest frame, or the one looked back at. */
  get shown(): Frame | null {
    return this.rewound ?? this.ring.latest;
  }

  takeWelcome(welcome: Welcome): void {
    this.types = Array.isArray(welcome.types) ? welcome.types : [];
    this.takeSite(welcome.fences ?? [], welcome.obstacles ?? []);
    this.tableVersion++;
  }

  private takeSite(fences: readonly Fence[], obstacles: readonly Obstacle[]): void {
    this.fences = fences.filter((f) => Array.isArray(f.polygon));
    this.obstacles = obstacles.filter((o) => Array.isArray(o.center));
    this.siteVersion++;
  }

  takeTable(table: DronesTable): void {
    const ids = this.selection.ids(this.slots);
    const first = this.slots.count === 0;
    this.slots.replace(table);
    this.selection.remap(ids, this.slots);
    this.ring.clear();
    this.trails.clear();
    if (first) this.padsWanted = true;
    this.tableVersion++;
  }

  takeFrame(frame: Frame): void {
    if (this.ring.push(frame)) this.trails.clear();
    this.trails.sample(frame);
    if (this.padsWanted && frame.count > 0) this.notePads(frame);
  }

  takeVisualization(v: VisualizationUpdate): void {
    this.links = Array.isArray(v.links) ? v.links : [];
    this.goals = new Map(Object.entries(v.goals ?? {}).map(([id, p]) => [id, p]));
    // The site travels with every update; it is only painted again when it differs.
    if (v.fences && JSON.stringify(v.fences) !== JSON.stringify(this.fences)) this.takeSite(v.fences, this.obstacles);
    if (v.obstacles && JSON.stringify(v.obstacles) !== JSON.stringify(this.obstacles)) this.takeSite(this.fences, v.obstacles);
    this.takeMission(missionOf(v.mission));
  }

  private takeMission(mission: Mission | null): void {
    const before = this.mission;
    this.mission = mission;
    if (mission && !before && !this.windows) void import('../render/windows').then((windows) => { this.windows = windows; this.siteVersion++; }, () => undefined);
    if (JSON.stringify(mission?.buildings) !== JSON.stringify(before?.buildings)) this.siteVersion++;
  }

  /** Everything that belongs to a run that is over. */
  forgetRun(): void {
    this.trails.clear();
    this.silence.clear();
    this.links = [];
    this.goals = new Map();
    this.pads = [];
    this.mission = null;
    this.padsWanted = true;
    this.siteVersion++;
  }

  private notePads(frame: Frame): void {
    const pads: [number, number][] = [];
    for (let slot = 0; slot < frame.count; slot++) if (landedOf(frame, slot) === 0) pads.push([eastOf(frame, slot), northOf(frame, slot)]);
    this.pads = pads;
    this.padsWanted = false;
    this.siteVersion++;
  }

  queryContext(frame: Frame): QueryContext {
    const { slots, selection } = this;
    return { frame, ids: slots.ids, types: slots.types, groups: slots.groups, selected: (slot) => selection.has(slot) };
  }

  /** Takes a new filter; returns what is wrong with it, in which case the last good one stays. */
  setFilter(text: string): string | null {
    const parsed = parseQuery(text);
    if (!parsed.ok) return parsed.message;
    this.filter = parsed.test;
    return null;
  }

  /** Slots the filter lets through. */
  matching(): number[] {
    const frame = this.shown;
    if (!frame) return [];
    const context = this.queryContext(frame);
    const found: number[] = [];
    for (let slot = 0; slot < frame.count; slot++) if (this.filter(context, slot)) found.push(slot);
    return found;
  }

  /** Bounds of the given slots, of the drones and the buildings they work on, or whatever stands there, or of everything including fences; null when there is nothing. */
  bounds(only?: readonly number[] | 'work'): Bounds | null {
    const b: Bounds = { e0: Infinity, n0: Infinity, u0: Infinity, e1: -Infinity, n1: -Infinity, u1: -Infinity };
    const take = (e: number, n: number, u: number): void => {
      b.e0 = Math.min(b.e0, e);
      b.e1 = Math.max(b.e1, e);
      b.n0 = Math.min(b.n0, n);
      b.n1 = Math.max(b.n1, n);
      b.u0 = Math.min(b.u0, u);
      b.u1 = Math.max(b.u1, u);
    };
    const frame = this.shown;
    const drone = (slot: number): void => {
      if (frame && slot < frame.count && !this.silence.hidden?.[slot]) take(eastOf(frame, slot), northOf(frame, slot), upOf(frame, slot));
    };
    if (only === 'work' && !this.mission) for (const o of this.obstacles) {
      const [w, h] = o.size ? [o.size[0] / 2, o.size[1] / 2] : [o.radius ?? 1, o.radius ?? 1];
      take(o.center[0] - w, o.center[1] - h, 0);
      take(o.center[0] + w, o.center[1] + h, o.height_m ?? 0);
    }
    for (const { center, size_m, height_m } of only === undefined || only === 'work' ? (this.mission?.buildings ?? []) : []) {
      take(center[0] - size_m[0] / 2, center[1] - size_m[1] / 2, 0);
      take(center[0] + size_m[0] / 2, center[1] + size_m[1] / 2, height_m);
    }
    if (Array.isArray(only)) only.forEach(drone);
    else {
      for (let slot = 0; slot < (frame?.count ?? 0); slot++) drone(slot);
      if (only === undefined) for (const fence of this.fences) if (fence.kind === 'keep_in') for (const [e, n] of fence.polygon) take(e, n, 0);
    }
    return b.e0 <= b.e1 ? b : null;
  }

  /** The next drone after the given slot that shows an alert, worst first within a round; -1 if none does. */
  nextNeedingAttention(after: number): number {
    const frame = this.shown;
    if (!frame) return -1;
    for (const floor of [3, 2]) {
      for (let i = 1; i <= frame.count; i++) {
        const slot = (after + i + frame.count) % frame.count;
        if (alertOf(frame, slot) >= floor) return slot;
      }
      // With a single warning, a second press goes on to the cautions.
    }
    return -1;
  }
}
