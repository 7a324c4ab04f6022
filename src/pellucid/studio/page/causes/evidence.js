/** Maps of the evidence over an image, each with how faithful it is. */

import { element } from "/modules/dom.js";
import { enlarge, multiple, paintMap, paintPixels } from "/modules/draw.js";
import { long, short } from "/modules/numbers.js";

const ROOM = 196;

/** An image's pixels, enlarged by a whole multiple, with anything laid over it. */
export class Pixels {
  /** @param {import("/modules/tensor.js").Tensor} pixels `[H, W, C]` bytes */
  constructor(pixels, label, room = ROOM) {
    const [height, width, channels] = pixels.shape;
    this.height = height;
    this.width = width;
    this.times = multiple(height, width, room);
    this.canvas = element("canvas", { role: "img", "aria-label": label });
    paintPixels(this.canvas, pixels.data, height, width, channels);
    enlarge(this.canvas, height, width, this.times);
    this.root = element("div", { class: "whole-map still" }, this.canvas);
  }

  /** Frame rows and columns, the last ones not among them. */
  frame({ top, left, bottom, right }) {
    const box = element("span", { class: "field" });
    const cut = (value, end) => Math.max(0, Math.min(end, value)) * this.times;
    Object.assign(box.style, { top: `${cut(top, this.height)}px`, left: `${cut(left, this.width)}px` });
    box.style.width = `${cut(right, this.width) - cut(left, this.width)}px`;
    box.style.height = `${cut(bottom, this.height) - cut(top, this.height)}px`;
    this.root.append(box);
    return this;
  }
}

/**
 * One map over the image.
 *
 * @param {any} answer what `/api/mistakes/map` answered
 * @param {import("/modules/tensor.js").Tensor} pixels
 */
export class EvidenceMap {
  constructor(answer, pixels) {
    this.answer = answer;
    this.flat = Float64Array.from(answer.map.flat(), (value) => value ?? 0);
    this.end = this.flat.reduce((largest, value) => Math.max(largest, Math.abs(value)), 0);
    this.image = new Pixels(pixels, `${answer.method}: map of the evidence for ${answer.class}`);
    this.over = element("canvas", { class: "overlay", "aria-hidden": "true" });
    this.image.root.append(this.over);
    const { scores, test } = answer;
    const row = (name, value, p) => element("tr", {}, element("th", { scope: "row" }, name), element("td", { class: "figure", title: long(value) }, short(value)), element("td", { class: "figure", title: long(p) }, `p = ${short(p)}`));
    this.root = element(
      "figure",
      { class: "evidence", "data-method": answer.method },
      this.image.root,
      element(
        "figcaption",
        {},
        element("strong", {}, answer.method, answer.quick ? element("span", { class: "quiet" }, " (quick)") : null),
        element("p", {}, answer.sentence),
        element("table", {}, element("tbody", {}, row("deletion", scores.deletion, test.deletion_p_value), row("insertion", scores.insertion, test.insertion_p_value))),
        element("p", { class: "quiet" }, `Deepest at ${short(this.end)}${answer.signed ? "; orange is evidence against it" : ""}.`),
        element("details", {}, element("summary", {}, "What these say"), ...answer.facts.map((fact) => element("p", {}, fact)), ...answer.meaning.map((line) => element("p", {}, line))),
      ),
    );
    this.paint();
  }

  paint() {
    const { height, width, times } = this.image;
    paintMap(this.over, this.flat, { start: 0, count: this.flat.length, height, width }, this.end);
    enlarge(this.over, height, width, times);
  }
}

/** The switch: the map over the image, alone, or taken away. */
export function overlaySwitch(place) {
  const ways = { over: "over the image", alone: "alone", away: "taken away" };
  const buttons = Object.entries(ways).map(([way, title]) =>
    element("button", { type: "button", "aria-pressed": String(way === "over"), onclick: () => {
      place.dataset.overlay = way;
      for (const button of buttons) button.setAttribute("aria-pressed", String(button.textContent === title));
    } }, title),
  );
  place.dataset.overlay = "over";
  return element("div", { class: "buttons", role: "group", "aria-label": "The maps" }, element("span", { class: "quiet" }, "the maps"), ...buttons);
}

/** A channel's map with one unit marked. */
export function channelMap(glass, name) {
  const at = glass.network.parseUnit(name);
  const tensor = at && glass.valueOf(at.node);
  if (!tensor || tensor.shape.length !== 4) return null;
  const [, , height, width] = tensor.shape;
  const start = at.index[1] * height * width;
  let end = 0;
  for (let place = start; place < start + height * width; place += 1) end = Math.max(end, Math.abs(tensor.data[place]));
  const times = multiple(height, width, ROOM);
  const canvas = element("canvas", { role: "img", "aria-label": `Channel ${at.index[1]} of ${glass.network.nodes[at.node].name}` });
  const paint = () => {
    paintMap(canvas, tensor.data, { start, count: height * width, height, width }, end);
    enlarge(canvas, height, width, times);
  };
  paint();
  const cursor = element("span", { class: "cursor" });
  Object.assign(cursor.style, { top: `${at.index[2] * times}px`, left: `${at.index[3] * times}px`, width: `${times}px`, height: `${times}px` });
  const root = element("figure", {}, element("div", { class: "whole-map still" }, canvas, cursor), element("figcaption", { class: "quiet" }, `its channel, deepest at ${short(end)}`));
  return { root, paint };
}
