// Runs the test suites one after the other and ends with one line that sums them: `N passed, N failed`.
//
//   node scripts/suites.mjs [SUITE…]      all of `defaultSuites`, or those named
//
// A suite is a command. Its cases are counted from the closing lines of its runner; a command without such a runner
// counts as one case. Every suite runs even if an earlier one failed, except those that need a failed build.
// Output goes to target/test/SUITE.log and is shown when the suite failed (always with VERBOSE=1).

import { spawn, spawnSync } from 'node:child_process';
import { appendFileSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const logs = join(root, 'target', 'test');
const nodeTest = (...files) => `node --test --test-concurrency=1 --test-reporter=spec ${files.map((f) => `e2e/${f}`).join(' ')}`;
const hasNextest = spawnSync('cargo', ['nextest', '--version']).status === 0;
const hasDeny = spawnSync('cargo', ['deny', '--version']).status === 0;
const venv = 'target/e2e/venv';

const suites = {
  // A macro declares the behaviours, so cargo does not find their files.
  format: { run: ['.', 'bench/load', 'bench/peers/socketioxide'].map((folder) => `cargo fmt --check --manifest-path ${folder}/Cargo.toml`).join(' && ') + ' && rustfmt --check --edition 2024 src/sim/behaviour/*.rs' },
  harness: { run: 'node --test --test-reporter=spec scripts/suites.test.mjs bench/support.test.mjs bench/targets.test.mjs' },
  'bench-load': { run: 'cargo test --locked --manifest-path bench/load/Cargo.toml --target-dir target/bench/load' },
  licences: { run: `node scripts/licences.mjs${hasDeny ? ' && cargo deny --locked check licenses bans sources' : ''}` },
  'console-install': { run: 'make --no-print-directory frontend/node_modules/.installed' },
  'console-check': { run: 'npm --prefix frontend run check', after: ['console-install'] },
  'console-unit': { run: 'npm --prefix frontend test', after: ['console-install'] },
  'console-build': { run: 'make --no-print-directory console', after: ['console-install'] },
  lints: { run: 'cargo clippy --locked --all-targets -- -D warnings' },
  architecture: { run: 'cargo test --locked --test architecture' },
  rust: { run: hasNextest ? 'cargo nextest run --locked --no-fail-fast' : 'cargo test --locked --no-fail-fast --lib --bins --tests' },
  'rust-docs': { run: 'cargo test --locked --doc' },
  // With HMRS_BIN the end-to-end suites test that binary, and nothing is built.
  build: process.env.HMRS_BIN ? { run: '"$HMRS_BIN" --version' } : { run: 'cargo build --release --locked', after: ['console-build'] },
  'e2e-install': { run: 'make --no-print-directory clients' },
  'build-echo': { run: 'cargo build --locked --example socketio_echo' },
  echo: { run: nodeTest('echo.test.mjs'), after: ['build-echo', 'e2e-install'] },
  clients: { run: nodeTest('transports.test.mjs', 'commands.test.mjs', 'authority.test.mjs', 'frames.test.mjs', 'http.test.mjs', 'recovery.test.mjs', 'stalled.test.mjs'), after: ['build', 'e2e-install'] },
  python: { run: `${venv}/bin/python -m unittest discover --verbose --start-directory e2e/python --pattern '*_test.py'`, after: ['build', 'build-echo', 'e2e-install'] },
  determinism: { run: nodeTest('determinism.test.mjs', 'research.test.mjs', 'runs.test.mjs'), after: ['build', 'e2e-install'] },
  faults: { run: nodeTest('cli.test.mjs', 'faults.test.mjs', 'restart.test.mjs'), after: ['build', 'e2e-install'] },
  database: { run: nodeTest('database.test.mjs', 'durability.test.mjs', 'postgres-killed.test.mjs'), after: ['build', 'e2e-install'] },
  edge: { run: nodeTest('access.test.mjs', 'edge.test.mjs', 'hostile.test.mjs', 'monitoring.test.mjs'), after: ['build', 'e2e-install'] },
  compose: { run: nodeTest('compose.test.mjs'), after: ['e2e-install'], show: true },
  browser: { run: nodeTest('admin.test.mjs', 'console.test.mjs', 'console-trust.test.mjs', 'console-work.test.mjs', 'console-runs.test.mjs', 'console-alerts.test.mjs', 'console-more.test.mjs', 'console-gl.test.mjs', 'console-mission.test.mjs', 'console-map.test.mjs', 'console-weak.test.mjs', 'console-server.test.mjs', 'console-narrow.test.mjs', 'lite.test.mjs'), after: ['build', 'e2e-install'] },
  'bench-live': { run: 'node e2e/bench/live.mjs', after: ['build', 'e2e-install'], show: true },
  'bench-console': { run: 'node e2e/bench/console.mjs', after: ['build', 'e2e-install'], show: true },
};

/** Fast ones first: what fails in a second must not wait for a release build. */
const defaultSuites = [
  'harness', 'format', 'console-check', 'console-unit', 'lints', 'licences', 'bench-load', 'rust', 'rust-docs', 'console-build', 'build',
  'echo', 'clients', 'python', 'determinism', 'faults', 'edge', 'database', 'browser', 'bench-live', 'bench-console',
];

/** How runners close: pattern, and which of its groups are passed, failed and skipped cases. */
const closings = [
  { pattern: /^test result: \w+\. (\d+) passed; (\d+) failed; (\d+) ignored/gm, sum: true },
  { pattern: /tests? run: (\d+) passed(?: \([^)]*\))?(?:, (\d+) failed)?(?:, \d+ timed out)?(?:, (\d+) skipped)?/g },
  { pattern: /^ℹ pass (\d+)\n(?:ℹ fail (\d+)\n)(?:ℹ cancelled \d+\n)?(?:ℹ skipped (\d+)\n)?/gm },
  { pattern: /^ *Tests +(?:(?<failed>\d+) failed \| )?(?<passed>\d+) passed(?: \| (?<skipped>\d+) skipped)?/gm },
];

/** Counts the cases in a suite's output; null when no runner closed there. */
export function count(output) {
  const text = output.replace(/\x1b\[[0-9;]*m/g, '');
  const unittest = /^Ran (\d+) tests? in .*\n+(?:OK|FAILED)(?: \(([^)]*)\))?/m.exec(text);
  if (unittest) {
    const of = (word) => Number(new RegExp(`${word}=(\\d+)`).exec(unittest[2] ?? '')?.[1] ?? 0);
    const failed = of('failures') + of('errors');
    return { passed: Number(unittest[1]) - failed - of('skipped'), failed, skipped: of('skipped') };
  }
  for (const { pattern, sum } of closings) {
    const found = [...text.matchAll(pattern)];
    if (found.length === 0) continue;
    const total = { passed: 0, failed: 0, skipped: 0 };
    for (const match of sum ? found : found.slice(-1)) {
      total.passed += Number(match.groups?.passed ?? match[1]);
      total.failed += Number(match.groups ? (match.groups.failed ?? 0) : (match[2] ?? 0));
      total.skipped += Number(match.groups ? (match.groups.skipped ?? 0) : (match[3] ?? 0));
    }
    return total;
  }
  return null;
}

/** Runs one command in a group of its own, so that stopping the run stops all that the command started. */
function execute(name, { run }) {
  const log = join(logs, `${name}.log`);
  writeFileSync(log, `$ ${run}\n`);
  return new Promise((resolve) => {
    const child = spawn('bash', ['-c', run], { cwd: root, stdio: ['ignore', 'pipe', 'pipe'], detached: true });
    const stop = (signal) => { try { process.kill(-child.pid, signal); } catch { /* already gone */ } };
    const interrupted = () => { stop('SIGTERM'); process.exitCode = 130; };
    process.once('SIGINT', interrupted).once('SIGTERM', interrupted);
    for (const stream of [child.stdout, child.stderr]) {
      stream.on('data', (chunk) => {
        appendFileSync(log, chunk);
        if (process.env.VERBOSE) process.stdout.write(chunk);
      });
    }
    child.on('close', (code) => {
      process.removeListener('SIGINT', interrupted).removeListener('SIGTERM', interrupted);
      resolve({ code: code ?? 1, output: readFileSync(log, 'utf8') });
    });
  });
}

async function main(names) {
  mkdirSync(logs, { recursive: true });
  const unknown = names.filter((name) => !(name in suites));
  if (unknown.length > 0) {
    console.error(`no such suite: ${unknown.join(', ')} (there are: ${Object.keys(suites).join(', ')})`);
    return 2;
  }
  const total = { passed: 0, failed: 0, skipped: 0 };
  const ended = new Map(); // name -> whether it passed

  const runSuite = async (name, asked) => {
    if (ended.has(name)) return;
    const suite = suites[name];
    for (const before of suite.after ?? []) await runSuite(before, false);
    if (process.exitCode === 130) return;
    const broken = (suite.after ?? []).filter((before) => !ended.get(before));
    if (broken.length > 0) {
      total.failed += 1;
      ended.set(name, false);
      console.log(`  ${name.padEnd(16)} not run: ${broken.join(' and ')} failed`);
      return;
    }
    const start = Date.now();
    const { code, output } = await execute(name, suite);
    const cases = count(output) ?? { passed: code === 0 ? 1 : 0, failed: code === 0 ? 0 : 1, skipped: 0 };
    // A runner that died after counting has failed all the same.
    if (code !== 0 && cases.failed === 0) cases.failed = 1;
    ended.set(name, code === 0);
    if (!process.env.VERBOSE && (code !== 0 || suite.show)) console.log(output);
    const seconds = ((Date.now() - start) / 1000).toFixed(1).padStart(7);
    const skipped = cases.skipped > 0 ? `, ${cases.skipped} skipped` : '';
    console.log(`  ${name.padEnd(16)} ${seconds} s   ${code === 0 ? 'ok    ' : 'FAILED'} ${cases.passed} passed, ${cases.failed} failed${skipped}`);
    // Steps that only prepare count when they break, not when they work.
    if (asked || code !== 0) for (const key of Object.keys(total)) total[key] += cases[key];
  };

  for (const name of names.length > 0 ? names : defaultSuites) await runSuite(name, true);
  console.log(`${total.passed} passed, ${total.failed} failed${total.skipped > 0 ? `, ${total.skipped} skipped` : ''}`);
  return process.exitCode ?? (total.failed > 0 ? 1 : 0);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) process.exitCode = await main(process.argv.slice(2));
