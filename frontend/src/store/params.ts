/** How a tunable parameter is shown and changed. */
import type { ParamSpec } from '../proto/events';

/** Changes that are remembered. */
export const CHANGES_MAX = 50;

export type Control = 'number' | 'switch' | 'choice' | 'text';

export function controlOf(spec: ParamSpec): Control {
  if (spec.type === 'choice' && spec.choices) return 'choice';
  if (typeof spec.value === 'boolean') return 'switch';
  if (typeof spec.value === 'number') return 'number';
  return 'text';
}

/** The value typed into a field, or what is wrong with it. */
export function readNumber(spec: ParamSpec, text: string): { ok: true; value: number } | { ok: false; min: number; max: number } {
  const value = Number(text.trim().replace(',', '.'));
  const min = spec.min ?? -Infinity;
  const max = spec.max ?? Infinity;
  return text.trim() !== '' && Number.isFinite(value) && value >= min && value <= max ? { ok: true, value } : { ok: false, min, max };
}

/** What a parameter belongs to: the behaviour, or the section. Labels alone are not unique. */
export function sectionOf(path: string): string {
  return path.split('.').slice(0, -1).join('.').replace(/^behavior\./, '');
}
