/** One image through one network, as the server computed it: the network's plan, its values, and what makes a unit. */

import { Network } from "/modules/network.js";
import { short } from "/modules/numbers.js";
import { sizeOf } from "/modules/tensor.js";
import { packed } from "./server.js";

const FETCHED_AT_ONCE = 2_000_000;

/** A pass that the server holds. */
export class ServerGlass {
  /**
   * @param {any} said what `/api/look` answered
   * @param {any} facts what `/api/run` answered
   * @param {(node: number, index: number[], how?: string) => void} select
   */
  constructor(said, facts, select) {
    this.said = said;
    this.facts = facts;
    this.select = select;
    this.network = new Network(said.plan, { graph: new ArrayBuffer(0), numbers: new ArrayBuffer(0) });
    this.classes = facts.classes;
    this.preprocessing = facts.preprocessing;
    /** @type {Map<string, import("/modules/tensor.js").Tensor>} by the node's name */
    this.values = new Map();
    this.pixels = null;
    this.asked = new Set();
    this.key = { run: said.run, epoch: said.epoch, image: said.image };
  }

  valueOf(number) {
    return this.values.get(this.network.nodes[number].name) ?? null;
  }

  /** Fetch values: of the nodes that are named, or of all where they are not too many numbers. */
  async fetch(numbers = null) {
    const nodes = this.network.nodes;
    let wanted = numbers ?? nodes.flatMap((node, number) => (node.source && number ? [] : [number]));
    wanted = wanted.filter((number) => !this.asked.has(number));
    if (numbers === null && wanted.reduce((sum, number) => sum + sizeOf(nodes[number].shape), 0) > FETCHED_AT_ONCE) {
      wanted = [0, this.network.output];
    }
    if (!wanted.length) return;
    for (const number of wanted) this.asked.add(number);
    const { arrays } = await packed("/api/values", { ...this.key, nodes: wanted.join(",") });
    for (const number of wanted) this.values.set(nodes[number].name, arrays[number]);
    if (arrays.pixels) this.pixels = arrays.pixels;
  }

  /**
   * What makes a unit's value, as `unitView` shows it.
   *
   * @returns {Promise<{told: import("/modules/unit.js").Told, said: any}>}
   */
  async told(unit, signal) {
    const { head, arrays } = await packed("/api/unit", { ...this.key, unit }, signal);
    const result = arrays.values && {
      terms: {
        operand: arrays.operand.data,
        position: arrays.position.data,
        values: arrays.values.data,
        weights: arrays.weights?.data ?? null,
        products: arrays.products?.data ?? null,
      },
      value: head.check?.recomputed ?? head.value,
      slack: 0,
      combine: head.combine,
      bias: head.bias,
      details: head.details,
    };
    const { check } = head;
    const pixel = head.pixel && { byte: head.pixel.byte, channel: head.index[1], channels: this.preprocessing.channels };
    const formula = head.facts.find(([label]) => label === "formula")?.[1];
    return {
      told: {
        sentence: head.sentence,
        result: result || null,
        pixel,
        lines: [formula, ...head.closing.filter((line) => !line.startsWith("recomputed") && !line.startsWith("…")), `= ${short(head.value)}`].filter(Boolean),
        verdict: check && { byHand: check.recomputed, network: check.pytorch, tolerance: check.tolerance, agrees: check.passed },
      },
      said: head,
    };
  }
}
