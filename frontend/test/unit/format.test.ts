import { describe, expect, it } from 'vitest';
import { count } from '../../src/format';

describe('counts', () => {
  it('have a comma between thousands', () => {
    expect([0, 7, 999, 1000, 10_000, 123_456, 1_234_567].map(count)).toEqual(['0', '7', '999', '1,000', '10,000', '123,456', '1,234,567']);
  });
});
