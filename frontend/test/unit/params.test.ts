import { describe, expect, it } from 'vitest';
import { controlOf, sectionOf } from '../../src/store/params';

describe('parameters', () => {
  it('are shown by the kind of their value', () => {
    expect(controlOf({ path: 'a', value: 1, type: 'number' })).toBe('number');
    expect(controlOf({ path: 'a', value: true })).toBe('switch');
    expect(controlOf({ path: 'a', value: 1, type: 'choice', choices: ['cutoff', 'rescale'] })).toBe('choice');
    expect(controlOf({ path: 'a', value: 'x' })).toBe('text');
  });

  it('are told apart by what they belong to', () => {
    expect(sectionOf('behavior.boids.speed_mps')).toBe('boids');
    expect(sectionOf('limits.clearance_m')).toBe('limits');
    expect(sectionOf('alone')).toBe('');
  });
});
