/** Everything above the drones: trails, links, goals, brackets, labels, the selection box and the go-to target. */
import { S } from '../strings';
import { AGE_MAX, AGE_UNIT_MS, alertOf, eastOf, northOf, silenceMsOf } from '../proto/decode';
import type { Trails } from '../store/trails';
import type { Camera } from './camera';
import type { Palette } from './palette';
import type { Box } from './pick';
import { LOOK_CAUTION, LOOK_WARNING, type Scene } from './scene';

export interface OverlayInput {
  scene: Scene;
  camera: Camera;
  palette: Palette;
  ids: readonly string[];
  slotOf: (id: string) => number;
  selected: (slot: number) => boolean;
  selectedSlots: readonly number[];
  hover: number;
  trails: Trails;
  links: readonly (readonly [string, string])[];
  goals: ReadonlyMap<string, readonly [number, number, number]>;
  box: Box | null;
  /** A place being aimed at: the target of a go-to under confirmation or under the pointer. */
  target: { e: number; n: number; label: string } | null;
  /** Corners of a fence that is being drawn. */
  sketch: readonly (readonly [number, number])[] | null;
  frozen: boolean;
  /** A moment of the past is shown: what belongs to the present is left out. */
  rewound: boolean;
  /** Extra age of everything shown, in ms, added to each drone's own. */
  ageMs: number;
}

/** A drone's own silence plus the age of the frame; the wire counts no further than 10.2 s. */
function silentFor(silentMs: number, ageMs: number): string {
  return S.old(silentMs >= AGE_MAX * AGE_UNIT_MS ? null : (silentMs + ageMs) / 1000);
}

const LABELS_MAX = 200;
/** More cautions than this and their labels would say nothing; the alert list counts them. */
const CAUTION_LABELS_MAX = 30;
const CAUTION_RANK = 2;
const LABELLED_SELECTION = 12;
/** A fleet this small is labelled whole. */
const LABELLED_FLEET = 24;
const TRAILS_MAX = 60;
const STALKS_MAX = 300;
const LINKS_MAX = 2000;
const ARRIVED_PX = 16;

export class Overlay {
  private readonly context: CanvasRenderingContext2D;
  private ratio = 1;
  private empty = true;

  constructor(private readonly canvas: HTMLCanvasElement) {
    const context = canvas.getContext('2d');
    if (!context) throw new Error('this browser draws no 2D canvas');
    this.context = context;
  }

  resize(width: number, height: number, ratio: number): void {
    this.ratio = ratio;
    this.canvas.width = Math.max(1, Math.round(width * ratio));
    this.canvas.height = Math.max(1, Math.round(height * ratio));
    this.empty = true;
  }

  draw(input: OverlayInput): void {
    const c = this.context;
    if (!this.empty) {
      c.setTransform(1, 0, 0, 1, 0, 0);
      c.clearRect(0, 0, this.canvas.width, this.canvas.height);
    }
    c.setTransform(this.ratio, 0, 0, this.ratio, 0, 0);
    this.empty = true;
    if (input.camera.view === 'tilt') this.stalks(input);
    if (!input.frozen && !input.rewound) this.trails(input);
    if (!input.rewound) {
      this.links(input);
      this.goals(input);
    }
    this.marks(input);
    if (input.target) this.target(input, input.target);
    if (input.sketch) this.sketch(input, input.sketch);
    if (input.box) this.box(input.box, input.palette);
  }

  private trails(input: OverlayInput): void {
    const { scene, camera, palette, trails, selectedSlots } = input;
    const everyone = scene.count <= TRAILS_MAX;
    const slots = everyone ? Array.from({ length: scene.count }, (_, i) => i) : selectedSlots.slice(0, TRAILS_MAX);
    if (slots.length === 0 || trails.length < 2) return;
    const c = this.context;
    c.lineWidth = 1;
    for (const pass of [false, true]) {
      c.beginPath();
      for (const slot of slots) {
        if (input.selected(slot) !== pass) continue;
        c.moveTo(scene.x[slot], scene.y[slot]);
        trails.walk(slot, (e, n, u) => c.lineTo(camera.x(e, n, u), camera.y(e, n, u)));
      }
      c.strokeStyle = pass ? palette.selected : palette.drone;
      c.globalAlpha = pass ? 0.55 : 0.3;
      c.stroke();
    }
    c.globalAlpha = 1;
    this.empty = false;
  }

  /** From each drone down to the ground: in a slanted picture only they tell where a drone is. */
  private stalks(input: OverlayInput): void {
    const { scene, camera, palette } = input;
    const { frame } = scene;
    if (!frame || scene.count > STALKS_MAX) return;
    const c = this.context;
    c.strokeStyle = palette.edge;
    c.fillStyle = palette.edge;
    c.globalAlpha = 0.5;
    c.lineWidth = 1;
    c.beginPath();
    for (let slot = 0; slot < scene.count; slot++) {
      const [e, n] = [eastOf(frame, slot), northOf(frame, slot)];
      const [x, y] = [camera.x(e, n, 0), camera.y(e, n, 0)];
      c.moveTo(scene.x[slot], scene.y[slot]);
      c.lineTo(x, y);
      c.rect(x - 1, y - 1, 2, 2);
    }
    c.stroke();
    c.globalAlpha = 1;
    this.empty = false;
  }

  private links(input: OverlayInput): void {
    if (input.links.length === 0) return;
    const { scene, palette, slotOf } = input;
    const c = this.context;
    c.beginPath();
    for (const [a, b] of input.links.slice(0, LINKS_MAX)) {
      const [from, to] = [slotOf(a), slotOf(b)];
      if (from < 0 || to < 0 || from >= scene.count || to >= scene.count) continue;
      c.moveTo(scene.x[from], scene.y[from]);
      c.lineTo(scene.x[to], scene.y[to]);
    }
    c.strokeStyle = palette.edge;
    c.globalAlpha = 0.35;
    c.lineWidth = 1;
    c.stroke();
    c.globalAlpha = 1;
    this.empty = false;
  }

  private goals(input: OverlayInput): void {
    const { scene, camera, palette, goals, slotOf } = input;
    if (goals.size === 0) return;
    const c = this.context;
    const everyone = goals.size <= TRAILS_MAX;
    c.strokeStyle = palette.path;
    c.lineWidth = 1;
    c.globalAlpha = goals.size > 12 ? 0.3 : 0.75;
    c.beginPath();
    for (const [id, [e, n, u]] of goals) {
      const slot = slotOf(id);
      if (slot < 0 || slot >= scene.count || !(everyone || input.selected(slot))) continue;
      const [x, y] = [camera.x(e, n, u), camera.y(e, n, u)];
      // A drone that has arrived needs no sign of where it goes.
      if (Math.hypot(x - scene.x[slot], y - scene.y[slot]) < ARRIVED_PX) continue;
      c.moveTo(scene.x[slot], scene.y[slot]);
      c.lineTo(x, y);
      c.moveTo(x + 4, y);
      c.arc(x, y, 4, 0, 2 * Math.PI);
    }
    c.stroke();
    c.globalAlpha = 1;
    this.empty = false;
  }

  /** Rings on selected drones that show another colour, brackets on warnings, labels where attention is due. */
  private marks(input: OverlayInput): void {
    const { scene, palette, hover, camera } = input;
    const everyone = scene.count <= LABELLED_FLEET;
    const fewSelected = input.selectedSlots.length <= LABELLED_SELECTION;
    // The most urgent label first: what comes later and would overlap is left out.
    const wanted: { slot: number; rank: number; colour: string }[] = [];
    for (let slot = 0; slot < scene.count; slot++) {
      const look = scene.look[slot] & 7;
      const urgent = !input.frozen && (look === LOOK_WARNING || look === LOOK_CAUTION);
      const selected = input.selected(slot);
      if (!urgent && !selected && slot !== hover && !everyone) continue;
      const [x, y] = [scene.x[slot], scene.y[slot]];
      if (x < -20 || y < -20 || x > camera.width + 20 || y > camera.height + 20) continue;
      if (urgent && look === LOOK_WARNING) this.bracket(x, y, palette.warning);
      if (selected && (urgent || fewSelected)) this.ring(x, y, palette.selected);
      if (!urgent && slot !== hover && !fewSelected && !everyone) continue;
      if (wanted.length >= LABELS_MAX) break;
      const [rank, colour] = urgent ? (look === LOOK_WARNING ? [1, palette.warning] : [CAUTION_RANK, palette.caution]) : selected ? [3, palette.selected] : [4, palette.fg3];
      wanted.push({ slot, rank: slot === hover ? 0 : rank, colour: slot === hover && rank === 4 ? palette.fg : colour });
    }
    const cautions = wanted.filter((w) => w.rank === CAUTION_RANK).length;
    const shown = cautions > CAUTION_LABELS_MAX ? wanted.filter((w) => w.rank !== CAUTION_RANK) : wanted;
    this.labels(input, shown.sort((a, b) => a.rank - b.rank));
  }

  private labels(input: OverlayInput, wanted: readonly { slot: number; colour: string }[]): void {
    const c = this.context;
    c.font = '11px B612, sans-serif';
    c.textAlign = 'left';
    c.textBaseline = 'middle';
    const taken: { x0: number; x1: number; y: number }[] = [];
    for (const { slot, colour } of wanted) {
      const text = this.text(input, slot, input.ids[slot] ?? '');
      const [x, y] = [input.scene.x[slot] + 13, input.scene.y[slot] - 11];
      const x1 = x + text.length * 7;
      if (taken.some((t) => x < t.x1 && x1 > t.x0 && Math.abs(y - t.y) < 13)) continue;
      taken.push({ x0: x, x1, y });
      this.label(text, x, y, colour, input.palette.ground);
    }
  }

  private text(input: OverlayInput, slot: number, id: string): string {
    const { frame } = input.scene;
    if (!frame) return id;
    const silent = silenceMsOf(frame, slot);
    if (silent > 1000) return `${id}  ${silentFor(silent, input.ageMs)}`;
    if (slot === input.hover && alertOf(frame, slot) < 2) return `${id}  ${eastOf(frame, slot).toFixed(0)}, ${northOf(frame, slot).toFixed(0)}`;
    return id;
  }

  private ring(x: number, y: number, colour: string): void {
    const c = this.context;
    c.strokeStyle = colour;
    c.beginPath();
    c.arc(x, y, 11, 0, 2 * Math.PI);
    c.stroke();
    this.empty = false;
  }

  private bracket(x: number, y: number, colour: string): void {
    const c = this.context;
    const [r, arm] = [12, 5];
    c.strokeStyle = colour;
    c.beginPath();
    for (const [sx, sy] of [[-1, -1], [1, -1], [1, 1], [-1, 1]]) {
      c.moveTo(x + sx * r, y + sy * (r - arm));
      c.lineTo(x + sx * r, y + sy * r);
      c.lineTo(x + sx * (r - arm), y + sy * r);
    }
    c.stroke();
    this.empty = false;
  }

  /** Text with an outline in the ground's colour, readable over anything. */
  private label(text: string, x: number, y: number, colour: string, halo: string): void {
    const c = this.context;
    c.lineJoin = 'round';
    c.lineWidth = 3;
    c.strokeStyle = halo;
    c.strokeText(text, x, y);
    c.lineWidth = 1.25;
    c.fillStyle = colour;
    c.fillText(text, x, y);
    this.empty = false;
  }

  private target(input: OverlayInput, target: NonNullable<OverlayInput['target']>): void {
    const { camera, palette, scene, selectedSlots } = input;
    const c = this.context;
    const [x, y] = [camera.x(target.e, target.n, 0), camera.y(target.e, target.n, 0)];
    c.strokeStyle = palette.path;
    c.lineWidth = 1;
    c.globalAlpha = selectedSlots.length > 12 ? 0.25 : 0.5;
    c.beginPath();
    for (const slot of selectedSlots.slice(0, LABELS_MAX)) {
      c.moveTo(scene.x[slot], scene.y[slot]);
      c.lineTo(x, y);
    }
    c.stroke();
    c.globalAlpha = 1;
    c.lineWidth = 1.5;
    c.beginPath();
    c.arc(x, y, 7, 0, 2 * Math.PI);
    c.moveTo(x - 12, y);
    c.lineTo(x + 12, y);
    c.moveTo(x, y - 12);
    c.lineTo(x, y + 12);
    c.stroke();
    this.label(target.label, x + 14, y + 14, palette.path, palette.ground);
  }

  private sketch({ camera, palette }: OverlayInput, corners: readonly (readonly [number, number])[]): void {
    const c = this.context;
    const points = corners.map(([e, n]) => [camera.x(e, n, 0), camera.y(e, n, 0)] as const);
    c.strokeStyle = c.fillStyle = palette.path;
    c.lineWidth = 1.5;
    c.beginPath();
    points.forEach(([x, y], i) => (i === 0 ? c.moveTo(x, y) : c.lineTo(x, y)));
    c.closePath();
    c.stroke();
    c.globalAlpha = 0.12;
    c.fill();
    c.globalAlpha = 1;
    for (const [x, y] of points) c.fillRect(x - 4, y - 4, 8, 8);
    this.empty = false;
  }

  private box(box: Box, palette: Palette): void {
    const c = this.context;
    const [x, y, w, h] = [Math.min(box.x0, box.x1), Math.min(box.y0, box.y1), Math.abs(box.x1 - box.x0), Math.abs(box.y1 - box.y0)];
    c.fillStyle = palette.selected;
    c.globalAlpha = 0.08;
    c.fillRect(x, y, w, h);
    c.globalAlpha = 1;
    c.strokeStyle = palette.selected;
    c.lineWidth = 1;
    c.setLineDash([4, 3]);
    c.strokeRect(x + 0.5, y + 0.5, w, h);
    c.setLineDash([]);
    this.empty = false;
  }
}
