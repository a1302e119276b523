/** What a map backend must do, and which one is used. */
import type { Palette } from './palette';
import { RasterRenderer } from './raster';
import type { Scene } from './scene';

export interface Renderer {
  readonly name: string;
  /** CSS size and device pixels per CSS pixel; the backing store may be capped. Returns the ratio in fact used. */
  resize(width: number, height: number, ratio: number): number;
  setPalette(palette: Palette): void;
  /** The picture under the drones, in the renderer's device pixels. */
  setBackground(picture: ImageData): void;
  /** Draws every drone of the scene over the background. */
  draw(scene: Scene): void;
  dispose(): void;
}

/** Everyone has a processor; the software stamper is the baseline, and it is not slow. */
export function chooseRenderer(canvas: HTMLCanvasElement): Renderer {
  return new RasterRenderer(canvas);
}
