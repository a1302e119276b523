/** A command in words, as its strip shows it. */
import { fixed } from '../format';
import type { CommandUpdate, Targets } from '../proto/events';
import { S } from '../strings';

export function commandLabel(command: string, params: Record<string, unknown>, targets: Targets | undefined): string {
  const parts = [typeof params.fault === 'string' ? S.fault(params.fault, params.clear === true) : S.command(command)];
  if (Array.isArray(params.position)) parts.push(params.position.map((v) => fixed(Number(v))).join(', '));
  if (typeof params.drone === 'string') parts.push(params.drone);
  if (typeof params.behavior === 'string') parts.push(params.behavior);
  if (typeof params.path === 'string') parts.push(`${params.path} to ${String(params.value)}`);
  if (params.factor !== undefined) parts.push(params.factor === 'max' ? S.speedMax : `${String(params.factor)}×`);
  if (typeof params.shape === 'string') parts.push(params.shape);
  if (typeof params.type === 'string') parts.push(`${Number(params.count ?? 1)} ${params.type}`);
  if (typeof params.wind_mps === 'number') parts.push(`${params.wind_mps} m/s`);
  if (typeof params.name === 'string') parts.push(params.name);
  if (Array.isArray(targets) && targets.length === 1) parts.push(targets[0]);
  return parts.join(' ');
}

/** Answers under this name, for what concerns no single drone. */
const WHOLE_SWARM = 'swarm';

/** The same for a command that was not sent from here: its targets are those that answered. */
export function updateLabel({ command, params, results }: Pick<CommandUpdate, 'command' | 'params' | 'results'>): string {
  return commandLabel(command, params ?? {}, Object.keys(results ?? {}).filter((id) => id !== WHOLE_SWARM));
}
