/** Where an image comes from: the run's own, the pad, a file or the camera. */

import { pickers } from "/modules/camera.js";
import { element, fill } from "/modules/dom.js";
import { Pad } from "/modules/pad.js";
import { addressOf, ask } from "../server.js";

const THUMBNAILS = 12;
const WAYS = { own: "Its images", draw: "Draw", open: "Open" };

/** The choice of an image. */
export class Sources {
  /**
   * @param {import("../main.js").Studio} studio
   * @param {{give: (file: File | Blob, name: string) => void, drawn: () => void}} calls
   */
  constructor(studio, calls) {
    this.studio = studio;
    this.calls = calls;
    this.run = null;
    this.first = 0;
    this.turn = 0;
    this.switch = element("div", { class: "switch", role: "group", "aria-label": "Where the image comes from" });
    this.place = element("div", { id: "source" });
    this.view = element("div", {}, this.switch, this.place);
  }

  /** Another run: its images, its pad. */
  begin(run, facts) {
    this.run = run;
    this.facts = facts;
    this.split = null;
    this.way = null;
    this.pad = new Pad(facts.pad, () => this.calls.drawn());
    const note = facts.pad.kind === "digit"
      ? `Draw large or small: as its training images were, the drawing is scaled into ${facts.pad.box} × ${facts.pad.box} pixels and centred by its mass.`
      : "Draw something; the network sees it at its own size.";
    this.drawing = element("div", { id: "pad" }, this.pad.view, element("p", { class: "quiet" }, note));
    this.own = element("div", { id: "samples" });
    const complain = (message) => this.studio.complain(message);
    this.opening = element("div", { id: "files" }, pickers(this.calls.give, complain), element("p", { class: "quiet" }, "or drop or paste one anywhere on this page."));
  }

  /** Show what the address says; `image` is the one that is shown. */
  update(image) {
    const asked = this.studio.get("from");
    const way = asked in WAYS ? asked : this.facts.missing ? "open" : "own";
    if (way !== this.way) {
      this.way = way;
      const buttons = Object.entries(WAYS).map(([name, title]) =>
        element("button", { type: "button", "aria-pressed": String(name === way), onclick: () => this.studio.go({ from: name }) }, title),
      );
      const focused = this.switch.contains(document.activeElement);
      fill(this.switch, ...buttons);
      if (focused) buttons[Object.keys(WAYS).indexOf(way)].focus();
      fill(this.place, { own: this.own, draw: this.drawing, open: this.opening }[way]);
    }
    if (way !== "own" || this.facts.missing) {
      if (this.facts.missing) fill(this.own, element("p", { class: "quiet" }, this.facts.missing));
      return;
    }
    const [, split, number] = /^(.+)\/(\d+)$/.exec(image ?? "") ?? [];
    const page = THUMBNAILS * Math.floor(Number(number ?? 0) / THUMBNAILS);
    if (!this.own.children.length || (split && image !== this.image && (split !== this.split || page !== this.first))) {
      this.#list(split ?? this.split, page);
    }
    this.image = image;
    for (const button of this.own.querySelectorAll(".sample")) button.setAttribute("aria-pressed", String(button.dataset.image === image));
  }

  #list(split, first) {
    const turn = ++this.turn;
    const { run, facts } = this;
    return this.studio.trying(async () => {
      const said = await ask("/api/images", { run, split, first, count: THUMBNAILS });
      if (turn !== this.turn || run !== this.run) return;
      this.split = said.split;
      this.first = first;
      fill(this.own, element("div", { class: "thumbnails" }, ...said.images.map((image) => this.#thumbnail(image, facts))), this.#pages(said));
    });
  }

  #thumbnail({ reference, source, label }, { classes }) {
    const { run, studio } = this;
    return element(
      "button",
      { type: "button", class: "sample", "data-image": reference, title: `${source}: ${classes[label]}`, "aria-label": `Image ${reference}, true label ${classes[label]}`, "aria-pressed": String(reference === this.image), onclick: () => studio.go({ image: reference }) },
      element("img", { src: addressOf("/api/picture", { run, image: reference }), alt: "", loading: "lazy" }),
    );
  }

  #pages({ split, count, images }) {
    const { first } = this;
    const go = (to) => this.#list(split, Math.max(0, Math.min(THUMBNAILS * Math.floor((count - 1) / THUMBNAILS), to)));
    const splits = Object.keys(this.facts.splits);
    const choice = element("select", { "aria-label": "Split", onchange: () => this.#list(choice.value, 0) }, ...splits.map((name) => element("option", { value: name, selected: name === split }, name)));
    const number = element("input", { type: "number", min: 0, max: count - 1, value: first, "aria-label": "Number of the image", title: `0 to ${count - 1}`, onchange: () => {
      const chosen = Math.max(0, Math.min(count - 1, Math.round(Number(number.value) || 0)));
      this.studio.go({ image: `${split}/${chosen}` });
    } });
    return element(
      "div",
      { class: "buttons pages" },
      splits.length > 1 ? choice : element("span", { class: "quiet" }, split),
      element("button", { type: "button", disabled: first === 0, "aria-label": "Earlier images", onclick: () => go(first - THUMBNAILS) }, "◀"),
      number,
      element("button", { type: "button", disabled: first + images.length >= count, "aria-label": "Later images", onclick: () => go(first + THUMBNAILS) }, "▶"),
      element("span", { class: "quiet" }, `of ${count.toLocaleString("en")}`),
    );
  }
}
