/** Which key does what: the arrows in the projector view, and the list of all of them under "?". */

const ROWS = [
  ["Tab, Enter", "to go from one thing to the next, and to choose it; a map that is chosen so opens its strongest unit"],
  ["Escape", "back to where you came from; closes a card"],
  ["← ↑ → ↓", "on a unit's enlarged map: its neighbours; on the drawing pad: moves the pen (Space puts it down)"],
  ["← →, Page Up, Page Down", "in the projector view: the thing before, the next thing"],
];

/** What stands in the list. */
export function keyRows() {
  return ROWS;
}

/** Whether a key press belongs to what has the focus: a field, a slider, a map with arrows of its own. */
export function isTaken(event) {
  if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey) return true;
  return event.target instanceof Element && event.target.matches("input, textarea, select, canvas, [role=img], [role=slider], [contenteditable]");
}

/** −1 for a key that goes back, 1 for one that goes on, 0 for any other. */
export function turnOf(event) {
  if (event.key === "ArrowRight" || event.key === "PageDown") return 1;
  return event.key === "ArrowLeft" || event.key === "PageUp" ? -1 : 0;
}
