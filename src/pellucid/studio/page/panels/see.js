/** One image through the network: what goes in, every layer, and behind every number its arithmetic. */

import { answerView } from "/modules/answer.js";
import { dropping } from "/modules/camera.js";
import { element, fill, isStill, unitCode } from "/modules/dom.js";
import { enlarge, multiple, paintPixels, placeField } from "/modules/draw.js";
import { fieldOf, inputsOf, readersOf } from "/modules/fields.js";
import { Graph } from "/modules/graph.js";
import { Layers } from "/modules/layers.js";
import { unitView } from "/modules/unit.js";
import { ServerGlass } from "../glass.js";
import { OverEpochs } from "../see/epochs.js";
import { finder } from "../see/finding.js";
import { checkedFieldOf, feedsOf, feedsView, fieldLine, pathOf, pathView } from "../see/onward.js";
import { slidingView } from "../see/sliding.js";
import { Sources } from "../see/sources.js";
import { Tip } from "../see/tip.js";
import { mayWrite, send, sendFile } from "../server.js";
import { wayBar } from "../way.js";

const INPUT_ROOM = 168;
const PASSES_KEPT = 8;
const ADDRESS_AFTER = 300;
const FIELD_AFTER = 300;

/** @type {import("../main.js").Panel} */
export const seeing = { name: "see", title: "See", open: (studio) => new SeeView(studio) };

class SeeView {
  constructor(studio) {
    this.studio = studio;
    this.glass = null;
    this.shown = {};
    this.trail = [];
    this.turn = 0;
    /** @type {Map<string, Promise<ServerGlass>>} passes that were shown lately, or may be shown next */
    this.passes = new Map();
    const part = (name, title, ...children) => element("section", { class: name, "aria-label": title }, element("h2", {}, title), ...children);
    this.places = Object.fromEntries(["seen", "answer", "graph", "layers", "unit"].map((id) => [id, element("div", { id })]));
    const { seen, answer, graph, layers, unit } = this.places;
    answer.setAttribute("aria-live", "polite");
    this.sources = new Sources(studio, { give: (file, name) => this.give(file, name), drawn: () => this.drawn() });
    this.over = new OverEpochs(studio);
    this.tip = new Tip();
    const find = finder(() => this.glass, (node, index) => this.select(node, index), (message) => studio.complain(message));
    this.root = element(
      "div",
      { class: "see" },
      element(
        "div",
        { class: "input-column" },
        part("source-section", "Image", this.sources.view),
        part("answer-section", "Answer", element("div", { class: "seen-and-answer" }, seen, answer), this.over.answers),
      ),
      element(
        "div",
        { class: "middle" },
        element(
          "section",
          { class: "layers-section", "aria-label": "Every layer, from the image to the answer" },
          element("div", { class: "layers-head" }, element("h2", {}, "Network"), find),
          graph,
          element("p", { class: "quiet" }, "Each map is what one channel made of the image, the strongest first. Blue is above zero, orange below. Click one to see how its number is computed."),
          layers,
        ),
      ),
      element("section", { class: "unit-column", "aria-label": "The chosen unit" }, element("h2", {}, "One unit"), unit),
      this.tip.view,
    );
    this.drop = dropping((file, name) => this.give(file, name));
  }

  close() {
    this.drop?.();
    this.over.stop();
    this.sliding?.stop();
    clearTimeout(this.addressing);
    clearTimeout(this.checking);
    document.body.classList.remove("unit-open");
    fill(document.getElementById("way"));
  }

  repaint() {
    if (!this.glass) return undefined;
    this.layers.show(this.glass.values);
    return this.showUnit();
  }

  /** Show what the address says: another run, epoch, image or unit. */
  update() {
    this.updating = this.#update();
    return this.updating;
  }

  async #update() {
    const { studio } = this;
    const run = studio.get("run");
    if (!run) {
      fill(this.places.layers, element("p", {}, "There is no run yet. Train a network first."));
      return;
    }
    const turn = ++this.turn;
    const facts = await studio.factsOf(run);
    if (turn !== this.turn) return;
    if (this.sources.run !== run) this.#begin(run, facts);
    this.facts = facts;
    // A drawing is shown before its name stands in the address.
    const drawn = this.drawnLast?.from === studio.get("image") ? this.drawnLast.image : null;
    const image = drawn ?? studio.get("image") ?? facts.example;
    const epoch = studio.get("epoch");
    this.sources.update(image);
    if (this.empty && image === this.empty.image) {
      await this.showUnit();
      return;
    }
    if (this.shown.run !== run || this.shown.epoch !== epoch || this.shown.image !== image || !this.glass) {
      await this.#look({ run, epoch, image }, turn);
      if (turn !== this.turn) return;
    }
    await this.showUnit();
  }

  /** Another run: its images, its pad, its layers. */
  #begin(run, facts) {
    this.glass = null;
    this.layers = null;
    this.trail = [];
    this.shown = {};
    this.empty = null;
    this.drawnLast = null;
    this.passes.clear();
    this.root.classList.toggle("digits", facts.pad.kind === "digit");
    this.sources.begin(run, facts);
    for (const place of Object.values(this.places)) fill(place);
  }

  /** An image file was opened, dropped, pasted or photographed. */
  give(file, name) {
    return this.studio.trying(async () => {
      if (!mayWrite()) throw new Error("open the studio by the address that it printed to give it images");
      const { image } = await sendFile("/api/given/file", file, { name });
      this.studio.go({ image });
    });
  }

  /** A stroke was drawn, taken back or cleared; while one drawing is on its way only the newest of further ones waits. */
  drawn() {
    const begun = performance.now();
    clearTimeout(this.addressing); // an address that comes late would bring back the drawing before
    this.waiting = { image: this.sources.pad.image(this.facts.preprocessing.channels), begun };
    if (!this.drawing) this.drawing = this.#follow().finally(() => (this.drawing = null));
  }

  async #follow() {
    while (this.waiting) {
      const { image, begun } = this.waiting;
      this.waiting = null;
      if (!image) {
        this.#nothing();
        continue;
      }
      await this.studio.trying(async () => {
        const { bytes, height, width } = image;
        const { channels } = this.facts.preprocessing;
        const sent = await send("/api/given/pixels", { height, width, channels, bytes: base64(bytes), name: "your drawing" });
        const key = { run: this.sources.run, epoch: this.studio.get("epoch"), image: sent.image };
        if (key.run !== this.studio.get("run")) return;
        await this.#look(key, ++this.turn);
        performance.measure("stroke to maps", { start: begun });
        if (this.studio.get("unit")) await this.showUnit();
        this.drawnLast = { from: this.studio.get("image"), image: sent.image };
        if (this.waiting) return;
        // A browser does not let an address change with every movement of a pen.
        this.addressing = setTimeout(() => this.studio.go({ image: sent.image }, { replace: true }), ADDRESS_AFTER);
      });
    }
  }

  /** An empty pad has no prediction, and no values. */
  #nothing() {
    this.turn += 1;
    clearTimeout(this.addressing);
    this.over.stop();
    this.sliding?.stop();
    this.drawnLast = null;
    this.empty = { image: this.studio.get("image") ?? this.facts.example };
    this.glass = null;
    this.field = null;
    this.shown = {};
    this.layers?.light([]);
    this.layers?.trace([]);
    this.layers?.show(new Map());
    fill(this.over.answers);
    fill(this.places.seen);
    fill(this.places.answer, element("p", { class: "sentence" }, "Nothing is drawn, so there is no prediction."));
    fill(this.places.unit, element("p", { class: "quiet" }, "Without an image there are no values."));
    document.body.classList.remove("unit-open");
    fill(document.getElementById("way"));
  }

  /** Ask for a pass, or take one that was asked for. */
  #pass({ run, epoch, image }) {
    const key = [run, epoch ?? this.facts.default_epoch, image].join(" ");
    if (!this.passes.has(key)) {
      const select = (node, index, how) => this.select(node, index, how);
      const pass = ServerGlass.open({ run, epoch, image }, this.facts, select, this.glass);
      pass.catch(() => this.passes.delete(key));
      this.passes.set(key, pass);
      while (this.passes.size > PASSES_KEPT) this.passes.delete(this.passes.keys().next().value);
    }
    return this.passes.get(key);
  }

  async #look(key, turn) {
    const glass = await this.#pass(key);
    if (turn !== this.turn) return;
    this.studio.complain(null);
    const before = this.glass?.key;
    this.empty = null;
    this.shown = key;
    this.glass = glass;
    this.#answer();
    this.#seen();
    this.#showLayers();
    document.body.dataset.looks = String(Number(document.body.dataset.looks ?? 0) + 1);
    if (before && before.run === key.run && before.image === key.image && before.epoch !== glass.key.epoch) this.#expect(key, before.epoch);
  }

  /** After the epoch has moved, the next one that way is likely to be looked at. */
  #expect(key, before) {
    const { epochs } = this.facts;
    const at = epochs.indexOf(this.glass.key.epoch);
    const next = epochs[at + Math.sign(at - epochs.indexOf(before))];
    if (this.glass.isSmall && next !== undefined) this.#pass({ ...key, epoch: String(next) }).catch(() => {});
  }

  #answer() {
    const { said } = this.glass;
    const answer = said.answer
      ? answerView(said.answer, { classes: this.glass.classes, threshold: said.answer.threshold }, said.label, (at) => this.#choose(at))
      : element("p", { class: "sentence" }, said.sentence);
    fill(this.places.answer, answer);
  }

  /** Go to the evidence for a class: its place in the network's output. */
  #choose(at) {
    const { network } = this.glass;
    if (network.nodes[network.output].shape.length === 2) this.select(network.output, [0, at]);
  }

  #seen() {
    const { glass } = this;
    const { height, width, channels } = glass.preprocessing;
    const canvas = element("canvas", { role: "img", "aria-label": `What the network receives: ${glass.said.source}` });
    paintPixels(canvas, glass.pixels.data, height, width, channels);
    this.times = multiple(height, width, INPUT_ROOM);
    enlarge(canvas, height, width, this.times);
    this.field = element("span", { class: "field", hidden: true });
    const pixel = (event) => {
      const box = canvas.getBoundingClientRect();
      const inner = (at, start, cells) => Math.max(0, Math.min(cells - 1, Math.floor((at - start) / this.times)));
      return [0, 0, inner(event.clientY, box.top, height), inner(event.clientX, box.left, width)];
    };
    canvas.addEventListener("click", (event) => this.select(0, pixel(event)));
    canvas.addEventListener("pointermove", (event) => this.hover(0, pixel(event)));
    canvas.addEventListener("pointerleave", () => this.hover(0, null));
    const fitted = glass.said.fitted ? `; ${glass.said.fitted}` : "";
    const caption = `${glass.said.source}, as the network receives it: ${height} × ${width}${fitted}`;
    fill(this.places.seen, element("figure", {}, element("div", { class: "whole-map" }, canvas, this.field), element("figcaption", { class: "quiet" }, caption)));
  }

  #showLayers() {
    const { glass } = this;
    const same = this.layers && this.layers.network.nodes.map((node) => node.name).join() === glass.network.nodes.map((node) => node.name).join();
    if (!same) {
      const want = (number) =>
        this.studio.trying(async () => {
          const asked = this.glass;
          await asked?.fetch([number]);
          if (asked && asked === this.glass && asked.valueOf(number)) this.layers.arrived(number);
        });
      const calls = { select: (node, index) => this.select(node, index), hover: (node, index) => this.hover(node, index), want };
      this.layers = new Layers(glass.network, calls, glass.classes);
      this.graph = new Graph(glass.network, (node) => this.layers.reveal(node, isStill() ? "auto" : "smooth"));
      fill(this.places.layers, this.layers.view);
      fill(this.places.graph, this.graph.view);
    }
    const { run, image } = glass.key;
    this.layers.show(glass.values, same && this.ordered === `${run} ${image}`);
    this.ordered = `${run} ${image}`;
  }

  /** Light up what a unit can see on the image and in the layer before; of a pixel, who sees it. */
  hover(node, index) {
    const { glass } = this;
    if (!this.field || !glass) return;
    const { network } = glass;
    const at = index ? { node, index } : this.unit;
    const known = !index && this.checked?.name === this.studio.get("unit") ? this.checked.box : null;
    const seen = known ?? (at && fieldOf(network, at.node, at.index));
    this.field.hidden = !seen;
    if (seen) placeField(this.field, seen, this.times);
    if (!at) this.layers.light([]);
    else if (at.node === 0 && at.index.length === 4) this.layers.light(readersOf(network, at.index[2], at.index[3]));
    else this.layers.light(inputsOf(network, at.node, at.index));
    const value = index ? glass.valueOf(node)?.at(index) : undefined;
    if (value === undefined) this.tip.hide();
    else this.tip.show(network.unitName(node, index), value, node ? seen : "pixel", glass.preprocessing);
  }

  /** Choose a unit: afresh, a step further along a term, or its neighbour in the same map. */
  select(node, index, how = "") {
    if (!this.glass) return;
    const name = this.glass.network.unitName(node, index);
    const way = how === "back" ? [...this.trail, name] : how === "beside" ? [...this.trail.slice(0, -1), name] : [name];
    this.focusing = how;
    this.clicked = performance.now();
    this.studio.go({ unit: name, way: way.length > 1 ? way.slice(0, -1).join("~") : null }, { replace: how === "beside" });
  }

  escape() {
    if (!this.trail.length) return;
    const before = this.trail.slice(0, -1);
    const closing = before.length ? {} : { path: null };
    this.studio.go({ unit: before.at(-1) ?? null, way: before.length > 1 ? before.slice(0, -1).join("~") : null, ...closing });
  }

  async showUnit() {
    const panel = this.places.unit;
    const { glass } = this;
    if (!glass) return;
    const name = this.studio.get("unit");
    this.trail = name ? [...(this.studio.get("way")?.split("~") ?? []), name] : [];
    const at = name ? glass.network.parseUnit(name) : null;
    this.unit = at;
    document.body.classList.toggle("unit-open", Boolean(at));
    this.layers.mark(at ? at.node : null, at?.index);
    this.graph.mark(at ? at.node : null);
    this.hover(0, null);
    wayBar(this.studio, glass.said, null);
    if (!at) {
      this.sliding?.stop();
      this.layers.trace([]);
      this.over.show(glass, null);
      const text = name ? `This network has no unit ${name}.` : "Click any map, number or pixel to see how it was computed.";
      fill(panel, element("p", { class: "quiet" }, text));
      delete document.body.dataset.unit;
      return;
    }
    const needed = [at.node, ...glass.network.nodes[at.node].operands].filter((number) => !glass.valueOf(number));
    const [{ told, said }] = await Promise.all([glass.told(name), glass.fetch(needed)]);
    if (glass !== this.glass || this.studio.get("unit") !== name) return;
    this.#showTold(panel, name, at, told, said);
    await this.#showOnward(name);
  }

  #showTold(panel, name, at, told, said) {
    const { glass } = this;
    this.sliding?.stop();
    this.sliding = slidingView(glass, at, told);
    const same = document.body.dataset.unit === name;
    this.feeds = element("div", {});
    this.path = element("div", {});
    const top = panel.scrollTop;
    fill(panel, this.#crumbs(), unitView(glass, at.node, at.index, { ...told, onward: this.feeds }, "the network"), this.path, this.sliding?.view, this.over.values);
    wayBar(this.studio, glass.said, said);
    if (this.clicked) performance.measure("click to arithmetic", { start: this.clicked });
    this.clicked = null;
    if (this.focusing === "beside") panel.querySelector(".whole-map")?.focus();
    else if (this.focusing === "back") panel.querySelector("h2")?.focus({ preventScroll: true });
    this.focusing = "";
    if (same) panel.scrollTop = top;
    else panel.scrollTo({ top: 0, behavior: isStill() ? "auto" : "smooth" });
    document.body.dataset.unit = name;
    document.body.dataset.pass = [glass.key.run, glass.key.epoch, glass.key.image].join(" ");
    this.over.show(glass, name);
  }

  /** What the unit feeds, and the path that the address asks for. */
  async #showOnward(name) {
    const { glass } = this;
    const through = this.studio.get("path");
    const select = (node, index, how) => this.select(node, index, how);
    const show = (unit) => this.studio.go({ path: unit }, { replace: true });
    const asked = through && glass.network.parseUnit(through) ? pathOf(glass, through) : null;
    if (!asked) fill(this.path, pathView(glass, null, name, { select, show }));
    const [feeds, path] = await Promise.all([feedsOf(glass, name), asked]);
    if (glass !== this.glass || this.studio.get("unit") !== name || this.studio.get("path") !== through) return;
    fill(this.feeds, feedsView(glass, feeds, select));
    if (path) fill(this.path, pathView(glass, path, name, { select, show }));
    this.layers.trace(path?.units ?? []);
    document.body.dataset.onward = name;
    clearTimeout(this.checking);
    if (this.unit?.node) this.checking = setTimeout(() => this.studio.trying(() => this.#checkField(name)), FIELD_AFTER);
  }

  /** What the unit depends on, as its gradient confirms: a pass of its own, and so not part of a click. */
  async #checkField(name) {
    const { glass } = this;
    const field = await checkedFieldOf(glass, name);
    if (glass !== this.glass || this.studio.get("unit") !== name) return;
    this.feeds.prepend(fieldLine(field));
    this.checked = { name, box: field.box };
    this.hover(0, null);
  }

  #crumbs() {
    const steps = this.trail.map((name, at) => {
      if (at === this.trail.length - 1) return element("li", { "aria-current": "true" }, unitCode(name));
      const before = this.trail.slice(0, at);
      const go = () => this.studio.go({ unit: name, way: before.length ? before.join("~") : null });
      return element("li", {}, element("button", { type: "button", class: "term", onclick: go }, unitCode(name)));
    });
    const alone = steps.length === 1;
    const text = alone ? "✕ close" : "← back";
    const close = element("button", { type: "button", class: "close", "aria-label": "Back (Escape)", title: "Back (Escape)", onclick: () => this.escape() }, text);
    return element("nav", { class: alone ? "crumbs alone" : "crumbs", "aria-label": "The way here" }, alone ? null : element("ol", {}, ...steps), close);
  }
}

function base64(bytes) {
  let text = "";
  for (let at = 0; at < bytes.length; at += 8192) text += String.fromCharCode(...bytes.subarray(at, at + 8192));
  return btoa(text);
}
