/** Two runs beside each other: on one image, and on all images that both were tested on. */

import { answerView } from "/modules/answer.js";
import { element, fill } from "/modules/dom.js";
import { enlarge, paintMap, stripMultiple } from "/modules/draw.js";
import { byStrength, layoutOf } from "/modules/maps.js";
import { long, percent, short } from "/modules/numbers.js";
import { largestSize } from "/modules/tensor.js";
import { Pixels } from "../causes/evidence.js";
import { ServerGlass } from "../glass.js";
import { asked, forgetAnswers, jobView, whyNot } from "../jobs.js";
import { addressOf, mayWrite, send } from "../server.js";
import { wayBar } from "../way.js";

const MOST_MAPS = 16;
const FEW_CLASSES = 10;
const FEW_IMAGES = 16;

/** @type {import("../main.js").Panel} */
export const comparing = { name: "compare", title: "Compare", open: (studio) => new CompareView(studio) };

class CompareView {
  constructor(studio) {
    this.studio = studio;
    this.turn = 0;
    this.shown = {};
    this.paints = [];
    this.chooser = element("select", { id: "other-run", onchange: () => studio.go({ other: this.chooser.value || null }) });
    this.beside = element("div", { class: "beside" });
    this.whole = element("div", { class: "whole" });
    const part = (title, place) => element("section", { class: "compare-part" }, element("h2", {}, title), place);
    this.parts = element("div", { class: "compare-parts" }, part("On all images", this.whole), part("On one image", this.beside));
    this.root = element("div", { class: "compare" }, element("p", { class: "against" }, element("label", { for: "other-run" }, "Compare with "), this.chooser), this.parts);
  }

  close() {
    fill(document.getElementById("way"));
  }

  /** Other colours, or another number of digits. */
  repaint() {
    for (const paint of this.paints) paint();
    if (this.root.querySelector('.job[data-state="running"]')) return undefined;
    this.shown = {};
    return this.update();
  }

  escape() {
    if (this.studio.get("image")) this.studio.go({ image: null });
  }

  async update() {
    const { studio } = this;
    const turn = ++this.turn;
    const run = studio.get("run");
    const others = studio.runs.filter(({ name, epochs }) => name !== run && epochs.length);
    const same = studio.runs.find(({ name }) => name === run);
    // Those of the same data first: others cannot be compared.
    others.sort((one, other) => Number(other.data === same?.data) - Number(one.data === same?.data));
    const other = studio.get("other") ?? others[0]?.name;
    fill(this.chooser, ...others.map(({ name, network, data }) => element("option", { value: name, selected: name === other }, `${name} – ${network}, ${data}`)));
    this.parts.hidden = !run || !other;
    this.chooser.disabled = !others.length;
    if (!run || !other) {
      fill(this.chooser, element("option", {}, "there is no other run yet"));
      return;
    }
    if (other === run) {
      fill(this.whole, element("p", {}, "These are one run; choose another to compare it with."));
      fill(this.beside);
      this.shown = {};
      return;
    }
    const facts = await studio.factsOf(run);
    if (turn !== this.turn) return;
    const pair = JSON.stringify([run, other]);
    if (this.shown.whole !== pair) {
      this.shown = { whole: pair };
      await this.#whole(run, other, turn);
    }
    if (turn !== this.turn) return;
    const image = studio.get("image") ?? this.compared?.pair.disagreements.find(({ reference }) => reference)?.reference ?? facts.example;
    for (const button of this.whole.querySelectorAll("[data-image]")) button.setAttribute("aria-pressed", String(button.dataset.image === image));
    const key = JSON.stringify([run, other, studio.get("epoch"), image]);
    if (this.shown.image !== key) {
      this.shown.image = key;
      await this.#beside(run, other, image, turn);
    }
    if (turn === this.turn && this.glasses) await this.#maps();
    document.body.dataset.compared = key;
  }

  async #whole(run, other, turn) {
    this.compared = null;
    fill(this.whole, element("p", { class: "quiet", role: "status" }, "Comparing …"));
    let said;
    try {
      said = await asked("/api/compare", { run, other });
    } catch (error) {
      if (turn !== this.turn) return;
      if (error.said?.untrusted) throw error;
      fill(this.whole, element("p", { class: "refused" }, error.message));
      wayBar(this.studio, { command: `pellucid compare ${run} ${other}`, python: "" }, null);
      return;
    }
    if (turn !== this.turn) return;
    if (said.unmeasured) this.#offer(run, other, said.unmeasured);
    else this.#show(said);
  }

  /** The networks have to run on all images first. */
  #offer(run, other, unmeasured) {
    const begin = () =>
      this.studio.trying(async () => {
        const job = await send("/api/compare/start", { run, other });
        const ended = (said) => {
          if (said.state !== "done") return;
          this.#show(said.answer);
          this.studio.trying(() => this.update());
        };
        fill(this.whole, jobView(this.studio, job, ended));
      });
    const words = unmeasured.length > 1 ? `${unmeasured.join(" and ")} were` : `${unmeasured[0]} was`;
    const button = element("button", { type: "button", class: "start-compare", disabled: !mayWrite(), onclick: begin }, "Run them on all test images");
    forgetAnswers();
    fill(this.whole, element("p", { class: "sentence" }, `${words} not evaluated with the weights that are compared, so the networks have to run first.`), button, whyNot());
  }

  #show(said) {
    this.compared = said;
    const { pair } = said;
    const [first, second] = said.names;
    const cell = (count, text) => element("td", { class: "figure", title: text }, count.toLocaleString("en"));
    const four = element(
      "table",
      { class: "four" },
      element("thead", {}, element("tr", {}, element("td", {}), element("th", { scope: "col" }, `${second} correct`), element("th", { scope: "col" }, `${second} wrong`))),
      element(
        "tbody",
        {},
        element("tr", {}, element("th", { scope: "row" }, `${first} correct`), cell(pair.both_right, "both correct"), cell(pair.only_first, `only ${first} correct`)),
        element("tr", {}, element("th", { scope: "row" }, `${first} wrong`), cell(pair.only_second, `only ${second} correct`), cell(pair.both_wrong, "both wrong")),
      ),
    );
    const classes = pair.classes.slice(0, FEW_CLASSES).map(({ name, images, first_recall: one, second_recall: two }) =>
      element("tr", {}, element("th", { scope: "row" }, name), element("td", { class: "figure" }, images.toLocaleString("en")), element("td", { class: "figure", title: long(one) }, percent(one)), element("td", { class: "figure", title: long(two) }, percent(two))),
    );
    const byClass = classes.length ? element("details", {}, element("summary", {}, "By class, the largest difference first"), headed(["class", "images", `recall of ${first}`, `recall of ${second}`], classes)) : null;
    const figures = headed(said.figures.headings, said.figures.rows.map(rowOf));
    const buttons = pair.disagreements.map((image) => {
      const words = `true label ${image.true}; ${first} predicts ${image.first} (${percent(image.first_confidence)}), ${second} ${image.second} (${percent(image.second_confidence)})`;
      const right = image.first === image.true ? first : second;
      return element(
        "button",
        { type: "button", class: "sample", "data-image": image.reference, title: `${image.image}: ${words}`, "aria-label": `Image ${image.image}, ${words}`, "aria-pressed": "false", onclick: () => this.studio.go({ image: image.reference }) },
        element("img", { src: addressOf("/api/picture", { run: this.studio.get("run"), image: image.reference }), alt: "" }),
        element("span", { class: "share" }, image.true),
        element("span", { class: "name quiet" }, `✓ ${right}`),
      );
    });
    const rest = buttons.slice(FEW_IMAGES);
    const both = pair.only_first + pair.only_second;
    fill(
      this.whole,
      element("p", { class: "sentence" }, said.sentence),
      element("p", {}, said.images_sentence, " The test is McNemar's, exact and two-sided: it looks only at the images that one of them alone gets right."),
      four,
      both ? element("h3", {}, both > buttons.length ? `Only one of them is right: ${buttons.length} of ${both.toLocaleString("en")} images` : "Only one of them is right") : null,
      both ? element("p", { class: "quiet" }, "The most confident wrong predictions first; below each stand the true label and who is right.") : null,
      element("div", { class: "thumbnails" }, ...buttons.slice(0, FEW_IMAGES)),
      rest.length ? element("details", {}, element("summary", {}, `${rest.length} more`), element("div", { class: "thumbnails" }, ...rest)) : null,
      byClass,
      element("details", {}, element("summary", {}, "All figures"), element("div", { class: "scrolled" }, figures), element("p", { class: "quiet" }, said.figures.meaning), element("div", { class: "scrolled" }, headed(said.about.headings, said.about.rows.map(rowOf)))),
    );
    wayBar(this.studio, said, null);
  }

  async #beside(run, other, image, turn) {
    const { studio } = this;
    fill(this.beside, element("p", { class: "quiet", role: "status" }, "Looking …"));
    this.glasses = null;
    this.paints = [];
    const [looks, facts] = await Promise.all([
      Promise.allSettled([asked("/api/look", { run, epoch: studio.get("epoch"), image }), asked("/api/look", { run: other, image })]),
      Promise.all([studio.factsOf(run), studio.factsOf(other)]),
    ]);
    if (turn !== this.turn) return;
    const refused = looks.find((look) => look.status === "rejected");
    if (refused) {
      if (refused.reason.said?.untrusted) throw refused.reason;
      fill(this.beside, element("p", { class: "refused" }, refused.reason.message));
      return;
    }
    const answers = /** @type {PromiseFulfilledResult<any>[]} */ (looks);
    const glasses = answers.map(({ value }, at) => new ServerGlass(value, facts[at], () => {}));
    await Promise.all(glasses.map((glass) => glass.fetch([0])));
    if (turn !== this.turn) return;
    this.glasses = glasses;
    this.strips = glasses.map(() => element("div", { class: "strip" }));
    const columns = glasses.map((glass, at) => {
      const { said } = glass;
      const see = () => studio.go({ run: said.run, epoch: said.epoch, image, unit: null }, { view: "see" });
      return element(
        "div",
        { class: "column" },
        element("h3", {}, said.run, element("span", { class: "quiet" }, ` epoch ${said.epoch}`)),
        new Pixels(glass.pixels, said.source, 140).root,
        answerView(said.answer, { classes: glass.classes, threshold: said.answer.threshold }, said.label),
        this.strips[at],
        element("div", { class: "buttons" }, element("button", { type: "button", onclick: see }, "See every layer")),
      );
    });
    const [first, second] = glasses.map((glass) => glass.classes[glass.said.answer.label]);
    const sentence = first === second ? `Both predict ${first} for ${glasses[0].said.source}.` : `${run} predicts ${first} for ${glasses[0].said.source}; ${other} predicts ${second}.`;
    this.layers = this.#commonLayers();
    this.layerChooser = element("select", { id: "layer", onchange: () => studio.go({ layer: this.layerChooser.value }) }, ...this.layers.map((name) => element("option", { value: name }, name)));
    const about = this.layers.length ? element("p", {}, element("label", { for: "layer" }, "Maps of the layer "), this.layerChooser) : element("p", { class: "quiet" }, "No layer of the two has the same name and shape, so there are no maps to show beside each other.");
    fill(this.beside, element("p", { class: "sentence" }, sentence), about, element("div", { class: "columns" }, ...columns));
  }

  /** Layers that both have, of the same shape and with rows and columns. */
  #commonLayers() {
    const [one, other] = this.glasses.map(({ network }) => network.nodes);
    const shapes = new Map(other.map(({ name, shape }) => [name, shape.join()]));
    return one.filter(({ name, shape, source }, at) => at && !source && shape.length === 4 && shapes.get(name) === shape.join()).map(({ name }) => name);
  }

  async #maps() {
    if (!this.layers.length) return;
    const wanted = this.studio.get("layer");
    const layer = this.layers.includes(wanted) ? wanted : this.layers[0];
    this.layerChooser.value = layer;
    const { glasses, strips } = this;
    await Promise.all(glasses.map((glass) => glass.fetch([glass.network.byName.get(layer)])));
    if (glasses !== this.glasses) return;
    const tensors = glasses.map((glass) => glass.valueOf(glass.network.byName.get(layer)));
    const end = Math.max(...tensors.map((tensor) => largestSize(tensor.data, 0, tensor.size)));
    this.paints = [];
    tensors.forEach((tensor, at) => {
      const layout = layoutOf(tensor.shape);
      const order = byStrength(tensor.data, layout);
      const times = stripMultiple(layout.height, layout.width, 56);
      const canvases = order.slice(0, MOST_MAPS).map((map) => {
        const canvas = element("canvas", { role: "img", "aria-label": `Channel ${map}`, title: `${layer}[${map}]` });
        const paint = () => {
          paintMap(canvas, tensor.data, { start: map * layout.size, count: layout.size, height: layout.height, width: layout.width }, end);
          enlarge(canvas, layout.height, layout.width, times);
        };
        paint();
        this.paints.push(paint);
        return canvas;
      });
      const rest = order.length - canvases.length;
      fill(strips[at], ...canvases, rest > 0 ? element("span", { class: "quiet" }, `… and ${rest} weaker`) : null, element("span", { class: "quiet" }, `deepest at ${short(end)} in both`));
    });
  }
}

function headed(headings, rows) {
  return element("table", {}, element("thead", {}, element("tr", {}, ...headings.map((text) => element("th", { scope: "col" }, text)))), element("tbody", {}, ...rows));
}

function rowOf(cells) {
  return element("tr", {}, ...cells.map((text, at) => (at ? element("td", { class: "figure" }, text) : element("th", { scope: "row" }, text))));
}
