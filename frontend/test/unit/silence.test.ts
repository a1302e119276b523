import { describe, expect, it } from 'vitest';
import type { Frame } from '../../src/proto/decode';
import { Silence } from '../../src/store/silence';
import { Slots } from '../../src/store/slots';

/** A frame of which only ages and the time are looked at. */
function frame(simTimeS: number, ages: number[]): Frame {
  const u8 = new Uint8Array(ages.length * 16);
  ages.forEach((age, slot) => (u8[slot * 16 + 12] = Math.min(255, Math.round(age / 0.04))));
  return { simTimeS, count: ages.length, u8 } as Frame;
}

function fleet(): { silence: Silence; slots: Slots } {
  const slots = new Slots();
  slots.replace({ epoch: 1, drones: ['a', 'b', 'c'].map((id) => ({ id, type: 'quad' })) } as Parameters<Slots['replace']>[0]);
  return { silence: new Silence(), slots };
}

describe('silence', () => {
  it('is counted on where the wire stops', () => {
    const { silence, slots } = fleet();
    for (let s = 0; s <= 42; s += 0.5) silence.take(frame(100 + s, [0, s, 0]), slots);
    expect(silence.ofMs(frame(142, [0, 42, 0]), 1, 'b')).toBeCloseTo(42_000, -2);
    expect(silence.ofMs(frame(142, [0, 42, 0]), 0, 'a')).toBe(0);
    expect(silence.lost).toEqual([]);
  });

  it('of a minute makes a drone lost, until it is heard again', () => {
    const { silence, slots } = fleet();
    for (let s = 0; s <= 61; s += 0.5) silence.take(frame(100 + s, [0, s, s]), slots);
    expect(silence.lost.map(({ id }) => id)).toEqual(['b', 'c']);
    expect(silence.isLost('b')).toBe(true);
    expect(silence.hidden).toBeNull();
    silence.dismiss(['b', 'a'], slots);
    expect(silence.lost.map(({ id }) => id)).toEqual(['c']);
    expect([...(silence.hidden ?? [])]).toEqual([0, 1, 0]);
    silence.take(frame(162, [0, 0, 62]), slots);
    expect(silence.hidden).toBeNull();
    expect(silence.isLost('b')).toBe(false);
    // Once heard it counts from there.
    for (let s = 0; s <= 61; s += 0.5) silence.take(frame(162 + s, [0, s, 62]), slots);
    expect(silence.lost.map(({ id }) => id).sort()).toEqual(['b', 'c']);
  });

  it('is known of a drone that was silent before this console came, as far as the wire says', () => {
    const { silence, slots } = fleet();
    silence.take(frame(500, [0, 200, 0]), slots);
    expect(silence.ofMs(frame(500, [0, 200, 0]), 1, 'b')).toBeCloseTo(10_200, -2);
    silence.take(frame(560, [0, 260, 0]), slots);
    expect(silence.lost.map(({ id }) => id)).toEqual(['b']);
    expect([...silence.unknown]).toEqual(['b']);
    silence.heard('b', 300);
    silence.take(frame(561, [0, 261, 0]), slots);
    expect(silence.ofMs(frame(561, [0, 261, 0]), 1, 'b')).toBeCloseTo(261_000, -2);
    expect(silence.unknown.size).toBe(0);
    silence.clear();
    expect(silence.lost).toEqual([]);
  });
});
