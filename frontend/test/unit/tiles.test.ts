import { describe, expect, it } from 'vitest';
import { Mercator, tilesConfig } from '../../src/render/tiles';

describe('tiles', () => {
  it('are numbered as everywhere else', () => {
    // The tile of the Brandenburg Gate at zoom 16, as the formulas of Slippy map tilenames give it.
    const [x, y] = new Mercator(52.5163, 13.3777).tile(0, 0, 16);
    expect([Math.floor(x), Math.floor(y)]).toEqual([35203, 21493]);
  });

  it('lie where their corners are, back and forth, and are as long as the earth says', () => {
    const mercator = new Mercator(29.3759, 47.9774);
    for (const [e, n] of [[0, 0], [1500, -2300], [-9000, 4000]]) {
      const back = mercator.place(...mercator.tile(e, n, 17), 17);
      expect(back[0]).toBeCloseTo(e, 6);
      expect(back[1]).toBeCloseTo(n, 6);
    }
    const [, one] = mercator.place(0, 0, 0);
    expect(one).toBeGreaterThan(5_000_000);
    expect(mercator.zoomFor(0.96)).toBe(17);
  });

  it('are only taken from a server that says how', () => {
    expect(tilesConfig({ tiles: null })).toBeNull();
    expect(tilesConfig({ tiles: { url: 'x' } })).toBeNull();
    expect(tilesConfig({ tiles: { url: 'x', zoom_min: 1, zoom_max: 2 } })?.attribution).toBe('');
  });
});
