/** How large drones are drawn, and in which order: the same for every renderer. */
import type { Scene } from './scene';

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
  { radius: 1.5, smooth: false, dot: true, inViewMax: Infinity, crowdingMax: 12 },
  { radius: 0.5, smooth: false, dot: true, inViewMax: Infinity, crowdingMax: Infinity },
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

const PASSES = [0, 1, 2];
/** By look: drone, ground, selected, caution, warning, frozen. */
const PASS_OF = [0, 0, 1, 2, 2, 0];

/** Drawn last: cautions and warnings. */
export const isUrgent = (look: number): boolean => PASS_OF[look & 7] === 2;

/** Fills `order` with the slots in the order in which they are drawn: attention last, so that nothing hides it. */
export function orderOf(scene: Scene, order: Uint32Array): void {
  let next = 0;
  for (const pass of PASSES) {
    for (let slot = 0; slot < scene.count; slot++) if (PASS_OF[scene.look[slot] & 7] === pass) order[next++] = slot;
  }
}

/** Edge of the square that stands for a drone where there is no room for glyphs, in device pixels. */
export function dotPx(size: GlyphSize, urgent: boolean): number {
  return (urgent ? 2 : 0) + Math.round(size.radius * 2);
}
