/**
 * The live connection: official socket.io client, binary frames with credits, and a reconnection we can count down.
 *
 * What arrives is validated here and handed on; nothing that arrives can throw out of here.
 */
import { io, type Socket } from 'socket.io-client';
import { decodeFrame, type BadFrame, type Frame } from '../proto/decode';
import { encodeFrame } from '../proto/encode';
import { isRecord, type CommandUpdate, type DronesTable, type DronesUpdate, type LogEntry, type PresenceUpdate, type StatusUpdate, type VisualizationUpdate, type Welcome } from '../proto/events';

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
}

export type BadReason = BadFrame | 'unknown_epoch' | 'wrong_count' | 'old_seq' | 'bad_event';

/** Never more than this many undrawn frames under way: a slow screen sees fresh data less often, never old data. */
const IN_FLIGHT_MAX = 2;
const STATUS_HZ = 10;
const MANY_DRONES = 1000;
const BAD_IN_A_ROW_MAX = 3;
const KEYFRAME_EVERY_MS = 1000;
const UNKNOWN_EPOCH_MAX_MS = 3000;
const RETRY_MS = [500, 1000, 1500, 2500, 4000, 5000];
const CONNECT_TIMEOUT_MS = 4000;
/** Epochs of tables made here from JSON lists; no server counts that far. */
const LOCAL_EPOCH = 0x8000_0000;

export interface LinkOptions {
  url?: string;
  path: string;
  /** What to present on connecting; asked anew each time. */
  auth: () => Record<string, unknown>;
}

export class Link {
  readonly badFrames: Partial<Record<BadReason, number>> = {};
  /** Frames the server left out on purpose because newer ones replaced them. */
  skippedFrames = 0;
  /** Local time of the next attempt, 0 while connected or trying. */
  retryAtMs = 0;
  private socket: Socket;
  private tries = 0;
  private retryTimer: ReturnType<typeof setTimeout> | undefined;
  private table: DronesTable | null = null;
  private lastSeq = -1;
  private badInARow = 0;
  private unknownSinceMs = NaN;
  private keyframeAtMs = -Infinity;
  private undrawn: number[] = [];
  private rateHz = 25;
  private closed = false;
  /** Whether binary frames were granted; until the answer comes they are expected. */
  private binary = true;
  private many = false;
  private localEpoch = LOCAL_EPOCH;

  constructor(
    private readonly handlers: LinkHandlers,
    options: LinkOptions,
  ) {
    const settings = {
      path: options.path,
      auth: (give: (data: object) => void) => give(options.auth()),
      transports: ['websocket', 'polling'],
      tryAllTransports: true,
      reconnection: false,
      autoConnect: false,
      timeout: CONNECT_TIMEOUT_MS,
    };
    this.socket = options.url ? io(options.url, settings) : io(settings);
    this.listen();
  }

  get connected(): boolean {
    return this.socket.connected;
  }

  get transport(): 'websocket' | 'polling' | 'none' {
    if (!this.socket.connected) return 'none';
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

  /** The newest frame has been drawn: returns the credit of every frame received up to now. */
  drawn(): void {
    for (const seq of this.undrawn) this.socket.emit('frame-ack', { seq });
    this.undrawn.length = 0;
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

  private listen(): void {
    const { socket, handlers } = this;
    socket.on('connect', () => {
      this.tries = 0;
      this.retryAtMs = 0;
      this.forget();
      this.subscribe();
      socket.io.engine?.once('upgrade', () => this.subscribe());
      handlers.connected();
    });
    socket.on('disconnect', (reason) => {
      this.undrawn.length = 0;
      handlers.disconnected(reason);
      this.retryLater();
    });
    socket.on('connect_error', (error: Error & { data?: unknown }) => {
      const code = isRecord(error.data) ? error.data.code : undefined;
      if (code === 'unauthorized' || error.message === 'unauthorized') handlers.unauthorized(error.message);
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
          this.count('bad_event');
          console.warn(`${event} could not be used:`, error);
        }
      });
    };
    const record = <T>(event: string, handle: (value: T) => void): void => guarded(event, (data) => (isRecord(data) ? handle(data as T) : this.count('bad_event')));
    guarded('drones-update', (data) => this.receive(data));
    guarded('drones-table', (data) => this.receiveTable(data));
    record<Welcome>('welcome', (w) => handlers.welcome(w));
    record<StatusUpdate>('status-update', (s) => handlers.status(s));
    record<VisualizationUpdate>('visualization-update', (v) => handlers.visualization(v));
    record<LogEntry>('log-update', (entry) => handlers.log([entry]));
    record<{ entries?: LogEntry[] }>('communication-log-update', (batch) => handlers.log(Array.isArray(batch.entries) ? batch.entries : []));
    record<CommandUpdate>('command-update', (c) => handlers.command(c));
    record<PresenceUpdate>('presence-update', (p) => handlers.presence(p));
  }

  /** Closes the connection; the disconnect handler opens the next one. */
  private restart(): void {
    this.socket.disconnect();
  }

  private forget(): void {
    this.table = null;
    this.binary = true;
    this.many = false;
    this.lastSeq = -1;
    this.badInARow = 0;
    this.unknownSinceMs = NaN;
    this.undrawn.length = 0;
  }

  private subscribe(): void {
    // Long polling carries one answer a round trip; asking for more than it can give would only add age.
    const rate_hz = this.transport === 'polling' ? Math.min(5, this.rateHz) : this.rateHz;
    const topics: Record<string, object> = {
      'drones-update': { encoding: 'binary', rate_hz, in_flight_max: IN_FLIGHT_MAX },
      'status-update': { rate_hz: Math.min(STATUS_HZ, rate_hz) },
      // Goals of thousands of drones weigh more than all their positions, and only few are ever shown.
      'visualization-update': { rate_hz: (this.table?.drones.length ?? 0) > MANY_DRONES ? 0.5 : 2 },
    };
    this.socket.emit('subscribe', { topics }, (answer: unknown) => {
      const got = isRecord(answer) && isRecord(answer.topics) ? answer.topics['drones-update'] : null;
      this.binary = isRecord(got) && got.encoding === 'binary';
    });
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

  private receiveTable(data: unknown): void {
    if (!isRecord(data) || typeof data.epoch !== 'number' || !Array.isArray(data.drones)) return;
    const drones = data.drones.filter((d): d is DronesTable['drones'][number] => isRecord(d) && typeof d.id === 'string' && typeof d.type === 'string');
    if (drones.length !== data.drones.length) return this.count('bad_event');
    this.table = { epoch: data.epoch, drones };
    this.unknownSinceMs = NaN;
    const many = this.table.drones.length > MANY_DRONES;
    if (many !== this.many && this.connected) {
      this.many = many;
      this.subscribe();
    }
    this.handlers.table(this.table);
  }

  private receive(data: unknown): void {
    if (isRecord(data) && Array.isArray(data.drones)) {
      // Lists that were sent before the subscription took effect would only be decoded to be replaced.
      if (!this.binary) this.receiveJson(data as unknown as DronesUpdate, 0);
      return;
    }
    const decoded = decodeFrame(data);
    // A frame that cannot be used still took a credit.
    this.undrawn.push(decoded.ok ? decoded.frame.seq : Math.max(0, this.lastSeq));
    if (!decoded.ok) return this.reject(decoded.reason);
    const { frame } = decoded;
    if (frame.epoch !== this.table?.epoch) return this.awaitTable();
    if (frame.count !== this.table.drones.length) return this.reject('wrong_count');
    this.accept(frame);
  }

  /** A list in JSON, from HTTP or from a server that does not speak the binary form: the same frame from here on. */
  receiveJson(update: DronesUpdate, flags: number): void {
    // Over HTTP there is no connection whose end would announce a restarted server: its numbers are taken as they come.
    if (!this.connected) this.lastSeq = -1;
    const known = this.table;
    const same = known !== null && known.epoch >= LOCAL_EPOCH && known.drones.length === update.drones.length && known.drones.every((d, i) => d.id === update.drones[i].id && d.type === update.drones[i].type);
    if (!same) {
      this.localEpoch++;
      this.receiveTable({ epoch: this.localEpoch, drones: update.drones.map(({ id, type, group }) => ({ id, type, group: group ?? null })) });
    }
    const decoded = decodeFrame(encodeFrame(update, this.localEpoch, flags));
    if (decoded.ok) this.accept(decoded.frame);
    else this.reject(decoded.reason);
  }

  private accept(frame: Frame): void {
    if (frame.seq <= this.lastSeq) {
      this.count('old_seq');
      return;
    }
    if (this.lastSeq >= 0) this.skippedFrames += frame.seq - this.lastSeq - 1;
    this.lastSeq = frame.seq;
    this.badInARow = 0;
    this.unknownSinceMs = NaN;
    this.handlers.frame(frame);
  }

  private count(reason: BadReason): void {
    this.badFrames[reason] = (this.badFrames[reason] ?? 0) + 1;
  }

  private reject(reason: BadReason): void {
    this.count(reason);
    this.badInARow++;
    this.drawn();
    if (this.badInARow >= BAD_IN_A_ROW_MAX) {
      this.badInARow = 0;
      this.restart();
    } else this.keyframe();
  }

  /** The table travels in another class of delivery and may come after its first frame: wait for it, but not for ever. */
  private awaitTable(): void {
    this.count('unknown_epoch');
    this.drawn();
    const now = performance.now();
    if (Number.isNaN(this.unknownSinceMs)) this.unknownSinceMs = now;
    if (now - this.unknownSinceMs > UNKNOWN_EPOCH_MAX_MS) {
      this.unknownSinceMs = NaN;
      this.restart();
    } else this.keyframe();
  }
}
