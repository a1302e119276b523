/**
 * What arrives over a connection: checked here, put in order, counted when it cannot be used. Nothing throws out of here.
 */
import { decodeFrame, type BadFrame, type Decoded, type Frame } from '../proto/decode';
import { DELTA_MAGIC, DeltaDecoder, type BadDelta } from '../proto/delta';
import { encodeFrame } from '../proto/encode';
import { isRecord, type DronesTable, type DronesUpdate } from '../proto/events';

export type BadReason = BadFrame | BadDelta | 'unknown_epoch' | 'wrong_count' | 'old_seq' | 'bad_event';

const BAD_IN_A_ROW_MAX = 3;
const UNKNOWN_EPOCH_MAX_MS = 3000;
/** Epochs of tables made here from JSON lists; no server counts that far. */
const LOCAL_EPOCH = 0x8000_0000;

export interface IntakeHandlers {
  table(table: DronesTable): void;
  frame(frame: Frame): void;
  /** Credits of frames that nobody will draw go back. */
  free(): void;
  /** A complete frame is wanted. */
  keyframe(): void;
  /** The connection is of no use any more. */
  restart(): void;
}

export class Intake {
  readonly bad: Partial<Record<BadReason, number>> = {};
  /** Frames the server left out on purpose because newer ones replaced them. */
  skipped = 0;
  private readonly delta = new DeltaDecoder();
  /** Numbers of frames whose credit has not gone back yet. */
  readonly undrawn: number[] = [];
  private table: DronesTable | null = null;
  private lastSeq = -1;
  private badInARow = 0;
  private unknownSinceMs = NaN;
  private localEpoch = LOCAL_EPOCH;

  constructor(private readonly handlers: IntakeHandlers) {}

  get drones(): number {
    return this.table?.drones.length ?? 0;
  }

  /** A new connection: nothing of the old one holds. */
  forget(): void {
    this.table = null;
    this.lastSeq = -1;
    this.badInARow = 0;
    this.unknownSinceMs = NaN;
    this.undrawn.length = 0;
    this.delta.forget();
  }

  count(reason: BadReason): void {
    this.bad[reason] = (this.bad[reason] ?? 0) + 1;
  }

  takeTable(data: unknown): void {
    if (!isRecord(data) || typeof data.epoch !== 'number' || !Array.isArray(data.drones)) return;
    const drones = data.drones.filter((d): d is DronesTable['drones'][number] => isRecord(d) && typeof d.id === 'string' && typeof d.type === 'string');
    if (drones.length !== data.drones.length) return this.count('bad_event');
    // Told again, it changes nothing: what is known of these drones stays.
    if (data.epoch === this.table?.epoch) return;
    this.table = { epoch: data.epoch, drones };
    this.unknownSinceMs = NaN;
    this.handlers.table(this.table);
  }

  /** Over HTTP there is no connection whose end would announce a restarted server: its numbers are taken as they come. */
  restartNumbers(): void {
    this.lastSeq = -1;
  }

  /** A `drones-update` of any encoding. */
  take(data: unknown): void {
    if (isRecord(data) && Array.isArray(data.drones)) {
      this.takeJson(data as unknown as DronesUpdate, 0);
      return;
    }
    const decoded = this.decode(data);
    // A frame that cannot be used still took a credit.
    this.undrawn.push(decoded.ok ? decoded.frame.seq : Math.max(0, this.lastSeq));
    if (!decoded.ok) return decoded.reason === 'gap' ? this.resume() : this.reject(decoded.reason);
    const { frame } = decoded;
    if (frame.epoch !== this.table?.epoch) return this.awaitTable();
    if (frame.count !== this.table.drones.length) return this.reject('wrong_count');
    this.accept(frame);
  }

  /** A list in JSON, from HTTP or from a server that does not speak the binary form: the same frame from here on. */
  takeJson(update: DronesUpdate, flags: number): void {
    const known = this.table;
    const same = known !== null && known.epoch >= LOCAL_EPOCH && known.drones.length === update.drones.length && known.drones.every((d, i) => d.id === update.drones[i].id && d.type === update.drones[i].type);
    if (!same) {
      this.localEpoch++;
      this.takeTable({ epoch: this.localEpoch, drones: update.drones.map(({ id, type, group }) => ({ id, type, group: group ?? null })) });
    }
    const decoded = decodeFrame(encodeFrame(update, this.localEpoch, flags));
    if (decoded.ok) this.accept(decoded.frame);
    else this.reject(decoded.reason);
  }

  private decode(data: unknown): Decoded | { ok: false; reason: BadDelta } {
    const bytes = data instanceof ArrayBuffer ? new Uint8Array(data) : data;
    if (!(bytes instanceof Uint8Array) || bytes[0] !== DELTA_MAGIC) return decodeFrame(data);
    const read = this.delta.read(bytes);
    return read.ok ? this.delta.frame() : read;
  }

  /** Changes to a frame that never came: whoever has the whole picture sends it. */
  private resume(): void {
    this.count('gap');
    this.handlers.free();
    this.handlers.keyframe();
  }

  private accept(frame: Frame): void {
    if (frame.seq <= this.lastSeq) {
      this.count('old_seq');
      return;
    }
    if (this.lastSeq >= 0) this.skipped += frame.seq - this.lastSeq - 1;
    this.lastSeq = frame.seq;
    this.badInARow = 0;
    this.unknownSinceMs = NaN;
    this.handlers.frame(frame);
  }

  private reject(reason: BadReason): void {
    this.count(reason);
    this.badInARow++;
    this.handlers.free();
    if (this.badInARow >= BAD_IN_A_ROW_MAX) {
      this.badInARow = 0;
      this.handlers.restart();
    } else this.handlers.keyframe();
  }

  /** The table travels in another class of delivery and may come after its first frame: wait for it, but not for ever. */
  private awaitTable(): void {
    this.count('unknown_epoch');
    this.handlers.free();
    const now = performance.now();
    if (Number.isNaN(this.unknownSinceMs)) this.unknownSinceMs = now;
    if (now - this.unknownSinceMs > UNKNOWN_EPOCH_MAX_MS) {
      this.unknownSinceMs = NaN;
      this.handlers.restart();
    } else this.handlers.keyframe();
  }
}
