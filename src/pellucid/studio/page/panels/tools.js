/** What commands do, from the page: each shown with its command; long ones are jobs that can be stopped. */

import { element, fill } from "/modules/dom.js";
import { percent } from "/modules/numbers.js";
import { forgetAnswers, jobView, whyNot } from "../jobs.js";
import { addressOf, ask, mayWrite, send, sendFile } from "../server.js";
import { copying, wayBar } from "../way.js";

const TOP = 3;

/** @type {import("../main.js").Panel} */
export const doing = { name: "do", title: "Do", open: (studio) => new DoView(studio) };

class DoView {
  constructor(studio) {
    this.studio = studio;
    this.turn = 0;
    this.shown = null;
    this.cards = element("div", { class: "tool-cards" });
    this.predicting = element("div", { class: "predicting" });
    this.root = element(
      "div",
      { class: "doing" },
      element("section", {}, element("h2", {}, "Predict"), this.predicting),
      element("section", {}, element("h2", {}, "Measure, write, export"), this.cards),
    );
  }

  close() {
    fill(document.getElementById("way"));
  }

  async update() {
    const { studio } = this;
    const [run, epoch] = [studio.get("run"), studio.get("epoch")];
    const turn = ++this.turn;
    if (!run) {
      fill(this.cards, element("p", {}, "There is no run yet. Train a network first."));
      return;
    }
    const key = JSON.stringify([run, epoch]);
    if (this.shown === key) return;
    const [said, { jobs }] = await Promise.all([ask("/api/tools", { run, epoch }), ask("/api/jobs", { run })]);
    if (turn !== this.turn) return;
    this.shown = key;
    this.run = run;
    this.epoch = epoch;
    const newest = new Map(jobs.reverse().map((job) => [job.kind, job]));
    fill(this.cards, whyNot(), ...said.tools.map((tool) => this.#card(tool, newest.get(tool.name))));
    this.#predict(said, newest.get("predict"));
    wayBar(studio, { command: said.tools[0].command, python: `pellucid.evaluate(pellucid.open_run(${JSON.stringify(said.place)}))` }, null);
    document.body.dataset.tools = run;
  }

  #card(tool, job) {
    const place = element("div", { class: "job-place" });
    const files = element("ul", { class: "files-there" });
    const run = this.run;
    const start = element("button", { type: "button", class: "start", disabled: !mayWrite(), "aria-label": tool.title, onclick: () => this.studio.trying(begin) });
    let there = tool.there;
    const agreed = () => start.dataset.agreed === "true" || !there.length;
    const list = () => {
      fill(files, ...there.map((file) => fileRow(run, file)));
      start.dataset.agreed = "false";
      start.textContent = there.length ? "Start again …" : "Start";
      start.setAttribute("aria-label", `${tool.title}: ${start.textContent}`);
    };
    const begin = async () => {
      if (!agreed()) {
        start.dataset.agreed = "true";
        start.textContent = `Replace ${there.length > 1 ? `these ${there.length} files` : there[0].name}?`;
        start.setAttribute("aria-label", `${tool.title}: ${start.textContent}`);
        return;
      }
      const job = await send("/api/do", { run, tool: tool.name, epoch: this.epoch, replace: there.length > 0 });
      start.disabled = true;
      fill(place, jobView(this.studio, job, ended));
    };
    const ended = (job) => {
      start.disabled = !mayWrite();
      this.studio.trying(async () => {
        const said = await ask("/api/tools", { run, epoch: this.epoch });
        there = said.tools.find(({ name }) => name === tool.name).there;
        list();
        if (job.state !== "done" || tool.name !== "evaluate") return;
        forgetAnswers();
        await this.studio.factsOf(run, true);
        await this.studio.listRuns(true);
        this.studio.chooser.update();
      });
    };
    list();
    if (job) {
      start.disabled = job.state === "running";
      place.append(jobView(this.studio, job, job.state === "running" ? ended : () => {}));
    }
    return element(
      "article",
      { class: "tool-card", "data-tool": tool.name },
      element("h3", {}, tool.title),
      element("p", {}, tool.sentence),
      commandLine(tool.command),
      element("div", { class: "buttons" }, start),
      files,
      place,
    );
  }

  #predict(said, job) {
    const result = element("div", { class: "predictions", "aria-live": "polite" });
    const input = element("input", { type: "file", accept: "image/*", multiple: true, hidden: true, onchange: () => this.#give([...input.files], result) });
    const zone = element("button", { type: "button", class: "drop-zone", disabled: !mayWrite(), onclick: () => input.click() }, "Drop images here, or click to choose them");
    zone.addEventListener("dragover", (event) => {
      event.preventDefault();
      zone.classList.add("over");
    });
    zone.addEventListener("dragleave", () => zone.classList.remove("over"));
    zone.addEventListener("drop", (event) => {
      event.preventDefault();
      zone.classList.remove("over");
      this.#give([...event.dataTransfer.files], result);
    });
    const place = element("div", { class: "job-place" });
    const files = element("ul", { class: "files-there" });
    const list = (predicted) => fill(files, ...predicted.map((file) => fileRow(this.run, file)));
    const ended = () => this.studio.trying(async () => list((await ask("/api/tools", { run: this.run, epoch: this.epoch })).predicted));
    const folder = element("input", { type: "text", id: "folder", placeholder: "/home/me/photos", autocomplete: "off", spellcheck: "false" });
    const begin = (event) => {
      event.preventDefault();
      this.studio.trying(async () => {
        const started = await send("/api/do/folder", { run: this.run, epoch: this.epoch, folder: folder.value });
        this.studio.complain(null);
        fill(place, commandLine(started.command), jobView(this.studio, started, ended));
      });
    };
    const form = element("form", { class: "folder-form", onsubmit: begin }, element("label", { for: "folder" }, "or a folder, an archive or an image of this machine:"), element("div", { class: "buttons" }, folder, element("button", { type: "submit", disabled: !mayWrite() }, "Predict the folder")));
    list(said.predicted);
    if (job) place.append(commandLine(job.command), jobView(this.studio, job, job.state === "running" ? ended : () => {}));
    fill(this.predicting, element("p", {}, "Says of each image which class it is, how sure the network is, and where it is not sure enough to answer."), zone, input, result, form, element("p", { class: "quiet" }, `The table is written to predicted-….csv in ${said.place}; what is there already is kept, and the rest is added.`), files, place);
  }

  #give(images, place) {
    if (!images.length) return undefined;
    return this.studio.trying(async () => {
      fill(place, element("p", { class: "quiet", role: "status" }, "Predicting …"));
      const given = [];
      for (const image of images) given.push((await sendFile("/api/given/file", image, { name: image.name })).image);
      const said = await send("/api/predict", { run: this.run, epoch: this.epoch, images: given });
      this.studio.complain(null);
      const unsure = said.predictions.filter((entry) => entry.unsure).length;
      const unread = said.predictions.filter((entry) => entry.reason).length;
      const count = said.predictions.length;
      const parts = [`${count} ${count === 1 ? "image" : "images"}`, unsure ? `${unsure} unsure` : "", unread ? `${unread} unreadable` : ""].filter(Boolean);
      const rows = said.predictions.map((entry, at) => this.#predicted(entry, URL.createObjectURL(images[at])));
      fill(place, element("p", { class: "sentence" }, `${parts.join(", ")}, with the weights of epoch ${said.epoch}.`), element("ul", { class: "predicted" }, ...rows));
      wayBar(this.studio, said, null);
      document.body.dataset.predicted = String(count);
    }).then((done) => {
      if (done === undefined && !place.querySelector(".predicted")) fill(place);
    });
  }

  #predicted(entry, address) {
    const picture = element("img", { src: address, alt: "", onload: () => URL.revokeObjectURL(address), onerror: () => (picture.hidden = true) });
    const name = element("span", { class: "name" }, entry.source);
    if (entry.reason) return element("li", { class: "predicted-image" }, picture, element("div", {}, name, element("p", { class: "refused" }, `unreadable: ${entry.reason}`)));
    const shares = Object.entries(entry.probabilities).sort(([, one], [, other]) => other - one).slice(0, TOP);
    const see = element("button", { type: "button", class: "term", onclick: () => this.studio.go({ image: entry.image, unit: null }, { view: "see" }) }, "see it through the network");
    return element(
      "li",
      { class: "predicted-image" },
      picture,
      element(
        "div",
        {},
        name,
        element("p", {}, entry.unsure ? element("strong", { class: "unsure-word" }, "unsure; ") : null, entry.unsure ? "most likely " : null, element("strong", {}, entry.class)),
        element("p", { class: "quiet" }, shares.map(([label, share]) => `${label} ${percent(share)}`).join(" · ")),
        see,
      ),
    );
  }
}

function commandLine(command) {
  return element("div", { class: "command" }, element("code", {}, command), copying("copy", () => command));
}

function fileRow(run, { name, path, bytes, written, shown }) {
  const when = new Date(1000 * written).toLocaleString([], { dateStyle: "medium", timeStyle: "short" });
  const size = bytes < 1e6 ? `${Math.max(1, Math.round(bytes / 1e3)).toLocaleString("en")} kB` : `${(bytes / 1e6).toFixed(1)} MB`;
  const open = shown ? element("a", { href: addressOf("/api/result", { run, file: name }), target: "_blank", rel: "noopener" }, "open") : null;
  const save = element("a", { href: addressOf("/api/result", { run, file: name, save: 1 }), download: name }, "download");
  return element("li", { title: path }, element("code", {}, name), element("span", { class: "quiet" }, ` ${size}, ${when} `), open, open ? " · " : null, save);
}
