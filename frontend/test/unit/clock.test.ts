import { describe, expect, it } from 'vitest';
import { Clock } from '../../src/net/clock';

/** A clock whose local time is set by hand. */
function make(): { clock: Clock; at: (ms: number) => void } {
  let now = 0;
  return { clock: new Clock(() => now), at: (ms) => (now = ms) };
}

describe('clock', () => {
  it('shows a stream that is late as a whole as old, because round trips tell the true offset', () => {
    const { clock, at } = make();
    clock.roundTrip(0, 10, 5005); // server is 5,000 ms ahead
    at(3000);
    clock.received(6000); // sent at local 1,000, arrives 2,000 later
    expect(clock.ageMs(6000)).toBeCloseTo(2000);
  });

  it('takes the fastest round trip', () => {
    const { clock } = make();
    clock.roundTrip(0, 900, 5900);
    clock.roundTrip(1000, 1010, 6005);
    clock.roundTrip(2000, 2500, 7400);
    expect(clock.offsetMs).toBe(5000);
    expect(clock.rttMs).toBe(10);
  });

  it('never believes that something arrived before it was sent', () => {
    const { clock, at } = make();
    clock.roundTrip(0, 100, 4000); // a stale answer: off by almost a second
    at(200);
    clock.received(5190);
    expect(clock.offsetMs).toBe(4990);
    expect(clock.ageMs(5190)).toBe(0);
  });

  it('recovers within half a minute when the server clock is set back', () => {
    const { clock, at } = make();
    for (let t = 0; t < 60_000; t += 1000) {
      at(t);
      clock.received(t + (t < 5000 ? 10_000 : 0));
    }
    expect(clock.ageMs(59_000)).toBe(0);
  });

  it('gives quantiles of the ages at drawing', () => {
    const { clock } = make();
    expect(clock.ageQuantiles()).toEqual([NaN, NaN]);
    for (let i = 1; i <= 100; i++) clock.drawn(i);
    expect(clock.ageQuantiles()).toEqual([51, 96]);
  });
});
