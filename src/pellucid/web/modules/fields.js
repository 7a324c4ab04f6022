/** What a unit reads, and who reads it: rows and columns, as far as windows tell. */

import { adaptiveTaps, windowTaps } from "./windows.js";

/**
 * @typedef {object} Box rows and columns of some maps of a node, the last ones included
 * @property {number} node
 * @property {[number, number] | null} maps the first and the last map; null for all
 * @property {number} top
 * @property {number} left
 * @property {number} bottom
 * @property {number} right
 */

/**
 * The rows and columns of the image that a unit can depend on.
 *
 * @returns {{top: number, left: number, bottom: number, right: number} | null} null where it reads all of it
 */
export function fieldOf(network, number, index) {
  const boxes = new Map([[number, boxOf(index)]]);
  for (let at = number; at > 0; at -= 1) {
    const box = boxes.get(at);
    if (!boxes.has(at)) continue;
    const node = network.nodes[at];
    for (const operand of node.operands) {
      if (network.nodes[operand].source && operand) continue;
      const read = box && readBox(node, network.nodes[operand].shape, box);
      boxes.set(operand, boxes.has(operand) ? joined(boxes.get(operand), read) : read);
    }
  }
  const box = boxes.get(0);
  if (!box || network.nodes[0].shape.length !== 4) return null;
  return { top: box[0][0], bottom: box[0][1], left: box[1][0], right: box[1][1] };
}

/**
 * What a unit reads of the layers before it; those of which nothing is known are left out.
 *
 * @returns {Box[]}
 */
export function inputsOf(network, number, index) {
  const node = network.nodes[number];
  const box = boxOf(index);
  if (!box) return [];
  return node.operands.flatMap((operand) => {
    const { shape, source } = network.nodes[operand];
    const read = (!source || !operand) && readBox(node, shape, box);
    const maps = mapsRead(node, shape, index[1]);
    return read && maps ? [{ node: operand, maps, top: read[0][0], bottom: read[0][1], left: read[1][0], right: read[1][1] }] : [];
  });
}

/** The maps of an operand that one map of a node is made of; null where that is not known. */
function mapsRead(node, shape, map) {
  if (node.kind?.startsWith("conv_transpose")) return null;
  if (node.kind?.startsWith("conv")) {
    const { groups } = node.settings;
    const size = shape[1] / groups;
    const first = Math.floor(map / (node.shape[1] / groups)) * size;
    return [first, first + size - 1];
  }
  return node.kind !== "concatenate" && shape[1] === node.shape[1] ? [map, map] : null;
}

/**
 * The units of each layer that see a pixel, layer by layer while they are not yet the whole map.
 *
 * @returns {Box[]}
 */
export function readersOf(network, row, column) {
  /** @type {Map<number, number[][] | null>} null where more may see it than windows tell */
  const boxes = new Map([[0, [[row, row], [column, column]]]]);
  network.nodes.forEach((node, number) => {
    if (!number || node.source) return;
    for (const operand of node.operands) {
      if (!boxes.has(operand)) continue;
      const box = boxes.get(operand);
      const fed = box && node.shape.length === 4 ? fedBox(node, network.nodes[operand].shape, box) : null;
      if (fed === "none") continue;
      boxes.set(number, boxes.has(number) ? joined(boxes.get(number), fed) : fed);
    }
  });
  return [...boxes]
    .filter(([number, box]) => {
      if (!number || !box) return false;
      const [height, width] = network.nodes[number].shape.slice(2);
      const [rows, columns] = box;
      return rows[1] - rows[0] + 1 < height || columns[1] - columns[0] + 1 < width;
    })
    .map(([node, [rows, columns]]) => ({ node, maps: null, top: rows[0], bottom: rows[1], left: columns[0], right: columns[1] }));
}

/** The outputs of a node that read a box of its operand; null where that is not known. */
function fedBox(node, shape, box) {
  const sides = [];
  for (const axis of [0, 1]) {
    const fed = [];
    for (let at = 0; at < node.shape[2 + axis]; at += 1) {
      const place = [[0, 0], [0, 0]];
      place[axis] = [at, at];
      const read = readBox(node, shape, place);
      if (!read) return null;
      if (read[axis][0] <= box[axis][1] && read[axis][1] >= box[axis][0]) fed.push(at);
    }
    sides.push(fed);
  }
  return sides.every((fed) => fed.length) ? sides.map((fed) => [fed[0], fed.at(-1)]) : "none";
}

const POINTWISE = new Set(["activation", "normalisation", "joining"]);
const WINDOWED = /^(conv|max_pool|avg_pool)\dd$/;

function boxOf(index) {
  return index.length === 4 ? index.slice(2).map((at) => [at, at]) : null;
}

function joined(one, other) {
  if (!one || !other) return null;
  return one.map(([low, high], axis) => [Math.min(low, other[axis][0]), Math.max(high, other[axis][1])]);
}

/** What is read of an operand for a box of the output; null is all of it. */
function readBox(node, shape, box) {
  if (shape.length !== 4) return null;
  const sizes = shape.slice(2);
  if (WINDOWED.test(node.kind ?? "")) {
    const { kernel, stride, dilation, padding, padding_mode: mode } = node.settings;
    return box.map((range, axis) => {
      const [before, after] = [padding[axis]].flat().length === 2 ? padding[axis] : [padding[axis], padding[axis]];
      const window = { length: sizes[axis], kernel: kernel[axis], stride: stride[axis], dilation: dilation[axis] };
      const taps = range.flatMap((at) => windowTaps({ ...window, before, after, mode }, at));
      return hull(taps.map((tap) => tap.source).filter((source) => source >= 0), sizes[axis]);
    });
  }
  if (node.kind?.startsWith("adaptive_") && node.kind.endsWith("2d")) {
    return box.map((range, axis) =>
      hull(range.flatMap((at) => adaptiveTaps(sizes[axis], node.shape[2 + axis], at).map((tap) => tap.source)), sizes[axis]),
    );
  }
  const same = node.shape.length === 4 && node.shape[2] === sizes[0] && node.shape[3] === sizes[1];
  const pointwise = POINTWISE.has(node.group) || node.kind === "dropout";
  return same && pointwise && node.kind !== "softmax" ? box : null;
}

function hull(sources, length) {
  return sources.length ? [Math.min(...sources), Math.max(...sources)] : [0, length - 1];
}
