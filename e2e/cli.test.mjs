// The command line: exit codes, and errors that say what is wrong and where.

import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { freePort } from './support/process.mjs';
import { hmrs, startServer } from './support/server.mjs';

const home = mkdtempSync(join(tmpdir(), 'hmrs-cli-'));
test.after(() => rmSync(home, { recursive: true, force: true }));

/** Broken scenarios: text, and what the message must name. */
const broken = {
  'no TOML at all': ['name = "x\n', /line 1/],
  'a wrong type': ['name = "x"\nseed = "many"\n', /line 2\b.*seed/s],
  'an unknown field': ['name = "x"\nseed = 1\ncolour = "red"\n', /line 3\b.*colour/s],
  'an unknown drone type': ['name = "x"\n\n[[drones]]\ntype = "zeppelin"\ncount = 1\n', /line 4\b.*(type|zeppelin)/s],
  'a count out of range': ['name = "x"\n\n[[drones]]\ntype = "scout"\ncount = -3\n', /line 5\b.*count/s],
};
for (const [what, [text, pattern]] of Object.entries(broken)) {
  test(`scenario check names line and field of ${what}`, () => {
    const file = join(home, 'broken.toml');
    writeFileSync(file, text);
    const { code, stdout, stderr } = hmrs('scenario', 'check', file);
    assert.equal(code, 1, stdout + stderr);
    assert.match(stderr, pattern);
  });
}

test('scenario check passes what is built in and names a missing file', () => {
  assert.equal(hmrs('scenario', 'check', 'scenarios/hello.toml').code, 0);
  const { code, stderr } = hmrs('scenario', 'check', join(home, 'nothing.toml'));
  assert.equal(code, 1);
  assert.match(stderr, /nothing\.toml/);
});

for (const [what, args] of Object.entries({
  'no such subcommand': ['fly'],
  'no such flag': ['serve', '--colour', 'red'],
  'a number that is none': ['run', 'hello', '--ticks', 'many'],
  'an address that is none': ['serve', '--bind', 'nowhere'],
  'a field that scenarios do not have': ['run', 'hello', '--ticks', '1', '--set', 'foo=1'],
  'seconds that are none': ['run', 'hello', '--seconds', 'nan'],
  'an ending that is none': ['run', 'hello', '--ticks', '1', '--out', 'x.foo'],
  'seeds that are none': ['trials', 'facade', '--seeds', '5..1'],
  'a shard that is none': ['sweep', 'hello', '--ticks', '1', '--shard', '3/3', '--out', 'x.csv'],
})) {
  test(`wrong usage exits 2: ${what}`, () => {
    const { code, stderr } = hmrs(...args);
    assert.equal(code, 2, stderr);
    assert.ok(stderr.length > 0);
  });
}

test('a run of a scenario that does not exist exits 1 with one sentence', () => {
  const { code, stderr } = hmrs('run', 'nowhere', '--ticks', '1');
  assert.equal(code, 1);
  assert.match(stderr, /nowhere/);
  assert.doesNotMatch(stderr, /panicked/);
});

test('a port that is taken is a clear error', async (t) => {
  const server = await startServer({ t });
  const { code, stderr } = hmrs('serve', '--bind', `127.0.0.1:${server.port}`, '--data-dir', home);
  assert.equal(code, 1, stderr);
  assert.match(stderr, new RegExp(String(server.port)));
});

test('health exits 0 for a healthy server and 1 for none', async (t) => {
  const server = await startServer({ t });
  assert.equal(hmrs('health', '--url', server.url).code, 0);
  assert.equal(hmrs('health', '--url', `http://127.0.0.1:${await freePort()}`).code, 1);
});

test('version and help are there', () => {
  assert.match(hmrs('--version').stdout, /^hmrs \d+\.\d+/);
  for (const name of ['serve', 'run', 'scenario', 'health']) assert.match(hmrs('--help').stdout, new RegExp(`\\b${name}\\b`));
  assert.match(hmrs('serve', '--help').stdout, /HMRS_BIND/);
});
