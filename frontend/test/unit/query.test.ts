import { describe, expect, it } from 'vitest';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { BAD_DATA_BIT, LINK_LOST_BIT } from '../../src/proto/decode';
import type { DroneJson } from '../../src/proto/events';
import { parseQuery } from '../../src/store/query';
import { frameOf, random } from './fixtures';

interface Examples {
  drones: { id: string; type: string; group: string; state: DroneJson & { silent_ticks: number; link_lost: boolean; bad_data: boolean } }[];
  holds: [text: string, ids: string[]][];
  wrong: Record<string, string>;
}

/** The table that the server's predicates are tested with too. */
const examples = JSON.parse(readFileSync(fileURLToPath(new URL('../fixtures/predicates.json', import.meta.url)), 'utf8')) as Examples;
const { drones } = examples;
const frame = frameOf(drones.map(({ id, type, group, state }) => ({ ...state, id, type, group: group || null })));
drones.forEach(({ state }, slot) => {
  frame.u8[slot * 16 + 12] = state.silent_ticks;
  frame.u16[slot * 8 + 5] |= (state.link_lost ? LINK_LOST_BIT : 0) | (state.bad_data ? BAD_DATA_BIT : 0);
});
const context = { frame, ids: drones.map((d) => d.id), types: drones.map((d) => d.type), groups: drones.map((d) => d.group || null), selected: (slot: number) => slot === 1 };

function find(text: string, from = context): string[] {
  const parsed = parseQuery(text);
  if (!parsed.ok) throw new Error(`${parsed.message} at ${parsed.at}`);
  return drones.filter((_, slot) => parsed.test(from, slot)).map((d) => d.id);
}

describe('query', () => {
  it.each(examples.holds)('%s', (text, ids) => expect(find(text)).toEqual(ids));

  it.each(Object.entries(examples.wrong))('%s is wrong and says so', (text, message) => expect(parseQuery(text)).toMatchObject({ ok: false, message }));

  it.each([
    ['battery <', 9], ['battery < x', 10], ['battery', 7], ['(stale', 0], ['stale )', 6], ['near 1,2', 5], ['group', 5], ['not', 3], ['a &', 3], ['& a', 0],
  ])('%s is wrong at its place', (text, at) => expect(parseQuery(text)).toMatchObject({ ok: false, at }));

  it('knows what is selected, and lets everything through an empty filter', () => {
    expect(find('selected')).toEqual(['scout-2']);
    expect(find('scout !selected')).toEqual(['scout-1']);
    expect(find(' ')).toHaveLength(drones.length);
  });

  it('compares what is not known with nothing', () => {
    const unknown = frameOf(drones.map(({ id, type, state }) => ({ ...state, id, type, battery_pct: NaN })));
    for (const text of ['battery < 30', 'battery >= 30', 'battery != 30']) expect(find(text, { ...context, frame: unknown })).toEqual([]);
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
