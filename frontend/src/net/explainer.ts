/** Words for alerts: the stream carries levels only. A few are asked for one by one, many in one list, seldom. */
import { readDetail } from '../store/detail';
import type { Alerts } from '../store/alerts';
import type { Http } from './http';

const ONE_BY_ONE_MAX = 2;
const LIST_EVERY_MS = 2000;

export class Explainer {
  private busy = false;
  private listAgainAt = 0;

  constructor(
    private readonly http: Http,
    private readonly alerts: Alerts,
  ) {}

  /** Asks for what is missing, unless it is asking already. `drones` is the size of the fleet; a weak link carries no lists. */
  turn(drones: number, weak: boolean): void {
    if (this.busy) return;
    const wanted = this.alerts.unexplained(weak ? 1 : ONE_BY_ONE_MAX + 1);
    if (wanted.length === 0) return;
    const now = performance.now();
    const many = wanted.length > ONE_BY_ONE_MAX;
    if ((many || weak) && now < this.listAgainAt) return;
    this.busy = true;
    this.listAgainAt = now + LIST_EVERY_MS + (weak ? 0 : drones);
    const work = many ? this.all() : Promise.all(wanted.map((id) => this.one(id)));
    void work.catch(() => undefined).finally(() => (this.busy = false));
  }

  private async one(id: string): Promise<void> {
    const body = await this.http.drone(id).catch(() => ({}));
    this.alerts.explain(id, readDetail(id, body).alert?.text ?? '');
  }

  private async all(): Promise<void> {
    const { drones } = await this.http.drones();
    for (const { id, alert } of drones) if (alert) this.alerts.explain(id, typeof alert === 'string' ? alert : alert.text);
  }
}
