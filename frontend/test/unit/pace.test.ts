import { describe, expect, it } from 'vitest';
import { Pace, type Seen } from '../../src/net/pace';

const GOOD = { ageMs: 30, sinceMs: 50, share: 1 };
const OLD = { ageMs: 800, sinceMs: 850, share: 1 };
const FEW = { ageMs: 90, sinceMs: 110, share: 0.3 };

/** Looks four times a second until the level changes, which the server does at once; after how many seconds, or null. */
function until(pace: Pace, from: { ms: number }, seen: Seen, seconds: number): number | null {
  for (let i = 1; i <= seconds * 4; i++) {
    from.ms += 250;
    if (pace.look(from.ms, seen)) {
      pace.restart(from.ms);
      return i / 4;
    }
  }
  return null;
}

describe('pace', () => {
  it('asks for everything while the link is good, and does not mind a hiccup', () => {
    const [pace, at] = [new Pace(), { ms: 0 }];
    for (let n = 0; n < 100; n++) {
      expect(until(pace, at, OLD, 1.5)).toBeNull();
      expect(until(pace, at, GOOD, 1)).toBeNull();
    }
    expect(pace.level).toMatchObject({ encoding: 'binary', rateHz: 25 });
  });

  it.each([['old', OLD], ['few', FEW]])('asks for changes when frames are %s, then for fewer', (_, seen) => {
    const [pace, at] = [new Pace(), { ms: 0 }];
    expect(until(pace, at, seen, 10)).toBeLessThan(3);
    expect(pace.level).toMatchObject({ encoding: 'delta', rateHz: 25 });
    expect(until(pace, at, seen, 10)).toBeGreaterThan(4);
    expect(pace.level).toMatchObject({ encoding: 'delta', rateHz: 5 });
    expect(until(pace, at, seen, 100)).toBeNull();
  });

  it('does not take a busy machine for a weak link, nor a weak link for a busy machine once that has time again', () => {
    const [pace, at] = [new Pace(), { ms: 0 }];
    expect(until(pace, at, { ...OLD, isBusy: true }, 120)).toBeNull();
    expect(until(pace, at, { ...FEW, isBusy: true }, 120)).toBeNull();
    expect(pace.isWeak).toBe(false);
    expect(until(pace, at, { ...OLD, isBusy: false }, 10)).toBeLessThan(3);
    expect(pace.isWeak).toBe(true);
  });

  it('goes back after ten minutes of good data, and waits longer after each try that failed', () => {
    const [pace, at] = [new Pace(), { ms: 0 }];
    until(pace, at, OLD, 10);
    let before = 0;
    for (let n = 0; n < 4; n++) {
      const waited = until(pace, at, GOOD, 9000) ?? Infinity;
      expect(waited).toBeGreaterThan(Math.max(600, before * 1.5));
      expect(waited).toBeLessThan(9000);
      expect(pace.isWeak).toBe(false);
      expect(until(pace, at, OLD, 10)).not.toBeNull();
      before = waited;
    }
    // Once a try has lasted, a later weakness is a new one.
    until(pace, at, GOOD, 20_000);
    expect(until(pace, at, GOOD, 30)).toBeNull();
    until(pace, at, OLD, 10);
    expect(until(pace, at, GOOD, 2000)).toBeLessThan(610);
  });

  it('asks for all changes again after a minute', () => {
    const [pace, at] = [new Pace(), { ms: 0 }];
    until(pace, at, OLD, 10);
    until(pace, at, OLD, 10);
    expect(until(pace, at, GOOD, 100)).toBeLessThan(70);
    expect(pace.level).toMatchObject({ encoding: 'delta', rateHz: 25 });
  });

  it('stays where it is when data is neither good nor poor', () => {
    const [pace, at] = [new Pace(), { ms: 0 }];
    until(pace, at, OLD, 10);
    expect(until(pace, at, { ageMs: 200, sinceMs: 220, share: 1 }, 3000)).toBeNull();
  });

  it('does not judge a level by what was under way before the server had changed to it', () => {
    const [pace, at] = [new Pace(), { ms: 0 }];
    while (!pace.look(at.ms, OLD)) at.ms += 250;
    expect(until(pace, at, OLD, 60)).toBeNull();
    pace.restart(at.ms);
    expect(until(pace, at, GOOD, 60)).toBeNull();
    expect(pace.level).toMatchObject({ encoding: 'delta', rateHz: 25 });
  });

  it('tries the level above when a frame has just come, because the first of it will be long under way', () => {
    const [pace, at] = [new Pace(), { ms: 0 }];
    until(pace, at, OLD, 10);
    until(pace, at, OLD, 10);
    expect(until(pace, at, { ...GOOD, sinceMs: 100 }, 100)).toBeNull();
    expect(until(pace, at, { ...GOOD, sinceMs: 80 }, 100)).toBe(0.25);
  });
});
