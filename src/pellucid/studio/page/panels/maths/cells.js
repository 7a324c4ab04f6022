/** Numbers as cells: shown in colours, or typed in. A cell is `[text, all digits, size]`, as the server gives it. */

import { element, fill } from "/modules/dom.js";
import { colourOf, inkOn } from "/modules/draw.js";

/** @typedef {[string, string, number | null]} Cell */

/** Signs as they are printed: a real minus, a dot for times. */
export function printed(text) {
  return text.replace(/-(?=[\d.]|inf)/g, "−").replaceAll("*", "·").replace(/\binf\b/g, "∞");
}

/** Signs as they are typed, without spaces and with rows separated by semicolons. */
export function typed(text) {
  return text.trim().replaceAll("−", "-").replace(/[ \t]*\r?\n\s*/g, ";").replace(/\s*([,;])\s*/g, "$1").replace(/\s+/g, ",");
}

/** The words of a typed text by row; null where it is no whole grid. */
export function rowsOf(text) {
  const rows = typed(text).replace(/^[[(]+|[\])]+$/g, "").replace(/;$/, "").split(";").map((row) => row.split(","));
  const whole = rows.every((row) => row.length === rows[0].length && row.every((word) => word !== ""));
  return whole ? rows : null;
}

/** The text of words by row. */
export function textOf(rows) {
  return rows.map((row) => row.join(",")).join(";");
}

/** With spaces, as people read it. */
export function spaced(text) {
  return printed(text).replace(/,/g, ", ").replace(/;/g, "; ");
}

/** The largest size among cells. */
export function endOf(grid) {
  return Math.max(0, ...grid.flat().map(([, , size]) => Math.abs(size ?? 0)));
}

/** Make the cells of a box wide enough for texts. */
export function widen(box, texts) {
  box.style.setProperty("--characters", Math.min(14, Math.max(1, ...texts.map((text) => text.length))));
}

/** What each node was painted with: most cells stay as they are from one answer to the next. */
let paints = new WeakMap();

/** Paint everything again, after the colours have changed. */
export function forgetPaints() {
  paints = new WeakMap();
}

/** Colour a cell by its number. */
export function paint(node, [, all, size], end) {
  const key = `${all} ${end}`;
  if (paints.get(node) === key) return;
  paints.set(node, key);
  node.style.background = colourOf(size ?? 0, end);
  node.style.color = inkOn(size ?? 0, end);
  node.title = printed(all);
}

/** A cell to look at, or, with `onclick`, to choose. */
export function cellView(cell, end, { name = "", onclick = null } = {}) {
  const properties = { class: "number", "aria-label": name ? `${name}: ${printed(cell[0])}` : null };
  const node = onclick
    ? element("button", { type: "button", ...properties, onclick }, printed(cell[0]))
    : element("span", properties, printed(cell[0]));
  paint(node, cell, end);
  return node;
}

/** A grid of cells that stand close together. */
export function gridView(grid, { end = endOf(grid), title, label = title }) {
  const box = element("div", { class: "numbers", role: "img", "aria-label": `${label}: ${grid.map((row) => row.map(([text]) => printed(text)).join(", ")).join("; ")}` });
  box.style.setProperty("--columns", grid[0]?.length ?? 1);
  widen(box, grid.flat().map(([text]) => text));
  box.append(...grid.flat().map((cell) => cellView(cell, end)));
  return element("figure", { class: "of-numbers" }, element("figcaption", { class: "quiet" }, title), element("div", { class: "scroll" }, box));
}

/** Scroll the box around a node, and nothing else, so far that the node can be seen. */
export function keepInView(node) {
  const box = node?.closest(".scroll");
  if (!box) return;
  const [inner, outer] = [node.getBoundingClientRect(), box.getBoundingClientRect()];
  if (inner.left < outer.left) box.scrollLeft -= outer.left - inner.left + inner.width;
  else if (inner.right > outer.right) box.scrollLeft += inner.right - outer.right + inner.width;
}

/** Put a node at a row and column of a board whose cells have one size. */
export function place(node, row, column, rows = 1, columns = 1) {
  for (const [name, value] of Object.entries({ row, column, rows, columns })) node.style.setProperty(`--${name}`, value);
  return node;
}

/** Replace a board's children, and give the focus back to the one with the same key. */
export function refill(board, ...children) {
  const focused = /** @type {HTMLElement | null} */ (document.activeElement);
  const key = board.contains(focused) ? focused.dataset.key : null;
  fill(board, ...children);
  if (key) board.querySelector(`[data-key="${CSS.escape(key)}"]`)?.focus();
}
