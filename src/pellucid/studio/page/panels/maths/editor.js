/** Numbers that are typed in: as one line of text, and as cells that say the same. */

import { element } from "/modules/dom.js";
import { endOf, keepInView, paint, place, printed, refill, rowsOf, spaced, textOf, typed, widen } from "./cells.js";
import { line, saying } from "./live.js";

/**
 * @typedef {object} Surroundings what lies around the typed cells, for a signal
 * @property {number} top rows above the first one
 * @property {number} left
 * @property {number} height of the board
 * @property {number} width
 * @property {HTMLElement[]} others what else stands on the board
 * @property {(row: number, column: number) => boolean} isMet
 */

/** An editor of a list or grid of numbers. */
export class NumbersEditor {
  /**
   * @param {string} title
   * @param {(text: string) => void} change gets what was typed, without spaces
   * @param {string} [letter] by which the written arithmetic calls it
   */
  constructor(title, change, letter = "") {
    this.title = title;
    this.change = change;
    this.text = "";
    this.line = line((text) => this.#typed(typed(text)), { "aria-label": `${title}, as text`, class: "as-text" });
    this.mistake = element("p", { class: "mistake", role: "alert", hidden: true });
    this.board = element("div", { class: "board", role: "group", "aria-label": `${title}, cell by cell` });
    const button = (text, name, change) => element("button", { type: "button", "aria-label": `${title}: ${name}`, title: name, onclick: () => this.#reshape(change) }, text);
    const buttons = element(
      "div",
      { class: "buttons small" },
      button("+ column", "one more column", (rows) => rows.map((row) => [...row, "0"])),
      button("− column", "one column less", (rows) => rows.map((row) => (row.length > 1 ? row.slice(0, -1) : row))),
      button("+ row", "one more row", (rows) => [...rows, rows[0].map(() => "0")]),
      button("− row", "one row less", (rows) => (rows.length > 1 ? rows.slice(0, -1) : rows)),
    );
    this.root = element("div", { class: "editor", role: "group", "aria-label": title }, element("h3", {}, title, letter ? element("i", {}, ` ${letter}`) : null), element("div", { class: "typing" }, this.line, buttons), this.mistake, element("div", { class: "scroll" }, this.board));
  }

  /** Show what is wrong; nothing is. */
  say(message) {
    saying(this.mistake, this.line, message);
  }

  /** What the address has: the line follows, unless somebody is typing there. */
  show(text) {
    this.text = text;
    if (document.activeElement !== this.line) this.line.value = spaced(text);
  }

  /**
   * Show good numbers as cells.
   *
   * @param {import("./cells.js").Cell[][]} numbers
   * @param {Surroundings} [around]
   */
  cells(numbers, around = undefined) {
    const words = rowsOf(this.text);
    const fits = words && words.length === numbers.length && words[0].length === numbers[0].length;
    const { top = 0, left = 0, height = numbers.length, width = numbers[0].length, others = [], isMet = () => false } = around ?? {};
    const end = endOf(numbers);
    this.board.style.setProperty("--height", String(height));
    this.board.style.setProperty("--width", String(width));
    const shape = [numbers.length, numbers[0].length].join("×");
    if (shape !== this.shape) {
      this.shape = shape;
      this.inputs = numbers.map((row, r) => row.map((_, c) => this.#input(r, c, numbers.length > 1)));
      this.rest = element("div", { class: "rest-of-board" });
      refill(this.board, this.rest, ...this.inputs.flat());
    }
    this.rest.replaceChildren(...others);
    const moved = this.corner !== `${shape} ${top} ${left}`;
    this.corner = `${shape} ${top} ${left}`;
    widen(this.board, [...(fits ? words.flat() : numbers.flat().map(([, all]) => all)), ...others.map((node) => (node.matches(".number") ? node.textContent : ""))]);
    numbers.forEach((row, r) =>
      row.forEach((cell, c) => {
        const input = this.inputs[r][c];
        if (moved) place(input, top + r, left + c);
        paint(input, cell, end);
        input.classList.toggle("met", isMet(r, c));
        const text = printed(fits ? words[r][c] : cell[1]);
        if (document.activeElement !== input && input.value !== text) input.value = text;
      }),
    );
    if (!this.board.contains(document.activeElement)) keepInView(this.board.querySelector(".window-frame"));
  }

  #input(row, column, isGrid) {
    const name = isGrid ? `${this.title}, row ${row}, column ${column}` : `${this.title}, number ${column}`;
    const input = element("input", { type: "text", class: "number", inputmode: "text", autocomplete: "off", "aria-label": name, "data-key": `${row},${column}` });
    input.addEventListener("input", () => this.#put(row, column, [[typed(input.value)]]));
    input.addEventListener("focus", () => input.select());
    input.addEventListener("blur", () => (input.scrollLeft = 0));
    input.addEventListener("paste", (event) => {
      const text = typed(event.clipboardData.getData("text"));
      if (!/[,;]/.test(text)) return;
      event.preventDefault();
      input.blur();
      this.#put(row, column, text.replace(/;$/, "").split(";").map((part) => part.split(",")));
    });
    input.addEventListener("keydown", (event) => this.#key(event, row, column));
    return input;
  }

  #typed(text) {
    this.text = text;
    if (document.activeElement !== this.line) this.line.value = spaced(text);
    this.change(text);
  }

  /** Put words into the grid from a cell on; it grows where they need more room. */
  #put(row, column, words) {
    const rows = this.#words();
    const height = Math.max(rows.length, row + words.length);
    const width = Math.max(rows[0].length, column + Math.max(...words.map((part) => part.length)));
    const wider = Array.from({ length: height }, (_, r) => Array.from({ length: width }, (_, c) => rows[r]?.[c] ?? "0"));
    words.forEach((part, r) => part.forEach((word, c) => (wider[row + r][column + c] = word)));
    this.#typed(textOf(wider));
  }

  #reshape(change) {
    this.#typed(textOf(change(this.#words())));
  }

  /** The words that the cells hold now, also while one of them is empty. */
  #words() {
    return rowsOf(this.text) ?? this.inputs?.map((row) => row.map((input) => typed(input.value))) ?? [["0"]];
  }

  #key(event, row, column) {
    const { target } = event;
    const atStart = target.selectionEnd === 0 || (target.selectionStart === 0 && target.selectionEnd === target.value.length);
    const atEnd = target.selectionStart === target.value.length || atStart && target.selectionEnd === target.value.length;
    const steps = { ArrowUp: [-1, 0], ArrowDown: [1, 0], Enter: [0, 1], ...(atStart ? { ArrowLeft: [0, -1] } : {}), ...(atEnd ? { ArrowRight: [0, 1] } : {}) };
    const step = steps[event.key];
    const next = step && this.inputs[row + step[0]]?.[column + step[1]];
    if (!next) return;
    event.preventDefault();
    next.focus();
  }
}
