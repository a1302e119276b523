/** How much a command must be confirmed: by what it does, and to how many. */

export type Confirmation = 'immediate' | 'hold' | 'type-count';

export const HOLD_MS = 600;
export const STOP_ALL_HOLD_MS = 800;

/** Harmless for any number of drones. */
const HARMLESS = new Set(['hold', 'signal', 'pause', 'start', 'step', 'set_speed', 'set_param', 'mission_pause']);
/** No way back. */
const FINAL = new Set(['emergency_stop', 'disarm', 'remove', 'reset', 'load_scenario', 'stop']);
/** Ends a flight: held even for a single drone. */
const ENDING = new Set(['land', 'rtl', 'goto', 'mission']);

export function confirmationFor(command: string, count: number): Confirmation {
  if (HARMLESS.has(command)) return 'immediate';
  if (FINAL.has(command)) return 'type-count';
  return count > 1 || ENDING.has(command) ? 'hold' : 'immediate';
}
