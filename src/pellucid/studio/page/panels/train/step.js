/** One training step by hand: which step, which weight, and what the step did to it. */

import { element, fill } from "/modules/dom.js";
import { apart, counted, long, short } from "/modules/numbers.js";
import { ask, mayWrite, send } from "../../server.js";

const ALLOWED = new Set(["DIV", "H3", "H4", "OL", "LI", "STRONG", "TABLE", "THEAD", "TBODY", "TR", "TH", "TD", "CODE", "P"]);

/** The form and its answer. */
export class StepByHand {
  constructor(studio) {
    this.studio = studio;
    this.weight = element("input", { type: "text", list: "weights-to-choose", autocomplete: "off", spellcheck: "false" });
    this.names = element("datalist", { id: "weights-to-choose" });
    this.step = element("input", { type: "number", min: 1, step: 1, oninput: () => this.#tellCost() });
    this.cost = element("p", { class: "quiet" });
    this.newest = element("button", { type: "button", title: "The first step after the newest checkpoint", onclick: () => this.#takeNewest() }, "a new one");
    this.go = element("button", { type: "submit", class: "primary" }, "Take it again");
    this.result = element("div", { class: "step-result", "aria-live": "polite" });
    const form = element(
      "form",
      { class: "step-form", onsubmit: (event) => { event.preventDefault(); this.#take(); } },
      element("label", {}, "Step", element("span", { class: "joined" }, this.step, this.newest)),
      element("label", {}, "Weight", this.weight, this.names),
      this.go,
    );
    this.root = element(
      "details",
      { class: "by-hand", ontoggle: () => this.root.open && this.#offer() },
      element("summary", {}, element("h2", {}, "One training step by hand")),
      element("p", {}, "A step that was taken is taken again, and what it does to one weight is recomputed: loss, gradient, chain rule, optimizer, each checked against PyTorch."),
      form,
      this.cost,
      this.result,
    );
  }

  /** Another run is shown, or it has come further. */
  show(run) {
    if (run.name !== this.run?.name) {
      this.offered = null;
      this.weight.value = "";
      this.step.value = "";
      fill(this.result);
    }
    this.run = run;
    this.root.hidden = !run.is_run || run.is_frozen;
    if (this.root.open) this.#offer();
  }

  async #offer() {
    if (!this.run || this.offered === this.run.name) return;
    const { name } = this.run;
    this.offered = name;
    this.#takeNewest();
    const said = await this.studio.trying(() => ask("/api/training/weights", { run: name }));
    if (!said || name !== this.run.name) return;
    fill(this.names, ...said.weights.map(({ name: weight, shape }) => element("option", { value: weight }, shape.join(" × "))));
    if (!this.weight.value) this.weight.value = said.weights.find(({ name: weight }) => weight.includes(".weight["))?.name ?? said.weights[0]?.name ?? "";
  }

  /** The newest step that is quickly repeated: the first one after a checkpoint. */
  #takeNewest() {
    const done = this.run?.progress?.step ?? 0;
    const before = (this.run?.checkpoints ?? [0]).filter((step) => step < done);
    this.step.value = String((before.at(-1) ?? 0) + 1);
    this.#tellCost();
  }

  /** Say how many steps must be repeated first. */
  #tellCost() {
    const step = Number(this.step.value);
    const from = (this.run?.checkpoints ?? [0]).filter((at) => at < step).at(-1) ?? 0;
    const origin = from ? `the checkpoint after step ${from.toLocaleString("en")}` : "the seed";
    this.cost.textContent = step - from > 1 ? `${counted(step - from - 1, "step")} since ${origin} must be repeated first.` : `It is the first step after ${origin}, so nothing must be repeated first.`;
  }

  async #take() {
    if (this.waiting) {
      this.waiting.abort();
      return;
    }
    if (!mayWrite()) {
      this.studio.complain("Open the studio by the address that it printed to take a step.");
      return;
    }
    const waiting = (this.waiting = new AbortController());
    const started = Date.now();
    const shown = element("p", { class: "quiet", role: "status" }, "Repeating the step …");
    const counting = setInterval(() => (shown.textContent = `Repeating the step … ${Math.round((Date.now() - started) / 1000)} s`), 1000);
    fill(this.result, shown);
    this.go.textContent = "Stop";
    const { name } = this.run;
    const said = await this.studio.trying(() => send("/api/training/step", { run: name, weight: this.weight.value.trim(), step: Number(this.step.value) }, waiting.signal));
    clearInterval(counting);
    this.waiting = null;
    this.go.textContent = "Take it again";
    if (name !== this.run.name) return;
    if (!said) {
      fill(this.result);
      return;
    }
    this.studio.complain(null);
    this.#showResult(said);
  }

  #showResult(said) {
    const figure = (name, number) => element("li", { title: long(number) }, element("span", { class: "quiet" }, name), element("strong", {}, short(number)));
    const proven = said.confirmed
      ? "The run's own records prove that this is the step that it took: they agree to the last bit."
      : said.remarks.join(" ");
    fill(
      this.result,
      element("p", { class: "sentence" }, `Step ${said.step.toLocaleString("en")} (epoch ${said.epoch}, batch ${said.batch}) changed ${said.weight} from ${apart(said.before, said.after).join(" to ")}.`),
      element(
        "ul",
        { class: "figures" },
        figure("before", said.before),
        figure("gradient", said.gradient),
        figure("learning rate", said.rate),
        figure("after", said.after),
        figure("loss of its batch", said.loss),
      ),
      element("p", { class: said.confirmed ? "verdict" : "verdict quiet" }, said.confirmed ? `✓ ${proven}` : proven),
      element("details", { class: "whole-step" }, element("summary", {}, "Every part of it"), safely(said.html)),
      element("p", {}, element("code", {}, said.command)),
    );
    document.body.dataset.stepped = String(said.step);
  }
}

/** The room's own HTML with nothing but its plain elements: no attribute, no other element. */
function safely(html) {
  const copy = (node) => {
    if (node.nodeType === Node.TEXT_NODE) return document.createTextNode(node.data);
    if (node.nodeType !== Node.ELEMENT_NODE) return null;
    const children = [...node.childNodes].map(copy).filter(Boolean);
    return ALLOWED.has(node.tagName) ? element(node.tagName.toLowerCase(), {}, ...children) : element("span", {}, ...children);
  };
  const parsed = new DOMParser().parseFromString(html, "text/html");
  return element("div", { class: "step-parts" }, ...[...parsed.body.childNodes].map(copy).filter(Boolean));
}
