/** Which drones are under the pointer or inside a box. Linear over the projected arrays: 10,000 take microseconds. */
import type { Scene } from './scene';

export const PICK_RADIUS_PX = 14;

/** The nearest drone within the radius, or -1. */
export function pickAt(scene: Scene, x: number, y: number, radius = PICK_RADIUS_PX): number {
  let best = -1;
  let nearest = radius * radius;
  for (let slot = 0; slot < scene.count; slot++) {
    const dx = scene.x[slot] - x;
    const dy = scene.y[slot] - y;
    const d = dx * dx + dy * dy;
    if (d <= nearest) {
      nearest = d;
      best = slot;
    }
  }
  return best;
}

export interface Box {
  x0: number;
  y0: number;
  x1: number;
  y1: number;
}

export function pickBox(scene: Scene, box: Box): number[] {
  const [left, right] = [Math.min(box.x0, box.x1), Math.max(box.x0, box.x1)];
  const [top, bottom] = [Math.min(box.y0, box.y1), Math.max(box.y0, box.y1)];
  const found: number[] = [];
  for (let slot = 0; slot < scene.count; slot++) {
    const x = scene.x[slot];
    const y = scene.y[slot];
    if (x >= left && x <= right && y >= top && y <= bottom) found.push(slot);
  }
  return found;
}
