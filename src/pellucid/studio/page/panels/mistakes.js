/** From an error to its cause: confusion cell, image, maps of the evidence, the unit, its arithmetic, what activates it. */

import { answerView } from "/modules/answer.js";
import { element, fill, isStill, unitCode } from "/modules/dom.js";
import { paintMap, enlarge, multiple } from "/modules/draw.js";
import { fieldOf } from "/modules/fields.js";
import { long, percent, short } from "/modules/numbers.js";
import { EvidenceMap, Pixels, channelMap, overlaySwitch } from "../causes/evidence.js";
import { Matrix } from "../causes/matrix.js";
import { ServerGlass } from "../glass.js";
import { asked, forgetAnswers, jobView, slowly, whyNot } from "../jobs.js";
import { addressOf, mayWrite, packed, send } from "../server.js";
import { wayBar } from "../way.js";

const QUICK = "quick";
const SEARCHED = 2000;
const SMALL = 84;
/** In the order of the path; what stands later in it goes when an earlier step is taken again. */
const STEPS = [
  ["true", "predicted"],
  ["image", "of", "maps"],
  ["unit"],
  ["then", "all"],
];

/** @type {import("../main.js").Panel} */
export const mistaken = { name: "mistakes", title: "Mistakes", open: (studio) => new MistakesView(studio) };

class MistakesView {
  constructor(studio) {
    this.studio = studio;
    this.shown = {};
    this.maps = [];
    this.turn = 0;
    /** @type {ServerGlass | null} the image that is shown, through the network */
    this.glass = null;
    /** @type {{predicted: string, other: string, wrong: boolean} | null} its two classes that are compared */
    this.pair = null;
    /** @type {import("/modules/tensor.js").Tensor | null} */
    this.pixels = null;
    const part = (name, title) => {
      const place = element("div", {});
      const root = element("section", { class: `step ${name}`, hidden: true, "aria-labelledby": `step-${name}` }, element("h2", { id: `step-${name}`, tabindex: -1 }, title), place);
      return { root, place };
    };
    this.parts = {
      matrix: part("matrix-step", "Which classes are confused"),
      cell: part("cell-step", "Which images"),
      image: part("image-step", "What the network saw in this image"),
      unit: part("unit-step", "The unit that contributed most"),
      activates: part("activates-step", "What else activates it"),
      epochs: part("epochs-step", "Over the epochs"),
    };
    this.crumbs = element("nav", { class: "path", "aria-label": "The way here" });
    const { matrix, cell, image, unit, activates, epochs } = this.parts;
    this.root = element(
      "div",
      { class: "mistakes" },
      this.crumbs,
      element("div", { class: "left" }, matrix.root, cell.root),
      element("div", { class: "right" }, image.root, unit.root, activates.root, epochs.root),
    );
  }

  close() {
    fill(document.getElementById("way"));
  }

  /** Other colours, or another number of digits. */
  repaint() {
    this.matrix?.paint();
    for (const map of this.maps) map.paint();
    this.channel?.paint();
    this.repaintHistory?.();
    if (this.root.querySelector('.job[data-state="running"]')) return undefined; // it would be lost from sight
    this.shown = {};
    return this.update();
  }

  get(name) {
    return this.studio.get(name);
  }

  /** Take a step; what stood behind it is left. */
  step(changes, level, part) {
    const gone = Object.fromEntries(STEPS.slice(level + 1).flat().map((name) => [name, null]));
    this.heading = part;
    this.studio.go({ ...gone, ...changes });
  }

  /** Back by one step. */
  escape() {
    const deepest = STEPS.findLastIndex((names) => this.get(names[0]));
    if (deepest >= 0) this.studio.go(Object.fromEntries(STEPS[deepest].map((name) => [name, null])));
  }

  async update() {
    const run = this.get("run");
    const turn = ++this.turn;
    if (!run) {
      this.parts.matrix.root.hidden = false;
      fill(this.parts.matrix.place, element("p", {}, "There is no run yet. Train a network first."));
      return;
    }
    const facts = await this.studio.factsOf(run);
    if (turn !== this.turn) return;
    this.facts = facts;
    this.said = await asked("/api/mistakes", { run });
    if (turn !== this.turn) return;
    this.epoch = this.get("epoch") ?? this.said.epoch ?? facts.default_epoch;
    this.ways = [this.said];
    this.#crumbs();
    const image = this.get("image");
    const unit = image && this.get("unit");
    const then = unit && this.get("then");
    const key = { run, epoch: this.epoch, image };
    const cell = this.said.evaluated && this.get("true") !== null && this.get("predicted") !== null;
    this.root.dataset.chosen = String(Boolean(cell || image));
    await this.#part("matrix", [run, this.said, this.epoch], (place) => this.#matrix(place));
    if (turn !== this.turn) return;
    this.matrix?.mark(this.get("true"), this.get("predicted"));
    await this.#part("cell", cell && [run, this.get("true"), this.get("predicted")], (place) => this.#cell(place));
    if (turn !== this.turn) return;
    for (const button of this.parts.cell.place.querySelectorAll("[data-image]")) {
      button.setAttribute("aria-pressed", String(button.dataset.image === image));
    }
    await this.#part("image", image && Object.values(key), (place) => this.#image(place, key));
    if (turn !== this.turn) return;
    if (image && this.glass) this.#addMaps();
    await this.#part("unit", unit && [...Object.values(key), unit], (place) => this.#unit(place, key, unit));
    if (turn !== this.turn) return;
    await this.#part("activates", then && [...Object.values(key), unit, this.get("all")], (place) => this.#activates(place, key, unit));
    if (turn !== this.turn) return;
    await this.#part("epochs", then === "epochs" && [...Object.values(key), unit], (place) => this.#epochs(place, key, unit));
    if (turn !== this.turn) return;
    wayBar(this.studio, this.ways.at(-1), null);
    document.body.dataset.step = then ?? (unit ? "unit" : image ? "image" : cell ? "cell" : "matrix");
  }

  /** Show a part of the path, made again only where what it depends on has changed; a null key hides it. */
  async #part(name, key, make) {
    const { root, place } = this.parts[name];
    root.hidden = !key;
    if (!key) {
      this.shown[name] = undefined;
      fill(place);
      return;
    }
    const text = JSON.stringify(key);
    let came = false;
    if (this.shown[name]?.text !== text) {
      const box = element("div", { class: "content" }); // what comes too late fills one that is no longer there
      fill(place, box);
      this.shown[name] = { text, box, way: make(box) };
      came = this.heading === name;
      if (came) this.#bringIntoView(root);
    }
    const shown = this.shown[name];
    try {
      const way = await shown.way;
      if (way) this.ways.push(way);
      if (came && this.shown[name] === shown) this.#bringIntoView(root); // there was no room below it before it was filled
    } catch (error) {
      if (this.shown[name] === shown) this.shown[name] = undefined;
      if (error.said && !error.said.untrusted) fill(shown.box, element("p", { class: "refused" }, error.message));
      throw error;
    }
  }

  #bringIntoView(root) {
    this.heading = null;
    root.querySelector("h2").focus({ preventScroll: true });
    root.scrollIntoView({ behavior: isStill() ? "auto" : "smooth", block: "start" });
  }

  #crumbs() {
    const at = (text, level) => ({ text, go: () => this.studio.go(Object.fromEntries(STEPS.slice(level + 1).flat().map((name) => [name, null]))) });
    const steps = [at("all mistakes", -1)];
    if (this.get("true") !== null) steps.push(at(`${this.get("true")} predicted as ${this.get("predicted")}`, 0));
    if (this.get("image")) steps.push(at(this.get("image"), 1));
    if (this.get("image") && this.get("unit")) steps.push(at(this.get("unit"), 2));
    if (this.get("image") && this.get("unit") && this.get("then")) steps.push(at(this.get("then") === "epochs" ? "over the epochs" : "what activates it", 3));
    const items = steps.map(({ text, go }, place) =>
      place === steps.length - 1
        ? element("li", { "aria-current": "true" }, text)
        : element("li", {}, element("button", { type: "button", class: "term", onclick: go }, text)),
    );
    const back = element("button", { type: "button", class: "close", title: "Back (Escape)", onclick: () => this.escape() }, "← back");
    fill(this.crumbs, steps.length > 1 ? element("ol", {}, ...items) : null, steps.length > 1 ? back : null);
  }

  async #matrix(place) {
    const { said } = this;
    if (!said.evaluated) {
      this.matrix = null;
      const sentence = said.problem ? "Its mistakes are not known, because what was measured cannot be read." : "This run was not evaluated yet, so its mistakes are not known.";
      fill(place, element("p", { class: "sentence" }, sentence), said.problem ? element("p", { class: "refused" }, said.problem) : null, this.#evaluate(said.problem ? "Evaluate again, and replace it" : "Evaluate it", Boolean(said.problem)), whyNot());
      return null;
    }
    this.matrix = new Matrix(said, (truth, predicted) => this.step({ true: truth, predicted }, 0, "cell"));
    const differs = Number(this.epoch) !== said.epoch;
    const other = differs
      ? element("div", {}, element("p", { class: "quiet" }, `These are the figures of epoch ${said.epoch}; the images are looked at with the weights of epoch ${this.epoch}, as chosen above.`), this.#evaluate(`Replace them by those of epoch ${this.epoch}`, true))
      : null;
    const notes = said.notes.length ? element("details", {}, element("summary", {}, "Notes"), ...said.notes.map((note) => element("p", {}, note))) : null;
    fill(place, element("p", { class: "sentence" }, said.sentence), other, this.matrix.root, notes);
    return null;
  }

  /** A button that evaluates; its title says where that replaces something. */
  #evaluate(title, replace = false) {
    const box = element("div", {});
    const run = this.get("run");
    const begin = () =>
      this.studio.trying(async () => {
        const job = await send("/api/do", { run, tool: "evaluate", epoch: this.get("epoch"), replace });
        fill(box, jobView(this.studio, job, (ended) => ended.state === "done" && this.studio.trying(() => this.#evaluated())));
      });
    fill(box, element("button", { type: "button", class: "evaluate", disabled: !mayWrite(), onclick: begin }, title), element("code", { class: "quiet" }, ` ${this.said.command}`));
    return box;
  }

  async #evaluated() {
    forgetAnswers();
    this.shown = {};
    await this.studio.factsOf(this.get("run"), true);
    await this.studio.listRuns(true);
    await this.studio.follow();
  }

  async #cell(place) {
    const run = this.get("run");
    const [truth, predicted] = [this.get("true"), this.get("predicted")];
    const said = await asked("/api/mistakes/images", { run, true: truth, predicted });
    const buttons = said.images.map(({ reference, source, confidence }) =>
      element(
        "button",
        { type: "button", class: "sample", "data-image": reference, title: `${source}, confidence ${long(confidence)}`, "aria-label": `Image ${source}, ${percent(confidence)} confident`, "aria-pressed": "false", onclick: () => this.step({ image: reference }, 1, "image") },
        element("img", { src: addressOf("/api/picture", { run, image: reference }), alt: "" }),
        element("span", { class: "share" }, percent(confidence)),
      ),
    );
    fill(place, element("p", { class: "sentence" }, said.sentence), ...said.notes.map((note) => element("p", { class: "quiet" }, note)), element("div", { class: "thumbnails" }, ...buttons));
    return said;
  }

  async #image(place, key) {
    fill(place, element("p", { class: "quiet", role: "status" }, "Looking …"));
    this.glass = null;
    this.maps = [];
    const [look, pair, { arrays }] = await Promise.all([asked("/api/look", key), asked("/api/mistakes/image", key), packed("/api/values", { ...key, nodes: "0" })]);
    if (key.image !== this.get("image")) return null;
    const glass = new ServerGlass(look, this.facts, () => {});
    Object.assign(this, { glass, pair, pixels: arrays.pixels });
    glass.values.set(glass.network.nodes[0].name, arrays[0]);
    const { classes } = glass;
    const answer = answerView(look.answer, { classes, threshold: look.answer.threshold }, look.label);
    const [, counts] = pair.sentences;
    const seen = new Pixels(arrays.pixels, look.source, 224);
    this.mapsPlace = element("div", { class: "maps-of-evidence" });
    this.mapsBar = element("div", { class: "maps-bar" });
    const find = element("button", { type: "button", class: "go-on", onclick: () => this.studio.trying(() => this.#findUnit(key)) }, "Which unit contributed most? ▸");
    const see = element("button", { type: "button", onclick: () => this.studio.go({ image: key.image, epoch: key.epoch, unit: null }, { view: "see" }) }, "See every layer");
    fill(
      place,
      element("div", { class: "seen-and-answer" }, element("figure", { class: "seen" }, seen.root, element("figcaption", { class: "quiet" }, look.source)), element("div", { class: "answer-place" }, answer)),
      counts ? element("p", {}, counts) : null,
      ...pair.notes.map((note) => element("p", { class: "quiet" }, note)),
      element("h3", {}, "Where the evidence is"),
      element("p", {}, "Each map shades the pixels that are evidence for a class, and says how faithful it is to the network: whether it matters where the map is."),
      this.mapsBar,
      this.mapsPlace,
      element("div", { class: "buttons" }, find, see),
    );
    return pair;
  }

  async #findUnit(key) {
    const found = await asked("/api/mistakes/unit", key);
    if (this.get("image") === key.image) this.step({ unit: found.unit }, 2, "unit");
  }

  /** Show the maps that the address names; those that are there stay. */
  #addMaps() {
    const of = this.get("of") ?? this.pair.predicted;
    const wanted = [QUICK, ...(this.get("maps")?.split(",").filter((name) => this.said.methods.includes(name)) ?? [])];
    const classes = [this.pair.predicted, this.pair.other];
    const choose = classes.map((name, at) =>
      element("button", { type: "button", "aria-pressed": String(name === of), onclick: () => this.studio.go({ of: at ? name : null }) }, name, element("span", { class: "quiet" }, at ? (this.pair.wrong ? " (true label)" : " (next)") : " (predicted)")),
    );
    const rest = this.said.methods.filter((name) => !wanted.includes(name));
    const add = rest.map((name) => element("button", { type: "button", class: "add-map", "data-method": name, onclick: () => this.studio.go({ maps: [...wanted.slice(1), name].join(",") }) }, `+ ${name}`));
    const overlay = this.mapsPlace.dataset.overlay;
    if (!this.overlay || overlay === undefined) this.overlay = overlaySwitch(this.mapsPlace);
    fill(
      this.mapsBar,
      element("div", { class: "buttons", role: "group", "aria-label": "Evidence for" }, element("span", { class: "quiet" }, "evidence for"), ...choose),
      this.overlay,
      add.length ? element("div", { class: "buttons" }, element("span", { class: "quiet" }, "other methods"), ...add) : null,
    );
    const places = () => /** @type {HTMLElement[]} */ ([...this.mapsPlace.children]);
    for (const place of places()) {
      if (place.dataset.of !== of || !wanted.includes(place.dataset.wanted)) place.remove();
    }
    for (const method of wanted) {
      if (places().some((place) => place.dataset.wanted === method)) continue;
      const place = element("div", { class: "map-place", "data-wanted": method, "data-of": of });
      this.mapsPlace.append(place);
      const parameters = { ...this.glass.key, target: of, method };
      const { pixels } = this;
      const show = (answer) => {
        const map = new EvidenceMap(answer, pixels);
        this.maps.push(map);
        return map.root;
      };
      this.studio.trying(() => slowly(this.studio, place, { path: "/api/mistakes/map", parameters, start: "/api/mistakes/start", question: "map" }, show));
    }
  }

  async #unit(place, key, unit) {
    const said = await asked("/api/mistakes/unit", key);
    const { glass } = this;
    if (!glass) return null;
    const at = glass.network.parseUnit(unit);
    if (!at) throw new Error(`this network has no unit ${unit}`);
    await glass.fetch([at.node]);
    const isFound = said.unit === unit;
    const see = (name) => this.studio.go({ image: key.image, epoch: key.epoch, unit: name }, { view: "see" });
    const sentences = isFound
      ? said.sentences.map((sentence) => element("p", {}, sentence))
      : [element("p", {}, `${unit} was chosen; the unit that contributed most is `, element("button", { type: "button", class: "term", onclick: () => this.step({ unit: said.unit }, 2, "unit") }, said.unit), ".")];
    const field = fieldOf(glass.network, at.node, at.index);
    const window = new Pixels(this.pixels, `What ${unit} can see`);
    if (field) window.frame({ top: field.top, left: field.left, bottom: field.bottom + 1, right: field.right + 1 });
    this.channel = channelMap(glass, unit);
    const [made, ...closing] = said.arithmetic;
    const links = said.path.flatMap((name, number) => [number ? " ▸ " : "", element("button", { type: "button", class: "term", onclick: () => see(name) }, unitCode(name))]);
    fill(
      place,
      ...sentences,
      element("div", { class: "pictures" }, element("figure", {}, window.root, element("figcaption", { class: "quiet" }, "what it can see")), this.channel?.root),
      isFound ? element("p", {}, made) : null,
      isFound ? element("pre", { class: "sum" }, closing.filter((line) => !line.startsWith("…")).join("\n")) : null,
      element("div", { class: "buttons" }, element("button", { type: "button", class: "go-on see-arithmetic", onclick: () => see(unit) }, "See its arithmetic ▸"), element("button", { type: "button", class: "go-on activating", onclick: () => this.step({ then: "activates" }, 3, "activates") }, "What else activates it? ▸")),
      isFound ? element("details", {}, element("summary", {}, "From a pixel through it to the logit"), element("p", { class: "chain" }, ...links)) : null,
    );
    return { command: `${glass.said.command} --unit '${unit}'`, python: `${glass.said.python}.trace(${JSON.stringify(unit)})` };
  }

  /** The channel of a unit that has rows and columns: what activates it anywhere. */
  #channelOf(unit) {
    const parts = /^(.+)\[(\d+),\d+,\d+\]$/.exec(unit);
    return parts ? `${parts[1]}[${parts[2]}]` : unit;
  }

  async #activates(place, key, unit) {
    const channel = this.#channelOf(unit);
    const all = this.get("all");
    const parameters = { ...key, unit: channel, limit: all ? 0 : SEARCHED };
    const box = element("div", {});
    fill(place, box);
    let way = null;
    await slowly(this.studio, box, { path: "/api/mistakes/activations", parameters, start: "/api/mistakes/start", question: "activations" }, (said) => {
      way = said;
      return this.#activatingImages(said, key, all);
    });
    return way;
  }

  #activatingImages(said, key, all) {
    const layer = said.unit.slice(0, said.unit.lastIndexOf("["));
    const buttons = said.images.map(({ value, image, reference, true: truth, index, receptive_field: box, shape }) => {
      const [height, width] = shape;
      const picture = element("img", { src: addressOf("/api/picture", { run: key.run, image: reference }), alt: "" });
      const times = multiple(height, width, SMALL);
      Object.assign(picture.style, { width: `${width * times}px`, height: `${height * times}px` });
      const framed = element("span", { class: "framed" }, picture);
      if (box) {
        const frame = element("span", { class: "field" });
        Object.assign(frame.style, { top: `${box.top * times}px`, left: `${box.left * times}px`, width: `${(box.right - box.left) * times}px`, height: `${(box.bottom - box.top) * times}px` });
        framed.append(frame);
      }
      const name = `${layer}[${index.join(",")}]`;
      return element(
        "button",
        { type: "button", class: "sample activating-image", title: `${image}: ${name} = ${long(value)}`, "aria-label": `Image ${image}, ${truth}: ${name} is ${short(value)}`, onclick: () => this.studio.go({ image: reference, unit: name, epoch: key.epoch }, { view: "see" }) },
        framed,
        element("span", { class: "share" }, short(value)),
        element("span", { class: "name quiet" }, truth),
      );
    });
    const more = all ? null : element("button", { type: "button", onclick: () => this.studio.go({ all: 1 }) }, "Look in all training images");
    const epochs = this.facts.epochs.length > 1 ? element("button", { type: "button", class: "go-on over-epochs", onclick: () => this.step({ then: "epochs" }, 3, "epochs") }, "How it became so, over the epochs ▸") : null;
    return element("div", {}, element("p", { class: "sentence" }, said.sentence), element("p", { class: "quiet" }, "The frame is what the unit can see there. Click an image to see it through the network."), element("div", { class: "thumbnails large" }, ...buttons), element("div", { class: "buttons" }, more, epochs));
  }

  async #epochs(place, key, unit) {
    const box = element("div", {});
    fill(place, box);
    let way = null;
    const parameters = { ...key, unit: this.#channelOf(unit), target: this.pair?.predicted };
    await slowly(this.studio, box, { path: "/api/mistakes/history", parameters, start: "/api/mistakes/start", question: "history" }, (said) => {
      way = said;
      return this.#history(said, key);
    });
    return way;
  }

  #history(said, key) {
    const sizes = said.moments.flatMap(({ feature_map: map }) => (map ? map.flat().map(Math.abs) : []));
    const end = sizes.reduce((largest, size) => Math.max(largest, size), 0);
    const calibrated = this.glass?.said.answer?.calibrated;
    const paints = [];
    const rows = said.moments.map((moment) => {
      const { epoch, prediction, value, unit, feature_map: map } = moment;
      let picture = null;
      if (map) {
        const canvas = element("canvas", { "aria-hidden": "true" });
        const [height, width] = [map.length, map[0].length];
        paints.push(() => {
          paintMap(canvas, map.flat(), { start: 0, count: height * width, height, width }, end);
          enlarge(canvas, height, width, multiple(height, width, 64));
        });
        picture = canvas;
      }
      const share = prediction.probabilities[said.target];
      const go = element("button", { type: "button", class: "term", onclick: () => this.studio.go({ epoch, image: key.image, unit }, { view: "see" }) }, `epoch ${epoch}`);
      return element("tr", {}, element("td", {}, go), element("td", {}, picture), element("td", { class: "figure", title: long(value) }, short(value)), element("td", {}, prediction.class), element("td", { class: "figure", title: long(share) }, percent(share)));
    });
    this.repaintHistory = () => paints.forEach((paint) => paint());
    this.repaintHistory();
    const heads = ["weights of", "map", said.unit, "prediction", `probability of ${said.target}`].map((text) => element("th", { scope: "col" }, text));
    const table = element("table", { class: "history" }, element("thead", {}, element("tr", {}, ...heads)), element("tbody", {}, ...rows));
    return element("div", {}, element("p", { class: "sentence" }, said.sentence), element("p", { class: "quiet" }, `${said.title}${end ? ` All maps are deepest at ${short(end)}.` : ""}${calibrated ? " These probabilities are as trained; those further up are calibrated." : ""} Click an epoch to see the arithmetic then.`), element("div", { class: "scrolled" }, table));
  }
}
