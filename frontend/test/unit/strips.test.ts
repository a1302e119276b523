import { describe, expect, it } from 'vitest';
import type { Verdict } from '../../src/proto/events';
import { updateLabel } from '../../src/store/labels';
import { Strips, STRIPS_MAX } from '../../src/store/strips';

const results = (spec: Record<string, Verdict['result'] | [Verdict['result'], string]>): Record<string, Verdict> =>
  Object.fromEntries(Object.entries(spec).map(([id, v]) => [id, Array.isArray(v) ? { result: v[0], reason: v[1] } : { result: v }]));

function sent(total = 3): Strips {
  const s = new Strips();
  s.started({ id: 'c1', command: 'rtl', label: 'Return', targets: ['a', 'b', 'c'], atMs: 1000, total });
  return s;
}

describe('command strips', () => {
  it('goes from sent over accepted to done, drone by drone', () => {
    const s = sent();
    expect(s.find('c1')?.counts.sending).toBe(3);
    s.acked('c1', 'socketio', { ok: true, command_id: 'c1', tick: 5, results: results({ a: 'accepted', b: 'accepted', c: ['denied', 'battery 4 %'] }) }, 1010);
    expect(s.find('c1')).toMatchObject({ done: false, transport: 'socketio', counts: { accepted: 2, denied: 1, sending: 0 } });
    s.updated({ command_id: 'c1', command: 'rtl', author: 'amira', via: 'socketio', results: results({ a: 'completed' }) }, 'Return', 2000);
    s.updated({ command_id: 'c1', command: 'rtl', results: results({ b: ['failed', 'blocked'] }), done: true }, 'Return', 3000);
    const strip = s.find('c1');
    expect(strip).toMatchObject({ done: true, endedAtMs: 3000, author: 'amira', counts: { completed: 1, failed: 1, denied: 1 } });
    expect([...(strip?.reasons ?? [])].sort()).toEqual([['battery 4 %', 1], ['blocked', 1]]);
    expect(s.refused('c1').sort()).toEqual(['b', 'c']);
  });

  it('takes in what was commanded before it came, in order of time, without losing its own', () => {
    const s = sent();
    const old = { command_id: 'c0', command: 'goto', author: 'Amira', results: results({ a: 'completed' }), done: true, began_ms: 400, changed_ms: 700 };
    s.recall([old, { ...old, command_id: 'c1', results: results({ a: 'accepted' }), done: false }], (record) => record.command);
    expect(s.all.map((x) => [x.id, x.mine])).toEqual([['c1', true], ['c0', false]]);
    expect(s.find('c0')).toMatchObject({ startedAtMs: 400, endedAtMs: 700, done: true, author: 'Amira', total: 1 });
    expect(s.find('c1')?.counts).toMatchObject({ accepted: 1, sending: 2 });
  });

  it('knows how long only those took that it saw from the beginning, and which were its own before a reload', () => {
    const s = sent();
    const record = { command: 'hold', params: {}, results: results({ a: ['denied', 'falling'] }), done: true, began_ms: 400, changed_ms: 400 };
    s.updated({ command_id: 'c2', command: 'goto', results: results({ b: 'in_progress' }) }, 'Go to b', 900);
    const later = { ...record, command_id: 'c2', command: 'goto', params: { position: [1, 2, 3] }, results: results({ a: 'in_progress', b: 'in_progress' }), done: false };
    s.recall([{ ...record, command_id: 'c0' }, { ...record, command_id: 'c1', began_ms: 999 }, later], updateLabel, (id) => id === 'c0');
    expect(s.find('c0')).toMatchObject({ label: 'Hold a', mine: true, isWatched: false, startedAtMs: 400 });
    expect(s.find('c1')).toMatchObject({ label: 'Return', mine: true, isWatched: true, startedAtMs: 1000 });
    expect(s.find('c2')).toMatchObject({ label: 'Go to 1, 2, 3', mine: false, isWatched: false, startedAtMs: 400, total: 2, params: { position: [1, 2, 3] } });
  });

  it('names the drone where one alone was commanded, and what was set', () => {
    const label = (command: string, params: Record<string, unknown> | undefined, ...drones: string[]): string =>
      updateLabel({ command, params, results: Object.fromEntries(drones.map((id) => [id, { result: 'completed' as const }])) });
    expect(label('hold', {}, 'scout-1')).toBe('Hold scout-1');
    expect(label('hold', undefined, 'scout-1', 'scout-2')).toBe('Hold');
    expect(label('inject_fault', { fault: 'motor' }, 'scout-1')).toBe('Break motor scout-1');
    expect(label('set_speed', { factor: 4 }, 'swarm')).toBe('Speed 4×');
    expect(label('step', undefined, 'swarm')).toBe('Step');
  });

  it('counts reasons that differ in their numbers as one', () => {
    const s = sent();
    s.acked('c1', 'http', { ok: true, command_id: 'c1', results: results({ a: ['denied', 'battery 4 %'], b: ['denied', 'battery 11.5 %'], c: ['denied', 'on the ground'] }) }, 1010);
    expect([...(s.find('c1')?.reasons ?? [])]).toEqual([['battery … %', 2], ['on the ground', 1]]);
  });

  it('does not set back what an update that overtook the ack already told', () => {
    const s = sent();
    s.updated({ command_id: 'c1', command: 'rtl', results: results({ a: 'completed' }) }, 'Return', 1005);
    s.acked('c1', 'socketio', { ok: true, command_id: 'c1', results: results({ a: 'accepted', b: 'accepted', c: 'accepted' }) }, 1010);
    expect(s.find('c1')?.counts).toMatchObject({ completed: 1, accepted: 2 });
  });

  it('names the field when the server refuses as a whole', () => {
    const s = sent();
    s.acked('c1', 'http', { ok: false, error: { code: 'out_of_range', message: 'not in 1..=120', field: 'altitude_m' } }, 1010);
    expect(s.find('c1')).toMatchObject({ done: true, error: 'altitude_m: not in 1..=120', counts: { sending: 0 } });
  });

  it('says so when nothing was sent', () => {
    const s = sent();
    s.notSent('c1', 'no answer', 4000);
    expect(s.find('c1')).toMatchObject({ done: true, error: 'no answer', transport: null });
  });

  it('shows commands of others', () => {
    const s = new Strips();
    s.updated({ command_id: 'x', command: 'hold', author: 'jonas', via: 'http', results: results({ a: 'accepted' }) }, 'Hold', 1);
    expect(s.all[0]).toMatchObject({ mine: false, author: 'jonas', transport: 'http', total: 1 });
  });

  it('keeps a bounded number', () => {
    const s = new Strips();
    for (let i = 0; i < STRIPS_MAX + 5; i++) s.started({ id: `c${i}`, command: 'hold', label: 'Hold', targets: 'all', atMs: i, total: 1 });
    expect(s.all.length).toBe(STRIPS_MAX);
    expect(s.all[0].id).toBe(`c${STRIPS_MAX + 4}`);
  });
});
