/** Claiming drones, giving them back and handing them over. The server decides; its answer is said in words. */
import type { Verdict } from '../proto/events';
import { isRecord } from '../proto/events';

export type Answer = { ok: true; refused: Map<string, string> } | { ok: false; message: string };

export class Authority {
  constructor(private readonly ask: (event: string, payload: unknown) => Promise<unknown>) {}

  claim(targets: readonly string[], take: boolean): Promise<Answer> {
    return this.say('claim', take ? { targets, take } : { targets });
  }

  release(targets: readonly string[], to?: string): Promise<Answer> {
    return this.say('release', to === undefined ? { targets } : { targets, to });
  }

  private async say(event: string, payload: object): Promise<Answer> {
    const answer = await this.ask(event, payload).catch(() => null);
    if (!isRecord(answer)) return { ok: false, message: 'no answer' };
    if (answer.ok !== true) return { ok: false, message: isRecord(answer.error) ? String(answer.error.message) : 'refused' };
    const refused = new Map<string, string>();
    for (const [id, verdict] of Object.entries((answer.results ?? {}) as Record<string, Verdict>)) {
      if (verdict.result !== 'completed') refused.set(id, verdict.reason ?? verdict.result);
    }
    return { ok: true, refused };
  }
}
