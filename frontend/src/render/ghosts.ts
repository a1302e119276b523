/** The drones of another run: a cross where each was, and a line to where it is in this one. */
import type { GhostFrame } from '../store/ghost';
import type { OverlayInput } from './overlay';

const ARM_PX = 4;
/** Nearer than this the two are the same for the eye. */
const SAME_PX = 2;
/** Nearer than this a line would only be noise. */
const LINE_FROM_PX = 9;
const CROSSES_MAX = 4000;

export function drawGhosts(c: CanvasRenderingContext2D, input: OverlayInput, ghost: GhostFrame): boolean {
  const { scene, camera, palette, ids } = input;
  c.beginPath();
  const lines = new Path2D();
  for (let slot = 0; slot < Math.min(ids.length, CROSSES_MAX); slot++) {
    const place = ghost.place(ids[slot], slot);
    if (!place) continue;
    const [x, y] = [camera.x(...place), camera.y(...place)];
    const gap = slot < scene.count ? Math.hypot(scene.x[slot] - x, scene.y[slot] - y) : Infinity;
    if (gap < SAME_PX || x < -ARM_PX || y < -ARM_PX || x > camera.width + ARM_PX || y > camera.height + ARM_PX) continue;
    c.moveTo(x - ARM_PX, y - ARM_PX);
    c.lineTo(x + ARM_PX, y + ARM_PX);
    c.moveTo(x + ARM_PX, y - ARM_PX);
    c.lineTo(x - ARM_PX, y + ARM_PX);
    if (gap < LINE_FROM_PX || gap === Infinity) continue;
    lines.moveTo(scene.x[slot], scene.y[slot]);
    lines.lineTo(x, y);
  }
  c.strokeStyle = palette.path;
  c.lineWidth = 1.25;
  c.stroke();
  c.globalAlpha = 0.4;
  c.lineWidth = 1;
  c.stroke(lines);
  c.globalAlpha = 1;
  return true;
}
