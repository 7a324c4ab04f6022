/** A filter on numbers: typed as cells, convolved by the server at every key, and each position in steps. */

import { element, fill } from "/modules/dom.js";
import { ask } from "../../server.js";
import { printed } from "./cells.js";
import { NumbersEditor } from "./editor.js";
import { Field, Live, choice, line, refused, sameElsewhere } from "./live.js";
import { ResultGrid, arithmeticView, signalBoard } from "./sliding.js";

const FIRST = { signal: "3,2,1,0", filter: "1,0,-1" };
const SETTINGS = ["mode", "stride", "padding", "padding_mode", "dilation", "correlate", "at"];
const PAUSE = 900;
const EXAMPLES = [
  ["The first of the lesson", { signal: "3,2,1,0", filter: "1,0,-1" }],
  ["A mean of three", { signal: "4,1,7,4,4,10,4", filter: "1/3,1/3,1/3", mode: "same", padding_mode: "replicate" }],
  ["Finding a pattern", { signal: "0,1,2,1,0,0,2,1,1,0", filter: "1,2,1", correlate: "1", mode: "valid" }],
  ["Every second position, as a layer", { signal: "1,2,3,4,5,6,7", filter: "1,0,-1", correlate: "1", padding: "1", stride: "2" }],
  ["Dilated: gaps in the filter", { signal: "1,2,3,4,5,6,7,8,9", filter: "1,1,1", mode: "valid", dilation: "3" }],
  ["Two dimensions: an edge", { signal: "0,0,9,9,9,0;0,0,9,9,9,0;0,0,9,9,9,0;0,0,9,9,9,0", filter: "-1,0,1;-2,0,2;-1,0,1", correlate: "1", mode: "valid" }],
  ["Two dimensions: a blur", { signal: "0,0,0,0,0;0,0,0,0,0;0,0,9,0,0;0,0,0,0,0;0,0,0,0,0", filter: "1/9,1/9,1/9;1/9,1/9,1/9;1/9,1/9,1/9", mode: "same" }],
];

/** @typedef {import("../maths.js").Part} Part */

/** @implements {Part} */
export class NumbersPart {
  constructor(studio) {
    this.studio = studio;
    this.answer = null;
    this.live = new Live((key, signal) => ask("/api/maths/numbers", key, signal), (answer) => this.#show(answer), (error) => this.#refuse(error));
    const typing = (name) => (text) => studio.go({ [name]: text.trim() || null }, { replace: true });
    const choosing = (name) => (value) => studio.go({ [name]: value || null });
    this.signal = new NumbersEditor("Signal", (text) => studio.go({ signal: text, at: null }, { replace: true }), "f");
    this.filter = new NumbersEditor("Filter", (text) => studio.go({ filter: text, at: null }, { replace: true }), "h");
    const named = (names) => names.map((name) => [name, name]);
    this.fields = {
      correlate: new Field("operation", choice([["", "convolve: flip the filter"], ["1", "correlate: as it is"]], choosing("correlate"))),
      mode: new Field("mode", choice(named(["full", "same", "valid"]), choosing("mode")), { help: "full: every position with an overlap; same: as many as the signal has; valid: complete overlaps alone" }),
      stride: new Field("stride", line(typing("stride"), { inputmode: "numeric", class: "short" }), { help: "How far the filter moves from one position to the next; 2 or, for rows and columns, 2,1" }),
      padding: new Field("padding", line(typing("padding"), { placeholder: "none", class: "short" }), { help: "Numbers put at both ends: 1, or 1,2 for each end, or for rows and columns" }),
      padding_mode: new Field("what lies beyond", choice(named(["zeros", "reflect", "replicate", "circular"]), choosing("padding_mode")), { help: "zeros; reflect without the edge; replicate the edge; circular: from the other end" }),
      dilation: new Field("dilation", line(typing("dilation"), { inputmode: "numeric", class: "short" }), { help: "Distance between neighbouring filter numbers as they lie on the signal" }),
    };
    const examples = choice([["", "An example…"], ...EXAMPLES.map(([title], number) => [String(number), title])], (value) => {
      if (value) this.#example(EXAMPLES[Number(value)][1]);
      examples.value = "";
    });
    examples.setAttribute("aria-label", "Examples");
    this.sentence = element("p", { class: "sentence", "aria-live": "polite" });
    this.result = new ResultGrid((at) => this.#go(at));
    this.arithmetic = element("div", {});
    this.stepper = this.#stepper();
    this.root = element(
      "section",
      { class: "of-number-cells empty", "aria-label": "A filter on numbers" },
      this.sentence,
      element("div", { class: "settings" }, ...Object.values(this.fields).map(({ root }) => root), examples),
      element("div", { class: "editors" }, this.signal.root, this.filter.root),
      (this.shown = element("div", { class: "shown" }, this.stepper.root, element("div", { class: "both" }, this.arithmetic, this.result.root))),
    );
  }

  update() {
    const { studio } = this;
    if (studio.get("signal") === null || studio.get("filter") === null) {
      const missing = Object.entries(FIRST).filter(([name]) => studio.get(name) === null);
      studio.go(Object.fromEntries(missing), { replace: true });
      return;
    }
    this.signal.show(studio.get("signal"));
    this.filter.show(studio.get("filter"));
    for (const [name, field] of Object.entries(this.fields)) {
      const usual = { stride: "1", dilation: "1", padding_mode: "zeros", mode: studio.get("padding") ? "valid" : "full" }[name] ?? "";
      field.show(studio.get(name) ?? usual);
    }
    const key = Object.fromEntries(["signal", "filter", ...SETTINGS].map((name) => [name, studio.get(name)]));
    this.live.want(key);
  }

  repaint() {
    if (this.answer) this.#show(this.answer);
  }

  close() {
    this.live.close();
    clearInterval(this.playing);
  }

  /** Go some results to the right and down. */
  move(across, down) {
    if (!this.answer) return;
    const columns = this.answer.result[0].length;
    const [row, column] = this.answer.step.position;
    const rows = this.answer.result.length;
    const wanted = rows > 1 || down ? { row: row + down, column: column + across } : { row, column: column + across };
    // at the end of a row goes the way on in the next one
    const at = wanted.row * columns + wanted.column;
    if (wanted.row < 0 || wanted.row >= rows || at < 0 || at >= rows * columns) return;
    this.#go(at);
  }

  #go(at) {
    this.studio.go({ at }, { replace: true });
  }

  #example(example) {
    const empty = Object.fromEntries(SETTINGS.map((name) => [name, null]));
    this.studio.go({ ...empty, ...example });
  }

  #stepper() {
    const slider = element("input", { type: "range", min: 0, step: 1, "aria-label": "Position of the filter", oninput: () => this.#go(Number(slider.value)) });
    const shown = element("output", {});
    const button = (text, name, onclick) => element("button", { type: "button", "aria-label": name, title: name, onclick }, text);
    const play = button("▶ play", "Play the positions one after the other", () => this.#play());
    const root = element(
      "div",
      { class: "stepper" },
      button("◀", "The position before (left arrow)", () => this.move(-1, 0)),
      play,
      button("▶", "The next position (right arrow)", () => this.move(1, 0)),
      slider,
      shown,
    );
    return { root, slider, shown, play };
  }

  #play() {
    const { play } = this.stepper;
    if (this.playing) {
      clearInterval(this.playing);
      this.playing = null;
      play.textContent = "▶ play";
      return;
    }
    if (!this.answer) return;
    if (this.answer.at + 1 >= this.answer.steps) this.#go(0);
    play.textContent = "❚❚ pause";
    this.playing = setInterval(() => {
      if (this.answer.at + 1 < this.answer.steps) this.#go(this.answer.at + 1);
      else this.#play();
    }, PAUSE);
  }

  #show(answer) {
    this.answer = answer;
    this.studio.complain(null);
    this.root.classList.remove("stale", "empty");
    for (const field of [this.signal, this.filter, ...Object.values(this.fields)]) field.say(null);
    const { slider, shown } = this.stepper;
    slider.max = String(answer.steps - 1);
    slider.value = String(answer.at);
    slider.setAttribute("aria-valuetext", `${answer.at + 1} of ${answer.steps}`);
    shown.textContent = `position ${answer.at + 1} of ${answer.steps}`;
    this.fields.mode.show(answer.mode);
    this.sentence.textContent = printed(answer.sentence);
    this.signal.cells(answer.signal, signalBoard(answer, this.signal.board));
    this.filter.cells(answer.kernel);
    fill(this.arithmetic, arithmeticView(answer));
    this.result.show(answer);
    sameElsewhere(answer);
    document.body.dataset.maths = `${answer.at}/${answer.steps}`;
    this.root.dataset.key = this.live.key;
  }

  #refuse(error) {
    this.root.classList.toggle("stale", Boolean(this.answer));
    refused(this.studio, error, { signal: this.signal, filter: this.filter, ...this.fields });
  }
}

