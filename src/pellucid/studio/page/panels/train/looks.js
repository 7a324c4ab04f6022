/** What the network knows after an epoch: its answers to a few images, its first filters, its confusion matrix. */

import { element, fill } from "/modules/dom.js";
import { colourOf, enlarge, inkOn, multiple, paintMap } from "/modules/draw.js";
import { largestSize } from "/modules/tensor.js";
import { counted, long, percent, short } from "/modules/numbers.js";
import { addressOf, packed } from "../../server.js";

const FILTER_ROOM = 40;
const SPLITS = { test: "test", val: "validation", train: "training" };

/** Asks for looks and shows them. */
export class Looks {
  constructor(studio) {
    this.studio = studio;
    this.root = element("div", { class: "looks", hidden: true });
    this.key = "";
    this.answers = new Map();
    /** @type {(() => void) | null} called when a look that was put off may be asked for again */
    this.again = null;
  }

  /** Show what the network knows after an epoch; `newest` where the address names none. */
  async show(run, kept, whole = false) {
    const epoch = Number(this.studio.get("epoch") ?? kept.at(-1));
    if (!kept.includes(epoch) || document.hidden) {
      if (!kept.length) this.root.hidden = true;
      return;
    }
    const key = `${run.name}/${epoch}/${whole}`;
    if (key === this.key) return;
    this.key = key;
    clearTimeout(this.retrying);
    this.root.hidden = false;
    if (!this.said) fill(this.root, element("p", { class: "quiet", role: "status" }, `Looking at what it knows after epoch ${epoch} …`));
    const said = await this.studio.trying(() => packed("/api/training/look", { run: run.name, epoch, whole: whole ? "yes" : null }));
    if (this.key !== key) return;
    if (!said) {
      this.key = "";
      return;
    }
    if (said.head.later) {
      const after = Math.ceil(said.head.later);
      if (!this.said) fill(this.root, element("p", { class: "quiet", role: "status" }, `What it knows after epoch ${epoch} is looked at in ${after} s, so as not to slow the training.`));
      this.retrying = setTimeout(() => {
        if (this.key === key) this.key = "";
        this.again?.();
      }, 1000 * after);
      return;
    }
    this.said = said;
    this.run = run;
    this.#paint();
  }

  clear() {
    clearTimeout(this.retrying);
    this.key = "";
    this.said = null;
    this.answers.clear();
    this.root.hidden = true;
  }

  repaint() {
    if (this.said) this.#paint();
  }

  #paint() {
    const { head, arrays } = this.said;
    this.root.hidden = false;
    fill(
      this.root,
      element("h2", {}, `After epoch ${head.epoch}`),
      head.missing ? element("p", { class: "quiet" }, head.missing) : null,
      head.examples ? this.#examples(head) : null,
      arrays.filters ? this.#filters(head, arrays.filters) : null,
      head.images ? this.#confusion(head) : null,
    );
    document.body.dataset.looked = String(head.epoch);
  }

  #examples(head) {
    const right = head.examples.filter((example) => example.label === example.predicted).length;
    const { classes } = head;
    const cards = head.examples.map((example) => {
      const { image, label, predicted, share } = example;
      const before = this.answers.get(image);
      this.answers.set(image, { epoch: head.epoch, predicted });
      const changed = before && before.epoch !== head.epoch && before.predicted !== predicted;
      const good = label === predicted;
      const name = `${image}: predicted as ${classes[predicted]}, ${percent(share)} sure; true label ${classes[label]}`;
      const see = () => this.studio.go({ image, epoch: head.epoch, unit: null, way: null }, { view: "see" });
      return element(
        "button",
        { type: "button", class: good ? "example" : "example wrong", title: `${name} (${long(share)})`, onclick: see },
        element("img", { src: addressOf("/api/picture", { run: this.run.name, image }), alt: "", loading: "lazy" }),
        element("span", { class: "said" }, `${good ? "✓" : "✗"} ${classes[predicted]} `, element("span", { class: "quiet" }, percent(share))),
        good ? null : element("span", { class: "quiet" }, `is ${classes[label]}`),
        changed ? element("span", { class: "quiet" }, `was ${classes[before.predicted]}`) : null,
      );
    });
    const split = SPLITS[head.split] ?? head.split;
    return part(
      "Examples",
      `${right} of these ${cards.length} ${split} images are classified correctly. Click one to see it through the network.`,
      element("div", { class: "examples" }, ...cards),
    );
  }

  #filters(head, filters) {
    const [count, channels, ...sides] = filters.shape;
    const [height, width] = sides.length > 1 ? sides.slice(-2) : [1, sides[0] ?? 1];
    const size = height * width;
    const end = largestSize(filters.data, 0, filters.data.length);
    const shown = Math.min(channels, 3);
    const times = multiple(height, width, FILTER_ROOM);
    const drawn = Array.from({ length: count }, (_, filter) => {
      const kernels = Array.from({ length: shown }, (_, channel) => {
        const canvas = element("canvas", { role: "img", "aria-label": `filter ${filter}, channel ${channel}` });
        paintMap(canvas, filters.data, { start: (filter * channels + channel) * size, count: size, height, width }, end);
        enlarge(canvas, height, width, times);
        return canvas;
      });
      return element("figure", { class: "filter" }, ...kernels, element("figcaption", { class: "quiet" }, String(filter)));
    });
    const words = channels === 3 ? "one above the other for red, green and blue" : channels > 3 ? `the first 3 of ${channels} channels` : "";
    const sentence = `The weights of ${head.filters}: blue above zero, orange below, deepest at ±${short(end)}${words ? `; ${words}` : ""}. The epoch slider above shows how they changed, for every epoch whose weights are kept.`;
    return part("First filters", sentence, element("div", { class: "filters" }, ...drawn));
  }

  #confusion(head) {
    const split = SPLITS[head.split] ?? head.split;
    if (head.skipped) {
      const anyway = element("button", { type: "button", onclick: () => this.show(this.run, head.kept, true) }, "Compute it anyway");
      return part("Confusion matrix", head.skipped, element("div", { class: "buttons" }, anyway));
    }
    const some = head.images < head.of ? `${head.images.toLocaleString("en")} of ${head.of.toLocaleString("en")}` : head.of.toLocaleString("en");
    const sentence = `Of ${some} ${split} images, ${percent(head.right / head.images)} are classified correctly.`;
    const { classes } = head;
    const [worst] = head.mistakes;
    const most = worst ? ` Most often ${classes[worst[0]]} is predicted as ${classes[worst[1]]} (${counted(worst[2], "image")}).` : " There are no mistakes.";
    if (!head.confusion) {
      const rows = head.mistakes.map(([truth, predicted, count]) => element("li", {}, `${classes[truth]} predicted as ${classes[predicted]}: ${count}`));
      return part("Most frequent mistakes", sentence, element("ol", {}, ...rows));
    }
    const headings = classes.map((name) => element("th", { scope: "col", title: name, class: name.length > 3 ? "long" : null }, element("span", {}, name)));
    const rows = head.confusion.map((counts, truth) => {
      const cells = counts.map((count, predicted) => {
        const tint = head.tints[truth][predicted];
        const cell = element("td", { title: `${classes[truth]} predicted as ${classes[predicted]}: ${count}` }, count ? String(count) : "");
        cell.style.background = colourOf(tint, 1);
        cell.style.color = inkOn(tint, 1);
        return cell;
      });
      return element("tr", {}, element("th", { scope: "row", title: classes[truth] }, classes[truth]), ...cells);
    });
    const table = element(
      "table",
      { class: "confusion" },
      element("caption", { class: "quiet" }, "Rows are true labels, columns what is predicted."),
      element("thead", {}, element("tr", {}, element("td", {}), ...headings)),
      element("tbody", {}, ...rows),
    );
    return part("Confusion matrix", sentence + most, element("div", { class: "terms", tabindex: 0, role: "region", "aria-label": "Its table" }, table));
  }
}

function part(title, sentence, ...children) {
  return element("section", { "aria-label": title }, element("h3", {}, title), element("p", {}, sentence), ...children);
}
