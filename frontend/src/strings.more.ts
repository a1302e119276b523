/** Words of panels that are only loaded when somebody opens them. */
import { number } from './format';
import type { CheckName } from './store/preflight';
import type { Metric } from './store/series';
import { drones } from './strings';

const UNITS: Record<Metric, [unit: string, digits: number]> = { separation: ['m', 1], polarization: ['', 2], battery: ['%', 0], speed: ['m/s', 1], airborne: ['', 0], tick: ['ms', 2] };

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
  metrics: { separation: 'Least distance', polarization: 'Common heading, 0 to 1', battery: 'Lowest battery', speed: 'Mean speed', airborne: 'In the air', tick: 'Time of a tick' } as Record<Metric, string>,
  value: (metric: Metric, value: number): string => `${number(value, UNITS[metric][1])} ${UNITS[metric][0]}`.trim(),
  timeline: 'Time shown: arrows step, Home is the oldest moment, End is live',
  live: 'live',
  stopPicture: 'Stop the picture',
  playPicture: 'Play or stop',
  spanOf: 'Minutes shown',
  minutes: (n: number): string => `${n} min`,

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

  allClear: 'Ready: nothing stands against flying.',
  openPoints: (n: number): string => (n === 1 ? 'One point is open.' : `${n} points are open.`),
  checks: {
    link: 'Live data', recording: 'The run is recorded', battery: 'Batteries at 30 % or more', radio: 'Every drone reports, with sound values', fence: 'There is a fence to stay in',
    inside: 'All are inside the fences', alerts: 'Every alert has been seen', authority: 'Nobody else holds drones',
  } as Record<CheckName, string>,
  checkOk: 'fine',
  checkOpen: 'open',
  checkDetail: (name: CheckName, count: number, text: string): string =>
    count > 0 ? drones(count) : name === 'authority' ? text : name === 'alerts' ? `${text} not seen` : name === 'fence' ? 'none' : text,

  spawn: 'Add drones',
  count: 'How many',
  place: 'Place on map',
  wind: 'Wind',
  windSpeed: 'Speed, m/s',
  windFrom: 'From, °',
  gusts: 'Gusts, m/s',
  set: 'Set',
} as const;
