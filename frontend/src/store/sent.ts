/** Which commands this tab has sent, also before a reload. Storage may be forbidden; then they are as anybody's. */
import { STRIPS_MAX } from './strips';

const KEY = 'hmrs.sent';

function read(): string[] {
  try {
    const ids: unknown = JSON.parse(sessionStorage.getItem(KEY) ?? '[]');
    return Array.isArray(ids) ? ids.map(String) : [];
  } catch {
    return [];
  }
}

export const wasSent = (id: string): boolean => read().includes(id);

export function noteSent(id: string): void {
  try {
    sessionStorage.setItem(KEY, JSON.stringify([id, ...read()].slice(0, STRIPS_MAX)));
  } catch {
    // Nothing is lost but the memory of it.
  }
}
