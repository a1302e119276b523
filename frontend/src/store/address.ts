/** What the address says of the view, so that a link shows somebody else the same: place, layout, filter, selection, time. */
import type { MapLayout } from './ui.svelte';

export interface Place {
  e: number;
  n: number;
  u: number;
  zoom: number;
}

export interface Shared {
  at?: Place;
  view?: MapLayout;
  filter?: string;
  selection?: string[];
  /** Simulated time that is looked back at, and the run it belongs to. */
  timeS?: number;
  run?: string;
  /** A run that is shown beside this one. */
  over?: string;
}

const LAYOUTS: readonly MapLayout[] = ['top', 'tilt', 'front', 'side', 'quad'];
/** More ids than this make no readable link; a filter says it better. */
const IDS_MAX = 30;

/** Reads what is there and makes sense; everything else in the address is left alone. */
export function readAddress(search: string): Shared {
  const given = new URLSearchParams(search);
  const shared: Shared = {};
  const at = (given.get('at') ?? '').split(',').map(Number);
  if (at.length === 4 && at.every(Number.isFinite) && at[3] > 0) shared.at = { e: at[0], n: at[1], u: at[2], zoom: at[3] };
  const view = given.get('view') as MapLayout | null;
  if (view && LAYOUTS.includes(view)) shared.view = view;
  const filter = given.get('filter');
  if (filter) shared.filter = filter;
  const selection = given.get('sel');
  if (selection) shared.selection = selection.split(',').filter(Boolean).slice(0, IDS_MAX);
  const time = Number(given.get('t') ?? NaN);
  if (Number.isFinite(time) && time >= 0) shared.timeS = time;
  const run = given.get('run');
  if (run) shared.run = run;
  const over = given.get('over');
  if (over) shared.over = over;
  return shared;
}

/** The search part of an address with this view in it; other members stay. */
export function writeAddress(search: string, shared: Shared): string {
  const made = new URLSearchParams(search);
  const put = (name: string, value: string | undefined): void => {
    if (value === undefined || value === '') made.delete(name);
    else made.set(name, value);
  };
  const short = (value: number): string => String(+value.toPrecision(6));
  const { at, selection = [] } = shared;
  put('at', at && [at.e, at.n, at.u].map((v) => v.toFixed(1)).concat(short(at.zoom)).join(','));
  put('view', shared.view === 'top' ? undefined : shared.view);
  put('filter', shared.filter);
  put('sel', selection.length > IDS_MAX ? undefined : selection.join(','));
  put('t', shared.timeS?.toFixed(1));
  put('over', shared.over);
  put('run', shared.timeS === undefined ? undefined : shared.run);
  // Commas are legal in a query and easier to read.
  const text = made.toString().replaceAll('%2C', ',').replaceAll('test=&', 'test&').replace(/test=$/, 'test');
  return text === '' ? '' : `?${text}`;
}
