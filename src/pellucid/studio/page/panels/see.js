/** One image through the network: what goes in, every layer, and behind every number its arithmetic. */

import { answerView } from "/modules/answer.js";
import { dropping, pickers } from "/modules/camera.js";
import { element, fill, isStill, unitCode } from "/modules/dom.js";
import { enlarge, multiple, paintPixels } from "/modules/draw.js";
import { Layers } from "/modules/layers.js";
import { Pad } from "/modules/pad.js";
import { unitView } from "/modules/unit.js";
import { ServerGlass } from "../glass.js";
import { addressOf, ask, mayWrite, send, sendFile } from "../server.js";
import { wayBar } from "../way.js";

const INPUT_ROOM = 224;
const THUMBNAILS = 12;

/** @type {import("../main.js").Panel} */
export const seeing = { name: "see", title: "See", open: (studio) => new SeeView(studio) };

class SeeView {
  constructor(studio) {
    this.studio = studio;
    this.glass = null;
    this.shown = {};
    this.trail = [];
    this.turn = 0;
    this.first = 0;
    const part = (name, title, ...children) => element("section", { class: name, "aria-label": title }, element("h2", {}, title), ...children);
    this.places = Object.fromEntries(["pad", "files", "samples", "seen", "answer", "layers", "unit"].map((id) => [id, element("div", { id })]));
    const { pad, files, samples, seen, answer, layers, unit } = this.places;
    answer.setAttribute("aria-live", "polite");
    this.root = element(
      "div",
      { class: "see" },
      element(
        "div",
        { class: "input-column" },
        part("samples", "Images", samples),
        part("draw", "Draw", pad),
        part("files", "Open or photograph", files),
      ),
      element(
        "div",
        { class: "middle" },
        part("answer-section", "Answer", element("div", { class: "seen-and-answer" }, seen, answer)),
        part(
          "layers-section",
          "Every layer, from the image to the answer",
          element("p", { class: "quiet" }, "Each map is what one channel made of the image, the strongest first. Blue is above zero, orange below."),
          layers,
        ),
      ),
      element("section", { class: "unit-column", "aria-label": "The chosen unit" }, element("h2", {}, "One unit"), unit),
    );
    this.drop = dropping((file, name) => this.give(file, name));
  }

  close() {
    this.drop?.();
    document.body.classList.remove("unit-open");
    fill(document.getElementById("way"));
  }

  repaint() {
    if (this.glass) this.layers.show(this.glass.values);
    return this.showUnit();
  }

  /** Show what the address says: another run, epoch, image or unit. */
  async update() {
    const { studio } = this;
    const run = studio.get("run");
    if (!run) {
      fill(this.places.layers, element("p", {}, "There is no run yet. Train a network first."));
      return;
    }
    const turn = ++this.turn;
    const facts = await studio.factsOf(run);
    if (turn !== this.turn) return;
    if (this.shown.run !== run) this.#begin(run, facts);
    const image = studio.get("image") ?? facts.example;
    const epoch = studio.get("epoch");
    if (this.shown.run !== run || this.shown.epoch !== epoch || this.shown.image !== image || !this.glass) {
      await this.#look({ run, epoch, image }, facts, turn);
      if (turn !== this.turn) return;
    }
    await this.showUnit();
  }

  /** Another run: its images, its pad, its layers. */
  #begin(run, facts) {
    this.glass = null;
    this.layers = null;
    this.trail = [];
    this.first = 0;
    this.root.classList.toggle("digits", facts.pad.kind === "digit");
    this.pad = new Pad(facts.pad, () => this.drawn());
    const note = facts.pad.kind === "digit"
      ? `Draw large or small: as its training images were, the drawing is scaled into ${facts.pad.box} × ${facts.pad.box} pixels and centred by its mass.`
      : "Draw something; the network sees it at its own size.";
    fill(this.places.pad, this.pad.view, element("p", { class: "quiet" }, note));
    const take = (file, name) => this.give(file, name);
    fill(this.places.files, pickers(take, (message) => this.studio.complain(message)), element("p", { class: "quiet" }, "or drop or paste one anywhere on this page."));
    fill(this.places.samples);
    this.studio.trying(() => this.#samples(run, facts));
  }

  async #samples(run, facts) {
    if (facts.missing) {
      fill(this.places.samples, element("p", { class: "quiet" }, facts.missing));
      return;
    }
    const { images, count, split } = await ask("/api/images", { run, first: this.first, count: THUMBNAILS });
    if (this.studio.get("run") !== run) return;
    const buttons = images.map(({ reference, source, label }) =>
      element(
        "button",
        { type: "button", class: "sample", "data-image": reference, title: `${source}: ${facts.classes[label]}`, "aria-label": `Image ${reference}, true label ${facts.classes[label]}`, "aria-pressed": String(reference === this.shown.image), onclick: () => this.studio.go({ image: reference }) },
        element("img", { src: addressOf("/api/picture", { run, image: reference }), alt: "", loading: "lazy" }),
      ),
    );
    const turn = (by) => {
      this.first = Math.max(0, Math.min(count - 1, this.first + by));
      this.studio.trying(() => this.#samples(run, facts));
    };
    const pages = element(
      "div",
      { class: "buttons pages" },
      element("button", { type: "button", disabled: this.first === 0, "aria-label": "Earlier images", onclick: () => turn(-THUMBNAILS) }, "◀"),
      element("span", { class: "quiet" }, `${split} ${this.first}–${this.first + images.length - 1} of ${count.toLocaleString("en")}`),
      element("button", { type: "button", disabled: this.first + THUMBNAILS >= count, "aria-label": "Later images", onclick: () => turn(THUMBNAILS) }, "▶"),
    );
    fill(this.places.samples, element("div", { class: "thumbnails" }, ...buttons), pages);
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
    const { preprocessing } = this.glass?.facts ?? {};
    if (!preprocessing) return;
    this.waiting = this.pad.image(preprocessing.channels) ?? "empty";
    if (!this.drawing) this.drawing = this.#follow().finally(() => (this.drawing = null));
  }

  async #follow() {
    while (this.waiting) {
      const image = this.waiting;
      this.waiting = null;
      if (image === "empty") {
        fill(this.places.answer, element("p", { class: "sentence" }, "Nothing is drawn, so there is no prediction."));
        continue;
      }
      const { bytes, height, width } = image;
      await this.studio.trying(async () => {
        const { channels } = this.glass.facts.preprocessing;
        const sent = await send("/api/given/pixels", { height, width, channels, bytes: base64(bytes), name: "your drawing" });
        this.studio.address.go({ image: sent.image }, { replace: true });
        await this.settled;
      });
    }
  }

  async #look(key, facts, turn) {
    const { studio } = this;
    const looking = (async () => {
      const said = await ask("/api/look", key);
      const glass = new ServerGlass(said, facts, (node, index, how) => this.select(node, index, how));
      await glass.fetch();
      return glass;
    })();
    this.settled = looking.catch(() => null);
    const glass = await looking;
    if (turn !== this.turn) return;
    studio.complain(null);
    this.shown = key;
    this.glass = glass;
    this.#answer();
    this.#seen();
    this.#showLayers();
    for (const button of this.places.samples.querySelectorAll(".sample")) {
      button.setAttribute("aria-pressed", String(button.dataset.image === key.image));
    }
    document.body.dataset.looks = String(Number(document.body.dataset.looks ?? 0) + 1);
  }

  #answer() {
    const { said } = this.glass;
    const answer = said.answer
      ? answerView(said.answer, { classes: this.glass.classes, threshold: said.answer.threshold }, said.label)
      : element("p", { class: "sentence" }, said.sentence);
    fill(this.places.answer, answer);
  }

  #seen() {
    const { glass } = this;
    const { height, width, channels } = glass.preprocessing;
    const canvas = element("canvas", { role: "img", "aria-label": `What the network receives: ${glass.said.source}` });
    paintPixels(canvas, glass.pixels.data, height, width, channels);
    this.times = multiple(height, width, INPUT_ROOM);
    enlarge(canvas, height, width, this.times);
    this.field = element("span", { class: "field", hidden: true });
    canvas.addEventListener("click", (event) => {
      const box = canvas.getBoundingClientRect();
      const inner = (at, start, cells) => Math.max(0, Math.min(cells - 1, Math.floor((at - start) / this.times)));
      this.select(0, [0, 0, inner(event.clientY, box.top, height), inner(event.clientX, box.left, width)]);
    });
    const caption = `${glass.said.source}, as the network receives it: ${height} × ${width}`;
    fill(this.places.seen, element("figure", {}, element("div", { class: "whole-map" }, canvas, this.field), element("figcaption", { class: "quiet" }, caption)));
  }

  #showLayers() {
    const { glass } = this;
    const same = this.layers && this.layers.network.nodes.map((node) => node.name).join() === glass.network.nodes.map((node) => node.name).join();
    if (!same) {
      const want = (number) =>
        this.studio.trying(async () => {
          const asked = this.glass;
          await asked.fetch([number]);
          if (asked === this.glass) this.layers.show(asked.values);
        });
      const calls = { select: (node, index) => this.select(node, index), hover: (node, index) => this.hover(node, index), want };
      this.layers = new Layers(glass.network, calls, glass.classes);
      fill(this.places.layers, this.layers.view);
    }
    this.layers.show(glass.values);
  }

  /** Light up what a unit can see on the image. */
  hover(node, index) {
    if (!this.field || !this.glass) return;
    const here = this.unit;
    const seen = index ? this.glass.network.fieldOf(node, index) : here && this.glass.network.fieldOf(here.node, here.index);
    this.field.hidden = !seen;
    if (!seen) return;
    const { times } = this;
    Object.assign(this.field.style, {
      left: `${seen.left * times}px`,
      top: `${seen.top * times}px`,
      width: `${(seen.right - seen.left + 1) * times}px`,
      height: `${(seen.bottom - seen.top + 1) * times}px`,
    });
  }

  /** Choose a unit: afresh, a step further along a term, or its neighbour in the same map. */
  select(node, index, how = "") {
    const name = this.glass.network.unitName(node, index);
    const way = how === "back" ? [...this.trail, name] : how === "beside" ? [...this.trail.slice(0, -1), name] : [name];
    this.focusing = how;
    this.studio.go({ unit: name, way: way.length > 1 ? way.slice(0, -1).join("~") : null }, { replace: how === "beside" });
  }

  escape() {
    if (!this.trail.length) return;
    const before = this.trail.slice(0, -1);
    this.studio.go({ unit: before.at(-1) ?? null, way: before.length > 1 ? before.slice(0, -1).join("~") : null });
  }

  async showUnit() {
    const panel = this.places.unit;
    const name = this.studio.get("unit");
    this.trail = name ? [...(this.studio.get("way")?.split("~") ?? []), name] : [];
    const at = name && this.glass ? this.glass.network.parseUnit(name) : null;
    this.unit = at;
    document.body.classList.toggle("unit-open", Boolean(at));
    if (!this.glass) return;
    this.layers?.mark(at ? at.node : null, at?.index);
    this.hover(0, null);
    wayBar(this.studio, this.glass.said, null);
    if (!at) {
      const text = name ? `This network has no unit ${name}.` : "Click any map, number or pixel to see how it was computed.";
      fill(panel, element("p", { class: "quiet" }, text));
      return;
    }
    this.fetching?.abort();
    this.fetching = new AbortController();
    const { glass } = this;
    const needed = [at.node, ...glass.network.nodes[at.node].operands].filter((number) => !glass.valueOf(number));
    const [{ told, said }] = await Promise.all([glass.told(name, this.fetching.signal), glass.fetch(needed)]);
    if (glass !== this.glass || this.studio.get("unit") !== name) return;
    fill(panel, this.#crumbs(), unitView(glass, at.node, at.index, told, "the network"));
    wayBar(this.studio, glass.said, said);
    if (this.focusing === "beside") panel.querySelector(".whole-map")?.focus();
    else if (this.focusing === "back") panel.querySelector("h2")?.focus({ preventScroll: true });
    this.focusing = "";
    panel.scrollTo({ top: 0, behavior: isStill() ? "auto" : "smooth" });
    document.body.dataset.unit = name;
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
