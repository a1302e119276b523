import { describe, expect, it } from 'vitest';
import * as d from '../../src/proto/decode';
import { drone, frameOf, golden, goldenJson, random } from './fixtures';

interface Index {
  good: Record<string, {
    header: { epoch: number; seq: number; tick: number; server_time_ms: number; sim_time_s: number; origin: number[]; scale_m: number; flags: number; count: number };
    drones: { position: number[]; heading_deg: number; mode: string; battery_pct: number | null; landed: string; armed: boolean; alert: string; link_lost: boolean; bad_data: boolean; signalling: boolean; age_ms: number; speed_mps: number; climb_mps: number }[];
  }>;
  bad: Record<string, { reason: string }>;
}

const index = goldenJson<Index>('frames.json');

describe('golden frames', () => {
  it.each(Object.keys(index.good))('%s means what frames.json says', (name) => {
    const decoded = d.decodeFrame(golden(name));
    if (!decoded.ok) throw new Error(decoded.reason);
    const { frame: f } = decoded;
    const { header, drones } = index.good[name];
    expect([f.epoch, f.seq, f.tick, f.serverTimeMs, f.simTimeS, f.flags, f.count]).toEqual([header.epoch, header.seq, header.tick, header.server_time_ms, header.sim_time_s, header.flags, header.count]);
    drones.forEach((want, slot) => {
      expect(d.eastOf(f, slot)).toBeCloseTo(want.position[0], 6);
      expect(d.northOf(f, slot)).toBeCloseTo(want.position[1], 6);
      expect(d.upOf(f, slot)).toBeCloseTo(want.position[2], 6);
      expect(d.headingOf(f, slot)).toBeCloseTo(want.heading_deg, 9);
      expect(d.modeName(d.modeOf(f, slot))).toBe(want.mode);
      expect(d.batteryOf(f, slot)).toEqual(want.battery_pct ?? NaN);
      expect(d.LANDED[d.landedOf(f, slot)]).toBe(want.landed);
      expect(d.ALERTS[d.alertOf(f, slot)]).toBe(want.alert);
      expect((d.flagsOf(f, slot) & d.ARMED_BIT) !== 0).toBe(want.armed);
      expect((d.flagsOf(f, slot) & d.LINK_LOST_BIT) !== 0).toBe(want.link_lost);
      expect((d.flagsOf(f, slot) & d.BAD_DATA_BIT) !== 0).toBe(want.bad_data);
      expect((d.flagsOf(f, slot) & d.SIGNALLING_BIT) !== 0).toBe(want.signalling);
      expect(d.silenceMsOf(f, slot)).toBe(want.age_ms);
      expect(d.speedOf(f, slot)).toBeCloseTo(want.speed_mps, 9);
      expect(d.climbOf(f, slot)).toBeCloseTo(want.climb_mps, 9);
    });
  });

  it.each(Object.entries(index.bad))('%s is refused', (name, { reason }) => {
    expect(d.decodeFrame(golden(name))).toEqual({ ok: false, reason });
  });
});

describe('decoder', () => {
  it('refuses what is no bytes at all', () => {
    for (const thing of [null, undefined, 'HMRS', 7, {}, []]) expect(d.decodeFrame(thing)).toEqual({ ok: false, reason: 'not_binary' });
  });

  it('reads a view that starts off a word boundary', () => {
    const bytes = golden('three.bin');
    const shifted = new Uint8Array(bytes.length + 1);
    shifted.set(bytes, 1);
    const decoded = d.decodeFrame(shifted.subarray(1));
    expect(decoded.ok && decoded.frame.count).toBe(3);
  });

  it('never throws, whatever bytes come', () => {
    const seed = 20260101;
    const next = random(seed);
    const base = golden('three.bin');
    for (let round = 0; round < 4000; round++) {
      const bytes = round % 2 ? Uint8Array.from({ length: Math.floor(next() * 200) }, () => next() * 256) : base.slice();
      if (round % 2 === 0) for (let i = 0; i < 4; i++) bytes[Math.floor(next() * bytes.length)] = next() * 256;
      expect(() => d.decodeFrame(bytes), `seed ${seed} round ${round}`).not.toThrow();
    }
  });

  it('makes of a JSON list the frame that the stream would carry', () => {
    const f = frameOf([drone('a', { position: [12.34, -56.78, 9.1], heading_deg: 270, battery_pct: 41.5, mode: 'rtl', velocity: [3, 4, -1], alert: { level: 'warning', text: 'x' } }), drone('b', { position: [NaN, 0, 0], battery_pct: NaN })], { seq: 9, tick: 77 });
    expect([f.seq, f.tick, f.count]).toEqual([9, 77, 2]);
    expect(d.eastOf(f, 0)).toBeCloseTo(12.34, 1);
    expect(d.northOf(f, 0)).toBeCloseTo(-56.78, 1);
    expect(d.headingOf(f, 0)).toBe(270);
    expect([d.modeName(d.modeOf(f, 0)), d.batteryOf(f, 0), d.alertOf(f, 0)]).toEqual(['rtl', 41.5, 3]);
    expect([d.speedOf(f, 0), d.climbOf(f, 0)]).toEqual([5, -1]);
    expect(d.flagsOf(f, 1) & d.BAD_DATA_BIT).not.toBe(0);
    expect(d.batteryOf(f, 1)).toBeNaN();
  });
});
