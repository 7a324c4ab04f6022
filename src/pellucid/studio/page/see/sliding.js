/** The window on its way: it slides over the map before, and each place of it gives one number of the map it makes. */

import { element, fill, isStill } from "/modules/dom.js";
import { enlarge, paintMap, placeField, stripMultiple } from "/modules/draw.js";
import { inputsOf } from "/modules/fields.js";
import { layoutOf } from "/modules/maps.js";
import { long, short } from "/modules/numbers.js";
import { largestSize } from "/modules/tensor.js";
import { windowParts } from "/modules/window-view.js";

const ROOM = 168;
const SPEEDS = [2, 6, 20, 60];
const SLIDING = /^(conv|max_pool|avg_pool)[12]d$/;

/** @typedef {import("/modules/tensor.js").Tensor} Tensor */
/** @typedef {import("/modules/fields.js").Box} Box */

/**
 * The stage for a unit, null where no window slides.
 *
 * @param {import("../glass.js").ServerGlass} glass
 * @param {{node: number, index: number[]}} unit
 * @param {any} told what is known of the unit
 * @returns {{view: HTMLElement, stop: () => void} | null}
 */
export function slidingView(glass, { node: number, index }, told) {
  const { network } = glass;
  const node = network.nodes[number];
  if (!SLIDING.test(node.kind ?? "") || node.shape.length !== 4 || !told.result) return null;
  const [operand] = node.operands;
  const value = glass.valueOf(number);
  const input = glass.valueOf(operand);
  if (!value || !input) return null;
  const [box] = inputsOf(network, number, index);
  if (!box) return null;
  return new Stage(glass, { number, index, value, input, operand, box }, told);
}

class Stage {
  /**
   * @param {import("../glass.js").ServerGlass} glass
   * @param {{number: number, index: number[], value: Tensor, input: Tensor, operand: number, box: Box}} what
   * @param {any} told what is known of the unit
   */
  constructor(glass, what, told) {
    this.glass = glass;
    this.number = what.number;
    this.index = what.index;
    this.value = what.value;
    this.input = what.input;
    this.operand = what.operand;
    this.box = what.box;
    this.node = glass.network.nodes[this.number];
    this.layout = layoutOf(this.node.shape);
    this.before = layoutOf(glass.network.nodes[this.operand].shape);
    this.place = { y: index(this.index, 2), x: index(this.index, 3) };
    this.channel = windowParts(glass, this.number, told.result)?.order[0] ?? 0;
    this.filled = null;
    this.speed = 1;
    this.timer = null;
    this.wanted = null;
    this.view = this.#build();
    this.#show(told);
  }

  stop() {
    this.pause();
    this.wanted = null;
  }

  pause() {
    clearTimeout(this.timer);
    this.timer = null;
    this.#label();
  }

  play() {
    if (this.timer !== null) {
      this.pause();
      return;
    }
    if (!this.filled || this.#at() >= this.layout.size - 1) {
      this.filled = new Float32Array(this.layout.size).fill(NaN);
      this.place = { y: 0, x: 0 };
      this.#moved();
    }
    this.#next();
    this.#label();
  }

  /** Step by so many places, in the order in which the window slides. */
  step(by) {
    const at = Math.max(0, Math.min(this.layout.size - 1, this.#at() + by));
    this.place = { y: Math.floor(at / this.layout.width), x: at % this.layout.width };
    return this.#moved();
  }

  #next() {
    this.timer = setTimeout(async () => {
      const playing = this.timer;
      await this.step(1);
      if (this.timer !== playing || !this.view.isConnected) return;
      if (this.#at() < this.layout.size - 1) this.#next();
      else this.pause();
    }, 1000 / SPEEDS[this.speed]);
  }

  #at() {
    return this.place.y * this.layout.width + this.place.x;
  }

  #unitIndex() {
    return this.layout.index(this.layout.at(this.index).map, this.place.y, this.place.x);
  }

  #build() {
    const { node, glass } = this;
    this.ends = { input: largestSize(this.input.data), output: largestSize(this.value.data) };
    const source = glass.network.nodes[this.operand].name;
    this.map = this.box.maps[0] + (node.kind.startsWith("conv") ? this.channel : 0);
    const left = (this.left = this.#canvas(this.before));
    paintMap(left.canvas, this.input.data, { start: this.map * this.before.size, count: this.before.size, height: this.before.height, width: this.before.width }, this.ends.input);
    const right = (this.right = this.#canvas(this.layout));
    this.button = element("button", { type: "button", class: "more play", onclick: () => this.play() });
    this.grids = element("div", {});
    this.line = element("p", { class: "readout" });
    const still = isStill();
    const step = (text, title, by) => element("button", { type: "button", class: "more", "aria-label": title, title, onclick: () => {
      this.pause();
      this.step(by);
    } }, text);
    const speed = element("input", { type: "range", min: 0, max: SPEEDS.length - 1, value: this.speed, "aria-label": "Speed", title: "Speed", oninput: () => (this.speed = Number(speed.value)) });
    this.stage = element(
      "div",
      { class: "stage-maps", tabindex: 0, role: "group", "aria-label": "The window on its way. Arrow keys move it, the space bar plays.", onkeydown: (event) => this.#key(event) },
      element("figure", {}, left.frame, element("figcaption", { class: "quiet" }, `${source}[${this.map}]${node.kind.startsWith("conv") && this.box.maps[1] > this.box.maps[0] ? ", the channel that contributes most" : ""}`)),
      element("span", { class: "sign", "aria-hidden": "true" }, "→"),
      element("figure", {}, right.frame, element("figcaption", { class: "quiet" }, `${node.name}[${this.layout.at(this.index).map}]`)),
    );
    this.#label();
    return element(
      "div",
      { class: "onward sliding" },
      element("h3", {}, "The window on its way"),
      this.stage,
      this.grids,
      this.line,
      still ? element("p", { class: "quiet" }, "Your system asks for less motion: step with the arrow keys or the buttons.") : null,
      element("div", { class: "buttons" }, still ? null : this.button, step("◀", "A place back", -1), step("▶", "A place on", 1), still ? null : speed),
    );
  }

  #canvas(layout) {
    const canvas = element("canvas", {});
    const times = stripMultiple(layout.height, layout.width, ROOM);
    canvas.width = layout.width;
    canvas.height = layout.height;
    enlarge(canvas, layout.height, layout.width, times);
    const field = element("span", { class: "field" });
    return { canvas, field, times, frame: element("div", { class: "whole-map" }, canvas, field) };
  }

  #label() {
    if (!this.button) return;
    this.button.textContent = this.timer === null ? "▶ play" : "❚❚ pause";
  }

  #key(event) {
    const move = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
    if (event.key === " " && !isStill()) this.play();
    else if (move) {
      this.pause();
      const inside = (at, length) => Math.max(0, Math.min(length - 1, at));
      this.place = { y: inside(this.place.y + move[1], this.layout.height), x: inside(this.place.x + move[0], this.layout.width) };
      this.#moved();
    } else return;
    event.preventDefault();
  }

  /** The window has moved: what the server says of the unit under it. */
  async #moved() {
    this.#draw();
    const here = this.#unitIndex();
    const name = this.glass.network.unitName(this.number, here);
    this.wanted = name;
    try {
      const { told } = await this.glass.told(name);
      if (this.wanted === name) this.#show(told);
    } catch (error) {
      this.pause();
      this.line.textContent = error.message;
    }
  }

  #draw() {
    const { layout, value, place } = this;
    const start = layout.at(this.index).map * layout.size;
    if (this.filled) {
      const at = this.#at();
      for (let done = 0; done <= at; done += 1) this.filled[done] = value.data[start + done];
      this.filled.fill(NaN, at + 1);
    }
    const part = { start: this.filled ? 0 : start, count: this.filled ? this.#at() + 1 : layout.size, height: layout.height, width: layout.width };
    paintMap(this.right.canvas, this.filled ?? value.data, part, this.ends.output);
    placeField(this.right.field, { top: place.y, bottom: place.y, left: place.x, right: place.x }, this.right.times);
    const [box] = inputsOf(this.glass.network, this.number, this.#unitIndex());
    if (box) placeField(this.left.field, box, this.left.times);
  }

  /** The products of the window where it stands, and what else makes the number. */
  #show(told) {
    this.#draw();
    const { result } = told;
    const name = this.glass.network.unitName(this.number, this.#unitIndex());
    const value = this.value.at(this.#unitIndex());
    const parts = windowParts(this.glass, this.number, result);
    fill(this.grids, parts ? parts.view(parts.order.length > 1 ? this.channel : 0) : null);
    this.line.title = long(value);
    if (!parts || result.combine !== "sum" || !result.terms.products) {
      this.line.textContent = `${name} = ${short(value)}`;
      return;
    }
    const from = parts.start(parts.order.length > 1 ? this.channel : 0);
    let own = 0;
    let all = 0;
    result.terms.products.forEach((product, at) => {
      all += product;
      if (at >= from && at < from + parts.cells) own += product;
    });
    const rest = parts.order.length - 1;
    const others = rest > 0 ? `, the ${rest === 1 ? "other channel" : `${rest} other channels`} ${short(all - own)}` : "";
    const bias = result.bias === null ? "" : `, bias ${short(result.bias)}`;
    this.line.textContent = `${name}: this channel ${short(own)}${others}${bias} → ${short(value)}`;
  }
}

function index(full, axis) {
  return full[axis] ?? 0;
}
