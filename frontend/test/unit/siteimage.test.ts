import { describe, expect, it } from 'vitest';
import { placementOf, siteImageConfig, type Fixed } from '../../src/render/siteimage';

/** Where a placement puts a pixel. */
const put = (points: Fixed[], x: number, y: number): [number, number] => {
  const placement = placementOf(points);
  if (!placement) throw new Error('it lies nowhere');
  const [a, b, c, d, f, g] = placement;
  return [a * x + b * y + c, d * x + f * y + g];
};

describe('a picture of the site', () => {
  it('lies by two points: turned, scaled, shifted, and not mirrored', () => {
    // Half a metre a pixel, north up.
    const north: Fixed[] = [{ pixel: [0, 0], at: [-100, 50] }, { pixel: [400, 200], at: [100, -50] }];
    expect(put(north, 200, 100)).toEqual([0, 0]);
    expect(put(north, 400, 0)).toEqual([100, 50]);
    // The same picture with east up: its right edge lies in the south.
    const east: Fixed[] = [{ pixel: [0, 0], at: [50, 100] }, { pixel: [400, 0], at: [50, -100] }];
    const [e, n] = put(east, 0, 200);
    expect(e).toBeCloseTo(-50, 9);
    expect(n).toBeCloseTo(100, 9);
  });

  it('lies by three points even if it is sheared, and by more as well as can be', () => {
    const truth = (x: number, y: number): [number, number] => [0.5 * x + 0.1 * y - 80, 0.05 * x - 0.4 * y + 60];
    const fixed = (x: number, y: number, slip = 0): Fixed => ({ pixel: [x, y], at: [truth(x, y)[0] + slip, truth(x, y)[1]] });
    for (const points of [[fixed(10, 20), fixed(900, 40), fixed(300, 700)], [fixed(0, 0, 1), fixed(800, 0, -1), fixed(800, 600, 1), fixed(0, 600, -1)]]) {
      const [e, n] = put(points, 400, 300);
      expect(e).toBeCloseTo(truth(400, 300)[0], 6);
      expect(n).toBeCloseTo(truth(400, 300)[1], 6);
    }
  });

  it('lies nowhere when its points do not say', () => {
    const at = (x: number, y: number): Fixed => ({ pixel: [x, y], at: [x, -y] });
    expect(placementOf([at(1, 1)])).toBeNull();
    expect(placementOf([at(1, 1), at(1, 1)])).toBeNull();
    expect(placementOf([at(0, 0), at(5, 5), at(9, 9)])).toBeNull();
  });

  it('is read from what the server says, latitudes by its origin', () => {
    const origin = { lat: 47.3977, lon: 8.5456 };
    const points = [{ pixel: [0, 0], geo: [47.3977 + 0.001, 8.5456] }, { pixel: [10, 10], at: [1, 2] }, { pixel: ['x', 1], at: [1, 2] }];
    const found = siteImageConfig({ site_image: { url: 'api/site-image', points } }, origin);
    expect(found?.points).toHaveLength(2);
    expect(found?.points[0].at[0]).toBeCloseTo(0, 9);
    expect(found?.points[0].at[1]).toBeCloseTo(111.2, 0);
    expect(siteImageConfig({ site_image: null }, origin)).toBeNull();
    expect(siteImageConfig({}, origin)).toBeNull();
  });
});
