/** Every layer as a strip of feature maps, the strongest first; a click on a map chooses the unit under it. */

import { element, fill } from "./dom.js";
import { enlarge, paintMap, stripMultiple } from "./draw.js";
import { foldedSteps } from "./folding.js";
import { byStrength, layoutOf, peakOf } from "./maps.js";
import { counted, short } from "./numbers.js";
import { anyNegative, indexOf, largestSize } from "./tensor.js";
import { nounOf } from "./wording.js";

/** @typedef {import("./fields.js").Box} Box rows and columns of some maps of a node */

const FIRST_SHOWN = 12;
const ROOM = 72;

/** The column of layers. */
export class Layers {
  /**
   * @param {import("./network.js").Network} network
   * @param {{select: (node: number, index: number[]) => void, hover: (node: number, index: number[] | null) => void,
   *   want?: (node: number) => void}} calls `want` fetches a value that is looked at and not there yet, where a server
   *   has it; `arrived` when it is there
   * @param {string[]} classes
   */
  constructor(network, calls, classes) {
    this.network = network;
    this.calls = calls;
    this.classes = classes;
    this.values = new Map();
    this.rows = new Map();
    this.opened = new Set();
    this.selected = null;
    /** @type {Box[]} windows that are lit while something is hovered */
    this.lit = [];
    /** @type {{node: number, index: number[]}[]} units of the strongest path */
    this.path = [];
    this.measures = new WeakMap();
    /** @type {Map<number, number[]>} in which order the maps of a node are shown */
    this.orders = new Map();
    this.stale = new Set();
    this.watcher = new IntersectionObserver((entries) => {
      for (const entry of entries) {
        const number = Number(entry.target.getAttribute("data-node"));
        if (entry.isIntersecting && this.stale.delete(number)) this.#paint(number);
        if (entry.isIntersecting) this.near.add(number);
        else this.near.delete(number);
      }
    }, { rootMargin: "400px" });
    this.near = new Set();
    this.view = element("div", { class: "layers" }, ...this.#groups());
  }

  /**
   * Show the values of another image, or of the same one at another epoch: then each map keeps its place.
   *
   * @param {Map<string, import("./tensor.js").Tensor>} values
   * @param {boolean} inPlace
   */
  show(values, inPlace = false) {
    if (!inPlace) this.orders.clear();
    this.values = values;
    for (const number of this.rows.keys()) {
      if (values.size) this.arrived(number);
      else this.#paint(number); // nothing of an image before is left, seen or not
    }
  }

  /** Show a value that has come, of the image that is shown. */
  arrived(number) {
    if (this.near.has(number)) this.#paint(number);
    else this.stale.add(number);
  }

  /** Mark the chosen unit's layer and map. */
  mark(node, index) {
    const before = this.selected;
    this.selected = node === null ? null : { node, index, map: layoutOf(this.network.nodes[node].shape).at(index).map };
    for (const number of new Set([before?.node, node])) if (this.rows.has(number)) this.#pinned(number);
  }

  /** Light rows and columns in maps, until others are lit; none takes the light away. */
  light(boxes) {
    const touched = new Set([...this.lit, ...boxes].map(({ node }) => node));
    this.lit = boxes;
    for (const number of touched) if (this.rows.has(number)) this.#overlay(number);
  }

  /** Mark the units of a path, each in its map. */
  trace(units) {
    const touched = new Set([...this.path, ...units].map(({ node }) => node));
    this.path = units;
    for (const number of touched) if (this.rows.has(number)) this.#pinned(number);
  }

  /** Bring a layer into view, out of its fold. */
  reveal(number, behavior) {
    const row = this.rows.get(number);
    if (!row) return;
    const fold = row.closest("details");
    if (fold) fold.open = true;
    row.scrollIntoView({ block: "start", behavior });
  }

  /** Show a layer again after other maps of it must be seen: those that are chosen or on the path always are. */
  #pinned(number) {
    const shown = new Set([...this.rows.get(number).querySelectorAll(".map")].map((button) => Number(button.dataset.map)));
    if (this.#pins(number).every((map) => shown.has(map)) || !this.near.has(number)) {
      this.stale.add(number);
      this.#markRow(number);
      this.#overlay(number);
    }
    if (this.near.has(number)) {
      this.stale.delete(number);
      this.#paint(number);
    }
  }

  #pins(number) {
    if (!this.network.nodes[number].shape.length) return [];
    const layout = layoutOf(this.network.nodes[number].shape);
    const pinned = this.path.filter(({ node }) => node === number).map(({ index }) => layout.at(index).map);
    return this.selected?.node === number ? [...pinned, this.selected.map] : pinned;
  }

  #overlay(number) {
    const row = this.rows.get(number);
    const layout = layoutOf(this.network.nodes[number].shape);
    const boxes = this.lit.filter(({ node }) => node === number);
    const marks = this.path.filter(({ node }) => node === number).map(({ index }) => ({ kind: "on-path", index, ...layout.at(index) }));
    if (this.selected?.node === number) marks.push({ kind: "here", index: this.selected.index, ...layout.at(this.selected.index) });
    for (const button of row.querySelectorAll(".map")) {
      if (button.dataset.unit) {
        button.classList.toggle("on-path", marks.some(({ kind, index }) => kind === "on-path" && index[1] === Number(button.dataset.unit)));
        continue;
      }
      const map = Number(button.dataset.map);
      const spans = [];
      for (const { maps, top, left, bottom, right } of boxes) {
        if (!maps || (map >= maps[0] && map <= maps[1])) spans.push(overlay("window-lit", layout, top, left, bottom, right));
      }
      for (const { kind, map: own, y, x } of marks) if (own === map) spans.push(overlay(`spot ${kind}`, layout, y, x, y, x));
      // The canvas stays where it is: a click whose target is taken out under a pressed button is never told.
      const face = button.firstChild;
      while (face.childElementCount > 1) face.lastElementChild.remove();
      face.append(...spans);
    }
  }

  #markRow(number) {
    const row = this.rows.get(number);
    const chosen = this.selected?.node === number ? this.selected.map : null;
    row.classList.toggle("chosen", chosen !== null);
    for (const button of row.querySelectorAll(".map")) {
      const own = button.dataset.unit ? Number(button.dataset.unit) === this.selected?.index[1] : Number(button.dataset.map) === chosen;
      button.setAttribute("aria-pressed", String(chosen !== null && own));
    }
  }

  #groups() {
    return foldedSteps(this.network).map(({ name, members }) => {
      const rows = members.map((number) => this.#row(number));
      if (rows.length === 1) return rows[0];
      const last = rows.pop();
      return element(
        "div",
        { class: "stage" },
        element("details", {}, element("summary", {}, `${name}: ${counted(rows.length, "step")} before its last`), ...rows),
        last,
      );
    });
  }

  #row(number) {
    const node = this.network.nodes[number];
    const what = number ? [nounOf(node), node.summary].filter(Boolean).join(", ") : "what the network receives";
    const row = element(
      "section",
      { class: "layer", "data-node": number, "aria-label": node.name },
      element(
        "h3",
        {},
        element("code", {}, node.name),
        element("span", { class: "quiet" }, ` ${what} · ${node.shape.slice(1).join(" × ")}`),
        element("span", { class: "scale quiet" }),
      ),
      element("div", { class: "strip" }),
    );
    this.rows.set(number, row);
    this.stale.add(number);
    this.watcher.observe(row);
    return row;
  }

  #paint(number) {
    const node = this.network.nodes[number];
    const value = this.values.get(node.name);
    const row = this.rows.get(number);
    const strip = row.querySelector(".strip");
    const scale = row.querySelector(".scale");
    if (!value && this.values.size && this.calls.want) {
      this.calls.want(number);
      return;
    }
    if (!value) {
      fill(strip, element("p", { class: "quiet" }, this.values.size ? "The exported graph has no value of this step." : ""));
      scale.textContent = "";
      return;
    }
    const layout = layoutOf(value.shape);
    const { end, negative, order } = this.#measured(number, value, layout);
    const range = end === 0 ? "all 0" : `colours ${negative ? `−${short(end)}` : "0"} to ${short(end)}`;
    scale.textContent = ` · ${range}`;
    if (number === this.network.output && value.shape.length === 2) {
      fill(strip, this.#named(number, value, end));
      this.#markRow(number);
      this.#overlay(number);
      return;
    }
    const all = this.opened.has(number) || order.length <= FIRST_SHOWN + 2;
    const shown = all ? order : order.slice(0, FIRST_SHOWN);
    for (const map of this.#pins(number)) if (!shown.includes(map)) shown.push(map);
    const room = value.shape.length === 2 ? Math.max(10 * layout.width, layout.height) : ROOM;
    const times = stripMultiple(layout.height, layout.width, room);
    const old = [...strip.querySelectorAll(".map")];
    const maps = shown.map((map, at) => {
      const button = old[at] ?? this.#map(number);
      button.dataset.map = map;
      const canvas = button.firstChild.firstChild;
      const start = map * layout.size;
      paintMap(canvas, value.data, { start, count: layout.size, height: layout.height, width: layout.width }, end);
      enlarge(canvas, layout.height, layout.width, times);
      button.setAttribute("aria-label", `${node.name}, map ${map}`);
      button.title = value.shape.length === 2 ? node.name : `${node.name}[${map}]`;
      return button;
    });
    const more = order.length > FIRST_SHOWN + 2 ? this.#more(number, order.length, all) : null;
    if (old.length !== maps.length || Boolean(strip.querySelector(".more")) !== Boolean(more)) fill(strip, ...maps, more);
    else if (more) strip.querySelector(".more").replaceWith(more);
    this.#markRow(number);
    this.#overlay(number);
  }

  /** What is measured once of a value: the end of its colours, and the order of its maps. */
  #measured(number, value, layout) {
    if (!this.measures.has(value)) {
      const order = number === 0 ? Array.from({ length: layout.count }, (_, map) => map) : byStrength(value.data, layout);
      this.measures.set(value, { end: largestSize(value.data), negative: anyNegative(value.data), order });
    }
    const measured = this.measures.get(value);
    if (!this.orders.has(number)) this.orders.set(number, measured.order);
    return { ...measured, order: this.orders.get(number) };
  }

  #more(number, count, all) {
    const text = all ? "fewer" : `all ${count}`;
    const toggle = () => {
      if (all) this.opened.delete(number);
      else this.opened.add(number);
      this.#paint(number);
    };
    return element("button", { type: "button", class: "more", "aria-expanded": String(all), onclick: toggle }, text);
  }

  #map(number) {
    const canvas = element("canvas", {});
    const unitAt = (event) => {
      const value = this.values.get(this.network.nodes[number].name);
      if (!value) return null;
      const layout = layoutOf(value.shape);
      const map = Number(button.dataset.map);
      const box = canvas.getBoundingClientRect();
      if (!event.clientX && !event.clientY) {
        const { y, x } = peakOf(value.data, layout, map); // from the keyboard
        return layout.index(map, y, x);
      }
      const inner = (at, start, length, cells) => Math.max(0, Math.min(cells - 1, Math.floor((cells * (at - start)) / length)));
      return layout.index(
        map,
        inner(event.clientY, box.top, box.height, layout.height),
        inner(event.clientX, box.left, box.width, layout.width),
      );
    };
    const button = element(
      "button",
      {
        type: "button",
        class: "map",
        "aria-pressed": "false",
        onclick: (event) => {
          const index = unitAt(event);
          if (index) this.calls.select(number, index);
        },
        onpointermove: (event) => this.calls.hover(number, unitAt(event)),
        onpointerleave: () => this.calls.hover(number, null),
        onfocus: (event) => this.calls.hover(number, button.matches(":focus-visible") ? unitAt(event) : null),
        onblur: () => this.calls.hover(number, null),
      },
      element("span", { class: "face" }, canvas),
    );
    return button;
  }

  /** The logits, each with its class. */
  #named(number, value, end) {
    const order = Array.from({ length: value.size }, (_, at) => at);
    if (order.length > 20) order.sort((one, other) => value.data[other] - value.data[one]).splice(20);
    return element(
      "div",
      { class: "logits" },
      ...order.map((at) => {
        const index = indexOf(at, value.shape);
        const share = end ? Math.abs(value.data[at]) / end : 0;
        const fillBar = element("span", { class: value.data[at] < 0 ? "fill below" : "fill" });
        fillBar.style.width = `${50 * share}%`;
        return element(
          "button",
          { type: "button", class: "map logit", "data-unit": at, onclick: () => this.calls.select(number, index) },
          element("span", { class: "name" }, this.classes[at] ?? String(at)),
          element("span", { class: "track", "aria-hidden": "true" }, fillBar),
          element("span", { class: "number" }, short(value.data[at])),
        );
      }),
    );
  }
}

/** A frame over rows and columns of a map, however large the map is shown. */
function overlay(kind, { height, width }, top, left, bottom, right) {
  const span = element("span", { class: kind });
  Object.assign(span.style, {
    left: `${(100 * left) / width}%`,
    top: `${(100 * top) / height}%`,
    width: `${(100 * (right - left + 1)) / width}%`,
    height: `${(100 * (bottom - top + 1)) / height}%`,
  });
  return span;
}
