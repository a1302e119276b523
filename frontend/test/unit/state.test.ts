import { describe, expect, it } from 'vitest';
import { commandsAllowed, judge, type LinkFacts } from '../../src/net/state';

const base: LinkFacts = { connected: true, polling: false, ageMs: 20, intervalMs: 40, waitingMs: 0 };

describe('link state', () => {
  it.each([
    [20, 'live'], [249, 'live'], [250, 'late'], [999, 'late'], [1000, 'delayed'], [3000, 'delayed'], [3001, 'lost'],
  ])('age %i ms is %s', (ageMs, state) => expect(judge({ ...base, ageMs })).toBe(state));

  it('is lost at once when the socket is down and nothing polls', () => expect(judge({ ...base, connected: false })).toBe('lost'));
  it('says polling for as long as HTTP carries the data', () => expect(judge({ ...base, connected: false, polling: true, ageMs: 4900 })).toBe('polling'));
  it('does not call a rate lateness that was asked for', () => expect(judge({ ...base, ageMs: 1100, intervalMs: 1000 })).toBe('live'));
  it('is connecting for three seconds, then lost', () => {
    expect(judge({ ...base, ageMs: NaN, waitingMs: 2999 })).toBe('connecting');
    expect(judge({ ...base, ageMs: NaN, waitingMs: 3001 })).toBe('lost');
  });
  it('allows commands while data is late, and none to observers or without a line', () => {
    expect(commandsAllowed('delayed', 'operator')).toBeNull();
    expect(commandsAllowed('polling', 'admin')).toBeNull();
    expect(commandsAllowed('live', 'viewer')).toBe('viewer');
    expect(commandsAllowed('lost', 'operator')).toBe('lost');
  });
});
