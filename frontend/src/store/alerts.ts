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
}

interface Standing {
  level: AlertLevel;
  text: string | null;
  sinceMs: number;
}

export class Alerts {
  private standing = new Map<string, Standing>();
  private texts = new Map<string, string>();
  /** By group: the drones that were in it when it was acknowledged. */
  private seen = new Map<string, Set<string>>();
  /** By group: until when it is out of sight. */
  private shelf = new Map<string, number>();

  /** Tells which drones show an alert now. Returns those that were not there before. */
  update(now: ReadonlyMap<string, AlertLevel>, atMs: number): string[] {
    const fresh: string[] = [];
    for (const id of this.standing.keys()) {
      if (now.has(id)) continue;
      this.standing.delete(id);
      this.texts.delete(id);
    }
    for (const [id, level] of now) {
      const known = this.standing.get(id);
      if (known?.level === level) continue;
      this.standing.set(id, { level, text: this.texts.get(id) ?? null, sinceMs: atMs });
      fresh.push(id);
    }
    return fresh;
  }

  /** Words for a drone's alert, from its log entry or its detail. */
  explain(id: string, text: string): void {
    this.texts.set(id, text);
    const known = this.standing.get(id);
    if (known) known.text = text;
  }

  /** Drones whose alert nobody has put into words yet. */
  unexplained(max: number): string[] {
    const found: string[] = [];
    for (const [id, s] of this.standing) {
      if (s.text === null) found.push(id);
      if (found.length >= max) break;
    }
    return found;
  }

  clear(): void {
    this.standing.clear();
    this.texts.clear();
    this.seen.clear();
    this.shelf.clear();
  }

  /** Takes note that somebody has seen the group as it stands. */
  acknowledge(key: string): void {
    const group = this.gather().find((g) => g.key === key);
    if (group) this.seen.set(key, new Set(group.drones));
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
    return { shown: shown.sort((a, b) => Number(a.acknowledged) - Number(b.acknowledged)), shelved };
  }

  private gather(): AlertGroup[] {
    const found = new Map<string, AlertGroup>();
    for (const [id, s] of this.standing) {
      // Numbers differ from drone to drone; the words make the group.
      const words = (s.text ?? '').split(/\s+/).map((word) => (word === id ? '' : word.replace(/[-\d.,]+|%/g, '')));
      const key = `${s.level} ${words.filter(Boolean).join(' ')}`;
      const group = found.get(key);
      if (!group) found.set(key, { key, level: s.level, text: s.text, drones: [id], sinceMs: s.sinceMs, acknowledged: false });
      else {
        group.drones.push(id);
        group.sinceMs = Math.max(group.sinceMs, s.sinceMs);
      }
    }
    return [...found.values()].sort((a, b) => (a.level === b.level ? b.sinceMs - a.sinceMs : a.level === 'warning' ? -1 : 1));
  }
}
