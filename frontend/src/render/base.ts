/** What stands still: grid in 1-2-5 steps, fences, hatched obstacles, pads. Redrawn only when the view or the site changes. */
import type { Fence, Obstacle } from '../proto/events';
import type { Mission } from '../proto/mission';
import { hull, type Point } from '../geometry';
import type { Backdrop } from './backdrop';
import type { Camera } from './camera';
import type { Palette } from './palette';

export interface Site {
  fences: readonly Fence[];
  obstacles: readonly Obstacle[];
  /** Where drones stood when the run began: their pads. */
  pads: readonly (readonly [e: number, n: number])[];
  ground: readonly Backdrop[];
  mission: Mission | null;
  windows: typeof import('./windows') | null;
}

/** The smallest 1-2-5 step of metres that is at least `px` wide on screen. */
export function niceStep(zoom: number, px: number): number {
  const metres = px / zoom;
  const power = 10 ** Math.floor(Math.log10(metres));
  for (const factor of [1, 2, 5, 10]) if (factor * power >= metres * 0.999) return factor * power;
  return 10 * power;
}

const GRID_PX_MIN = 56;
const ROUND_CORNERS = 24;
const HATCH_PX = 8;

/** The corners of an obstacle's footprint. */
export function footprint(o: Obstacle): Point[] {
  const [e, n] = o.center;
  if (o.shape !== 'cylinder' && o.size !== undefined) {
    const [w, h] = [o.size[0] / 2, o.size[1] / 2];
    return [[e - w, n - h], [e + w, n - h], [e + w, n + h], [e - w, n + h]];
  }
  const r = o.radius ?? 1;
  return Array.from({ length: ROUND_CORNERS }, (_, i) => {
    const turn = (2 * Math.PI * i) / ROUND_CORNERS;
    return [e + r * Math.cos(turn), n + r * Math.sin(turn)];
  });
}

export class BasePainter {
  private readonly canvas = document.createElement('canvas');
  private readonly context: CanvasRenderingContext2D;
  private hatch: { colour: string; pattern: CanvasPattern | null } = { colour: '', pattern: null };

  constructor() {
    const context = this.canvas.getContext('2d', { alpha: false, willReadFrequently: true });
    if (!context) throw new Error('this browser draws no 2D canvas');
    this.context = context;
  }

  paint(camera: Camera, ratio: number, width: number, height: number, palette: Palette, site: Site): ImageData {
    const { canvas, context: c } = this;
    if (canvas.width !== width || canvas.height !== height) {
      canvas.width = width;
      canvas.height = height;
    }
    c.setTransform(1, 0, 0, 1, 0, 0);
    c.fillStyle = palette.ground;
    c.fillRect(0, 0, width, height);
    c.setTransform(ratio, 0, 0, ratio, 0, 0);
    for (const picture of site.ground) picture.paint(c, camera, ratio, palette.ground);
    if (camera.view === 'front' || camera.view === 'side') this.levels(camera, palette, ratio);
    else this.ground(camera, palette, ratio);
    for (const obstacle of site.obstacles) this.obstacle(obstacle, camera, palette);
    if (site.mission) site.windows?.paintBuildings(c, site.mission.buildings, camera, palette);
    for (const fence of site.fences) this.fence(fence, camera, palette);
    if (camera.view === 'top') this.pads(site.pads, camera, palette);
    return c.getImageData(0, 0, width, height);
  }

  /** The grid on the ground. From above its lines lie on device pixels, so that they are crisp. */
  private ground(camera: Camera, palette: Palette, ratio: number): void {
    const c = this.context;
    const step = niceStep(camera.zoom, GRID_PX_MIN);
    const crisp = (v: number): number => (camera.view === 'top' ? (Math.round(v * ratio - 0.5) + 0.5) / ratio : v);
    const corners = [camera.place(0, 0), camera.place(camera.width, 0), camera.place(0, camera.height), camera.place(camera.width, camera.height)];
    const [e0, e1] = [Math.min(...corners.map((p) => p[0])), Math.max(...corners.map((p) => p[0]))];
    const [n0, n1] = [Math.min(...corners.map((p) => p[1])), Math.max(...corners.map((p) => p[1]))];
    c.lineWidth = 1 / ratio;
    const line = (ea: number, na: number, eb: number, nb: number): void => {
      c.moveTo(crisp(camera.x(ea, na, 0)), crisp(camera.y(ea, na, 0)));
      c.lineTo(crisp(camera.x(eb, nb, 0)), crisp(camera.y(eb, nb, 0)));
    };
    const lines = (every: number, alpha: number): void => {
      c.beginPath();
      for (let i = Math.ceil(e0 / every); i * every <= e1; i++) line(i * every, n0, i * every, n1);
      for (let i = Math.ceil(n0 / every); i * every <= n1; i++) line(e0, i * every, e1, i * every);
      c.strokeStyle = palette.line;
      c.globalAlpha = alpha;
      c.stroke();
    };
    lines(step, 0.55);
    lines(step * 5, 1);
    c.globalAlpha = 1;
    // The origin of all coordinates: a small cross, so that "270, -150" can be found by eye.
    const arm = 7 / camera.zoom;
    c.strokeStyle = palette.fg3;
    c.beginPath();
    line(-arm, 0, arm, 0);
    line(0, -arm, 0, arm);
    c.stroke();
  }

  /** Heights as lines with figures, and the ground as the strongest of them. */
  private levels(camera: Camera, palette: Palette, ratio: number): void {
    const c = this.context;
    const step = niceStep(camera.zoom, GRID_PX_MIN);
    const [, , top] = camera.place(0, 0);
    const [, , bottom] = camera.place(0, camera.height);
    c.font = '11px B612, sans-serif';
    c.textBaseline = 'bottom';
    c.lineWidth = 1 / ratio;
    for (let i = Math.max(0, Math.ceil(bottom / step)); i * step <= top; i++) {
      const y = (Math.round(camera.y(camera.focus.e, camera.focus.n, i * step) * ratio - 0.5) + 0.5) / ratio;
      c.strokeStyle = i === 0 ? palette.edge : palette.line;
      c.beginPath();
      c.moveTo(0, y);
      c.lineTo(camera.width, y);
      c.stroke();
      c.fillStyle = palette.fg3;
      c.fillText(`${i * step} m`, 8, y - 2);
    }
  }

  private path(points: readonly Point[]): void {
    const c = this.context;
    c.beginPath();
    points.forEach(([x, y], i) => (i === 0 ? c.moveTo(x, y) : c.lineTo(x, y)));
    c.closePath();
  }

  /** Corners at a height, on the screen. */
  private project(points: readonly Point[], u: number, camera: Camera): Point[] {
    return points.map(([e, n]) => [camera.x(e, n, u), camera.y(e, n, u)]);
  }

  private hatched(colour: string): CanvasPattern | string {
    if (this.hatch.colour !== colour || !this.hatch.pattern) {
      const tile = document.createElement('canvas');
      tile.width = tile.height = HATCH_PX;
      const t = tile.getContext('2d');
      if (!t) return colour;
      t.strokeStyle = colour;
      t.lineWidth = 1;
      t.beginPath();
      for (const offset of [-HATCH_PX, 0, HATCH_PX]) {
        t.moveTo(offset - 1, HATCH_PX + 1);
        t.lineTo(offset + HATCH_PX + 1, -1);
      }
      t.stroke();
      this.hatch = { colour, pattern: this.context.createPattern(tile, 'repeat') };
    }
    return this.hatch.pattern ?? colour;
  }

  private obstacle(o: Obstacle, camera: Camera, palette: Palette): void {
    const c = this.context;
    const corners = footprint(o);
    const [foot, roof] = [this.project(corners, 0, camera), this.project(corners, o.height_m ?? 0, camera)];
    this.path(camera.view === 'top' ? foot : hull([...foot, ...roof]));
    c.fillStyle = palette.panel;
    c.fill();
    c.globalAlpha = camera.view === 'tilt' ? 0.4 : 0.7;
    c.fillStyle = this.hatched(palette.edge);
    c.fill();
    c.globalAlpha = 1;
    c.strokeStyle = palette.edge;
    c.lineWidth = 1;
    c.stroke();
    if (camera.view !== 'tilt') return;
    this.path(roof);
    c.fillStyle = palette.line;
    c.fill();
    c.stroke();
  }

  private fence(fence: Fence, camera: Camera, palette: Palette): void {
    if (fence.polygon.length < 2) return;
    const c = this.context;
    const low = this.project(fence.polygon, fence.floor_m ?? 0, camera);
    const high = fence.ceiling_m === undefined ? null : this.project(fence.polygon, fence.ceiling_m, camera);
    const upright = camera.view === 'front' || camera.view === 'side';
    this.path(upright ? hull([...low, ...(high ?? low.map(([x]): Point => [x, 0]))]) : low);
    if (fence.kind === 'keep_out') {
      c.globalAlpha = 0.09;
      c.fillStyle = palette.caution;
      c.fill();
      c.globalAlpha = 1;
    }
    c.setLineDash([9, 6]);
    c.lineWidth = 1.25;
    c.strokeStyle = fence.kind === 'keep_out' ? palette.caution : palette.fg2;
    c.stroke();
    if (camera.view === 'tilt' && high) {
      c.globalAlpha = 0.45;
      this.path(high);
      c.stroke();
      c.beginPath();
      low.forEach(([x, y], i) => {
        c.moveTo(x, y);
        c.lineTo(high[i][0], high[i][1]);
      });
      c.stroke();
      c.globalAlpha = 1;
    }
    c.setLineDash([]);
    if (!upright) this.fenceName(fence, low, palette);
  }

  private fenceName(fence: Fence, corners: readonly Point[], palette: Palette): void {
    // At the uppermost corner, outside, and only while the fence is large enough to carry a name.
    const top = corners.reduce((a, b) => (b[1] < a[1] ? b : a));
    const xs = corners.map((p) => p[0]);
    if (Math.max(...xs) - Math.min(...xs) < 90) return;
    const c = this.context;
    c.font = '11px B612, sans-serif';
    c.textAlign = 'left';
    c.textBaseline = 'bottom';
    c.fillStyle = fence.kind === 'keep_out' ? palette.caution : palette.fg3;
    c.fillText(fence.kind === 'keep_out' ? `${fence.name}, keep out` : fence.name, top[0] + 4, top[1] - 5);
  }

  private pads(pads: Site['pads'], camera: Camera, palette: Palette): void {
    if (camera.zoom < 1.5 || pads.length > 400) return;
    const c = this.context;
    const r = Math.min(9, Math.max(4, camera.zoom * 0.8));
    c.strokeStyle = palette.line;
    c.lineWidth = 1;
    c.beginPath();
    for (const [e, n] of pads) {
      const [x, y] = [camera.x(e, n, 0), camera.y(e, n, 0)];
      c.moveTo(x + r, y);
      c.arc(x, y, r, 0, 2 * Math.PI);
    }
    c.stroke();
  }
}
