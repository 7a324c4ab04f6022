/** The studio: which view is shown, of which run and epoch; every view is a panel of its own. */

import { element, fill } from "/modules/dom.js";
import { forgetColours } from "/modules/draw.js";
import { Address } from "./address.js";
import { chooser } from "./choosing.js";
import { Glossary } from "./glossary.js";
import { helpButton } from "./help.js";
import { PANELS } from "./panels.js";
import { Projector } from "./projector.js";
import { Refused, ask, takeToken } from "./server.js";
import { themeSwitch } from "./theme.js";
import { Tour } from "./tour.js";
import { trustBox } from "./trusting.js";

/**
 * @typedef {object} Panel
 * @property {string} name as it stands in the address
 * @property {string} title
 * @property {(studio: Studio) => PanelView} open
 *
 * @typedef {object} PanelView
 * @property {HTMLElement} root
 * @property {() => void | Promise<void>} update the address has changed
 * @property {() => void} [close]
 * @property {() => void} [escape] Escape was pressed, and nothing else took it
 * @property {() => void | Promise<void>} [repaint] colours have changed, or how many digits are shown
 */

/** What all panels share. */
export class Studio {
  constructor() {
    this.runs = [];
    this.facts = new Map();
    this.panel = null;
    this.opened = null;
    this.address = new Address(() => this.follow());
  }

  /** Go elsewhere: `studio.go({ unit: "fc2[3]" })`, `studio.go({ image: "test/3" }, { view: "see" })`. */
  go(changes, how = {}) {
    this.address.go(changes, how);
  }

  get(name) {
    return this.address.get(name);
  }

  /** Show a message, a text or an element of its own, or take it away. */
  complain(message) {
    fill(document.getElementById("trouble"), typeof message === "string" && message ? element("p", {}, message) : message || null);
  }

  /** Do something that the server may refuse; show why. */
  async trying(action) {
    try {
      return await action();
    } catch (error) {
      if (error.name === "AbortError") return undefined;
      if (error instanceof Refused && error.said.untrusted) {
        this.complain(trustBox(this, error.message));
        return undefined;
      }
      this.complain(error instanceof Refused ? error.message : `Something went wrong in this page: ${error.message}`);
      if (!(error instanceof Refused)) console.error(error);
      return undefined;
    }
  }

  /** What a run is, asked for once; `again` after it has changed. */
  async factsOf(run, again = false) {
    if (again || !this.facts.has(run)) this.facts.set(run, ask("/api/run", { run }));
    try {
      return await this.facts.get(run);
    } catch (error) {
      this.facts.delete(run);
      throw error;
    }
  }

  /** The list of runs, the newest first; `again` asks once more. */
  async listRuns(again = false) {
    if (again || !this.runs.length) {
      const { runs, damaged } = await ask("/api/runs");
      this.runs = runs;
      this.#damaged(damaged);
    }
    return this.runs;
  }

  /** Name the runs that are damaged: none is left out unsaid. */
  #damaged(damaged) {
    const lines = damaged.map(({ name, reason }) => element("p", {}, element("code", {}, name), `: ${reason}`));
    const title = damaged.length === 1 ? "1 run of this folder is damaged" : `${damaged.length} runs of this folder are damaged`;
    fill(document.getElementById("notes"), damaged.length ? element("details", {}, element("summary", {}, title), ...lines) : null);
  }

  async start() {
    takeToken();
    this.projector = new Projector(this);
    this.tour = new Tour(this);
    this.glossary = new Glossary(document.getElementById("view"));
    const tools = [
      themeSwitch(() => this.trying(() => this.opened?.repaint?.())),
      this.projector.button,
      helpButton(document.getElementById("help"), () => this.tour.start()),
    ];
    fill(document.getElementById("tools"), ...tools);
    document.getElementById("view").after(this.projector.bar);
    await this.trying(() => this.listRuns(true));
    if (!this.get("run") && this.runs.length) this.address.go({ run: this.runs[0].name }, { replace: true });
    this.chooser = chooser(this);
    fill(document.getElementById("chosen-run"), this.chooser.run);
    fill(document.getElementById("chosen-epoch"), this.chooser.epoch);
    document.addEventListener("keydown", (event) => this.#key(event));
    document.querySelector(".skip").addEventListener("click", (event) => {
      event.preventDefault(); // the address's fragment is the view's
      document.getElementById("view").focus();
    });
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
      forgetColours();
      this.trying(() => this.opened?.repaint?.());
    });
    this.follow();
    this.tour.offer();
    document.body.dataset.ready = "true";
  }

  /** Show what the address says. */
  follow() {
    const panel = PANELS.find(({ name }) => name === this.address.view) ?? PANELS[0];
    if (panel !== this.panel) {
      this.opened?.close?.();
      this.complain(null);
      this.panel = panel;
      // A panel's names of classes are its own: only its style sheets count while it is shown.
      for (const sheet of /** @type {NodeListOf<HTMLLinkElement>} */ (document.querySelectorAll("link[data-panels]"))) {
        sheet.disabled = !sheet.dataset.panels.split(" ").includes(panel.name);
      }
      this.opened = panel.open(this);
      fill(document.getElementById("view"), this.opened.root);
      document.title = `${panel.title} · pellucid studio`;
    }
    this.#tabs();
    this.chooser?.update();
    this.tour.update();
    this.projector.update();
    return this.trying(() => this.opened.update());
  }

  #tabs() {
    const links = PANELS.map(({ name, title }) =>
      element("a", { href: this.address.with({}, name), "aria-current": name === this.panel.name ? "page" : null }, title),
    );
    fill(document.getElementById("tabs"), ...links);
  }

  #key(event) {
    const typing = /^(INPUT|TEXTAREA|SELECT)$/.test(event.target.tagName);
    if (event.key === "Escape" && !document.querySelector("dialog[open]")) {
      if (typing) event.target.blur();
      else this.opened?.escape?.();
    }
  }
}

const studio = new Studio();
globalThis.studio = studio; // for whoever opens the console
studio.start();
