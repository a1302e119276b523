import { describe, expect, it } from 'vitest';
import { encodeFrame } from '../../src/proto/encode';
import { Messages, whole } from '../../src/store/messages';
import { plotsCsv } from '../../src/store/plotfile';
import { drone } from './fixtures';

describe('messages', () => {
  it('say how large they are and what frames hold', () => {
    const messages = new Messages();
    messages.take(false, 'frame-ack', [{ seq: 7 }], 0);
    messages.take(true, 'drones-update', [encodeFrame({ seq: 8, tick: 9, sim_time_s: 1, wall_time_ms: 2, drones: [drone('a')] }, 3, 0)], 1);
    const [newest, oldest] = messages.list;
    expect([newest.bytes, oldest.bytes, oldest.brief]).toEqual([80, 9, '{"seq":7}']);
    expect(JSON.parse(whole(newest))).toMatchObject({ bytes: 80, header: { epoch: 3, seq: 8, tick: 9, count: 1 } });
    messages.take(true, 'drones-update', [new ArrayBuffer(3), () => undefined], 2);
    expect(messages.list[0].brief).toBe('"3 bytes, too_short", "acknowledgement"');
    expect(messages.counts.get('drones-update')).toBe(2);
  });

  it('are kept up to a bound', () => {
    const messages = new Messages();
    for (let i = 0; i < 1000; i++) messages.take(true, 'x', [i], i);
    expect(messages.list.length).toBe(400);
    expect(messages.list[0].args).toEqual([999]);
  });
});

describe('plots as a table', () => {
  it('hold what is shown, empty where nothing was measured', () => {
    const values = { separation: [1, Infinity, 3], polarization: [NaN, 0.5, 1], battery: [90, 89.98765, 80], batteryMedian: [95, NaN, 90], speed: [0, 0, 0], airborne: [1, 1, 1], tick: [2, 2, 2] };
    expect(plotsCsv({ time: [1, 2, 3], values }, [1, 2])).toBe('time_s,separation,polarization,battery,batteryMedian,speed,airborne,tick\n1,1,,90,95,0,1,2\n2,,0.5,89.9877,,0,1,2\n');
  });
});
