/** A mission as `visualization-update`, `status-update` and `GET /api/mission` tell of it. The names are those of `docs/PROTOCOL.md`. */
import { isRecord, type Vec3 } from './events';

export const PHASES = ['preparing', 'scanning', 'working', 'verifying', 'returning', 'ended'] as const;
export type Phase = (typeof PHASES)[number];
export type TaskState = 'held' | 'blocked' | 'waiting';

/** Windows of one side of a building, row by row from below, each row from left to right as seen from outside. */
export interface Face {
  side: string;
  rows: number;
  columns: number;
  /** Centre of the lowest window on the left. */
  first: Vec3;
  /** Unit vector towards the next column. */
  right: Vec3;
  /** Distance of columns, of rows. */
  pitch_m: [number, number];
  /** Width and height of a window. */
  window_m: [number, number];
  /** What the swarm believes: `.` unknown, `d` dirty, `c` cleaned, `v` verified, `r` rejected. */
  states: string;
  /** What is so: `d` dirty, `s` streaky, `c` clean. With god view only. */
  truth?: string;
}

export interface Building {
  name: string;
  center: [number, number];
  size_m: [number, number];
  height_m: number;
  faces: Face[];
}

export interface MissionTask {
  id: number;
  kind: string;
  state: TaskState;
  holder: string | null;
  target: string;
  position: Vec3;
  progress_pct: number;
  age_s: number;
  /** Seconds left; negative: overdue. */
  deadline_s: number | null;
  attempts: number;
  blocked: string | null;
}

export interface CrewMember {
  id: string;
  activity: string;
  task: number | null;
  text: string;
  reserve_pct: number;
  fluid: { level_l: number; tank_l: number; pct: number } | null;
  tether: { to: string; length_m: number; length_m_max: number; tension_n: number; tension_n_max: number } | null;
  done: number;
  idle_s: number;
}

export interface MissionRule {
  name: string;
  is_broken: boolean;
  text: string;
  action: string;
  times: number;
}

export interface Mission {
  phase: Phase;
  hold: { rule: string; text: string; action: string } | null;
  outcome: 'complete' | 'incomplete' | 'stranded' | null;
  reason: string | null;
  /** Drones of the mission that have not landed. */
  in_the_air: number;
  elapsed_s: number;
  limit_s: number | null;
  clock: string;
  allocation: string;
  god_view: boolean;
  coverage_pct: number;
  windows: { total: number | null; found: number; dirty: number; cleaned: number; verified: number; rejected: number };
  buildings: Building[];
  tasks: { waiting: number; held: number; blocked: number; done: number; failed: number; list: MissionTask[] };
  crew: CrewMember[];
  rules: MissionRule[];
  report: MissionReport | null;
}

export interface MissionReport {
  scenario: string;
  seed: number;
  outcome: string | null;
  reason: string | null;
  is_final: boolean;
  time_s: number;
  scan_s: number | null;
  energy_wh: number;
  windows: { total: number | null; found: number; cleaned: number; verified: number; rejected: number };
  rework: number;
  resupplies: number;
  fluid_l: number;
  charges: number;
  tasks: { done: number; failed: number; reallocated: number; late: number };
  /** Drones that have not landed. */
  in_the_air: number;
  idle_s: number;
  idle_pct: number;
  wait_s: number;
  near_misses: number;
  collisions: number;
  /** Those in which one of the two was falling. */
  wreck_collisions: number;
  crashes: number;
  fence_breaches: number;
  separation_min_m: number | null;
  rules: { name: string; times: number; held_s: number }[];
  crew: { id: string; type: string; tasks: number; energy_wh: number; flight_s: number; idle_s: number; charges: number; lowest_pct: number; is_lost: boolean }[];
  acceptance: { passed: boolean; checks: { name: string; value: number | string | null; limit: number | string | null; passed: boolean }[] } | null;
}

/** The block if it is one that the panels can show; null otherwise. */
export function missionOf(value: unknown): Mission | null {
  if (!isRecord(value)) return null;
  const { windows, tasks, buildings, crew } = value;
  if (!isRecord(windows) || !isRecord(tasks) || !Array.isArray(tasks.list) || !Array.isArray(buildings) || !Array.isArray(crew)) return null;
  const sound = buildings.filter((b): b is Building => isRecord(b) && Array.isArray(b.center) && Array.isArray(b.size_m) && Array.isArray(b.faces) && b.faces.every((f) => isRecord(f) && typeof f.states === 'string' && Array.isArray(f.first) && Array.isArray(f.right)));
  return { ...(value as unknown as Mission), buildings: sound, rules: Array.isArray(value.rules) ? (value.rules as MissionRule[]) : [] };
}
