/** Numbers as people read them. What is not known is a dash, never a zero. */

const DASH = '–';

/** As `toFixed`, but nothing rounds to minus zero. */
export function fixed(value: number, digits = 0): string {
  const text = value.toFixed(digits);
  return Number(text) === 0 ? text.replace('-', '') : text;
}

export function number(value: number, digits = 0): string {
  return Number.isFinite(value) ? fixed(value, digits) : DASH;
}

/** A count with commas between its thousands. Done by hand: the first use of the browser's own tables costs 60 ms at start. */
export function count(n: number): string {
  return String(n).replace(/\B(?=(\d{3})+$)/g, ',');
}

export function withUnit(value: number, unit: string, digits = 0): string {
  return Number.isFinite(value) ? `${fixed(value, digits)} ${unit}` : DASH;
}

/** Simulation time as 00:14:32.4. */
export function simClock(seconds: number, tenths = true): string {
  if (!Number.isFinite(seconds)) return DASH;
  const whole = Math.floor(seconds + 1e-6);
  const two = (n: number): string => String(n).padStart(2, '0');
  const text = `${two(Math.floor(whole / 3600))}:${two(Math.floor(whole / 60) % 60)}:${two(whole % 60)}`;
  return tenths ? `${text}.${Math.floor((seconds + 1e-6 - whole) * 10)}` : text;
}

/** A span: 420 ms, 3.2 s, 2 min. */
export function span(ms: number): string {
  if (!Number.isFinite(ms)) return DASH;
  if (ms < 1000) return `${Math.round(ms)} ms`;
  if (ms < 60_000) return `${(ms / 1000).toFixed(1)} s`;
  if (ms < 3_600_000) return `${Math.floor(ms / 60_000)} min`;
  return `${Math.floor(ms / 3_600_000)} h`;
}

/** Time of day as 12:03:11. */
export function timeOfDay(when: number | string | undefined): string {
  const date = when === undefined ? new Date() : new Date(when);
  return Number.isNaN(date.getTime()) ? DASH : date.toTimeString().slice(0, 8);
}
