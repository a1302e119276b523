/** Windows of the buildings that the swarm has found, in the state that it believes; and what ties its drones together. */
import type { CrewMember, Building, Face } from '../proto/mission';
import { centreOf, isMistaken, normalOf, stateAt, type WindowState } from '../store/mission';
import type { Camera } from './camera';
import type { OverlayInput } from './overlay';
import type { Palette } from './palette';

type Corner = readonly [x: number, y: number];

/** Windows smaller than this are only coloured; signs within them would be dots. */
const SIGN_PX = 7;
/** Seen from above a face is a line: each column is a piece of it, drawn this far outside the wall. */
const STRIP_PX = 5;

/** Whether a camera looks at the outside of a face. */
export function faces(camera: Camera, face: Face): boolean {
  const [e, n] = normalOf(face);
  const { azimuth, pitch } = camera.focus;
  if (camera.view === 'front') return n < -0.01;
  if (camera.view === 'side') return e > 0.01;
  if (camera.view !== 'tilt' || pitch > 85) return false;
  const a = (azimuth * Math.PI) / 180;
  return e * Math.sin(a) + n * Math.cos(a) < -0.01;
}

/** The corners of a window on the screen, from below on the left around. */
export function corners(camera: Camera, face: Face, index: number): Corner[] {
  const [e, n, u] = centreOf(face, index);
  const [w, h] = [face.window_m[0] / 2, face.window_m[1] / 2];
  return [[-w, -h], [w, -h], [w, h], [-w, h]].map(([along, up]): Corner => {
    const [pe, pn, pu] = [e + face.right[0] * along, n + face.right[1] * along, u + up];
    return [camera.x(pe, pn, pu), camera.y(pe, pn, pu)];
  });
}

function outline(c: CanvasRenderingContext2D, points: readonly Corner[]): void {
  c.beginPath();
  points.forEach(([x, y], i) => (i === 0 ? c.moveTo(x, y) : c.lineTo(x, y)));
  c.closePath();
}

/**
 * One window. Not by colour alone: unknown is an empty outline, dirty is filled, cleaned is half filled, verified is filled
 * with a tick left open, rejected is crossed out.
 */
export function paintWindow(c: CanvasRenderingContext2D, [a, b, t, l]: readonly Corner[], state: WindowState, palette: Palette): void {
  const small = Math.hypot(b[0] - a[0], b[1] - a[1]) < SIGN_PX || Math.hypot(l[0] - a[0], l[1] - a[1]) < SIGN_PX;
  const colour = { unknown: palette.edge, dirty: palette.fg3, cleaned: palette.ok, verified: palette.ok, rejected: palette.warning }[state];
  outline(c, [a, b, t, l]);
  c.fillStyle = palette.ground;
  c.fill();
  c.fillStyle = c.strokeStyle = colour;
  c.lineWidth = 1;
  if (state === 'dirty' || state === 'verified' || (small && state === 'rejected')) c.fill();
  if (state === 'cleaned') {
    outline(c, [a, b, l]);
    c.fill();
    outline(c, [a, b, t, l]);
  }
  c.globalAlpha = state === 'unknown' ? 0.5 : 1;
  c.stroke();
  c.globalAlpha = 1;
  if (small) return;
  const at = (x: number, y: number): Corner => [a[0] + (b[0] - a[0]) * x + (l[0] - a[0]) * y, a[1] + (b[1] - a[1]) * x + (l[1] - a[1]) * y];
  const line = (...points: Corner[]): void => {
    c.beginPath();
    points.forEach(([x, y], i) => (i === 0 ? c.moveTo(x, y) : c.lineTo(x, y)));
    c.stroke();
  };
  if (state === 'verified') {
    c.strokeStyle = palette.ground;
    c.lineWidth = 1.5;
    line(at(0.25, 0.5), at(0.45, 0.28), at(0.78, 0.72));
  } else if (state === 'rejected') {
    c.lineWidth = 1.5;
    line(at(0.2, 0.2), at(0.8, 0.8));
    line(at(0.2, 0.8), at(0.8, 0.2));
  }
}

/** All windows that a view shows. Called while the ground is painted: only when the view or the belief changes. */
export function paintBuildings(c: CanvasRenderingContext2D, buildings: readonly Building[], camera: Camera, palette: Palette): void {
  for (const building of buildings) {
    for (const face of building.faces) {
      if (camera.view === 'top') paintStrip(c, face, camera, palette);
      else if (faces(camera, face)) paintFace(c, face, camera, palette);
    }
  }
}

function paintFace(c: CanvasRenderingContext2D, face: Face, camera: Camera, palette: Palette): void {
  for (let i = 0; i < face.rows * face.columns; i++) {
    const points = corners(camera, face, i);
    paintWindow(c, points, stateAt(face, i), palette);
    if (isMistaken(face, i) === true) mistaken(c, points, palette);
  }
}

/** What the swarm believes is not so: a corner in the colour of what only a god sees. */
function mistaken(c: CanvasRenderingContext2D, [, b, t, l]: readonly Corner[], palette: Palette): void {
  outline(c, [t, [t[0] + (l[0] - t[0]) * 0.45, t[1] + (l[1] - t[1]) * 0.45], [t[0] + (b[0] - t[0]) * 0.45, t[1] + (b[1] - t[1]) * 0.45]]);
  c.fillStyle = palette.path;
  c.fill();
}

/** From above: how much of each column is verified, cleaned and dirty, along the wall. */
function paintStrip(c: CanvasRenderingContext2D, face: Face, camera: Camera, palette: Palette): void {
  const [ne, nn] = normalOf(face);
  const colours: Record<WindowState, string> = { verified: palette.ok, cleaned: palette.ok, rejected: palette.warning, dirty: palette.fg3, unknown: palette.line };
  for (let column = 0; column < face.columns; column++) {
    const [e, n] = centreOf(face, column);
    const half = face.window_m[0] / 2;
    const [dx, dy] = [ne * (STRIP_PX / 2 + 1), -nn * (STRIP_PX / 2 + 1)];
    const from: Corner = [camera.x(e - face.right[0] * half, n - face.right[1] * half, 0) + dx, camera.y(e - face.right[0] * half, n - face.right[1] * half, 0) + dy];
    const to: Corner = [camera.x(e + face.right[0] * half, n + face.right[1] * half, 0) + dx, camera.y(e + face.right[0] * half, n + face.right[1] * half, 0) + dy];
    const states = Array.from({ length: face.rows }, (_, row) => stateAt(face, row * face.columns + column)).sort((a, b) => ORDER[a] - ORDER[b]);
    c.lineWidth = STRIP_PX;
    states.forEach((state, i) => {
      const [p, q] = [i / states.length, (i + 1) / states.length];
      c.strokeStyle = colours[state];
      c.globalAlpha = state === 'cleaned' ? 0.5 : 1;
      c.beginPath();
      c.moveTo(from[0] + (to[0] - from[0]) * p, from[1] + (to[1] - from[1]) * p);
      c.lineTo(from[0] + (to[0] - from[0]) * q, from[1] + (to[1] - from[1]) * q);
      c.stroke();
    });
    c.globalAlpha = 1;
  }
}

const ORDER: Record<WindowState, number> = { verified: 0, cleaned: 1, rejected: 2, dirty: 3, unknown: 4 };

/** Tension above this share of what the line bears is worth a colour. */
const TAUT = 0.75;
const GAUGE_PX = 18;

/** Tethers between drones, and how much fluid each has, small beside its glyph. */
export function drawCrew(c: CanvasRenderingContext2D, input: OverlayInput, crew: readonly CrewMember[]): boolean {
  const { scene, palette, slotOf } = input;
  let drew = false;
  for (const { id, fluid, tether } of crew) {
    const slot = slotOf(id);
    if (slot < 0 || slot >= scene.count) continue;
    const [x, y] = [scene.x[slot], scene.y[slot]];
    const to = tether ? slotOf(tether.to) : -1;
    if (tether && to >= 0 && to < scene.count) {
      const taut = tether.tension_n > TAUT * tether.tension_n_max || tether.length_m > 0.95 * tether.length_m_max;
      c.strokeStyle = taut ? palette.caution : palette.fg2;
      c.lineWidth = taut ? 2 : 1.25;
      c.beginPath();
      c.moveTo(x, y);
      c.lineTo(scene.x[to], scene.y[to]);
      c.stroke();
      drew = true;
    }
    if (fluid) {
      const [left, top] = [x - GAUGE_PX / 2, y + 11];
      c.fillStyle = palette.ground;
      c.fillRect(left - 1, top - 1, GAUGE_PX + 2, 5);
      c.fillStyle = palette.line;
      c.fillRect(left, top, GAUGE_PX, 3);
      c.fillStyle = fluid.pct < 20 ? palette.caution : palette.fg2;
      c.fillRect(left, top, (GAUGE_PX * Math.min(100, Math.max(0, fluid.pct))) / 100, 3);
      drew = true;
    }
  }
  return drew;
}
