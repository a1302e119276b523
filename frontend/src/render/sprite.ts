/**
 * Drone glyphs as lists of pixels: one outline per type shape, 64 headings, filled or hollow, made on first use.
 *
 * Coverage comes from the distance to the outline, so the edges are antialiased without any canvas.
 */

export const SHAPES = ['triangle', 'square', 'diamond', 'hexagon', 'cross', 'circle'] as const;
export const HEADINGS = 64;
/** Positions inside a pixel, each way, at which a glyph is drawn: slow drones glide instead of jumping. */
export const SUBPIXELS = 2;
export const STROKE_PX = 1.3;
/** Width of the halo around a filled glyph, and the radius from which glyphs have one. */
export const HALO_PX = 1.5;
export const HALO_FROM_PX = 4;

export interface Sprite {
  /** Pixel offsets from the centre pixel; covered fully. */
  solidX: Int8Array;
  solidY: Int8Array;
  /** Pixels at the rim, with their coverage 1 to 254. */
  edgeX: Int8Array;
  edgeY: Int8Array;
  edgeAlpha: Uint8Array;
  /** Pixels around the rim that are darkened towards the ground, so that neighbours stay apart. */
  haloX: Int8Array;
  haloY: Int8Array;
  haloAlpha: Uint8Array;
  /** Largest offset either way. */
  reach: number;
}

type Outline = readonly (readonly [right: number, forward: number])[];

const ARM = 0.34;
/** Unit outlines, nose forward; every one shows which way it points. */
const OUTLINES: Record<(typeof SHAPES)[number], Outline> = {
  triangle: [[0, 1.15], [0.82, -0.9], [0, -0.45], [-0.82, -0.9]],
  square: [[0, 1.25], [0.82, 0.55], [0.82, -0.82], [-0.82, -0.82], [-0.82, 0.55]],
  diamond: [[0, 1.3], [0.78, 0], [0, -0.95], [-0.78, 0]],
  hexagon: [[0, 1.3], [0.55, 0.8], [1, 0], [0.55, -0.85], [-0.55, -0.85], [-1, 0], [-0.55, 0.8]],
  cross: [[ARM, 1.3], [ARM, ARM], [1, ARM], [1, -ARM], [ARM, -ARM], [ARM, -0.95], [-ARM, -0.95], [-ARM, -ARM], [-1, -ARM], [-1, ARM], [-ARM, ARM], [-ARM, 1.3]],
  circle: teardrop(),
};

function teardrop(): Outline {
  const points: [number, number][] = [[0, 1.3]];
  for (let i = 0; i <= 12; i++) {
    const angle = ((40 + (280 * i) / 12) * Math.PI) / 180;
    points.push([0.85 * Math.sin(angle), 0.85 * Math.cos(angle)]);
  }
  return points;
}

/** Signed distance of a point to a polygon, negative inside. */
function distance(points: readonly (readonly [number, number])[], x: number, y: number): number {
  let nearest = Infinity; // squared
  let inside = false;
  for (let i = 0, j = points.length - 1; i < points.length; j = i++) {
    const [ax, ay] = points[i];
    const [bx, by] = points[j];
    const dx = bx - ax;
    const dy = by - ay;
    const along = Math.min(1, Math.max(0, ((x - ax) * dx + (y - ay) * dy) / (dx * dx + dy * dy)));
    const [ox, oy] = [x - ax - along * dx, y - ay - along * dy];
    nearest = Math.min(nearest, ox * ox + oy * oy);
    if (ay > y !== by > y && x < ((bx - ax) * (y - ay)) / (by - ay) + ax) inside = !inside;
  }
  return inside ? -Math.sqrt(nearest) : Math.sqrt(nearest);
}

/** How far a point is from a shape's outline, in radii, negative inside; to the right of the nose and towards it. */
export function outlineDistance(shape: number, right: number, forward: number): number {
  return distance(OUTLINES[SHAPES[shape] ?? 'triangle'], right, forward);
}

/** `radius` in device pixels; `subX`, `subY` are steps of 1 / SUBPIXELS of a pixel. */
export function makeSprite(shape: number, heading: number, radius: number, hollow: boolean, subX: number, subY: number): Sprite {
  const turn = (heading / HEADINGS) * 2 * Math.PI;
  const [sin, cos] = [Math.sin(turn), Math.cos(turn)];
  // On a screen y grows downwards; a heading of 0 points up, 90 degrees right.
  const outline = OUTLINES[SHAPES[shape] ?? 'triangle'].map(([r, f]): [number, number] => [
    radius * (r * cos + f * sin) + subX / SUBPIXELS,
    radius * (r * sin - f * cos) + subY / SUBPIXELS,
  ]);
  const reach = Math.ceil(radius * 1.35 + 1.5);
  const solid: number[] = [];
  const edge: number[] = [];
  const halo: number[] = [];
  const haloed = !hollow && radius >= HALO_FROM_PX;
  for (let y = -reach; y <= reach; y++) {
    for (let x = -reach; x <= reach; x++) {
      if (x * x + y * y > reach * reach) continue;
      const d = distance(outline, x, y);
      const cover = hollow ? 0.5 + STROKE_PX / 2 - Math.abs(d) : 0.5 - d;
      const dark = haloed && cover < 0.99 ? Math.min(1, 0.5 + HALO_PX - d) : 0;
      if (dark > 0.02) halo.push(x, y, Math.round(dark * 235));
      if (cover >= 0.99) solid.push(x, y);
      else if (cover > 0.02) edge.push(x, y, Math.round(cover * 255));
    }
  }
  const pick = (list: number[], step: number, at: number): number[] => list.filter((_, i) => i % step === at);
  return {
    solidX: Int8Array.from(pick(solid, 2, 0)),
    solidY: Int8Array.from(pick(solid, 2, 1)),
    edgeX: Int8Array.from(pick(edge, 3, 0)),
    edgeY: Int8Array.from(pick(edge, 3, 1)),
    edgeAlpha: Uint8Array.from(pick(edge, 3, 2)),
    haloX: Int8Array.from(pick(halo, 3, 0)),
    haloY: Int8Array.from(pick(halo, 3, 1)),
    haloAlpha: Uint8Array.from(pick(halo, 3, 2)),
    reach,
  };
}
