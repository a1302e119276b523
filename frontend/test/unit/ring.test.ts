import { describe, expect, it } from 'vitest';
import { EXTRAPOLATION_MAX_MS, mixHeading, Ring, RING_SIZE } from '../../src/store/ring';
import { drone, frameOf } from './fixtures';

const at = (tick: number, more = {}) => frameOf([drone('a')], { seq: tick, tick, timeMs: 1000 + tick * 40, ...more });

describe('ring', () => {
  it('gives the two frames around a moment', () => {
    const ring = new Ring();
    for (let tick = 0; tick < 4; tick++) ring.push(at(tick));
    const pair = ring.pairAt(1000 + 60);
    expect([pair?.a.tick, pair?.b.tick]).toEqual([1, 2]);
    expect(pair?.k).toBeCloseTo(0.5);
  });

  it('continues motion for a quarter second and then freezes', () => {
    const ring = new Ring();
    ring.push(at(0));
    ring.push(at(1));
    expect(ring.pairAt(1080)?.k).toBeCloseTo(2);
    expect(ring.pairAt(99_000)?.k).toBeCloseTo(1 + EXTRAPOLATION_MAX_MS / 40);
  });

  it('keeps a bounded number of frames', () => {
    const ring = new Ring();
    for (let tick = 0; tick < 50; tick++) ring.push(at(tick));
    expect(ring.length).toBe(RING_SIZE);
    expect(ring.latest?.tick).toBe(49);
    expect(ring.intervalMs()).toBeCloseTo(40);
  });

  it('never interpolates across a new drone table or a reset', () => {
    const ring = new Ring();
    ring.push(at(5));
    expect(ring.push(at(6, { epoch: 2 }))).toBe(true);
    expect(ring.length).toBe(1);
    expect(ring.push(at(0, { epoch: 2 }))).toBe(true);
    expect(ring.pairAt(0)?.k).toBe(0);
  });

  it('holds still while paused, however often the same tick arrives', () => {
    const ring = new Ring();
    ring.push(at(5, { timeMs: 1000 }));
    ring.push(at(5, { timeMs: 1040, seq: 6 }));
    expect(ring.pairAt(1100)?.k).toBe(0);
  });
});

describe('heading', () => {
  const deg = (d: number): number => Math.round((d / 360) * 65536) & 0xffff;
  const back = (raw: number): number => (raw * 360) / 65536;
  it('turns the short way through north', () => {
    expect(back(mixHeading(deg(350), deg(10), 0.5))).toBeCloseTo(0, 1);
    expect(back(mixHeading(deg(10), deg(350), 0.25))).toBeCloseTo(5, 1);
  });
  it('turns plainly elsewhere', () => expect(back(mixHeading(deg(90), deg(180), 0.5))).toBeCloseTo(135, 1));
});
