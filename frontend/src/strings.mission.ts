/** Words about missions, loaded with their panels. */
import type { Phase, TaskState } from './proto/mission';
import type { WindowState } from './store/mission';

const plural = (n: number, one: string, many: string): string => `${n} ${n === 1 ? one : many}`;

export const T = {
  phases: { preparing: 'Prepare', scanning: 'Scan', working: 'Work', verifying: 'Verify', returning: 'Return', ended: 'Ended' } as Record<Phase, string>,
  phase: 'Phase of the mission',
  windows: { unknown: 'unknown', dirty: 'dirty', cleaned: 'cleaned', verified: 'verified', rejected: 'rejected' } as Record<WindowState, string>,
  belief: 'Windows as the swarm believes them',
  noBuilding: 'The swarm has found no building yet.',
  coverage: 'Seen',
  progress: 'Verified',
  ofWindows: (verified: number, all: number, known: boolean): string => `${verified} of ${all}${known ? '' : ' found'}`,
  elapsed: (clock: string, limit: string | null): string => (limit === null ? clock : `${clock} of ${limit}`),
  localTime: (clock: string): string => `local ${clock}`,
  allocation: (name: string): string => ({ auction: 'by auction', optimal: 'by optimal assignment', nearest: 'nearest first' })[name] ?? name,
  godView: 'God view',
  godViewTitle: 'Shows what is so beside what the swarm believes. Everyone sees it in the log.',
  mistaken: 'corner: the swarm is wrong',
  report: 'Report…',
  face: (building: string, side: string): string => `${building}, ${side}`,
  faceLabel: (building: string, side: string, parts: string): string => `${building}, ${side} side: ${parts}`,
  windowAt: (row: number, column: number, state: string): string => `row ${row}, column ${column}: ${state}`,
  rulesBroken: 'Rules',

  tasks: 'Tasks',
  states: { held: 'under way', blocked: 'blocked', waiting: 'waiting' } as Record<TaskState, string>,
  counts: { held: 'under way', blocked: 'blocked', waiting: 'waiting', done: 'done', failed: 'failed' } as Record<string, string>,
  allTasks: 'all',
  kinds: { scan: 'Scan', clean: 'Clean', verify: 'Verify', inspect: 'Inspect', resupply: 'Resupply', tether: 'Tether', patrol: 'Patrol' } as Record<string, string>,
  kind: (kind: string): string => T.kinds[kind] ?? kind.charAt(0).toUpperCase() + kind.slice(1).replaceAll('_', ' '),
  columns: { what: 'Task', who: 'Who', how: 'How far', since: 'Since' },
  nobody: 'nobody',
  attempt: (n: number): string => `${n + 1}. try`,
  overdue: 'overdue',
  noTasks: 'No task of this kind is open.',
  moreTasks: (n: number): string => `and ${n} more`,
  showTask: (what: string): string => `Show ${what} on the map`,

  crew: 'Crew',
  activities: {
    grounded: 'on the ground', charging: 'charges', filling: 'fills up', queueing: 'queues', starting: 'starts', waiting: 'waits', transit: 'on the way', working: 'works', returning: 'returns', silent: 'silent', manual: 'flown by hand', lost: 'lost',
  } as Record<string, string>,
  battery: 'Battery',
  batteryOf: (pct: number, reserve: number): string => `${pct.toFixed(0)} %, reserve ${reserve.toFixed(0)} %`,
  fluid: 'Fluid',
  fluidOf: (level: number, tank: number): string => `${level.toFixed(1)} of ${tank.toFixed(0)} l`,
  tether: 'Tether',
  tetherOf: (length: number, max: number, tension: number): string => `${length.toFixed(0)} of ${max.toFixed(0)} m, ${tension.toFixed(0)} N`,
  tetherTo: (to: string): string => `to ${to}`,
  crewDone: (n: number): string => plural(n, 'task', 'tasks'),

  reportTitle: (scenario: string): string => `Mission report: ${scenario}`,
  soFar: 'So far; the mission goes on.',
  /** How it ended and why; before it is over, that it has been decided and who is still out. */
  standing: ({ outcome, reason, in_the_air }: { outcome: string | null; reason: string | null; in_the_air: number }, isOver: boolean): string => {
    const air = in_the_air > 0 ? `${in_the_air} in the air` : isOver ? 'everybody is on the ground' : '';
    const parts = [T.outcome[outcome ?? ''] ?? outcome, isOver ? '' : 'returning', air];
    return [parts.filter(Boolean).join(', '), reason].filter(Boolean).join(': ');
  },
  outcome: { complete: 'Complete', incomplete: 'Incomplete', stranded: 'Stranded' } as Record<string, string>,
  noReport: 'The server gave no report.',
  saveHtml: 'Save as page',
  saveJson: 'Save as JSON',
  sheets: { sum: 'In short', crew: 'Crew', rules: 'Rules', acceptance: 'Acceptance' },
  rows: {
    time: 'Time', scan: 'of it until all was scanned', energy: 'Energy', windows: 'Windows verified', cleaned: 'Cleanings', rework: 'Rework: rejected and cleaned again', tasks: 'Tasks done', failed: 'Tasks failed', late: 'Tasks after their deadline', air: 'In the air at the end', reallocated: 'Tasks given to somebody else',
    resupplies: 'Resupplies', fluid: 'Fluid', charges: 'Charges', idle: 'Idle', wait: 'Waited for others', near: 'Near misses', collisions: 'Collisions', crashes: 'Crashes', fences: 'Fence breaches', separation: 'Least distance',
  },
  collisions: (n: number, wrecks: number): string => (wrecks > 0 ? `${n}, ${wrecks} with one that fell` : String(n)),
  crewHead: ['Drone', 'Type', 'Tasks', 'Energy', 'In flight', 'Idle', 'Charges', 'Lowest battery', ''],
  lost: 'lost',
  rulesHead: ['Rule', 'Times', 'Held for'],
  accepted: 'Accepted: every demand is met.',
  notAccepted: (names: string): string => `Not accepted: ${names}.`,
  acceptanceHead: ['Check', 'Value', 'Limit', ''],
  passed: 'passed',
  notPassed: 'failed',
} as const;
