// Holds Cargo.lock against deny.toml: licences, banned crates, sources. The same rules as `cargo deny`, for machines
// that do not have it.

import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

const rules = readFileSync(new URL('../deny.toml', import.meta.url), 'utf8').replace(/^\s*#.*$/gm, '');
const allowed = new Set([.../\[licenses\][^[]*allow = \[([^\]]*)\]/.exec(rules)[1].matchAll(/"([^"]+)"/g)].map((m) => m[1]));
const banned = new Map([...rules.matchAll(/\{ crate = "([^"]+)", reason = "([^"]+)" \}/g)].map((m) => [m[1], m[2]]));

/** Whether an SPDX expression is satisfied by the allowed licences: `OR` needs one side, `AND` both. */
export function satisfied(expression, isAllowed) {
  const tokens = expression.replaceAll('/', ' OR ').match(/\(|\)|[^\s()]+/g) ?? [];
  const word = () => (tokens[0] === 'WITH' ? ` ${tokens.shift()} ${tokens.shift()}` : '');
  const term = () => {
    const token = tokens.shift();
    if (token === '(') { const inner = either(); tokens.shift(); return inner; }
    return isAllowed(token + word());
  };
  const both = () => { let ok = term(); while (tokens[0] === 'AND') { tokens.shift(); ok = term() && ok; } return ok; };
  const either = () => { let ok = both(); while (tokens[0] === 'OR') { tokens.shift(); ok = both() || ok; } return ok; };
  return either();
}

const metadata = spawnSync('cargo', ['metadata', '--locked', '--format-version=1', '--all-features'], { maxBuffer: 1 << 28, encoding: 'utf8' });
if (metadata.status !== 0) {
  console.error(metadata.stderr);
  process.exit(1);
}
const { packages } = JSON.parse(metadata.stdout);
const faults = [];
for (const { name, version, license, source } of packages) {
  if (source === null) continue; // our own
  if (!source.endsWith('+https://github.com/rust-lang/crates.io-index')) faults.push(`${name} ${version} comes from ${source}`);
  if (banned.has(name)) faults.push(`${name} ${version} is banned: ${banned.get(name)}`);
  if (!satisfied(license ?? 'none stated', (one) => allowed.has(one))) faults.push(`${name} ${version} is licensed ${license}, which deny.toml does not allow`);
}
for (const fault of faults) console.error(fault);
console.log(`${packages.length} packages looked at, ${faults.length} at fault`);
process.exit(faults.length > 0 ? 1 : 0);
