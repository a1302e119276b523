/** What the server says and takes, as types. The names are those of `docs/PROTOCOL.md`. */

export type Vec3 = [e: number, n: number, u: number];
export type RunState = 'running' | 'paused' | 'stopped';
export type Level = 'debug' | 'info' | 'warning' | 'error' | 'critical';
export type Role = 'viewer' | 'operator' | 'admin';

export interface DroneType {
  name: string;
  title: string;
  shape: string;
  capabilities?: string[];
  speed_mps_max?: number;
}

export interface Fence {
  name: string;
  kind: 'keep_in' | 'keep_out';
  polygon: [number, number][];
  floor_m?: number;
  ceiling_m?: number;
  action?: string;
}

export interface Obstacle {
  name: string;
  shape: 'box' | 'cylinder';
  center: [number, number];
  size?: [number, number];
  radius?: number;
  height_m?: number;
}

export interface Welcome {
  version: string;
  build: string;
  swarm: string;
  tick_hz: number;
  tick_s: number;
  origin?: { lat: number; lon: number; amsl_m: number };
  types: DroneType[];
  groups: string[];
  scenario: { name: string; title?: string; seed: number };
  /** Absent when a new run is announced to everyone. */
  role?: Role | null;
  params_hash?: string;
  fences?: Fence[];
  obstacles?: Obstacle[];
  run_id: string;
  scenarios?: string[];
  access?: 'open' | 'token';
}

export interface DronesTable {
  epoch: number;
  drones: { id: string; type: string; group?: string | null }[];
}

export interface StatusUpdate {
  seq: number;
  tick: number;
  sim_time_s: number;
  wall_time_ms: number;
  state: RunState;
  /** Null: as fast as it goes. */
  speed: number | null;
  tick_hz: number;
  drones: number;
  modes: Record<string, number>;
  metrics?: Partial<Record<string, number | null>> & { alerts?: { caution: number; warning: number } };
  load?: { tick_ms: number; lateness_ms: number };
  clients?: number;
  run_id: string;
  /** Where the run went on after its server had died. */
  resumed_at_tick?: number | null;
  database?: 'ok' | 'away' | 'none';
  /** What waits on the server's disk for the database. */
  spool?: { records: number; bytes: number; fill_pct: number };
  /** Of worlds with a mission. */
  mission?: { phase: string; outcome: string | null; hold: unknown; found: number; verified: number; progress_pct: number; coverage_pct: number; tasks_open: number } | null;
  /** Of a replay: how far its recording goes. */
  replay?: { last_tick: number; is_recording: boolean };
}

export interface DroneJson {
  id: string;
  type: string;
  group?: string | null;
  position: number[];
  velocity?: number[];
  heading_deg: number;
  battery_pct: number;
  mode: string;
  landed: string;
  alert?: string | { level: string; text: string } | null;
}

export interface DronesUpdate {
  seq: number;
  tick: number;
  sim_time_s: number;
  wall_time_ms: number;
  drones: DroneJson[];
}

export interface VisualizationUpdate {
  seq: number;
  tick: number;
  links?: [string, string][];
  goals?: Record<string, Vec3>;
  paths?: Record<string, Vec3[]>;
  fences?: Fence[];
  obstacles?: Obstacle[];
  /** Of worlds with a mission; see `mission.ts`. */
  mission?: unknown;
}

export interface LogEntry {
  seq: number;
  tick: number;
  time?: string | number;
  level: Level;
  source: string;
  message: string;
}

export type ResultName =
  | 'accepted'
  | 'in_progress'
  | 'completed'
  | 'temporarily_rejected'
  | 'denied'
  | 'unsupported'
  | 'failed'
  | 'cancelled'
  | 'timed_out'
  | 'not_in_control';

export interface Verdict {
  result: ResultName;
  reason?: string | null;
  progress_pct?: number | null;
}

export type Targets = 'all' | string[] | { group: string } | { where: string };

export interface CommandEnvelope {
  command_id: string;
  command: string;
  targets?: Targets;
  params?: Record<string, unknown>;
  dry_run?: boolean;
  /** Reach drones that others hold too. */
  override?: boolean;
}

export interface ApiError {
  code: string;
  message: string;
  field?: string;
}

/** What would be flown, by the model itself: in the answer to a dry run. */
export interface Forecast {
  /** How far it looked ahead, simulated seconds. */
  looked_s: number;
  /** Until the last of them has carried it out. */
  done_s?: number;
  done: number;
  failed: number;
  separation_min_m?: number;
  near_misses: number;
  collisions: number;
  /** By drone, from where it is. */
  paths: Record<string, Vec3[]>;
}

export type CommandAck =
  | { ok: true; command_id: string; tick?: number; results?: Record<string, Verdict>; forecast?: Forecast }
  | { ok: false; command_id?: string; error: ApiError };

export interface CommandUpdate {
  command_id: string;
  author?: string;
  via?: 'socketio' | 'http' | 'mavlink';
  command: string;
  /** In the first update only. */
  params?: Record<string, unknown>;
  tick?: number;
  results: Record<string, Verdict>;
  done?: boolean;
}

/** A command with everything its updates said. */
export interface CommandRecord extends CommandUpdate {
  began_ms: number;
  changed_ms: number;
}

/** The drones that one operator holds. */
export interface Lease {
  holder: string;
  drones: string[];
}

export interface PresenceUpdate {
  count?: number;
  operators?: { id?: string; name?: string; role?: string }[];
  leases?: Lease[];
}

export interface ParamSpec {
  path: string;
  label?: string;
  unit?: string | null;
  /** `number`, or `choice`: the value is then a place in `choices`. */
  type?: string;
  choices?: readonly string[];
  min?: number | null;
  max?: number | null;
  step?: number | null;
  default?: unknown;
  value: unknown;
}

/** Whether something received is an object with members; everything else is not ours. */
export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
