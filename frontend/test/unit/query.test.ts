import { describe, expect, it } from 'vitest';
import { parseQuery } from '../../src/store/query';
import { drone, frameOf, random } from './fixtures';

const list = [
  drone('scout-1', { battery_pct: 20, mode: 'hold', position: [270, -150, 30] }),
  drone('scout-2', { battery_pct: 80, mode: 'swarm', group: 'bravo' }),
  drone('quad-1', { type: 'quad', battery_pct: 25, mode: 'swarm', landed: 'on_ground', group: null }),
  drone('quad-2', { type: 'quad', battery_pct: NaN, mode: 'rtl', alert: 'warning' }),
];
const frame = frameOf(list);
const context = { frame, ids: list.map((d) => d.id), types: list.map((d) => d.type), groups: list.map((d) => d.group ?? null), selected: (slot: number) => slot === 1 };

function find(text: string): string[] {
  const parsed = parseQuery(text);
  if (!parsed.ok) throw new Error(`${parsed.message} at ${parsed.at}`);
  return list.filter((_, slot) => parsed.test(context, slot)).map((d) => d.id);
}

describe('query', () => {
  it.each([
    ['', ['scout-1', 'scout-2', 'quad-1', 'quad-2']],
    ['battery < 30', ['scout-1', 'quad-1']],
    ['battery<30%', ['scout-1', 'quad-1']],
    ['battery < 30 & mode = hold', ['scout-1']],
    ['battery < 30 and not mode = hold', ['quad-1']],
    ['battery != 80', ['scout-1', 'quad-1']],
    ['group alpha', ['scout-1', 'quad-2']],
    ['type scout | mode rtl', ['scout-1', 'scout-2', 'quad-2']],
    ['(type scout or type quad) and battery >= 25', ['scout-2', 'quad-1']],
    ['type scout or type quad and battery >= 25', ['scout-1', 'scout-2', 'quad-1']],
    ['near 270,-150,40', ['scout-1']],
    ['near 270, -150, 40', ['scout-1']],
    ['not flying', ['quad-1']],
    ['landed = on_ground', ['quad-1']],
    ['landed != in_air | battery == 20', ['scout-1', 'quad-1']],
    ['armed = false', ['quad-1']],
    ['type = "quad"', ['quad-1', 'quad-2']],
    ['warning', ['quad-2']],
    ['selected', ['scout-2']],
    ['id scout-2', ['scout-2']],
    ['Scout', ['scout-1', 'scout-2']],
    ['scout !selected', ['scout-1']],
    ['!(scout)', ['quad-1', 'quad-2']],
    ['stale', []],
    ['mode != swarm', ['scout-1', 'quad-2']],
    ['constructor', []],
  ])('%s', (text, ids) => expect(find(text)).toEqual(ids));

  it.each([
    ['battery <', 'number', 9], ['battery < x', 'number', 10], ['battery', 'needs', 7], ['(stale', 'not closed', 0], ['stale )', 'not expected', 6],
    ['near 1,2', 'radius', 5], ['group', 'name', 5], ['not', 'missing', 3], ['a &', 'missing', 3], ['& a', 'not expected', 0],
  ])('%s is wrong and says so', (text, part, at) => {
    const parsed = parseQuery(text);
    expect(parsed.ok).toBe(false);
    if (!parsed.ok) {
      expect(parsed.message).toContain(part);
      expect(parsed.at).toBe(at);
    }
  });

  it('never throws, whatever is typed', () => {
    const seed = 4711;
    const next = random(seed);
    const parts = ['battery', '<', '30', '(', ')', '&', '|', 'not', '!', 'near', '1,2,3', ',', 'mode', '=', 'hold', 'x', '%', '  '];
    for (let round = 0; round < 3000; round++) {
      const text = Array.from({ length: Math.floor(next() * 9) }, () => parts[Math.floor(next() * parts.length)]).join(next() < 0.5 ? ' ' : '');
      expect(() => parseQuery(text), `seed ${seed}: ${text}`).not.toThrow();
    }
  });
});
