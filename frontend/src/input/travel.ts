/** Moving in time: looking back at what this console has seen, and in recorded runs. */
import { envelope } from '../net/command';
import type { Put, Run } from '../net/runs';
import { Ghost } from '../store/ghost';
import { ui } from '../store/ui.svelte';
import { S } from '../strings';
import type { Actions } from './actions';

/** A jump in a replay may have to be flown from a keyframe. */
const SEEK_TIMEOUT_MS = 30_000;

/** The address of a swarm's page, with the view in `search`; the token, if there is one, stays in the part that no server sees. */
export function pageOf(swarm: string | null, over?: string, search = new URLSearchParams()): string {
  if (new URLSearchParams(location.search).has('test')) search.set('test', '');
  if (swarm !== null) search.set('swarm', swarm);
  if (over) search.set('over', over);
  return `${location.pathname}?${search}${location.hash}`;
}

export class Travel {
  private wanted: number | null = null;
  private seeking = false;

  constructor(private readonly actions: Actions) {}

  private get session(): Actions['session'] {
    return this.actions.session;
  }

  /** What is shown is a recorded run that is played. */
  get isReplay(): boolean {
    return ui.status?.replay !== undefined;
  }

  private get tickS(): number {
    return ui.welcome?.tick_s ?? 0.04;
  }

  lookBack(simS: number): void {
    if (this.isReplay) this.seek(Math.round(simS / this.tickS));
    else {
      this.session.rewind.to(simS);
      this.show();
    }
  }

  stepBack(seconds: number): void {
    if (this.isReplay) this.seek((this.wanted ?? ui.status?.tick ?? 0) + Math.round(seconds / this.tickS));
    else {
      this.session.rewind.by(seconds);
      this.show();
    }
  }

  toggleView(): void {
    if (this.isReplay) this.actions.toggleRun();
    else {
      this.session.rewind.toggle();
      this.show();
    }
  }

  live(): void {
    this.session.rewind.live();
    this.show();
  }

  private show(): void {
    ui.rewound = this.session.rewind.atS;
    ui.playing = this.session.rewind.playing;
  }

  /** Moves a replay. While one jump is under way only the newest wish waits, so that dragging stays at hand. */
  seek(tick: number): void {
    this.wanted = Math.min(ui.status?.replay?.last_tick ?? 0, Math.max(0, tick));
    if (!this.seeking) void this.seekOn();
  }

  private async seekOn(): Promise<void> {
    this.seeking = true;
    while (this.wanted !== null) {
      const tick = this.wanted;
      const answer = await this.session.link.ask('command', envelope('seek', undefined, { tick }), SEEK_TIMEOUT_MS).catch(() => null);
      const failed = answer === null ? S.noAnswer : ((answer as { error?: { message?: string } }).error?.message ?? null);
      this.session.fleet.trails.clear();
      if (failed) ui.say(failed);
      if (this.wanted === tick) this.wanted = null;
    }
    this.seeking = false;
  }

  /** Plays a recorded run, `over` it another one if that is given. */
  async play(run: string, over?: string): Promise<void> {
    this.go(await this.session.runs.replay(run), over);
  }

  /** A moment that this console has not seen is there in the record, if the server has that run. */
  async offerMoment(timeS: number, run: string | undefined): Promise<void> {
    const recorded = run === undefined ? null : await this.session.runs.one(run).catch(() => null);
    if (recorded) ui.say(S.linkTooOld, { label: S.openMoment, run: () => void this.playMoment(recorded.id, timeS) }, 0);
    else ui.say(S.linkTooOld);
  }

  /** Plays a recorded run from a moment, in the view of this page. */
  private async playMoment(id: string, timeS: number): Promise<void> {
    try {
      // Asked only now: a run that is still recorded has become longer.
      const run = await this.session.runs.one(id);
      this.go(await this.session.runs.replay(id, Math.min(run.ticks, Math.round(timeS / run.tick_s))), undefined, new URLSearchParams(location.search));
    } catch (error) {
      ui.say(error instanceof Error ? error.message : S.noAnswer, undefined, 0);
    }
  }

  /** Flies on from a tick of a recorded run, as a run of its own. */
  async fork(run: string, tick: number): Promise<void> {
    this.go(await this.session.runs.fork(run, tick));
  }

  private go(put: Put, over?: string, view?: URLSearchParams): void {
    if (put.ok) location.assign(pageOf(put.swarm, over, view));
    else ui.say(put.message, undefined, 0);
  }

  /** Back to the swarm that the server flies; a replay ends with it, a fork flies on. */
  async leave(): Promise<void> {
    const { swarm } = this.session;
    if (swarm !== null && this.isReplay) await this.session.runs.end(swarm).catch(() => undefined);
    location.assign(pageOf(null));
  }

  /** Shows another run beside this one. */
  async compareWith(id: string): Promise<void> {
    const { runs, fleet } = this.session;
    const own = ui.status?.run_id ?? ui.welcome?.run_id;
    if (!own) return;
    try {
      const run: Run = await runs.one(id);
      ui.over = { run, comparison: null, failed: null, measured: [] };
      this.session.ghost = new Ghost(id, run.ticks, fleet.slots.count, (from, to, every) => runs.frames(id, from, to, every));
      const [comparison, measured] = await Promise.all([runs.compare(own, id), runs.metrics(id)]);
      ui.over = { run, comparison, failed: null, measured };
    } catch (error) {
      const failed = error instanceof Error ? error.message : S.noAnswer;
      if (ui.over) ui.over = { ...ui.over, failed };
      else ui.say(failed, undefined, 0);
    }
  }

  alone(): void {
    this.session.ghost = null;
    ui.over = null;
  }
}
