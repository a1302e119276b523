/** Selections that are remembered under the digits 1 to 9. */
import { drones } from '../strings';
import { ui } from '../store/ui.svelte';
import type { Actions } from './actions';

export class Groups {
  private saved = new Map<string, string[]>();
  private recalled = '';

  constructor(private readonly actions: Actions) {}

  save(digit: string): void {
    const { selection, slots } = this.actions.session.fleet;
    if (selection.count === 0) return;
    this.saved.set(digit, selection.ids(slots));
    ui.say(`${digit}: ${drones(selection.count)}`, undefined, 2500);
  }

  /** Selects the group; the second time in a row it is centred too. */
  recall(digit: string): void {
    const ids = this.saved.get(digit);
    if (ids) this.actions.selectIds(ids, this.recalled === digit);
    this.recalled = digit;
  }
}
