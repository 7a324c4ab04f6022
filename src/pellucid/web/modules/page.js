/** The exported page: an image in, the network's answer, its layers, and the arithmetic of any unit. */

import { answerView } from "./answer.js";
import { dropping, pickers } from "./camera.js";
import { element, fill, isStill, unitCode } from "./dom.js";
import { enlarge, forgetColours, multiple, paintPixels, placeField } from "./draw.js";
import { fieldOf, inputsOf } from "./fields.js";
import { ImageError, canvasIsExact, imageOf } from "./image.js";
import { Layers } from "./layers.js";
import { Network } from "./network.js";
import { short } from "./numbers.js";
import { Pad } from "./pad.js";
import { Runner, bytesOf, unpacked } from "./runtime.js";
import { toldHere } from "./told.js";
import { unitView } from "./unit.js";

const INPUT_ROOM = 196;

/** Everything of one page. */
export class Page {
  constructor(about) {
    this.about = about;
    this.runner = null;
    this.values = new Map();
    this.trail = [];
    this.truth = null;
    this.pending = null;
    this.running = false;
    this.place = (id) => document.getElementById(id);
  }

  async start(parts) {
    const begun = performance.now();
    const [script, wasm, graph, numbers] = await Promise.all(
      [parts.script, parts.wasm, parts.graph, parts.numbers].map((text) => unpacked(bytesOf(text))),
    );
    this.network = new Network(this.about.plan, { graph: graph.buffer, numbers: numbers.buffer });
    const outputs = this.about.plan.nodes.filter((node) => node.output).map((node) => [node.name, node.output]);
    const { classes } = this.about;
    this.layers = new Layers(
      this.network,
      { select: (node, index) => this.select(node, index), hover: (node, index) => this.hover(node, index) },
      classes,
    );
    fill(this.place("layers"), this.layers.view);
    this.#sources();
    this.runner = await Runner.start({ script, wasm, graph, outputs });
    this.loaded = performance.now() - begun;
    this.place("waiting").hidden = true;
    if (!canvasIsExact()) this.complain("This browser changes what is read from a canvas, so pixels may not be those of the file.");
    this.#restore();
    document.body.dataset.ready = "true";
  }

  /** The pad, the files and the samples. */
  #sources() {
    const { pad, samples } = this.about;
    this.pad = new Pad(pad, () => this.drawn());
    fill(this.place("pad"), this.pad.view, element("p", { class: "quiet", id: "pad-note" }, this.#padNote()));
    const take = (file, name) => this.open(file, name, null);
    fill(this.place("files"), pickers(take, (message) => this.complain(message)), element("p", { class: "quiet" }, "or drop or paste one anywhere on this page."));
    dropping(take);
    const buttons = samples.map((sample, number) =>
      element(
        "button",
        { type: "button", class: "sample", title: `${sample.name}: ${this.about.classes[sample.label]}`, "aria-label": `Image ${sample.name}, true label ${this.about.classes[sample.label]}`, onclick: () => this.sample(number) },
        element("img", { src: `data:image/png;base64,${sample.png}`, alt: "" }),
      ),
    );
    this.sampleButtons = buttons;
    fill(this.place("samples"), ...(buttons.length ? buttons : [element("p", { class: "quiet" }, this.about.no_samples)]));
  }

  #padNote() {
    const { pad } = this.about;
    if (pad.kind !== "digit") return "Draw something; the network sees it at its own size.";
    return `Draw large or small: as its training images were, the drawing is scaled into ${pad.box} × ${pad.box} pixels and centred by its mass.`;
  }

  /** Show one of the images that came along. */
  async sample(number) {
    const { png, name, label } = this.about.samples[number];
    const file = new File([bytesOf(png)], name, { type: "image/png" });
    this.address({ image: `sample-${number}` });
    await this.open(file, name, label, number);
  }

  /** The bytes of a file, as the network takes them. */
  read(file) {
    return imageOf(file, this.about.preprocessing.channels);
  }

  /** Run the network on a file. */
  async open(file, name, truth, number = null) {
    try {
      const image = await this.read(file);
      this.sampleButtons.forEach((button, at) => button.setAttribute("aria-pressed", String(at === number)));
      if (number === null) this.address({ image: null });
      await this.see(image, name, truth);
    } catch (error) {
      if (!(error instanceof ImageError)) throw error;
      this.complain(error.message);
    }
  }

  /** A stroke was drawn, taken back or cleared. */
  drawn() {
    this.sampleButtons.forEach((button) => button.setAttribute("aria-pressed", "false"));
    this.address({ image: null });
    const image = this.pad.image(this.about.preprocessing.channels);
    if (image) this.see(image, "your drawing", null);
    else this.nothing();
  }

  /** An empty pad has no prediction. */
  nothing() {
    this.pending = null;
    this.empty = true;
    this.values = new Map();
    this.layers.show(this.values);
    fill(this.place("answer"), element("p", { class: "sentence" }, "Nothing is drawn, so there is no prediction."));
    fill(this.place("seen"));
    this.showUnit();
  }

  /** Run the network on an image; while it runs only the newest of further images waits. */
  async see(image, name, truth) {
    this.empty = false;
    this.pending = { image, name, truth };
    if (this.running) return;
    this.running = true;
    try {
      while (this.pending) {
        const next = this.pending;
        this.pending = null;
        const begun = performance.now();
        const answer = await this.runner.run(next.image, this.about.preprocessing.channels);
        if (!this.empty) this.#show(answer, next, performance.now() - begun);
      }
    } catch (error) {
      this.complain(`The network could not be run on this image: ${error.message}`);
    } finally {
      this.running = false;
    }
  }

  #show(answer, { image, name, truth }, milliseconds) {
    this.answer = answer;
    this.values = answer.values;
    this.milliseconds = milliseconds;
    this.complain(image.note);
    fill(this.place("answer"), answerView(answer, this.about, truth, (at) => this.#choose(at)));
    this.#seen(name);
    this.layers.show(answer.values);
    this.showUnit();
    document.body.dataset.runs = String(Number(document.body.dataset.runs ?? 0) + 1);
  }

  /** Go to the evidence for a class: its place in the network's output. */
  #choose(at) {
    const { output, nodes } = this.network;
    if (nodes[output].shape.length === 2) this.select(output, [0, at]);
  }

  /** The input as the network receives it, as pixels. */
  #seen(name) {
    const { height, width, channels } = this.about.preprocessing;
    const bytes = this.answer.pixels;
    const canvas = element("canvas", { role: "img", "aria-label": `What the network receives: ${name}` });
    paintPixels(canvas, bytes, height, width, channels);
    this.times = multiple(height, width, INPUT_ROOM);
    enlarge(canvas, height, width, this.times);
    this.field = element("span", { class: "field", hidden: true });
    canvas.addEventListener("click", (event) => {
      const box = canvas.getBoundingClientRect();
      const inner = (at, start, cells) => Math.max(0, Math.min(cells - 1, Math.floor((at - start) / this.times)));
      this.select(0, [0, 0, inner(event.clientY, box.top, height), inner(event.clientX, box.left, width)]);
    });
    const caption = `${name}, as the network receives it: ${height} × ${width}`;
    fill(this.place("seen"), element("figure", {}, element("div", { class: "whole-map" }, canvas, this.field), element("figcaption", { class: "quiet" }, caption)));
  }

  /** Light up what a unit can see on the image, and what it reads in the layer before. */
  hover(node, index) {
    const at = index ? { node, index } : this.trail.at(-1);
    this.layers.light(at && this.values.size ? inputsOf(this.network, at.node, at.index) : []);
    if (!this.field) return;
    const seen = at ? fieldOf(this.network, at.node, at.index) : null;
    this.field.hidden = !seen;
    if (seen) placeField(this.field, seen, this.times);
  }

  /** Choose a unit: afresh, a step further along a term, or its neighbour in the same map. */
  select(node, index, how = "") {
    const step = { node, index };
    if (how === "beside") this.trail[this.trail.length - 1] = step;
    else if (how === "back") this.trail.push(step);
    else this.trail = [step];
    const focused = document.activeElement;
    this.showUnit();
    const panel = this.place("unit");
    if (how === "beside") panel.querySelector(".whole-map")?.focus();
    else if (how === "back") panel.querySelector("h2")?.focus({ preventScroll: true });
    else if (focused instanceof HTMLElement && focused.classList.contains("map")) focused.focus({ preventScroll: true });
    panel.scrollTo({ top: 0, behavior: isStill() ? "auto" : "smooth" });
  }

  showUnit() {
    const panel = this.place("unit");
    const at = this.trail.at(-1);
    document.body.classList.toggle("unit-open", Boolean(at));
    this.layers.mark(at ? at.node : null, at?.index);
    this.hover(0, null);
    this.address({ unit: at ? this.network.unitName(at.node, at.index) : null });
    if (!at) {
      fill(panel, element("p", { class: "quiet" }, "Click any map, number or pixel to see how it was computed."));
      return;
    }
    if (!this.values.size) {
      fill(panel, element("p", { class: "quiet" }, "Without an image there are no values."));
      return;
    }
    const glass = {
      network: this.network,
      valueOf: (number) => this.values.get(this.network.nodes[number].name) ?? null,
      select: (node, index, how) => this.select(node, index, how),
      classes: this.about.classes,
      preprocessing: this.about.preprocessing,
      pixels: this.answer.pixels,
    };
    fill(panel, this.#crumbs(), unitView(glass, at.node, at.index, toldHere(glass, at.node, at.index)));
  }

  #crumbs() {
    const steps = this.trail.map(({ node, index }, at) => {
      const name = this.network.unitName(node, index);
      if (at === this.trail.length - 1) return element("li", { "aria-current": "true" }, unitCode(name));
      const back = () => {
        this.trail = this.trail.slice(0, at + 1);
        this.showUnit();
      };
      return element("li", {}, element("button", { type: "button", class: "term", onclick: back }, unitCode(name)));
    });
    const alone = steps.length === 1;
    const close = element("button", { type: "button", class: "close", "aria-label": "Back (Escape)", title: "Back (Escape)", onclick: () => this.back() }, this.trail.length > 1 ? "← back" : "✕ close");
    if (alone) return element("nav", { class: "crumbs alone", "aria-label": "The way here" }, close);
    return element("nav", { class: "crumbs", "aria-label": "The way here" }, element("ol", {}, ...steps), close);
  }

  /** One step back along the way, or close the unit. */
  back() {
    this.trail.pop();
    this.showUnit();
  }

  complain(message) {
    fill(this.place("trouble"), message ? element("p", {}, message) : null);
  }

  /** Keep in the address what is shown, so that it can be bookmarked. */
  address(changes) {
    const held = new URLSearchParams(location.hash.slice(1));
    for (const [name, value] of Object.entries(changes)) {
      if (value === null) held.delete(name);
      else held.set(name, value);
    }
    try {
      history.replaceState(null, "", `#${held}`);
    } catch {
      // Some browsers refuse it for files from the disk; nothing depends on it.
    }
  }

  #restore() {
    const held = new URLSearchParams(location.hash.slice(1));
    const unit = this.network.parseUnit(held.get("unit") ?? "");
    if (unit) this.trail = [unit];
    const number = Number(/^sample-(\d+)$/.exec(held.get("image") ?? "")?.[1] ?? 0);
    if (this.about.samples[number]) this.sample(number);
    else this.nothing();
  }

  /** A line for the curious: how long loading and the last image took. */
  get timing() {
    return `Loaded in ${short(this.loaded / 1000)} s; the last image took ${short(this.milliseconds)} ms.`;
  }
}

/** Start the page from what its HTML holds. */
export function startPage() {
  const text = (id) => document.getElementById(id).textContent;
  const page = new Page(JSON.parse(text("about-data")));
  globalThis.pellucid = page; // for whoever opens the console
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && page.trail.length && !document.querySelector("dialog[open]")) page.back();
  });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
    forgetColours();
    page.layers?.show(page.values);
    page.showUnit();
  });
  const parts = { script: text("runtime-script"), wasm: text("runtime-wasm"), graph: text("graph-data"), numbers: text("numbers-data") };
  page.start(parts).catch((error) => {
    document.getElementById("waiting").hidden = true;
    page.complain(`This page could not start: ${error.message}`);
  });
}

startPage();
