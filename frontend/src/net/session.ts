/**
 * One console's conversation with one server: which way the data comes, how fresh it is, and what is made of it.
 *
 * The only transport arbiter. The socket has precedence; while it is down HTTP polls; the first frame over the socket
 * ends the polling.
 */
import { FLAG_PAUSED, FLAG_STOPPED, type Frame } from '../proto/decode';
import type { CommandUpdate, DronesTable, DronesUpdate, LogEntry, PresenceUpdate, StatusUpdate, Welcome } from '../proto/events';
import { S } from '../strings';
import { timeOfDay } from '../format';
import type { Backdrop } from '../render/backdrop';
import { updateLabel } from '../store/labels';
import { Alerts } from '../store/alerts';
import { Fleet } from '../store/fleet';
import type { Ghost } from '../store/ghost';
import { History } from '../store/history';
import { Log } from '../store/log';
import { CHANGES_MAX } from '../store/params';
import { Rewind } from '../store/rewind';
import { wasSent } from '../store/sent';
import { Series, type Mark } from '../store/series';
import { Strips } from '../store/strips';
import { ui } from '../store/ui.svelte';
import { Authority } from './authority';
import { Clock } from './clock';
import { ACK_TIMEOUT_MS } from './command';
import { Http, Poller } from './http';
import { Link } from './link';
import { REFRESH_MS, Report } from './report';
import { Runs } from './runs';
import type { LinkState } from './state';

const POLL_AFTER_MS = 400;
const HIDDEN_HZ = 1;
const FULL_HZ = 25;
const GROUND_AFTER_MS = 1000;

export class Session {
  readonly fleet = new Fleet();
  readonly clock = new Clock();
  readonly strips = new Strips();
  readonly log = new Log();
  readonly alerts = new Alerts();
  readonly history = new History();
  readonly rewind = new Rewind(this.history, this.fleet);
  readonly series = new Series();
  readonly http: Http;
  readonly runs: Runs;
  readonly link: Link;
  readonly authority: Authority;
  state: LinkState = 'connecting';
  /** Main-thread time spent on data and panels since it was last collected, in ms. */
  busyMs = 0;
  /** The newest frame has not been drawn yet. */
  undrawn = false;
  private readonly poller: Poller;
  private readonly report: Report;
  /** HTTP carries the data at the moment. */
  polling = false;
  /** An access token until it is traded for a cookie; afterwards nothing that a script could steal. */
  private token: string | null;
  private statusWallMs = NaN;
  /** Frames a second that were asked for. */
  frameRate = FULL_HZ;
  latestStatus: StatusUpdate | null = null;
  private build: string | null = null;
  private runId: string | null = null;
  private dropped = false;
  /** Where the run went on after its server had died; undefined before the first status. */
  private resumedAt: number | null | undefined;
  private clockTimer = 0;

  private ground: readonly Backdrop[] = [];

  /** Another run to compare with, drawn beside this one. */
  ghost: Ghost | null = null;

  /** `swarm`: whose namespace; null: the default one. */
  constructor(
    base: URL,
    readonly swarm: string | null,
  ) {
    this.token = new URLSearchParams(location.hash.slice(1)).get('token');
    if (this.token) history.replaceState(null, '', location.pathname + location.search);
    this.http = new Http({ base: new URL('api/', base).href, token: () => this.token, name: () => ui.name, swarm }, this.clock);
    this.runs = new Runs(this.http);
    this.report = new Report(this);
    this.poller = new Poller(this.http, { got: (s, d) => this.polled(s, d), failed: () => (this.polling = false) });
    this.link = new Link(
      {
        connected: () => this.connected(),
        disconnected: () => this.disconnected(),
        welcome: (w) => this.timed(() => this.welcome(w)),
        table: (t) => this.timed(() => this.tableChanged(t)),
        frame: (f) => this.timed(() => this.frame(f)),
        status: (s) => this.status(s),
        visualization: (v) => this.timed(() => this.fleet.takeVisualization(v)),
        log: (entries) => this.timed(() => this.logged(entries)),
        command: (u) => this.timed(() => this.commandUpdate(u)),
        presence: (p) => this.presence(p),
        unauthorized: () => this.unauthorized(),
        gone: () => this.gone(),
      },
      { path: new URL('socket.io/', base).pathname, namespace: swarm === null ? '/' : `/swarms/${swarm}`, auth: () => ({ ...(this.token ? { token: this.token } : {}), ...(ui.name ? { name: ui.name } : {}), logs_after: Math.max(0, this.log.last), recover: true }) },
    );
    this.authority = new Authority((event, payload) => this.link.ask(event, payload, ACK_TIMEOUT_MS));
  }

  /** Goes by another name from now on: leases and strips carry it. */
  rename(name: string): void {
    ui.name = name.trim();
    this.link.reconnect();
  }

  start(): void {
    if (this.token) void this.signIn(this.token);
    else this.link.connect();
    setTimeout(() => this.pollIfNeeded(), 3000);
    setInterval(() => this.timed(() => this.report.refresh()), REFRESH_MS);
    document.addEventListener('visibilitychange', () => {
      this.frameRate = document.hidden ? HIDDEN_HZ : FULL_HZ;
      this.link.setRate(this.frameRate);
      if (!document.hidden) this.link.keyframe();
    });
    this.askTheTime(0);
  }

  /** Age of the newest data by the server's clock, NaN before there was any. */
  ageMs(): number {
    const frame = this.fleet.ring.latest;
    if (!frame) return NaN;
    const age = this.clock.ageMs(frame.serverTimeMs);
    // A paused swarm has nothing new to show; its status says that the line is still good.
    const halted = (frame.flags & (FLAG_PAUSED | FLAG_STOPPED)) !== 0 || ui.status?.state !== 'running';
    return halted && this.statusWallMs > frame.serverTimeMs ? Math.min(age, this.clock.ageMs(this.statusWallMs)) : age;
  }

  /** Called by the map after drawing: frees the credit and notes how old the picture was. */
  drawn(): void {
    if (!this.undrawn) return;
    this.undrawn = false;
    const frame = this.fleet.ring.latest;
    if (frame) this.clock.drawn(this.clock.ageMs(frame.serverTimeMs));
    this.link.drawn();
  }

  /** Logs in with an access token. Where the login itself does not get through, the token is shown at each request. */
  async signIn(token: string): Promise<void> {
    this.token = null;
    try {
      ui.tokenRefused = !(await this.http.login(token));
    } catch {
      this.token = token;
    }
    if (ui.tokenRefused) {
      ui.dialog = 'token';
      return;
    }
    ui.dialog = null;
    this.link.reconnect();
  }

  /** Ends the login on all pages of this browser. */
  async signOut(): Promise<void> {
    this.token = null;
    await this.http.logout().catch(() => undefined);
    this.link.reconnect();
  }

  private timed(work: () => void): void {
    const began = performance.now();
    work();
    this.busyMs += performance.now() - began;
  }

  private connected(): void {
    this.clock.reset();
    this.askTheTime(0);
    // What was commanded before this console came, or while it was away.
    void this.http.commands().then((records) => this.strips.recall(records, updateLabel, wasSent), () => undefined);
  }

  private disconnected(): void {
    this.dropped = true;
    this.undrawn = false;
    setTimeout(() => this.pollIfNeeded(), POLL_AFTER_MS);
  }

  private pollIfNeeded(): void {
    if (!this.link.connected && ui.gone === null) this.poller.start();
  }

  private polled(status: StatusUpdate, drones: DronesUpdate): void {
    if (this.link.connected && !this.polling) return;
    this.polling = true;
    this.timed(() => {
      this.status(status);
      this.link.receiveJson(drones, status.state === 'paused' ? FLAG_PAUSED : status.state === 'stopped' ? FLAG_STOPPED : 0);
    });
    void this.http.visualization().then((v) => this.fleet.takeVisualization(v), () => undefined);
    void this.http.logs(this.log.last).then((entries) => this.logged(entries), () => undefined);
  }

  private unauthorized(): void {
    if (this.token) ui.tokenRefused = true;
    ui.dialog = 'token';
  }

  private gone(): void {
    ui.gone = this.swarm;
    this.link.close();
    this.poller.stop();
  }

  private forgetRun(): void {
    this.fleet.forgetRun();
    this.rewind.live();
    this.history.clear();
    this.series.clear();
  }

  /** The ground is of no hurry: the swarm comes first. */
  private async fetchGround(origin: NonNullable<Welcome['origin']>): Promise<void> {
    const { fetchGround } = await import('./ground');
    this.ground = await fetchGround(this.http, origin, () => this.showGround());
    this.showGround();
  }

  /** Puts what there is of the ground under the swarm, or takes it away. */
  showGround(): void {
    const { ground } = this;
    this.fleet.ground = ui.baseMap ? ground : [];
    ui.ground = ground.length === 0 ? null : { attribution: [...new Set(ground.map((g) => g.attribution))].filter(Boolean).join(', '), missing: ground.reduce((sum, g) => sum + g.missing, 0) };
    this.fleet.siteVersion++;
  }

  private welcome(welcome: Welcome): void {
    const before = ui.welcome;
    const { origin } = welcome;
    if (origin && (origin.lat !== before?.origin?.lat || origin.lon !== before.origin.lon)) setTimeout(() => void this.fetchGround(origin).catch(() => undefined), GROUND_AFTER_MS);
    // The greeting of a new run goes to everyone at once and cannot name each one's role.
    ui.welcome = { ...welcome, role: welcome.role ?? before?.role ?? 'viewer' };
    this.fleet.takeWelcome(welcome);
    this.build ??= welcome.build;
    if (before && welcome.run_id !== before.run_id) {
      this.forgetRun();
      if (this.dropped) {
        this.log.clear();
        this.alerts.clear();
        void this.http.logs(0).then((entries) => this.logged(entries), () => undefined);
        ui.say(S.restarted(timeOfDay(undefined)));
      }
    }
    this.runId = welcome.run_id;
    this.dropped = false;
    if (welcome.build !== this.build) ui.say(S.olderPage, { label: S.reload, run: () => location.reload() }, 0);
  }

  /** Slots mean other drones from now on: what was kept of the old ones cannot be shown. */
  private tableChanged(table: DronesTable): void {
    this.rewind.live();
    this.history.clear();
    this.fleet.takeTable(table);
  }

  private frame(frame: Frame): void {
    if (this.link.connected && this.polling) {
      this.polling = false;
      this.poller.stop();
    }
    if (this.link.connected) this.poller.stop();
    this.clock.received(frame.serverTimeMs);
    this.fleet.takeFrame(frame);
    this.history.sample(frame);
    this.undrawn = true;
    this.report.arrived(frame);
    // Nothing is drawn in a hidden tab: the credit goes back at once.
    if (document.hidden) this.drawn();
  }

  private status(status: StatusUpdate): void {
    if (typeof status.wall_time_ms === 'number') {
      this.clock.received(status.wall_time_ms);
      this.statusWallMs = status.wall_time_ms;
    }
    const resumedAt = status.resumed_at_tick ?? null;
    if (this.resumedAt !== undefined && resumedAt !== null && resumedAt !== this.resumedAt) {
      // The run lost what was not recorded yet: places come twice, and trails would jump.
      this.fleet.trails.clear();
      this.fleet.silence.clear();
      ui.say(S.resumed(timeOfDay(undefined)));
    }
    this.resumedAt = resumedAt;
    if (this.runId !== null && status.run_id !== undefined && status.run_id !== this.runId) {
      this.runId = status.run_id;
      this.forgetRun();
      ui.say(S.newRun(ui.welcome?.scenario.title ?? ui.welcome?.scenario.name ?? ''));
    }
    this.latestStatus = status;
  }

  /** Somebody changed a parameter: what is shown follows, and it can be set back. */
  private noteChange({ path, value }: Record<string, unknown>, author: string, mine: boolean): void {
    const known = ui.params?.find((p) => p.path === path);
    if (mine || !known) return;
    ui.changes = [{ path: known.path, from: known.value, to: value, author, atMs: Date.now() }, ...ui.changes].slice(0, CHANGES_MAX);
    ui.params = (ui.params ?? []).map((p) => (p.path === path ? { ...p, value } : p));
  }

  /** Notes what happened, for the timeline. */
  mark(kind: Mark['kind'], text: string): void {
    if (this.latestStatus) this.series.mark({ atS: this.latestStatus.sim_time_s, kind, text });
  }

  private logged(entries: LogEntry[]): void {
    this.log.add(entries);
    for (const { level, source } of entries) if (level !== 'debug' && level !== 'info') this.alerts.doubt(source);
  }

  /** Who commands whom has changed. What was taken from this operator is said. */
  private presence(update: PresenceUpdate): void {
    const mine = ui.presence?.leases?.find((lease) => lease.holder === ui.name)?.drones ?? [];
    ui.presence = update;
    const ids = new Set(mine);
    for (const { holder, drones } of update.leases ?? []) {
      const taken = holder === ui.name ? [] : drones.filter((id) => ids.has(id));
      if (taken.length > 0) ui.say(S.takenOver(holder, taken), undefined, 0);
    }
  }

  private commandUpdate(update: CommandUpdate): void {
    if (!this.strips.find(update.command_id)?.verdicts.size) this.mark('command', S.command(update.command));
    if (update.command === 'set_param' && update.params) this.noteChange(update.params, update.author ?? '', this.strips.find(update.command_id)?.mine === true);
    this.strips.updated(update, updateLabel(update), Date.now());
  }

  private async askTimeOnce(): Promise<void> {
    try {
      await this.http.status();
    } catch {
      // The estimate from frames alone has to do.
    }
  }

  /** Four round trips at the start, then one every half minute: clocks drift slowly. */
  private askTheTime(asked: number): void {
    clearTimeout(this.clockTimer);
    void this.askTimeOnce();
    this.clockTimer = window.setTimeout(() => this.askTheTime(asked + 1), asked < 4 ? 1500 : 30_000);
  }

  /** Brings the alert panel up to date, also at once after an acknowledgement. */
  showAlerts(): void {
    this.report.showAlerts();
  }
}
