/** What an operator can do, whichever key, button or gesture asked for it. */
import { fixed } from '../format';
import type { Answer } from '../net/authority';
import { ACK_TIMEOUT_MS, envelope, sendCommand } from '../net/command';
import type { Session } from '../net/session';
import { commandsAllowed } from '../net/state';
import { modeName, modeOf } from '../proto/decode';
import type { CommandAck, Forecast, Targets } from '../proto/events';
import { Focus } from '../render/camera';
import type { MapView, MapViews } from '../render/mapview';
import { commandLabel } from '../store/labels';
import { previewOf, type Preview } from '../store/preview';
import { noteSent } from '../store/sent';
import { ui, type Aim, type Pending } from '../store/ui.svelte';
import { drones, S } from '../strings';
import { confirmationFor } from './consequence';
import { Fencing } from './fencing';
import { Groups } from './groups';
import { Route } from './route';
import { Travel } from './travel';
import { wayBack, type Before } from './undo';

/** Every drone stops and stays in the air: the motors keep running, nothing falls. */
export const STOP_ALL_COMMAND = 'hold';
const GOTO_ALTITUDE_M = 20;
/** Until the other views stand. */
const QUAD_MS = 150;
/** What a replay understands as well. */
const CLOCK = new Set(['start', 'pause', 'step', 'set_speed', 'reset']);

const inWords = (why: string | null): string | null => (why === null ? null : (S.disabled[why] ?? why));

export class Actions {
  /** Every view of the map that is open, and the one that keys and buttons mean. */
  readonly views = { all: new Set<MapView>(), primary: null as MapView | null, fitted: false, foreseen: null as MapViews['foreseen'] };
  readonly focus = new Focus();
  /** Space has served to pan the map since it went down, and does nothing more when it comes up. */
  spaceUsed = false;

  get map(): MapView | null {
    return this.views.primary;
  }

  readonly travel = new Travel(this);
  readonly groups = new Groups(this);
  readonly fencing = new Fencing(this);
  readonly route = new Route(this);

  constructor(readonly session: Session) {}

  /** Why commands are not possible now, in words, or null. */
  refusal(): string | null {
    if (ui.kiosk) return S.kioskRefusal;
    return inWords(commandsAllowed(ui.link.state, ui.welcome?.role ?? 'operator', this.session.rewind.atS !== null, this.travel.isReplay));
  }

  /** The same for the clock, which a replay has too. */
  clockRefusal(): string | null {
    if (ui.kiosk) return S.kioskRefusal;
    return inWords(commandsAllowed(ui.link.state, ui.welcome?.role ?? 'operator', this.session.rewind.atS !== null));
  }

  /** Freezes the selection as target and asks for the confirmation that the command deserves. */
  propose(command: string, params: Record<string, unknown> = {}, then?: string): void {
    const refusal = this.refusal();
    const ids = this.selectedIds();
    if (refusal || ids.length === 0) {
      ui.say(refusal ?? S.selectFirst);
      return;
    }
    const confirmation = confirmationFor(command, ids.length);
    ui.aim = null;
    // Old data changes what an immediate command may assume: then everything is confirmed.
    if (confirmation === 'immediate' && ui.link.state !== 'delayed') {
      const back = wayBack(command, this.whatTheyDo(ids));
      const undo = (): void => back.forEach((b) => this.send(b.command, b.targets, b.params, b.targets.length));
      this.send(command, ids, params, ids.length, { taken: () => back.length > 0 && ui.say(`${S.command(command)}, ${drones(ids.length)}.`, { label: S.undo, run: undo }) });
    }
    else {
      // What waits to be confirmed must be seen.
      ui.sideOpen = true;
      ui.pending = { command, targets: ids, count: ids.length, params, confirmation: confirmation === 'immediate' ? 'hold' : confirmation, then };
    }
  }

  /** Asks the server what a proposal would do. Null when it cannot be asked. */
  async preview(pending: Pending): Promise<Preview | null> {
    const { session } = this;
    const asked = { ...envelope(pending.command, pending.targets, pending.params), dry_run: true };
    const answer = session.link.connected ? session.link.ask('command', asked, ACK_TIMEOUT_MS) : session.http.command(asked);
    return answer.then((ack) => previewOf(ack as CommandAck), () => null);
  }

  confirm(): void {
    const { pending } = ui;
    if (!pending) return;
    this.cancel();
    this.send(pending.command, pending.targets, pending.params, pending.count, { then: pending.then });
  }

  cancel(): void {
    ui.pending = null;
    ui.aim = null;
    this.aimTarget(null);
  }

  /** Colours changed. */
  retheme(): void {
    for (const view of this.views.all) view.retheme();
  }

  /** Shows a place in every view. */
  aimTarget(target: MapView['target']): void {
    for (const view of this.views.all) view.target = target;
  }

  /** What the command under confirmation would do, as it is shown in every view. */
  foreseen: Forecast | null = null;

  foresee(forecast: Forecast | null, painter: MapViews['foreseen']): void {
    this.foreseen = forecast;
    this.views.foreseen = painter;
  }

  /** A command to the swarm as a whole, without targets. */
  world(command: string, params: Record<string, unknown> = {}, detail = ''): void {
    const refusal = CLOCK.has(command) ? this.clockRefusal() : this.refusal();
    if (refusal) ui.say(refusal);
    else this.send(command, undefined, params, 0, { detail });
  }

  /** Works without a fresh picture and even without a socket: then it tries HTTP. */
  stopAll(): void {
    this.cancel();
    // What becomes of it is said behind the dialog.
    if (ui.dialog !== 'token') ui.dialog = null;
    this.send(STOP_ALL_COMMAND, 'all', {}, this.session.fleet.slots.count, { detail: S.stopAll, override: true });
  }

  retry(id: string): void {
    const strip = this.session.strips.find(id);
    const refused = this.session.strips.refused(id);
    if (strip && refused.length > 0) this.send(strip.command, refused, strip.params ?? {}, refused.length);
  }

  private send(command: string, targets: Targets | undefined, params: Record<string, unknown>, count: number, { detail = '', override = false, then, taken }: { detail?: string; override?: boolean; then?: string; taken?: () => void } = {}): void {
    const { session } = this;
    const made = envelope(command, targets, params, override);
    if (command === 'goto') ui.tried = [ui.tried[0], true, ui.tried[2]];
    noteSent(made.command_id);
    session.strips.started({ id: made.command_id, command, label: detail || commandLabel(command, params, targets), targets, params, atMs: Date.now(), total: count });
    const carriers = {
      connected: () => session.link.connected,
      ask: (event: string, payload: unknown, ms: number) => session.link.ask(event, payload, ms),
      post: (e: typeof made) => session.http.command(e),
    };
    void sendCommand(made, carriers).then((outcome) => {
      if (outcome.sent) {
        session.strips.acked(made.command_id, outcome.transport, outcome.ack, Date.now());
        if (then !== undefined) this.goOn(then, outcome.ack);
        if (outcome.ack.ok) taken?.();
      } else session.strips.notSent(made.command_id, outcome.reason, Date.now());
    });
  }

  private whatTheyDo(ids: readonly string[]): Before[] {
    const { slots, shown, goals } = this.session.fleet;
    return ids.flatMap((id) => {
      const slot = slots.slot(id);
      return shown && slot >= 0 && slot < shown.count ? [{ id, mode: modeName(modeOf(shown, slot)), goal: goals.get(id) }] : [];
    });
  }

  /** What follows a command, for those that took it. */
  private goOn(command: string, ack: CommandAck): void {
    if (!ack.ok) return;
    const willing = Object.entries(ack.results ?? {}).filter(([, v]) => ['accepted', 'in_progress', 'completed'].includes(v.result)).map(([id]) => id);
    if (willing.length === 0) return;
    ui.route = [];
    this.send(command, willing, {}, willing.length);
  }

  /** Claims the selected drones; with `take` also those that others hold. */
  async claim(take: boolean): Promise<void> {
    if (ui.name === '') ui.say(S.nameFirst);
    else this.sayLease(await this.session.authority.claim(this.selectedIds(), take));
  }

  /** Gives the selected drones back, or over to somebody. */
  async release(to?: string): Promise<void> {
    const held = ui.presence?.leases?.find((lease) => lease.holder === ui.name)?.drones ?? [];
    const chosen = new Set(this.selectedIds());
    this.sayLease(await this.session.authority.release(held.filter((id) => chosen.has(id)), to));
  }

  private sayLease(answer: Answer): void {
    if (!answer.ok) ui.say(answer.message);
    else if (answer.refused.size > 0) ui.say(S.leaseRefused(answer.refused.size, [...new Set(answer.refused.values())].join(', ')));
  }

  private selectedIds(): string[] {
    return this.session.fleet.selection.ids(this.session.fleet.slots);
  }

  beginAim(kind: Exclude<Aim, 'spawn'>): void {
    const refusal = this.refusal();
    if (refusal || this.session.fleet.selection.count === 0) {
      ui.say(refusal ?? S.selectFirst);
      return;
    }
    ui.pending = null;
    ui.aim = ui.aim === kind ? null : kind;
    this.aimTarget(null);
    if (this.map) {
      this.map.aimCentre = ui.aim === 'goto';
    }
    // The button keeps the focus otherwise, and with it the arrow and Enter keys.
    document.querySelector<HTMLElement>('.map')?.focus({ preventScroll: true });
  }

  private scanAltitude = 0;
  private spawnParams: Record<string, unknown> = {};

  /** The next box drawn on the map is a region to scan. */
  beginScan(altitude_m: number): void {
    this.scanAltitude = altitude_m;
    this.beginAim('scan');
  }

  /** The box is drawn: corners in metres. */
  scanRegion(region: [number, number][]): void {
    this.propose('scan', { region, altitude_m: this.scanAltitude });
  }

  /** The next click on the map is where new drones appear. */
  beginSpawn(params: Record<string, unknown>): void {
    this.spawnParams = params;
    ui.aim = ui.aim === 'spawn' ? null : 'spawn';
  }

  /** Aiming by keyboard: the middle of the map is the place. */
  aimAtCentre(): void {
    const camera = this.map?.camera;
    if (!camera || ui.aim !== 'goto') return;
    const [e, n] = camera.place(camera.width / 2, camera.height / 2);
    this.aimAt(e, n, -1);
  }

  /** The map was clicked while aiming. */
  aimAt(e: number, n: number, slot: number): void {
    if (ui.aim === 'spawn') {
      ui.aim = null;
      this.world('spawn', { ...this.spawnParams, position: [Math.round(e * 10) / 10, Math.round(n * 10) / 10, 0] });
      return;
    }
    if (ui.aim === 'scan') return;
    if (ui.aim === 'follow') {
      if (slot < 0) ui.say(S.aimNobody);
      else this.propose('follow', { drone: this.session.fleet.slots.ids[slot] });
      return;
    }
    this.sendTo(e, n);
  }

  /** Asks to confirm that the selected drones fly to a place. */
  sendTo(e: number, n: number): void {
    const up = this.selectedAltitude();
    this.propose('goto', { position: [Math.round(e * 10) / 10, Math.round(n * 10) / 10, up] });
    if (ui.pending) this.aimTarget({ e, n, label: `${fixed(e)}, ${fixed(n)}, ${up} m` });
  }

  /** Drones that fly keep about the altitude they have; drones on the ground get a usual one. */
  selectedAltitude(): number {
    const selection = ui.summary?.selection;
    const high = selection ? Math.round((selection.altitudeMin + selection.altitudeMax) / 2) : NaN;
    return Number.isFinite(high) && high >= 3 ? high : GOTO_ALTITUDE_M;
  }

  /** The menu of the selection's place, or of the middle of the map. */
  openMenu(): void {
    document.querySelector('.map')?.dispatchEvent(new Event('contextmenu'));
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
    else if (ui.sketch) ui.sketch = null;
    else if (ui.kiosk) ui.kiosk = false;
    else if (ui.route.length > 0) this.route.clear();
    else if (this.session.rewind.atS !== null) this.travel.live();
    else this.session.fleet.selection.clear();
  }

  /* Views. */

  /** From above, aslant, and back. */
  toggleTilt(): void {
    ui.view = ui.view === 'tilt' ? 'top' : 'tilt';
  }

  toggleQuad(): void {
    ui.view = ui.view === 'quad' ? 'top' : 'quad';
    // Four small views of a fence would show little of the building in it.
    if (ui.view === 'quad') setTimeout(() => this.map?.fitAll('work'), QUAD_MS);
  }

  /** Only the picture, or everything. */
  toggleKiosk(): void {
    this.cancel();
    ui.kiosk = !ui.kiosk;
  }

  toggleBaseMap(): void {
    ui.baseMap = !ui.baseMap;
    this.session.showGround();
  }

  /* Run control. */

  toggleRun(): void {
    this.world(ui.status?.state === 'running' ? 'pause' : 'start');
  }
}
