/** Where the map looks. Every view is a parallel projection: metres to device-independent pixels by one matrix. */

export interface Bounds {
  e0: number;
  n0: number;
  u0: number;
  e1: number;
  n1: number;
  u1: number;
}

/** From above with north up; towards the north; towards the west; from aslant. */
export type View = 'top' | 'front' | 'side' | 'tilt';

export const ZOOM_MIN = 0.002;
export const ZOOM_MAX = 200;
const PITCH_MIN = 8;
const PITCH_MAX = 88;
/** Nothing is shown closer than this many metres across when everything is to be shown. */
const FIT_MIN_M = 60;

/** What is looked at, shared by views that move together. */
export class Focus {
  e = 0;
  n = 0;
  u = 0;
  /** Pixels per metre. */
  zoom = 4;
  /** Direction of the slanted view: degrees clockwise from north, and downwards from the horizon. */
  azimuth = 25;
  pitch = 38;
  /** Grows with every change, so that the background is redrawn only when the view moved. */
  version = 0;

  moveTo(e: number, n: number, u = this.u): void {
    if (e === this.e && n === this.n && u === this.u) return;
    this.e = e;
    this.n = n;
    this.u = u;
    this.version++;
  }

  turn(azimuth: number, pitch: number): void {
    this.azimuth = ((azimuth % 360) + 360) % 360;
    this.pitch = Math.min(PITCH_MAX, Math.max(PITCH_MIN, pitch));
    this.version++;
  }

  zoomTo(zoom: number): void {
    this.zoom = Math.min(ZOOM_MAX, Math.max(ZOOM_MIN, zoom));
    this.version++;
  }
}

/** How a metre east, north and up moves a point on the screen, before zooming. */
export interface Matrix {
  xe: number;
  xn: number;
  xu: number;
  ye: number;
  yn: number;
  yu: number;
}

function matrixOf(view: View, focus: Focus): Matrix {
  if (view === 'top') return { xe: 1, xn: 0, xu: 0, ye: 0, yn: -1, yu: 0 };
  if (view === 'front') return { xe: 1, xn: 0, xu: 0, ye: 0, yn: 0, yu: -1 };
  if (view === 'side') return { xe: 0, xn: 1, xu: 0, ye: 0, yn: 0, yu: -1 };
  const [a, p] = [(focus.azimuth * Math.PI) / 180, (focus.pitch * Math.PI) / 180];
  const [sa, ca, sp, cp] = [Math.sin(a), Math.cos(a), Math.sin(p), Math.cos(p)];
  return { xe: ca, xn: -sa, xu: 0, ye: -sa * sp, yn: -ca * sp, yu: -cp };
}

export class Camera {
  width = 1;
  height = 1;
  private own = 0;
  private looked: View;
  private made = { version: -1, matrix: matrixOf('top', new Focus()) };

  constructor(
    readonly focus: Focus = new Focus(),
    view: View = 'top',
  ) {
    this.looked = view;
  }

  get view(): View {
    return this.looked;
  }

  set view(view: View) {
    if (view === this.looked) return;
    this.looked = view;
    this.own++;
  }

  get zoom(): number {
    return this.focus.zoom;
  }

  get version(): number {
    return this.focus.version + this.own;
  }

  get matrix(): Matrix {
    if (this.made.version !== this.version) this.made = { version: this.version, matrix: matrixOf(this.view, this.focus) };
    return this.made.matrix;
  }

  resize(width: number, height: number): void {
    if (width === this.width && height === this.height) return;
    this.width = width;
    this.height = height;
    this.own++;
  }

  x(e: number, n: number, u: number): number {
    const { matrix: m, focus: f } = this;
    return this.width / 2 + f.zoom * (m.xe * (e - f.e) + m.xn * (n - f.n) + m.xu * (u - f.u));
  }

  y(e: number, n: number, u: number): number {
    const { matrix: m, focus: f } = this;
    return this.height / 2 + f.zoom * (m.ye * (e - f.e) + m.yn * (n - f.n) + m.yu * (u - f.u));
  }

  /** The place under a pixel: on the ground from above and aslant, in the plane through the focus from front and side. */
  place(x: number, y: number): [e: number, n: number, u: number] {
    const { focus: f, matrix: m } = this;
    const [dx, dy] = [(x - this.width / 2) / f.zoom, (y - this.height / 2) / f.zoom];
    if (this.view === 'front') return [f.e + dx, f.n, f.u - dy];
    if (this.view === 'side') return [f.e, f.n + dx, f.u - dy];
    // The ground lies f.u below the focus.
    const down = dy + m.yu * f.u;
    const determinant = m.xe * m.yn - m.xn * m.ye;
    return [f.e + (dx * m.yn - down * m.xn) / determinant, f.n + (down * m.xe - dx * m.ye) / determinant, 0];
  }

  panBy(dx: number, dy: number): void {
    const [from, to] = [this.place(0, 0), this.place(dx, dy)];
    const { e, n, u } = this.focus;
    this.focus.moveTo(e - to[0] + from[0], n - to[1] + from[1], u - to[2] + from[2]);
  }

  /** Zooms so that what is under the pixel stays under it. */
  zoomAt(x: number, y: number, factor: number): void {
    const before = this.focus.zoom;
    this.focus.zoomTo(before * factor);
    const grown = this.focus.zoom / before;
    this.panBy((x - this.width / 2) * (1 - grown), (y - this.height / 2) * (1 - grown));
  }

  /** The zoom at which all of the bounds is in view, with a margin in pixels. */
  zoomFor(b: Bounds, margin = 56): number {
    const m = this.matrix;
    const [de, dn, du] = [b.e1 - b.e0, b.n1 - b.n0, b.u1 - b.u0];
    const wide = Math.max(FIT_MIN_M, Math.abs(m.xe) * de + Math.abs(m.xn) * dn + Math.abs(m.xu) * du);
    const high = Math.max(FIT_MIN_M, Math.abs(m.ye) * de + Math.abs(m.yn) * dn + Math.abs(m.yu) * du);
    const edge = Math.min(margin, this.width / 8, this.height / 8);
    return Math.min((this.width - 2 * edge) / wide, (this.height - 2 * edge) / high);
  }
}

/** Shows all of the bounds in each of the views. */
export function fit(b: Bounds, cameras: readonly Camera[]): void {
  const { focus } = cameras[0];
  focus.moveTo((b.e0 + b.e1) / 2, (b.n0 + b.n1) / 2, (b.u0 + b.u1) / 2);
  focus.zoomTo(Math.min(...cameras.map((camera) => camera.zoomFor(b))));
}
