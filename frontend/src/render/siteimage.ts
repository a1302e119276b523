/**
 * One picture of the site under the swarm, laid so that the pixels that somebody has named lie where they said. Two points turn,
 * scale and shift it; three may shear it too, and more are fitted so that the squares of what is left are smallest.
 */
import { isRecord } from '../proto/events';
import { FILTER, OPACITY, seesGround, type Backdrop } from './backdrop';
import type { Camera } from './camera';
import { Mercator } from './tiles';

/** A pixel from the upper left corner, and where it lies in metres east and north. */
export interface Fixed {
  pixel: readonly [x: number, y: number];
  at: readonly [e: number, n: number];
}

/** East and north of a pixel: `e = a x + b y + c`, `n = d x + f y + g`. */
export type Placement = readonly [a: number, b: number, c: number, d: number, f: number, g: number];

/** What `GET /api/config` says of a picture, with latitudes and longitudes turned into metres from `origin`. */
export function siteImageConfig(config: unknown, origin: { lat: number; lon: number }): { url: string; attribution: string; points: Fixed[] } | null {
  const image = isRecord(config) ? config.site_image : null;
  if (!isRecord(image) || typeof image.url !== 'string' || !Array.isArray(image.points)) return null;
  const mercator = new Mercator(origin.lat, origin.lon);
  const pair = (value: unknown): value is [number, number] => Array.isArray(value) && value.length === 2 && value.every((v) => Number.isFinite(v));
  const points = image.points.flatMap((point: unknown): Fixed[] => {
    if (!isRecord(point) || !pair(point.pixel)) return [];
    if (pair(point.at)) return [{ pixel: point.pixel, at: point.at }];
    return pair(point.geo) ? [{ pixel: point.pixel, at: mercator.at(...point.geo) }] : [];
  });
  return { url: image.url, attribution: String(image.attribution ?? ''), points };
}

/** Where a picture lies by its points; null if they do not say, such as three on one line. */
export function placementOf(points: readonly Fixed[]): Placement | null {
  const placement = points.length === 2 ? turned(points[0], points[1]) : points.length > 2 ? fitted(points) : null;
  return placement?.every(Number.isFinite) ? placement : null;
}

/** Two points: no shear, one scale, and y goes down where north goes up. */
function turned(one: Fixed, other: Fixed): Placement | null {
  const [px, py] = [other.pixel[0] - one.pixel[0], -(other.pixel[1] - one.pixel[1])];
  const [e, n] = [other.at[0] - one.at[0], other.at[1] - one.at[1]];
  const square = px * px + py * py;
  if (square === 0 || (e === 0 && n === 0)) return null;
  const [re, im] = [(e * px + n * py) / square, (n * px - e * py) / square];
  const [x, y] = one.pixel;
  return [re, im, one.at[0] - re * x - im * y, im, -re, one.at[1] - im * x + re * y];
}

/** Three points or more: least squares, about their middle so that the figures stay small. */
function fitted(points: readonly Fixed[]): Placement | null {
  const mean = (of: (p: Fixed) => number): number => points.reduce((sum, p) => sum + of(p), 0) / points.length;
  const [mx, my, me, mn] = [mean((p) => p.pixel[0]), mean((p) => p.pixel[1]), mean((p) => p.at[0]), mean((p) => p.at[1])];
  let [xx, xy, yy, xe, ye, xn, yn] = [0, 0, 0, 0, 0, 0, 0];
  for (const { pixel, at } of points) {
    const [x, y, e, n] = [pixel[0] - mx, pixel[1] - my, at[0] - me, at[1] - mn];
    [xx, xy, yy, xe, ye, xn, yn] = [xx + x * x, xy + x * y, yy + y * y, xe + x * e, ye + y * e, xn + x * n, yn + y * n];
  }
  const determinant = xx * yy - xy * xy;
  if (determinant <= 1e-9 * xx * yy || determinant <= 0) return null;
  const [a, b] = [(xe * yy - ye * xy) / determinant, (ye * xx - xe * xy) / determinant];
  const [d, f] = [(xn * yy - yn * xy) / determinant, (yn * xx - xn * xy) / determinant];
  return [a, b, me - a * mx - b * my, d, f, mn - d * mx - f * my];
}

export class SiteImage implements Backdrop {
  missing = 0;
  private picture: HTMLCanvasElement | null = null;

  /** `changed` is called when the picture has come, or will not. */
  constructor(
    url: string,
    readonly attribution: string,
    private readonly placement: Placement,
    changed: () => void,
  ) {
    const image = new Image();
    image.onload = () => {
      const grey = document.createElement('canvas');
      [grey.width, grey.height] = [image.naturalWidth, image.naturalHeight];
      const c = grey.getContext('2d');
      if (!c) return;
      c.filter = FILTER;
      c.drawImage(image, 0, 0);
      this.picture = grey;
      changed();
    };
    image.onerror = () => {
      this.missing = 1;
      changed();
    };
    image.src = url;
  }

  paint(c: CanvasRenderingContext2D, camera: Camera, ratio: number): void {
    if (!this.picture || !seesGround(camera)) return;
    const { width, height } = this.picture;
    const [ea, eb, ec, na, nb, nc] = this.placement;
    const at = (x: number, y: number): [number, number] => {
      const [e, n] = [ea * x + eb * y + ec, na * x + nb * y + nc];
      return [camera.x(e, n, 0) * ratio, camera.y(e, n, 0) * ratio];
    };
    const [[px, py], [rx, ry], [dx, dy]] = [at(0, 0), at(width, 0), at(0, height)];
    c.setTransform((rx - px) / width, (ry - py) / width, (dx - px) / height, (dy - py) / height, px, py);
    c.globalAlpha = OPACITY;
    c.drawImage(this.picture, 0, 0);
    c.globalAlpha = 1;
    c.setTransform(ratio, 0, 0, ratio, 0, 0);
  }
}
