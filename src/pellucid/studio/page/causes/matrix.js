/** The confusion matrix as a table of buttons: the diagonal blue, mistakes orange, the deepest the most frequent. */

import { element } from "/modules/dom.js";
import { colourOf, inkOn } from "/modules/draw.js";
import { counted } from "/modules/numbers.js";

const FEW = 8;

/**
 * @param {any} said what `/api/mistakes` answered
 * @param {(true_: string, predicted: string) => void} choose
 */
export class Matrix {
  constructor(said, choose) {
    this.said = said;
    this.choose = choose;
    this.root = element("div", { class: "confusion" }, said.confusion ? this.#table() : this.#noTable(), this.#list());
    this.root.addEventListener("keydown", (event) => this.#move(event));
    this.paint();
  }

  /** Give each cell the colour of its count; again after the colour scheme has changed. */
  paint() {
    const { confusion } = this.said;
    if (!confusion) return;
    const worst = this.said.pairs[0]?.[2] ?? 1;
    const best = Math.max(1, ...confusion.map((row, at) => row[at]));
    for (const cell of this.root.querySelectorAll("[data-count]")) {
      const count = Number(cell.dataset.count);
      const right = cell.dataset.right !== undefined;
      const [number, end] = right ? [count, best] : [-count, worst];
      cell.style.background = count ? colourOf(number, end) : "transparent";
      cell.style.color = count ? inkOn(number, end) : "";
    }
  }

  /** Mark the cell that is chosen. */
  mark(truth, predicted) {
    for (const button of this.root.querySelectorAll("button[data-true]")) {
      button.setAttribute("aria-pressed", String(button.dataset.true === truth && button.dataset.predicted === predicted));
    }
  }

  #table() {
    const { classes, confusion, counts } = this.said;
    const heads = classes.map((name) => element("th", { scope: "col", title: `predicted as ${name}` }, element("span", { class: "upright" }, name)));
    const rows = confusion.map((row, truth) =>
      element(
        "tr",
        {},
        element("th", { scope: "row", title: `true label ${classes[truth]}, ${counted(counts[truth], "image")}` }, element("span", { class: "name" }, classes[truth])),
        ...row.map((count, predicted) => this.#cell(truth, predicted, count)),
      ),
    );
    const first = this.#buttonsOf(rows)[0];
    if (first) first.tabIndex = 0;
    const size = classes.length > 24 ? "many" : classes.length > 12 ? "several" : "few";
    const corner = element("td", { class: "corner" }, element("span", { class: "quiet" }, "true ↓  predicted →"));
    const table = element("table", { class: `matrix ${size}`, "aria-label": "Confusion matrix" }, element("thead", {}, element("tr", {}, corner, ...heads)), element("tbody", {}, ...rows));
    const note = element("p", { class: "quiet note" }, "Click an orange cell to see its images; arrow keys move from mistake to mistake. Blue, with a frame, are the images classified correctly.");
    return element("div", { class: "matrix-place" }, note, element("div", { class: "scrolled" }, table));
  }

  #cell(truth, predicted, count) {
    const { classes } = this.said;
    const text = count.toLocaleString("en");
    if (truth === predicted) {
      return element("td", { class: "correct", "data-count": count, "data-right": "", title: `${text} of ${classes[truth]} classified correctly` }, element("span", {}, text));
    }
    if (!count) return element("td", { class: "none", "aria-label": "0" }, "");
    const label = `${counted(count, "image")} of ${classes[truth]} predicted as ${classes[predicted]}`;
    const button = element("button", { type: "button", class: "mistake", tabindex: -1, "data-count": count, "data-true": classes[truth], "data-predicted": classes[predicted], "data-row": truth, "data-column": predicted, title: label, "aria-label": label, onclick: () => this.choose(classes[truth], classes[predicted]) }, text);
    return element("td", {}, button);
  }

  /** Too many classes for a table: any pair of them can be chosen. */
  #noTable() {
    const { classes } = this.said;
    const select = (label, chosen) => element("select", { "aria-label": label }, ...classes.map((name, at) => element("option", { value: name, selected: at === chosen }, name)));
    const [truth, predicted] = this.said.pairs[0] ?? [0, 1];
    const from = select("true label", truth);
    const to = select("predicted as", predicted);
    const show = (event) => {
      event.preventDefault();
      this.choose(from.value, to.value);
    };
    return element(
      "div",
      {},
      element("p", {}, `A matrix of ${classes.length} classes cannot be read, so its most frequent mistakes are listed. Any others:`),
      element("form", { class: "buttons", onsubmit: show }, from, element("span", {}, "predicted as"), to, element("button", { type: "submit" }, "Show")),
    );
  }

  #list() {
    const { classes, pairs, counts, confusion } = this.said;
    if (!pairs.length) return element("p", {}, "No image was classified wrongly.");
    const items = pairs.map(([truth, predicted, count]) =>
      element(
        "li",
        {},
        element(
          "button",
          { type: "button", class: "pair", "data-true": classes[truth], "data-predicted": classes[predicted], onclick: () => this.choose(classes[truth], classes[predicted]) },
          element("span", {}, element("strong", {}, classes[truth]), " predicted as ", element("strong", {}, classes[predicted])),
          element("span", { class: "quiet" }, `${count.toLocaleString("en")} of ${counts[truth].toLocaleString("en")}`),
        ),
      ),
    );
    const more = items.splice(confusion ? FEW : 2 * FEW);
    return element(
      "div",
      { class: "pairs" },
      element("h3", {}, "Most frequent mistakes"),
      element("ol", {}, ...items),
      more.length ? element("details", {}, element("summary", {}, `${more.length} more`), element("ol", {}, ...more)) : null,
    );
  }

  #buttonsOf(rows) {
    return rows.flatMap((row) => [...row.querySelectorAll("button")]);
  }

  #move(event) {
    const step = { ArrowRight: [0, 1], ArrowLeft: [0, -1], ArrowDown: [1, 0], ArrowUp: [-1, 0] }[event.key];
    const here = event.target.closest?.(".mistake");
    if (!step || !here) return;
    event.preventDefault();
    const at = { row: Number(here.dataset.row), column: Number(here.dataset.column) };
    const along = (button) => step[0] * (Number(button.dataset.row) - at.row) + step[1] * (Number(button.dataset.column) - at.column);
    const beside = (button) => Math.abs(step[1] * (Number(button.dataset.row) - at.row)) + Math.abs(step[0] * (Number(button.dataset.column) - at.column));
    const ahead = [...this.root.querySelectorAll(".mistake")].filter((button) => along(button) > 0);
    ahead.sort((one, other) => beside(one) - beside(other) || along(one) - along(other));
    if (!ahead.length) return;
    here.tabIndex = -1;
    ahead[0].tabIndex = 0;
    ahead[0].focus();
  }
}
