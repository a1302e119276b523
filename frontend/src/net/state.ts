/** What the operator may believe: the one place that decides between live, late, delayed, lost and polling. */

export type LinkState = 'connecting' | 'live' | 'late' | 'delayed' | 'lost' | 'polling';

export interface LinkFacts {
  /** Whether the socket is up. */
  connected: boolean;
  /** Whether HTTP polling carries the data at the moment. */
  polling: boolean;
  /** Age of the newest data in ms, NaN before there was any. */
  ageMs: number;
  /** Spacing of frames we asked for, in ms: at 1 Hz an age of 900 ms is no delay. */
  intervalMs: number;
  /** Since when we have been without data from the start, in ms. */
  waitingMs: number;
}

export const LATE_MS = 250;
export const DELAYED_MS = 1000;
export const LOST_MS = 3000;
const NORMAL_INTERVAL_MS = 40;

export function judge(f: LinkFacts): LinkState {
  if (Number.isNaN(f.ageMs)) {
    if (f.polling) return 'polling';
    return f.waitingMs > LOST_MS ? 'lost' : 'connecting';
  }
  if (!f.connected) return f.polling ? 'polling' : 'lost';
  const age = f.ageMs - Math.max(0, f.intervalMs - NORMAL_INTERVAL_MS);
  if (age < LATE_MS) return 'live';
  if (age < DELAYED_MS) return 'late';
  return age <= LOST_MS ? 'delayed' : 'lost';
}

/** Whether commands can be sent at all, or why not. */
export function commandsAllowed(state: LinkState, role: string, rewound = false, replay = false): string | null {
  if (role === 'viewer') return 'viewer';
  if (replay) return 'replay';
  if (rewound) return 'rewound';
  if (state === 'lost' || state === 'connecting') return state;
  return null;
}
