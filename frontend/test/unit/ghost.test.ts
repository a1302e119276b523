import { describe, expect, it, vi } from 'vitest';
import type { PastFrame } from '../../src/net/runs';
import { rangeOf } from '../../src/render/plot';
import { columns, onTimes, valueAt } from '../../src/store/figures';
import { apart, EVERY, Ghost, type ReadFrames } from '../../src/store/ghost';
import { SEARCH_M } from '../../src/store/series';
import { M } from '../../src/strings.more';

/** A run of two drones, the first of which flies east at a metre a tick. */
const read = (ids = ['a', 'b']): ReadFrames => vi.fn(async (from: number, to: number, every: number) => {
  const frames: PastFrame[] = [];
  for (let tick = from; tick <= to; tick += every) frames.push({ tick, ids, enu: Float32Array.from([tick, 0, 10, 5, 5, 5]) });
  return frames;
});
const settled = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 0));

describe('the ghost of another run', () => {
  it('is nowhere until it is read, then where it was, between ticks too', async () => {
    const ghost = new Ghost('r', 1000, 2, read());
    expect(ghost.at(52)).toBeNull();
    await settled();
    expect(ghost.at(52)?.place('a', 0)).toEqual([52, 0, 10]);
    expect(ghost.at(50)?.place('b', 1)).toEqual([5, 5, 5]);
  });

  it('finds a drone that stands elsewhere in the list, and knows who is missing', async () => {
    const ghost = new Ghost('r', 100, 2, read(['b', 'a']));
    ghost.at(0);
    await settled();
    expect(ghost.at(10)?.place('b', 1)).toEqual([10, 0, 10]);
    expect(ghost.at(10)?.place('c', 0)).toBeNull();
  });

  it('asks for a piece once, keeps few, and nothing beyond the end', async () => {
    const reader = read();
    const ghost = new Ghost('r', 2000, 2, reader);
    for (let i = 0; i < 3; i++) ghost.at(1);
    expect(reader).toHaveBeenCalledTimes(1);
    for (let tick = 0; tick <= 2000; tick += EVERY) {
      ghost.at(tick);
      await Promise.resolve();
    }
    await settled();
    expect(ghost.at(2000)).not.toBeNull();
    expect(ghost.at(2001)).toBeNull();
    expect(reader).toHaveBeenCalledTimes(5);
  });

  it('gives up with the reason', async () => {
    const ghost = new Ghost('r', 100, 2, () => Promise.reject(new Error('of another version')));
    ghost.at(0);
    await settled();
    expect(ghost.at(0)).toBeNull();
    expect(ghost.failed).toBe('of another version');
  });

  it('tells how far two runs are apart', async () => {
    const ghost = new Ghost('r', 100, 2, read());
    ghost.at(0);
    await settled();
    const there = ghost.at(20);
    if (!there) throw new Error('it is read');
    expect(apart(['a', 'b', 'c'], (slot) => [[20, 3, 10], [5, 5, 5], [0, 0, 0]][slot] as [number, number, number], there)).toEqual({ count: 2, meanM: 1.5, mostM: 3, farthest: 'a' });
  });
});

describe('figures of a run', () => {
  const c = columns([{ tick: 0, metrics: { airborne: 3, polarization: null } }, { tick: 25, metrics: { airborne: 4 } }], 0.04);
  it('are columns over simulated time, with gaps where nothing was measured', () => {
    expect(c.time).toEqual([0, 1]);
    expect(c.values.polarization).toEqual([NaN, NaN]);
  });
  it('say that a distance is beyond the search only where two or more fly and none was measured', () => {
    const near = (separation_min_m: unknown, airborne: unknown): number => columns([{ tick: 0, metrics: { separation_min_m, airborne } }], 0.04).values.separation_min_m[0];
    expect([near(7.5, 3), near(null, 2), near(null, 1), near(null, null), near(undefined, 3)]).toEqual([7.5, Infinity, NaN, NaN, NaN]);
    expect([7.5, Infinity, NaN].map((value) => M.figureValue('separation_min_m', value))).toEqual(['7.5 m', 'over 24 m', '–']);
    expect(M.valueOf('separation', [Infinity])).toBe('over 24 m');
  });
  it('are drawn at the end of the search where they lie beyond it', () => {
    const [low, high] = rangeOf({ time: [0, 1, 2], lines: [[20, NaN, Infinity]], span: [0, 2] });
    expect([low < 20, high > SEARCH_M, high < SEARCH_M + 1]).toEqual([true, true, true]);
  });
  it('stand on other times, with gaps', () => {
    expect(onTimes(c, 'airborne', [0, 0.5, 1])).toEqual([3, NaN, 4]);
  });
  it('hold until the next', () => {
    expect([valueAt(c, 'airborne', -1), valueAt(c, 'airborne', 0.5), valueAt(c, 'airborne', 9)]).toEqual([NaN, 3, 4]);
  });
});
