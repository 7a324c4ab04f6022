/** A window in numbers: the values that it covers, times the weights, are the products. */

import { element } from "./dom.js";
import { colourOf, inkOn } from "./draw.js";
import { counted, long, short } from "./numbers.js";
import { largestSize } from "./tensor.js";
import { goBack, sourceName } from "./terms.js";

const FIRST_CHANNELS = 3;
const MOST_CHANNELS = 256;
/** Up to so many columns the cells of a window hold their numbers. */
const NUMBERED = 3;

/** The window in each channel: values, weights and products side by side, the strongest channels first. */
export function windowView(glass, number, result) {
  const parts = windowParts(glass, number, result);
  if (!parts) return null;
  const { order, view } = parts;
  const frame = element("div", { class: "windows" }, ...order.slice(0, FIRST_CHANNELS).map(view));
  const left = order.length - FIRST_CHANNELS;
  if (left <= 0) return frame;
  const more = element("button", { type: "button", class: "more", onclick: () => {
    frame.append(...order.slice(FIRST_CHANNELS, MOST_CHANNELS).map(view));
    const rest = order.length - MOST_CHANNELS;
    if (rest > 0) more.replaceWith(element("p", { class: "quiet" }, `… and ${counted(rest, "channel")} that contribute less`));
    else more.remove();
  } }, `${counted(left, "channel")} more`);
  return element("div", {}, frame, more);
}

/**
 * The channels of a window, those that contribute most first, and how each is shown; null where there is no window
 * that can be drawn.
 *
 * @returns {{order: number[], view: (channel: number) => HTMLElement, start: (channel: number) => number, cells: number} | null}
 */
export function windowParts(glass, number, { terms, details }) {
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
  const view = (channel) => channelView(glass, node, terms, channel, { height, width, ends, source, details });
  return { order, view, start: (channel) => channel * cells, cells };
}

/** One channel of a window: its values, and where there are weights those and the products. */
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
