import { describe, expect, it } from 'vitest';
import { confirmationFor } from '../../src/input/consequence';

describe('confirmation', () => {
  it.each([
    ['hold', 1, 'immediate'], ['hold', 500, 'immediate'], ['takeoff', 1, 'immediate'], ['takeoff', 2, 'hold'],
    ['land', 1, 'hold'], ['rtl', 1, 'hold'], ['goto', 38, 'hold'], ['set_behavior', 12, 'hold'],
    ['emergency_stop', 1, 'type-count'], ['reset', 0, 'type-count'], ['load_scenario', 0, 'type-count'], ['pause', 0, 'immediate'],
  ])('%s for %i drones: %s', (command, count, expected) => expect(confirmationFor(command, count)).toBe(expected));

  it('is never less for more drones', () => {
    const order = ['immediate', 'hold', 'type-count'];
    for (const command of ['takeoff', 'land', 'hold', 'goto', 'follow', 'emergency_stop', 'anything']) {
      expect(order.indexOf(confirmationFor(command, 10))).toBeGreaterThanOrEqual(order.indexOf(confirmationFor(command, 1)));
    }
  });
});
