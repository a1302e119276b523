/** Where the map looks: top-down, north up, metres to device-independent pixels. */

export interface Bounds {
  e0: number;
  n0: number;
  e1: number;
  n1: number;
}

export const ZOOM_MIN = 0.002;
export const ZOOM_MAX = 200;

export class Camera {
  e = 0;
  n = 0;
  /** Pixels per metre. */
  zoom = 4;
  width = 1;
  height = 1;
  /** Grows with every change, so that the background is redrawn only when the view moved. */
  version = 0;

  resize(width: number, height: number): void {
    if (width === this.width && height === this.height) return;
    this.width = width;
    this.height = height;
    this.version++;
  }

  x(e: number): number {
    return (e - this.e) * this.zoom + this.width / 2;
  }

  y(n: number): number {
    return (this.n - n) * this.zoom + this.height / 2;
  }

  east(x: number): number {
    return this.e + (x - this.width / 2) / this.zoom;
  }

  north(y: number): number {
    return this.n - (y - this.height / 2) / this.zoom;
  }

  moveTo(e: number, n: number): void {
    if (e === this.e && n === this.n) return;
    this.e = e;
    this.n = n;
    this.version++;
  }

  panBy(dx: number, dy: number): void {
    this.moveTo(this.e - dx / this.zoom, this.n + dy / this.zoom);
  }

  /** Zooms so that the ground under the pixel stays under it. */
  zoomAt(x: number, y: number, factor: number): void {
    const e = this.east(x);
    const n = this.north(y);
    this.zoom = Math.min(ZOOM_MAX, Math.max(ZOOM_MIN, this.zoom * factor));
    this.e = e - (x - this.width / 2) / this.zoom;
    this.n = n + (y - this.height / 2) / this.zoom;
    this.version++;
  }

  /** Shows all of the bounds with a margin in pixels, never closer than about 60 m across. */
  fit(b: Bounds, margin = 56): void {
    const wide = Math.max(60, b.e1 - b.e0);
    const high = Math.max(60, b.n1 - b.n0);
    const zoom = Math.min((this.width - 2 * margin) / wide, (this.height - 2 * margin) / high);
    this.zoom = Math.min(ZOOM_MAX, Math.max(ZOOM_MIN, zoom));
    this.e = (b.e0 + b.e1) / 2;
    this.n = (b.n0 + b.n1) / 2;
    this.version++;
  }
}
