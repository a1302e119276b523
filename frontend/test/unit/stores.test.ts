import { describe, expect, it } from 'vitest';
import { niceStep } from '../../src/render/base';
import { Camera } from '../../src/render/camera';
import { HOLLOW, LOOK_CAUTION, LOOK_FROZEN, LOOK_WARNING, lookOf, Scene } from '../../src/render/scene';
import { pickAt, pickBox } from '../../src/render/pick';
import { sample } from '../../src/render/traces';
import { simClock, span } from '../../src/format';
import { Alerts } from '../../src/store/alerts';
import { readDetail } from '../../src/store/detail';
import { Fleet } from '../../src/store/fleet';
import { Log } from '../../src/store/log';
import { readNumber } from '../../src/store/params';
import { summarise } from '../../src/store/summary';
import { TRAIL_POINTS, Trails } from '../../src/store/trails';
import { drone, frameOf } from './fixtures';

const entry = (seq: number, message = 'x') => ({ seq, tick: seq, level: 'info' as const, source: 'swarm', message });

describe('log', () => {
  it('shows each entry once, newest first', () => {
    const log = new Log();
    log.add([entry(2), entry(1)]);
    log.add([entry(2), entry(3)]);
    expect(log.entries.map((e) => e.seq)).toEqual([3, 2, 1]);
    expect(log.last).toBe(3);
  });
  it('filters by level and text', () => {
    const log = new Log();
    log.add([entry(1, 'battery low'), { ...entry(2, 'wind'), level: 'warning' }]);
    expect(log.filter('warning', '').map((e) => e.seq)).toEqual([2]);
    expect(log.filter('debug', 'BATT').map((e) => e.seq)).toEqual([1]);
  });
});

describe('alerts', () => {
  it('groups by words, whatever the numbers, warnings first', () => {
    const alerts = new Alerts();
    expect(alerts.update(new Map([['a', 'caution'], ['b', 'caution'], ['c', 'warning']] as const), 1)).toEqual(['a', 'b', 'c']);
    alerts.explain('a', 'battery 19 %', 1);
    alerts.explain('b', 'battery 17.5 %', 1);
    alerts.explain('c', 'left the fence by 14 m', 1);
    expect(alerts.groups(1).shown.map((g) => g.drones)).toEqual([['c'], ['a', 'b']]);
    alerts.acknowledge(alerts.groups(1).shown[0].key);
    alerts.update(new Map([['a', 'caution']] as const), 2);
    expect(alerts.groups(2).shown.map((g) => g.drones)).toEqual([['a']]);
  });

  it('stays quiet once seen, until another drone joins; shelved it comes back in time', () => {
    const alerts = new Alerts();
    const stand = (...ids: string[]): void => void alerts.update(new Map(ids.map((id) => [id, 'caution'] as const)), 1);
    stand('a');
    const { key } = alerts.groups(1).shown[0];
    alerts.acknowledge(key);
    expect(alerts.groups(1).shown[0].acknowledged).toBe(true);
    stand('a', 'b');
    expect(alerts.groups(1).shown[0].acknowledged).toBe(false);
    alerts.shelve(key, 100);
    expect([alerts.groups(99).shown.length, alerts.groups(99).shelved.length]).toEqual([0, 1]);
    expect([alerts.groups(100).shown.length, alerts.groups(100).shelved.length]).toEqual([1, 0]);
  });

  it('is new when it says something else, though it was seen', () => {
    const alerts = new Alerts();
    const stands = new Map([['a', 'warning']] as const);
    alerts.update(stands, 1);
    alerts.explain('a', 'no position fix', 1);
    alerts.acknowledge(alerts.groups(1).shown[0].key);
    expect([alerts.unexplained(9), alerts.update(stands, 2)]).toEqual([[], []]);
    alerts.doubt('a');
    expect(alerts.unexplained(9)).toEqual(['a']);
    alerts.explain('a', 'no position fix', 3);
    expect([alerts.update(stands, 3), alerts.groups(3).shown[0].acknowledged]).toEqual([[], true]);
    alerts.doubt();
    alerts.explain('a', '', 4);
    expect([alerts.unexplained(9), alerts.groups(4).shown[0].text]).toEqual([[], 'no position fix']);
    alerts.explain('a', 'fence crossed', 4);
    expect(alerts.update(stands, 5)).toEqual(['a']);
    expect(alerts.groups(5).shown).toMatchObject([{ text: 'fence crossed', sinceMs: 4, acknowledged: false }]);
  });

  it('stays as a warning that is over until somebody has seen it', () => {
    const alerts = new Alerts();
    alerts.update(new Map([['a', 'warning'], ['b', 'warning'], ['c', 'caution']] as const), 1);
    for (const id of ['a', 'b']) alerts.explain(id, 'battery critical', 1);
    alerts.update(new Map([['b', 'warning']] as const), 2);
    expect(alerts.groups(2).shown.map((g) => [g.drones, g.over])).toEqual([[['b'], false], [['a'], true]]);
    alerts.acknowledge(alerts.groups(2).shown[1].key);
    alerts.acknowledge(alerts.groups(2).shown[0].key);
    alerts.update(new Map(), 3);
    expect(alerts.groups(3).shown).toEqual([]);
    alerts.update(new Map([['a', 'warning']] as const), 4);
    alerts.update(new Map(), 5);
    expect(alerts.update(new Map([['a', 'warning']] as const), 6)).toEqual(['a']);
    expect(alerts.groups(6).shown.map((g) => g.over)).toEqual([false]);
  });
});

describe('summary', () => {
  it('counts in one pass, attention first, and leaves bad data out of the statistics', () => {
    const fleet = new Fleet();
    const list = [
      drone('a', { battery_pct: 90, position: [0, 0, 10] }), drone('b', { battery_pct: 20, alert: 'caution', position: [0, 0, 30] }),
      drone('c', { battery_pct: 50, alert: 'warning', position: [0, 0, 20] }), drone('d', { battery_pct: 1, position: [NaN, 0, 0] }),
      drone('e', { landed: 'on_ground', battery_pct: NaN, position: [0, 0, 0], mode: 'standby' }),
    ];
    fleet.takeTable({ epoch: 1, drones: list.map((d) => ({ id: d.id, type: d.type })) });
    const frame = frameOf(list);
    fleet.takeFrame(frame);
    fleet.selection.replace([1]);
    const s = summarise(fleet.queryContext(frame), () => true);
    expect(s.fleet).toMatchObject({ count: 5, flying: 4, caution: 1, warning: 1, stale: 1, batteryMin: 20, batteryMedian: 50, altitudeMin: 0, modes: { swarm: 4, standby: 1 } });
    expect(s.fleet.altitudeMax).toBeCloseTo(30, 1);
    expect(s.selection).toMatchObject({ count: 1, batteryMin: 20 });
    expect([...s.rows]).toEqual([2, 1, 3, 0, 4]);
    expect(fleet.nextNeedingAttention(2)).toBe(2);
  });
});

describe('trails', () => {
  it('keeps the last points of each drone and forgets when time runs back', () => {
    const trails = new Trails();
    for (let tick = 0; tick < 1000; tick += 10) trails.sample(frameOf([drone('a', { position: [tick, 0, 0] })], { tick }));
    const seen: number[] = [];
    trails.walk(0, (e) => seen.push(Math.round(e)));
    expect(seen.length).toBe(TRAIL_POINTS);
    expect(seen[0]).toBe(990);
    trails.sample(frameOf([drone('a')], { tick: 0 }));
    expect(trails.length).toBe(1);
  });
  it('are drawn for some of a large selection, taken from all over it', () => {
    const all = Array.from({ length: 250 }, (_, slot) => slot);
    const some = sample(all, 60);
    expect(some).toEqual(all.filter((slot) => slot % 5 === 0));
    expect(sample(all.slice(0, 60), 60)).toEqual(all.slice(0, 60));
    expect(sample([], 60)).toEqual([]);
  });
});

describe('camera and picking', () => {
  it('keeps the ground under the cursor when zooming', () => {
    const camera = new Camera();
    camera.resize(800, 600);
    camera.focus.moveTo(100, 50, 20);
    for (const view of ['top', 'tilt', 'front', 'side'] as const) {
      camera.view = view;
      const place = camera.place(123, 45);
      expect([camera.x(...place), camera.y(...place)].map((v) => Math.round(v * 1e6) / 1e6)).toEqual([123, 45]);
      camera.zoomAt(123, 45, 1.7);
      expect(camera.x(...place)).toBeCloseTo(123);
      expect(camera.y(...place)).toBeCloseTo(45);
      camera.panBy(-30, 12);
      expect(camera.x(...place)).toBeCloseTo(93);
      expect(camera.y(...place)).toBeCloseTo(57);
    }
  });
  it('finds the nearest drone and all in a box', () => {
    const camera = new Camera();
    camera.resize(800, 600);
    const scene = new Scene();
    const f = frameOf([drone('a', { position: [0, 0, 0] }), drone('b', { position: [2, 0, 0] }), drone('c', { position: [50, 50, 0] })]);
    scene.build({ a: f, b: f, k: 0 }, camera, () => false, 'fresh');
    expect(pickAt(scene, camera.x(1.8, 0, 0), camera.y(1.8, 0, 0))).toBe(1);
    expect(pickAt(scene, 5, 5)).toBe(-1);
    expect(pickBox(scene, { x0: camera.x(3, 0, 0), y0: camera.y(0, -1, 0), x1: camera.x(-1, 0, 0), y1: camera.y(0, 1, 0) })).toEqual([0, 1]);
  });
  it('steps the grid by 1, 2 and 5', () => {
    expect([niceStep(1, 56), niceStep(10, 56), niceStep(0.1, 56), niceStep(3, 56)]).toEqual([100, 10, 1000, 20]);
  });
  it('lets warnings keep their colour when selected, and freezes everything when the line is lost', () => {
    const f = frameOf([drone('a', { alert: 'warning' }), drone('b', { alert: 'caution' }), drone('c')]);
    expect(lookOf(f, 0, true, 'fresh')).toBe(LOOK_WARNING);
    expect(lookOf(f, 1, false, 'old')).toBe(LOOK_CAUTION | HOLLOW);
    expect(lookOf(f, 2, false, 'lost')).toBe(LOOK_FROZEN | HOLLOW);
  });
});

describe('words and numbers', () => {
  it('writes clocks and spans', () => {
    expect(simClock(872.44)).toBe('00:14:32.4');
    expect(simClock(0.3)).toBe('00:00:00.3');
    expect([span(420), span(3200), span(125_000), span(NaN)]).toEqual(['420 ms', '3.2 s', '2 min', '–']);
  });
  it('accepts parameters within their range only', () => {
    const spec = { path: 'a.b', value: 1, min: 0, max: 10 };
    expect(readNumber(spec, ' 2,5 ')).toEqual({ ok: true, value: 2.5 });
    for (const text of ['', 'x', '11', '-1', 'Infinity']) expect(readNumber(spec, text)).toEqual({ ok: false, min: 0, max: 10 });
  });
});

describe('detail of a drone', () => {
  it('reads what is there and leaves out what is odd', () => {
    expect(readDetail('a', { alert: { level: 'warning', text: 'link lost' }, command: { command: 'goto', progress_pct: 40 }, home: [1, 2, 0], restarts: 1 })).toEqual({
      id: 'a', alert: { level: 'warning', text: 'link lost' }, order: { command: 'goto', progressPct: 40 }, home: [1, 2], restarts: 1,
    });
    expect(readDetail('a', { alert: 7, command: null, home: ['x'] })).toEqual({ id: 'a', alert: null, order: null, home: null, restarts: 0 });
  });
});
