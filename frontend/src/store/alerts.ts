/** What needs attention, gathered: drones that show the same alert stand together, the worst and newest first. */

export type AlertLevel = 'warning' | 'caution';

export interface AlertGroup {
  key: string;
  level: AlertLevel;
  /** Null while the text is still unknown. */
  text: string | null;
  drones: string[];
  sinceMs: number;
}

interface Standing {
  level: AlertLevel;
  text: string | null;
  sinceMs: number;
}

export class Alerts {
  private standing = new Map<string, Standing>();
  private texts = new Map<string, string>();

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
  }

  groups(): AlertGroup[] {
    const found = new Map<string, AlertGroup>();
    for (const [id, s] of this.standing) {
      // Numbers differ from drone to drone; the words make the group.
      const words = (s.text ?? '').split(/\s+/).map((word) => (word === id ? '' : word.replace(/[-\d.,]+|%/g, '')));
      const key = `${s.level} ${words.filter(Boolean).join(' ')}`;
      const group = found.get(key);
      if (!group) found.set(key, { key, level: s.level, text: s.text, drones: [id], sinceMs: s.sinceMs });
      else {
        group.drones.push(id);
        group.sinceMs = Math.max(group.sinceMs, s.sinceMs);
      }
    }
    return [...found.values()].sort((a, b) => (a.level === b.level ? b.sinceMs - a.sinceMs : a.level === 'warning' ? -1 : 1));
  }
}
