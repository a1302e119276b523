/**
 * A base map from tiles that the server holds: dim and grey under the swarm, drawn only when the view moves. Where tiles are
 * missing the grid stays.
 */
import { isRecord } from '../proto/events';
import { FILTER, OPACITY, seesGround, type Backdrop } from './backdrop';
import type { Camera } from './camera';

export interface TilesConfig {
  /** With `{z}`, `{x}` and `{y}`, relative to where the page lies. */
  url: string;
  zoom_min: number;
  zoom_max: number;
  attribution: string;
}

/** What `GET /api/config` says of tiles, if it does. */
export function tilesConfig(config: unknown): TilesConfig | null {
  const tiles = isRecord(config) ? config.tiles : null;
  if (!isRecord(tiles) || typeof tiles.url !== 'string' || typeof tiles.zoom_min !== 'number' || typeof tiles.zoom_max !== 'number') return null;
  return { url: tiles.url, zoom_min: tiles.zoom_min, zoom_max: tiles.zoom_max, attribution: String(tiles.attribution ?? '') };
}

const TILE_PX = 256;
const [EQUATOR_M, ECCENTRICITY_2] = [6_378_137, 0.006_694_379_990_14];
const [KEPT, AT_ONCE] = [300, 90];
/** A hair more than a tile, so that no seam shows between two. */
const OVERLAP_PX = 0.6;

/** Between metres from the origin and tiles of a zoom, as real numbers. Flat round the origin: right to a metre within 10 km. */
export class Mercator {
  private readonly eastM: number;
  private readonly northM: number;

  constructor(
    private readonly lat: number,
    private readonly lon: number,
  ) {
    const s = Math.sin((lat * Math.PI) / 180);
    const w = Math.sqrt(1 - ECCENTRICITY_2 * s * s);
    this.northM = ((EQUATOR_M * (1 - ECCENTRICITY_2)) / w ** 3) * (Math.PI / 180);
    this.eastM = (EQUATOR_M / w) * Math.cos((lat * Math.PI) / 180) * (Math.PI / 180);
  }

  /** Metres east and north of the origin. */
  at(lat: number, lon: number): [e: number, n: number] {
    return [(lon - this.lon) * this.eastM, (lat - this.lat) * this.northM];
  }

  tile(e: number, n: number, zoom: number): [x: number, y: number] {
    const [lat, lon] = [((this.lat + n / this.northM) * Math.PI) / 180, this.lon + e / this.eastM];
    return [((lon + 180) / 360) * 2 ** zoom, ((1 - Math.asinh(Math.tan(lat)) / Math.PI) / 2) * 2 ** zoom];
  }

  place(x: number, y: number, zoom: number): [e: number, n: number] {
    const lat = (Math.atan(Math.sinh(Math.PI * (1 - (2 * y) / 2 ** zoom))) * 180) / Math.PI;
    return [((x / 2 ** zoom) * 360 - 180 - this.lon) * this.eastM, (lat - this.lat) * this.northM];
  }

  /** The zoom whose pixels are about as large as those of the screen. */
  zoomFor(pixelsPerM: number): number {
    const widthM = 360 * this.eastM;
    return Math.round(Math.log2((widthM / TILE_PX) * pixelsPerM));
  }
}

export class Tiles implements Backdrop {
  readonly mercator: Mercator;
  readonly attribution: string;
  /** Tiles that the server does not have. */
  missing = 0;
  private readonly kept = new Map<string, HTMLCanvasElement | null>();

  /** `changed` is called when a tile has come and the ground has to be painted again. */
  constructor(
    readonly config: TilesConfig,
    origin: { lat: number; lon: number },
    private readonly changed: () => void,
  ) {
    this.mercator = new Mercator(origin.lat, origin.lon);
    this.attribution = config.attribution;
  }

  /** `ground`: the colour that they are dimmed with. */
  paint(c: CanvasRenderingContext2D, camera: Camera, ratio: number, ground: string): void {
    if (!seesGround(camera)) return;
    const { mercator, config } = this;
    const corners = [[0, 0], [camera.width, 0], [0, camera.height], [camera.width, camera.height]].map(([x, y]) => camera.place(x, y));
    let zoom = Math.min(config.zoom_max, Math.max(config.zoom_min, mercator.zoomFor(camera.zoom * ratio)));
    let span = spanOf(corners.map(([e, n]) => mercator.tile(e, n, zoom)));
    while (countOf(span) > AT_ONCE && zoom > config.zoom_min) span = spanOf(corners.map(([e, n]) => mercator.tile(e, n, zoom - 1))), zoom--;
    if (countOf(span) > AT_ONCE) return;
    for (let x = span.x0; x <= span.x1; x++) for (let y = span.y0; y <= span.y1; y++) this.paintTile(c, camera, ratio, zoom, x, y);
    c.setTransform(ratio, 0, 0, ratio, 0, 0);
    // Dimmed as a whole: tiles that overlap by a hair would show it if each were.
    c.globalAlpha = 1 - OPACITY;
    c.fillStyle = ground;
    c.fillRect(0, 0, camera.width, camera.height);
    c.globalAlpha = 1;
  }

  private paintTile(c: CanvasRenderingContext2D, camera: Camera, ratio: number, zoom: number, x: number, y: number): void {
    const picture = this.picture(zoom, x, y);
    if (!picture) return;
    const at = (tx: number, ty: number): [number, number] => {
      const [e, n] = this.mercator.place(tx, ty, zoom);
      return [camera.x(e, n, 0) * ratio, camera.y(e, n, 0) * ratio];
    };
    const [[px, py], [rx, ry], [dx, dy]] = [at(x, y), at(x + 1, y), at(x, y + 1)];
    c.setTransform((rx - px) / TILE_PX, (ry - py) / TILE_PX, (dx - px) / TILE_PX, (dy - py) / TILE_PX, px, py);
    c.drawImage(picture, 0, 0, TILE_PX + OVERLAP_PX, TILE_PX + OVERLAP_PX);
  }

  /** The tile if it is here; asked for otherwise. */
  private picture(zoom: number, x: number, y: number): HTMLCanvasElement | null {
    const name = `${zoom}/${x}/${y}`;
    const known = this.kept.get(name);
    if (known !== undefined) return known;
    this.kept.set(name, null);
    const [oldest] = this.kept.keys();
    if (this.kept.size > KEPT) this.kept.delete(oldest);
    const image = new Image();
    image.onload = () => {
      const grey = document.createElement('canvas');
      grey.width = grey.height = TILE_PX;
      const c = grey.getContext('2d');
      if (!c) return;
      c.filter = FILTER;
      c.drawImage(image, 0, 0, TILE_PX, TILE_PX);
      this.kept.set(name, grey);
      this.changed();
    };
    image.onerror = () => {
      this.missing++;
      this.changed();
    };
    image.src = this.config.url.replace('{z}', String(zoom)).replace('{x}', String(x)).replace('{y}', String(y));
    return null;
  }
}

interface Span {
  x0: number;
  y0: number;
  x1: number;
  y1: number;
}

function spanOf(places: readonly (readonly [number, number])[]): Span {
  const [xs, ys] = [places.map((p) => p[0]), places.map((p) => p[1])];
  return { x0: Math.floor(Math.min(...xs)), y0: Math.floor(Math.min(...ys)), x1: Math.floor(Math.max(...xs)), y1: Math.floor(Math.max(...ys)) };
}

const countOf = ({ x0, y0, x1, y1 }: Span): number => (x1 - x0 + 1) * (y1 - y0 + 1);
