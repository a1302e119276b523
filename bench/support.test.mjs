import assert from 'node:assert/strict';
import { test } from 'node:test';
import { between, figure, parts, ratios, spread } from './support.mjs';

test('a figure is the middle with its bounds, as far as they can be told apart', () => {
  assert.equal(figure([3, 1, 2]), '2 (1–3)');
  assert.equal(figure([1, 2, 4, 8]), '3 (1–8)');
  assert.equal(figure([7.0001, 7.0002]), '7');
  assert.equal(figure([16_432.7]), '16,400');
  assert.equal(figure([NaN, 0.01234]), '0.0123');
  assert.equal(figure([]), '–');
  assert.equal(spread([undefined, null, NaN]), null);
});

test('only what stands between the markers is replaced', () => {
  const page = 'a\n<!-- x -->\nold\n<!-- /x -->\nb\n';
  assert.equal(between(page, 'x', 'new\n'), 'a\n<!-- x -->\nnew\n<!-- /x -->\nb\n');
  assert.equal(between(between(page, 'x', 'new'), 'x', 'new'), between(page, 'x', 'new'));
  assert.throws(() => between(page, 'y', 'new'), /lacks the markers/);
});

test('parts are those that are named, and a name that is none is told', () => {
  assert.deepEqual(parts(['a', 'b', 'c'], 'c  a'), ['c', 'a']);
  assert.deepEqual(parts(['a', 'b'], ''), ['a', 'b']);
  assert.deepEqual(parts(['a', 'b'], undefined), ['a', 'b']);
  assert.throws(() => parts(['a', 'b'], 'b d'), /no d; there are a, b/);
});

test('a ratio is one of figures of the same round', () => {
  assert.deepEqual(ratios([2, 9], [1, 3]), [2, 3]);
  assert.equal(spread(ratios([2], [])), null);
});
