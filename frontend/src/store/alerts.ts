/** What needs attention, gathered: drones that show the same alert stand together, the worst and newest first. */

export type AlertLevel = 'warning' | 'caution';

export interface AlertGroup {
  key: string;
  level: AlertLevel;
  /** Null while the text is still unknown. */
  text: string | null;
  drones: string[];
  sinceMs: number;
  /** Somebody has seen it: it stands quietly until another drone joins it. */
  acknowledged: boolean;
  /** It is no longer so, but nobody has seen that it was. */
  over: boolean;
}

interface Standing {
  level: AlertLevel;
  text: string | null;
  sinceMs: number;
  /** The words may no longer hold. */
  doubted: boolean;
  over: boolean;
}

/** What makes a group of several alerts: their words. Numbers differ from drone to drone. */
function wordsOf(id: string, text: string | null): string {
  const words = (text ?? '').split(/\s+/).map((word) => (word === id ? '' : word.replace(/[-\d.,]+|%/g, '')));
  return words.filter(Boolean).join(' ');
}

const keyOf = (id: string, s: Standing): string => `${s.level} ${s.over ? 'over ' : ''}${wordsOf(id, s.text)}`;

export class Alerts {
  private standing = new Map<string, Standing>();
  /** Drones whose alert says something else than before. */
  private reworded: string[] = [];
  /** By group: the drones that were in it when it was acknowledged. */
  private seen = new Map<string, Set<string>>();
  /** By group: until when it is out of sight. */
  private shelf = new Map<string, number>();

  /** Drones that show an alert, or have one that is still to be seen. */
  get count(): number {
    return this.standing.size;
  }

  /** Tells which drones show an alert now. Returns those that did not, or showed another one. */
  update(now: ReadonlyMap<string, AlertLevel>, atMs: number): string[] {
    const fresh = this.reworded;
    this.reworded = [];
    for (const [id, s] of this.standing) {
      if (now.has(id) || s.over) continue;
      // A warning that nobody has seen stays to be seen.
      if (s.level === 'warning' && !this.seen.get(keyOf(id, s))?.has(id)) Object.assign(s, { over: true, doubted: false, sinceMs: atMs });
      else this.standing.delete(id);
    }
    for (const [id, level] of now) {
      const known = this.standing.get(id);
      if (known?.level === level && !known.over) continue;
      this.standing.set(id, { level, text: null, sinceMs: atMs, doubted: false, over: false });
      fresh.push(id);
    }
    return fresh;
  }

  /** Words for a drone's alert. Other words than before make it a new one. */
  explain(id: string, text: string, atMs: number): void {
    const known = this.standing.get(id);
    if (!known || known.over) return;
    known.doubted = false;
    // It has just gone, and the next frame will say so: what it was stays known.
    if (text === '' && known.text !== null) return;
    if (known.text !== null && wordsOf(id, known.text) !== wordsOf(id, text)) {
      known.sinceMs = atMs;
      this.reworded.push(id);
    }
    known.text = text;
  }

  /** Something has happened to a drone, or to any: what its alert says is to be asked again. */
  doubt(id?: string): void {
    for (const s of id === undefined ? this.standing.values() : [this.standing.get(id)]) if (s && !s.over) s.doubted = true;
  }

  /** Drones whose alert nobody has put into words yet, or whose words may no longer hold. */
  unexplained(max: number): string[] {
    const found: string[] = [];
    for (const [id, s] of this.standing) {
      if (found.length >= max) break;
      if (!s.over && (s.text === null || s.doubted)) found.push(id);
    }
    return found;
  }

  clear(): void {
    this.standing.clear();
    this.reworded = [];
    this.seen.clear();
    this.shelf.clear();
  }

  /** Takes note that somebody has seen the group as it stands. */
  acknowledge(key: string): void {
    const group = this.gather().find((g) => g.key === key);
    if (group?.over) for (const id of group.drones) this.standing.delete(id);
    else if (group) this.seen.set(key, new Set(group.drones));
  }

  /** Puts a group out of sight until `untilMs`; 0 brings it back. A shelved warning still counts. */
  shelve(key: string, untilMs: number): void {
    if (untilMs > 0) this.shelf.set(key, untilMs);
    else this.shelf.delete(key);
  }

  /** What stands, and what of it is shelved. */
  groups(nowMs: number): { shown: AlertGroup[]; shelved: AlertGroup[] } {
    const all = this.gather();
    const keys = new Set(all.map((g) => g.key));
    for (const key of this.seen.keys()) if (!keys.has(key)) this.seen.delete(key);
    for (const [key, until] of this.shelf) if (until <= nowMs) this.shelf.delete(key);
    for (const group of all) {
      const seen = this.seen.get(group.key);
      group.acknowledged = seen !== undefined && group.drones.every((id) => seen.has(id));
    }
    const shelved = all.filter((g) => this.shelf.has(g.key));
    const shown = all.filter((g) => !this.shelf.has(g.key));
    const isQuiet = (g: AlertGroup): number => Number(g.acknowledged || g.over);
    return { shown: shown.sort((a, b) => isQuiet(a) - isQuiet(b)), shelved };
  }

  private gather(): AlertGroup[] {
    const found = new Map<string, AlertGroup>();
    for (const [id, s] of this.standing) {
      const key = keyOf(id, s);
      const group = found.get(key);
      if (!group) found.set(key, { key, level: s.level, text: s.text, drones: [id], sinceMs: s.sinceMs, acknowledged: false, over: s.over });
      else {
        group.drones.push(id);
        group.sinceMs = Math.max(group.sinceMs, s.sinceMs);
      }
    }
    return [...found.values()].sort((a, b) => (a.level === b.level ? b.sinceMs - a.sinceMs : a.level === 'warning' ? -1 : 1));
  }
}
