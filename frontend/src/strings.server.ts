/** Words of the panel about the server. */
import { count, number, span } from './format';
import type { Level } from './store/vitals';

const records = (n: number): string => (n === 1 ? '1 record waits' : `${count(n)} records wait`);

export const V = {
  status: { ok: 'The server is well.', degraded: 'The swarm flies, but its records do not reach the database.', down: 'A swarm stands still: the server should be restarted.' } as Record<Level, string>,
  version: (version: string): string => `version ${version}`,
  checks: 'Checks',
  figures: 'Figures of the last two seconds',
  swarm: (id: string): string => `Swarm ${id}`,
  swarmState: (tick: number, ageMs: number, missed: number, crashes: number): string =>
    `tick ${count(tick)}, ${span(ageMs)} ago${missed > 0 ? `, ${count(missed)} missed` : ''}${crashes > 0 ? `, ${count(crashes)} pilots replaced` : ''}`,
  database: 'Database',
  databaseState: (state: string, queued: number, lagMs: number): string =>
    (state === 'none' ? 'nothing is recorded' : state === 'away' ? `away, ${records(queued)}` : queued > 0 ? `${records(queued)}, ${span(lagMs)}` : 'nothing waits'),
  spool: 'Spool',
  spoolState: (waiting: number): string => (waiting > 0 ? `${records(waiting)} on disk` : 'empty'),
  taking: 'Commands',
  ready: 'are taken',
  notReady: 'are not taken',
  tick: 'A tick is computed, middle and 99 %',
  lateness: 'A tick begins late by',
  frames: 'A frame is old when it is sent',
  commands: 'A command is answered',
  commits: 'A record is in the database',
  within: (time: string): string => `≤ ${time}`,
  beyond: '> 30 s',
  nothing: '–',
  sessions: 'Sessions',
  sessionsOf: (websocket: number, polling: number): string => `${count(websocket)} WebSocket, ${count(polling)} polling`,
  sent: 'Sent',
  received: 'Received',
  bytesRate: (bytes: number): string => (Number.isFinite(bytes) ? `${number(bytes / 1000, 1)} kB/s` : '–'),
  rows: 'Rows recorded',
  perSecond: (n: number): string => (Number.isFinite(n) ? `${number(n, 1)} a second` : '–'),
  refused: 'Refused since the start',
  replaced: 'Frames replaced for slow clients',
  audit: 'Audit trail, newest first',
  when: 'When',
  who: 'Who',
  did: 'Did or tried',
  result: 'Result',
  address: 'From',
  nobody: 'nobody',
} as const;
