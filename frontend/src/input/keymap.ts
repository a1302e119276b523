/** Which key does what, as the person has it. Everything else names keys as they come. */
import { ui } from '../store/ui.svelte';

/** What to press in place of a key of the registry. */
export const keyFor = (key: string): string => ui.keymap[key] ?? key;

/** The same, as it is written on a button. */
export function keyName(key: string): string {
  const now = keyFor(key);
  return now.length === 1 ? now.toUpperCase() : now;
}

/** Keys with a meaning that nobody can take away: they are held, combined, or end what is being done. */
const FIXED = /^(escape|enter|tab| |arrow.*|shift|control|alt|meta|[1-9]|x|f\d+)$/;

/**
 * Puts `now` in place of `key`. Returns what stands against it: the key of the registry that is there already, `fixed`, or null.
 */
export function remap(key: string, now: string, all: readonly string[]): string | null {
  if (now.length !== 1 || FIXED.test(now)) return 'fixed';
  const taken = all.find((other) => other !== key && keyFor(other) === now);
  if (taken !== undefined) return taken;
  const { [key]: _, ...others } = ui.keymap;
  ui.keymap = now === key ? others : { ...others, [key]: now };
  return null;
}
