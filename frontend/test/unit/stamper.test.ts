import { describe, expect, it } from 'vitest';
import { chooseSize, GLYPH_SIZES } from '../../src/render/sizes';
import { makeSprite, SHAPES } from '../../src/render/sprite';
import { mix, Stamper } from '../../src/render/stamper';

const BLACK = 0xff000000;
const WHITE = 0xffffffff;
const [W, H] = [64, 48];

function stamper(): Stamper {
  const s = new Stamper();
  s.attach(new Uint32Array(W * H), W, H);
  s.setBackground(new Uint32Array(W * H).fill(BLACK));
  s.begin(7, false);
  return s;
}
const lit = (s: Stamper): number => s.pixels.filter((p) => p !== BLACK).length;
const at = (s: Stamper, x: number, y: number): number => s.pixels[y * W + x];
/** Brightness-weighted centre of what was drawn. */
function centre(s: Stamper): [number, number] {
  let [sum, sx, sy] = [0, 0, 0];
  s.pixels.forEach((p, i) => {
    const light = p & 0xff;
    sum += light;
    sx += light * (i % W);
    sy += light * Math.floor(i / W);
  });
  return [sx / sum, sy / sum];
}

describe('stamper', () => {
  it('covers the middle of a filled glyph and leaves that of a hollow one', () => {
    const filled = stamper();
    filled.stamp(32, 24, 0, SHAPES.indexOf('square'), false, WHITE);
    expect(at(filled, 32, 24)).toBe(WHITE);
    const hollow = stamper();
    hollow.stamp(32, 24, 0, SHAPES.indexOf('square'), true, WHITE);
    expect(at(hollow, 32, 24)).toBe(BLACK);
    expect(lit(hollow)).toBeGreaterThan(20);
  });

  it('erases the previous frame', () => {
    const s = stamper();
    s.stamp(32, 24, 0, 0, false, WHITE);
    expect(lit(s)).toBeGreaterThan(0);
    s.begin(7, false);
    expect(lit(s)).toBe(0);
  });

  it.each([[0, 'up'], [16384, 'right'], [32768, 'down'], [49152, 'left']])('points heading %i %s', (heading, way) => {
    const s = stamper();
    s.stamp(32, 24, heading, SHAPES.indexOf('circle'), false, WHITE);
    const tip = { up: [32, 16], right: [40, 24], down: [32, 32], left: [24, 24] }[way as 'up'];
    const tail = { up: [32, 32], right: [24, 24], down: [32, 16], left: [40, 24] }[way as 'up'];
    expect(at(s, tip[0], tip[1])).not.toBe(BLACK);
    expect(at(s, tail[0], tail[1])).toBe(BLACK);
  });

  it('clips at every edge without writing beyond', () => {
    for (const [x, y] of [[0, 0], [W - 1, 0], [0, H - 1], [W - 1, H - 1], [-3, 20], [30, H + 3]]) {
      const s = stamper();
      s.stamp(x, y, 5000, 0, false, WHITE);
      expect(lit(s)).toBeGreaterThan(0);
      expect(lit(s)).toBeLessThan(200);
    }
    const s = stamper();
    s.stamp(-40, 20, 0, 0, false, WHITE);
    s.stamp(20, 400, 0, 0, false, WHITE);
    s.dot(-5, -5, 3, WHITE);
    expect(lit(s)).toBe(0);
  });

  it('does not wrap a glyph at the right edge round to the left', () => {
    const s = stamper();
    s.stamp(W - 1, 24, 0, 3, false, WHITE);
    for (let y = 0; y < H; y++) expect(at(s, 0, y)).toBe(BLACK);
  });

  it('draws between pixels when asked to', () => {
    const s = stamper();
    s.begin(7, true);
    s.stamp(32.5, 24, 0, 1, false, WHITE);
    expect(centre(s)[0]).toBeCloseTo(32.5, 1);
  });

  it('mixes colours channel by channel', () => {
    expect(mix(BLACK, WHITE, 0)).toBe(BLACK);
    expect(mix(WHITE, BLACK, 255) & 0xff).toBeLessThan(2);
    expect(mix(0xff102030, 0xff102030, 128)).toBe(0xff102030);
    expect(mix(0xff0000ff, 0xff00ff00, 128) >>> 24).toBe(255);
  });

  it('gives every shape an outline of its own', () => {
    const pictures = SHAPES.map((_, i) => {
      const s = stamper();
      s.stamp(32, 24, 0, i, false, WHITE);
      return [...s.pixels].join();
    });
    expect(new Set(pictures).size).toBe(SHAPES.length);
    expect(makeSprite(0, 0, 2.75, false, 0, 0).reach).toBeLessThan(7);
  });
});

describe('glyph size', () => {
  it('shrinks as drones become many or crowd', () => {
    expect([[12, 1], [1000, 1.2], [1000, 4], [10_000, 2], [10_000, 8], [10_000, 30]].map(([n, crowding]) => chooseSize(n, crowding, 0))).toEqual([0, 1, 2, 3, 4, 5]);
    expect(GLYPH_SIZES.at(-1)?.inViewMax).toBe(Infinity);
  });
  it('does not flicker around a limit', () => {
    expect(chooseSize(401, 1, 0)).toBe(1);
    expect(chooseSize(390, 1, 1)).toBe(1);
    expect(chooseSize(300, 1, 1)).toBe(0);
  });
});
