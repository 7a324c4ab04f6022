/** Two functions and their convolution, with a slider for x: the curves, the area under their product, the result. */

import { element, fill } from "/modules/dom.js";
import { packed } from "../../server.js";
import { printed } from "./cells.js";
import { Field, Live, choice, line, refused, sameElsewhere } from "./live.js";
import { plot, roundStep } from "./plot.js";

const FIRST = { f: "rect(x)", h: "exp(-x)*step(x)", domain: "-3:5" };
const SAMPLES = "801";
/** The slider takes about so many places, a round number apart. */
const PLACES = 800;
const PRESETS = [
  ["rect(x)", "box"],
  ["tri(x)", "triangle"],
  ["gauss(x)", "Gaussian"],
  ["exp(-x)*step(x)", "exponential decay"],
  ["step(x)", "step"],
  ["rect(x-1)+rect(x+1)", "two boxes"],
  ["sinc(3*x)", "sinc: lets low frequencies through"],
  ["sin(6*x)*gauss(x)", "a wave that fades"],
  ["sign(sin(3*x))*rect(x/4)", "a square wave"],
];

/** @typedef {import("../maths.js").Part} Part */

/** @implements {Part} */
export class FunctionsPart {
  constructor(studio) {
    this.studio = studio;
    this.curves = null;
    this.overlap = null;
    this.live = new Live((key, signal) => this.#ask(key, signal), (answer) => this.#show(answer), (error) => this.#refuse(error));
    const typing = (name) => (text) => studio.go({ [name]: text.trim().replaceAll("−", "-") }, { replace: true });
    this.fields = {
      f: new Field("f(x) =", line(typing("f"), { class: "expression" }), { wide: true }),
      h: new Field("h(x) =", line(typing("h"), { class: "expression" }), { wide: true }),
      domain: new Field("from : to", line((text) => studio.go({ domain: text.trim().replaceAll("−", "-"), x: null }, { replace: true }), { class: "short" }), { help: "Where the functions are sampled; outside they count as zero" }),
      samples: new Field("samples", line(typing("samples"), { class: "short", inputmode: "numeric" })),
      x: new Field("x", line(typing("x"), { class: "short" })),
    };
    const preset = (name) => {
      const select = choice([["", "a preset…"], ...PRESETS.map(([text, title]) => [text, `${title}: ${text}`])], (value) => {
        if (value) studio.go({ [name]: value });
        select.value = "";
      });
      select.setAttribute("aria-label", `Presets for ${name}`);
      return select;
    };
    this.slider = element("input", { type: "range", step: "any", "aria-label": "x, by a slider", oninput: () => this.#slide() });
    this.sentence = element("p", { class: "sentence", "aria-live": "polite" });
    this.above = element("div", { class: "plot" });
    this.below = element("div", { class: "plot" });
    this.warning = element("p", { class: "quiet" });
    this.known = element("dl", {});
    this.root = element(
      "section",
      { class: "of-functions", "aria-label": "Two functions" },
      this.sentence,
      element(
        "div",
        { class: "pair" },
        element("div", { class: "settings" }, this.fields.f.root, preset("f")),
        element("div", { class: "settings" }, this.fields.h.root, preset("h")),
      ),
      element("div", { class: "settings" }, this.fields.domain.root, this.fields.samples.root, this.fields.x.root, element("div", { class: "for-x" }, this.slider)),
      element("div", { class: "shown" }, this.above, this.below, this.warning),
      element("details", {}, element("summary", {}, "What can be written"), element("p", {}, "Numbers, x, + − * / **, brackets, pi, e, and these functions:"), this.known),
    );
    this.resized = () => this.repaint();
    addEventListener("resize", this.resized);
  }

  update() {
    const { studio } = this;
    const values = { ...FIRST, samples: SAMPLES };
    for (const name of Object.keys(values)) values[name] = studio.get(name) ?? values[name];
    for (const [name, value] of Object.entries(values)) this.fields[name].show(value);
    const x = studio.get("x");
    if (x !== null) this.fields.x.show(x);
    this.live.want({ ...values, x: x || null });
  }

  repaint() {
    if (this.curves) this.#draw();
  }

  close() {
    removeEventListener("resize", this.resized);
    this.live.close();
  }

  /** Move x by a step of the slider. */
  move(across, down) {
    if (down) return;
    if (this.curves) this.#go(this.curves.head.at + across * this.#step());
  }

  #slide() {
    if (this.curves) this.#go(Number(this.slider.value));
  }

  #step() {
    const [low, high] = this.curves.head.domain;
    return roundStep((high - low) / PLACES);
  }

  #go(x) {
    const [low, high] = this.curves.head.domain;
    const digits = Math.max(0, Math.min(100, 3 - Math.floor(Math.log10(high - low))));
    this.studio.go({ x: Number(Math.max(low, Math.min(high, x)).toFixed(digits)) }, { replace: true });
  }

  /**
   * While x alone moves, only what moves with it is asked for.
   *
   * @param {Record<string, any>} parameters
   * @param {AbortSignal} signal
   */
  async #ask({ x, ...functions }, signal) {
    const key = JSON.stringify(functions);
    if (this.curves && this.of === key) {
      const { head, arrays } = await packed("/api/maths/overlap", { ...functions, x }, signal);
      return { key, head: { ...this.curves.head, ...head }, arrays: { ...this.curves.arrays, ...arrays } };
    }
    return { key, ...(await packed("/api/maths/functions", { ...functions, x }, signal)) };
  }

  #show(answer) {
    const { head } = answer;
    if (this.of !== answer.key) {
      fill(this.known, ...head.known.flatMap(([name, about]) => [element("dt", {}, element("code", {}, `${name}(x)`)), element("dd", {}, about)]));
    }
    this.of = answer.key;
    this.curves = answer;
    this.studio.complain(null);
    this.root.classList.remove("stale");
    for (const field of Object.values(this.fields)) field.say(null);
    const [low, high] = head.domain;
    for (const [name, value] of Object.entries({ min: low, max: high, step: this.#step(), value: head.at })) this.slider[name] = String(value);
    this.slider.setAttribute("aria-valuetext", `x = ${printed(head.x_text[0])}`);
    this.fields.x.show(printed(head.x_text[0]));
    this.fields.x.control.title = printed(head.x_text[1]);
    this.sentence.textContent = printed(head.sentence);
    this.sentence.title = printed(head.area[1]);
    this.warning.textContent = head.warning ? `${head.affected.length ? "Hatched" : "Beware"}: ${printed(head.warning)}.` : "";
    sameElsewhere(head);
    this.#draw();
    document.body.dataset.area = head.area[1];
  }

  #draw() {
    const { head, arrays } = this.curves;
    const x = printed(head.x_text[0]);
    const data = (name) => arrays[name].data;
    const choose = (at) => this.#go(at);
    const shifted = head.at === 0 ? "h(−t)" : `h(${x} − t)`;
    fill(
      this.above,
      plot({
        title: `f(t), ${shifted}: h flipped and moved to x = ${x}, and the area under their product`,
        x: data("x"),
        domain: head.domain,
        curves: [
          { values: data("f"), name: "f(t)", kind: "first" },
          { values: data("h"), name: shifted, kind: "second" },
        ],
        area: data("product"),
        also: [data("h_of_x")],
        at: head.at,
        height: 240,
        choose,
      }),
    );
    fill(
      this.below,
      plot({
        title: `the result (f ∗ h)(x); at x = ${x} it is ${printed(head.area[0])}`,
        x: data("x"),
        domain: head.domain,
        curves: [{ values: data("result"), name: "(f ∗ h)(x)", kind: "result" }],
        at: head.at,
        point: head.area[2],
        hatched: head.affected,
        height: 180,
        choose,
      }),
    );
  }

  #refuse(error) {
    this.root.classList.toggle("stale", Boolean(this.curves));
    refused(this.studio, error, this.fields);
  }
}
