/** The log as seen here: newest first, each entry once however often it arrives. */
import type { Level, LogEntry } from '../proto/events';

export const LOG_MAX = 1000;
export const LEVELS: readonly Level[] = ['debug', 'info', 'warning', 'error', 'critical'];

export class Log {
  private list: LogEntry[] = [];
  private seen = new Set<number>();
  version = 0;

  get entries(): readonly LogEntry[] {
    return this.list;
  }

  /** Highest sequence number so far, for resuming; -1 at first. */
  get last(): number {
    return this.list[0]?.seq ?? -1;
  }

  add(batch: readonly LogEntry[]): LogEntry[] {
    const fresh = batch.filter((e) => typeof e.seq === 'number' && typeof e.message === 'string' && !this.seen.has(e.seq));
    if (fresh.length === 0) return fresh;
    for (const entry of fresh) this.seen.add(entry.seq);
    this.list = [...fresh, ...this.list].sort((a, b) => b.seq - a.seq).slice(0, LOG_MAX);
    if (this.seen.size > 4 * LOG_MAX) this.seen = new Set(this.list.map((e) => e.seq));
    this.version++;
    return fresh;
  }

  /** A server that was restarted counts from the beginning again. */
  clear(): void {
    this.list = [];
    this.seen.clear();
    this.version++;
  }

  filter(levelMin: Level, text: string): LogEntry[] {
    const floor = LEVELS.indexOf(levelMin);
    const needle = text.trim().toLowerCase();
    return this.list.filter((e) => LEVELS.indexOf(e.level) >= floor && (needle === '' || e.message.toLowerCase().includes(needle) || e.source.toLowerCase().includes(needle)));
  }
}
