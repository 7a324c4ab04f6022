/** One image through one network, as the server computed it: the network's plan, its values, and what makes a unit. */

import { Network } from "/modules/network.js";
import { toldOf } from "/modules/packed.js";
import { sizeOf } from "/modules/tensor.js";
import { ask, packed } from "./server.js";

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
    const count = this.steps.reduce((sum, number) => sum + sizeOf(this.network.nodes[number].shape), 0);
    /** Whether all values of a pass are little to fetch, and a pass little to compute. */
    this.isSmall = count <= FETCHED_AT_ONCE;
  }

  /**
   * Ask for a pass and its values; at once, where the network's steps are known from a pass before.
   *
   * @param {{run: string, epoch: string | null, image: string}} key
   * @param {any} facts
   * @param {(node: number, index: number[], how?: string) => void} select
   * @param {ServerGlass | null} before the pass that was shown before
   */
  static async open(key, facts, select, before = null) {
    const known = before && before.key.run === key.run && before.isSmall ? before.steps : null;
    const early = known && packed("/api/values", { ...key, nodes: known.join(",") });
    early?.catch(() => {}); // the pass itself says why
    const said = await ask("/api/look", key);
    const glass = new ServerGlass(said, facts, select);
    if (known && glass.steps.join() === known.join()) glass.#take(known, (await early).arrays);
    else await glass.fetch();
    return glass;
  }

  /** The numbers of the nodes that were computed, and the image's. */
  get steps() {
    return this.network.nodes.flatMap((node, number) => (node.source && number ? [] : [number]));
  }

  valueOf(number) {
    return this.values.get(this.network.nodes[number].name) ?? null;
  }

  /** Fetch values: of the nodes that are named, or of all where they are not too many numbers. */
  async fetch(numbers = null) {
    let wanted = numbers ?? (this.isSmall ? this.steps : [0, this.network.output]);
    wanted = wanted.filter((number) => !this.asked.has(number));
    if (!wanted.length) return;
    for (const number of wanted) this.asked.add(number);
    try {
      this.#take(wanted, (await packed("/api/values", { ...this.key, nodes: wanted.join(",") })).arrays);
    } catch (error) {
      for (const number of wanted) this.asked.delete(number);
      throw error;
    }
  }

  #take(numbers, arrays) {
    for (const number of numbers) {
      this.asked.add(number);
      this.values.set(this.network.nodes[number].name, arrays[number]);
    }
    if (arrays.pixels) this.pixels = arrays.pixels;
  }

  /**
   * What makes a unit's value, as `unitView` shows it.
   *
   * @returns {Promise<{told: import("/modules/unit.js").Told, said: any}>}
   */
  async told(unit) {
    const { head, arrays } = await packed("/api/unit", { ...this.key, unit });
    return { told: toldOf(head, arrays, this.preprocessing.channels), said: head };
  }
}
