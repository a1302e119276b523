/** Selections that are remembered under the digits 1 to 9. */
import { S } from '../strings';
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
    ui.say(S.groupSaved(digit, selection.count), undefined, 2500);
  }

  /** Selects the group; the second time in a row it is centred too. */
  recall(digit: string): void {
    const ids = this.saved.get(digit);
    if (ids) {
      this.actions.selectIds(ids, this.recalled === digit);
      // Some may be gone since.
      ui.say(S.groupRecalled(digit, this.actions.session.fleet.selection.count), undefined, 2500);
    }
    this.recalled = digit;
  }
}
