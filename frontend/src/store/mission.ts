/** What panels and map make of a mission: windows by state, the order of tasks, the report as a page. */
import type { Building, CrewMember, Face, Mission, MissionReport } from '../proto/mission';

export type WindowState = 'unknown' | 'dirty' | 'cleaned' | 'verified' | 'rejected';
export const WINDOW_STATES: readonly WindowState[] = ['verified', 'cleaned', 'rejected', 'dirty', 'unknown'];

const LETTERS: Record<string, WindowState> = { d: 'dirty', c: 'cleaned', v: 'verified', r: 'rejected' };

export const stateAt = (face: Face, index: number): WindowState => LETTERS[face.states[index]] ?? 'unknown';

/** Whether the swarm is wrong about a window; null while nobody may know. */
export function isMistaken(face: Face, index: number): boolean | null {
  const truth = face.truth?.[index];
  if (truth === undefined || truth === '.') return null;
  const state = stateAt(face, index);
  if (state === 'unknown') return null;
  return (state === 'cleaned' || state === 'verified') !== (truth === 'c');
}

export function countStates(face: Face): Record<WindowState, number> {
  const counts: Record<WindowState, number> = { unknown: 0, dirty: 0, cleaned: 0, verified: 0, rejected: 0 };
  for (let i = 0; i < face.rows * face.columns; i++) counts[stateAt(face, i)]++;
  return counts;
}

/** Row and column of a window, both from 0, the row from below. */
export const placeOf = (face: Face, index: number): [row: number, column: number] => [Math.floor(index / face.columns), index % face.columns];

/** The middle of a window. */
export function centreOf(face: Face, index: number): [e: number, n: number, u: number] {
  const [row, column] = placeOf(face, index);
  const along = column * face.pitch_m[0];
  return [face.first[0] + face.right[0] * along, face.first[1] + face.right[1] * along, face.first[2] + face.right[2] * along + row * face.pitch_m[1]];
}

/** The way a face looks, on the ground: right, turned by a quarter clockwise. */
export const normalOf = (face: Face): [e: number, n: number] => [face.right[1], -face.right[0]];

/** Those parts of a mission that the ground is painted with: it is painted again only when they change. */
export const paintKey = (buildings: readonly Building[]): string => JSON.stringify(buildings);

/** What a crew member lacks most: shown first. */
export function needOf(member: CrewMember, batteryPct: number): 'lost' | 'battery' | 'fluid' | null {
  if (member.activity === 'lost') return 'lost';
  if (batteryPct <= member.reserve_pct) return 'battery';
  return member.fluid !== null && member.fluid.pct < 20 ? 'fluid' : null;
}

/** How far the swarm is, of all the windows that are known: 0 to 100; NaN before the first. */
export const verifiedPct = ({ windows }: Pick<Mission, 'windows'>): number => (windows.found > 0 ? (100 * windows.verified) / (windows.total ?? windows.found) : NaN);

const escape = (text: unknown): string => String(text ?? '–').replace(/[&<>"]/g, (c) => ({ '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' })[c] ?? c);

/** A table of the report: its title, its head, its rows. */
export interface Sheet {
  title: string;
  head: readonly string[];
  rows: readonly (readonly string[])[];
}

/** The report as a page that needs nothing else, for a file. */
export function reportPage(report: MissionReport, title: string, summary: string, sheets: readonly Sheet[]): string {
  const table = ({ title: name, head, rows }: Sheet): string =>
    `<h2>${escape(name)}</h2>\n<table>${head.length > 0 ? `<tr>${head.map((h) => `<th>${escape(h)}</th>`).join('')}</tr>` : ''}${rows.map((row) => `<tr>${row.map((cell) => `<td>${escape(cell)}</td>`).join('')}</tr>`).join('\n')}</table>`;
  return `<!doctype html>
<html lang="en"><meta charset="utf-8"><title>${escape(title)}</title>
<style>body{font:15px/1.5 system-ui,sans-serif;max-width:900px;margin:2em auto;padding:0 1em;color:#182025}h1{font-size:1.4em}h2{font-size:1.05em;margin:1.6em 0 .4em}table{border-collapse:collapse;font-variant-numeric:tabular-nums}th,td{text-align:left;padding:.2em 1.2em .2em 0;border-bottom:1px solid #cdd4d6}</style>
<h1>${escape(title)}</h1>
<p>${escape(summary)}</p>
${sheets.map(table).join('\n')}
<script type="application/json" id="report">${JSON.stringify(report).replace(/</g, '\\u003c')}</script>
</html>
`;
}
