/** Everything above the drones: traces, marks, labels, another run, the selection box and the go-to target. */
import type { GhostFrame } from '../store/ghost';
import type { Trails } from '../store/trails';
import type { Camera } from './camera';
import { drawGhosts } from './ghosts';
import { label, LABELS_MAX, marks } from './labels';
import type { Palette } from './palette';
import type { Box } from './pick';
import type { Scene } from './scene';
import { drawRoute, goals, links, sample, stalks, trails } from './traces';

export interface OverlayInput {
  scene: Scene;
  camera: Camera;
  palette: Palette;
  ids: readonly string[];
  /** How long the drone has been silent. */
  silentMs: (slot: number) => number;
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
  /** Draws what belongs to a mission. */
  drawMission: ((c: CanvasRenderingContext2D, input: OverlayInput) => boolean) | null;
  /** Draws what a command would do that waits to be confirmed. */
  foreseen: ((c: CanvasRenderingContext2D, input: OverlayInput) => boolean) | null;
  /** Points waiting to be flown to, in order. */
  route: readonly (readonly [number, number, number])[];
  /** Corners of a fence that is being drawn. */
  sketch: readonly (readonly [number, number])[] | null;
  frozen: boolean;
  /** A moment of the past is shown: what belongs to the present is left out. */
  rewound: boolean;
  /** The same moment of another run. */
  ghost: GhostFrame | null;
  /** Extra age of everything shown, in ms, added to each drone's own. */
  ageMs: number;
}

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
    const drew = [
      input.camera.view === 'tilt' && stalks(c, input),
      !input.frozen && !input.rewound && trails(c, input),
      !input.rewound && links(c, input),
      !input.rewound && goals(c, input),
      !input.rewound && input.drawMission?.(c, input) === true,
      input.ghost !== null && drawGhosts(c, input, input.ghost),
      input.foreseen?.(c, input) === true,
      marks(c, input),
    ];
    this.empty = !drew.includes(true);
    if (input.target) this.target(input, input.target);
    if (input.route.length > 0) {
      drawRoute(c, input);
      this.empty = false;
    }
    if (input.sketch) this.sketch(input, input.sketch);
    if (input.box) this.box(input.box, input.palette);
  }

  private target(input: OverlayInput, target: NonNullable<OverlayInput['target']>): void {
    const { camera, palette, scene, selectedSlots } = input;
    const c = this.context;
    const [x, y] = [camera.x(target.e, target.n, 0), camera.y(target.e, target.n, 0)];
    c.strokeStyle = palette.path;
    c.lineWidth = 1;
    c.globalAlpha = selectedSlots.length > 12 ? 0.25 : 0.5;
    c.beginPath();
    // Where the ways themselves are known, straight lines would say something else.
    for (const slot of input.foreseen ? [] : sample(selectedSlots, LABELS_MAX)) {
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
    label(c, target.label, x + 14, y + 14, palette.path, palette.ground);
    this.empty = false;
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
