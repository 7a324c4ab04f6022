/** The network as plain data: its operations in order, what each reads, and the numbers it owns. */

import { hasArithmetic } from "./arithmetic.js";
import { Tensor, indexOf, sizeOf } from "./tensor.js";
import { adaptiveTaps, windowTaps } from "./windows.js";

/**
 * @typedef {object} PlanNode
 * @property {string} name
 * @property {string} label the module's class or the function's name
 * @property {string} [kind] what it computes; absent where nothing here does its arithmetic
 * @property {string} [noun]
 * @property {string} [summary]
 * @property {string} [formula]
 * @property {any} [settings]
 * @property {number[]} operands
 * @property {number[]} shape with the batch axis
 * @property {boolean} source whether nothing was computed
 * @property {string} reason why it has no arithmetic
 * @property {Record<string, any>} [tensors] where the numbers that it owns are, by name
 * @property {any} [value] where the value of a parameter or constant is
 */

/** A network and where its numbers are. */
export class Network {
  /**
   * @param {{nodes: PlanNode[], output: number}} plan
   * @param {{graph: ArrayBuffer, numbers: ArrayBuffer}} buffers
   */
  constructor(plan, buffers) {
    this.nodes = plan.nodes;
    this.output = plan.output;
    this.buffers = buffers;
    this.byName = new Map(plan.nodes.map((node, number) => [node.name, number]));
    this.kept = new Map();
  }

  /** What a node owns: weight, bias, running mean, … */
  tensorsOf(number) {
    if (!this.kept.has(number)) {
      const places = Object.entries(this.nodes[number].tensors ?? {});
      this.kept.set(number, Object.fromEntries(places.map(([name, place]) => [name, this.read(place)])));
    }
    return this.kept.get(number);
  }

  /** The value of a parameter or constant. */
  constantOf(number) {
    return this.nodes[number].value ? this.read(this.nodes[number].value) : null;
  }

  read(place) {
    const bytes = this.buffers[place.in].slice(place.at, place.at + 4 * sizeOf(place.shape));
    return new Tensor(place.type === "int32" ? new Int32Array(bytes) : new Float32Array(bytes), place.shape);
  }

  /** Whether its units can be decomposed. */
  isKnown(number) {
    const node = this.nodes[number];
    return !node.source && node.shape[0] === 1 && hasArithmetic(node.kind, node.settings);
  }

  /** The numbers of the nodes that read a node. */
  consumersOf(number) {
    return this.nodes.flatMap((node, at) => (node.operands.includes(number) ? [at] : []));
  }

  /** Write a unit as pellucid does: `conv2[3,4,5]`, without the batch axis. */
  unitName(number, index) {
    return `${this.nodes[number].name}[${index.slice(1).join(",")}]`;
  }

  /**
   * Read a unit that is written `conv2[3,4,5]`.
   *
   * @returns {{node: number, index: number[]} | null}
   */
  parseUnit(text) {
    const parts = /^(.+)\[([\d,]*)\]$/.exec(text);
    const node = parts ? this.byName.get(parts[1]) : undefined;
    if (node === undefined) return null;
    const index = [0, ...parts[2].split(",").filter(Boolean).map(Number)];
    const { shape } = this.nodes[node];
    const fits = index.length === shape.length && index.every((at, axis) => at < shape[axis]);
    return fits ? { node, index } : null;
  }

  /**
   * The rows and columns of the image that a unit can depend on, as far as windows tell.
   *
   * @returns {{top: number, left: number, bottom: number, right: number} | null} null where it reads all of it
   */
  fieldOf(number, index) {
    const boxes = new Map([[number, boxOf(index)]]);
    for (let at = number; at > 0; at -= 1) {
      const box = boxes.get(at);
      if (!boxes.has(at)) continue;
      const node = this.nodes[at];
      for (const operand of node.operands) {
        if (this.nodes[operand].source && operand) continue;
        const read = box && readBox(node, this.nodes[operand].shape, box);
        boxes.set(operand, boxes.has(operand) ? joined(boxes.get(operand), read) : read);
      }
    }
    const box = boxes.get(0);
    if (!box || this.nodes[0].shape.length !== 4) return null;
    return { top: box[0][0], bottom: box[0][1], left: box[1][0], right: box[1][1] };
  }
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

/** The index of the entry of largest size. */
export function strongestIndex(tensor) {
  let best = 0;
  for (let at = 1; at < tensor.size; at += 1) {
    if (Math.abs(tensor.data[at]) > Math.abs(tensor.data[best])) best = at;
  }
  return indexOf(best, tensor.shape);
}
