/** Who stands in which row of the stream: the drone table of one epoch. */
import type { DronesTable, DroneType } from '../proto/events';

export class Slots {
  epoch = -1;
  ids: string[] = [];
  types: string[] = [];
  groups: (string | null)[] = [];
  private slotOf = new Map<string, number>();
  private typeIndexOf: Uint8Array = new Uint8Array(0);

  get count(): number {
    return this.ids.length;
  }

  replace(table: DronesTable): void {
    this.epoch = table.epoch;
    this.ids = table.drones.map((d) => d.id);
    this.types = table.drones.map((d) => d.type);
    this.groups = table.drones.map((d) => d.group ?? null);
    this.slotOf = new Map(this.ids.map((id, slot) => [id, slot]));
    this.typeIndexOf = new Uint8Array(this.count);
  }

  clear(): void {
    this.replace({ epoch: -1, drones: [] });
  }

  /** The row of a drone, or -1. */
  slot(id: string): number {
    return this.slotOf.get(id) ?? -1;
  }

  groupNames(): string[] {
    return [...new Set(this.groups.filter((g): g is string => g !== null))].sort();
  }

  /** Index of each drone's shape in `shapes`, for the renderer; unknown types get the first shape. */
  shapeIndex(types: readonly DroneType[], shapes: readonly string[]): Uint8Array {
    const byType = new Map(types.map((t) => [t.name, Math.max(0, shapes.indexOf(t.shape))]));
    this.types.forEach((type, slot) => {
      this.typeIndexOf[slot] = byType.get(type) ?? 0;
    });
    return this.typeIndexOf;
  }
}
