import { beforeEach, describe, expect, it, vi } from 'vitest';
import { Link, type LinkHandlers } from '../../src/net/link';
import { encodeFrame } from '../../src/proto/encode';
import { drone, fixtureJson, golden, random } from './fixtures';

/** A socket.io client without a network: what it is told to emit is noted, what it receives is played in. */
type Auth = (give: (data: object) => void) => void;
const wire = vi.hoisted(() => ({ handlers: new Map<string, (data?: unknown) => void>(), emitted: [] as [string, unknown][], answer: () => undefined as unknown, connected: false, opened: 0, auth: (() => undefined) as Auth }));

vi.mock('socket.io-client', () => ({
  io: (_: string, options: { auth: Auth }) => ({
    ...((wire.auth = options.auth), {}),
    get connected() { return wire.connected; },
    io: { engine: { transport: { name: 'websocket' }, once: () => undefined }, opts: { transports: [] } },
    on: (event: string, handle: (data?: unknown) => void) => wire.handlers.set(event, handle),
    emit: (event: string, data: unknown, answered?: () => void) => {
      wire.emitted.push([event, data]);
      if (answered) wire.answer = answered;
    },
    connect: () => wire.opened++,
    disconnect: () => {
      wire.connected = false;
      wire.handlers.get('disconnect')?.('io client disconnect');
    },
  }),
}));

const play = (event: string, data?: unknown): void => wire.handlers.get(event)?.(data);
const emittedOf = (event: string): unknown[] => wire.emitted.filter(([e]) => e === event).map(([, d]) => d);
const table = (epoch: number) => ({ epoch, drones: [{ id: 'a', type: 'scout' }] });
const frame = (seq: number, epoch = 1): ArrayBuffer => encodeFrame({ seq, tick: seq, sim_time_s: 0, wall_time_ms: 1, drones: [drone('a')] }, epoch, 0);

let seen: { frames: number[]; tables: number[]; lost: number };
let link: Link;

beforeEach(() => {
  vi.useFakeTimers();
  wire.emitted.length = 0;
  wire.opened = 0;
  seen = { frames: [], tables: [], lost: 0 };
  const handlers: LinkHandlers = {
    connected: () => undefined, disconnected: () => seen.lost++, welcome: () => undefined, table: (t) => seen.tables.push(t.epoch),
    frame: (f) => seen.frames.push(f.seq), status: () => undefined, visualization: () => undefined, log: () => undefined,
    command: () => undefined, presence: () => undefined, unauthorized: () => undefined, gone: () => undefined,
  };
  link = new Link(handlers, { path: '/socket.io/', auth: () => ({}) });
  wire.connected = true;
  play('connect');
});

describe('link', () => {
  it('asks for binary frames with two credits before anything else is sent', () => {
    let said: object = {};
    wire.auth((data) => (said = data));
    expect(said).toMatchObject({ topics: { 'drones-update': { encoding: 'binary', rate_hz: 25, in_flight_max: 2 }, 'visualization-update': { rate_hz: 2 } } });
    expect(emittedOf('subscribe')).toEqual([]);
  });

  it('hands on frames of the known table and returns a credit for each when drawn', () => {
    play('drones-table', table(1));
    play('drones-update', frame(1));
    play('drones-update', frame(4));
    expect(seen.frames).toEqual([1, 4]);
    expect(link.skippedFrames).toBe(2);
    link.drawn();
    expect(emittedOf('frame-ack')).toEqual([{ seq: 1 }, { seq: 4 }]);
  });

  it('asks for changes once frames arrive late, and for a whole frame when one is missing', () => {
    const says = fixtureJson<{ frame: string; says: { wrong?: string } }[]>('delta.json');
    const [whole, change, later] = [1, 2, 4].map((n) => Uint8Array.from(says[n].frame.match(/../g) ?? [], (hex) => parseInt(hex, 16)));
    for (let n = 0; n < 30; n++) {
      vi.advanceTimersByTime(250);
      link.judge({ ageMs: 900, sinceMs: 900, share: 1 });
    }
    expect(emittedOf('subscribe').map((s) => (s as { topics: Record<string, unknown> }).topics['drones-update'])).toMatchObject([{ encoding: 'delta', error_m: 0.05, rate_hz: 25 }]);
    expect(link.isWeak).toBe(true);
    play('drones-table', { epoch: 77, drones: Array.from({ length: 6 }, (_, i) => ({ id: `d${i}`, type: 'quad' })) });
    for (const frame of [whole, change, later]) play('drones-update', frame.buffer);
    expect(seen.frames).toEqual([7, 8]);
    expect(link.badFrames).toEqual({ gap: 1 });
    expect(emittedOf('keyframe').length).toBe(1);
    expect(emittedOf('frame-ack').length).toBe(3); // those that were drawn meanwhile too
  });

  it('asks for even less only if that was poor too which came behind the answer', () => {
    const judge = (seconds: number): void => {
      for (let n = 0; n < seconds * 4; n++) {
        vi.advanceTimersByTime(250);
        link.judge({ ageMs: 900, sinceMs: 900, share: 1 });
      }
    };
    judge(60);
    expect(emittedOf('subscribe').length).toBe(1);
    wire.answer();
    judge(4);
    expect(emittedOf('subscribe').length).toBe(1);
    judge(4);
    expect(emittedOf('subscribe').at(-1)).toMatchObject({ topics: { 'drones-update': { encoding: 'delta', rate_hz: 5 } } });
  });

  it('keeps what it knows of the drones when it is told of them again', () => {
    for (const epoch of [1, 1, 2, 1]) play('drones-table', table(epoch));
    expect(seen.tables).toEqual([1, 2, 1]);
  });

  it('drops what is not newer', () => {
    play('drones-table', table(1));
    for (const seq of [5, 5, 3]) play('drones-update', frame(seq));
    expect(seen.frames).toEqual([5]);
    expect(link.badFrames.old_seq).toBe(2);
  });

  it('waits for the table of a new epoch, asking once, and reconnects when it never comes', () => {
    play('drones-table', table(1));
    play('drones-update', frame(1));
    play('drones-update', frame(2, 2));
    play('drones-update', frame(3, 2));
    expect(emittedOf('keyframe').length).toBe(1);
    vi.advanceTimersByTime(3100);
    play('drones-update', frame(4, 2));
    expect(seen.lost).toBe(1);
    expect(seen.frames).toEqual([1]);
  });

  it('counts bad frames by reason and reconnects after three in a row', () => {
    play('drones-table', table(1));
    play('drones-update', golden('wrong-magic.bin'));
    play('drones-update', golden('truncated.bin'));
    expect(seen.lost).toBe(0);
    play('drones-update', golden('nan-time.bin'));
    expect(link.badFrames).toMatchObject({ wrong_magic: 1, wrong_length: 1, not_finite: 1 });
    expect(seen.lost).toBe(1);
    expect(link.retryAtMs).toBeGreaterThan(0);
    vi.advanceTimersByTime(1000);
    expect(wire.opened).toBe(1);
  });

  it('begins counting afresh on a new connection, so that a restarted server is heard', () => {
    play('drones-table', table(1));
    play('drones-update', frame(900));
    wire.connected = false;
    play('disconnect', 'transport close');
    wire.connected = true;
    play('connect');
    play('drones-table', table(1));
    play('drones-update', frame(1));
    expect(seen.frames).toEqual([900, 1]);
  });

  it('asks for fewer goals when there are many drones', () => {
    play('drones-table', { epoch: 1, drones: Array.from({ length: 1500 }, (_, i) => ({ id: `d${i}`, type: 'scout' })) });
    expect(emittedOf('subscribe')).toEqual([{ topics: { 'visualization-update': { rate_hz: 0.5 } } }]);
  });

  it('takes JSON lists, from HTTP or an older server, as frames of a table of its own', () => {
    play('drones-update', { seq: 1, tick: 1, sim_time_s: 0, wall_time_ms: 1, drones: [drone('a'), drone('b')] });
    play('drones-update', { seq: 2, tick: 2, sim_time_s: 0, wall_time_ms: 1, drones: [drone('a'), drone('b')] });
    expect(seen.tables.length).toBe(1);
    expect(seen.frames).toEqual([1, 2]);
  });

  it('lets nothing that arrives throw', () => {
    vi.spyOn(console, 'warn').mockImplementation(() => undefined);
    const seed = 99;
    const next = random(seed);
    const things = [null, undefined, 1, 'x', {}, [], { drones: 1 }, { drones: [null] }, { epoch: 'x', drones: [] }, new ArrayBuffer(3), new Uint8Array(70)];
    for (let round = 0; round < 500; round++) {
      wire.connected = true;
      for (const event of ['drones-update', 'drones-table', 'welcome', 'status-update', 'log-update', 'communication-log-update', 'command-update']) {
        expect(() => play(event, things[Math.floor(next() * things.length)]), `seed ${seed}`).not.toThrow();
      }
    }
  });
});
