/** What should hold before drones take off. Each point names the drones that stand against it. */
import type { LinkState } from '../net/state';
import { batteryOf, BAD_DATA_BIT, eastOf, flagsOf, LINK_LOST_BIT, northOf, upOf, type Frame } from '../proto/decode';
import { contains } from '../geometry';
import type { Fleet } from './fleet';
import { RIBBON_WARNING, severityOf } from './summary';

export type CheckName = 'link' | 'recording' | 'battery' | 'radio' | 'warning' | 'fence' | 'inside' | 'alerts' | 'authority';

export interface Check {
  name: CheckName;
  ok: boolean;
  slots: number[];
  text: string;
}

export interface Situation {
  link: LinkState;
  database: string | undefined;
  unseen: number;
  holders: readonly { holder: string }[];
}

export const BATTERY_MIN_PCT = 30;

/** Looks at the selected drones, or at all of them when none is selected. */
export function preflight(fleet: Fleet, now: Situation): Check[] {
  const frame = fleet.shown;
  const chosen = fleet.selection.count > 0 ? fleet.selection.slots() : Array.from({ length: frame?.count ?? 0 }, (_, i) => i);
  const find = (test: (slot: number) => boolean): number[] => (frame ? chosen.filter((slot) => slot < frame.count && test(slot)) : []);
  const inside = fleet.fences.filter((f) => f.kind === 'keep_in');
  /** Beyond a fence that it is to stay in, or in one that it is to stay out of. */
  const breaches = (frame: Frame, slot: number): boolean =>
    fleet.fences.some((f) => {
      const [within, up] = [contains(f.polygon, eastOf(frame, slot), northOf(frame, slot)), upOf(frame, slot)];
      const between = up >= (f.floor_m ?? -Infinity) && up <= (f.ceiling_m ?? Infinity);
      return f.kind === 'keep_in' ? !within || up > (f.ceiling_m ?? Infinity) : within && between;
    });
  const check = (name: CheckName, ok: boolean, slots: number[] = [], text = ''): Check => ({ name, ok, slots, text });
  const drones = (name: CheckName, slots: number[]): Check => check(name, slots.length === 0, slots);
  return [
    check('link', now.link === 'live', [], now.link),
    check('recording', now.database === 'ok', [], now.database ?? ''),
    drones('battery', frame ? find((slot) => !(batteryOf(frame, slot) >= BATTERY_MIN_PCT)) : []),
    drones('radio', frame ? find((slot) => (flagsOf(frame, slot) & (LINK_LOST_BIT | BAD_DATA_BIT)) !== 0) : []),
    drones('warning', frame ? find((slot) => severityOf(frame, slot) === RIBBON_WARNING) : []),
    check('fence', inside.length > 0),
    drones('inside', frame ? find((slot) => breaches(frame, slot)) : []),
    check('alerts', now.unseen === 0, [], String(now.unseen)),
    check('authority', now.holders.length === 0, [], now.holders.map((h) => h.holder).join(', ')),
  ];
}
