/** The projector view: large type, few digits, one thing at a time; the arrow keys go on and back. */

import { element, fill } from "/modules/dom.js";
import { showDigits } from "/modules/numbers.js";
import { isTaken, turnOf } from "./keys.js";

const DIGITS = 3;
const SETTLED = 150;

/** The switch in the bar, and what it does; `projector=3` in the address is the third thing of the view. */
export class Projector {
  /** @param {import("./main.js").Studio} studio */
  constructor(studio) {
    this.studio = studio;
    this.on = false;
    this.unit = null;
    this.shown = null;
    this.button = element("button", { type: "button", "aria-pressed": "false", title: "Large type, one thing at a time, for a room", onclick: () => this.toggle() }, "projector");
    this.bar = element("div", { class: "stops", role: "group", "aria-label": "One thing at a time", hidden: true });
    document.addEventListener("keydown", (event) => {
      const by = this.on && !isTaken(event) ? turnOf(event) : 0;
      if (!by) return;
      event.preventDefault();
      this.turn(by);
    });
    // What a view holds comes and goes as it is filled; the thing that is shown is found again in what is there.
    this.watcher = new MutationObserver(() => {
      clearTimeout(this.timer);
      this.timer = setTimeout(() => this.#show(), SETTLED);
    });
  }

  toggle() {
    const stops = this.#stops();
    const first = ["#unit .unit", "#answer > *"].map((what) => stops.findIndex((stop) => stop.querySelector(what))).find((at) => at >= 0) ?? 0;
    this.studio.go({ projector: this.on ? null : first + 1, tour: null }, { replace: true });
  }

  /** The address has changed. */
  update() {
    const on = this.studio.get("projector") !== null;
    if (on !== this.on) {
      this.on = on;
      document.body.classList.toggle("projector", on);
      this.button.setAttribute("aria-pressed", String(on));
      showDigits(on ? DIGITS : null);
      if (on) this.watcher.observe(document.getElementById("view"), { childList: true, subtree: true });
      else this.watcher.disconnect();
      this.studio.trying(() => this.studio.opened?.repaint?.());
    }
    const unit = this.studio.get("unit");
    if (on && unit && unit !== this.unit && this.unit !== null) this.wantsUnit = true;
    this.unit = unit ?? "";
    this.#show();
  }

  /** Go on or back by so many things. */
  turn(by) {
    const count = this.#stops().length;
    const at = Math.min(count, Math.max(1, this.#number(count) + by));
    this.studio.go({ projector: at }, { replace: true });
    document.getElementById("view").focus({ preventScroll: true });
    scrollTo(0, 0);
  }

  /** The things of a view: its innermost sections, in the order in which they stand. */
  #stops() {
    const sections = [...document.querySelectorAll("#view section")];
    return sections.filter((section) => !section.querySelector("section") && section.textContent.trim() && !section.closest("[hidden], details:not([open])"));
  }

  #number(count) {
    const asked = Number.parseInt(this.studio.get("projector") ?? "1", 10);
    return Math.min(count, Math.max(1, Number.isNaN(asked) ? 1 : asked));
  }

  #show() {
    this.bar.hidden = !this.on;
    for (const section of document.querySelectorAll("#view .on-screen")) section.classList.remove("on-screen");
    if (!this.on) return;
    const stops = this.#stops();
    this.bar.hidden = stops.length < 2;
    const unitStop = stops.findIndex((section) => section.querySelector("#unit .unit"));
    if (this.wantsUnit && unitStop >= 0) {
      this.wantsUnit = false;
      this.studio.go({ projector: unitStop + 1 }, { replace: true });
      return;
    }
    const number = this.#number(stops.length);
    const stop = stops[number - 1];
    for (let at = stop; at && at.id !== "view"; at = at.parentElement) at.classList.add("on-screen");
    const step = (by, sign, label) =>
      element("button", { type: "button", "aria-label": label, disabled: number + by < 1 || number + by > stops.length, onclick: () => this.turn(by) }, sign);
    const name = stop?.getAttribute("aria-label") ?? stop?.querySelector("h2, h3")?.textContent ?? "";
    fill(this.bar, step(-1, "◀", "The thing before"), element("span", { "aria-live": "polite" }, `${number} of ${stops.length}: ${name}`), step(1, "▶", "The next thing"));
  }
}
