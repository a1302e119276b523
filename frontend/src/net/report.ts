/** Four times a second: what the panels show of a session. */
import { FLAG_PAUSED, FLAG_STOPPED, type Frame } from '../proto/decode';
import { drones, S } from '../strings';
import type { AlertLevel } from '../store/alerts';
import { severityOf, summarise } from '../store/summary';
import { ui } from '../store/ui.svelte';
import { Explainer } from './explainer';
import type { Session } from './session';
import { judge } from './state';

const SPARK_SAMPLES = 120;
const STALL_MS = 1500;
const RATE_WINDOW_MS = 2000;
/** From a frame's arrival to its drawing: longer than this and it is the screen that is slow. */
const SLOW_DRAWING_MS = 60;
/** How often `refresh` is called. */
export const REFRESH_MS = 250;
/** Timers that come later than this, most of the time, are those of a machine with too much to do; so are such ticks. */
const LATE_MS = 60;
/** Frames that the server publishes a second. */
const FULL_HZ = 25;
/** Older than this and a complete frame is asked for. */
const KEYFRAME_AGE_MS = 1500;

export class Report {
  private readonly explainer: Explainer;
  /** Of the last frames: when they came, how old they were, and their numbers. */
  private arrivals: { atMs: number; ageMs: number; seq: number }[] = [];
  private spark: number[] = [];
  /** By how much the last calls came late: how much else this page, or this machine, had to do. */
  private lateMs: number[] = [];
  private refreshedAt = performance.now();
  private readonly startedAt = performance.now();
  private lastTick = -1;
  private tickSinceMs = NaN;
  private shownStrips = -1;
  private asksHowLong = false;

  constructor(private readonly session: Session) {
    this.explainer = new Explainer(session.http, session.alerts);
  }

  /** A frame has come. */
  arrived(frame: Frame): void {
    this.arrivals.push({ atMs: performance.now(), ageMs: this.session.clock.ageMs(frame.serverTimeMs), seq: frame.seq });
    if (frame.tick === this.lastTick) return;
    this.lastTick = frame.tick;
    this.tickSinceMs = frame.serverTimeMs;
  }

  refresh(): void {
    const { session } = this;
    const { fleet, link, clock } = session;
    const now = performance.now();
    this.lateMs.push(now - this.refreshedAt - REFRESH_MS);
    if (this.lateMs.length > RATE_WINDOW_MS / REFRESH_MS) this.lateMs.shift();
    this.refreshedAt = now;
    while (this.arrivals.length > 0 && now - this.arrivals[0].atMs > RATE_WINDOW_MS) this.arrivals.shift();
    const frame = fleet.ring.latest;
    const age = session.ageMs();
    session.state = judge({ connected: link.connected, polling: session.polling, ageMs: age, intervalMs: 1000 / link.askedHz, waitingMs: now - this.startedAt });
    if (now - this.startedAt > RATE_WINDOW_MS) this.judgeLink(age);
    // On a weak link a complete frame would only be one more that comes late.
    if (link.connected && !link.isWeak && age > KEYFRAME_AGE_MS) link.keyframe();
    const [p50, p95] = clock.ageQuantiles();
    this.spark.push(Number.isNaN(age) ? 0 : age);
    if (this.spark.length > SPARK_SAMPLES) this.spark.shift();
    const running = session.latestStatus?.state === 'running' && frame !== null && (frame.flags & (FLAG_PAUSED | FLAG_STOPPED)) === 0;
    ui.link = {
      state: session.state, ageMs: age, ageP50Ms: p50, ageP95Ms: p95, hz: (this.arrivals.length * 1000) / RATE_WINDOW_MS, rttMs: clock.rttMs,
      transport: link.transport, weak: link.isWeak, socketUp: link.connected, skipped: link.skippedFrames, bad: Object.entries(link.badFrames),
      retryInS: link.retryAtMs > 0 ? Math.max(0, Math.ceil((link.retryAtMs - Date.now()) / 1000)) : null,
      stalled: running && session.state !== 'lost' && frame.serverTimeMs - this.tickSinceMs > STALL_MS,
      spark: [...this.spark],
    };
    ui.status = session.latestStatus;
    ui.rewound = session.rewind.atS;
    ui.playing = session.rewind.playing;
    if (ui.rewound === null) ui.unsay(S.disabled.rewound);
    ui.ownId = link.id ?? ui.ownId;
    if (session.latestStatus) session.series.sample(session.latestStatus, ui.summary);
    const { shown } = fleet;
    if (shown) this.refreshFleet(shown);
    if (session.strips.version !== this.shownStrips) {
      this.shownStrips = session.strips.version;
      // Copies: a list of the same objects would look unchanged to the panel.
      ui.strips = session.strips.all.map((strip) => ({ ...strip }));
    }
    ui.logVersion = session.log.version;
    ui.lastEntries = session.log.entries;
    this.refreshMission();
    ui.beat++;
  }

  /** By the frames of the last seconds; without any, by how long there has been none. */
  private judgeLink(sinceMs: number): void {
    const { link, clock } = this.session;
    if (document.hidden || link.transport === 'polling') return;
    const { arrivals } = this;
    const ages = arrivals.map((frame) => frame.ageMs).sort((a, b) => a - b);
    const ageMs = ages.length > 0 ? ages[ages.length >> 1] : sinceMs;
    const published = arrivals.length > 1 ? arrivals[arrivals.length - 1].seq - arrivals[0].seq : 0;
    // A screen that draws late holds frames back itself.
    const drawsInTime = clock.ageQuantiles()[0] < ageMs + SLOW_DRAWING_MS;
    const share = drawsInTime && published > 0 ? ((arrivals.length - 1) * (FULL_HZ / link.askedHz)) / published : 1;
    if (!Number.isNaN(ageMs)) link.judge({ ageMs, sinceMs, share, isBusy: this.isBusy() });
  }

  /** Whether this page or the server ran late in the last seconds. */
  private isBusy(): boolean {
    const late = [...this.lateMs].sort((a, b) => a - b);
    return late[late.length >> 1] > LATE_MS || (this.session.latestStatus?.load?.lateness_ms ?? 0) > LATE_MS;
  }

  /** Since when a drone has been silent that was so before this page was opened: one after the other. */
  private async askHowLong(frame: Frame): Promise<void> {
    const { http, fleet } = this.session;
    const [id] = fleet.silence.unknown;
    if (id === undefined || this.asksHowLong || frame.tick === 0) return;
    this.asksHowLong = true;
    const { tick, silent_ticks: silent } = await http.drone(id).catch((): Record<string, unknown> => ({}));
    if (typeof tick === 'number' && typeof silent === 'number') fleet.silence.heard(id, (tick - silent) * (frame.simTimeS / frame.tick));
    this.asksHowLong = false;
  }

  /** Brings the alert panel up to date, also at once after an acknowledgement. */
  showAlerts(): void {
    const { shown, shelved } = this.session.alerts.groups(Date.now());
    ui.alerts = shown;
    ui.shelved = shelved;
  }

  /** A mission that begins is shown, one that ends is said. */
  private refreshMission(): void {
    const { mission } = this.session.fleet;
    const before = ui.mission;
    if (mission === before) return;
    ui.mission = mission;
    if (mission && !before && ui.drawer === 'timeline' && !ui.status?.replay) ui.drawer = 'mission';
    if (!mission && ui.drawer === 'mission') ui.drawer = 'timeline';
    if (!before || !mission?.outcome) return;
    // Decided while some are still on their way home; only then the figures stand.
    if (before.outcome === null && mission.phase !== 'ended') ui.say(`${S.missionReturning(mission.outcome)} ${mission.reason ?? ''}`);
    if (before.phase !== 'ended' && mission.phase === 'ended') {
      ui.say(`${S.missionOutcome(mission.outcome)} ${mission.reason ?? ''}`, { label: S.missionReport, run: () => (ui.dialog = 'report') }, 0);
    }
  }

  private refreshFleet(frame: Frame): void {
    const { session } = this;
    const { fleet } = session;
    if (frame.count !== fleet.slots.count) return;
    if (frame === fleet.ring.latest) {
      fleet.silence.take(frame, fleet.slots);
      void this.askHowLong(frame);
    }
    if (ui.lost.length + fleet.silence.lost.length > 0) ui.lost = fleet.silence.lost;
    const { filter, silence } = fleet;
    const summary = summarise(fleet.queryContext(frame), silence.anyLost ? (context, slot) => !silence.isLost(context.ids[slot]) && filter(context, slot) : filter);
    ui.summary = summary;
    ui.selectedCount = fleet.selection.count;
    const standing = new Map<string, AlertLevel>();
    if (summary.fleet.warning + summary.fleet.caution > 0) {
      for (let slot = 0; slot < frame.count; slot++) {
        const severity = severityOf(frame, slot);
        if (severity >= 3) standing.set(fleet.slots.ids[slot], severity === 4 ? 'warning' : 'caution');
      }
    }
    const fresh = session.rewind.atS === null ? session.alerts.update(standing, Date.now()) : [];
    if (fresh.length > 0) session.mark(fresh.some((id) => standing.get(id) === 'warning') ? 'warning' : 'caution', fresh.length === 1 ? fresh[0] : drones(fresh.length));
    this.showAlerts();
    if (session.state !== 'lost') this.explainer.turn(session.link.isWeak);
  }
}
