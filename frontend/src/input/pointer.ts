/** The pointer on the map: click, box, pan, wheel, pinch. */
import { fixed } from '../format';
import type { MapView } from '../render/mapview';
import { pickAt, pickBox } from '../render/pick';
import { insertCorner, type Corner } from '../store/sketch';
import { ui } from '../store/ui.svelte';
import type { Actions } from './actions';

const DRAG_PX = 4;
const WHEEL_STEP = 1.0015;
const TURN_DEG_PX = 0.35;
const CORNER_PX = 10;
/** How near to a drone a finger has to come. */
const FINGER_PX = 22;
const LONG_PRESS_MS = 500;

export function attachPointer(element: HTMLElement, map: MapView, actions: Actions): void {
  const touches = new Map<number, { x: number; y: number }>();
  let down: { x: number; y: number; button: number; pan: boolean; turn: boolean } | null = null;
  let dragging = false;
  let spaceHeld = false;
  let pinch = 0;
  let press = 0;
  /** The corner of the fence being drawn that the pointer holds. */
  let corner = -1;

  const groundAt = (x: number, y: number): Corner => {
    const [e, n] = map.camera.place(x, y);
    return [Math.round(e * 10) / 10, Math.round(n * 10) / 10];
  };
  const cornerAt = (x: number, y: number): number =>
    (ui.sketch?.polygon ?? []).findIndex(([e, n]) => Math.hypot(map.camera.x(e, n, 0) - x, map.camera.y(e, n, 0) - y) < CORNER_PX);

  const at = (event: MouseEvent): { x: number; y: number } => {
    const box = element.getBoundingClientRect();
    return { x: event.clientX - box.left, y: event.clientY - box.top };
  };

  const fingers = (): { distance: number; x: number; y: number } => {
    const [a, b] = [...touches.values()];
    return { distance: Math.hypot(a.x - b.x, a.y - b.y), x: (a.x + b.x) / 2, y: (a.y + b.y) / 2 };
  };

  element.addEventListener('pointerdown', (event) => {
    const p = at(event);
    element.setPointerCapture(event.pointerId);
    if (event.pointerType === 'touch') touches.set(event.pointerId, p);
    clearTimeout(press);
    if (touches.size === 2) {
      pinch = fingers().distance;
      down = null;
      map.box = null;
      return;
    }
    if (ui.sketch && event.button === 0 && !spaceHeld) {
      corner = cornerAt(p.x, p.y);
      if (corner < 0) {
        ui.sketch = { ...ui.sketch, polygon: insertCorner(ui.sketch.polygon, groundAt(p.x, p.y)) };
        corner = cornerAt(p.x, p.y);
      }
      return;
    }
    // A finger pans; a mouse draws a box unless it is the middle button or Space is held.
    const pan = event.button === 1 || spaceHeld || event.pointerType === 'touch';
    // The right button turns the slanted view.
    const turn = event.button === 2 && !event.shiftKey && map.camera.view === 'tilt';
    down = { ...p, button: event.button, pan, turn };
    dragging = false;
    if (event.button === 1) event.preventDefault();
    // A finger that stays where it is asks for the menu.
    if (event.pointerType === 'touch') {
      press = window.setTimeout(() => {
        if (!down || dragging) return;
        down = null;
        openMenu(p.x, p.y, FINGER_PX);
      }, LONG_PRESS_MS);
    }
  });

  element.addEventListener('pointermove', (event) => {
    const p = at(event);
    if (touches.has(event.pointerId)) {
      touches.set(event.pointerId, p);
      if (touches.size === 2) {
        const f = fingers();
        if (pinch > 0) map.camera.zoomAt(f.x, f.y, f.distance / pinch);
        pinch = f.distance;
        return;
      }
    }
    if (corner >= 0 && ui.sketch) {
      const moved = groundAt(p.x, p.y);
      ui.sketch = { ...ui.sketch, polygon: ui.sketch.polygon.map((old, i) => (i === corner ? moved : old)) };
      return;
    }
    if (!down) {
      hoverAt(p.x, p.y);
      return;
    }
    if (!dragging && Math.hypot(p.x - down.x, p.y - down.y) < DRAG_PX) return;
    dragging = true;
    if (down.turn) {
      const { focus } = map.camera;
      focus.turn(focus.azimuth - (p.x - down.x) * TURN_DEG_PX, focus.pitch + (p.y - down.y) * TURN_DEG_PX);
      down = { ...down, x: p.x, y: p.y };
    } else if (down.pan) {
      actions.spaceUsed = true;
      map.follow = false;
      map.camera.panBy(p.x - down.x, p.y - down.y);
      down = { ...down, x: p.x, y: p.y };
    } else if (down.button === 0 && (!ui.aim || ui.aim === 'scan')) map.box = { x0: down.x, y0: down.y, x1: p.x, y1: p.y };
  });

  const hoverAt = (x: number, y: number): void => {
    map.hover = pickAt(map.scene, x, y);
    if (ui.aim === 'goto') {
      map.aimCentre = false;
      const [e, n] = map.camera.place(x, y);
      actions.aimTarget({ e, n, label: `${fixed(e)}, ${fixed(n)}` });
    }
    element.dataset.over = map.hover >= 0 ? 'drone' : 'ground';
  };

  element.addEventListener('pointerup', (event) => {
    touches.delete(event.pointerId);
    clearTimeout(press);
    corner = -1;
    if (!down) return;
    const p = at(event);
    if (map.box && ui.aim === 'scan') {
      const { x0, y0, x1, y1 } = map.box;
      actions.scanRegion([[x0, y0], [x1, y0], [x1, y1], [x0, y1]].map(([x, y]) => {
        const [e, n] = map.camera.place(x, y);
        return [e, n];
      }));
    } else if (map.box) {
      const found = pickBox(map.scene, map.box);
      const { selection } = actions.session.fleet;
      if (event.altKey) for (const slot of found) selection.set(slot, false);
      else if (event.shiftKey) for (const slot of found) selection.set(slot, true);
      else if (event.ctrlKey || event.metaKey) for (const slot of found) selection.toggle(slot);
      else selection.replace(found);
    } else if (!dragging && down.button === 0) click(p.x, p.y, event);
    else if (!dragging && down.button === 2 && event.shiftKey) actions.route.add(...groundAt(p.x, p.y));
    else if (!dragging && down.button === 2) openMenu(p.x, p.y);
    map.box = null;
    down = null;
  });

  element.addEventListener('pointercancel', (event) => {
    touches.delete(event.pointerId);
    clearTimeout(press);
    map.box = null;
    down = null;
  });

  element.addEventListener('pointerleave', () => {
    map.hover = -1;
    if (ui.aim === 'goto') actions.aimTarget(null);
  });

  const click = (x: number, y: number, event: PointerEvent): void => {
    const slot = pickAt(map.scene, x, y, event.pointerType === 'touch' ? FINGER_PX : undefined);
    const [e, n] = map.camera.place(x, y);
    if (ui.aim) actions.aimAt(e, n, slot);
    else if (slot >= 0) actions.pick(slot, event.shiftKey ? 'add' : event.ctrlKey || event.metaKey ? 'toggle' : 'only');
    else if (!event.shiftKey && !event.ctrlKey && !event.metaKey) actions.session.fleet.selection.clear();
  };

  element.addEventListener(
    'wheel',
    (event) => {
      event.preventDefault();
      const p = at(event);
      const lines = event.deltaMode === WheelEvent.DOM_DELTA_LINE ? 16 : 1;
      map.camera.zoomAt(p.x, p.y, WHEEL_STEP ** (-event.deltaY * lines));
    },
    { passive: false },
  );

  /** What can be done here: the drone is picked now, for it may be elsewhere when the menu is there. */
  const openMenu = (x: number, y: number, radius?: number): void => {
    if (ui.kiosk || ui.sketch) return;
    const box = element.getBoundingClientRect();
    const slot = pickAt(map.scene, x, y, radius);
    const seesGround = map.camera.view === 'top' || map.camera.view === 'tilt';
    ui.menu = { x: box.left + x, y: box.top + y, id: actions.session.fleet.slots.ids[slot] ?? null, place: seesGround ? groundAt(x, y) : null };
  };

  element.addEventListener('contextmenu', (event) => {
    event.preventDefault();
    // The right button and fingers have opened it already, where they meant it. Keys open it at the selection.
    if (event instanceof PointerEvent && event.pointerType !== '') return;
    const { camera, scene } = map;
    const slot = actions.session.fleet.selection.first();
    const [x, y] = [scene.x[slot], scene.y[slot]];
    const isThere = slot >= 0 && x >= 0 && y >= 0 && x <= camera.width && y <= camera.height;
    openMenu(...(isThere ? ([x, y] as const) : ([camera.width / 2, camera.height / 2] as const)));
  });

  element.addEventListener('dblclick', () => actions.centreSelection());

  element.addEventListener('keydown', (event) => {
    if (event.key === ' ') {
      spaceHeld = true;
      event.preventDefault();
    }
  });
  window.addEventListener('keyup', (event) => {
    if (event.key === ' ') spaceHeld = false;
  });
}
