import { describe, expect, it } from 'vitest';
import { quantileMs, rate, readHealth, readMetrics, total } from '../../src/store/vitals';

const text = (ticks: [number, number, number], bytes: number): string => `# HELP hmrs_tick_seconds Time to compute a tick.
# TYPE hmrs_tick_seconds histogram
hmrs_tick_seconds_bucket{swarm="default",le="0.001"} ${ticks[0]}
hmrs_tick_seconds_bucket{swarm="default",le="0.01"} ${ticks[1]}
hmrs_tick_seconds_bucket{swarm="default",le="+Inf"} ${ticks[2]}
hmrs_sessions{transport="polling"} 2
hmrs_sessions{transport="websocket"} 5
hmrs_bytes_sent_total ${bytes}
`;

describe('vitals', () => {
  const [before, now] = [readMetrics(text([100, 100, 100], 1000)), readMetrics(text([150, 199, 200], 5000))];

  it('are summed over labels', () => {
    expect(total(now, 'hmrs_sessions')).toBe(7);
    expect(total(now, 'hmrs_sessions', 'polling')).toBe(2);
    expect(total(now, 'hmrs_session')).toBeNaN();
    expect(rate(before, now, 'hmrs_bytes_sent_total', 2)).toBe(2000);
  });

  it('have quantiles of what was counted between two readings', () => {
    expect([0.5, 0.99, 1].map((q) => quantileMs(before, now, 'hmrs_tick_seconds', q))).toEqual([1, 10, Infinity]);
    expect(quantileMs(now, now, 'hmrs_tick_seconds', 0.5)).toBeNaN();
    expect(quantileMs(before, now, 'hmrs_none', 0.5)).toBeNaN();
  });

  it('are not made up when the answer is none', () => {
    expect(readHealth({ ok: false })).toBeNull();
    expect(readHealth({ status: 'ok', ready: true, version: '1', checks: { swarms: [], database: { state: 'ok' } } })?.database.state).toBe('ok');
  });
});
