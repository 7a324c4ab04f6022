/** The same image and unit after every epoch: the unit's value and the class's probability, asked for one by one. */

import { element, fill } from "/modules/dom.js";
import { percent, short } from "/modules/numbers.js";
import { ask } from "../server.js";
import { epochChart } from "./chart.js";

const BEGIN_AFTER = 250;
const MOST_KEPT = 2000;

/** What is known of the epochs, and two small charts of it. */
export class OverEpochs {
  constructor(studio) {
    this.studio = studio;
    this.known = new Map();
    this.answers = element("div", { id: "answer-over-epochs" });
    this.values = element("div", { id: "unit-over-epochs" });
    this.turn = 0;
  }

  stop() {
    clearTimeout(this.timer);
    this.turn += 1;
  }

  /**
   * Show the image and the unit over the epochs.
   *
   * @param {import("../glass.js").ServerGlass} glass
   * @param {string | null} unit
   */
  show(glass, unit) {
    this.stop();
    this.glass = glass;
    this.unit = unit;
    this.#draw();
    const { epochs } = glass.facts;
    if (epochs.length < 2) return;
    if (glass.isSmall || this.asked === glass.key.run) this.timer = setTimeout(() => this.#fetch(this.turn), BEGIN_AFTER);
  }

  async #fetch(turn) {
    const { glass, unit } = this;
    for (const epoch of glass.facts.epochs) {
      if (this.known.has(keyOf(glass, epoch, unit))) continue;
      try {
        const said = await ask("/api/moment", { run: glass.key.run, image: glass.key.image, epoch, unit });
        this.known.set(keyOf(glass, epoch, unit), said);
        if (unit) this.known.set(keyOf(glass, epoch, null), said);
        if (this.known.size > MOST_KEPT) this.known.delete(this.known.keys().next().value);
      } catch {
        return; // what is looked at says why itself
      }
      if (turn !== this.turn) return;
      this.#draw();
    }
  }

  #draw() {
    const { glass, unit } = this;
    const { epochs } = glass.facts;
    if (epochs.length < 2) {
      fill(this.answers);
      fill(this.values);
      return;
    }
    const said = epochs.map((epoch) => ({ epoch, said: this.known.get(keyOf(glass, epoch, null)), here: this.known.get(keyOf(glass, epoch, unit)) }));
    if (!glass.isSmall && this.asked !== glass.key.run) {
      const button = element("button", { type: "button", class: "more", onclick: () => {
        this.asked = glass.key.run;
        this.show(glass, unit);
      } }, `Look at all ${epochs.length} epochs`);
      fill(this.answers, button);
      fill(this.values);
      return;
    }
    const pick = (epoch) => this.studio.go({ epoch });
    const last = said.findLast((entry) => entry.said?.probabilities)?.said;
    const named = glass.said.label ?? last?.label ?? glass.said.answer?.label ?? null;
    const current = glass.key.epoch;
    const point = /** @type {HTMLElement | null} */ (document.activeElement?.closest?.(".point"));
    const focused = point?.dataset.epoch;
    const where = this.values.contains(document.activeElement) ? this.values : this.answers;
    fill(
      this.answers,
      named === null || !glass.said.answer
        ? null
        : epochChart(said.map(({ epoch, said: moment }) => ({ epoch, number: moment?.probabilities?.[named] ?? null })), { title: `How sure of ${glass.classes[named]}, after each epoch (not calibrated):`, current, low: 0, high: 1, format: percent, pick }),
    );
    fill(this.values, unit ? epochChart(said.map(({ epoch, here }) => ({ epoch, number: here?.value ?? null })), { title: `${unit}, after each epoch:`, current, format: short, pick }) : null);
    if (focused) where.querySelector(`.point[data-epoch="${focused}"]`)?.focus();
  }
}

function keyOf({ key: { run, image } }, epoch, unit) {
  return [run, image, epoch, unit ?? ""].join(" ");
}
