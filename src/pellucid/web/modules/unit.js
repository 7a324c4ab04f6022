/** One unit: its value, its window, its terms, the sum by hand beside what the runtime says, and the way back. */

import { sourceIndex, strongest } from "./arithmetic.js";
import { element, unitCode } from "./dom.js";
import { colourOf, enlarge, inkOn, multiple, paintMap } from "./draw.js";
import { layoutOf } from "./maps.js";
import { counted, long, short } from "./numbers.js";
import { anyNegative, largestSize } from "./tensor.js";
import { nounOf } from "./wording.js";

const FIRST_TERMS = 8;
const MOST_TERMS = 1000;
const FIRST_CHANNELS = 3;
const MAP_ROOM = 224;
/** Up to so many columns the cells of a window hold their numbers. */
const NUMBERED = 3;

/**
 * @typedef {object} Glass what a unit is shown from
 * @property {import("./network.js").Network} network
 * @property {(number: number) => import("./tensor.js").Tensor | null} valueOf
 * @property {(node: number, index: number[], how?: "back" | "beside") => void} select
 * @property {string[]} classes
 * @property {{mean: number[], std: number[], channels: number, width: number}} preprocessing
 */

/**
 * @typedef {object} Told what is said of a unit: computed in the page, or by the studio's server
 * @property {string} sentence
 * @property {import("./arithmetic.js").Decomposition | null} result null where there is no arithmetic
 * @property {Byte | null} pixel for a pixel of the image, the byte it was made from
 * @property {string[]} lines the arithmetic written out
 * @property {{byHand: number, network: number, tolerance: number, agrees: boolean} | null} verdict
 */

/** @typedef {{byte: number, channel: number, channels: number}} Byte */

/**
 * The view of one unit.
 *
 * @param {Glass} glass
 * @param {number} number the node's
 * @param {number[]} index with the batch axis
 * @param {Told} told
 * @param {string} who computed the network: "the runtime", "the network"
 */
export function unitView(glass, number, index, told, who = "the runtime") {
  const { network } = glass;
  const node = network.nodes[number];
  const value = glass.valueOf(number);
  const name = network.unitName(number, index);
  const heading = element("h2", { tabindex: -1 }, unitCode(name));
  if (!value) {
    return element("div", { class: "unit" }, heading, element("p", {}, "The exported graph has no value of this step."));
  }
  const shown = value.at(index);
  const label = number === network.output && node.shape.length === 2 ? glass.classes[index[1]] : null;
  const parts = [
    heading,
    element("p", { class: "value", title: long(shown), "data-value": shown }, short(shown), label ? element("span", { class: "quiet" }, ` evidence for the class ${label}`) : null),
    ...arithmeticView(glass, number, told, who),
    mapView(glass, number, index, value),
    feedsView(glass, number, index),
  ];
  return element("div", { class: "unit" }, ...parts.flat());
}

function arithmeticView(glass, number, told, who) {
  const node = glass.network.nodes[number];
  const { pixel, result, verdict } = told;
  const sums = told.lines.length ? element("pre", { class: "sum" }, told.lines.join("\n")) : null;
  if (pixel) {
    return [element("p", { class: "sentence" }, swatch(pixel), told.sentence), sums, verdictView(verdict, who)];
  }
  if (!result) {
    return [
      element("p", { class: "sentence" }, told.sentence),
      node.operands.length
        ? element(
            "p",
            {},
            "It reads ",
            ...node.operands.flatMap((operand, at) => [at ? ", " : "", element("code", {}, glass.network.nodes[operand].name)]),
            ".",
          )
        : null,
    ];
  }
  return [
    element("p", { class: "sentence" }, told.sentence),
    windowView(glass, number, result),
    termsView(glass, number, result),
    sums,
    verdictView(verdict, who),
  ];
}

function swatch({ byte, channel, channels }) {
  const mark = element("span", { class: "swatch", "aria-hidden": "true" });
  const colour = channels === 3 ? [0, 1, 2].map((at) => (at === channel ? byte : 0)) : [byte, byte, byte];
  mark.style.background = `rgb(${colour.join(",")})`;
  return mark;
}

/** By hand beside what computed the network; a difference that rounding does not explain is an error, and looks like one. */
function verdictView(verdict, who) {
  if (!verdict) return null;
  const { byHand, network, tolerance, agrees } = verdict;
  const difference = Math.abs(byHand - network);
  const numbers = `by hand ${short(byHand)}, ${who} says ${short(network)}`;
  const title = `by hand ${long(byHand)}; ${who} ${long(network)}; rounding explains up to ${long(tolerance)}`;
  if (agrees) {
    const text = `✓ ${numbers}. `;
    const why = difference === 0 ? "The same number." : `They differ by ${short(difference)}, which rounding explains.`;
    return element("p", { class: "verdict", title, "data-agrees": "true" }, text + why);
  }
  return element(
    "p",
    { class: "verdict mismatch", role: "alert", title, "data-agrees": "false" },
    `✗ Mismatch: ${numbers}. They differ by ${short(difference)}, and rounding explains no more than ${short(tolerance)}. One of the two is wrong.`,
  );
}

/** The window in each channel: values, weights and products side by side, the strongest channels first. */
function windowView(glass, number, { terms, details }) {
  const { window } = details;
  if (!window || window.length > 2 || window.some((side) => side > 7)) return null;
  const node = glass.network.nodes[number];
  const [height, width] = window.length === 2 ? window : [1, window[0]];
  const cells = height * width;
  const channels = Math.max(1, Math.round(terms.values.length / cells));
  if (cells * channels !== terms.values.length || cells === 1) return null;
  const sizes = terms.products ?? terms.values;
  const strength = Array.from({ length: channels }, (_, channel) => {
    let sum = 0;
    for (let at = channel * cells; at < (channel + 1) * cells; at += 1) sum += Number.isFinite(sizes[at]) ? Math.abs(sizes[at]) : 0;
    return sum;
  });
  const order = strength.map((_, channel) => channel).sort((one, other) => strength[other] - strength[one] || one - other);
  const ends = {
    value: largestSize(glass.valueOf(node.operands[0])?.data ?? terms.values),
    weight: terms.weights ? largestSize(terms.weights) : 0,
    product: terms.products ? largestSize(terms.products) : 0,
  };
  const source = glass.network.nodes[node.operands[0]];
  const frame = element("div", { class: "windows" });
  const add = (from, to) => {
    for (const channel of order.slice(from, to)) frame.append(channelView(glass, node, terms, channel, { height, width, ends, source, details }));
  };
  add(0, FIRST_CHANNELS);
  const left = channels - FIRST_CHANNELS;
  if (left > 0) {
    const more = element("button", { type: "button", class: "more", onclick: () => {
      more.remove();
      add(FIRST_CHANNELS, Math.min(channels, 256));
    } }, `${counted(left, "channel")} more`);
    return element("div", {}, frame, more);
  }
  return frame;
}

function channelView(glass, node, terms, channel, { height, width, ends, source, details }) {
  const start = channel * height * width;
  const weighted = terms.weights && !details.divisor;
  const numbered = width <= NUMBERED;
  const readout = element("p", { class: "readout", "aria-live": "polite" });
  const cells = new Map();
  const read = (at) => {
    for (const cell of frame.querySelectorAll(".lit")) cell.classList.remove("lit");
    if (at === null) return;
    for (const cell of cells.get(at)) cell.classList.add("lit");
    const name = sourceName(glass, node, terms, at);
    const product = weighted ? ` × ${short(terms.weights[at])} = ${short(terms.products[at])}` : "";
    readout.textContent = `${name}: ${terms.operand[at] < 0 && !weighted ? "" : short(terms.values[at])}${product}`;
  };
  const grid = (kind, numbers, end, make) => {
    const rows = [];
    for (let at = start; at < start + height * width; at += 1) {
      const cell = make(at, numbers[at], end);
      for (const name of ["pointerenter", "focus"]) cell.addEventListener(name, () => read(at));
      cell.addEventListener("pointerleave", () => read(null));
      cells.set(at, [...(cells.get(at) ?? []), cell]);
      rows.push(cell);
    }
    const table = element("div", { class: numbered ? "grid" : "grid colours", role: "group", "aria-label": `${kind}, channel ${channel}` }, ...rows);
    table.style.gridTemplateColumns = `repeat(${width}, 1fr)`;
    table.style.setProperty("--columns", String(width));
    return element("figure", {}, table, element("figcaption", { class: "quiet" }, kind));
  };
  const still = (at, number, end) => painted(element("span", { class: "cell", title: long(number) }, numbered ? brief(number) : null), number, end);
  const live = (at, number, end) => {
    if (terms.operand[at] < 0) return element("span", { class: "cell padding", title: "padding" }, "·");
    const cell = element(
      "button",
      {
        type: "button",
        class: details.winner === at ? "cell winner" : "cell",
        title: `${sourceName(glass, node, terms, at)} = ${long(number)}`,
        "aria-label": `${sourceName(glass, node, terms, at)}, ${short(number)}`,
        onclick: () => goBack(glass, node, terms, at),
      },
      numbered ? brief(number) : null,
    );
    return painted(cell, number, end);
  };
  const caption = `${source.name}[${channel + (details.first ?? 0)}]`;
  const values = grid(node.kind.includes("pool") ? "window" : caption, terms.values, ends.value, live);
  const parts = weighted
    ? [
        element("span", { class: "sign", "aria-label": "times" }, "×"),
        grid("weights", terms.weights, ends.weight, still),
        element("span", { class: "sign", "aria-label": "equals" }, "="),
        grid("products", terms.products, ends.product, still),
      ]
    : [];
  const frame = element("div", {}, element("div", { class: "window" }, values, ...parts), readout);
  return frame;
}

function painted(cell, number, end) {
  cell.style.background = colourOf(number, end);
  cell.style.color = inkOn(number, end);
  return cell;
}

/** Three digits, for a small cell. */
function brief(number) {
  if (!Number.isFinite(number) || number === 0) return short(number);
  const size = Math.abs(number);
  const text = size >= 100 ? size.toFixed(0) : size >= 10 ? size.toFixed(1) : size >= 0.0995 ? size.toFixed(2) : size >= 0.0005 ? size.toFixed(3) : "0.000";
  return (number < 0 ? "−" : "") + text;
}

function sourceOfTerm(glass, node, terms, row) {
  const shapes = node.operands.map((operand) => glass.network.nodes[operand].shape);
  const index = sourceIndex(terms, row, shapes);
  return index === null ? null : { number: node.operands[terms.operand[row]], index };
}

function sourceName(glass, node, terms, row) {
  const source = sourceOfTerm(glass, node, terms, row);
  if (!source) return "padding";
  const from = glass.network.nodes[source.number];
  return from.source && source.number ? from.name : glass.network.unitName(source.number, source.index);
}

function goBack(glass, node, terms, row) {
  const source = sourceOfTerm(glass, node, terms, row);
  if (source && !(glass.network.nodes[source.number].source && source.number)) glass.select(source.number, source.index, "back");
}

/** The terms that contribute most; a click on one goes to the unit it was read from. */
function termsView(glass, number, { terms, combine, details }) {
  const node = glass.network.nodes[number];
  const count = terms.values.length;
  const body = element("tbody", {});
  const weighted = terms.weights !== null;
  const contributes = terms.products !== null && !weighted ? "e^(x − M)" : weighted ? "product" : null;
  const end = largestSize(terms.products ?? terms.values);
  const row = (at) => {
    const source = sourceOfTerm(glass, node, terms, at);
    const constant = source && glass.network.nodes[source.number].source && source.number;
    const name = sourceName(glass, node, terms, at);
    const mark = details.winner === at ? " ← largest" : details.own === at ? " ← this one" : "";
    return element(
      "tr",
      { "data-term": at },
      element(
        "td",
        {},
        source && !constant
          ? element("button", { type: "button", class: "term", onclick: () => goBack(glass, node, terms, at) }, unitCode(name))
          : element("code", { class: "quiet" }, name),
        mark,
      ),
      element("td", { class: "figure", title: long(terms.values[at]) }, terms.operand[at] < 0 && combine === "maximum" ? "–" : short(terms.values[at])),
      weighted ? element("td", { class: "figure", title: long(terms.weights[at]) }, short(terms.weights[at])) : null,
      contributes ? element("td", { class: "figure", title: long(terms.products[at]) }, short(terms.products[at])) : null,
      contributes ? element("td", { class: "meters" }, meter(terms.products[at], end)) : null,
    );
  };
  const order = strongest(terms);
  const show = (to) => body.append(...order.slice(body.children.length, to).map(row));
  show(count <= FIRST_TERMS + 2 ? count : FIRST_TERMS);
  const head = element(
    "thead",
    {},
    element("tr", {}, element("th", {}, "read from"), element("th", {}, "value"), weighted ? element("th", {}, "× weight") : null, contributes ? element("th", {}, `= ${contributes}`) : null, contributes ? element("td", { class: "meters" }) : null),
  );
  const left = count - body.children.length;
  const reach = Math.min(count, MOST_TERMS);
  const more = left > 0 ? element("button", { type: "button", class: "more", onclick: () => {
    show(reach);
    if (reach < count) more.replaceWith(element("p", { class: "quiet" }, `… and ${counted(count - reach, "term")} smaller ones`));
    else more.remove();
  } }, `${counted(left, "term")} more`) : null;
  return element("div", { class: "terms" }, element("table", {}, head, body), more);
}

function meter(number, end) {
  const bar = element("span", { class: number < 0 ? "meter below" : "meter", "aria-hidden": "true" });
  bar.style.width = `${end ? (100 * Math.abs(number)) / end : 0}%`;
  return bar;
}

/** The unit in its map, enlarged; a click or an arrow key chooses a neighbour. */
function mapView(glass, number, index, value) {
  const layout = layoutOf(value.shape);
  if (layout.size < 2) return null;
  const place = layout.at(index);
  const end = largestSize(value.data);
  const times = multiple(layout.height, layout.width, MAP_ROOM);
  const canvas = element("canvas", {});
  paintMap(canvas, value.data, { start: place.map * layout.size, count: layout.size, height: layout.height, width: layout.width }, end);
  enlarge(canvas, layout.height, layout.width, times);
  const cursor = element("span", { class: "cursor" });
  Object.assign(cursor.style, { left: `${place.x * times}px`, top: `${place.y * times}px`, width: `${times}px`, height: `${times}px` });
  const move = (x, y) => {
    if (x < 0 || y < 0 || x >= layout.width || y >= layout.height) return;
    const next = layout.index(place.map, y, x);
    if (next) glass.select(number, next, "beside");
  };
  const steps = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
  const frame = element(
    "div",
    {
      class: "whole-map",
      tabindex: 0,
      role: "img",
      "aria-label": "The map with this unit marked; arrow keys choose a neighbouring unit",
      onclick: (event) => {
        const box = canvas.getBoundingClientRect();
        move(Math.floor((event.clientX - box.left) / times), Math.floor((event.clientY - box.top) / times));
      },
      onkeydown: (event) => {
        const step = steps[event.key];
        if (!step) return;
        event.preventDefault();
        move(place.x + step[0], place.y + step[1]);
      },
    },
    canvas,
    cursor,
  );
  const scale = anyNegative(value.data) ? `colours from −${short(end)} to ${short(end)}` : `colours from 0 to ${short(end)}`;
  return element("figure", { class: "map-figure" }, frame, element("figcaption", { class: "quiet" }, `this unit in its map; ${scale}`));
}

/** Who reads this unit. */
function feedsView(glass, number, index) {
  const { network } = glass;
  const readers = network.consumersOf(number);
  if (!readers.length) return null;
  const same = (reader) => network.nodes[reader].shape.join() === network.nodes[number].shape.join();
  const linked = (reader) => same(reader) && !["conv2d", "linear"].includes(network.nodes[reader].kind);
  return element(
    "p",
    { class: "feeds" },
    "It feeds ",
    ...readers.flatMap((reader, at) => [
      at ? ", " : "",
      linked(reader)
        ? element("button", { type: "button", class: "term", onclick: () => glass.select(reader, index, "back") }, unitCode(network.unitName(reader, index)))
        : element("code", {}, network.nodes[reader].name),
    ]),
    ".",
  );
}
