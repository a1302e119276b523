// A client made by hand, byte for byte: it can break every rule that the official ones keep.

import { connect as dial } from 'node:net';
import { sleep } from './process.mjs';

export const TEXT = 1, BINARY = 2, CONTINUATION = 0, PING = 9, PONG = 10;

/** One websocket frame with a zero mask; `length` is what it declares, whatever it carries. */
export function frame(opcode, payload = '', { fin = true, reserved = 0, length } = {}) {
  const body = Buffer.from(payload);
  const declared = BigInt(length ?? body.length);
  const head = [(fin ? 0x80 : 0) | (reserved << 4) | opcode];
  if (declared < 126n) head.push(0x80 | Number(declared));
  else if (declared < 65536n) head.push(0x80 | 126, Number(declared >> 8n), Number(declared & 255n));
  else head.push(0x80 | 127, ...Array.from({ length: 8 }, (_, i) => Number((declared >> BigInt(8 * (7 - i))) & 255n)));
  return Buffer.concat([Buffer.from(head), Buffer.alloc(4), body]);
}

/** A TCP connection that keeps what it read; its end, however it comes, is no error. */
export class Peer {
  constructor(port) {
    this.read = Buffer.alloc(0);
    this.isClosed = false;
    this.socket = dial(port, '127.0.0.1');
    this.socket.on('error', () => {});
    this.socket.on('data', (data) => { this.read = Buffer.concat([this.read.subarray(-65536), data]); this.look?.(); });
    this.closed = new Promise((resolve) => this.socket.once('close', () => { this.isClosed = true; this.look?.(); resolve(); }));
  }

  /** Writes; resolves once the kernel has it all and what came meanwhile is read, or the connection is gone. */
  async write(bytes) {
    if (this.isClosed) return;
    await Promise.race([new Promise((resolve) => { this.socket.write(bytes, resolve); }), this.closed]);
    await new Promise(setImmediate);
  }

  /** What `find` makes of the bytes read so far, as soon as it makes something of them; undefined if the connection ends first. */
  async until(find, { within = 15_000 } = {}) {
    let timer;
    const late = new Promise((_, reject) => { timer = setTimeout(() => reject(new Error(`nothing came of it within ${within / 1000} s`)), within); });
    try {
      return await Promise.race([late, new Promise((resolve) => {
        this.look = () => {
          const found = find(this.read);
          if (found !== undefined && found !== false) resolve(found);
          else if (this.isClosed) resolve(undefined);
        };
        this.look();
      })]);
    } finally {
      clearTimeout(timer);
      this.look = undefined;
    }
  }

  /** Status of the HTTP answer, or `closed`. */
  async status(options) {
    return (await this.until((read) => /^HTTP\/1\.1 (\d{3})/.exec(read.toString('latin1'))?.[1], options)) ?? 'closed';
  }

  /** How a websocket ends: the code of its close frame, or `closed` without one. */
  async end(options) {
    await this.until(() => this.isClosed, options);
    const at = this.read.lastIndexOf(0x88);
    return at >= 0 && this.read.length - at >= 4 && this.read[at + 1] === this.read.length - at - 2 ? String(this.read.readUInt16BE(at + 2)) : 'closed';
  }

  destroy() { this.socket.destroy(); }
  reset() { this.socket.resetAndDestroy(); }
}

const key = 'Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n';
export const upgradeHead = (query = '', headers = '') =>
  `GET /socket.io/?EIO=4&transport=websocket${query} HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n${key}${headers}\r\n`;
export const head = (method, target, headers = '') => `${method} ${target} HTTP/1.1\r\nHost: localhost\r\n${headers}\r\n`;

/** Tries again as long as a proxy says that there are too many handshakes; other refusals are thrown as their status. */
async function admitted(open) {
  for (;;) {
    const { status, ...opened } = await open();
    if (!status) return opened;
    if (status !== '429') throw new Error(status);
    await sleep(100);
  }
}

/** A websocket session; in the default namespace unless `joins` is false. */
export async function websocket(port, { joins = true, headers = '' } = {}) {
  const { peer } = await admitted(async () => {
    const opening = new Peer(port);
    await opening.write(upgradeHead('', headers));
    const isOpen = await opening.until((read) => read.includes('"sid"') || /^HTTP\/1\.1 [2-5]/.test(read.toString('latin1')));
    if (isOpen && opening.read.includes('"sid"')) return { peer: opening };
    opening.destroy();
    return { status: /^HTTP\/1\.1 (\d+)/.exec(opening.read.toString('latin1'))?.[1] ?? 'closed' };
  });
  if (joins) {
    await peer.write(frame(TEXT, '40'));
    await peer.until((read) => read.includes('40{"sid"'));
  }
  return peer;
}

/** The id of a new polling session. */
export async function polling(port) {
  const { sid } = await admitted(async () => {
    const answer = await fetch(`http://127.0.0.1:${port}/socket.io/?EIO=4&transport=polling`);
    const text = await answer.text();
    return answer.status === 200 ? { sid: JSON.parse(text.slice(1)).sid } : { status: String(answer.status) };
  });
  return sid;
}
