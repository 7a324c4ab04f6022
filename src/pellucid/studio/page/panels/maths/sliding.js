/** The filter as it lies on the signal at one position: the window, the products, their sum, and the result. */

import { element, fill } from "/modules/dom.js";
import { cellView, endOf, gridView, keepInView, paint, place, printed, widen } from "./cells.js";

const MOST_INDEXED = 16;
/** In one dimension: heights in cells, with room for a label above each. */
const [FILTER_ROW, PRODUCTS_ROW, LABEL] = [1.5, 3, 0.5];

/** Nodes that stay from one position to the next, so that they slide; by the board that they stand on. */
const lying = new WeakMap();

/**
 * What lies around the typed cells of a signal: padding, what the filter reaches beyond it, the window; in one dimension
 * the filter and the products below.
 *
 * @returns {import("./editor.js").Surroundings}
 */
export function signalBoard(answer, board) {
  const { axes, step, padded } = answer;
  const [down, across] = axes.map(extent);
  const top = axes[0].before - down.low;
  const left = axes[1].before - across.low;
  const isPadding = (row, column) => row < axes[0].before || column < axes[1].before || row >= axes[0].before + axes[0].size || column >= axes[1].before + axes[1].size;
  const others = [];
  for (let row = 0; row < down.count; row += 1) {
    for (let column = 0; column < across.count; column += 1) {
      const cell = padded[row + down.low]?.[column + across.low];
      if (cell && !isPadding(row + down.low, column + across.low)) continue;
      const node = cell
        ? element("span", { class: "number padding", title: "padding" }, printed(cell[0]))
        : element("span", { class: "number beyond", title: "nothing is here: it counts as zero", "aria-hidden": "true" });
      if (cell) node.classList.toggle("met", isMet(step, axes, row + down.low, column + across.low));
      others.push(place(node, row, column));
    }
  }
  const kept = nodesOf(board, answer);
  place(kept.window, step.begins[0] - down.low, step.begins[1] - across.low, axes[0].reach, axes[1].reach);
  others.push(kept.window);
  let height = down.count;
  if (answer.dimensions === 1) {
    answer.aligned[0].forEach((cell, number) => {
      const node = kept.filter[number];
      node.textContent = printed(cell[0]);
      paint(node, cell, endOf(answer.aligned));
      place(node, FILTER_ROW, step.begins[1] + number * axes[1].dilation - across.low);
      node.classList.toggle("idle", number < step.met[1][1] || number >= step.met[1][1] + step.met[1][2]);
    });
    const end = endOf(step.products);
    const products = (step.products[0] ?? []).map((cell, number) =>
      place(cellView(cell, end), PRODUCTS_ROW, step.met[1][0] + number * axes[1].dilation - across.low),
    );
    const label = (text, row) => place(element("div", { class: "row-label quiet" }, element("span", {}, text)), row - LABEL, 0);
    const name = answer.operation === "convolution" ? "filter, flipped" : "filter, as it is";
    others.push(...kept.filter, ...products, label(name, FILTER_ROW), label("products", PRODUCTS_ROW));
    height = PRODUCTS_ROW + 1;
  }
  return { top, left, height, width: across.count, others, isMet: (row, column) => isMet(step, axes, row + axes[0].before, column + axes[1].before) };
}

function nodesOf(board, answer) {
  const count = answer.dimensions === 1 ? answer.aligned[0].length : 0;
  let kept = lying.get(board);
  if (!kept || kept.filter.length !== count) {
    const filter = Array.from({ length: count }, () => element("span", { class: "number lying" }));
    kept = { window: element("span", { class: "window-frame", "aria-hidden": "true" }), filter };
    lying.set(board, kept);
  }
  return kept;
}

/** The first place along an axis that is drawn, in places of the padded signal, and how many. */
function extent({ first, count, stride, reach, padded }) {
  const low = Math.min(0, first);
  return { low, count: Math.max(padded, first + (count - 1) * stride + reach) - low };
}

function isMet(step, axes, row, column) {
  return [row, column].every((at, axis) => {
    const [begin, , count] = step.met[axis];
    const from = (at - begin) / axes[axis].dilation;
    return Number.isInteger(from) && from >= 0 && from < count;
  });
}

/** The products and their sum written out; in two dimensions with the window and the filter as grids before them. */
export function arithmeticView(answer) {
  const { step } = answer;
  const parts = [];
  if (answer.dimensions === 2 && step.values.length && step.values[0].length) {
    const end = endOf(step.values);
    const name = answer.operation === "convolution" ? "filter, flipped" : "filter, as it is";
    const sign = (text) => element("span", { class: "sign" }, text);
    parts.push(
      element(
        "div",
        { class: "product-row" },
        gridView(step.values, { end: Math.max(end, endOf(answer.padded)), title: "window" }),
        sign("×"),
        gridView(step.weights, { end: endOf(answer.aligned), title: name }),
        sign("="),
        gridView(step.products, { title: "products" }),
      ),
    );
  }
  const lines = [...indexed(answer), printed(step.text)];
  parts.push(element("pre", { class: "sum", title: printed(step.value[1]), "data-value": step.value[1] }, lines.join("\n")));
  return element("div", { class: "arithmetic", role: "group", "aria-label": "The products and their sum" }, ...parts);
}

/** In one dimension which number of the signal meets which of the filter: in a convolution the indices add up to one. */
function indexed({ dimensions, step }) {
  const { signal_indices: signal, kernel_indices: kernel } = step;
  if (dimensions !== 1 || !signal.length || signal.length > MOST_INDEXED) return [];
  const terms = signal.map((at, number) => `${at < 0 ? "0" : `f[${at}]`}·h[${kernel[number]}]`);
  return [`g[${step.position[1]}] = ${terms.join(" + ")}`];
}

/** The result, each number of which can be chosen. */
export class ResultGrid {
  /** @param {(at: number) => void} choose */
  constructor(choose) {
    this.choose = choose;
    this.size = element("span", { class: "quiet" });
    this.box = element("div", { class: "numbers chosen-from" });
    this.cells = [];
    this.root = element("div", { role: "group", "aria-label": "Result" }, element("h3", {}, "Result ", element("i", {}, "g "), this.size), element("div", { class: "scroll" }, this.box));
  }

  show({ result, dimensions, at }) {
    const columns = result[0].length;
    const shape = dimensions === 1 ? `${columns}` : `${result.length} × ${columns}`;
    if (shape !== this.shape) this.#build(result, dimensions, columns);
    this.shape = shape;
    this.size.textContent = `${shape} numbers; choose one, or go with the arrow keys`;
    const end = endOf(result);
    const hadFocus = this.box.contains(document.activeElement);
    widen(this.box, result.flat().map(([text]) => text));
    result.flat().forEach((cell, number) => {
      const node = this.cells[number];
      paint(node, cell, end);
      if (node.dataset.value === cell[1]) return;
      node.textContent = printed(cell[0]);
      node.dataset.value = cell[1];
      node.setAttribute("aria-label", `${node.dataset.name}: ${printed(cell[0])}`);
    });
    for (const [number, isChosen] of [[this.chosen, false], [at, true]]) {
      this.cells[number]?.setAttribute("aria-current", String(isChosen));
      if (this.cells[number]) this.cells[number].tabIndex = isChosen ? 0 : -1;
    }
    this.chosen = at;
    if (hadFocus) this.cells[at].focus({ preventScroll: true });
    keepInView(this.cells[at]);
  }

  #build(result, dimensions, columns) {
    this.box.style.setProperty("--columns", columns);
    this.cells = result.flatMap((row, r) =>
      row.map((cell, c) => {
        const name = dimensions === 1 ? `result ${c}` : `result, row ${r}, column ${c}`;
        const node = cellView(cell, 0, { onclick: () => this.choose(r * columns + c) });
        node.dataset.name = name;
        node.setAttribute("aria-current", "false");
        node.tabIndex = -1;
        return node;
      }),
    );
    fill(this.box, ...this.cells);
  }
}
