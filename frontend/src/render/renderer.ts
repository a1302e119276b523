/** What a map backend must do, and which one is used. */
import type { Palette } from './palette';
import { RasterRenderer } from './raster';
import type { Scene } from './scene';

export interface Renderer {
  readonly name: string;
  readonly canvas: HTMLCanvasElement;
  /** CSS size and device pixels per CSS pixel; the backing store may be capped. Returns the ratio in fact used. */
  resize(width: number, height: number, ratio: number): number;
  setPalette(palette: Palette): void;
  /** The picture under the drones, in the renderer's device pixels. */
  setBackground(picture: ImageData): void;
  /** Draws every drone of the scene over the background. */
  draw(scene: Scene): void;
  dispose(): void;
}

/** Renderers of the browser that compute on the processor: slower there than our own. */
const SOFTWARE = /swiftshader|llvmpipe|softpipe|basic render|software/i;

let gpu: boolean | null = null;
let gl: typeof import('./gl') | null = null;

/** Whether a GPU stands behind WebGL2 here. Asked of a canvas of its own: one that has given a context gives no other. */
function hasGpu(): boolean {
  if (gpu !== null) return gpu;
  const probe = document.createElement('canvas').getContext('webgl2', { failIfMajorPerformanceCaveat: true });
  const info = probe?.getExtension('WEBGL_debug_renderer_info');
  gpu = probe !== null && !SOFTWARE.test(String(probe.getParameter(info ? info.UNMASKED_RENDERER_WEBGL : probe.RENDERER)));
  probe?.getExtension('WEBGL_lose_context')?.loseContext();
  return gpu;
}

/** Fetches the renderer for GPUs if this machine has one: the others never load it. */
export async function prepareRenderer(): Promise<void> {
  const asked = new URLSearchParams(location.search).get('renderer');
  if (asked === 'raster' || gl !== null || gpu === false || !(asked === 'gl' || hasGpu())) return;
  gl = await import('./gl').catch(() => null);
}

/** The GPU has failed: from now on every view is drawn by the processor. */
export function forsakeGpu(): void {
  gpu = false;
}

/**
 * After `prepareRenderer`: the GPU where there is one, else the software stamper: everyone has a processor, and it is not slow. `?renderer=gl` and
 * `?renderer=raster` in the address decide otherwise. `onlost` is called when the renderer can draw no more.
 */
export function chooseRenderer(canvas: HTMLCanvasElement, onlost: () => void): Renderer {
  if (gl !== null && gpu !== false) {
    try {
      const renderer = new gl.GlRenderer(canvas);
      renderer.onlost = onlost;
      return renderer;
    } catch (error) {
      console.warn('drawing without the GPU:', error);
      gpu = false;
      // The canvas may have given a context already.
      const fresh = canvas.cloneNode() as HTMLCanvasElement;
      canvas.replaceWith(fresh);
      return new RasterRenderer(fresh);
    }
  }
  return new RasterRenderer(canvas);
}
