/** A fence that is being drawn: corners as text and as points on the map. */

export type Corner = [e: number, n: number];

export const cornersAsText = (corners: readonly Corner[]): string => corners.map(([e, n]) => `${+e.toFixed(1)}, ${+n.toFixed(1)}`).join('\n');

/** One corner a line, "east, north"; null when a line is none. */
export function readCorners(text: string): Corner[] | null {
  const lines = text.split(/[\n;]/).map((line) => line.trim()).filter(Boolean);
  const corners = lines.map((line): Corner => {
    const [e, n, ...more] = line.split(/[\s,]+/).map(Number);
    return more.length === 0 ? [e, n] : [NaN, NaN];
  });
  return corners.every(([e, n]) => Number.isFinite(e) && Number.isFinite(n)) ? corners : null;
}

/** Where a new corner belongs: between the two neighbours whose edge is lengthened least. */
export function insertCorner(corners: readonly Corner[], corner: Corner): Corner[] {
  if (corners.length < 3) return [...corners, corner];
  const far = (a: Corner, b: Corner): number => Math.hypot(a[0] - b[0], a[1] - b[1]);
  let [best, least] = [0, Infinity];
  corners.forEach((a, i) => {
    const b = corners[(i + 1) % corners.length];
    const longer = far(a, corner) + far(corner, b) - far(a, b);
    if (longer < least) [best, least] = [i, longer];
  });
  return [...corners.slice(0, best + 1), corner, ...corners.slice(best + 1)];
}
