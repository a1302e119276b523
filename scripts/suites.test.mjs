// The sum at the end of `make test` is only worth something if each runner's closing lines are read rightly.
import assert from 'node:assert/strict';
import test from 'node:test';
import { count } from './suites.mjs';

const cases = {
  'cargo test, several binaries': ['test result: ok. 3 passed; 0 failed; 1 ignored; 0 measured\nx\ntest result: FAILED. 2 passed; 1 failed; 0 ignored; 0 measured', [5, 1, 1]],
  'nextest, all passed': ['     Summary [   1.204s] 44 tests run: 44 passed, 2 skipped', [44, 0, 2]],
  'nextest, some failed': ['     Summary [   1.204s] 45/46 tests run: 44 passed (1 slow), 1 failed, 2 skipped', [44, 1, 2]],
  "node's runner": ['ℹ tests 4\nℹ suites 0\nℹ pass 2\nℹ fail 1\nℹ cancelled 0\nℹ skipped 1\n', [2, 1, 1]],
  'vitest, all passed': ['      Tests  12 passed (12)', [12, 0, 0]],
  'vitest, some failed, coloured': ['\x1b[2m      Tests \x1b[22m \x1b[31m1 failed\x1b[39m | 11 passed | 2 skipped (14)', [11, 1, 2]],
  'unittest, all passed': ['Ran 6 tests in 1.2s\n\nOK', [6, 0, 0]],
  'unittest, some failed': ['Ran 6 tests in 1.2s\n\nFAILED (failures=1, errors=1, skipped=1)', [3, 2, 1]],
};

for (const [name, [output, [passed, failed, skipped]]] of Object.entries(cases)) {
  test(`counts the cases of ${name}`, () => assert.deepEqual(count(output), { passed, failed, skipped }));
}

test('a command without a runner has no cases to count', () => assert.equal(count('compiled\n'), null));
