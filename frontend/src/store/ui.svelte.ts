/** What the panels show: small, reactive, refreshed four times a second. The stream itself never comes here. */
import type { Comparison, Measured, Run } from '../net/runs';
import type { LinkState } from '../net/state';
import type { Fence, LogEntry, ParamSpec, PresenceUpdate, StatusUpdate, Targets, Vec3, Welcome } from '../proto/events';
import type { Mission } from '../proto/mission';
import type { View } from '../render/camera';
import type { AlertGroup } from './alerts';
import type { LostDrone } from './silence';
import type { Strip } from './strips';
import type { Summary } from './summary';

/** One view of the map, or four that move together. */
export type MapLayout = View | 'quad';
export type Theme = 'system' | 'dark' | 'light';
export type DrawerTab = 'timeline' | 'plots' | 'log' | 'parameters' | 'world' | 'fences' | 'preflight' | 'messages' | 'server' | 'mission';
/** What the next click or drag on the map is for. */
export type Aim = 'goto' | 'follow' | 'scan' | 'spawn';
export type Dialog = 'help' | 'session' | 'token' | 'runs' | 'report' | null;

export interface LinkView {
  state: LinkState;
  /** Age of the newest data, NaN before there was any. */
  ageMs: number;
  ageP50Ms: number;
  ageP95Ms: number;
  hz: number;
  rttMs: number;
  transport: 'websocket' | 'polling' | 'none';
  /** Only changes are sent, because more would come late. */
  weak: boolean;
  socketUp: boolean;
  skipped: number;
  bad: readonly (readonly [reason: string, count: number])[];
  retryInS: number | null;
  stalled: boolean;
  /** Age at drawing, a sample each quarter second for 30 s. */
  spark: readonly number[];
}

/** A command waiting to be confirmed. Its targets are frozen: the selection may change, this does not. */
export interface Pending {
  command: string;
  targets: Targets;
  count: number;
  params: Record<string, unknown>;
  confirmation: 'immediate' | 'hold' | 'type-count';
  /** What follows for the drones that accept. */
  then?: string;
}

/** What can be done at a place of the map, while somebody looks: where on the page, on which drone, at which place. */
export interface MapMenu {
  x: number;
  y: number;
  id: string | null;
  /** East and north in metres; null in views that see no ground. */
  place: readonly [e: number, n: number] | null;
}

export interface ParamChange {
  path: string;
  from: unknown;
  to: unknown;
  /** Null: by this console. */
  author: string | null;
  atMs: number;
}

/** Two recorded runs side by side: this one and another. */
export interface Over {
  run: Run;
  comparison: Comparison | null;
  /** Why there is none. */
  failed: string | null;
  measured: readonly Measured[];
}

export interface Notice {
  id: number;
  text: string;
  action?: { label: string; run: () => void };
}

const COLD: LinkView = {
  state: 'connecting', ageMs: NaN, ageP50Ms: NaN, ageP95Ms: NaN, hz: 0, rttMs: NaN, transport: 'none', weak: false, socketUp: false,
  skipped: 0, bad: [], retryInS: null, stalled: false, spark: [],
};

class Ui {
  welcome = $state.raw<Welcome | null>(null);
  status = $state.raw<StatusUpdate | null>(null);
  link = $state.raw<LinkView>(COLD);
  summary = $state.raw<Summary | null>(null);
  strips = $state.raw<readonly Strip[]>([]);
  logVersion = $state(0);
  lastEntries = $state.raw<readonly LogEntry[]>([]);
  alerts = $state.raw<readonly AlertGroup[]>([]);
  shelved = $state.raw<readonly AlertGroup[]>([]);
  lost = $state.raw<readonly LostDrone[]>([]);
  presence = $state.raw<PresenceUpdate | null>(null);
  params = $state.raw<readonly ParamSpec[] | null>(null);
  paramsFailed = $state(false);
  map = $state.raw({ renderer: '', fps: 0, mainMs: 0, scaleM: 0, scalePx: 0, gridM: 0, following: false });
  /** Grows whenever the selection, the drone table or a frame may have changed what tables show. */
  beat = $state(0);
  selectedCount = $state(0);
  /** The first drones are drawn, or long in coming: what stands around the map may take its time now. */
  begun = $state(false);

  /** What the operator calls themselves; others see it beside commands and leases. */
  name = $state('');
  filter = $state('');
  /** Simulated time of the moment looked back at; null: live. */
  rewound = $state<number | null>(null);
  /** While looking back: whether the picture moves. */
  playing = $state(false);
  /** The run that is shown beside this one. */
  over = $state.raw<Over | null>(null);
  /** The swarm that was asked for and is not there. */
  gone = $state<string | null>(null);
  /** What the server knows this console by. */
  ownId = $state<string | null>(null);
  /** Which of the three things to try have been done. */
  tried = $state.raw<readonly [boolean, boolean, boolean]>([false, false, false]);
  view = $state<MapLayout>('top');
  filterError = $state<string | null>(null);
  theme = $state<Theme>('system');
  dialog = $state<Dialog>(null);
  tokenRefused = $state(false);
  drawer = $state<DrawerTab>('timeline');
  drawerOpen = $state(true);
  fleetOpen = $state(true);
  sideOpen = $state(true);
  hintOpen = $state(false);
  singleKeys = $state(true);
  /** Keys that the person has changed: what the registry says, and what to press instead. */
  keymap = $state.raw<Readonly<Record<string, string>>>({});
  /** Only the picture: nothing to press, nothing that commands. */
  kiosk = $state(false);
  /** Whom to name for what lies under the swarm, and how many parts of it are not there; null without anything. */
  ground = $state.raw<{ attribution: string; missing: number } | null>(null);
  /** The base map is wanted. */
  baseMap = $state(true);
  /** What there is to do, as it was told last. */
  mission = $state.raw<Mission | null>(null);
  /** Points that the selected drones are to fly to, one after the other. */
  route = $state.raw<readonly Vec3[]>([]);
  aim = $state<Aim | null>(null);
  menu = $state.raw<MapMenu | null>(null);
  /** A fence being drawn. */
  sketch = $state.raw<Fence | null>(null);
  /** Changes of parameters by anyone, newest first. */
  changes = $state.raw<readonly ParamChange[]>([]);
  pending = $state.raw<Pending | null>(null);
  stopProgress = $state(0);
  notices = $state.raw<readonly Notice[]>([]);

  private noticeId = 0;

  /** Says something once, in passing. */
  say(text: string, action?: Notice['action'], forMs = 8000): void {
    const notice: Notice = { id: ++this.noticeId, text, action };
    this.notices = [...this.notices.filter((n) => n.text !== text), notice].slice(-3);
    if (forMs > 0) setTimeout(() => this.dismiss(notice.id), forMs);
  }

  /** Takes back what is no longer so. */
  unsay(text: string): void {
    if (this.notices.some((n) => n.text === text)) this.notices = this.notices.filter((n) => n.text !== text);
  }

  dismiss(id: number): void {
    this.notices = this.notices.filter((n) => n.id !== id);
  }
}

export const ui = new Ui();
