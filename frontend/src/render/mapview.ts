/** The map on the screen: one loop that draws at most once per display frame, and only when something changed. */
import { fixed } from '../format';
import type { Session } from '../net/session';
import { ui } from '../store/ui.svelte';
import { BasePainter, niceStep } from './base';
import { Camera, fit, type Focus, type View } from './camera';
import { Overlay, type OverlayInput } from './overlay';
import { readPalette, type Palette } from './palette';
import type { Box } from './pick';
import { chooseRenderer, forsakeGpu, type Renderer } from './renderer';
import { RasterRenderer } from './raster';
import { S } from '../strings';
import { SHAPES } from './sprite';
import { Scene, type Freshness } from './scene';

const FRAMES_KEPT = 240;
const PLAYOUT_MIN_MS = 60;
const PLAYOUT_MAX_MS = 250;
const OVERLAY_EVERY_MS = 33;
const STATS_EVERY_MS = 500;
const WATCHED_FRAMES = 40;
const SLOW_MS = 25;
const SLOW_FOR_MS = 3000;

/** What all views of the map have in common. */
export interface MapViews {
  all: Set<MapView>;
  readonly primary: MapView | null;
  fitted: boolean;
  /** Draws what the command under confirmation would do. */
  foreseen: OverlayInput['foreseen'];
}

export class MapView {
  readonly camera: Camera;
  readonly scene = new Scene();
  hover = -1;
  box: Box | null = null;
  target: { e: number; n: number; label: string } | null = null;
  follow = false;
  /** When the first picture with a drone in it was drawn, since the page was asked for. */
  firstDroneMs = NaN;
  /** While a place is aimed at by keyboard, the middle of the map is that place. */
  aimCentre = false;
  private renderer: Renderer;
  private slow = 0;
  private readonly base = new BasePainter();
  private readonly overlay: Overlay;
  private palette: Palette;
  private ratio = 1;
  private painted = '';
  private drawnKey = '';
  private shapesFor = -1;
  private overlayAt = 0;
  private moved = 0;
  private frameTimes: number[] = [];
  private busy: number[] = [];
  private lastFrameAt = 0;
  private statsAt = 0;
  private wasBusy = 0;
  private next = 0;
  private readonly sizes = new ResizeObserver(() => this.resize());

  /** `primary` is the view that counts as drawn for the stream, and whose figures are shown. */
  constructor(
    private readonly session: Session,
    canvas: HTMLCanvasElement,
    overlayCanvas: HTMLCanvasElement,
    focus: Focus,
    view: View,
    private readonly views: MapViews,
  ) {
    this.camera = new Camera(focus, view);
    views.all.add(this);
    this.renderer = chooseRenderer(canvas, () => this.fallBack(S.gpuLost));
    this.overlay = new Overlay(overlayCanvas);
    this.palette = readPalette(document.documentElement);
    this.renderer.setPalette(this.palette);
    const drawn = this.renderer.canvas;
    this.sizes.observe(drawn.parentElement ?? drawn);
    this.resize();
    // Canvas text drawn before the font arrived is drawn again with it.
    void document.fonts.ready.then(() => this.repaint());
    this.next = requestAnimationFrame((t) => this.loop(t));
  }

  /** Ends drawing for good. */
  close(): void {
    cancelAnimationFrame(this.next);
    this.sizes.disconnect();
    this.views.all.delete(this);
    this.renderer.dispose();
  }

  /** Colours changed. */
  retheme(): void {
    this.palette = readPalette(document.documentElement);
    this.renderer.setPalette(this.palette);
    this.repaint();
  }

  repaint(): void {
    this.painted = '';
    this.moved++;
  }

  /** Shows everything; of a site with work to do only that and the drones, with `work`. */
  fitAll(what?: 'work'): void {
    const bounds = this.session.fleet.bounds(what);
    this.follow = false;
    if (bounds) fit(bounds, [...this.views.all].map((view) => view.camera));
  }

  centreOn(slots: readonly number[]): void {
    const b = this.session.fleet.bounds(slots);
    if (b) this.camera.focus.moveTo((b.e0 + b.e1) / 2, (b.n0 + b.n1) / 2, this.views.all.size > 1 || this.camera.view === 'tilt' ? (b.u0 + b.u1) / 2 : undefined);
  }

  stats(): { fps: number; mainMs: number; renderer: string } {
    const recent = this.frameTimes;
    const sum = recent.reduce((a, b) => a + b, 0);
    const sorted = [...this.busy].sort((a, b) => a - b);
    return { renderer: this.renderer.name, fps: sum > 0 ? Math.round((1000 * recent.length) / sum) : 0, mainMs: sorted[Math.floor(sorted.length * 0.95)] ?? 0 };
  }

  private resize(): void {
    const { canvas } = this.renderer;
    const box = (canvas.parentElement ?? canvas).getBoundingClientRect();
    const [w, h] = [Math.max(1, Math.round(box.width)), Math.max(1, Math.round(box.height))];
    this.camera.resize(w, h);
    this.ratio = this.renderer.resize(w, h, window.devicePixelRatio || 1);
    this.overlay.resize(w, h, this.ratio);
    this.repaint();
  }

  private loop(now: number): void {
    this.next = requestAnimationFrame((t) => this.loop(t));
    const began = performance.now();
    this.step(now);
    const { session } = this;
    if (this.views.primary !== this) {
      session.busyMs += performance.now() - began;
      return;
    }
    push(this.busy, performance.now() - began + session.busyMs - this.wasBusy);
    this.wasBusy = session.busyMs;
    if (this.lastFrameAt > 0) push(this.frameTimes, now - this.lastFrameAt);
    this.lastFrameAt = now;
    if (now - this.statsAt > STATS_EVERY_MS) {
      this.statsAt = now;
      this.publish();
      this.watch();
    }
  }

  private publish(): void {
    const gridM = niceStep(this.camera.zoom, 56);
    const scaleM = niceStep(this.camera.zoom, 60);
    ui.map = { ...this.stats(), gridM, scaleM, scalePx: scaleM * this.camera.zoom, following: this.follow };
  }

  /** The processor draws from now on. */
  private fallBack(why: string): void {
    if (this.renderer instanceof RasterRenderer) return;
    forsakeGpu();
    const { canvas } = this.renderer;
    // A canvas that has given a WebGL context gives no other.
    const fresh = canvas.cloneNode() as HTMLCanvasElement;
    canvas.replaceWith(fresh);
    this.renderer.dispose();
    this.renderer = new RasterRenderer(fresh);
    this.renderer.setPalette(this.palette);
    this.resize();
    ui.say(why);
  }

  /** A GPU that is slower than the processor would be is not used. */
  private watch(): void {
    if (this.renderer instanceof RasterRenderer) return;
    const recent = this.frameTimes.slice(-WATCHED_FRAMES).sort((a, b) => a - b);
    const p95 = recent[Math.floor(recent.length * 0.95)] ?? 0;
    this.slow = recent.length === WATCHED_FRAMES && p95 > SLOW_MS ? this.slow + 1 : 0;
    if (this.slow * STATS_EVERY_MS >= SLOW_FOR_MS && !/renderer=gl/.test(location.search)) this.fallBack(S.gpuSlow);
  }

  private freshness(): Freshness {
    const { state } = this.session;
    if (this.session.rewind.atS !== null) return 'fresh';
    if (state === 'lost' || state === 'connecting') return 'lost';
    return state === 'delayed' || state === 'polling' ? 'old' : 'fresh';
  }

  /** What moment of the server's time to show: a little in the past, so that there is something to interpolate to. */
  private playoutAt(): number {
    const { ring } = this.session.fleet;
    const { state, clock } = this.session;
    const newest = ring.latest?.serverTimeMs ?? 0;
    if (state !== 'live') return newest;
    const [p50, p95] = clock.ageQuantiles();
    const jitter = Number.isFinite(p95) ? p95 - p50 : 0;
    const interval = ring.intervalMs() || 40;
    const delay = Math.min(PLAYOUT_MAX_MS, Math.max(PLAYOUT_MIN_MS, 1.5 * interval + jitter));
    return clock.now() - delay;
  }

  private step(now: number): void {
    const { session, camera, scene } = this;
    const { fleet } = session;
    if (this.shapesFor !== fleet.tableVersion) {
      this.shapesFor = fleet.tableVersion;
      scene.shape = fleet.slots.shapeIndex(fleet.types, SHAPES);
      scene.clear();
    }
    const pair = session.rewind.pair(now) ?? fleet.ring.pairAt(this.playoutAt());
    if (!pair && !ui.begun) return;
    if (pair && !this.views.fitted && this.views.primary === this && fleet.slots.count > 0) {
      this.views.fitted = true;
      this.fitAll();
    }
    if (pair && this.follow) this.followSelection();
    const selected = (slot: number): boolean => fleet.selection.has(slot);
    const freshness = this.freshness();
    const key = `${pair ? `${pair.b.seq} ${pair.k}` : 'none'} ${pair?.b.epoch} ${camera.version} ${fleet.selection.version} ${fleet.siteVersion} ${fleet.silence.version} ${freshness} ${this.moved}`;
    if (key !== this.drawnKey) {
      this.drawnKey = key;
      this.paintBase();
      scene.hidden = fleet.silence.hidden;
      if (pair && pair.b.count === fleet.slots.count) scene.build(pair, camera, selected, freshness);
      this.renderer.draw(scene);
      if (scene.count > 0 && Number.isNaN(this.firstDroneMs)) {
        this.firstDroneMs = performance.now();
        ui.begun = true;
      }
    }
    if (this.views.primary === this) session.drawn();
    this.drawOverlay(now, selected, freshness);
  }

  private drawOverlay(now: number, selected: (slot: number) => boolean, freshness: Freshness): void {
    if (now - this.overlayAt < OVERLAY_EVERY_MS && this.box === null) return;
    this.overlayAt = now;
    const { session, scene, camera, palette } = this;
    const { fleet } = session;
    if (ui.aim === 'goto' && this.aimCentre) this.target = this.centreTarget();
    this.overlay.draw({
      scene, camera, palette, selected, ids: fleet.slots.ids, silentMs: (slot) => (scene.frame ? fleet.silence.ofMs(scene.frame, slot, fleet.slots.ids[slot]) : 0), slotOf: (id) => fleet.slots.slot(id),
      selectedSlots: fleet.selection.slots(), hover: this.hover, trails: fleet.trails, links: fleet.links, goals: fleet.goals,
      box: this.box, target: this.target, foreseen: this.views.foreseen, route: ui.route, drawMission: this.drawMission, sketch: ui.sketch?.polygon ?? null, frozen: freshness === 'lost', rewound: session.rewind.atS !== null, ghost: session.ghost?.at(scene.tick) ?? null, ageMs: Number.isNaN(session.ageMs()) ? 0 : session.ageMs(),
    });
  }

  /** Tethers and gauges, once what draws them is there. */
  private readonly drawMission = (c: CanvasRenderingContext2D, input: OverlayInput): boolean => {
    const { mission, windows } = this.session.fleet;
    return mission !== null && windows !== null && windows.drawCrew(c, input, mission.crew);
  };

  private centreTarget(): NonNullable<MapView['target']> {
    const [e, n] = this.camera.place(this.camera.width / 2, this.camera.height / 2);
    return { e, n, label: `${fixed(e)}, ${fixed(n)}` };
  }

  private followSelection(): void {
    const slots = this.session.fleet.selection.slots();
    if (slots.length === 0) this.follow = false;
    else this.centreOn(slots);
  }

  private paintBase(): void {
    const { camera, session } = this;
    const { fleet } = session;
    const key = `${camera.version} ${fleet.siteVersion} ${this.ratio} ${camera.width} ${camera.height}`;
    if (key === this.painted) return;
    this.painted = key;
    this.renderer.setBackground(this.base.paint(camera, this.ratio, this.renderer.canvas.width, this.renderer.canvas.height, this.palette, fleet));
  }
}

function push(list: number[], value: number): void {
  list.push(value);
  if (list.length > FRAMES_KEPT) list.shift();
}
