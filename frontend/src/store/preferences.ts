/** What the person set, kept in this browser. Storage may be forbidden; then everything is as at first. */
import { ui, type Theme } from './ui.svelte';

const KEY = 'hmrs.console';

interface Stored {
  theme?: Theme;
  fleetOpen?: boolean;
  sideOpen?: boolean;
  drawerOpen?: boolean;
  singleKeys?: boolean;
  hintSeen?: boolean;
  name?: string;
  keymap?: Record<string, string>;
  baseMap?: boolean;
}

export function loadPreferences(): void {
  let stored: Stored = {};
  try {
    stored = (JSON.parse(localStorage.getItem(KEY) ?? '{}') ?? {}) as Stored;
  } catch {
    // Unreadable or forbidden: begin afresh.
  }
  if (stored.theme === 'dark' || stored.theme === 'light') ui.theme = stored.theme;
  ui.fleetOpen = stored.fleetOpen ?? true;
  ui.sideOpen = stored.sideOpen ?? true;
  ui.drawerOpen = stored.drawerOpen ?? window.innerHeight > 640;
  ui.singleKeys = stored.singleKeys ?? true;
  ui.hintOpen = stored.hintSeen !== true;
  const { keymap } = stored;
  if (keymap && typeof keymap === 'object') ui.keymap = Object.fromEntries(Object.entries(keymap).filter(([, key]) => typeof key === 'string' && key.length === 1));
  ui.baseMap = stored.baseMap ?? true;
  if (typeof stored.name === 'string') ui.name = stored.name;
}

export function savePreferences(): void {
  const stored: Stored = {
    theme: ui.theme, fleetOpen: ui.fleetOpen, sideOpen: ui.sideOpen, drawerOpen: ui.drawerOpen, singleKeys: ui.singleKeys, hintSeen: !ui.hintOpen, name: ui.name, keymap: ui.keymap, baseMap: ui.baseMap,
  };
  try {
    localStorage.setItem(KEY, JSON.stringify(stored));
  } catch {
    // Nothing is lost but the memory of it.
  }
}
