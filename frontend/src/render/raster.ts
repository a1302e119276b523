/** The renderer for machines without a GPU: the stamper's pixels on a canvas, one `putImageData` a frame. */
import { packed, type Palette } from './palette';
import type { Renderer } from './renderer';
import { HOLLOW, LOOKS, type Scene } from './scene';
import { Stamper } from './stamper';

/** A 4K backing store would copy 33 MB a frame; beyond this the browser scales. */
export const PIXELS_MAX = 2_100_000;

interface GlyphSize {
  /** Radius in CSS pixels. */
  radius: number;
  /** Draws between pixels too. */
  smooth: boolean;
  dot: boolean;
  /** Used up to this many drones in view, and this many for each occupied cell of the screen. */
  inViewMax: number;
  crowdingMax: number;
}

/** From large to small. The stream of ten thousand is dots, a handful are glyphs with names. */
export const GLYPH_SIZES: readonly GlyphSize[] = [
  { radius: 6.5, smooth: true, dot: false, inViewMax: 400, crowdingMax: 1.7 },
  { radius: 4.5, smooth: true, dot: false, inViewMax: 3000, crowdingMax: 2.6 },
  { radius: 3, smooth: false, dot: false, inViewMax: 3000, crowdingMax: 30 },
  { radius: 2.75, smooth: false, dot: false, inViewMax: 12_000, crowdingMax: 5 },
  { radius: 1.5, smooth: false, dot: true, inViewMax: Infinity, crowdingMax: Infinity },
];
/** A size is left for a larger one only when there is clearly room, so that sizes do not flicker. */
const ROOM = 0.8;

/** Index of the size to draw with, given the one drawn with so far. */
export function chooseSize(inView: number, crowding: number, current: number): number {
  const fits = (size: GlyphSize, factor: number): boolean => inView <= size.inViewMax * factor && crowding <= size.crowdingMax * factor;
  const smallest = GLYPH_SIZES.findIndex((size) => fits(size, 1));
  if (smallest >= current) return smallest;
  const roomy = GLYPH_SIZES.findIndex((size) => fits(size, ROOM));
  return Math.min(current, roomy);
}

export class RasterRenderer implements Renderer {
  readonly name = 'raster';
  private readonly context: CanvasRenderingContext2D;
  private readonly stamper = new Stamper();
  private image: ImageData | null = null;
  private colours = new Uint32Array(LOOKS);
  private ratio = 1;
  private size = 0;

  constructor(private readonly canvas: HTMLCanvasElement) {
    const context = canvas.getContext('2d', { alpha: false, willReadFrequently: true });
    if (!context) throw new Error('this browser draws no 2D canvas');
    this.context = context;
  }

  resize(width: number, height: number, ratio: number): number {
    this.ratio = Math.min(ratio, Math.sqrt(PIXELS_MAX / Math.max(1, width * height)));
    const w = Math.max(1, Math.round(width * this.ratio));
    const h = Math.max(1, Math.round(height * this.ratio));
    this.canvas.width = w;
    this.canvas.height = h;
    this.image = this.context.createImageData(w, h);
    this.stamper.attach(new Uint32Array(this.image.data.buffer), w, h);
    return this.ratio;
  }

  setPalette(p: Palette): void {
    this.stamper.ground = packed(p.ground);
    this.colours = Uint32Array.from([p.drone, p.fg3, p.selected, p.caution, p.warning, p.fg3], packed);
  }

  setBackground(picture: ImageData): void {
    this.stamper.setBackground(new Uint32Array(picture.data.buffer));
  }

  draw(scene: Scene): void {
    if (!this.image) return;
    const { stamper, ratio, colours } = this;
    this.size = chooseSize(scene.inView, scene.crowding, this.size);
    const size = GLYPH_SIZES[this.size];
    stamper.begin(size.radius * ratio, size.smooth);
    // Attention last, so that a warning is never hidden under a healthy neighbour.
    for (const pass of PASSES) {
      for (let slot = 0; slot < scene.count; slot++) {
        const look = scene.look[slot];
        if (PASS_OF[look & 7] !== pass) continue;
        const x = scene.x[slot] * ratio;
        const y = scene.y[slot] * ratio;
        const colour = colours[look & 7];
        if (size.dot) stamper.dot(x, y, pass === 2 ? 5 : 3, colour);
        else stamper.stamp(x, y, scene.heading[slot], scene.shape[slot], (look & HOLLOW) !== 0, colour);
      }
    }
    this.context.putImageData(this.image, 0, 0);
  }

  dispose(): void {
    this.image = null;
  }
}

const PASSES = [0, 1, 2];
/** By look: drone, ground, selected, caution, warning, frozen. */
const PASS_OF = [0, 0, 1, 2, 2, 0];
