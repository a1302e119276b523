import { describe, expect, it } from 'vitest';
import { commandId, envelope, sendCommand, type Carriers } from '../../src/net/command';

const ack = (command_id: string) => ({ ok: true as const, command_id, results: {} });

describe('command', () => {
  it('goes over HTTP with the same id when Socket.IO does not answer', async () => {
    const ids: string[] = [];
    const made = envelope('hold', ['a'], {});
    const carriers: Carriers = {
      connected: () => true,
      ask: (_event, payload) => {
        ids.push((payload as { command_id: string }).command_id);
        return Promise.reject(new Error('operation has timed out'));
      },
      post: (e) => {
        ids.push(e.command_id);
        return Promise.resolve(ack(e.command_id));
      },
    };
    const outcome = await sendCommand(made, carriers);
    expect(outcome).toMatchObject({ sent: true, transport: 'http' });
    expect(ids).toEqual([made.command_id, made.command_id]);
  });

  it('does not try the socket while it is down, and queues nothing', async () => {
    let asked = 0;
    const outcome = await sendCommand(envelope('hold', 'all', {}), {
      connected: () => false,
      ask: () => Promise.resolve(++asked),
      post: () => Promise.reject(new Error('refused')),
    });
    expect(outcome.sent).toBe(false);
    expect(asked).toBe(0);
  });

  it('freezes its targets', () => {
    const ids = ['a', 'b'];
    const made = envelope('land', ids, {});
    ids.push('c');
    expect(made.targets).toEqual(['a', 'b']);
    expect(() => (made.targets as string[]).push('d')).toThrow();
  });

  it('makes version 4 ids also where crypto.randomUUID is missing', () => {
    const original = crypto.randomUUID;
    Object.defineProperty(crypto, 'randomUUID', { value: undefined, configurable: true });
    try {
      const ids = new Set(Array.from({ length: 100 }, commandId));
      expect(ids.size).toBe(100);
      for (const id of ids) expect(id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
    } finally {
      Object.defineProperty(crypto, 'randomUUID', { value: original, configurable: true });
    }
  });
});
