/** The curves of a training: loss by step, accuracy by epoch, learning rate by step. Drawn by uPlot. */

import { element, fill } from "/modules/dom.js";
import { percent, short } from "/modules/numbers.js";
import uPlot from "/page/vendor/uplot/uPlot.esm.js";

const HEIGHT = 200;
/** How far two marks at an axis of steps or epochs may be apart. */
const WHOLE = Array.from({ length: 9 }, (_, power) => [1, 2, 5].map((digit) => digit * 10 ** power)).flat();

/** @typedef {[name: string, ink: string, dash: number[]]} Series */

/** Three charts that grow. */
export class Curves {
  constructor() {
    this.root = element("div", { class: "curves" });
    this.charts = [
      new Chart("Loss", "step", [["loss", "frame", []]], short),
      new Chart("Accuracy", "epoch", [["training", "quiet", [6, 4]], ["validation", "frame", []]], percent, shares),
      new Chart("Learning rate", "step", [["rate", "frame", []]], short),
    ];
    fill(this.root, ...this.charts.map((chart) => chart.root));
  }

  /** @param {import("./history.js").History} history */
  show(history) {
    const [loss, accuracy, rate] = this.charts;
    const averaged = Math.max(1, ...history.counts);
    loss.note(averaged > 1 ? `each point is the mean of up to ${averaged.toLocaleString("en")} lines of the log` : "mean over the batches since the point before");
    loss.show(history.steps, [history.losses]);
    rate.show(history.steps, [history.rates]);
    const { epochs } = history;
    if (epochs === this.epochs && epochs.length === this.shown) return;
    this.epochs = epochs;
    this.shown = epochs.length;
    accuracy.note(epochs.some((line) => line.val_accuracy !== undefined) ? "training images while they were learned from, validation images after each epoch" : "of training images, while they were learned from");
    accuracy.show(epochs.map((line) => line.epoch), [epochs.map((line) => line.train_accuracy ?? null), epochs.map((line) => line.val_accuracy ?? null)]);
  }

  repaint() {
    for (const chart of this.charts) chart.rebuild();
  }

  close() {
    for (const chart of this.charts) chart.close();
  }
}

/**
 * From just below the lowest accuracy up to 1.
 *
 * @type {import("/page/vendor/uplot/uPlot.esm.js").Range}
 */
function shares(_, low) {
  return [Math.max(0, Math.floor((low ?? 0) * 20 - 0.5) / 20), 1];
}

/** A number at an axis. */
function brief(number) {
  const size = Math.abs(number);
  if (size === 0 || (size >= 1e-4 && size < 1e5)) return String(Number(number.toPrecision(3))).replace("-", "−");
  return short(Number(number.toPrecision(2))).replace(/(\.\d*?)0+(?=·)/, "$1").replace(/\.(?=·)/, "");
}

class Chart {
  /**
   * @param {string} title
   * @param {"step" | "epoch"} across
   * @param {Series[]} series
   * @param {(number: number) => string} words
   * @param {import("/page/vendor/uplot/uPlot.esm.js").Range | null} range of the numbers; null for that of the data
   */
  constructor(title, across, series, words, range = null) {
    this.title = title;
    this.across = across;
    this.series = series;
    this.words = words;
    this.range = range;
    this.place = element("div", { class: "plot", role: "img" });
    this.remark = element("figcaption", { class: "quiet" });
    this.empty = element("p", { class: "quiet" }, across === "epoch" ? "The first epoch is not done yet." : "Nothing is logged yet.");
    this.root = element("figure", { class: "curve" }, element("h3", {}, title), this.empty, this.place, this.remark);
    /** @type {(number | null)[][]} */
    this.data = [[], ...series.map(() => [])];
    /** @type {uPlot | null} */
    this.plot = null;
    this.resizing = new ResizeObserver(() => this.#resize());
    this.resizing.observe(this.root);
  }

  note(text) {
    this.remark.textContent = text;
  }

  show(xs, ys) {
    const known = ys.map((numbers) => numbers.some((number) => number !== null));
    const drawn = this.series.filter((_, at) => known[at]);
    const same = drawn.length === this.drawn?.length;
    this.drawn = drawn;
    this.data = [xs, ...ys.filter((_, at) => known[at])];
    this.empty.hidden = xs.length > 0;
    this.place.hidden = this.remark.hidden = xs.length === 0;
    this.place.setAttribute("aria-label", this.#told());
    if (!xs.length) return;
    if (this.plot && same) this.plot.setData(this.data);
    else this.rebuild();
  }

  /** In words what the curve shows. */
  #told() {
    const [xs, ...ys] = this.data;
    const parts = this.drawn.map(([name], at) => {
      const known = ys[at].filter((number) => number !== null);
      return known.length ? `${name} from ${this.words(known[0])} to ${this.words(known.at(-1))}` : null;
    });
    return `${this.title} up to ${this.across} ${xs.at(-1) ?? 0}: ${parts.filter(Boolean).join(", ") || "nothing yet"}`;
  }

  rebuild() {
    this.plot?.destroy();
    this.plot = null;
    const width = this.place.clientWidth || this.root.clientWidth;
    if (!this.data[0].length || !width) return;
    const style = getComputedStyle(document.documentElement);
    const colour = (name) => style.getPropertyValue(`--${name}`).trim();
    const grid = { stroke: `color-mix(in srgb, ${colour("ink")} 12%, transparent)`, width: 1 };
    const axis = { stroke: colour("quiet"), grid, ticks: grid, font: "13px system-ui, sans-serif" };
    const whole = (_, splits) => splits.map((at) => (Number.isInteger(at) ? at.toLocaleString("en") : ""));
    this.plot = new uPlot(
      {
        width,
        height: HEIGHT,
        cursor: { y: false, points: { size: 7 } },
        legend: { live: true },
        scales: { x: { time: false }, y: this.range ? { range: this.range } : {} },
        axes: [
          { ...axis, values: whole, incrs: WHOLE },
          { ...axis, size: 64, values: (_, splits) => splits.map((at) => (this.range ? `${Number((100 * at).toFixed(1))} %` : brief(at))) },
        ],
        series: [
          { label: this.across, value: (_, at) => (at === null ? "–" : at.toLocaleString("en")) },
          ...this.drawn.map(([name, ink, dash]) => ({
            label: name,
            stroke: colour(ink),
            width: 2,
            dash,
            spanGaps: true,
            points: { show: this.across === "epoch", size: 6 },
            value: (_, number) => (number === null ? "–" : this.words(number)),
          })),
        ],
      },
      this.data,
      this.place,
    );
  }

  #resize() {
    const width = this.root.clientWidth;
    if (!width) return;
    if (this.plot) this.plot.setSize({ width, height: HEIGHT });
    else this.rebuild();
  }

  close() {
    this.resizing.disconnect();
    this.plot?.destroy();
    this.plot = null;
  }
}
