/** Numbers on their way from Python: a head in JSON, then arrays as they lie in memory (`studio/packing.py`). */

import { minus, short } from "./numbers.js";
import { Tensor } from "./tensor.js";

const TYPES = { float32: Float32Array, float64: Float64Array, int32: Int32Array, uint8: Uint8Array };

/**
 * Read a head and arrays.
 *
 * @param {ArrayBuffer} buffer
 * @returns {{head: any, arrays: Record<string, Tensor>}}
 */
export function unpacked(buffer) {
  const size = new DataView(buffer).getUint32(0, true);
  const head = JSON.parse(new TextDecoder().decode(new Uint8Array(buffer, 4, size)));
  const start = 8 * Math.ceil((4 + size) / 8);
  const arrays = {};
  for (const [name, { type, shape, at }] of Object.entries(head.arrays)) {
    const count = shape.reduce((product, length) => product * length, 1);
    arrays[name] = new Tensor(new TYPES[type](buffer, start + at, count), shape);
  }
  return { head, arrays };
}

/**
 * What is said of a unit, as `unitView` shows it, from what Python answered.
 *
 * @param {any} head
 * @param {Record<string, Tensor>} arrays
 * @param {number} channels of the image
 * @returns {import("./unit.js").Told}
 */
export function toldOf(head, arrays, channels) {
  const { check, closing } = head;
  // The largest of some numbers, and a number that is only passed on, are multiplied by nothing.
  const passedOn = arrays.values?.size === 1 && arrays.weights?.data[0] === 1 && head.bias === null;
  const weighted = head.combine !== "maximum" && !passedOn;
  const result = arrays.values && {
    // `unpacked` makes arrays of the types that Python names
    terms: /** @type {import("./arithmetic.js").Terms} */ ({
      operand: arrays.operand.data,
      position: arrays.position.data,
      values: arrays.values.data,
      weights: (weighted && arrays.weights?.data) || null,
      products: (weighted && arrays.products?.data) || null,
    }),
    value: check?.recomputed ?? head.value,
    slack: 0,
    combine: head.combine,
    bias: head.bias,
    details: head.details,
  };
  const sums = closing.filter((line) => !line.startsWith("recomputed") && !line.startsWith("…"));
  return {
    sentence: minus(head.sentence),
    result: result || null,
    pixel: head.pixel && { byte: head.pixel.byte, channel: head.index[1], channels },
    lines: [head.formula, ...sums, `= ${short(head.value)}`].filter(Boolean).map(minus),
    verdict: check && { byHand: check.recomputed, network: check.pytorch, tolerance: check.tolerance, agrees: check.passed },
  };
}
