/** Asking while somebody types: a moment's wait, only the newest question, and the fields that the answer is about. */

import { element, fill } from "/modules/dom.js";
import { copying } from "../../way.js";
import { Refused, addressOf } from "../../server.js";

/** Questions are at least so many milliseconds apart; the first of a burst is asked at once. */
const APART = 40;

/** Bytes of an address, at most: the server refuses longer ones. */
const LONGEST = 4000;

/** Refuse what is too long to be asked for in an address, beside the longest of its fields. */
export function checkLength(path, parameters) {
  const { length } = addressOf(path, parameters); // it is written in ASCII
  if (length <= LONGEST) return;
  const [[name]] = Object.entries(parameters).sort(([, left], [, right]) => (right?.length ?? 0) - (left?.length ?? 0));
  const message = `this is more than this page takes: ${length.toLocaleString("en")} characters, written as an address; expected at most ${LONGEST.toLocaleString("en")}`;
  throw new Refused(message, { mistakes: { [name]: message } });
}

/** One stream of questions of which only the newest matters. */
export class Live {
  /**
   * @param {(parameters: Record<string, any>, signal: AbortSignal) => Promise<any>} question
   * @param {(answer: any) => void} show
   * @param {(error: Error) => void} refuse
   */
  constructor(question, show, refuse) {
    this.question = question;
    this.show = show;
    this.refuse = refuse;
    this.key = null;
  }

  /** Ask, if it is not what was asked last. */
  want(parameters) {
    const key = JSON.stringify(parameters);
    if (key === this.key) return;
    this.key = key;
    clearTimeout(this.timer);
    const wait = Math.max(0, (this.asked ?? -APART) + APART - performance.now());
    this.timer = setTimeout(() => this.#ask(parameters, key), wait);
  }

  close() {
    clearTimeout(this.timer);
    this.aborting?.abort();
    this.key = null;
  }

  async #ask(parameters, key) {
    this.asked = performance.now();
    this.aborting?.abort();
    this.aborting = new AbortController();
    let answer;
    try {
      checkLength("/api/maths/functions", parameters);
      answer = await this.question(parameters, this.aborting.signal);
    } catch (error) {
      if (error.name === "AbortError" || key !== this.key) return;
      if (!error.said?.mistakes) this.key = null; // the same may be asked again
      this.refuse(error);
      return;
    }
    if (key === this.key) this.show(answer);
  }
}

/** A labelled control with a place beside it for what is wrong with it. */
export class Field {
  /**
   * @param {string} title
   * @param {HTMLInputElement | HTMLSelectElement} control
   * @param {{help?: string, wide?: boolean}} [how]
   */
  constructor(title, control, { help = "", wide = false } = {}) {
    this.control = control;
    control.setAttribute("aria-label", title);
    this.mistake = element("p", { class: "mistake", role: "alert", hidden: true });
    const label = element("label", { title: help || null }, element("span", {}, title), control);
    this.root = element("div", { class: wide ? "field-box wide" : "field-box" }, label, this.mistake);
  }

  /** Show what is wrong; nothing is. */
  say(message) {
    saying(this.mistake, this.control, message);
  }

  /** Show a value, unless somebody is typing there. */
  show(value) {
    if (document.activeElement !== this.control) this.control.value = value;
  }
}

/** Show what is wrong with a control, or that nothing is. */
export function saying(place, control, message) {
  place.hidden = !message;
  if (place.textContent !== (message ?? "")) place.textContent = message ?? "";
  if (message) control.setAttribute("aria-invalid", "true");
  else control.removeAttribute("aria-invalid");
}

/** A list to choose from. */
export function choice(options, onchange) {
  const select = element("select", {}, ...options.map(([value, text]) => element("option", { value }, text)));
  select.addEventListener("change", () => onchange(select.value));
  return select;
}

/** A line to type in. */
export function line(oninput, properties = {}) {
  const input = element("input", { type: "text", autocomplete: "off", spellcheck: "false", ...properties });
  input.addEventListener("input", () => oninput(input.value));
  return input;
}

/**
 * Show what was refused: beside its fields, or above the view where it is about none of them.
 *
 * @param {any} studio
 * @param {Error & {said?: {mistakes?: Record<string, string>}}} error
 * @param {Record<string, {say: (message?: string) => void}>} fields
 */
export function refused(studio, error, fields) {
  const { mistakes = null } = error.said ?? {};
  for (const [name, field] of Object.entries(fields)) field.say(mistakes?.[name]);
  const beside = mistakes && Object.keys(mistakes).every((name) => name in fields);
  if (beside) studio.complain(null);
  else studio.complain(error instanceof Refused ? error.message : `Something went wrong in this page: ${error.message}`);
}

/** The line at the bottom: the same in a terminal and in Python. */
export function sameElsewhere({ command, python }) {
  const buttons = [
    copying("copy command", () => command),
    copying("copy Python", () => python),
    copying("copy link", () => location.href),
  ];
  fill(document.getElementById("way"), element("code", { class: "quiet", title: command }, command), element("div", { class: "buttons" }, ...buttons));
}
