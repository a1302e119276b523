/** The ground: grid in 1-2-5 steps, fences, hatched obstacles, origin. Redrawn only when the view or the site changes. */
import type { Fence, Obstacle } from '../proto/events';
import type { Camera } from './camera';
import type { Palette } from './palette';

export interface Site {
  fences: readonly Fence[];
  obstacles: readonly Obstacle[];
  /** Where drones stood when the run began: their pads. */
  pads: readonly (readonly [e: number, n: number])[];
}

/** The smallest 1-2-5 step of metres that is at least `px` wide on screen. */
export function niceStep(zoom: number, px: number): number {
  const metres = px / zoom;
  const power = 10 ** Math.floor(Math.log10(metres));
  for (const factor of [1, 2, 5, 10]) if (factor * power >= metres * 0.999) return factor * power;
  return 10 * power;
}

const GRID_PX_MIN = 56;

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
    this.grid(camera, palette, ratio);
    for (const obstacle of site.obstacles) this.obstacle(obstacle, camera, palette);
    for (const fence of site.fences) this.fence(fence, camera, palette);
    this.pads(site.pads, camera, palette);
    return c.getImageData(0, 0, width, height);
  }

  private grid(camera: Camera, palette: Palette, ratio: number): void {
    const c = this.context;
    const step = niceStep(camera.zoom, GRID_PX_MIN);
    // Lines on device pixels, one device pixel wide: crisp at every ratio.
    const crisp = (v: number): number => (Math.round(v * ratio - 0.5) + 0.5) / ratio;
    c.lineWidth = 1 / ratio;
    const lines = (every: number, colour: string, alpha: number): void => {
      c.beginPath();
      for (let i = Math.ceil(camera.east(0) / every); i * every <= camera.east(camera.width); i++) {
        const x = crisp(camera.x(i * every));
        c.moveTo(x, 0);
        c.lineTo(x, camera.height);
      }
      for (let i = Math.ceil(camera.north(camera.height) / every); i * every <= camera.north(0); i++) {
        const y = crisp(camera.y(i * every));
        c.moveTo(0, y);
        c.lineTo(camera.width, y);
      }
      c.strokeStyle = colour;
      c.globalAlpha = alpha;
      c.stroke();
    };
    lines(step, palette.line, 0.55);
    lines(step * 5, palette.line, 1);
    c.globalAlpha = 1;
    // The origin of all coordinates: a small cross, so that "270, -150" can be found by eye.
    const [ox, oy] = [crisp(camera.x(0)), crisp(camera.y(0))];
    c.strokeStyle = palette.fg3;
    c.beginPath();
    c.moveTo(ox - 7, oy);
    c.lineTo(ox + 7, oy);
    c.moveTo(ox, oy - 7);
    c.lineTo(ox, oy + 7);
    c.stroke();
  }

  private path(points: readonly (readonly [number, number])[], camera: Camera): void {
    const c = this.context;
    c.beginPath();
    points.forEach(([e, n], i) => (i === 0 ? c.moveTo(camera.x(e), camera.y(n)) : c.lineTo(camera.x(e), camera.y(n))));
    c.closePath();
  }

  private hatched(colour: string): CanvasPattern | string {
    if (this.hatch.colour !== colour || !this.hatch.pattern) {
      const tile = document.createElement('canvas');
      tile.width = tile.height = 8;
      const t = tile.getContext('2d');
      if (!t) return colour;
      t.strokeStyle = colour;
      t.lineWidth = 1;
      t.beginPath();
      for (const offset of [-8, 0, 8]) {
        t.moveTo(offset - 1, 9);
        t.lineTo(offset + 9, -1);
      }
      t.stroke();
      this.hatch = { colour, pattern: this.context.createPattern(tile, 'repeat') };
    }
    return this.hatch.pattern ?? colour;
  }

  private obstacle(o: Obstacle, camera: Camera, palette: Palette): void {
    const c = this.context;
    const [e, n] = o.center;
    if (o.shape === 'cylinder' || o.size === undefined) {
      c.beginPath();
      c.arc(camera.x(e), camera.y(n), Math.max(2, (o.radius ?? 1) * camera.zoom), 0, 2 * Math.PI);
    } else {
      const [w, h] = o.size;
      this.path([[e - w / 2, n - h / 2], [e + w / 2, n - h / 2], [e + w / 2, n + h / 2], [e - w / 2, n + h / 2]], camera);
    }
    c.fillStyle = palette.panel;
    c.fill();
    c.globalAlpha = 0.7;
    c.fillStyle = this.hatched(palette.edge);
    c.fill();
    c.globalAlpha = 1;
    c.strokeStyle = palette.edge;
    c.lineWidth = 1;
    c.stroke();
  }

  private fence(fence: Fence, camera: Camera, palette: Palette): void {
    if (fence.polygon.length < 2) return;
    const c = this.context;
    this.path(fence.polygon, camera);
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
    c.setLineDash([]);
    this.fenceName(fence, camera, palette);
  }

  private fenceName(fence: Fence, camera: Camera, palette: Palette): void {
    // At the northernmost corner, outside, and only while the fence is large enough to carry a name.
    const top = fence.polygon.reduce((a, b) => (b[1] > a[1] ? b : a));
    const east = fence.polygon.map((p) => p[0]);
    if ((Math.max(...east) - Math.min(...east)) * camera.zoom < 90) return;
    const c = this.context;
    c.font = '11px B612, sans-serif';
    c.textAlign = 'left';
    c.textBaseline = 'bottom';
    c.fillStyle = fence.kind === 'keep_out' ? palette.caution : palette.fg3;
    c.fillText(fence.kind === 'keep_out' ? `${fence.name}, keep out` : fence.name, camera.x(top[0]) + 4, camera.y(top[1]) - 5);
  }

  private pads(pads: Site['pads'], camera: Camera, palette: Palette): void {
    if (camera.zoom < 1.5 || pads.length > 400) return;
    const c = this.context;
    const r = Math.min(9, Math.max(4, camera.zoom * 0.8));
    c.strokeStyle = palette.line;
    c.lineWidth = 1;
    c.beginPath();
    for (const [e, n] of pads) {
      const [x, y] = [camera.x(e), camera.y(n)];
      c.moveTo(x + r, y);
      c.arc(x, y, r, 0, 2 * Math.PI);
    }
    c.stroke();
  }
}
