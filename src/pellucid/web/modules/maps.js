/** How a value of any shape becomes maps to look at, and which unit a pixel of a map is. */

import { largestSize } from "./tensor.js";

const WIDE = 32;

/**
 * Lay out a value with its batch axis: `[1, C, H, W]` as C maps, `[1, C, L]` as one map of C rows, a list as rows.
 *
 * @param {readonly number[]} shape
 * @returns {{count: number, height: number, width: number, size: number, index: (map: number, y: number, x: number) =>
 *   number[] | null, at: (index: number[]) => {map: number, y: number, x: number}}}
 */
export function layoutOf(shape) {
  const inner = shape.slice(1);
  if (inner.length >= 3) {
    const [count, ...rest] = inner;
    const width = rest[rest.length - 1];
    const height = rest.slice(0, -1).reduce((product, length) => product * length, 1);
    const between = rest.slice(0, -1);
    return {
      count,
      height,
      width,
      size: height * width,
      index: (map, y, x) => [0, map, ...spread(y, between), x],
      at: (index) => ({ map: index[1], y: joinedRow(index.slice(2, -1), between), x: index[index.length - 1] }),
    };
  }
  if (inner.length === 2) {
    const [height, width] = inner;
    return {
      count: 1,
      height,
      width,
      size: height * width,
      index: (_, y, x) => [0, y, x],
      at: ([, y, x]) => ({ map: 0, y, x }),
    };
  }
  const length = inner[0] ?? 1;
  const width = Math.min(length, WIDE);
  return {
    count: 1,
    height: Math.ceil(length / width),
    width,
    size: length,
    index: (_, y, x) => (y * width + x < length ? (inner.length ? [0, y * width + x] : [0]) : null),
    at: ([, at = 0]) => ({ map: 0, y: Math.floor(at / width), x: at % width }),
  };
}

function spread(row, lengths) {
  const index = [];
  let rest = row;
  for (const length of [...lengths].reverse()) {
    index.unshift(rest % length);
    rest = Math.floor(rest / length);
  }
  return index;
}

function joinedRow(index, lengths) {
  return index.reduce((row, at, axis) => row * lengths[axis] + at, 0);
}

/** The maps' numbers, the strongest first: the largest sum of sizes. */
export function byStrength(data, layout) {
  const strength = Array.from({ length: layout.count }, (_, map) => {
    let sum = 0;
    for (let at = map * layout.size; at < (map + 1) * layout.size; at += 1) sum += Math.abs(data[at]);
    return sum;
  });
  return strength.map((_, map) => map).sort((one, other) => strength[other] - strength[one] || one - other);
}

/** The entry of largest size in a map, as row and column. */
export function peakOf(data, layout, map) {
  const start = map * layout.size;
  const largest = largestSize(data, start, start + layout.size);
  let at = 0;
  while (at < layout.size - 1 && Math.abs(data[start + at]) !== largest) at += 1;
  return { y: Math.floor(at / layout.width), x: at % layout.width };
}
