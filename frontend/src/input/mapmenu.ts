/** What the menu of the map offers for the place and the drone that it was opened on. */
import { fixed } from '../format';
import { drones, S } from '../strings';
import { M } from '../strings.more';
import { ui, type MapMenu } from '../store/ui.svelte';
import type { Actions } from './actions';
import { keyName } from './keymap';

export interface Entry {
  label: string;
  key?: string;
  /** Cannot be chosen; the menu says why below. */
  off?: boolean;
  run: () => void;
}

export interface Section {
  title: string;
  entries: Entry[];
}

/** Whoever is selected is commanded; where nobody is, the drone under the pointer, which is selected when something is chosen. */
export function sectionsOf(actions: Actions, menu: MapMenu): Section[] {
  return [ofDrone(actions, menu), ofCommands(actions, menu), ofPlace(actions, menu)].filter((section): section is Section => section !== null && section.entries.length > 0);
}

function ofDrone(actions: Actions, { id }: MapMenu): Section | null {
  const { slots, selection } = actions.session.fleet;
  const slot = id === null ? -1 : slots.slot(id);
  if (id === null || slot < 0) return null;
  const [isIn, count] = [selection.has(slot), selection.count];
  const entries: Entry[] = [];
  if (!isIn || count > 1) entries.push({ label: M.selectOnly, run: () => actions.pick(slot, 'only') });
  if (!isIn && count > 0) entries.push({ label: M.addToSelection, run: () => actions.pick(slot, 'add') });
  if (isIn) entries.push({ label: M.takeOut, run: () => selection.set(slot, false) });
  entries.push({ label: M.centreOnIt, run: () => actions.map?.centreOn([slot]) });
  return { title: id, entries };
}

function ofCommands(actions: Actions, { id, place }: MapMenu): Section | null {
  const { slots, selection } = actions.session.fleet;
  const slot = id === null ? -1 : slots.slot(id);
  if (selection.count === 0 && slot < 0) return null;
  const off = actions.refusal() !== null;
  const command = (label: string, key: string, run: () => void): Entry => ({
    label, off, key: keyName(key),
    run: () => {
      if (selection.count === 0) actions.pick(slot, 'only');
      run();
    },
  });
  const entries: Entry[] = [];
  if (place && slot < 0) {
    entries.push(command(M.sendHere, 'g', () => actions.sendTo(...place)), command(M.queueHere, 'w', () => actions.route.add(...place)));
  }
  if (id !== null && slot >= 0 && selection.count > 0 && !selection.has(slot)) entries.push(command(M.followIt(id), 'f', () => actions.propose('follow', { drone: id })));
  for (const [name, key] of [['hold', 'h'], ['rtl', 'r'], ['land', 'l'], ['takeoff', 't']]) entries.push(command(S.command(name), key, () => actions.propose(name)));
  const whom = selection.count > 1 ? drones(selection.count) : (selection.ids(slots)[0] ?? id ?? '');
  return { title: M.command(whom), entries };
}

function ofPlace(actions: Actions, { place }: MapMenu): Section | null {
  if (!place) return null;
  const [e, n] = place;
  const text = `${fixed(e, 1)}, ${fixed(n, 1)}`;
  return {
    title: M.placeAt(fixed(e), fixed(n)),
    entries: [
      { label: M.centreHere, run: () => actions.map?.camera.focus.moveTo(e, n) },
      {
        label: M.copyPlace,
        // The clipboard exists in secure contexts only.
        run: () => void (navigator.clipboard?.writeText(text) ?? Promise.reject(new Error())).then(() => ui.say(M.copied(text), undefined, 4000), () => ui.say(text)),
      },
      { label: M.fenceHere, off: actions.refusal() !== null, run: () => actions.fencing.begin([[e, n]]) },
    ],
  };
}
