/** One unit: its value, its window, its terms, the sum by hand beside what the runtime says, and the way back. */

import { element, unitCode } from "./dom.js";
import { enlarge, multiple, paintMap } from "./draw.js";
import { layoutOf } from "./maps.js";
import { long, short } from "./numbers.js";
import { anyNegative, largestSize } from "./tensor.js";
import { termsView } from "./terms.js";
import { windowView } from "./window-view.js";

const MAP_ROOM = 224;

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
 * @property {Node} [onward] what is shown of the units that it feeds; their names alone, where there is nothing more
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
    told.onward ?? feedsView(glass, number, index),
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
