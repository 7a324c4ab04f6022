/** Curves over x, with what lies under one of them and a point that moves. */

import { element } from "/modules/dom.js";
import { printed } from "./cells.js";

const SPACE = "http://www.w3.org/2000/svg";
const EDGE = { left: 56, right: 12, top: 8, bottom: 28 };
const NARROWEST = 280;

/** An element of a drawing. */
function drawn(tag, properties, ...children) {
  const node = document.createElementNS(SPACE, tag);
  for (const [name, value] of Object.entries(properties)) node.setAttribute(name, String(value));
  node.append(...children);
  return node;
}

/**
 * @param {object} what
 * @param {string} what.title
 * @param {ArrayLike<number>} what.x
 * @param {number[]} what.domain
 * @param {{values: ArrayLike<number>, name: string, kind: string}[]} what.curves
 * @param {ArrayLike<number>} [what.area] filled, blue above zero and orange below
 * @param {ArrayLike<number>[]} [what.also] what the scale must have room for too
 * @param {number} what.at
 * @param {number | null} [what.point] the height of a point at `at`
 * @param {number[][]} [what.hatched]
 * @param {number} what.height
 * @param {(x: number) => void} what.choose
 */
export function plot({ title, x, domain, curves, area = undefined, also = [], at, point = null, hatched = [], height, choose }) {
  const width = Math.max(NARROWEST, Math.min(960, (document.querySelector(".plot")?.clientWidth ?? 960)));
  const [low, high] = domain;
  const [bottom, top] = range([...curves.map(({ values }) => values), ...also, ...(area ? [area] : [])]);
  const across = (value) => EDGE.left + ((value - low) / (high - low)) * (width - EDGE.left - EDGE.right);
  const down = (value) => height - EDGE.bottom - ((value - bottom) / (top - bottom)) * (height - EDGE.top - EDGE.bottom);
  const path = (values) => Array.from(values, (value, i) => `${i ? "L" : "M"}${across(x[i]).toFixed(2)} ${down(value).toFixed(2)}`).join("");
  const filled = (sign) => {
    const part = Array.from(area, (value) => (value * sign > 0 ? value : 0));
    return `${path(part)}L${across(high)} ${down(0)}L${across(low)} ${down(0)}Z`;
  };
  const svg = drawn("svg", { width, height, viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": title });
  for (const value of ticks(low, high, width / 80)) {
    const place = across(value);
    svg.append(drawn("line", { class: "grid", x1: place, x2: place, y1: EDGE.top, y2: height - EDGE.bottom }), drawn("text", { class: "tick", x: place, y: height - 8, "text-anchor": "middle" }, printed(String(value))));
  }
  for (const value of ticks(bottom, top, height / 48)) {
    const place = down(value);
    svg.append(drawn("line", { class: "grid", x1: EDGE.left, x2: width - EDGE.right, y1: place, y2: place }), drawn("text", { class: "tick", x: EDGE.left - 8, y: place + 4, "text-anchor": "end" }, printed(String(value))));
  }
  if (hatched.length) svg.append(hatching());
  for (const [from, to] of hatched) {
    svg.append(drawn("rect", { class: "hatched", x: across(from), width: Math.max(1, across(to) - across(from)), y: EDGE.top, height: height - EDGE.top - EDGE.bottom, fill: "url(#hatching)" }));
  }
  svg.append(drawn("line", { class: "zero", x1: EDGE.left, x2: width - EDGE.right, y1: down(0), y2: down(0) }));
  if (area) svg.append(drawn("path", { class: "above", d: filled(1) }), drawn("path", { class: "below", d: filled(-1) }));
  for (const { values, kind } of curves) svg.append(drawn("path", { class: `curve ${kind}`, d: path(values) }));
  svg.append(drawn("line", { class: "here", x1: across(at), x2: across(at), y1: EDGE.top, y2: height - EDGE.bottom }));
  if (point !== null) svg.append(drawn("circle", { class: "point", cx: across(at), cy: down(point), r: 6 }));
  const moving = (event) => {
    const share = (event.clientX - svg.getBoundingClientRect().left - EDGE.left) / (width - EDGE.left - EDGE.right);
    choose(low + Math.max(0, Math.min(1, share)) * (high - low));
  };
  svg.addEventListener("pointerdown", (event) => {
    event.preventDefault();
    moving(event);
    dragging = moving;
  });
  const legend = curves.map(({ name, kind }) => element("span", { class: "key" }, keyLine(kind), name));
  if (area) legend.push(element("span", { class: "key" }, element("span", { class: "key-area" }), "product, above zero"), element("span", { class: "key" }, element("span", { class: "key-area below" }), "below"));
  return element("figure", {}, element("figcaption", {}, title), svg, element("div", { class: "legend quiet" }, ...legend));
}

/** The drawing is made again while it is dragged, so that what follows the pointer stands here. */
let dragging = null;
addEventListener("pointermove", (event) => dragging?.(event));
for (const name of ["pointerup", "pointercancel"]) addEventListener(name, () => (dragging = null));

function keyLine(kind) {
  return drawn("svg", { width: 32, height: 12, "aria-hidden": "true" }, drawn("path", { class: `curve ${kind}`, d: "M0 6L32 6" }));
}

function hatching() {
  const lines = drawn("pattern", { id: "hatching", width: 8, height: 8, patternUnits: "userSpaceOnUse", patternTransform: "rotate(45)" }, drawn("line", { x1: 0, y1: 0, x2: 0, y2: 8 }));
  return drawn("defs", {}, lines);
}

/** From the least to the largest of all values, zero included, with a little room. */
function range(arrays) {
  let [low, high] = [0, 0];
  for (const values of arrays) {
    for (let at = 0; at < values.length; at += 1) {
      if (values[at] < low) low = values[at];
      if (values[at] > high) high = values[at];
    }
  }
  if (low === high) high = 1;
  const room = 0.05 * (high - low);
  return [low < 0 ? low - room : low, high > 0 ? high + room : high];
}

/** The next larger of 1, 2 and 5, at any power of ten. */
export function roundStep(rough) {
  const power = 10 ** Math.floor(Math.log10(rough));
  return Number((power * [1, 2, 5, 10].find((factor) => factor * power >= rough * (1 - 1e-9))).toPrecision(3));
}

/** Round numbers between two ends, about so many. */
function ticks(low, high, most) {
  const step = roundStep((high - low) / Math.max(3, Math.min(10, most)));
  const places = Math.max(0, -Math.floor(Math.log10(step) + 1e-9));
  const marks = [];
  for (let number = Math.ceil(low / step - 1e-9); number * step <= high + 1e-9 * step; number += 1) {
    marks.push(Math.abs(number * step) < 1e5 && places < 6 ? Number((number * step).toFixed(places)) : Number((number * step).toPrecision(3)));
  }
  return marks;
}
