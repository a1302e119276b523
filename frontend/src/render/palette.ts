/** The colours of the map, read from the same tokens as everything else. */

export interface Palette {
  ground: string;
  line: string;
  edge: string;
  fg: string;
  fg2: string;
  fg3: string;
  panel: string;
  drone: string;
  selected: string;
  path: string;
  ok: string;
  caution: string;
  warning: string;
}

const NAMES = ['ground', 'line', 'edge', 'fg', 'fg2', 'fg3', 'panel', 'drone', 'selected', 'path', 'ok', 'caution', 'warning'] as const;

export function readPalette(element: Element): Palette {
  const style = getComputedStyle(element);
  const read = (name: string): string => style.getPropertyValue(`--${name}`).trim() || '#888888';
  return Object.fromEntries(NAMES.map((name) => [name, read(name)])) as unknown as Palette;
}

/** `#rrggbb` as the little-endian word of an opaque canvas pixel. */
export function packed(hex: string): number {
  const rgb = parseInt(hex.slice(1), 16);
  return ((0xff << 24) | ((rgb & 0xff) << 16) | (rgb & 0xff00) | (rgb >>> 16)) >>> 0;
}
