import { describe, expect, it } from 'vitest';
import { Selection } from '../../src/store/select';
import { Slots } from '../../src/store/slots';

function sized(n: number): Selection {
  const s = new Selection();
  s.resize(n);
  return s;
}

describe('selection', () => {
  it('counts what is in it', () => {
    const s = sized(100);
    s.replace([0, 31, 32, 63, 99]);
    s.toggle(31);
    s.set(5, true);
    s.set(5, true);
    expect(s.slots()).toEqual([0, 5, 32, 63, 99]);
    expect([s.count, s.first(), s.has(32), s.has(31)]).toEqual([5, 0, true, false]);
  });

  it('takes all and inverts without touching slots that do not exist', () => {
    const s = sized(33);
    s.all();
    expect(s.count).toBe(33);
    s.set(32, false);
    s.invert();
    expect(s.slots()).toEqual([32]);
    s.set(33, true);
    s.set(-1, true);
    expect(s.count).toBe(1);
    expect([s.has(33), s.has(-1)]).toEqual([false, false]);
  });

  it('tells that it changed', () => {
    const s = sized(4);
    const before = s.version;
    s.clear();
    expect(s.version).toBe(before);
    s.set(1, true);
    expect(s.version).toBeGreaterThan(before);
  });

  it('keeps the same drones when the table changes', () => {
    const slots = new Slots();
    const rows = (...ids: string[]) => ids.map((id) => ({ id, type: 'scout' }));
    slots.replace({ epoch: 1, drones: rows('a', 'b', 'c') });
    const s = sized(3);
    s.replace([0, 2]);
    const ids = s.ids(slots);
    slots.replace({ epoch: 2, drones: rows('z', 'c', 'b') });
    s.remap(ids, slots);
    expect(s.ids(slots)).toEqual(['c']);
  });
});
