/** The way back from a command that was sent without being asked about: what the drones did before. */
import type { Vec3 } from '../proto/events';

/** What a drone was doing. */
export interface Before {
  id: string;
  mode: string;
  /** Where it was flying to, as far as this console knows. */
  goal: Vec3 | undefined;
}

export interface WayBack {
  command: string;
  targets: string[];
  params: Record<string, unknown>;
}

/** As many drones with goals of their own are sent on one by one. */
const GOALS_MAX = 24;
/** What goes on by the same word. A drone that flew by a behaviour cannot be sent back: the wire does not name it. */
const AGAIN: Record<string, string> = { mission: 'mission_start', rtl: 'rtl', land: 'land' };

/** Commands that undo `command`; none where there is no way back. */
export function wayBack(command: string, before: readonly Before[]): WayBack[] {
  if (command === 'takeoff') return [{ command: 'land', targets: before.filter(({ mode }) => mode === 'standby').map(({ id }) => id), params: {} }].filter(({ targets }) => targets.length > 0);
  if (command !== 'hold' && command !== 'mission_pause') return [];
  const made: WayBack[] = Object.entries(AGAIN)
    .map(([mode, again]) => ({ command: again, targets: before.filter((b) => b.mode === mode).map(({ id }) => id), params: {} }))
    .filter(({ targets }) => targets.length > 0);
  const sent = before.filter((b) => b.mode === 'guided' && b.goal);
  if (sent.length <= GOALS_MAX) for (const { id, goal } of sent) made.push({ command: 'goto', targets: [id], params: { position: goal } });
  return made;
}
