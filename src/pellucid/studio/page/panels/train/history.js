/** What a run has logged, as curves: kept in the page, thinned by taking means of pairs before it grows too long. */

const MOST_POINTS = 6000;
const SECONDS_OF_PACE = 20;

/** The lines of a run that were sent so far. */
export class History {
  constructor() {
    this.clear();
  }

  clear() {
    this.steps = [];
    this.losses = [];
    this.rates = [];
    this.counts = [];
    this.epochs = [];
    this.judgement = null;
    /** @type {[number, number][]} when, and how many steps were done then */
    this.pace = [];
  }

  /** Take in lines that the server sent at `at`, in seconds. */
  add(lines, at, live) {
    for (const line of lines) {
      if (line.event === "batch") {
        this.steps.push(line.step);
        this.losses.push(line.loss);
        this.rates.push(line.learning_rate);
        this.counts.push(line.lines);
      } else if (line.event === "epoch") this.epochs.push(line);
    }
    if (this.steps.length > MOST_POINTS) this.#halve();
    const done = Math.max(this.steps.at(-1) ?? 0, this.epochs.at(-1)?.step ?? 0);
    if (live && lines.length) {
      this.pace.push([at, done]);
      while (this.pace.length > 2 && at - this.pace[0][0] > SECONDS_OF_PACE) this.pace.shift();
    }
  }

  /** Steps a second: as watched, or as the last epoch took. */
  stepsPerSecond() {
    const [first, last] = [this.pace[0], this.pace.at(-1)];
    if (first && last[0] - first[0] > 2) return (last[1] - first[1]) / (last[0] - first[0]);
    const epoch = this.epochs.at(-1);
    const before = this.epochs.at(-2)?.step ?? 0;
    return epoch?.seconds > 0 ? (epoch.step - before) / epoch.seconds : null;
  }

  #halve() {
    const half = (numbers, join) => {
      const halved = [];
      for (let at = 0; at + 1 < numbers.length; at += 2) halved.push(join(numbers[at], numbers[at + 1], at));
      if (numbers.length % 2) halved.push(numbers.at(-1));
      return halved;
    };
    const { counts } = this;
    this.losses = half(this.losses, (one, next, at) => (one * counts[at] + next * counts[at + 1]) / (counts[at] + counts[at + 1]));
    this.steps = half(this.steps, (_, next) => next);
    this.rates = half(this.rates, (_, next) => next);
    this.counts = half(counts, (one, next) => one + next);
  }
}
