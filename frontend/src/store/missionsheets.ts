/** The report of a mission in words: the same tables on the page and in the file. */
import { number, simClock, withUnit } from '../format';
import type { MissionReport } from '../proto/mission';
import { T } from '../strings.mission';
import type { Sheet } from './mission';

const time = (s: number | null): string => (s === null ? '–' : simClock(s, false));
const of = (value: number | null, unit: string, digits = 0): string => (value === null ? '–' : withUnit(value, unit, digits));

export function summaryOf(report: MissionReport): string {
  return report.outcome === null ? T.soFar : T.standing(report, report.is_final);
}

/** Whether the run is what its scenario asks for; nothing before it is over, or if nothing is asked for. */
export function acceptanceOf({ acceptance, is_final }: MissionReport): string | null {
  if (!acceptance || !is_final) return null;
  const failed = acceptance.checks.filter((check) => !check.passed).map((check) => check.name.replaceAll('_', ' '));
  return failed.length === 0 ? T.accepted : T.notAccepted(failed.join(', '));
}

const figure = (value: number | string | null): string => (typeof value === 'string' ? value : number(value ?? NaN, 1));

export function sheetsOf(r: MissionReport): Sheet[] {
  const { rows } = T;
  const sum: [string, string][] = [
    [rows.time, time(r.time_s)], [rows.scan, time(r.scan_s)], [rows.windows, T.ofWindows(r.windows.verified, r.windows.total ?? r.windows.found, r.windows.total !== null)], [rows.cleaned, String(r.windows.cleaned)],
    [rows.rework, String(r.rework)], [rows.tasks, String(r.tasks.done)], [rows.failed, String(r.tasks.failed)], [rows.reallocated, String(r.tasks.reallocated)],
    [rows.late, String(r.tasks.late)], [rows.air, String(r.in_the_air)],
    [rows.energy, of(r.energy_wh, 'Wh')], [rows.charges, String(r.charges)], [rows.resupplies, String(r.resupplies)], [rows.fluid, of(r.fluid_l, 'l', 1)],
    [rows.idle, `${time(r.idle_s)}, ${number(r.idle_pct, 1)} %`], [rows.wait, time(r.wait_s)],
    [rows.near, String(r.near_misses)], [rows.collisions, T.collisions(r.collisions, r.wreck_collisions)], [rows.crashes, String(r.crashes)], [rows.fences, String(r.fence_breaches)], [rows.separation, of(r.separation_min_m, 'm', 1)],
  ];
  const crew = r.crew.map((c) => [c.id, c.type, String(c.tasks), of(c.energy_wh, 'Wh'), time(c.flight_s), time(c.idle_s), String(c.charges), of(c.lowest_pct, '%'), c.is_lost ? T.lost : '']);
  const sheets: Sheet[] = [{ title: T.sheets.sum, head: [], rows: sum }];
  if (r.acceptance) sheets.unshift({ title: T.sheets.acceptance, head: T.acceptanceHead, rows: r.acceptance.checks.map((c) => [c.name.replaceAll('_', ' '), figure(c.value), figure(c.limit), c.passed ? T.passed : T.notPassed]) });
  sheets.push({ title: T.sheets.crew, head: T.crewHead, rows: crew });
  if (r.rules.length > 0) sheets.push({ title: T.sheets.rules, head: T.rulesHead, rows: r.rules.map((rule) => [rule.name.replaceAll('_', ' '), String(rule.times), time(rule.held_s)]) });
  return sheets;
}
