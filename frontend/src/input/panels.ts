/** Panels around the map, opened and closed by key. Where they stand below one another, one that opens is also brought into sight. */
import { ui } from '../store/ui.svelte';

const PLACES = { fleetOpen: '.fleet', sideOpen: '.inspector', drawerOpen: '.drawer' };
type Panel = keyof typeof PLACES;

/** Of a panel in sight at least so much is seen. */
const SEEN_PX = 24;

/** What scrolls beneath the map of a narrow window. */
const column = (): Element | null => document.querySelector('.under');

export function showPanel(panel: Panel): void {
  ui[panel] = true;
  requestAnimationFrame(() => column()?.querySelector(PLACES[panel])?.scrollIntoView({ block: 'start' }));
}

/** A panel that is open but out of sight is shown first: closed, nobody would see what the key did. */
export function togglePanel(panel: Panel): void {
  if (ui[panel] && !isHidden(panel)) ui[panel] = false;
  else showPanel(panel);
}

function isHidden(panel: Panel): boolean {
  const sight = column()?.getBoundingClientRect();
  const place = column()?.querySelector(PLACES[panel])?.getBoundingClientRect();
  return sight !== undefined && place !== undefined && (place.top > sight.bottom - SEEN_PX || place.bottom < sight.top + SEEN_PX);
}
