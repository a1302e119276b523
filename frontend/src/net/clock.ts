/**
 * The server's clock as seen from here, and how old what we show really is.
 *
 * Two sources. A round trip (HTTP) brackets the offset: the answer was stamped between asking and hearing. Frames give a
 * lower bound: nothing is received before it was sent. A stream that is delayed as a whole therefore shows as old,
 * which a filter on one-way delays alone would hide.
 */

interface RoundTrip {
  offsetMs: number;
  rttMs: number;
}

const ROUND_TRIPS_KEPT = 8;
const AGES_KEPT = 250;
/** The lower bound forgets after one to two of these, so that a server clock set back does not look like old data for ever. */
const FLOOR_WINDOW_MS = 15_000;

export class Clock {
  private trips: RoundTrip[] = [];
  private floorMs = -Infinity;
  private floorBeforeMs = -Infinity;
  private floorSinceMs = -Infinity;
  private ages: number[] = [];
  private agesAt = 0;

  constructor(private readonly local: () => number = () => performance.timeOrigin + performance.now()) {}

  /** Server time minus local time, in ms. Zero until anything is known. */
  get offsetMs(): number {
    const best = this.trips.reduce<RoundTrip | null>((a, b) => (a && a.rttMs <= b.rttMs ? a : b), null);
    const offset = Math.max(this.floorMs, this.floorBeforeMs, best ? best.offsetMs : -Infinity);
    return Number.isFinite(offset) ? offset : 0;
  }

  /** Best round-trip time seen lately, NaN before the first. */
  get rttMs(): number {
    return this.trips.reduce((best, t) => (best <= t.rttMs ? best : t.rttMs), NaN);
  }

  now(): number {
    return this.local() + this.offsetMs;
  }

  localNow(): number {
    return this.local();
  }

  /** A question asked at `askedMs` and answered at `heardMs` by our clock, stamped `serverMs` by the server's. */
  roundTrip(askedMs: number, heardMs: number, serverMs: number): void {
    if (!Number.isFinite(serverMs) || heardMs < askedMs) return;
    this.trips.push({ offsetMs: serverMs - (askedMs + heardMs) / 2, rttMs: heardMs - askedMs });
    if (this.trips.length > ROUND_TRIPS_KEPT) this.trips.shift();
  }

  /** Something stamped `serverMs` has just arrived. */
  received(serverMs: number): void {
    const now = this.local();
    if (now - this.floorSinceMs > FLOOR_WINDOW_MS) {
      this.floorBeforeMs = this.floorMs;
      this.floorMs = -Infinity;
      this.floorSinceMs = now;
    }
    this.floorMs = Math.max(this.floorMs, serverMs - now);
  }

  /** How old something stamped `serverMs` is now. Never negative. */
  ageMs(serverMs: number): number {
    return Math.max(0, this.now() - serverMs);
  }

  /** Notes the age a frame had when it was first drawn. */
  drawn(ageMs: number): void {
    this.ages[this.agesAt] = ageMs;
    this.agesAt = (this.agesAt + 1) % AGES_KEPT;
  }

  /** Age at drawing over the last ten seconds or so: `[p50, p95]`, NaN without data. */
  ageQuantiles(): [number, number] {
    return quantiles(this.ages, 0.5, 0.95);
  }

  /** After a reconnect the other side may be another machine: nothing is kept. */
  reset(): void {
    this.trips = [];
    this.floorMs = -Infinity;
    this.floorBeforeMs = -Infinity;
    this.floorSinceMs = -Infinity;
    this.ages = [];
    this.agesAt = 0;
  }
}

function quantiles(values: readonly number[], low: number, high: number): [number, number] {
  if (values.length === 0) return [NaN, NaN];
  const sorted = [...values].sort((a, b) => a - b);
  const pick = (q: number): number => sorted[Math.min(sorted.length - 1, Math.floor(q * sorted.length))];
  return [pick(low), pick(high)];
}
