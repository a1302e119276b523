/** What went over the wire while somebody looked: the newest messages, each with its size and its content in words. */
import { decodeFrame } from '../proto/decode';

export interface Message {
  no: number;
  atMs: number;
  incoming: boolean;
  event: string;
  bytes: number;
  /** The first part of its content, on one line. */
  brief: string;
  args: readonly unknown[];
}

const KEPT = 400;
const BRIEF = 160;
/** More of a message than this is not shown. */
const SHOWN = 20_000;

/** What JSON cannot hold, in words: frames as their header, functions (acknowledgements) by name. */
function plain(_: string, value: unknown): unknown {
  if (value instanceof ArrayBuffer || ArrayBuffer.isView(value)) {
    const decoded = decodeFrame(value);
    if (!decoded.ok) return `${value.byteLength} bytes, ${decoded.reason}`;
    const { i16: _i, u16: _u, u8: _b, ...header } = decoded.frame;
    return { bytes: value.byteLength, header };
  }
  return typeof value === 'function' ? 'acknowledgement' : value;
}

const inJson = (args: readonly unknown[], indent?: number): string => args.map((arg) => JSON.stringify(arg, plain, indent) ?? '').join(', ');

const weigh = (args: readonly unknown[]): number => args.reduce<number>((sum, arg) => sum + (arg instanceof ArrayBuffer || ArrayBuffer.isView(arg) ? arg.byteLength : inJson([arg]).length), 0);

export class Messages {
  list: readonly Message[] = [];
  /** How many of each event came or went since somebody looks. */
  readonly counts = new Map<string, number>();
  private no = 0;

  take(incoming: boolean, event: string, args: readonly unknown[], atMs: number): void {
    const message = { no: ++this.no, atMs, incoming, event, bytes: weigh(args), brief: inJson(args).slice(0, BRIEF), args };
    this.list = [message, ...this.list.slice(0, KEPT - 1)];
    this.counts.set(event, (this.counts.get(event) ?? 0) + 1);
  }

  clear(): void {
    this.list = [];
    this.counts.clear();
  }
}

/** The whole of a message, indented; what is beyond all reading is cut. */
export function whole(message: Message): string {
  const text = inJson(message.args, 2);
  return text.length > SHOWN ? `${text.slice(0, SHOWN)}\n…` : text;
}
