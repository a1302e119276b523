/** What an operator can do, whichever key, button or gesture asked for it. */
import { envelope, sendCommand } from '../net/command';
import type { Session } from '../net/session';
import { commandsAllowed } from '../net/state';
import type { Targets } from '../proto/events';
import type { MapView } from '../render/mapview';
import { ui } from '../store/ui.svelte';
import { S, drones } from '../strings';
import { confirmationFor } from './consequence';

/** Every drone stops and stays in the air: the motors keep running, nothing falls. */
export const STOP_ALL_COMMAND = 'hold';
const GOTO_ALTITUDE_M = 20;

export class Actions {
  map: MapView | null = null;

  constructor(readonly session: Session) {}

  /** Why commands are not possible now, in words, or null. */
  refusal(): string | null {
    const why = commandsAllowed(ui.link.state, ui.welcome?.role ?? 'operator');
    return why === null ? null : (S.disabled[why] ?? why);
  }

  /** Freezes the selection as target and asks for the confirmation that the command deserves. */
  propose(command: string, params: Record<string, unknown> = {}): void {
    const refusal = this.refusal();
    const ids = this.session.fleet.selection.ids(this.session.fleet.slots);
    if (refusal || ids.length === 0) {
      ui.say(refusal ?? S.selectFirst);
      return;
    }
    const confirmation = confirmationFor(command, ids.length);
    ui.aim = null;
    // Old data changes what an immediate command may assume: then everything is confirmed.
    if (confirmation === 'immediate' && ui.link.state !== 'delayed') this.send(command, ids, params, ids.length);
    else ui.pending = { command, targets: ids, count: ids.length, params, confirmation: confirmation === 'immediate' ? 'hold' : confirmation };
  }

  confirm(): void {
    const { pending } = ui;
    if (!pending) return;
    this.cancel();
    this.send(pending.command, pending.targets, pending.params, pending.count);
  }

  cancel(): void {
    ui.pending = null;
    ui.aim = null;
    if (this.map) this.map.target = null;
  }

  /** A command to the swarm as a whole, without targets. */
  world(command: string, params: Record<string, unknown> = {}, detail = ''): void {
    const refusal = this.refusal();
    if (refusal) ui.say(refusal);
    else this.send(command, undefined, params, 0, detail);
  }

  /** Works without a fresh picture and even without a socket: then it tries HTTP. */
  stopAll(): void {
    this.cancel();
    this.send(STOP_ALL_COMMAND, 'all', {}, this.session.fleet.slots.count, S.stopAll);
  }

  retry(id: string): void {
    const strip = this.session.strips.find(id);
    const refused = this.session.strips.refused(id);
    if (strip && refused.length > 0) this.send(strip.command, refused, strip.params ?? {}, refused.length);
  }

  private send(command: string, targets: Targets | undefined, params: Record<string, unknown>, count: number, detail = ''): void {
    const { session } = this;
    const made = envelope(command, targets, params);
    session.strips.started({ id: made.command_id, command, label: detail || label(command, params, targets), targets, params, atMs: Date.now(), total: count });
    const carriers = {
      connected: () => session.link.connected,
      ask: (event: string, payload: unknown, ms: number) => session.link.ask(event, payload, ms),
      post: (e: typeof made) => session.http.command(e),
    };
    void sendCommand(made, carriers).then((outcome) => {
      if (outcome.sent) session.strips.acked(made.command_id, outcome.transport, outcome.ack, Date.now());
      else session.strips.notSent(made.command_id, outcome.reason, Date.now());
    });
  }

  beginAim(kind: 'goto' | 'follow'): void {
    const refusal = this.refusal();
    if (refusal || this.session.fleet.selection.count === 0) {
      ui.say(refusal ?? S.selectFirst);
      return;
    }
    ui.pending = null;
    ui.aim = ui.aim === kind ? null : kind;
    if (this.map) {
      this.map.target = null;
      this.map.aimCentre = ui.aim === 'goto';
    }
    // The button keeps the focus otherwise, and with it the arrow and Enter keys.
    document.querySelector<HTMLElement>('.map')?.focus({ preventScroll: true });
  }

  /** Aiming by keyboard: the middle of the map is the place. */
  aimAtCentre(): void {
    const camera = this.map?.camera;
    if (camera && ui.aim === 'goto') this.aimAt(camera.e, camera.n, -1);
  }

  /** The map was clicked while aiming. */
  aimAt(e: number, n: number, slot: number): void {
    if (ui.aim === 'follow') {
      if (slot < 0) ui.say(S.aimNobody);
      else this.propose('follow', { drone: this.session.fleet.slots.ids[slot] });
      return;
    }
    const up = this.selectedAltitude();
    this.propose('goto', { position: [Math.round(e * 10) / 10, Math.round(n * 10) / 10, up] });
    if (ui.pending && this.map) this.map.target = { e, n, label: `${e.toFixed(0)}, ${n.toFixed(0)}, ${up} m` };
  }

  /** Drones that fly keep about the altitude they have; drones on the ground get a usual one. */
  private selectedAltitude(): number {
    const selection = ui.summary?.selection;
    const high = selection ? Math.round((selection.altitudeMin + selection.altitudeMax) / 2) : NaN;
    return Number.isFinite(high) && high >= 3 ? high : GOTO_ALTITUDE_M;
  }

  /* Selection. */

  selectAll(): void {
    this.session.fleet.selection.all();
  }

  invert(): void {
    this.session.fleet.selection.invert();
  }

  selectMatching(): void {
    this.session.fleet.selection.replace(this.session.fleet.matching());
  }

  selectIds(ids: readonly string[], centre: boolean): void {
    const { slots, selection } = this.session.fleet;
    const found = ids.map((id) => slots.slot(id)).filter((slot) => slot >= 0);
    selection.replace(found);
    if (centre && found.length > 0) this.map?.centreOn(found);
  }

  pick(slot: number, how: 'only' | 'add' | 'toggle'): void {
    const { selection } = this.session.fleet;
    if (how === 'only') selection.replace([slot]);
    else if (how === 'add') selection.set(slot, true);
    else selection.toggle(slot);
  }

  next(): void {
    const { fleet } = this.session;
    const slot = fleet.nextNeedingAttention(fleet.selection.first());
    if (slot < 0) return;
    fleet.selection.replace([slot]);
    this.map?.centreOn([slot]);
  }

  centreSelection(): void {
    const slots = this.session.fleet.selection.slots();
    if (slots.length > 0) this.map?.centreOn(slots);
  }

  toggleFollow(): void {
    if (!this.map) return;
    this.map.follow = !this.map.follow && this.session.fleet.selection.count > 0;
  }

  escape(): void {
    if (ui.pending || ui.aim) this.cancel();
    else this.session.fleet.selection.clear();
  }

  /* Remembered groups 1 to 9. */

  private saved = new Map<string, string[]>();
  private recalled = '';

  save(digit: string): void {
    const { selection, slots } = this.session.fleet;
    if (selection.count > 0) {
      this.saved.set(digit, selection.ids(slots));
      ui.say(`${digit}: ${drones(selection.count)}`, undefined, 2500);
    }
  }

  recall(digit: string): void {
    const ids = this.saved.get(digit);
    if (ids) this.selectIds(ids, this.recalled === digit);
    this.recalled = digit;
  }

  /* Run control. */

  toggleRun(): void {
    this.world(ui.status?.state === 'running' ? 'pause' : 'start');
  }
}

function label(command: string, params: Record<string, unknown>, targets: Targets | undefined): string {
  const parts = [S.command(command)];
  if (Array.isArray(params.position)) parts.push(params.position.map((v) => Number(v).toFixed(0)).join(', '));
  if (typeof params.drone === 'string') parts.push(params.drone);
  if (typeof params.behavior === 'string') parts.push(params.behavior);
  if (typeof params.path === 'string') parts.push(`${params.path} to ${String(params.value)}`);
  if (params.factor !== undefined) parts.push(params.factor === 'max' ? S.speedMax : `${String(params.factor)}×`);
  if (typeof params.name === 'string') parts.push(params.name);
  if (Array.isArray(targets) && targets.length === 1) parts.push(targets[0]);
  return parts.join(' ');
}
