import { describe, expect, it } from 'vitest';
import { wayBack, type Before } from '../../src/input/undo';

const was = (id: string, mode: string, goal?: [number, number, number]): Before => ({ id, mode, goal });

describe('undo', () => {
  it('of a hold sends everyone on with what they did', () => {
    expect(wayBack('hold', [was('a', 'mission'), was('b', 'rtl'), was('c', 'mission'), was('d', 'guided', [1, 2, 3]), was('e', 'hold'), was('f', 'guided')])).toEqual([
      { command: 'mission_start', targets: ['a', 'c'], params: {} },
      { command: 'rtl', targets: ['b'], params: {} },
      { command: 'goto', targets: ['d'], params: { position: [1, 2, 3] } },
    ]);
  });

  it('is not offered where nothing would come of it', () => {
    expect(wayBack('hold', [was('a', 'hold'), was('b', 'standby'), was('c', 'swarm')])).toEqual([]);
    expect(wayBack('signal', [was('a', 'mission')])).toEqual([]);
    expect(wayBack('hold', Array.from({ length: 25 }, (_, i) => was(`d${i}`, 'guided', [i, 0, 9])))).toEqual([]);
  });

  it('of a take-off lands who stood', () => {
    expect(wayBack('takeoff', [was('a', 'standby'), was('b', 'hold')])).toEqual([{ command: 'land', targets: ['a'], params: {} }]);
  });
});
