/**
 * The software stamper: glyphs copied into a framebuffer of 32-bit pixels. No canvas here, only the array.
 *
 * A frame is one copy of the background and a few dozen writes a drone: 10,000 drones take milliseconds without a GPU.
 */
import { HEADINGS, makeSprite, SHAPES, SUBPIXELS, type Sprite } from './sprite';

/** Glyphs made in one frame at most; beyond that a near relative stands in, and the rest follows next frame. */
const NEW_PER_FRAME = 24;

/** A sprite with offsets into one particular framebuffer width. */
interface Stamp {
  sprite: Sprite;
  solid: Int32Array;
  edge: Int32Array;
  halo: Int32Array;
}

export class Stamper {
  width = 0;
  height = 0;
  pixels: Uint32Array = new Uint32Array(0);
  /** Packed colour of the halo around glyphs. */
  ground = 0xff000000;
  private background = new Uint32Array(0);
  /** By radius and smoothness: a view that goes back to an earlier size finds its glyphs again. */
  private cache = new Map<string, (Stamp | undefined)[]>();
  private stamps: (Stamp | undefined)[] = [];
  private radius = 0;
  private smooth = false;
  private made = 0;

  /** Draws into the given pixels from now on, e.g. those of an ImageData. */
  attach(pixels: Uint32Array, width: number, height: number): void {
    this.pixels = pixels;
    this.background = new Uint32Array(pixels.length);
    if (width !== this.width) {
      this.cache.clear();
      this.radius = 0;
    }
    this.width = width;
    this.height = height;
  }

  setBackground(pixels: Uint32Array): void {
    this.background.set(pixels.subarray(0, this.background.length));
  }

  /** Begins a frame: background everywhere. `smooth` draws glyphs between pixels too. */
  begin(radius: number, smooth: boolean): void {
    if (radius !== this.radius || smooth !== this.smooth) {
      const key = `${radius} ${smooth}`;
      this.stamps = this.cache.get(key) ?? [];
      this.cache.set(key, this.stamps);
      this.radius = radius;
      this.smooth = smooth;
    }
    this.pixels.set(this.background);
    this.made = 0;
  }

  /** One glyph; `x`, `y` in device pixels, `heading` 0 to 65535, `colour` as packed pixel. */
  stamp(x: number, y: number, heading: number, shape: number, hollow: boolean, colour: number): void {
    const sub = this.smooth ? SUBPIXELS : 1;
    const fineX = Math.floor(x * sub + (this.smooth ? 0 : 0.5));
    const fineY = Math.floor(y * sub + (this.smooth ? 0 : 0.5));
    const px = Math.floor(fineX / sub);
    const py = Math.floor(fineY / sub);
    const step = ((heading + 512) >> 10) & (HEADINGS - 1);
    const stamp = this.find(shape, step, hollow, fineX - px * sub, fineY - py * sub);
    const { reach } = stamp.sprite;
    const { width, height } = this;
    if (px + reach < 0 || py + reach < 0 || px - reach >= width || py - reach >= height) return;
    if (px >= reach && py >= reach && px + reach < width && py + reach < height) this.put(stamp, py * width + px, colour);
    else this.putClipped(stamp.sprite, px, py, colour);
  }

  /** A small square, for views in which glyphs would only be noise. */
  dot(x: number, y: number, size: number, colour: number): void {
    const left = Math.round(x - size / 2);
    const top = Math.round(y - size / 2);
    const { width, height, pixels } = this;
    for (let row = Math.max(0, top); row < Math.min(height, top + size); row++) {
      for (let col = Math.max(0, left); col < Math.min(width, left + size); col++) pixels[row * width + col] = colour;
    }
  }

  private find(shape: number, step: number, hollow: boolean, subX: number, subY: number): Stamp {
    const plain = (((shape % SHAPES.length) * HEADINGS + step) * 2 + (hollow ? 1 : 0)) * SUBPIXELS * SUBPIXELS;
    const key = plain + subX * SUBPIXELS + subY;
    let stamp = this.stamps[key];
    if (!stamp && this.made >= NEW_PER_FRAME) stamp = this.stamps[plain];
    if (!stamp) {
      this.made++;
      const sprite = makeSprite(shape, step, this.radius, hollow, subX, subY);
      const offsets = (xs: Int8Array, ys: Int8Array): Int32Array => Int32Array.from(xs, (dx, i) => ys[i] * this.width + dx);
      stamp = { sprite, solid: offsets(sprite.solidX, sprite.solidY), edge: offsets(sprite.edgeX, sprite.edgeY), halo: offsets(sprite.haloX, sprite.haloY) };
      this.stamps[key] = stamp;
    }
    return stamp;
  }

  private put(stamp: Stamp, centre: number, colour: number): void {
    const { pixels, ground } = this;
    const { solid, edge, halo } = stamp;
    const { edgeAlpha, haloAlpha } = stamp.sprite;
    for (let i = 0; i < halo.length; i++) {
      const at = centre + halo[i];
      pixels[at] = mix(pixels[at], ground, haloAlpha[i]);
    }
    for (let i = 0; i < solid.length; i++) pixels[centre + solid[i]] = colour;
    for (let i = 0; i < edge.length; i++) {
      const at = centre + edge[i];
      pixels[at] = mix(pixels[at], colour, edgeAlpha[i]);
    }
  }

  private putClipped(sprite: Sprite, px: number, py: number, colour: number): void {
    const { pixels, width, height } = this;
    const inside = (x: number, y: number): boolean => x >= 0 && y >= 0 && x < width && y < height;
    for (let i = 0; i < sprite.solidX.length; i++) {
      const x = px + sprite.solidX[i];
      const y = py + sprite.solidY[i];
      if (inside(x, y)) pixels[y * width + x] = colour;
    }
    for (let i = 0; i < sprite.edgeX.length; i++) {
      const x = px + sprite.edgeX[i];
      const y = py + sprite.edgeY[i];
      if (inside(x, y)) pixels[y * width + x] = mix(pixels[y * width + x], colour, sprite.edgeAlpha[i]);
    }
  }
}

/** `top` over `under` with coverage `alpha` of 255; both opaque. Red and blue are mixed in one multiplication. */
export function mix(under: number, top: number, alpha: number): number {
  const rb = under & 0xff00ff;
  const g = under & 0x00ff00;
  const mixedRb = (rb + ((((top & 0xff00ff) - rb) * alpha) >> 8)) & 0xff00ff;
  const mixedG = (g + ((((top & 0x00ff00) - g) * alpha) >> 8)) & 0x00ff00;
  return (0xff000000 | mixedRb | mixedG) >>> 0;
}
