import { describe, expect, it } from 'vitest';
import { count, fixed, number, withUnit } from '../../src/format';
import { commandLabel } from '../../src/store/labels';

describe('counts', () => {
  it('have a comma between thousands', () => {
    expect([0, 7, 999, 1000, 10_000, 123_456, 1_234_567].map(count)).toEqual(['0', '7', '999', '1,000', '10,000', '123,456', '1,234,567']);
  });
});

describe('numbers', () => {
  it('are never minus zero', () => {
    expect([fixed(-0.4), fixed(-0.04, 1), fixed(-0), fixed(-0.5, 1), fixed(-80.2), fixed(0.4)]).toEqual(['0', '0.0', '0', '-0.5', '-80', '0']);
    expect([number(-0.01, 1), withUnit(-0.3, 'm'), number(NaN), withUnit(-12.6, 'm')]).toEqual(['0.0', '0 m', '–', '-13 m']);
    expect(commandLabel('goto', { position: [-0.2, -80, 20] }, undefined)).toBe('Go to 0, -80, 20');
  });
});
