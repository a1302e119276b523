/** Words for alerts: the stream carries levels only. A few are asked for one by one, many in one list of those that have one. */
import { readDetail } from '../store/detail';
import type { Alerts } from '../store/alerts';
import type { Http } from './http';

const ONE_BY_ONE_MAX = 2;
/** Between two lists: this, and so much for each drone in the last one. */
const LIST_EVERY_MS = 500;
const LIST_EVERY_MS_EACH = 2;
const WEAK_EVERY_MS = 2000;
/** What an alert says may change without a word in the log, or just after it: asked again this often, and so much seldomer for each. */
const AGAIN_MS = 2000;
const AGAIN_MS_EACH = 20;

export class Explainer {
  private busy = false;
  private listAgainAt = 0;
  private againAt = 0;

  constructor(
    private readonly http: Http,
    private readonly alerts: Alerts,
  ) {}

  /** Asks for what is missing, unless it is asking already. A weak link carries no lists. */
  turn(weak: boolean): void {
    if (this.busy) return;
    const now = performance.now();
    if (!weak && now > this.againAt) {
      this.againAt = now + AGAIN_MS + AGAIN_MS_EACH * this.alerts.count;
      this.alerts.doubt();
    }
    const wanted = this.alerts.unexplained(weak ? 1 : ONE_BY_ONE_MAX + 1);
    if (wanted.length === 0) return;
    const many = wanted.length > ONE_BY_ONE_MAX;
    if ((many || weak) && now < this.listAgainAt) return;
    this.busy = true;
    this.listAgainAt = now + (weak ? WEAK_EVERY_MS : LIST_EVERY_MS);
    const work = many ? this.all() : Promise.all(wanted.map((id) => this.one(id)));
    void work.catch(() => undefined).finally(() => (this.busy = false));
  }

  private async one(id: string): Promise<void> {
    const body = await this.http.drone(id).catch(() => ({}));
    this.alerts.explain(id, readDetail(id, body).alert?.text ?? '', Date.now());
  }

  private async all(): Promise<void> {
    const silent = new Set(this.alerts.unexplained(Infinity));
    const { drones } = await this.http.drones('alert');
    this.listAgainAt += LIST_EVERY_MS_EACH * drones.length;
    for (const { id, alert } of drones) {
      if (alert) this.alerts.explain(id, typeof alert === 'string' ? alert : alert.text, Date.now());
      silent.delete(id);
    }
    // The server has no words for what only this console sees.
    for (const id of silent) this.alerts.explain(id, '', Date.now());
  }
}
