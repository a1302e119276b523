/** Words of panels that are only loaded when somebody opens them. */
import { number, span } from './format';
import type { Forecast } from './proto/events';
import type { Figure } from './store/figures';
import type { CheckName } from './store/preflight';
import { SEARCH_M, type Metric } from './store/series';
import { drones } from './strings';

const UNITS: Record<Metric, [unit: string, digits: number]> = { separation: ['m', 1], polarization: ['', 2], battery: ['%', 0], speed: ['m/s', 1], airborne: ['', 0], tick: ['ms', 2] };

const FIGURE_UNITS: Record<Figure, [unit: string, digits: number]> = {
  separation_min_m: ['m', 1], polarization: ['', 2], battery_min_pct: ['%', 0], speed_mean_mps: ['m/s', 1], airborne: ['', 0], cohesion_radius_m: ['m', 1], near_misses: ['', 0],
};
const withUnit = (value: number, [unit, digits]: [string, number]): string =>
  Number.isFinite(value) ? `${number(value, digits)} ${unit}`.trim() : value === Infinity ? `over ${SEARCH_M} ${unit}` : number(NaN);

const inSpan = (s: number): string => span(1000 * s);

export const M = {
  spacing: 'Distance between drones, m',
  choose: 'Choose…',
  drawRegion: 'Draw region',
  noGroup: 'none: leave the group',
  join: 'Join',
  fault: 'Fault',
  faults: { motor: 'Motor', battery: 'Battery', gps: 'Position fix', link: 'Radio link', panic: 'Pilot crash' } as Record<string, string>,
  seconds: 'For how many seconds; empty: until mended',
  breakIt: 'Break',
  mend: 'Mend',
  remove: 'Remove…',
  forN: (n: number): string => `All of these concern the ${drones(n)} selected.`,

  metric: 'What is plotted',
  metrics: { separation: 'Least distance', polarization: 'Common heading, 0 to 1', battery: 'Battery, lowest and median', speed: 'Mean speed', airborne: 'In the air', tick: 'Time of a tick' } as Record<Metric, string>,
  valueOf: (metric: Metric, values: readonly number[]): string => values.map((value) => withUnit(value, UNITS[metric])).join(', '),
  figures: {
    separation_min_m: 'Least distance', polarization: 'Common heading', battery_min_pct: 'Lowest battery', speed_mean_mps: 'Mean speed', airborne: 'In the air', cohesion_radius_m: 'Spread', near_misses: 'Near misses',
  } as Record<Figure, string>,
  figureValue: (figure: Figure, value: number): string => withUnit(value, FIGURE_UNITS[figure]),
  timeline: 'Time shown: arrows step, Home is the oldest moment, End is live',
  live: 'live',
  stopPicture: 'Freeze the picture',
  playPicture: 'Play',
  holdPicture: 'Pause',
  spanOf: 'Minutes shown',
  minutes: (n: number): string => `${n} min`,

  swarms: 'What flies or is played now',
  swarmKinds: { live: 'flies', replay: 'replay' } as Record<string, string>,
  end: 'End',
  endSwarm: (id: string): string => `End ${id}`,
  searchRuns: 'Search runs',
  compareColumn: 'Compare',
  started: 'Started',
  length: 'Length',
  from: 'From',
  whatToDo: 'What to do with it',
  markTwo: 'Mark two runs to see one over the other.',
  markOneMore: 'Mark one more.',
  over: 'A over B',
  overTitle: 'Plays A, with the drones of B drawn beside its own',
  markRun: (scenario: string, clock: string): string => `Compare ${scenario} of ${clock}`,
  runStatus: { recording: 'recording', complete: 'complete', truncated: 'cut short' } as Record<string, string>,
  thisRun: 'shown now',
  forkOf: (run: string, tick: number): string => `fork of …${run} at tick ${tick}`,
  replayTitle: 'Plays it as it was, in a view of its own',
  export: 'Export',
  formats: { csv: 'CSV', jsonl: 'JSON Lines', parquet: 'Parquet', mcap: 'MCAP' } as Record<string, string>,
  noRuns: 'Nothing is recorded yet.',
  olderRuns: 'Older runs',
  reading: 'Reading…',

  toStart: 'To the beginning',
  back: 'Back 1 s',
  forward: 'On 1 s',
  playback: 'Time of the replay: arrows step a second, Page Up and Down ten, Home and End go to the ends',
  ofClock: (end: string): string => `of ${end}`,
  tick: (n: number): string => `tick ${n}`,
  forkHere: 'Fork here',
  forkHereTitle: 'A live swarm that goes on from this tick, and can be commanded',
  compareTo: 'Compare…',
  stopComparing: 'Compare no more',
  noMetrics: 'Nothing was measured in this run yet.',
  equalTo: (clock: string): string => `Equal up to ${clock}`,
  partAt: (clock: string): string => `They part at ${clock}`,
  comparing: 'Comparing…',
  sideBySide: 'Figures of both runs',
  figure: 'Figure',
  runA: 'A, this run',
  runB: 'B',
  apart: 'Apart, mean, most',
  beyond: 'B has ended before',

  kinds: { keep_in: 'keep in', keep_out: 'keep out' } as Record<string, string>,
  corners: (n: number): string => `${n} corners`,
  upTo: (m: number): string => `up to ${m} m`,
  edit: 'Edit',
  removeFence: 'Remove',
  drawFence: 'Draw a fence',
  fenceName: 'Name',
  kind: 'Drones',
  onBreach: 'Who crosses it',
  breach: { warn: 'is warned', hold: 'holds', rtl: 'returns', land: 'lands' } as Record<string, string>,
  floor: 'From, m',
  ceiling: 'Up to, m',
  saveFence: 'Send to the swarm',
  cornersHelp: 'Corners, east and north in metres: click on the map, drag, or type',

  preflightOf: (selected: number, all: number): string => (selected > 0 ? `${selected} selected` : `All ${all}`),
  allClear: 'ready, nothing stands against flying.',
  openPoints: (n: number): string => (n === 1 ? 'one point is open.' : `${n} points are open.`),
  checks: {
    link: 'Live data', recording: 'The run is recorded', battery: 'Batteries at 30 % or more', radio: 'Every drone reports, with sound values', warning: 'No drone shows a warning', fence: 'There is a fence to stay in',
    inside: 'All are where the fences allow', alerts: 'Every alert has been seen', authority: 'Nobody else holds drones',
  } as Record<CheckName, string>,
  checkOk: 'fine',
  checkOpen: 'open',
  checkDetail: (name: CheckName, count: number, text: string): string =>
    count > 0 ? drones(count) : name === 'authority' ? text : name === 'alerts' ? `${text} not seen` : name === 'fence' ? 'none' : text,

  route: 'Queue of points',
  routeOf: (n: number, metres: number): string => `${n === 1 ? '1 point' : `${n} points`}${n > 1 ? `, ${metres.toFixed(0)} m` : ''}`,
  heightOf: (n: number): string => `Height of point ${n}, m`,
  dropPoint: (n: number): string => `Leave out point ${n}`,
  clearRoute: 'Clear',
  flyRoute: (n: number): string => `Fly with ${drones(n)}…`,
  routeHelp: 'Shift and right click adds a point, W the middle of the map.',

  messages: 'Messages, newest first',
  messageEvent: 'Which messages',
  everyMessage: 'Every message',
  stopMessages: 'Stop',
  goOnMessages: 'Go on',
  clearMessages: 'Clear',
  messagesHelp: 'What goes over Socket.IO while this panel is open.',
  cameIn: 'came in',
  wentOut: 'went out',
  bytes: (n: number): string => (n < 10_000 ? `${n} B` : `${(n / 1024).toFixed(0)} KiB`),

  saveCsv: 'What is shown, as a table',
  savePng: 'What is shown, as a picture',

  foreseen: (f: Forecast): string => {
    const end = f.done_s !== undefined ? `Done in ${inSpan(f.done_s)}` : f.done + f.failed === 0 ? `Looked ${inSpan(f.looked_s)} ahead` : `${f.done} done within ${inSpan(f.looked_s)}`;
    return f.separation_min_m === undefined ? end : `${end}, drones at least ${f.separation_min_m.toFixed(1)} m apart`;
  },
  foreseenTrouble: (f: Forecast): string => {
    const parts = [f.collisions > 0 ? (f.collisions === 1 ? '1 collision' : `${f.collisions} collisions`) : '', f.near_misses > 0 ? (f.near_misses === 1 ? '1 near miss' : `${f.near_misses} near misses`) : '', f.failed > 0 ? `${drones(f.failed)} would not make it` : ''].filter(Boolean);
    return parts.length > 0 ? `Foreseen: ${parts.join(', ')}.` : '';
  },

  lost: 'Lost drones',
  lostN: (n: number): string => `Lost: ${drones(n)}`,
  silentFor: (time: string): string => `silent for ${time}`,
  dismissAll: 'Dismiss all',
  dismissLostTitle: 'Takes the last known position off the map until the drone is heard again',

  command: (whom: string): string => `Command ${whom}`,
  mapMenu: 'Menu of the map',
  selectOnly: 'Select only this one',
  addToSelection: 'Add to the selection',
  takeOut: 'Take out of the selection',
  centreOnIt: 'Centre the map on it',
  sendHere: 'Send here…',
  queueHere: 'Add to the queue of points',
  followIt: (id: string): string => `Follow ${id}`,
  placeAt: (e: string, n: string): string => `East ${e}, north ${n} m`,
  centreHere: 'Centre the map here',
  copyPlace: 'Copy the coordinates',
  copied: (text: string): string => `${text} is copied.`,
  fenceHere: 'Draw a fence from here',

  spawn: 'Add drones',
  count: 'How many',
  place: 'Place on map',
  wind: 'Wind',
  windSpeed: 'Speed, m/s',
  windFrom: 'From, °',
  gusts: 'Gusts, m/s',
  set: 'Set',
} as const;
