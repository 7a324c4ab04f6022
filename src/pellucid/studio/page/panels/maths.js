/** The mathematics, editable: a filter on numbers, a filter on an image, two functions. */

import { element, fill } from "/modules/dom.js";
import { forgetPaints } from "./maths/cells.js";
import { FunctionsPart } from "./maths/functions.js";
import { ImagePart } from "./maths/image.js";
import { NumbersPart } from "./maths/numbers.js";

/**
 * @typedef {object} Part one of the three
 * @property {HTMLElement} root
 * @property {() => void} update the address has changed
 * @property {() => void} repaint
 * @property {() => void} close
 * @property {(across: number, down: number) => void} move by arrow keys, where nothing else took them
 */

const PARTS = [
  { name: "numbers", title: "Numbers", open: (studio) => new NumbersPart(studio) },
  { name: "image", title: "An image", open: (studio) => new ImagePart(studio) },
  { name: "functions", title: "Functions", open: (studio) => new FunctionsPart(studio) },
];
/** @type {Record<string, [number, number]>} across and down */
const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

/** @type {import("../main.js").Panel} */
export const mathematics = { name: "maths", title: "Maths", open: (studio) => new MathsView(studio) };

class MathsView {
  constructor(studio) {
    this.studio = studio;
    this.chosen = null;
    /** @type {Part | null} */
    this.part = null;
    this.tabs = element("nav", { class: "parts", "aria-label": "What is convolved" });
    this.place = element("div", {});
    this.root = element("div", { class: "maths" }, this.tabs, this.place);
    this.root.addEventListener("keydown", (event) => this.#key(event));
    this.keys = (event) => event.target === document.body && this.#key(event);
    document.addEventListener("keydown", this.keys);
  }

  update() {
    const chosen = PARTS.find(({ name }) => name === this.studio.get("part")) ?? PARTS[0];
    const links = PARTS.map(({ name, title }) =>
      element("a", { href: this.studio.address.with({ part: name }), "aria-current": name === chosen.name ? "true" : null }, title),
    );
    fill(this.tabs, ...links);
    if (chosen !== this.chosen) {
      this.part?.close();
      this.chosen = chosen;
      this.part = chosen.open(this.studio);
      fill(this.place, this.part.root);
    }
    this.part.update();
  }

  repaint() {
    forgetPaints();
    this.part?.repaint();
  }

  close() {
    document.removeEventListener("keydown", this.keys);
    this.part?.close();
    fill(document.getElementById("way"));
  }

  #key(event) {
    const arrow = ARROWS[event.key];
    const taken = event.defaultPrevented || event.altKey || event.ctrlKey || event.metaKey || event.shiftKey;
    if (!arrow || taken || /^(INPUT|TEXTAREA|SELECT)$/.test(event.target.tagName)) return;
    if (event.target === document.body && arrow[1]) return; // up and down scroll the page there
    event.preventDefault();
    this.part?.move(...arrow);
  }
}
