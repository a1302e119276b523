/**
 * For how long drones have been silent. The wire counts to 10.2 s and no further; from there on the console counts itself, and asks
 * about those who were silent before it came. Who has
 * been silent for a minute is lost: out of the fleet table and in a list of its own, with the last position on the map until
 * somebody says that it may go.
 */
import { AGE_MAX, AGE_UNIT_MS, silenceMsOf, type Frame } from '../proto/decode';
import type { Slots } from './slots';

export const LOST_AFTER_MS = 60_000;
/** Kept count of from here on. */
const WATCHED_RAW = 25;

export interface LostDrone {
  id: string;
  silentMs: number;
}

export class Silence {
  /** Drones that are lost, the longest silent first, without those that were dismissed. */
  lost: readonly LostDrone[] = [];
  /** Slots that are no longer shown: lost and dismissed. Null while there are none. */
  hidden: Uint8Array | null = null;
  /** Grows when somebody is lost, found or dismissed. */
  version = 0;
  /** Drones that have been silent for longer than this console has looked: since when has to be asked. */
  readonly unknown = new Set<string>();
  /** Simulated seconds at which a drone was last heard, by its id: slots may come to mean others. */
  private readonly heardS = new Map<string, number>();
  private readonly dismissed = new Set<string>();
  private gone = new Set<string>();

  /** Looks at the newest frame, a few times a second. */
  take(frame: Frame, slots: Slots): void {
    const lost: LostDrone[] = [];
    const gone = new Set<string>();
    for (let slot = 0; slot < frame.count; slot++) {
      const raw = frame.u8[slot * 16 + 12];
      // As a rule nobody is silent, and ten thousand look-ups would be for nothing.
      if (raw <= WATCHED_RAW && this.heardS.size === 0) continue;
      const id = slots.ids[slot];
      if (raw <= WATCHED_RAW) {
        if (this.heardS.delete(id)) this.dismissed.delete(id);
        this.unknown.delete(id);
        continue;
      }
      const byWire = frame.simTimeS - (raw * AGE_UNIT_MS) / 1000;
      if (raw === AGE_MAX && !this.heardS.has(id)) this.unknown.add(id);
      // A clock that was set back knows nothing of later.
      const heardS = Math.min(raw < AGE_MAX ? byWire : (this.heardS.get(id) ?? byWire), byWire);
      this.heardS.set(id, heardS);
      const silentMs = (frame.simTimeS - heardS) * 1000;
      if (silentMs < LOST_AFTER_MS) continue;
      gone.add(id);
      if (!this.dismissed.has(id)) lost.push({ id, silentMs });
    }
    for (const id of this.unknown) if (slots.slot(id) < 0) this.unknown.delete(id);
    this.lost = lost.sort((a, b) => b.silentMs - a.silentMs);
    if (gone.size !== this.gone.size || [...gone].some((id) => !this.gone.has(id))) this.version++;
    this.gone = gone;
    this.hide(slots);
  }

  /** The answer about a drone that is unknown: when it was last heard. */
  heard(id: string, atS: number): void {
    if (this.unknown.delete(id)) this.heardS.set(id, atS);
  }

  /** How long this drone has been silent. */
  ofMs(frame: Frame, slot: number, id: string): number {
    const heardS = frame.u8[slot * 16 + 12] === AGE_MAX ? this.heardS.get(id) : undefined;
    return heardS === undefined ? silenceMsOf(frame, slot) : Math.max(AGE_MAX * AGE_UNIT_MS, (frame.simTimeS - heardS) * 1000);
  }

  /** Out of the table, whether it was dismissed or not. */
  isLost(id: string): boolean {
    return this.gone.has(id);
  }

  get anyLost(): boolean {
    return this.gone.size > 0;
  }

  /** Takes lost drones off the map, until they are heard again. */
  dismiss(ids: readonly string[], slots: Slots): void {
    for (const id of ids) if (this.gone.has(id)) this.dismissed.add(id);
    this.lost = this.lost.filter(({ id }) => !this.dismissed.has(id));
    this.version++;
    this.hide(slots);
  }

  /** A new run. */
  clear(): void {
    this.heardS.clear();
    this.unknown.clear();
    this.dismissed.clear();
    this.gone.clear();
    this.lost = [];
    this.hidden = null;
    this.version++;
  }

  private hide(slots: Slots): void {
    if (this.dismissed.size === 0) {
      this.hidden = null;
      return;
    }
    this.hidden = Uint8Array.from(slots.ids, (id) => (this.dismissed.has(id) ? 1 : 0));
  }
}
