/** Words of panels that are only loaded when somebody opens them. */
import { number } from './format';
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

  spawn: 'Add drones',
  count: 'How many',
  place: 'Place on map',
  wind: 'Wind',
  windSpeed: 'Speed, m/s',
  windFrom: 'From, °',
  gusts: 'Gusts, m/s',
  set: 'Set',
} as const;
