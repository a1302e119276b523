import { describe, expect, it } from 'vitest';
import * as d from '../../src/proto/decode';
import { BATTERY, CLIMB, DeltaDecoder, HEADING, SILENCE, SPEED, STATUS, UNITS_PER_M } from '../../src/proto/delta';
import { fixtureJson, random } from './fixtures';

interface Says {
  wrong?: string;
  epoch: number; tick_s: number; seq: number; tick: number; server_time_ms: number; state: number; error_units: number;
  position_units: number[][]; heading: number[]; speed: number[]; climb: number[]; battery: number[]; status: number[]; silence: number[];
}

const golden = fixtureJson<{ frame: string; says: Says }[]>('delta.json').map(({ frame, says }) => ({ frame: Uint8Array.from(frame.match(/../g) ?? [], (hex) => parseInt(hex, 16)), says }));

describe('frames of changes', () => {
  it('mean what delta.json says, one after the other', () => {
    const decoder = new DeltaDecoder();
    golden.forEach(({ frame, says }, n) => {
      const read = decoder.read(frame);
      if (says.wrong) return expect(read, `frame ${n}`).toEqual({ ok: false, reason: says.wrong });
      expect(read, `frame ${n}`).toEqual({ ok: true });
      const { known } = decoder;
      expect({
        epoch: known.epoch, tick_s: known.tickS, seq: known.seq, tick: known.tick, server_time_ms: known.serverTimeMs, state: known.state, error_units: known.errorUnits,
        position_units: known.position.map((column) => [...column]),
        heading: [...known.fields[HEADING]], speed: [...known.fields[SPEED]], climb: [...known.fields[CLIMB]],
        battery: [...known.fields[BATTERY]], status: [...known.fields[STATUS]], silence: [...known.fields[SILENCE]],
      }).toEqual(says);
    });
  });

  it('become binary frames that say the same', () => {
    const decoder = new DeltaDecoder();
    for (const { frame, says } of golden) {
      if (!decoder.read(frame).ok) continue;
      const decoded = decoder.frame();
      if (!decoded.ok) throw new Error(decoded.reason);
      const f = decoded.frame;
      expect([f.epoch, f.seq, f.tick, f.serverTimeMs, f.simTimeS, f.flags, f.count]).toEqual([says.epoch, says.seq, says.tick, says.server_time_ms, says.tick * says.tick_s, says.state, says.heading.length]);
      for (let slot = 0; slot < f.count; slot++) {
        [d.eastOf, d.northOf, d.upOf].forEach((of, axis) => expect(Math.abs(of(f, slot) - says.position_units[axis][slot] / UNITS_PER_M)).toBeLessThanOrEqual(f.scaleM / 2 + 1e-6));
        expect(d.headingOf(f, slot)).toBe((says.heading[slot] * 360) / 256);
        expect([d.modeOf(f, slot), d.flagsOf(f, slot)]).toEqual([says.status[slot] & 15, says.status[slot] >> 4]);
        expect([f.u8[slot * 16 + 9], f.u8[slot * 16 + 12], f.u8[slot * 16 + 13]]).toEqual([says.battery[slot], says.silence[slot], says.speed[slot]]);
        expect(d.climbOf(f, slot)).toBeCloseTo(says.climb[slot] * 0.2, 9);
      }
    }
  });

  it('never throw, whatever bytes come', () => {
    const seed = 20260203;
    const next = random(seed);
    const whole = golden[1].frame;
    const change = golden[2].frame;
    for (let round = 0; round < 4000; round++) {
      const decoder = new DeltaDecoder();
      decoder.read(whole);
      const bytes = (round % 2 ? whole : change).slice();
      for (let i = 0; i <= next() * 3; i++) bytes[Math.floor(next() * bytes.length)] = next() * 256;
      expect(() => decoder.read(bytes.subarray(0, round % 3 ? undefined : Math.floor(next() * bytes.length))), `seed ${seed} round ${round}`).not.toThrow();
    }
  });

  it('of another chain, or after a frame that is missing, are not believed', () => {
    const decoder = new DeltaDecoder();
    decoder.read(golden[1].frame);
    expect(decoder.read(golden[3].frame)).toEqual({ ok: false, reason: 'gap' });
    expect(decoder.read(golden[2].frame)).toEqual({ ok: true });
    decoder.forget();
    expect(decoder.read(golden[3].frame)).toEqual({ ok: false, reason: 'gap' });
  });
});
