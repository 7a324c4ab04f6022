/** One image through a network in a notebook: the kernel answers by messages of anywidget. */

import { answerView } from "./answer.js";
import { element, fill, unitCode } from "./dom.js";
import { enlarge, forgetColours, multiple, paintPixels, takeColoursFrom } from "./draw.js";
import { Layers } from "./layers.js";
import { Network } from "./network.js";
import { toldOf, unpacked } from "./packed.js";
import { unitView } from "./unit.js";

const SEEN_ROOM = 168;

/** Questions to the kernel, each with its answer. */
class Kernel {
  constructor(model) {
    this.model = model;
    this.waiting = new Map();
    this.name = Math.random().toString(36).slice(2); // two views of one widget hear each other's answers
    this.count = 0;
    this.listener = (message, buffers) => this.#take(message, buffers);
    model.on("msg:custom", this.listener);
  }

  /** @returns {Promise<{head: any, arrays: Record<string, import("./tensor.js").Tensor>}>} */
  ask(question) {
    const id = `${this.name}-${(this.count += 1)}`;
    return new Promise((resolve, reject) => {
      this.waiting.set(id, { resolve, reject });
      this.model.send({ ...question, id });
    });
  }

  #take(message, buffers) {
    const asked = this.waiting.get(message.id);
    if (!asked) return; // another view of the same widget asked
    this.waiting.delete(message.id);
    if (message.error) asked.reject(new Error(message.error));
    else asked.resolve(unpacked(bufferOf(buffers[0])));
  }

  close() {
    this.model.off("msg:custom", this.listener);
  }
}

/** Bytes from a message as a buffer of their own, aligned as arrays need. */
function bufferOf(view) {
  return view instanceof ArrayBuffer ? view : view.buffer.slice(view.byteOffset, view.byteOffset + view.byteLength);
}

/** The widget's view; a `Glass` for `unitView`. */
class GlassView {
  constructor(model, root) {
    const said = model.get("said");
    this.kernel = new Kernel(model);
    this.said = said;
    this.network = new Network(said.plan, { graph: new ArrayBuffer(0), numbers: new ArrayBuffer(0) });
    this.classes = said.classes;
    this.preprocessing = said.preprocessing;
    this.values = new Map();
    this.asked = new Map();
    this.trail = [];
    this.trouble = element("p", { class: "verdict mismatch", role: "alert", hidden: true });
    this.seen = element("div", { class: "seen" });
    this.unit = element("div", { class: "unit-place" }, element("p", { class: "quiet" }, "Click any map, number or pixel to see how it was computed."));
    const want = (number) => this.fetch([number]).then(() => this.layers.show(this.values)).catch((error) => this.complain(error));
    this.layers = new Layers(this.network, { select: (node, index) => this.select(node, index), hover: () => {}, want }, this.classes);
    const answer = said.answer
      ? answerView(said.answer, { classes: this.classes, threshold: said.answer.threshold }, said.label)
      : element("p", { class: "sentence" }, said.sentence);
    root.append(
      element("div", { class: "glass", onkeydown: (event) => this.key(event) }, this.trouble, element("div", { class: "seen-and-answer" }, this.seen, answer), element("div", { class: "glass-columns" }, this.layers.view, this.unit)),
    );
  }

  async start() {
    await this.fetch(this.said.first);
    this.show();
  }

  show() {
    if (this.pixels && this.preprocessing) {
      const { height, width, channels } = this.preprocessing;
      const canvas = element("canvas", { role: "img", "aria-label": "What the network receives" });
      paintPixels(canvas, this.pixels.data, height, width, channels);
      enlarge(canvas, height, width, multiple(height, width, SEEN_ROOM));
      fill(this.seen, canvas);
    }
    this.layers.show(this.values);
  }

  valueOf(number) {
    return this.values.get(this.network.nodes[number].name) ?? null;
  }

  /** Fetch values that are not there yet; what is on its way is waited for. */
  async fetch(numbers) {
    const wanted = numbers.filter((number) => !this.asked.has(number));
    if (wanted.length) {
      const coming = this.#fetched(wanted);
      for (const number of wanted) this.asked.set(number, coming);
    }
    await Promise.all(numbers.map((number) => this.asked.get(number)));
  }

  async #fetched(numbers) {
    const { arrays } = await this.kernel.ask({ ask: "values", nodes: numbers });
    for (const number of numbers) this.values.set(this.network.nodes[number].name, arrays[number]);
    if (arrays.pixels) this.pixels = arrays.pixels;
  }

  select(node, index, how = "") {
    const name = this.network.unitName(node, index);
    const before = how === "back" ? this.trail : how === "beside" ? this.trail.slice(0, -1) : [];
    this.go([...before, name]);
  }

  /** Go to the last of some units, each a step behind the one before. */
  async go(trail) {
    this.trail = trail;
    const name = trail.at(-1);
    const at = name ? this.network.parseUnit(name) : null;
    this.layers.mark(at ? at.node : null, at?.index);
    if (!at) {
      fill(this.unit);
      return;
    }
    try {
      const needed = [at.node, ...this.network.nodes[at.node].operands].filter((number) => !this.valueOf(number));
      const [{ head, arrays }] = await Promise.all([this.kernel.ask({ ask: "unit", unit: name }), this.fetch(needed)]);
      if (this.trail !== trail) return;
      this.complain(null);
      const told = toldOf(head, arrays, this.preprocessing?.channels ?? this.network.nodes[0].shape[1]);
      const back = element("button", { type: "button", class: "close", onclick: () => this.go(trail.slice(0, -1)) }, trail.length > 1 ? "← back" : "✕ close");
      const steps = trail.slice(0, -1).map((step, place) => element("li", {}, element("button", { type: "button", class: "term", onclick: () => this.go(trail.slice(0, place + 1)) }, unitCode(step))));
      fill(this.unit, element("nav", { class: "crumbs", "aria-label": "The way here" }, element("ol", {}, ...steps), back), unitView(this, at.node, at.index, told, "the network"));
      this.unit.dataset.unit = name;
    } catch (error) {
      this.complain(error);
    }
  }

  complain(error) {
    this.trouble.hidden = !error;
    this.trouble.textContent = error?.message ?? "";
  }

  key(event) {
    if (event.key !== "Escape" || !this.trail.length) return;
    event.stopPropagation();
    this.go(this.trail.slice(0, -1));
  }
}

/** Show the widget in an element of a notebook; what is given back takes it away again. */
export function showGlass({ model, el }) {
  const host = element("div", {});
  el.append(host);
  const root = host.attachShadow({ mode: "open" }); // its style sheet is its own, and the notebook's stays outside
  root.append(element("style", {}, model.get("style")));
  takeColoursFrom(host);
  const view = new GlassView(model, root);
  view.start().catch((error) => view.complain(error));
  const scheme = matchMedia("(prefers-color-scheme: dark)");
  const repaint = () => {
    forgetColours();
    view.show();
  };
  scheme.addEventListener("change", repaint);
  return () => {
    scheme.removeEventListener("change", repaint);
    view.kernel.close();
    host.remove();
  };
}
