/** What things are called that the server knows by other names. */
import type { LinkState } from './net/state';
import type { Fate } from './store/strips';

export const COMMANDS: Record<string, string> = {
  takeoff: 'Take off', land: 'Land', hold: 'Hold', rtl: 'Return', goto: 'Go to', follow: 'Follow', set_behavior: 'Behaviour',
  emergency_stop: 'Motor stop', arm: 'Arm', disarm: 'Disarm', pause: 'Pause', start: 'Start', step: 'Step', stop: 'Stop', reset: 'Reset',
  set_speed: 'Speed', set_param: 'Set', load_scenario: 'Load', spawn: 'Spawn', remove: 'Remove', group: 'Group', formation: 'Formation',
  mission: 'Mission', mission_start: 'Start mission', mission_pause: 'Pause mission', velocity: 'Velocity', scan: 'Scan', signal: 'Signal',
  inject_fault: 'Inject fault', set_environment: 'Environment', fork: 'Fork', undo_param: 'Undo', set_fence: 'Fence', remove_fence: 'Remove fence', god_view: 'God view',
};

export const MODES: Record<string, string> = {
  standby: 'Standby', takeoff: 'Take-off', hold: 'Hold', guided: 'Guided', mission: 'Mission', swarm: 'Swarm', rtl: 'Return', land: 'Land', emergency: 'Emergency', unknown: 'Unknown',
};

export const LANDED: Record<string, string> = { on_ground: 'on ground', takeoff: 'taking off', in_air: 'in the air', landing: 'landing' };

export const LINK: Record<LinkState, string> = { connecting: 'Connecting', live: 'Live', late: 'Late', delayed: 'Delayed', lost: 'Lost', polling: 'HTTP polling, every 5 s' };

export const FATES: Record<Fate, string> = { sending: 'sent', accepted: 'accepted', in_progress: 'in progress', completed: 'done', failed: 'failed', denied: 'refused', cancelled: 'cancelled' };

export const FAULTS: Record<string, string> = { motor: 'motor', battery: 'battery', gps: 'position fix', link: 'radio link', panic: 'pilot' };
