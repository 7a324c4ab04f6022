/** Training, live: every run and what it is doing, the one that is watched, and a form for a new one. */

import { element, fill } from "/modules/dom.js";
import { addressOf, ask, mayWrite, send } from "../server.js";
import { wayBar } from "../way.js";
import { Curves } from "./train/curves.js";
import { TrainingForm } from "./train/form.js";
import { History } from "./train/history.js";
import { Looks } from "./train/looks.js";
import { SIGNS, scoreOf, sentenceOf } from "./train/state.js";
import { StepByHand } from "./train/step.js";

const SECONDS_BETWEEN_DRAWINGS = 2;

/** @type {import("../main.js").Panel} */
export const training = { name: "train", title: "Train", open: (studio) => new TrainView(studio) };

class TrainView {
  constructor(studio) {
    this.studio = studio;
    this.history = new History();
    this.curves = new Curves();
    this.looks = new Looks(studio);
    this.looks.again = () => this.#look();
    this.byHand = new StepByHand(studio);
    this.form = new TrainingForm(studio, (name) => this.#started(name));
    this.list = element("div", { class: "run-list", role: "list" });
    this.sentence = element("p", { class: "sentence", "aria-live": "polite" });
    this.filling = element("span", { class: "fill" });
    this.track = element("div", { class: "progress track", role: "progressbar", "aria-label": "Progress of the training", "aria-valuemin": 0, "aria-valuemax": 100 }, this.filling);
    this.buttons = element("div", { class: "buttons" });
    this.remarks = element("div", { class: "remarks" });
    this.log = element("pre", {});
    this.logPart = element("details", { class: "log" }, element("summary", {}, "What its process printed"), this.log);
    this.curvesPart = element("section", { "aria-label": "Curves" }, this.curves.root);
    this.watched = element(
      "section",
      { class: "watched", "aria-label": "The run that is watched", hidden: true },
      element("div", { class: "doing" }, this.sentence, this.track, this.buttons, this.remarks),
      this.curvesPart,
      this.looks.root,
      this.byHand.root,
      this.logPart,
    );
    this.nothing = element("p", { class: "quiet", hidden: true }, "There is no run yet: begin a training.");
    this.root = element(
      "div",
      { class: "train" },
      element(
        "section",
        { class: "runs-column", "aria-label": "Runs" },
        element("div", { class: "runs-head" }, element("h2", {}, "Runs"), element("button", { type: "button", class: "primary", onclick: () => this.#begin("{}") }, "New training")),
        this.list,
      ),
      element("div", { class: "train-column" }, this.form.root, this.nothing, this.watched),
    );
    fill(document.getElementById("way"));
    this.seen = () => this.#look();
    document.addEventListener("visibilitychange", this.seen);
    this.ticking = setInterval(() => this.#tell(), 1000);
  }

  get name() {
    return this.studio.get("train") ?? this.studio.get("run");
  }

  async update() {
    const { name } = this;
    if (!this.source || name !== this.watching) this.#watch(name);
    this.#look();
    await this.form.show(this.studio.get("ask"));
  }

  close() {
    this.source?.close();
    clearInterval(this.ticking);
    clearTimeout(this.drawing);
    this.looks.clear();
    document.removeEventListener("visibilitychange", this.seen);
    this.curves.close();
  }

  escape() {
    if (this.studio.get("ask") !== null) this.studio.go({ ask: null });
  }

  repaint() {
    this.curves.repaint();
    this.looks.repaint();
  }

  #watch(name) {
    this.source?.close();
    this.watching = name;
    this.run = null;
    this.stopping = null;
    this.history.clear();
    this.looks.clear();
    this.watched.hidden = true;
    delete document.body.dataset.state;
    const source = (this.source = new EventSource(addressOf("/api/events", { run: name })));
    const on = (event, act) => source.addEventListener(event, (message) => source === this.source && act(JSON.parse(message.data)));
    on("runs", ({ runs }) => this.#list(runs));
    on("state", (run) => this.#state(run));
    on("lines", (news) => this.#lines(news));
    on("damage", ({ reason }) => this.studio.complain(reason));
    on("gone", () => this.#gone());
    source.addEventListener("open", () => {
      if (this.lost) this.studio.complain(null);
      this.lost = false;
    });
    source.addEventListener("error", () => {
      if (source !== this.source) return;
      this.lost = true;
      this.studio.complain("The studio does not answer. Trainings go on without it; this page looks for it again by itself.");
    });
  }

  #list(runs) {
    this.nothing.hidden = runs.length > 0 || this.studio.get("ask") !== null;
    const before = /** @type {HTMLElement | null} */ (document.activeElement)?.dataset?.run;
    fill(
      this.list,
      ...runs.map((run) => {
        const [sign, word] = SIGNS[run.state];
        const chosen = run.name === this.name;
        const about = run.is_run ? `${run.network} · ${run.data.split("/").at(-1)} · ${run.recipe}` : "";
        return element(
          "div",
          { role: "listitem" },
          element(
            "button",
            { type: "button", class: `run-button ${run.state}`, "data-run": run.name, "aria-current": chosen ? "true" : null, onclick: () => this.#choose(run) },
            element("span", { class: "run-name" }, run.name),
            element("span", { class: "run-state" }, element("span", { "aria-hidden": "true" }, `${sign} `), word),
            element("span", { class: "quiet" }, [scoreOf(run), about].filter(Boolean).join(" · ")),
          ),
        );
      }),
    );
    if (before) this.list.querySelector(`[data-run="${CSS.escape(before)}"]`)?.focus();
    const names = runs.filter((run) => run.is_run).map((run) => run.name).sort().join("\n");
    if (this.names !== undefined && names !== this.names) this.studio.trying(() => this.studio.listRuns(true)).then(() => this.studio.chooser?.update());
    this.names = names;
  }

  #choose(run) {
    if (run.is_run) this.studio.go({ run: run.name, train: null, ask: null, epoch: null, image: null, unit: null, way: null });
    else this.studio.go({ train: run.name, ask: null });
  }

  #started(name) {
    this.studio.complain(null);
    this.studio.go({ train: name, ask: null });
  }

  #gone() {
    const name = this.watching;
    this.studio.facts.delete(name);
    this.studio.go({ run: null, train: null, epoch: null, image: null, unit: null, way: null }, { replace: true });
    this.studio.complain(`There is no run ${name} any more: it was removed, moved or renamed.`);
    document.body.dataset.state = "gone";
  }

  #state(run) {
    const before = this.run;
    this.run = run;
    if (run.is_run && this.studio.get("train") === run.name) {
      this.watching = run.name;
      this.studio.trying(() => this.studio.listRuns(true)).then(() =>
        this.studio.go({ run: run.name, train: null, epoch: null, image: null, unit: null, way: null }, { replace: true }),
      );
    }
    if (run.state !== "training") this.stopping = null;
    const changed = !before || before.state !== run.state || (before.kept ?? []).join() !== (run.kept ?? []).join();
    if (before && changed && run.is_run) {
      this.studio.trying(() => Promise.all([this.studio.listRuns(true), this.studio.factsOf(run.name, true)])).then(() => this.studio.chooser?.update());
    }
    this.#tell();
    if (changed || before.known !== run.known) this.#offer();
    this.byHand.show(run);
    this.#look();
    document.body.dataset.state = run.state;
  }

  #lines({ restart, lines, at }) {
    if (restart) this.history.clear();
    this.history.add(lines, at, !restart);
    // Drawing costs the training's machine, too: what is new at once, what follows every other second.
    const wait = restart ? 0 : Math.max(0, (this.drawn ?? 0) + SECONDS_BETWEEN_DRAWINGS * 1000 - Date.now());
    this.drawing ??= setTimeout(() => {
      this.drawing = null;
      this.drawn = Date.now();
      this.curves.show(this.history);
      document.body.dataset.points = String(this.history.steps.length);
    }, wait);
  }

  /** Say what is going on. */
  #tell() {
    const { run } = this;
    if (!run) return;
    this.watched.hidden = false;
    const text = sentenceOf(run, this.history, this.stopping === run.name);
    if (this.sentence.textContent !== text) this.sentence.textContent = text;
    this.curvesPart.hidden = !run.is_run || run.is_fitted;
    const total = run.steps_per_epoch ? run.steps_per_epoch * run.epochs : 0;
    const share = run.state === "finished" || run.state === "evaluating" ? 1 : total ? Math.min(1, run.progress.step / total) : 0;
    this.track.hidden = !run.is_run;
    this.filling.style.width = `${100 * share}%`;
    this.track.setAttribute("aria-valuenow", String(Math.round(100 * share)));
    fill(
      this.remarks,
      run.failure ? element("p", { class: "wrong" }, run.state === "damaged" ? null : element("strong", {}, "Its process ended: "), run.failure) : null,
      run.damage ? element("p", { class: "wrong" }, run.damage) : null,
      run.known === false ? element("p", { class: "quiet" }, "It is trained by a process that is not known on this machine; stop it where it was started (Ctrl-C).") : null,
      run.is_fitted ? element("p", { class: "quiet" }, "Its backbone is frozen: the last layer is fitted at once, so there are no steps to draw.") : null,
    );
    this.logPart.hidden = !run.log;
    if (this.log.textContent !== run.log) this.log.textContent = run.log;
    if (run.way?.command !== this.way) wayBar(this.studio, run.way ?? { command: run.command, python: "" }, null);
    this.way = run.way?.command;
  }

  #offer() {
    const { run } = this;
    const button = (text, title, act, first = false) => element("button", { type: "button", class: first ? "primary" : null, title, disabled: !mayWrite(), onclick: act }, text);
    const doing = (path) => async () => {
      const done = await this.studio.trying(() => send(path, { run: run.name }));
      if (done) this.studio.complain(null);
      return done;
    };
    const pause = async () => {
      this.stopping = run.name;
      this.#tell();
      if (!(await doing("/api/training/stop")())) this.stopping = null;
    };
    const offers = {
      starting: [button("Stop", "Nothing is trained yet, so nothing is lost", doing("/api/training/stop"))],
      training: run.known ? [button("Pause: stop and keep everything", "It finishes its step and keeps everything", pause, true)] : [],
      stopped: [button("Continue", "From where it stopped, to the same weights, bit for bit", doing("/api/training/resume"), true)],
      failed: [button("Take it out of the list", "It never became a run", async () => (await doing("/api/training/forget")()) && this.studio.go({ train: null }))],
      finished: [button("More epochs …", "What that means for this run", () => this.#again(2))],
      evaluating: [],
      damaged: [],
    }[run.state];
    if (run.is_run && run.state !== "finished") offers.push(button("Another like it …", "A form with its settings", () => this.#again(1)));
    if (run.is_run) offers.push(element("button", { type: "button", onclick: () => this.studio.go({ run: run.name }, { view: "see" }), disabled: !run.kept.length }, "See an image through it"));
    fill(this.buttons, ...offers, mayWrite() ? null : element("span", { class: "quiet" }, "This page may only look."));
  }

  async #again(times) {
    const said = await this.studio.trying(() => ask("/api/training/again", { run: this.run.name }));
    if (!said) return;
    const { form } = said;
    if (times > 1) form.settings.epochs = String(said.epochs * times);
    this.#begin(JSON.stringify(form), times > 1 ? said.words : null);
  }

  #begin(asked, reason = null) {
    this.form.reason = reason;
    this.studio.go({ ask: asked });
    scrollTo({ top: 0 });
  }

  #look() {
    const { run } = this;
    if (run?.is_run && run.name === this.name) this.looks.show(run, run.kept);
  }
}
