/**
 * The live connection: official socket.io client, binary frames with credits, and a reconnection we can count down.
 *
 * What arrives is validated here and handed on; nothing that arrives can throw out of here.
 */
import { io, type Socket } from 'socket.io-client';
import type { Frame } from '../proto/decode';
import { isRecord, type CommandUpdate, type DronesTable, type DronesUpdate, type LogEntry, type PresenceUpdate, type StatusUpdate, type VisualizationUpdate, type Welcome } from '../proto/events';
import { Intake, type BadReason } from './intake';
import { Pace, type Seen } from './pace';

export interface LinkHandlers {
  connected(): void;
  disconnected(reason: string): void;
  welcome(welcome: Welcome): void;
  table(table: DronesTable): void;
  frame(frame: Frame): void;
  status(status: StatusUpdate): void;
  visualization(update: VisualizationUpdate): void;
  log(entries: LogEntry[]): void;
  command(update: CommandUpdate): void;
  presence(update: PresenceUpdate): void;
  unauthorized(message: string): void;
  /** There is no such swarm, or no more. */
  gone(): void;
}

/** How far from the truth positions may be that come as changes. */
const ERROR_M = 0.05;
const MANY_DRONES = 1000;
/** How often a mission is told of on the weakest link. */
const MISSION_HZ = 0.5;
const KEYFRAME_EVERY_MS = 1000;
const RETRY_MS = [500, 1000, 1500, 2500, 4000, 5000];
const CONNECT_TIMEOUT_MS = 4000;

export interface LinkOptions {
  url?: string;
  path: string;
  /** Of the swarm that is looked at; `/` is the default one. */
  namespace?: string;
  /** What to present on connecting; asked anew each time. */
  auth: () => Record<string, unknown>;
}

export class Link {
  /** Local time of the next attempt, 0 while connected or trying. */
  retryAtMs = 0;
  private socket: Socket;
  private tries = 0;
  private retryTimer: ReturnType<typeof setTimeout> | undefined;
  private readonly intake: Intake;
  private keyframeAtMs = -Infinity;
  private rateHz = 25;
  private readonly pace = new Pace();
  private closed = false;
  /** How often goals and links were asked for last. */
  private askedSceneHz = 0;
  /** What came last told of a mission: panels that would freeze without it. */
  private hasMission = false;

  constructor(
    private readonly handlers: LinkHandlers,
    options: LinkOptions,
  ) {
    const settings = {
      path: options.path,
      // A large swarm in JSON is megabytes: what is wanted is said before the first list is sent.
      auth: (give: (data: object) => void) => give({ ...options.auth(), topics: this.wanted() }),
      transports: ['websocket', 'polling'],
      tryAllTransports: true,
      reconnection: false,
      autoConnect: false,
      timeout: CONNECT_TIMEOUT_MS,
    };
    this.socket = io(`${options.url ?? ''}${options.namespace ?? '/'}`, settings);
    this.intake = new Intake({
      table: (table) => this.tableCame(table),
      frame: (frame) => handlers.frame(frame),
      free: () => this.drawn(),
      keyframe: () => this.keyframe(),
      restart: () => this.restart(),
    });
    this.listen();
  }

  /** What could not be used, by reason. */
  get badFrames(): Partial<Record<BadReason, number>> {
    return this.intake.bad;
  }

  /** Frames the server left out on purpose because newer ones replaced them. */
  get skippedFrames(): number {
    return this.intake.skipped;
  }

  /** The connection goes on where the one before it was cut. */
  get recovered(): boolean {
    return this.socket.recovered;
  }

  /** What the server knows this console by, while it is connected. */
  get id(): string | null {
    return this.socket.id ?? null;
  }

  get connected(): boolean {
    return this.socket.connected;
  }

  get transport(): 'websocket' | 'polling' | 'none' {
    if (!this.socket.connected) return 'none';
    return this.carrier;
  }

  private get carrier(): 'websocket' | 'polling' {
    return this.socket.io.engine?.transport.name === 'polling' ? 'polling' : 'websocket';
  }

  connect(): void {
    clearTimeout(this.retryTimer);
    this.closed = false;
    this.retryAtMs = 0;
    this.socket.connect();
  }

  /** Connects anew, as for another name. */
  reconnect(): void {
    this.socket.disconnect();
    this.connect();
  }

  close(): void {
    this.closed = true;
    clearTimeout(this.retryTimer);
    this.socket.disconnect();
  }

  /** Asks for another frame rate, as for a hidden tab. */
  setRate(hz: number): void {
    if (hz === this.rateHz) return;
    this.rateHz = hz;
    if (this.connected) this.subscribe();
  }

  /** Frames a second that were asked for. */
  get askedHz(): number {
    // Long polling carries one answer a round trip; asking for more than it can give would only add age.
    return Math.min(this.rateHz, this.pace.level.rateHz, this.carrier === 'polling' ? 5 : Infinity);
  }

  /** Only changes are sent, because the link is weak. */
  get isWeak(): boolean {
    return this.pace.isWeak;
  }

  /** What of the last seconds is known. */
  judge(seen: Seen): void {
    if (!this.connected || !this.pace.look(performance.now(), seen)) return;
    // The answer comes behind everything that was under way: on a weak link, seconds of frames of the level before.
    this.subscribe(undefined, () => this.pace.restart(performance.now()));
  }

  /** The newest frame has been drawn: returns the credit of every frame received up to now. */
  drawn(): void {
    for (const seq of this.intake.undrawn) this.socket.emit('frame-ack', { seq });
    this.intake.undrawn.length = 0;
  }

  /** A list over HTTP. */
  receiveJson(update: DronesUpdate, flags: number): void {
    if (!this.connected) this.intake.restartNumbers();
    this.intake.takeJson(update, flags);
  }

  /** Asks for a fresh, complete frame; also frees credits. At most once a second. */
  keyframe(): void {
    const now = performance.now();
    if (!this.connected || now - this.keyframeAtMs < KEYFRAME_EVERY_MS) return;
    this.keyframeAtMs = now;
    this.socket.emit('keyframe');
  }

  /** Emits with an acknowledgement; rejects when not connected or not answered in time. Never queues. */
  async ask(event: string, payload: unknown, timeoutMs: number): Promise<unknown> {
    if (!this.connected) throw new Error('not connected');
    return await this.socket.timeout(timeoutMs).emitWithAck(event, payload);
  }

  /** Shows everything that goes over the wire from now on. Returns how to stop it. */
  watch(see: (incoming: boolean, event: string, args: readonly unknown[]) => void): () => void {
    const [came, went] = [true, false].map((incoming) => (event: string, ...args: unknown[]) => see(incoming, event, args));
    this.socket.onAny(came).onAnyOutgoing(went);
    return () => void this.socket.offAny(came).offAnyOutgoing(went);
  }

  private listen(): void {
    const { socket, handlers } = this;
    socket.on('connect', () => {
      this.tries = 0;
      this.retryAtMs = 0;
      this.intake.forget();
      this.pace.restart(performance.now());
      // After a short cut the server knows this console still, and the frames that were under way then.
      if (socket.recovered) this.keyframe();
      socket.io.engine?.once('upgrade', () => this.subscribe());
      handlers.connected();
    });
    socket.on('disconnect', (reason) => {
      this.intake.undrawn.length = 0;
      handlers.disconnected(reason);
      this.retryLater();
    });
    socket.on('connect_error', (error: Error & { data?: unknown }) => {
      const code = isRecord(error.data) ? error.data.code : undefined;
      if (code === 'unauthorized' || error.message === 'unauthorized') handlers.unauthorized(error.message);
      if (error.message === 'Invalid namespace') handlers.gone();
      // A proxy that swallows WebSockets silently only shows as a timeout: begin with the other transport next time.
      if (error.message === 'timeout') {
        const transports = socket.io.opts.transports;
        if (Array.isArray(transports)) transports.reverse();
      }
      this.retryLater();
    });
    // Members are checked where they are used; whatever else is wrong with a payload ends here and is counted.
    const guarded = (event: string, handle: (data: unknown) => void): void => {
      socket.on(event, (data: unknown) => {
        try {
          handle(data);
        } catch (error) {
          this.intake.count('bad_event');
          console.warn(`${event} could not be used:`, error);
        }
      });
    };
    const record = <T>(event: string, handle: (value: T) => void): void => guarded(event, (data) => (isRecord(data) ? handle(data as T) : this.intake.count('bad_event')));
    guarded('drones-update', (data) => this.intake.take(data));
    guarded('drones-table', (data) => this.intake.takeTable(data));
    record<Welcome>('welcome', (w) => handlers.welcome(w));
    record<StatusUpdate>('status-update', (s) => handlers.status(s));
    record<VisualizationUpdate>('visualization-update', (v) => {
      this.hasMission = isRecord(v.mission);
      handlers.visualization(v);
    });
    record<LogEntry>('log-update', (entry) => handlers.log([entry]));
    record<{ entries?: LogEntry[] }>('communication-log-update', (batch) => handlers.log(Array.isArray(batch.entries) ? batch.entries : []));
    record<CommandUpdate>('command-update', (c) => handlers.command(c));
    record<PresenceUpdate>('presence-update', (p) => handlers.presence(p));
  }

  /** Closes the connection; the disconnect handler opens the next one. */
  private restart(): void {
    this.socket.disconnect();
  }

  private tableCame(table: DronesTable): void {
    if (this.connected && this.sceneHz !== this.askedSceneHz) this.subscribe(['visualization-update']);
    this.handlers.table(table);
  }

  /** Goals of thousands of drones weigh more than all their positions, and only few are ever shown. 0: none at all, unless a mission travels with them. */
  private get sceneHz(): number {
    const { drones } = this.intake;
    if (drones > this.pace.level.goalsOf) return this.hasMission ? MISSION_HZ : 0;
    return drones > MANY_DRONES ? 0.5 : 2;
  }

  /** What to be told, how often and how written. */
  private wanted(): Record<string, object> {
    const { encoding, inFlightMax, statusHz } = this.pace.level;
    this.askedSceneHz = this.sceneHz;
    return {
      'drones-update': { encoding, rate_hz: this.askedHz, in_flight_max: inFlightMax, ...(encoding === 'delta' ? { error_m: ERROR_M } : {}) },
      'status-update': { rate_hz: Math.min(statusHz, this.askedHz) },
      ...(this.askedSceneHz > 0 ? { 'visualization-update': { rate_hz: this.askedSceneHz } } : {}),
    };
  }

  /** Asks anew, for all topics or only these. */
  private subscribe(only?: readonly string[], answered: () => void = () => undefined): void {
    const topics = Object.entries(this.wanted()).filter(([topic]) => only?.includes(topic) ?? true);
    this.socket.emit('subscribe', { topics: Object.fromEntries(topics) }, answered);
    if (this.askedSceneHz === 0) this.socket.emit('unsubscribe', { topics: ['visualization-update'] });
  }

  private retryLater(): void {
    if (this.closed || this.socket.connected) return;
    clearTimeout(this.retryTimer);
    const base = RETRY_MS[Math.min(this.tries, RETRY_MS.length - 1)];
    this.tries++;
    // Spread, so that fifty consoles do not return in the same instant.
    const delay = base * (0.8 + Math.random() * 0.4);
    this.retryAtMs = Date.now() + delay;
    this.retryTimer = setTimeout(() => this.connect(), delay);
  }
}
