/** Looking back: which simulated time is shown, and whether it moves. Live goes on meanwhile; commands wait until then. */
import type { Fleet } from './fleet';
import type { History } from './history';
import type { Pair } from './ring';

export class Rewind {
  /** The simulated time shown; null: live. */
  atS: number | null = null;
  playing = false;
  private movedMs = 0;

  constructor(
    private readonly history: History,
    private readonly fleet: Fleet,
  ) {}

  to(simS: number): void {
    const span = this.history.span;
    if (!span) return;
    this.atS = Math.min(span[1], Math.max(span[0], simS));
    this.playing = false;
    this.show();
  }

  by(seconds: number): void {
    const span = this.history.span;
    if (span) this.to((this.atS ?? span[1]) + seconds);
  }

  /** Stops the picture; a second time lets it go on from where it stands. */
  toggle(): void {
    if (this.atS === null) this.by(0);
    else this.playing = !this.playing;
    this.movedMs = 0;
  }

  live(): void {
    this.atS = null;
    this.playing = false;
    this.fleet.rewound = null;
  }

  /** The frames to draw at this moment, or null when the live ones are. Reaching the present ends looking back. */
  pair(nowMs: number): Pair | null {
    const span = this.history.span;
    if (this.atS === null || !span) return null;
    if (this.playing) {
      if (this.movedMs > 0) this.atS += (nowMs - this.movedMs) / 1000;
      this.movedMs = nowMs;
      if (this.atS >= span[1]) {
        this.live();
        return null;
      }
    }
    this.atS = Math.max(span[0], this.atS);
    this.show();
    return this.history.at(this.atS);
  }

  private show(): void {
    const pair = this.atS === null ? null : this.history.at(this.atS);
    this.fleet.rewound = pair ? (pair.k < 0.5 ? pair.a : pair.b) : null;
  }
}
