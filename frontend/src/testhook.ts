/** `window.__console`, for tests, only when the address says `?test`. */
import type { Actions } from './input/actions';
import { HOLLOW } from './render/scene';
import { ui } from './store/ui.svelte';

export interface ConsoleHook {
  readonly seq: number;
  readonly ageMs: number;
  /** When the newest frame was made, by the server's clock. */
  readonly newestMs: number;
  /** Only changes are asked for, because the link is weak. */
  readonly weak: boolean;
  /** Age at drawing over the last ten seconds. */
  readonly ageP95Ms: number;
  /** From the beginning of the navigation to the first picture with a drone in it. */
  readonly firstDroneMs: number;
  /** Drones that are drawn hollow: their data is old. */
  readonly hollow: number;
  readonly fps: number;
  readonly mainMs: number;
  readonly renderer: string;
  readonly drones: number;
  readonly selection: string[];
  readonly state: string;
  readonly runState: string;
  readonly bad: Record<string, number>;
  readonly rewound: number | null;
  readonly leases: { holder: string; drones: string[] }[];
  readonly views: number;
  readonly tick: number;
  readonly recovered: boolean;
  readonly id: string | null;
  readonly replay: boolean;
  /** The other run that is shown beside this one: its id, how many of its drones are known now, where it parts. */
  readonly over: { run: string; drones: number; partsAt: number | null; failed: string | null } | null;
  /** What the command under confirmation would make each drone fly; null while there is none, or nothing is known. */
  readonly foreseen: Record<string, readonly unknown[]> | null;
  readonly strips: { id: string; command: string; counts: Record<string, number>; done: boolean; transport: string | null; error: string | null }[];
  project(id: string): { x: number; y: number } | null;
}

export function installHook(actions: Actions): void {
  if (!new URLSearchParams(location.search).has('test')) return;
  const { session } = actions;
  const hook: ConsoleHook = {
    get seq() { return session.fleet.ring.latest?.seq ?? -1; },
    get ageMs() { return session.ageMs(); },
    get newestMs() { return session.fleet.ring.latest?.serverTimeMs ?? NaN; },
    get weak() { return session.link.isWeak; },
    get ageP95Ms() { return session.clock.ageQuantiles()[1]; },
    get firstDroneMs() { return actions.map?.firstDroneMs ?? NaN; },
    get hollow() {
      const scene = actions.map?.scene;
      return scene ? scene.look.subarray(0, scene.count).filter((look) => (look & HOLLOW) !== 0).length : 0;
    },
    get fps() { return actions.map?.stats().fps ?? 0; },
    get mainMs() { return actions.map?.stats().mainMs ?? 0; },
    get renderer() { return actions.map?.stats().renderer ?? ''; },
    get drones() { return session.fleet.ring.latest?.count ?? 0; },
    get selection() { return session.fleet.selection.ids(session.fleet.slots); },
    get state() { return session.state; },
    get runState() { return ui.status?.state ?? ''; },
    get bad() { return { ...session.link.badFrames }; },
    get rewound() { return session.rewind.atS; },
    get leases() { return ui.presence?.leases ?? []; },
    get id() { return session.link.id; },
    get recovered() { return session.link.recovered; },
    get tick() { return ui.status?.tick ?? -1; },
    get replay() { return actions.travel.isReplay; },
    get over() {
      const { over } = ui;
      const frame = session.fleet.shown;
      return over && { run: over.run.id, drones: (frame && session.ghost?.at(frame.tick)?.count) ?? 0, partsAt: over.comparison?.first_divergence_tick ?? null, failed: over.failed };
    },
    get views() { return actions.views.all.size; },
    get foreseen() { return actions.foreseen?.paths ?? null; },
    get strips() {
      return session.strips.all.map((s) => ({ id: s.id, command: s.command, counts: { ...s.counts }, done: s.done, transport: s.transport, error: s.error }));
    },
    /** Page coordinates, ready for a mouse. */
    project(id) {
      const slot = session.fleet.slots.slot(id);
      const box = document.querySelector('.map')?.getBoundingClientRect();
      const scene = actions.map?.scene;
      return slot < 0 || !box || !scene || slot >= scene.count ? null : { x: box.left + scene.x[slot], y: box.top + scene.y[slot] };
    },
  };
  Object.defineProperty(window, '__console', { value: hook });
}
