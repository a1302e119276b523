/** The way in when sockets do not get through: plain requests, every five seconds, said openly as such. */
import { isRecord, type CommandAck, type CommandEnvelope, type CommandRecord, type DronesUpdate, type LogEntry, type ParamSpec, type StatusUpdate, type VisualizationUpdate } from '../proto/events';
import type { MissionReport } from '../proto/mission';
import type { Clock } from './clock';

export const POLL_EVERY_MS = 5000;
const TIMEOUT_MS = 4000;

export interface HttpOptions {
  /** Directory of the API, ending in a slash. */
  base: string;
  token: () => string | null;
  /** What the operator calls themselves, or nothing. */
  name: () => string;
  /** The swarm that is looked at; null: the default one. */
  swarm: string | null;
}

export class Http {
  constructor(
    private readonly options: HttpOptions,
    private readonly clock: Clock,
  ) {}

  /** The address of a route. */
  url(path: string): string {
    return this.options.base + path;
  }

  /** Asks a route of the swarm that is looked at. */
  private request(path: string, init?: RequestInit): Promise<unknown> {
    const { swarm } = this.options;
    return this.ask(swarm === null ? path : `${path}${path.includes('?') ? '&' : '?'}swarm=${encodeURIComponent(swarm)}`, init);
  }

  /** Asks any route; an answer that is refused in the API's own words is an answer. */
  async ask(path: string, init: RequestInit = {}, withinMs = TIMEOUT_MS): Promise<unknown> {
    const token = this.options.token();
    const headers = new Headers(init.headers);
    if (token) headers.set('authorization', `Bearer ${token}`);
    const name = this.options.name();
    // A header carries Latin-1 only.
    if (/^[\x20-\x7e]+$/.test(name)) headers.set('x-operator', name);
    const response = await fetch(this.url(path), { ...init, headers, cache: 'no-store', signal: AbortSignal.timeout(withinMs) });
    const body: unknown = await response.json();
    // Errors carry the same envelope as acks: a refused command is an answer, not a failure to reach the server.
    if (!response.ok && !(isRecord(body) && body.ok === false)) throw new Error(`HTTP ${response.status}`);
    return body;
  }

  /** Saves what a route gives as a file. Returns what went wrong, or null. */
  async download(url: string, name: string): Promise<string | null> {
    const token = this.options.token();
    const link = document.createElement('a');
    link.download = name;
    // Without a token the browser streams to disk by itself; with one the request needs a header, and memory.
    if (token === null) link.href = url;
    else {
      const response = await fetch(url, { headers: { authorization: `Bearer ${token}` } }).catch(() => null);
      if (!response?.ok) return `HTTP ${response?.status ?? 0}`;
      link.href = URL.createObjectURL(await response.blob());
    }
    link.click();
    return null;
  }

  /** The last status, which also tells the server's time. */
  async status(): Promise<StatusUpdate> {
    const asked = this.clock.localNow();
    const body = await this.request('status');
    const heard = this.clock.localNow();
    if (!isRecord(body) || typeof body.wall_time_ms !== 'number') throw new Error('no status');
    const status = body as unknown as StatusUpdate;
    // The answer may be a stored payload of up to one tick ago; only a running simulation keeps it that fresh.
    if (status.state === 'running') this.clock.roundTrip(asked, heard, status.wall_time_ms);
    return status;
  }

  /** The drones for which a predicate holds, or all. */
  async drones(where?: string): Promise<DronesUpdate> {
    const body = await this.request(where === undefined ? 'drones' : `drones?where=${encodeURIComponent(where)}`);
    if (!isRecord(body) || !Array.isArray(body.drones)) throw new Error('no drones');
    return body as unknown as DronesUpdate;
  }

  async visualization(): Promise<VisualizationUpdate> {
    const body = await this.request('visualization');
    if (!isRecord(body) || body.ok === false) throw new Error('no visualization');
    return body as unknown as VisualizationUpdate;
  }

  async params(): Promise<ParamSpec[]> {
    const body = await this.request('params');
    const list = Array.isArray(body) ? body : isRecord(body) ? body.params : null;
    if (!Array.isArray(list)) throw new Error('no parameters');
    return list.filter((p): p is ParamSpec => isRecord(p) && typeof p.path === 'string');
  }

  /** How the mission went so far. */
  async missionReport(): Promise<MissionReport> {
    const body = await this.request('mission/report');
    if (!isRecord(body) || body.ok === false || !isRecord(body.windows)) throw new Error('no report');
    return body as unknown as MissionReport;
  }

  /** How the server is; an answer that it is not well is one too. */
  async health(): Promise<unknown> {
    return (await fetch(this.url('health'), { cache: 'no-store', signal: AbortSignal.timeout(TIMEOUT_MS) })).json();
  }

  /** The server in numbers, in the form that Prometheus reads. */
  async metrics(): Promise<string> {
    const token = this.options.token();
    const response = await fetch(this.url('server-metrics'), { headers: token ? { authorization: `Bearer ${token}` } : {}, cache: 'no-store', signal: AbortSignal.timeout(TIMEOUT_MS) });
    if (!response.ok) throw new Error(`HTTP ${response.status}`);
    return response.text();
  }

  /** What is known of one drone beyond its telemetry. */
  async drone(id: string): Promise<Record<string, unknown>> {
    const body = await this.request(`drones/${encodeURIComponent(id)}`);
    if (!isRecord(body) || body.ok === false) throw new Error('no such drone');
    return body;
  }

  /** The newest commands of the run, oldest first. */
  async commands(): Promise<CommandRecord[]> {
    const body = await this.request('commands');
    return isRecord(body) && Array.isArray(body.commands) ? (body.commands as CommandRecord[]) : [];
  }

  async logs(after: number): Promise<LogEntry[]> {
    const body = await this.request(`logs?after=${Math.max(0, after)}&limit=200`);
    const list = Array.isArray(body) ? body : isRecord(body) ? (body.entries ?? body.logs) : null;
    return Array.isArray(list) ? (list as LogEntry[]) : [];
  }

  /** Trades an access token for a cookie that no script can read. False: the server does not know it, or not any more. */
  async login(token: string): Promise<boolean> {
    const body = await this.send('login', { token, ...(this.options.name() ? { name: this.options.name() } : {}) });
    if (!isRecord(body)) throw new Error('no answer');
    const code = isRecord(body.error) ? body.error.code : undefined;
    // A server that asks for no token needs no cookie either.
    if (body.ok === true || code === 'not_in_state') return true;
    if (code === 'unauthorized') return false;
    throw new Error(isRecord(body.error) ? String(body.error.message) : 'no answer');
  }

  async logout(): Promise<void> {
    await this.send('logout', {});
  }

  private send(path: string, body: unknown): Promise<unknown> {
    return this.request(path, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) });
  }

  async command(envelope: CommandEnvelope): Promise<CommandAck> {
    const body = await this.send('command', envelope);
    if (!isRecord(body) || typeof body.ok !== 'boolean') throw new Error('no answer');
    return body as unknown as CommandAck;
  }
}

export interface PollHandlers {
  got(status: StatusUpdate, drones: DronesUpdate): void;
  failed(): void;
}

/** Polls while told to. One request at a time; the next begins five seconds after the last was asked. */
export class Poller {
  private timer: ReturnType<typeof setTimeout> | undefined;
  private running = false;

  constructor(
    private readonly http: Http,
    private readonly handlers: PollHandlers,
  ) {}

  start(): void {
    if (this.running) return;
    this.running = true;
    void this.turn();
  }

  stop(): void {
    this.running = false;
    clearTimeout(this.timer);
  }

  private async turn(): Promise<void> {
    const began = performance.now();
    try {
      const [status, drones] = await Promise.all([this.http.status(), this.http.drones()]);
      if (this.running) this.handlers.got(status, drones);
    } catch {
      if (this.running) this.handlers.failed();
    }
    if (this.running) this.timer = setTimeout(() => void this.turn(), Math.max(500, POLL_EVERY_MS - (performance.now() - began)));
  }
}
