/** Keeps the address of the page in step with the view, and takes the view of an address that somebody sent. */
import type { Actions } from '../input/actions';
import { readAddress, writeAddress } from '../store/address';
import { ui } from '../store/ui.svelte';

const EVERY_MS = 1000;

/** Returns how to stop it. */
export function keepAddress(actions: Actions): () => void {
  const { session, focus } = actions;
  const given = readAddress(location.search);
  let wanted = given.selection;
  if (given.view) ui.view = given.view;
  if (given.filter) ui.filter = given.filter;
  if (given.at) {
    focus.moveTo(given.at.e, given.at.n, given.at.u);
    focus.zoomTo(given.at.zoom);
    actions.views.fitted = true;
  }
  let time = given.timeS;
  let over = given.over;

  const turn = (): void => {
    if (session.fleet.slots.count === 0) return;
    if (wanted) {
      actions.selectIds(wanted, false);
      wanted = undefined;
    }
    if (over !== undefined && ui.status) {
      void actions.travel.compareWith(over);
      over = undefined;
    }
    if (time !== undefined && ui.status) {
      // What this console has not seen itself it cannot show.
      const span = session.history.span;
      if (span && ui.status.run_id === given.run && time >= span[0] && time <= span[1]) actions.travel.lookBack(time);
      else void actions.travel.offerMoment(time, given.run);
      time = undefined;
    }
    const { slots, selection } = session.fleet;
    const search = writeAddress(location.search, {
      at: { e: focus.e, n: focus.n, u: focus.u, zoom: focus.zoom }, view: ui.view, filter: ui.filter, selection: selection.count > 100 ? [] : selection.ids(slots),
      timeS: session.rewind.atS ?? undefined, run: ui.status?.run_id, over: over ?? ui.over?.run.id,
    });
    if (search !== location.search) history.replaceState(null, '', `${location.pathname}${search}${location.hash}`);
  };
  const timer = setInterval(turn, EVERY_MS);
  return () => clearInterval(timer);
}
