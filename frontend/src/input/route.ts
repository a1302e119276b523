/** The queue of points that the selected drones fly to one after the other. It is sent as one mission, which then begins. */
import type { Vec3 } from '../proto/events';
import { ui } from '../store/ui.svelte';
import { S } from '../strings';
import type { Actions } from './actions';

/** As many as one command takes. */
export const ROUTE_MAX = 100;

export class Route {
  constructor(private readonly actions: Actions) {}

  /** Adds a place at the height at which the selection flies. */
  add(e: number, n: number): void {
    const refusal = this.actions.refusal() ?? (this.actions.session.fleet.selection.count === 0 ? S.selectFirst : null);
    if (refusal !== null) ui.say(refusal);
    else if (ui.route.length < ROUTE_MAX) ui.route = [...ui.route, [Math.round(e * 10) / 10, Math.round(n * 10) / 10, this.actions.selectedAltitude()]];
  }

  addCentre(): void {
    const camera = this.actions.map?.camera;
    if (!camera) return;
    const [e, n] = camera.place(camera.width / 2, camera.height / 2);
    this.add(e, n);
  }

  raise(index: number, up: number): void {
    if (Number.isFinite(up) && up > 0) ui.route = ui.route.map((p, i): Vec3 => (i === index ? [p[0], p[1], up] : p));
  }

  remove(index: number): void {
    ui.route = ui.route.filter((_, i) => i !== index);
  }

  clear(): void {
    ui.route = [];
  }

  /** Asks to confirm; whoever takes the mission then flies it. */
  fly(): void {
    this.actions.propose('mission', { waypoints: ui.route.map((position) => ({ position })) }, 'mission_start');
  }
}

/** Metres along the points. */
export function lengthOf(route: readonly Vec3[]): number {
  return route.reduce((sum, p, i) => (i === 0 ? 0 : sum + Math.hypot(p[0] - route[i - 1][0], p[1] - route[i - 1][1], p[2] - route[i - 1][2])), 0);
}
