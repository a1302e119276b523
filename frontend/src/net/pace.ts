/**
 * How much to ask for: everything on a good link, on a weak one changes only, and fewer of them if even these are too much.
 *
 * Judged by what is measured: how old frames are when they arrive, and how many of those that were asked for arrive. Going
 * down takes seconds; going up is tried after a while of good data, and after each try that failed the wait is twice as long.
 */
export interface Level {
  readonly encoding: 'binary' | 'delta';
  readonly rateHz: number;
  readonly statusHz: number;
  /** Goals, trails and paths of many drones weigh more than their positions: on a weak link only small swarms get them. */
  readonly goalsOf: number;
  readonly inFlightMax: number;
  /** Good data for so long, and the level above is tried. Whole frames are late for seconds if they are still too much. */
  readonly upAfterMs: number;
}

export const LEVELS: readonly Level[] = [
  // Never more than this many undrawn frames under way: a slow screen sees fresh data less often, never old data.
  { encoding: 'binary', rateHz: 25, statusHz: 10, goalsOf: Infinity, inFlightMax: 2, upAfterMs: Infinity },
  { encoding: 'delta', rateHz: 25, statusHz: 2, goalsOf: 100, inFlightMax: 12, upAfterMs: 600_000 },
  { encoding: 'delta', rateHz: 5, statusHz: 1, goalsOf: 0, inFlightMax: 3, upAfterMs: 60_000 },
];

export interface Seen {
  /** Median age of the frames of the last two seconds at their arrival. */
  readonly ageMs: number;
  /** How old the newest of them is now. */
  readonly sinceMs: number;
  /** Frames that arrived, of those that were asked for; 1 while a slow screen holds them back. */
  readonly share: number;
  /** The page or the server had too much to do: what came late, came late because of that. */
  readonly isBusy?: boolean;
}

const POOR_AGE_MS = 250;
const GOOD_AGE_MS = 150;
const POOR_SHARE = 0.6;
const DOWN_AFTER_MS = 2000;
/** After a change the window of measurement must fill with what the new level brings. */
const SETTLE_MS = 3000;
/** The next level begins with a whole frame, which is long under way: it is asked for when a frame has just come. */
const JUST_MS = 60;
/** After tries that failed the wait is longer, at most so many times. */
const PATIENCE_MAX = 16;
/** A level that was poor so soon after it was tried had failed. */
const TRIAL_MS = 20_000;

export class Pace {
  private index = 0;
  private changedAtMs = -Infinity;
  private poorSinceMs = NaN;
  private goodSinceMs = NaN;
  private patience = 1;
  private tried = false;

  get level(): Level {
    return LEVELS[this.index];
  }

  get isWeak(): boolean {
    return this.index > 0;
  }

  /** Whether another level holds from now on. */
  look(nowMs: number, seen: Seen): boolean {
    if (nowMs - this.changedAtMs < SETTLE_MS) return false;
    // A machine without time to spare says nothing about the link, and to unpack changes would take more of it.
    const poor = !seen.isBusy && (seen.ageMs > POOR_AGE_MS || seen.share < POOR_SHARE);
    const good = seen.ageMs < GOOD_AGE_MS && seen.share >= POOR_SHARE;
    this.poorSinceMs = poor ? either(this.poorSinceMs, nowMs) : NaN;
    this.goodSinceMs = good ? either(this.goodSinceMs, nowMs) : NaN;
    if (this.tried && nowMs - this.changedAtMs > TRIAL_MS) {
      this.tried = false;
      this.patience = 1;
    }
    if (nowMs - this.poorSinceMs >= DOWN_AFTER_MS && this.index < LEVELS.length - 1) {
      if (this.tried) this.patience = Math.min(this.patience * 2, PATIENCE_MAX);
      return this.go(1);
    }
    const isTime = nowMs - this.goodSinceMs >= this.level.upAfterMs * this.patience;
    return isTime && seen.sinceMs < seen.ageMs + JUST_MS ? this.go(-1) : false;
  }

  /** A new connection, or the server has changed the level: what was seen before says nothing. */
  restart(nowMs: number): void {
    this.changedAtMs = nowMs;
    this.poorSinceMs = NaN;
    this.goodSinceMs = NaN;
  }

  /** Until the server has changed it too, what comes is still of the level before. */
  private go(by: 1 | -1): boolean {
    this.index += by;
    this.tried = by < 0;
    this.restart(Infinity);
    return true;
  }
}

const either = (a: number, b: number): number => (Number.isNaN(a) ? b : a);
