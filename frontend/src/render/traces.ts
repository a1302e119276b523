/** Lines behind, under and ahead of drones: trails, stalks, links and goals. Each says whether it drew anything. */
import { eastOf, northOf } from '../proto/decode';
import type { OverlayInput } from './overlay';

const TRAILS_MAX = 60;
const STALKS_MAX = 300;
const LINKS_MAX = 2000;
const ARRIVED_PX = 16;

/** At most so many of them, from everywhere in the list: the first ones would speak for one corner of a swarm. */
export function sample(slots: readonly number[], most: number): number[] {
  const every = Math.max(1, Math.ceil(slots.length / most));
  return Array.from({ length: Math.ceil(slots.length / every) }, (_, i) => slots[i * every]);
}

export function trails(c: CanvasRenderingContext2D, input: OverlayInput): boolean {
  const { scene, camera, palette, trails, selectedSlots } = input;
  const everyone = scene.count <= TRAILS_MAX;
  const slots = everyone ? Array.from({ length: scene.count }, (_, i) => i) : sample(selectedSlots, TRAILS_MAX);
  if (slots.length === 0 || trails.length < 2) return false;
  c.lineWidth = 1;
  for (const pass of [false, true]) {
    c.beginPath();
    for (const slot of slots) {
      if (input.selected(slot) !== pass) continue;
      c.moveTo(scene.x[slot], scene.y[slot]);
      trails.walk(slot, (e, n, u) => c.lineTo(camera.x(e, n, u), camera.y(e, n, u)));
    }
    c.strokeStyle = pass ? palette.selected : palette.drone;
    c.globalAlpha = pass ? 0.55 : 0.3;
    c.stroke();
  }
  c.globalAlpha = 1;
  return true;
}

/** From each drone down to the ground: in a slanted picture only they tell where a drone is. */
export function stalks(c: CanvasRenderingContext2D, input: OverlayInput): boolean {
  const { scene, camera, palette } = input;
  const { frame } = scene;
  if (!frame || scene.count > STALKS_MAX) return false;
  c.strokeStyle = palette.edge;
  c.fillStyle = palette.edge;
  c.globalAlpha = 0.5;
  c.lineWidth = 1;
  c.beginPath();
  for (let slot = 0; slot < scene.count; slot++) {
    const [e, n] = [eastOf(frame, slot), northOf(frame, slot)];
    const [x, y] = [camera.x(e, n, 0), camera.y(e, n, 0)];
    c.moveTo(scene.x[slot], scene.y[slot]);
    c.lineTo(x, y);
    c.rect(x - 1, y - 1, 2, 2);
  }
  c.stroke();
  c.globalAlpha = 1;
  return true;
}

export function links(c: CanvasRenderingContext2D, input: OverlayInput): boolean {
  if (input.links.length === 0) return false;
  const { scene, palette, slotOf } = input;
  c.beginPath();
  for (const [a, b] of input.links.slice(0, LINKS_MAX)) {
    const [from, to] = [slotOf(a), slotOf(b)];
    if (from < 0 || to < 0 || from >= scene.count || to >= scene.count) continue;
    c.moveTo(scene.x[from], scene.y[from]);
    c.lineTo(scene.x[to], scene.y[to]);
  }
  c.strokeStyle = palette.edge;
  c.globalAlpha = 0.35;
  c.lineWidth = 1;
  c.stroke();
  c.globalAlpha = 1;
  return true;
}

export function goals(c: CanvasRenderingContext2D, input: OverlayInput): boolean {
  const { scene, camera, palette, goals, slotOf } = input;
  if (goals.size === 0) return false;
  const everyone = goals.size <= TRAILS_MAX;
  c.strokeStyle = palette.path;
  c.lineWidth = 1;
  c.globalAlpha = goals.size > 12 ? 0.3 : 0.75;
  c.beginPath();
  for (const [id, [e, n, u]] of goals) {
    const slot = slotOf(id);
    if (slot < 0 || slot >= scene.count || !(everyone || input.selected(slot))) continue;
    const [x, y] = [camera.x(e, n, u), camera.y(e, n, u)];
    // A drone that has arrived needs no sign of where it goes.
    if (Math.hypot(x - scene.x[slot], y - scene.y[slot]) < ARRIVED_PX) continue;
    c.moveTo(scene.x[slot], scene.y[slot]);
    c.lineTo(x, y);
    c.moveTo(x + 4, y);
    c.arc(x, y, 4, 0, 2 * Math.PI);
  }
  c.stroke();
  c.globalAlpha = 1;
  return true;
}

/** Points that are flown to one after the other, numbered, from the middle of those that will. */
export function drawRoute(c: CanvasRenderingContext2D, { scene, camera, palette, route, selectedSlots }: OverlayInput): void {
  const places = route.map(([e, n, u]) => [camera.x(e, n, u), camera.y(e, n, u)] as const);
  c.strokeStyle = palette.path;
  c.lineWidth = 1.5;
  c.beginPath();
  const slots = selectedSlots.filter((slot) => slot < scene.count);
  if (slots.length > 0) c.moveTo(slots.reduce((sum, s) => sum + scene.x[s], 0) / slots.length, slots.reduce((sum, s) => sum + scene.y[s], 0) / slots.length);
  for (const [x, y] of places) c.lineTo(x, y);
  c.stroke();
  c.font = '11px B612, sans-serif';
  c.textAlign = 'center';
  c.textBaseline = 'middle';
  places.forEach(([x, y], i) => {
    c.fillStyle = palette.ground;
    c.beginPath();
    c.arc(x, y, 9, 0, 2 * Math.PI);
    c.fill();
    c.stroke();
    c.fillStyle = palette.path;
    c.fillText(String(i + 1), x, y + 0.5);
  });
  c.textAlign = 'left';
}
