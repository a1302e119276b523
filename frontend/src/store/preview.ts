/** What a command would do, by the server's own account: the answer to the same command with `dry_run`. */
import type { CommandAck, Forecast } from '../proto/events';
import { fateOf, gather } from './strips';

export interface Preview {
  willing: number;
  refused: number;
  /** Why, most frequent first. */
  reasons: string[];
  /** What would be flown, where the server could tell. */
  forecast: Forecast | null;
}

export function previewOf(ack: CommandAck): Preview {
  if (!ack.ok) return { willing: 0, refused: 1, reasons: [ack.error.message], forecast: null };
  const verdicts = Object.values(ack.results ?? {});
  const refused = verdicts.filter((v) => fateOf(v) === 'denied' || fateOf(v) === 'failed');
  const reasons = [...gather(refused.map((v) => v.reason ?? v.result.replaceAll('_', ' ')))].sort((a, b) => b[1] - a[1]);
  return { willing: verdicts.length - refused.length, refused: refused.length, reasons: reasons.slice(0, 3).map(([why, n]) => (n > 1 ? `${why}, ${n} times` : why)), forecast: ack.forecast ?? null };
}
