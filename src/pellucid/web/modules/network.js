/** The network as plain data: its operations in order, what each reads, and the numbers it owns. */

import { hasArithmetic } from "./arithmetic.js";
import { Tensor, indexOf, sizeOf } from "./tensor.js";

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
}

/** The index of the entry of largest size. */
export function strongestIndex(tensor) {
  let best = 0;
  for (let at = 1; at < tensor.size; at += 1) {
    if (Math.abs(tensor.data[at]) > Math.abs(tensor.data[best])) best = at;
  }
  return indexOf(best, tensor.shape);
}
