/** A quiet tour: four clicks on the person's own image, from a pixel to the answer; it can be left at any time. */

import { element, fill } from "/modules/dom.js";

const KEY = "pellucid-tour";

/**
 * @typedef {object} Stop
 * @property {string} ask what to click
 * @property {string} target where it is
 * @property {(target: HTMLElement) => void} click does it for who presses "Do it for me"
 * @property {RegExp | null} unit the unit that is then chosen; null where the click itself is what counts
 * @property {string} told what is seen then
 */

/** @type {Stop[]} */
const STOPS = [
  {
    ask: "Click a pixel of the image.",
    target: "#seen canvas",
    click: clickMiddle,
    unit: /^input\[/,
    told: "This is all that a network gets: one number for each pixel. The byte, 0 to 255, is shifted and scaled so that the numbers lie around zero. Its arithmetic stands under “One unit”.",
  },
  {
    ask: "Now click one of the maps of the first layer.",
    target: "#layers .layer[data-node='1']",
    click: (target) => mapIn(target)?.click(),
    unit: /./,
    told: "A unit looks through a small window at the image. Each number under the window is multiplied by a weight that was learned: window × weights = products. Point at a cell to read its product.",
  },
  {
    ask: "Now click the class with the longest bar in the last layer.",
    target: "#layers > .layers > :last-child",
    click: (target) => longestBar(target)?.click(),
    unit: /./,
    told: "All products of a unit are added up, and a bias is added. This last sum is the evidence for one class, its logit. “By hand” is the same sum done again, and it agrees with the network.",
  },
  {
    ask: "Last, click the answer.",
    target: "#answer",
    click: (target) => target.click(),
    unit: null,
    told: "The logits of all classes become probabilities: the larger the evidence, the larger the share. So the answer is nothing but products and sums, and you can click every one of them. Draw or drop an image of your own next.",
  },
];

/** The tour; `tour=2` in the address is its second click. */
export class Tour {
  /** @param {import("./main.js").Studio} studio */
  constructor(studio) {
    this.studio = studio;
    this.place = document.getElementById("tour");
    this.done = false;
    document.addEventListener("click", (event) => {
      const stop = this.stop;
      if (stop && !stop.unit && !this.done && event.target instanceof Element && event.target.closest(stop.target)) this.#reached();
    });
  }

  /** Offer it once to who has never been here. */
  offer() {
    if (localStorage.getItem(KEY) || this.studio.get("tour") || !this.studio.runs.length || this.studio.get("projector")) return;
    const answer = (start) => {
      localStorage.setItem(KEY, "offered");
      fill(this.place);
      if (start) this.start();
    };
    fill(
      this.place,
      element(
        "aside",
        { class: "offer", "aria-label": "A tour" },
        element("span", {}, "New here? Four clicks, two minutes: from a pixel to the answer, on your own image."),
        element("button", { type: "button", onclick: () => answer(true) }, "Start the tour"),
        element("button", { type: "button", onclick: () => answer(false) }, "No, thank you"),
      ),
    );
  }

  start() {
    this.studio.go({ tour: 1, unit: null, way: null, projector: null }, { view: "see" });
  }

  leave() {
    this.studio.go({ tour: null }, { replace: true });
  }

  /** The address has changed: another click of the tour, or a unit was chosen. */
  update() {
    const asked = Number.parseInt(this.studio.get("tour") ?? "", 10);
    const number = Number.isNaN(asked) ? null : Math.min(STOPS.length, Math.max(1, asked));
    if (number !== this.number) {
      this.number = number;
      this.stop = number === null ? null : STOPS[number - 1];
      this.done = false;
      this.before = this.studio.get("unit");
      if (this.stop) localStorage.setItem(KEY, "seen");
      this.#show();
      if (this.stop) this.card?.focus({ preventScroll: true });
      return;
    }
    const unit = this.studio.get("unit");
    if (this.stop?.unit && !this.done && unit && unit !== this.before && this.stop.unit.test(unit)) this.#reached();
  }

  #reached() {
    this.done = true;
    this.#show();
  }

  #show() {
    clearTimeout(this.timer);
    for (const marked of document.querySelectorAll(".tour-target")) marked.classList.remove("tour-target");
    document.body.classList.toggle("touring", Boolean(this.stop));
    if (!this.stop) {
      fill(this.place);
      return;
    }
    const { stop, number, done } = this;
    const last = number === STOPS.length;
    const next = () => (last ? this.leave() : this.studio.go({ tour: number + 1 }));
    const help = () => {
      const target = placeOf(stop);
      if (target) stop.click(target);
    };
    this.card = element(
      "aside",
      { class: "tour-card", "aria-label": "The tour", tabindex: -1 },
      element("p", { class: "quiet" }, `${number} of ${STOPS.length}`),
      element("p", { "aria-live": "polite" }, done ? stop.told : stop.ask),
      element(
        "div",
        { class: "buttons" },
        element("button", { type: "button", onclick: done ? next : help }, done ? (last ? "Done" : "Go on") : "Do it for me"),
        last && done ? null : element("button", { type: "button", onclick: () => this.leave() }, "Leave the tour"),
      ),
    );
    fill(this.place, this.card);
    if (!done) this.#point();
  }

  /** Mark what is to be clicked, as soon as it is there. */
  #point(tries = 6) {
    const target = placeOf(this.stop);
    if (!target) {
      this.timer = setTimeout(() => this.#point(), 200);
      return;
    }
    target.classList.add("tour-target");
    target.scrollIntoView({ block: "center", behavior: "auto" });
    // Maps above it may still be painted and push it down: it is brought back until it stays.
    const { top } = target.getBoundingClientRect();
    this.timer = setTimeout(() => {
      if (tries > 1 && Math.abs(target.getBoundingClientRect().top - top) > 4) this.#point(tries - 1);
    }, 400);
  }
}

/** @returns {HTMLElement | null} */
function placeOf(stop) {
  return document.querySelector(stop.target);
}

/** @returns {HTMLElement | null} */
function mapIn(target) {
  return target.querySelector(".map");
}

function clickMiddle(target) {
  const box = target.getBoundingClientRect();
  const place = { clientX: box.left + box.width / 2, clientY: box.top + box.height / 2, bubbles: true };
  target.dispatchEvent(new MouseEvent("click", place));
}

function longestBar(target) {
  const bars = [...target.querySelectorAll(".logit")];
  const length = (bar) => (bar.querySelector(".below") ? -1 : Number.parseFloat(bar.querySelector(".fill")?.style.width ?? "0"));
  return bars.sort((one, other) => length(other) - length(one))[0];
}
