/** The renderer for machines without a GPU: the stamper's pixels on a canvas, one `putImageData` a frame. */
import { packed, type Palette } from './palette';
import type { Renderer } from './renderer';
import { HOLLOW, LOOKS, type Scene } from './scene';
import { dotPx, GLYPH_SIZES, isUrgent, orderOf } from './sizes';
import { Stamper } from './stamper';

/** A 4K backing store would copy 33 MB a frame; beyond this the browser scales. */
export const PIXELS_MAX = 2_100_000;

export class RasterRenderer implements Renderer {
  readonly name = 'raster';
  private readonly context: CanvasRenderingContext2D;
  private readonly stamper = new Stamper();
  private image: ImageData | null = null;
  private colours = new Uint32Array(LOOKS);
  private ratio = 1;
  private order = new Uint32Array(0);

  constructor(readonly canvas: HTMLCanvasElement) {
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
    const size = GLYPH_SIZES[scene.size];
    stamper.begin(size.radius * ratio, size.smooth);
    if (this.order.length < scene.count) this.order = new Uint32Array(scene.count);
    orderOf(scene, this.order);
    for (let i = 0; i < scene.count; i++) {
      const slot = this.order[i];
      const look = scene.look[slot];
      const x = scene.x[slot] * ratio;
      const y = scene.y[slot] * ratio;
      const colour = colours[look & 7];
      if (size.dot) stamper.dot(x, y, dotPx(size, isUrgent(look)), colour);
      else stamper.stamp(x, y, scene.heading[slot], scene.shape[slot], (look & HOLLOW) !== 0, colour);
    }
    this.context.putImageData(this.image, 0, 0);
  }

  dispose(): void {
    this.image = null;
  }
}
