import assert from 'node:assert/strict';
import { test } from 'node:test';
import { judge, table } from './targets.mjs';

/** A report of the load generator, as far as aims look at it. */
const listening = (cpu, latency, more = {}) => ({ listening: { server_cpu_us_per_message: cpu, latency, resident_bytes_before: 0, resident_bytes_after: 0, resident_bytes_per_session: 4096, ...more }, opening: { connects_per_s: 6000 } });
const find = (judged, what) => {
  const found = judged.filter((each) => each.what.includes(what));
  assert.equal(found.length, 1, what);
  return found[0];
};

test('without a run nothing is reached and nothing is missed', () => {
  const judged = judge({});
  assert.ok(judged.length > 20);
  for (const { what, reached, is_reached: yes } of judged) assert.deepEqual([reached, yes], [[], undefined], what);
  assert.equal(table(judged).match(/not measured/g).length, judged.length);
});

test('ratios are those of a round, their middle counts, and the bound itself is within', () => {
  const wire = { results: { '100x1000': {
    floor: [listening(4, {}), listening(8, {}), listening(8, {})],
    hmrs: [listening(4.5, { p50_ms: 4.5, p99_ms: 8.01 }), listening(7.2, { p50_ms: 1, p99_ms: 8.01 }), listening(16, { p50_ms: 9, p99_ms: 8.01 })],
  } } };
  const judged = judge({ wire });
  const cpu = find(judged, '× floor: 100 drones');
  assert.deepEqual(cpu.reached.map((ratio) => ratio.toFixed(3)), ['1.125', '0.900', '2.000']);
  assert.equal(cpu.is_reached, true);
  assert.equal(find(judged, 'latency p50').is_reached, true);
  assert.equal(find(judged, 'latency p99').is_reached, false);
  assert.equal(find(judged, 'KiB a client, active').is_reached, true);
  assert.equal(find(judged, 'connects a second while broadcasting').is_reached, true);
  assert.equal(find(judged, 'KiB a client, idle').is_reached, undefined);
});

test('of clients the largest crowd that was held counts, of that form alone', () => {
  const row = (crowd, clients, keeps_up, server = 'hmrs') => ({ server, crowd, clients, keeps_up });
  const growth = { ticks: [], clients: [row('100', 4000, true), row('100', 5000, true), row('100', 6000, false), row('1000', 2000, true), row('1000-binary', 500, false), row('1000', 5000, true, 'floor')] };
  const judged = judge({ growth });
  const most = (what) => { const { reached, is_reached: yes } = find(judged, `below 50 ms: ${what}`); return [reached, yes]; };
  assert.deepEqual(most('100 drones, deflated'), [[], undefined]);
  assert.deepEqual(most('1,000 drones, binary'), [[0], false]);
  const plain = judged.filter(({ what }) => /below 50 ms: 1[,0]+ drones$/.test(what)).map(({ reached, is_reached: yes }) => [reached, yes]);
  assert.deepEqual(plain, [[[5000], true], [[2000], false]]);
});

test('a watched swarm and one that nobody watches are not the same', () => {
  const growth = { clients: [], ticks: [
    { drones: 10_000, live: true, watchers: 0, p99_ms: 5, hz: 25 }, { drones: 10_000, live: true, watchers: 100, p99_ms: 11, hz: 25 },
    { drones: 50_000, live: true, watchers: 0, p99_ms: 50, hz: 20 }, { drones: 100_000, threads: 1, ns_per_drone: 100 }, { drones: 100_000, threads: 2, ns_per_drone: 300 },
  ] };
  const judged = judge({ growth });
  assert.deepEqual(find(judged, 'tick p99').reached, [11]);
  assert.equal(find(judged, 'tick p99').is_reached, false);
  assert.equal(find(judged, '50,000 live').is_reached, false);
  assert.deepEqual(find(judged, '100,000 drones headless').reached, [10]);
  assert.equal(find(judged, '100,000 drones headless').is_reached, true);
});

test('bytes, errors and rows are taken from their parts', () => {
  const bytes = (...values) => values.map((value) => ({ bytes_per_s: value, first_ms: 40 }));
  const fresh = {
    results: { 1000: { 'poll-25': bytes(3300, 3400), 'delta-5': bytes(10, 10) } },
    encoding: [{ drones: 100, error_most_m: 0.02, ns_per_drone: { delta: [1] } }, { drones: 1000, error_most_m: 0.06, ns_per_drone: { delta: [9, 11, 12] } }],
  };
  const store = { rows_per_s: { writer: [500_000], copy: [250_000], insert: [1], insert_prepared: [10_000] } };
  const judged = judge({ fresh, store });
  assert.deepEqual(find(judged, 'within 5 cm, 1,000').reached, [330, 340]);
  assert.equal(find(judged, 'within 5 cm, 1,000').is_reached, true);
  assert.equal(find(judged, 'error of a position').is_reached, false);
  assert.equal(find(judged, 'encoding delta').is_reached, false);
  assert.deepEqual(find(judged, '`psql').reached, [2]);
  assert.equal(find(judged, 'single INSERTs').is_reached, false);
  assert.match(table(judged), /\| rows a second into PostgreSQL \| ≥ 400,000 \| 500,000 \| yes \|/);
});
