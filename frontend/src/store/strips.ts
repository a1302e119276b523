/** Command strips: what became of each command, drone by drone. A reducer: events in, strips out. */
import type { CommandAck, CommandRecord, CommandUpdate, Targets, Verdict } from '../proto/events';
import type { Transport } from '../net/command';

export type Fate = 'sending' | 'accepted' | 'in_progress' | 'completed' | 'failed' | 'denied' | 'cancelled';
export const FATES: readonly Fate[] = ['completed', 'in_progress', 'accepted', 'sending', 'cancelled', 'failed', 'denied'];

export interface Strip {
  id: string;
  command: string;
  /** What was asked, in words. */
  label: string;
  params?: Record<string, unknown>;
  author: string | null;
  /** Whether it was sent from this console. */
  mine: boolean;
  /** Whether its life was seen from the beginning: only then is it known how long it took. */
  isWatched: boolean;
  transport: Transport | 'mavlink' | null;
  startedAtMs: number;
  endedAtMs: number | null;
  total: number;
  counts: Record<Fate, number>;
  /** Reasons given for failures and refusals, with how many drones gave each. */
  reasons: Map<string, number>;
  verdicts: Map<string, Verdict>;
  done: boolean;
  /** Why nothing came of it at all. */
  error: string | null;
}

export const STRIPS_MAX = 40;

export function fateOf(verdict: Verdict): Fate {
  switch (verdict.result) {
    case 'accepted':
    case 'in_progress':
    case 'completed':
    case 'cancelled':
      return verdict.result;
    case 'failed':
    case 'timed_out':
      return 'failed';
    default:
      return 'denied';
  }
}

function emptyCounts(): Record<Fate, number> {
  return { sending: 0, accepted: 0, in_progress: 0, completed: 0, failed: 0, denied: 0, cancelled: 0 };
}

export interface Started {
  id: string;
  command: string;
  label: string;
  targets: Targets | undefined;
  params?: Record<string, unknown>;
  atMs: number;
  total: number;
}

export class Strips {
  private list: Strip[] = [];
  version = 0;

  get all(): readonly Strip[] {
    return this.list;
  }

  find(id: string): Strip | undefined {
    return this.list.find((s) => s.id === id);
  }

  started(s: Started): void {
    const counts = emptyCounts();
    counts.sending = s.total;
    this.add({
      id: s.id, command: s.command, label: s.label, params: s.params, author: null, mine: true, isWatched: true, transport: null,
      startedAtMs: s.atMs, endedAtMs: null, total: s.total, counts, reasons: new Map(), verdicts: new Map(), done: false, error: null,
    });
  }

  acked(id: string, transport: Transport, ack: CommandAck, atMs: number): void {
    const strip = this.find(id);
    if (!strip) return;
    strip.transport = transport;
    if (!ack.ok) {
      strip.error = ack.error.field ? `${ack.error.field}: ${ack.error.message}` : ack.error.message;
      this.finish(strip, atMs);
      return;
    }
    const results = Object.entries(ack.results ?? {});
    // An update may overtake the ack: what is already known to have ended is not set back to accepted.
    for (const [drone, verdict] of results) if (!strip.verdicts.has(drone)) strip.verdicts.set(drone, verdict);
    this.recount(strip);
    if (results.length === 0 || this.settled(strip)) this.finish(strip, atMs);
    this.version++;
  }

  notSent(id: string, reason: string, atMs: number): void {
    const strip = this.find(id);
    if (!strip) return;
    strip.error = reason;
    this.finish(strip, atMs);
  }

  updated(update: CommandUpdate, label: string, atMs: number): void {
    let strip = this.find(update.command_id);
    if (!strip) {
      strip = {
        id: update.command_id, command: update.command, label, params: update.params, author: null, mine: false, isWatched: false, transport: null, startedAtMs: atMs,
        endedAtMs: null, total: 0, counts: emptyCounts(), reasons: new Map(), verdicts: new Map(), done: false, error: null,
      };
      this.add(strip);
    }
    strip.author = update.author ?? strip.author;
    strip.transport = update.via ?? strip.transport;
    for (const [drone, verdict] of Object.entries(update.results ?? {})) strip.verdicts.set(drone, verdict);
    this.recount(strip);
    if (update.done === true || this.settled(strip)) this.finish(strip, atMs);
    this.version++;
  }

  /** What was commanded before we came, by anyone: those that are not known yet take their place by age. */
  recall(records: readonly CommandRecord[], labelOf: (record: CommandRecord) => string, isOwn: (id: string) => boolean = () => false): void {
    for (const record of records) {
      const label = labelOf(record);
      this.updated(record, label, record.changed_ms);
      const strip = this.find(record.command_id);
      if (!strip || strip.isWatched) continue;
      // Of one known already perhaps only the last updates came, which say less.
      Object.assign(strip, { label, params: record.params, startedAtMs: record.began_ms, mine: isOwn(record.command_id) });
    }
    this.list.sort((a, b) => b.startedAtMs - a.startedAtMs);
    this.version++;
  }

  /** Drones whose refusal or failure could be tried again. */
  refused(id: string): string[] {
    const strip = this.find(id);
    if (!strip) return [];
    return [...strip.verdicts].filter(([, v]) => ['failed', 'denied'].includes(fateOf(v)) && v.result !== 'unsupported').map(([drone]) => drone);
  }

  private add(strip: Strip): void {
    this.list = [strip, ...this.list].slice(0, STRIPS_MAX);
    this.version++;
  }

  private settled(strip: Strip): boolean {
    return strip.total > 0 && strip.counts.sending + strip.counts.accepted + strip.counts.in_progress === 0;
  }

  private finish(strip: Strip, atMs: number): void {
    strip.done = true;
    strip.endedAtMs ??= atMs;
    strip.counts.sending = 0;
    this.version++;
  }

  private recount(strip: Strip): void {
    const counts = emptyCounts();
    const reasons: string[] = [];
    for (const verdict of strip.verdicts.values()) {
      const fate = fateOf(verdict);
      counts[fate]++;
      if ((fate === 'failed' || fate === 'denied') && verdict.reason) reasons.push(verdict.reason);
    }
    strip.reasons = gather(reasons);
    strip.total = Math.max(strip.total, strip.verdicts.size);
    counts.sending = strip.done ? 0 : strip.total - strip.verdicts.size;
    strip.counts = counts;
  }
}

/** Reasons with how often each was given. Those that differ in their numbers only count as one: "battery … %". */
export function gather(reasons: readonly string[]): Map<string, number> {
  const groups = new Map<string, { text: string; count: number }>();
  for (const reason of reasons) {
    const key = reason.replace(/-?\d+([.,]\d+)*/g, '…');
    const group = groups.get(key);
    if (!group) groups.set(key, { text: reason, count: 1 });
    else {
      group.count++;
      if (group.text !== reason) group.text = key;
    }
  }
  return new Map([...groups.values()].map((g) => [g.text, g.count]));
}
