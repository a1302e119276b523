/** What is told of one drone beyond its telemetry: its order, its alert in words, where home is. */
import { isRecord } from '../proto/events';

export interface Detail {
  id: string;
  alert: { level: string; text: string } | null;
  order: { command: string; progressPct: number | null } | null;
  home: readonly [number, number] | null;
  restarts: number;
}

/** Reads an answer of `GET /api/drones/{id}`; members that are missing or odd are left out. */
export function readDetail(id: string, body: Record<string, unknown>): Detail {
  const { alert, command, home } = body;
  return {
    id,
    alert: isRecord(alert) && typeof alert.text === 'string' ? { level: String(alert.level), text: alert.text } : typeof alert === 'string' ? { level: 'caution', text: alert } : null,
    order: isRecord(command) && typeof command.command === 'string' ? { command: command.command, progressPct: typeof command.progress_pct === 'number' ? command.progress_pct : null } : null,
    home: Array.isArray(home) && Number.isFinite(home[0]) && Number.isFinite(home[1]) ? [home[0], home[1]] : null,
    restarts: typeof body.restarts === 'number' ? body.restarts : 0,
  };
}
