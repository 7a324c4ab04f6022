/** What the network answers: one plain sentence, then a bar for each class. */

import { element } from "./dom.js";
import { long, percent } from "./numbers.js";

/**
 * @param {{probabilities: ArrayLike<number>, label: number, unsure: boolean}} answer
 * @param {{classes: string[], threshold: number | null}} about
 * @param {number | null} truth the true class, where it is known
 * @param {((at: number) => void) | null} choose goes to the evidence for a class, where that can be shown
 */
export function answerView(answer, about, truth, choose = null) {
  const shares = Array.from(answer.probabilities);
  const order = shares.map((_, at) => at).sort((one, other) => shares[other] - shares[one] || one - other);
  const [first, second] = order;
  const sentences = [
    element(
      "p",
      { class: "sentence" },
      `The network is ${percent(shares[first])} sure that this is `,
      element("strong", {}, about.classes[first]),
      second === undefined ? "." : `; ${about.classes[second]} is next (${percent(shares[second])}).`,
    ),
  ];
  if (answer.unsure) {
    sentences.push(
      element(
        "p",
        { class: "unsure" },
        element("strong", {}, "Unsure. "),
        `Below ${percent(about.threshold)} this network leaves an image without an answer.`,
      ),
    );
  }
  if (truth !== null) {
    const right = truth === answer.label;
    const word = right ? "✓ correct" : "✗ a mistake";
    sentences.push(element("p", { class: right ? "truth right" : "truth wrong" }, `True label: ${about.classes[truth]} – ${word}.`));
  }
  const bars = element("ol", { class: "bars", "aria-label": "Calibrated probabilities" });
  const shown = about.classes.length <= 12 ? order.map((_, at) => at) : order.slice(0, 10);
  for (const at of shown) {
    const fill = element("span", { class: "fill" });
    fill.style.width = `${100 * shares[at]}%`;
    bars.append(
      element(
        "li",
        { class: at === answer.label ? "bar top" : "bar", title: `${about.classes[at]}: ${long(shares[at])}` },
        choose
          ? element("button", { type: "button", class: "name", title: `The evidence for ${about.classes[at]}`, onclick: () => choose(at) }, about.classes[at])
          : element("span", { class: "name" }, about.classes[at]),
        element("span", { class: "track", "aria-hidden": "true" }, fill),
        element("span", { class: "share", "data-share": shares[at] }, percent(shares[at])),
      ),
    );
  }
  const rest = about.classes.length - shown.length;
  if (rest > 0) bars.append(element("li", { class: "rest" }, `… and ${rest} classes less likely`));
  return element("div", { class: "answer" }, ...sentences, bars);
}
