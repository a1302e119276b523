/**
 * Sending a command once, whatever it takes: Socket.IO first, then HTTP with the same id.
 *
 * The id is the idempotency key, so the server executes the command once even if both ways got through. Nothing is
 * queued: without a connection the answer is "not sent".
 */
import type { CommandAck, CommandEnvelope, Targets } from '../proto/events';
import { isRecord } from '../proto/events';

export const ACK_TIMEOUT_MS = 2000;

export type Transport = 'socketio' | 'http';
export type Outcome = { sent: true; transport: Transport; ack: CommandAck } | { sent: false; reason: string };

export interface Carriers {
  connected(): boolean;
  ask(event: string, payload: unknown, timeoutMs: number): Promise<unknown>;
  post(envelope: CommandEnvelope): Promise<CommandAck>;
}

/** A version 4 UUID. `crypto.randomUUID` exists in secure contexts only, and consoles in the field are often plain HTTP. */
export function commandId(): string {
  if (typeof crypto.randomUUID === 'function') return crypto.randomUUID();
  const b = crypto.getRandomValues(new Uint8Array(16));
  b[6] = (b[6] & 0x0f) | 0x40;
  b[8] = (b[8] & 0x3f) | 0x80;
  const hex = [...b].map((byte) => byte.toString(16).padStart(2, '0')).join('');
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
}

/** The envelope with its target set frozen: what happens to the selection afterwards cannot change it. */
export function envelope(command: string, targets: Targets | undefined, params: Record<string, unknown> | undefined, override = false): CommandEnvelope {
  const made: CommandEnvelope = { command_id: commandId(), command };
  if (targets !== undefined) made.targets = Array.isArray(targets) ? Object.freeze([...targets]) as string[] : targets;
  if (params !== undefined && Object.keys(params).length > 0) made.params = params;
  if (override) made.override = true;
  return Object.freeze(made);
}

function isAck(value: unknown): value is CommandAck {
  return isRecord(value) && typeof value.ok === 'boolean';
}

export async function sendCommand(made: CommandEnvelope, carriers: Carriers): Promise<Outcome> {
  if (carriers.connected()) {
    try {
      const ack = await carriers.ask('command', made, ACK_TIMEOUT_MS);
      if (isAck(ack)) return { sent: true, transport: 'socketio', ack };
    } catch {
      // Not answered in time or cut off: the same id goes over HTTP, where the first result is answered if there was one.
    }
  }
  try {
    return { sent: true, transport: 'http', ack: await carriers.post(made) };
  } catch {
    return { sent: false, reason: 'no answer over Socket.IO or HTTP' };
  }
}
