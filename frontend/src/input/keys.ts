/** Every key in one registry, which the help overlay also reads. */
import { ui } from '../store/ui.svelte';
import type { Actions } from './actions';
import { STOP_ALL_HOLD_MS } from './consequence';
import { keyFor } from './keymap';
import { togglePanel } from './panels';

export type KeyGroup = 'look' | 'select' | 'command' | 'run';

export interface Key {
  /** As `KeyboardEvent.key`, letters in lower case. */
  keys: string[];
  shown: string;
  group: KeyGroup;
  what: string;
  run: (actions: Actions) => void;
}

const PAN_PX = 80;
/** Simulated seconds of a step while looking back. */
const VIEW_STEP_S = 1;

/** How long a key waits for the panel that it is about: right after the start panels are still on their way. */
const PANEL_PATIENCE_MS = 5000;

function focusFilter(prefix: string): void {
  ui.fleetOpen = true;
  const until = performance.now() + PANEL_PATIENCE_MS;
  const look = (): void => {
    const field = document.querySelector<HTMLInputElement>('#fleet-filter');
    if (field) {
      if (prefix !== '') ui.filter = prefix;
      field.focus();
      field.select();
    } else if (performance.now() < until) requestAnimationFrame(look);
  };
  requestAnimationFrame(look);
}

export const KEYS: Key[] = [
  { keys: ['z'], shown: 'Z', group: 'look', what: 'Show everything', run: (a) => a.map?.fitAll() },
  { keys: ['c'], shown: 'C', group: 'look', what: 'Follow the selection', run: (a) => a.toggleFollow() },
  { keys: ['arrowleft'], shown: 'Arrows', group: 'look', what: 'Pan the map', run: (a) => a.map?.camera.panBy(PAN_PX, 0) },
  { keys: ['arrowright'], shown: '', group: 'look', what: '', run: (a) => a.map?.camera.panBy(-PAN_PX, 0) },
  { keys: ['arrowup'], shown: '', group: 'look', what: '', run: (a) => a.map?.camera.panBy(0, PAN_PX) },
  { keys: ['arrowdown'], shown: '', group: 'look', what: '', run: (a) => a.map?.camera.panBy(0, -PAN_PX) },
  { keys: ['+', '='], shown: '+ and −', group: 'look', what: 'Zoom', run: (a) => zoom(a, 1.25) },
  { keys: ['-'], shown: '', group: 'look', what: '', run: (a) => zoom(a, 0.8) },
  { keys: ['['], shown: '[ ] and \\', group: 'look', what: 'Fleet, side and bottom panel', run: () => togglePanel('fleetOpen') },
  { keys: [']'], shown: '', group: 'look', what: '', run: () => togglePanel('sideOpen') },
  { keys: ['\\'], shown: '', group: 'look', what: '', run: () => togglePanel('drawerOpen') },
  { keys: ['v'], shown: 'V', group: 'look', what: 'Tilt the map, and back', run: (a) => a.toggleTilt() },
  { keys: ['q'], shown: 'Q', group: 'look', what: 'Four views: top, slanted, front, side', run: (a) => a.toggleQuad() },
  { keys: ['b'], shown: 'B', group: 'look', what: 'Base map, where the server has one', run: (a) => a.toggleBaseMap() },
  { keys: ['u'], shown: 'U', group: 'look', what: 'Recorded runs', run: () => (ui.dialog = 'runs') },
  { keys: ['k'], shown: 'K', group: 'look', what: 'Only the picture, for a screen on the wall, and back', run: (a) => a.toggleKiosk() },
  { keys: ['?'], shown: '?', group: 'look', what: 'This help', run: () => (ui.dialog = 'help') },

  { keys: ['/'], shown: '/', group: 'select', what: 'Filter', run: () => focusFilter('') },
  { keys: ['#'], shown: '#', group: 'select', what: 'Filter by drone id', run: () => focusFilter('id ') },
  { keys: ['a'], shown: 'A', group: 'select', what: 'All', run: (a) => a.selectAll() },
  { keys: ['i'], shown: 'I', group: 'select', what: 'Invert', run: (a) => a.invert() },
  { keys: ['n'], shown: 'N', group: 'select', what: 'Next that needs attention', run: (a) => a.next() },
  { keys: ['contextmenu'], shown: 'Menu', group: 'select', what: 'Menu of the selection, as with the right button', run: (a) => a.openMenu() },
  { keys: ['escape'], shown: 'Esc', group: 'select', what: 'Cancel, then clear', run: (a) => a.escape() },
  { keys: ['1'], shown: '1 to 9', group: 'select', what: 'Recall a group, twice centres', run: (a) => a.groups.recall('1') },
  ...['2', '3', '4', '5', '6', '7', '8', '9'].map((d): Key => ({ keys: [d], shown: '', group: 'select', what: '', run: (a) => a.groups.recall(d) })),

  { keys: ['t'], shown: 'T', group: 'command', what: 'Take off', run: (a) => a.propose('takeoff') },
  { keys: ['l'], shown: 'L', group: 'command', what: 'Land', run: (a) => a.propose('land') },
  { keys: ['h'], shown: 'H', group: 'command', what: 'Hold', run: (a) => a.propose('hold') },
  { keys: ['r'], shown: 'R', group: 'command', what: 'Return', run: (a) => a.propose('rtl') },
  { keys: ['g'], shown: 'G', group: 'command', what: 'Go to a place on the map', run: (a) => a.beginAim('goto') },
  { keys: ['enter'], shown: '', group: 'command', what: '', run: (a) => a.aimAtCentre() },
  { keys: ['f'], shown: 'F', group: 'command', what: 'Follow a drone', run: (a) => a.beginAim('follow') },
  { keys: ['w'], shown: 'W', group: 'command', what: 'Add the middle of the map to the queue of points', run: (a) => a.route.addCentre() },

  { keys: ['p'], shown: 'P', group: 'run', what: 'Pause or start the simulation', run: (a) => a.toggleRun() },
  { keys: ['.'], shown: ', and .', group: 'run', what: 'One step of a paused simulation; looking back, a step either way', run: (a) => (ui.rewound === null && !a.travel.isReplay ? a.world('step', { ticks: 1 }) : a.travel.stepBack(VIEW_STEP_S)) },
  { keys: [','], shown: '', group: 'run', what: '', run: (a) => a.travel.stepBack(-VIEW_STEP_S) },
];

/** Keys that are held or combined, for the help only. */
export const HELD_KEYS: { shown: string; group: KeyGroup; what: string }[] = [
  { shown: 'Shift 1 to 9', group: 'select', what: 'Remember the selection' },
  { shown: 'Space', group: 'run', what: 'Freeze the picture, the swarm flies on; again: play' },
  { shown: 'Shift Space', group: 'run', what: 'Back to live' },
  { shown: 'Shift right click', group: 'command', what: 'Add a point to the queue' },
  { shown: 'Hold Enter', group: 'command', what: 'Confirm' },
  { shown: 'Hold Shift X', group: 'command', what: 'Stop all' },
];

function zoom(actions: Actions, factor: number): void {
  const camera = actions.map?.camera;
  if (camera) camera.zoomAt(camera.width / 2, camera.height / 2, factor);
}

function typing(target: EventTarget | null): boolean {
  return target instanceof HTMLElement && (target.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName));
}

/** Whether a capital X would be written: a choice or a switch takes no letters. */
function writing(target: EventTarget | null): boolean {
  return typing(target) && !(target instanceof HTMLSelectElement) && !(target instanceof HTMLInputElement && /^(checkbox|radio|button|range|color|file)$/.test(target.type));
}

/** Arrows, Enter and Space belong to the control that has the focus, if it uses them. */
function ownsArrows(target: EventTarget | null): boolean {
  return target instanceof HTMLElement && target.closest('[role="grid"], [role="tablist"], [role="radiogroup"], dialog') !== null;
}

function ownsEnter(target: EventTarget | null): boolean {
  return target instanceof HTMLElement && target.closest('button, a, [role="grid"], dialog') !== null;
}

export function attachKeys(actions: Actions): () => void {
  let made: { by: typeof ui.keymap | null; keys: Map<string, Key> } = { by: null, keys: new Map() };
  /** What a key does, as the person has set it. */
  const meaningOf = (name: string): Key | undefined => {
    if (made.by !== ui.keymap) made = { by: ui.keymap, keys: new Map(KEYS.flatMap((k) => k.keys.map((key) => [keyFor(key), k] as const))) };
    return made.keys.get(name);
  };
  let stopSince = 0;
  let stopFrame = 0;

  const stopTurn = (): void => {
    ui.stopProgress = Math.min(1, (performance.now() - stopSince) / STOP_ALL_HOLD_MS);
    if (ui.stopProgress < 1) {
      stopFrame = requestAnimationFrame(stopTurn);
      return;
    }
    endStop();
    actions.stopAll();
  };
  const endStop = (): void => {
    cancelAnimationFrame(stopFrame);
    stopSince = 0;
    ui.stopProgress = 0;
  };

  const down = (event: KeyboardEvent): void => {
    // Stopping comes first: over a dialog, and whatever has the focus.
    if (event.shiftKey && event.code === 'KeyX' && !event.ctrlKey && !event.metaKey && !event.altKey && !writing(event.target)) {
      event.preventDefault();
      if (stopSince === 0 && !event.repeat) {
        stopSince = performance.now();
        stopTurn();
      }
      return;
    }
    if (typing(event.target)) {
      if (event.key === 'Escape' && event.target instanceof HTMLElement) event.target.blur();
      return;
    }
    if (event.ctrlKey || event.metaKey || event.altKey || document.querySelector('dialog[open]')) return;
    const digit = /^Digit([1-9])$/.exec(event.code);
    if (event.shiftKey && digit) {
      event.preventDefault();
      actions.groups.save(digit[1]);
      return;
    }
    if (event.key === ' ') {
      if (ownsEnter(event.target)) return;
      event.preventDefault();
      if (!event.repeat) actions.spaceUsed = false;
      return;
    }
    const name = event.shiftKey && event.key === 'F10' ? 'contextmenu' : event.key.toLowerCase();
    if (!ui.singleKeys && name !== 'escape' && name !== 'contextmenu') return;
    if (name.startsWith('arrow') && ownsArrows(event.target)) return;
    if (name === 'enter' && (ui.aim !== 'goto' || ownsEnter(event.target))) return;
    const key = meaningOf(name);
    if (!key || (event.repeat && !name.startsWith('arrow') && name !== '+' && name !== '-')) return;
    event.preventDefault();
    key.run(actions);
  };
  const up = (event: KeyboardEvent): void => {
    if (event.key === ' ' && ui.singleKeys && !typing(event.target) && !ownsEnter(event.target) && !actions.spaceUsed && !document.querySelector('dialog[open]')) {
      if (event.shiftKey) actions.travel.live();
      else actions.travel.toggleView();
    }
    if (stopSince > 0 && (event.code === 'KeyX' || event.key === 'Shift')) endStop();
  };
  window.addEventListener('keydown', down);
  window.addEventListener('keyup', up);
  window.addEventListener('blur', endStop);
  return () => {
    window.removeEventListener('keydown', down);
    window.removeEventListener('keyup', up);
    window.removeEventListener('blur', endStop);
  };
}
