/** What stands around the map, in a script of its own: the map and its first drones do not wait for it. */
export { default as Alerts } from './Alerts.svelte';
export { default as Commands } from './Commands.svelte';
export { default as Drawer } from './Drawer.svelte';
export { default as Fleet } from './Fleet.svelte';
export { default as FleetHead } from './FleetHead.svelte';
export { default as Hint } from './Hint.svelte';
export { default as Lost } from './Lost.svelte';
export { default as Inspector } from './Inspector.svelte';
export { default as Strips } from './Strips.svelte';
export { default as Wall } from './Wall.svelte';
