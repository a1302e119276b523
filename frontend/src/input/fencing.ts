/** Fences: drawn, sent, and had back. */
import type { Fence } from '../proto/events';
import { ui } from '../store/ui.svelte';
import { S } from '../strings';
import type { Actions } from './actions';
import { showPanel } from './panels';

export class Fencing {
  constructor(private readonly actions: Actions) {}

  /** Begins a fence of its own name at these corners. */
  begin(polygon: Fence['polygon']): void {
    const { fences } = this.actions.session.fleet;
    let n = fences.length + 1;
    while (fences.some((f) => f.name === `fence-${n}`)) n++;
    ui.sketch = { name: `fence-${n}`, kind: 'keep_out', polygon, action: 'hold' };
    ui.drawer = 'fences';
    showPanel('drawerOpen');
  }

  /** Sends the fence that is being drawn; the one it replaces can be had back. */
  save(): void {
    if (!ui.sketch) return;
    const before = this.actions.session.fleet.fences.find((f) => f.name === ui.sketch?.name);
    const { name } = ui.sketch;
    this.send(ui.sketch);
    ui.say(S.fenceSaved(name), { label: S.undo, run: () => (before ? this.send(before) : this.actions.world('remove_fence', { name })) });
    ui.sketch = null;
  }

  remove(fence: Fence): void {
    this.actions.world('remove_fence', { name: fence.name });
    ui.say(S.fenceGone(fence.name), { label: S.undo, run: () => this.send(fence) });
  }

  private send({ name, kind, polygon, floor_m, ceiling_m, action }: Fence): void {
    this.actions.world('set_fence', { name: name.trim(), kind, polygon, ...(floor_m === undefined ? {} : { floor_m }), ...(ceiling_m === undefined ? {} : { ceiling_m }), ...(action ? { action } : {}) });
  }
}
