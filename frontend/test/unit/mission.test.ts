import { describe, expect, it } from 'vitest';
import { missionOf, type Face, type MissionReport } from '../../src/proto/mission';
import { Camera, Focus } from '../../src/render/camera';
import { corners, faces } from '../../src/render/windows';
import { centreOf, countStates, isMistaken, needOf, normalOf, placeOf, reportPage, stateAt } from '../../src/store/mission';
import { acceptanceOf, sheetsOf, summaryOf } from '../../src/store/missionsheets';

const south: Face = { side: 'south', rows: 2, columns: 3, first: [-8, 8, 4.5], right: [1, 0, 0], pitch_m: [8, 4], window_m: [2, 2.5], states: 'vcr.dd', truth: 'dcsddc' };
const east: Face = { ...south, side: 'east', first: [12, 12, 4.5], right: [0, 1, 0] };

describe('a face of a building', () => {
  it('has its windows row by row from below, seen from outside', () => {
    expect(placeOf(south, 4)).toEqual([1, 1]);
    expect(centreOf(south, 4)).toEqual([0, 8, 8.5]);
    expect(centreOf(east, 5)).toEqual([12, 28, 8.5]);
    expect([normalOf(south), normalOf(east)].map((n) => n.map((v) => v + 0))).toEqual([[0, -1], [1, 0]]);
  });

  it('says what the swarm believes, and where it is wrong', () => {
    expect(stateAt(south, 2)).toBe('rejected');
    expect(countStates(south)).toEqual({ unknown: 1, dirty: 2, cleaned: 1, verified: 1, rejected: 1 });
    expect([0, 1, 2, 3, 4, 5].map((i) => isMistaken(south, i))).toEqual([true, false, false, null, false, true]);
    expect(isMistaken({ ...south, truth: undefined }, 0)).toBeNull();
  });

  it('is seen from the side on which it lies', () => {
    const focus = new Focus();
    focus.turn(25, 38);
    const seen = (view: 'front' | 'side' | 'tilt' | 'top'): boolean[] => [south, east, { ...south, right: [-1, 0, 0] as [number, number, number] }].map((f) => faces(new Camera(focus, view), f));
    expect(seen('front')).toEqual([true, false, false]);
    expect(seen('side')).toEqual([false, true, false]);
    expect(seen('top')).toEqual([false, false, false]);
    // Looking to the north-north-east one sees the south and the west.
    expect(seen('tilt')).toEqual([true, false, false]);
    focus.turn(335, 38);
    expect(seen('tilt')).toEqual([true, true, false]);
  });

  it('lies on the screen where its building does', () => {
    const camera = new Camera(new Focus(), 'front');
    camera.resize(800, 600);
    const [a, , t] = corners(camera, south, 0);
    expect(a[0]).toBeCloseTo(camera.x(-9, 8, 0));
    expect(t[1]).toBeCloseTo(camera.y(0, 8, 4.5 + 1.25));
  });
});

describe('a mission', () => {
  it('is shown only if it is one, without buildings that cannot be drawn', () => {
    for (const value of [null, undefined, 3, {}, { windows: {}, tasks: {}, buildings: [], crew: [] }]) expect(missionOf(value)).toBeNull();
    const block = { phase: 'working', windows: {}, tasks: { list: [] }, crew: [], buildings: [{ name: 'a', center: [0, 0], size_m: [1, 1], faces: [south] }, { name: 'b' }, { name: 'c', center: [0, 0], size_m: [1, 1], faces: [{}] }] };
    expect(missionOf(block)?.buildings.map((b) => b.name)).toEqual(['a']);
    expect(missionOf(block)?.rules).toEqual([]);
  });

  it('shows what a crew member lacks', () => {
    const worker = { id: 'w', activity: 'working', task: 1, text: '', reserve_pct: 25, fluid: { level_l: 1.9, tank_l: 10, pct: 19 }, tether: null, done: 0, idle_s: 0 };
    expect(needOf(worker, 80)).toBe('fluid');
    expect(needOf(worker, 25)).toBe('battery');
    expect(needOf({ ...worker, activity: 'lost' }, 25)).toBe('lost');
    expect(needOf({ ...worker, fluid: null }, 26)).toBeNull();
  });
});

describe('its report', () => {
  const report: MissionReport = {
    scenario: 'facade', seed: 1, outcome: 'complete', reason: 'every window found is verified', is_final: true, time_s: 1432.2, scan_s: null, energy_wh: 2310.4, windows: { total: 120, found: 120, cleaned: 127, verified: 120, rejected: 7 },
    rework: 7, resupplies: 9, fluid_l: 52.3, charges: 14, tasks: { done: 310, failed: 2, reallocated: 5, late: 1 }, in_the_air: 0, idle_s: 830, idle_pct: 12.1, wait_s: 120, near_misses: 0, collisions: 0, wreck_collisions: 0, crashes: 0, fence_breaches: 0, separation_min_m: 2.9,
    rules: [{ name: 'wind', times: 0, held_s: 0 }], crew: [{ id: 'w</script><b>', type: 'worker', tasks: 44, energy_wh: 310.2, flight_s: 900, idle_s: 30, charges: 2, lowest_pct: 27.4, is_lost: true }],
    acceptance: { passed: true, checks: [{ name: 'outcome', value: 'complete', limit: 'complete', passed: true }, { name: 'windows_verified_pct', value: 100, limit: 100, passed: true }] },
  };

  it('is in words, and a page of its own from which the numbers can be had back', () => {
    const sheets = sheetsOf(report);
    expect(sheets.map((s) => s.title)).toEqual(['Acceptance', 'In short', 'Crew', 'Rules']);
    expect(sheets[1].rows.slice(0, 3)).toEqual([['Time', '00:23:52'], ['of it until all was scanned', '–'], ['Windows verified', '120 of 120']]);
    expect(sheetsOf({ ...report, acceptance: null, rules: [] }).map((s) => s.title)).toEqual(['In short', 'Crew']);
    const page = reportPage(report, 'Façade & co', summaryOf(report), sheets);
    expect(page).toContain('<h1>Façade &amp; co</h1>');
    expect(page).toContain('Complete, everybody is on the ground: every window found is verified');
    expect(page).not.toContain('w</script>');
    expect(sheets[0].rows[0]).toEqual(['outcome', 'complete', 'complete', 'passed']);
    expect(JSON.parse(/id="report">(.*)<\/script>/.exec(page)?.[1] ?? '')).toEqual(report);
  });

  it('is final only when everybody is home', () => {
    expect(summaryOf({ ...report, outcome: null, is_final: false })).toBe('So far; the mission goes on.');
    expect(summaryOf({ ...report, is_final: false, in_the_air: 3 })).toBe('Complete, returning, 3 in the air: every window found is verified');
    const stranded = { ...report, outcome: 'stranded', reason: 'nobody brings fluid' };
    expect(summaryOf(stranded)).toBe('Stranded, everybody is on the ground: nobody brings fluid');
    expect(acceptanceOf({ ...report, is_final: false })).toBeNull();
    expect(acceptanceOf(report)).toBe('Accepted: every demand is met.');
    expect(acceptanceOf({ ...report, acceptance: { passed: false, checks: [{ name: 'collisions_max', value: 1, limit: 0, passed: false }] } })).toBe('Not accepted: collisions max.');
  });
});
