/** The form for a new training: what is changed is sent, checked as it is typed, and shown as a command. */

import { element, fill } from "/modules/dom.js";
import { ask, mayWrite, send } from "../../server.js";
import { copying } from "../../way.js";
import { takeIn } from "./upload.js";

const WAIT = 250;
const FIRST = ["epochs", "batch_size", "learning_rate"];
const OWN = "your own";
const TEXTS = {
  seed: ["Seed", "Of weights, order, augmentation and dropout. Left out: 0."],
  size: ["Size in pixels", "64, or 48x64 for rows and columns. Left out: the set's own; folders 64, or what pretrained weights expect."],
  channels: ["Channels", "1 (grey) or 3 (colour). Left out: the set's own; folders 3."],
  weights: ["Weights it begins with", "pretrained, random, or a .safetensors file. Left out: pretrained where there are some."],
  device: ["Device", "auto, cpu, cuda, mps. Left out: auto."],
};

/** The form. */
export class TrainingForm {
  /** @param {(name: string) => void} started called with the name of a training that was started */
  constructor(studio, started) {
    this.studio = studio;
    this.started = started;
    this.root = element("section", { class: "training-form", "aria-label": "New training", hidden: true });
    this.fields = new Map();
    /** @type {any} what the server offers: data sets, networks, recipes and their fields */
    this.offered = null;
    /** @type {string | null} why these settings are proposed */
    this.reason = null;
    this.turn = 0;
  }

  /** Show the form as the address has it; null hides it. */
  async show(asked) {
    this.root.hidden = asked === null;
    if (asked === null || asked === this.asked) return;
    this.asked = asked;
    this.offered ??= await this.studio.trying(() => ask("/api/training/offered"));
    if (!this.offered) {
      this.asked = undefined;
      return;
    }
    if (!this.fields.size) this.#build();
    this.#put(read(asked));
    await this.check();
  }

  #build() {
    const { datasets, networks, recipes, fields } = this.offered;
    const images = datasets.map((set) => {
      const where = set.here ? "" : set.download_megabytes ? ` – ${set.download_megabytes} MB to download` : " – not here";
      return [set.name, `${set.title ?? set.name} (${set.images.train.toLocaleString("en")} images, ${set.classes} classes)${where}`];
    });
    const own = (this.own = element("div", { class: "own", hidden: true }));
    const chosenData = this.#chosen("data", "Images", [["", "choose …"], ...images, [OWN, "your own images …"]], "path of a folder, .zip, .tar or table of files and labels", "");
    fill(own, takeIn(this.studio, (path) => this.#set("data", path)));
    const chosenNetwork = this.#chosen("network", "Network", [["", "what goes with the images and the recipe"], ...networks.map(({ name, summary }) => [name, `${name} – ${summary}`]), [OWN, "another …"]], "timm:NAME, or my_nets.py:TinyNet", "");
    const recipe = this.#select("recipe", "Recipe", [["", "what goes with the images"], ...recipes.map(({ name, summary }) => [name, `${name} – ${summary}`])], "");
    const name = this.#text("name", "Name of the run", "A new folder among the runs.");
    const settings = new Map(fields.map((item) => [item.name, this.#setting(item)]));
    const first = FIRST.map((item) => settings.get(item)).filter(Boolean);
    const rest = [...settings].filter(([item]) => !FIRST.includes(item)).map(([, field]) => field);
    const keep = this.#select("keep", "Weights to keep", [["", "best and last epoch"], ["all", "every epoch"]], "Those of every epoch let the epoch slider move through them all.");
    const fit = this.#select("fit", "Images of another size are", [["", "stretched"], ["crop", "cropped"], ["pad", "padded"]], "");
    const others = Object.entries(TEXTS).map(([id, [title, help]]) => this.#text(id, title, help));
    this.general = element("div", { class: "problems", role: "alert" });
    this.notes = element("div", { class: "quiet" });
    this.command = element("code", {});
    this.begin = element("button", { type: "submit", class: "primary" }, "Start training");
    this.may = element("span", { class: "quiet" });
    const form = element(
      "form",
      { novalidate: true, onsubmit: (event) => { event.preventDefault(); this.#start(); }, oninput: () => this.#changed() },
      element("div", { class: "fields wide" }, chosenData, own, chosenNetwork, recipe),
      this.notes,
      element("div", { class: "fields" }, ...first, keep, name),
      element("details", {}, element("summary", {}, "All settings of the recipe"), element("div", { class: "fields" }, ...rest)),
      element("details", {}, element("summary", {}, "Images, weights and machine"), element("div", { class: "fields" }, ...others, fit)),
      this.general,
      element("div", { class: "command" }, this.command, copying("copy command", () => this.said?.command ?? "")),
      element("div", { class: "buttons" }, this.begin, element("button", { type: "button", onclick: () => this.studio.go({ ask: null }) }, "Close"), this.may),
    );
    fill(this.root, element("h2", {}, "New training"), element("p", {}, "Only what you change is sent; everything else is the recipe's. Training runs in a process of its own: closing this page or the studio loses nothing."), form);
  }

  /** A field with its label, help and place for what is wrong with it. */
  #field(id, title, control, help, ...more) {
    const wrong = element("span", { class: "wrong", id: `wrong-${id}` });
    control.id = `field-${id}`;
    control.setAttribute("aria-describedby", `help-${id} wrong-${id}`);
    const shown = element("span", { class: "field-help quiet", id: `help-${id}` }, help);
    this.fields.set(id, { control, wrong, shown, extra: more[0] ?? null });
    return element("div", { class: "form-field", "data-field": id }, element("label", { for: control.id }, title), control, ...more, wrong, shown);
  }

  #text(id, title, help) {
    return this.#field(id, title, element("input", { type: "text", autocomplete: "off", spellcheck: "false" }), help);
  }

  #select(id, title, choices, help) {
    return this.#field(id, title, element("select", {}, ...choices.map(([value, text]) => element("option", { value }, text))), help);
  }

  #chosen(id, title, choices, placeholder, help) {
    const select = element("select", {}, ...choices.map(([value, text]) => element("option", { value }, text)));
    const text = element("input", { type: "text", placeholder, "aria-label": `${title}: ${placeholder}`, autocomplete: "off", spellcheck: "false", hidden: true });
    select.addEventListener("input", () => {
      text.hidden = select.value !== OWN;
      if (id === "data") this.own.hidden = text.hidden;
      if (!text.hidden) text.focus();
    });
    return this.#field(id, title, select, help, text);
  }

  #setting(item) {
    const title = item.name.replaceAll("_", " ");
    const choices = item.kind === "bool" ? ["yes", "no"] : item.choices;
    if (!choices) return this.#field(item.name, title, element("input", { type: "text", inputmode: item.kind === "int" ? "numeric" : "decimal", autocomplete: "off" }), item.help);
    const options = [element("option", { value: "" }), ...choices.map((choice) => element("option", { value: choice }, choice))];
    return this.#field(item.name, title, element("select", {}, ...options), item.help);
  }

  #set(id, value) {
    const { control, extra } = this.fields.get(id);
    if (extra) {
      const known = [...control.options].some((option) => option.value === value && value !== OWN);
      control.value = known ? value : OWN;
      extra.value = known ? "" : value;
      extra.hidden = known;
      if (id === "data") this.own.hidden = known;
    } else {
      if (control.tagName === "SELECT" && ![...control.options].some((option) => option.value === value)) control.append(element("option", { value }, value));
      control.value = value;
    }
    this.#changed();
  }

  #valueOf(id) {
    const { control, extra } = this.fields.get(id);
    return extra && control.value === OWN ? extra.value.trim() : control.value.trim();
  }

  #put(form) {
    this.putting = true;
    for (const [id] of this.fields) {
      const value = id in form ? form[id] : form.settings?.[id];
      this.#set(id, value === true ? "yes" : value === false ? "no" : (value ?? ""));
    }
    this.putting = false;
  }

  /** What is filled in, and nothing else. */
  filled() {
    const settings = new Set(this.offered.fields.map((item) => item.name));
    const form = { settings: {} };
    for (const [id] of this.fields) {
      const value = this.#valueOf(id);
      if (value === "") continue;
      if (settings.has(id)) form.settings[id] = value;
      else form[id] = value;
    }
    return form;
  }

  #changed() {
    if (this.putting) return;
    clearTimeout(this.timer);
    this.timer = setTimeout(() => {
      this.asked = JSON.stringify(this.filled());
      this.studio.go({ ask: this.asked }, { replace: true });
      this.check();
    }, WAIT);
  }

  /** Ask what is wrong, without starting anything. */
  async check() {
    const allowed = mayWrite();
    this.may.textContent = allowed ? "" : "This page may only look: open the studio by the address that it printed to start trainings.";
    this.begin.disabled = !allowed;
    if (!allowed) return;
    const turn = (this.turn += 1);
    const said = await this.studio.trying(() => send("/api/training/check", this.filled()));
    if (!said || turn !== this.turn) return;
    this.said = said;
    const { problems } = said;
    let wrong = 0;
    for (const [id, { control, wrong: place, extra }] of this.fields) {
      const texts = id === "data" && !this.#valueOf("data") ? [] : (problems[id] ?? []);
      fill(place, ...texts.map((text) => element("span", {}, `✗ ${text}`)));
      (extra && !extra.hidden ? extra : control).setAttribute("aria-invalid", String(texts.length > 0));
      if (texts.length) {
        wrong += 1;
        control.closest("details")?.setAttribute("open", "");
      }
    }
    fill(this.general, ...(problems.general ?? []).map((text) => element("p", {}, `✗ ${text}`)));
    fill(this.notes, ...[this.reason, ...said.notes].filter(Boolean).map((text) => element("p", {}, text)));
    for (const item of this.offered.fields) this.#ownValue(item, said.values[item.name]);
    this.fields.get("name").control.placeholder = said.name;
    const recipe = this.fields.get("recipe");
    recipe.control.options[0].textContent = said.recipe && !recipe.control.value ? `${said.recipe} – what goes with the images` : "what goes with the images";
    const ready = this.#valueOf("data") !== "";
    this.command.textContent = ready ? said.command : "pellucid train …";
    this.may.textContent = !ready ? "Choose images first." : wrong ? `${wrong === 1 ? "One field is" : `${wrong} fields are`} not right yet.` : "";
    this.begin.disabled = Object.keys(problems).length > 0;
    document.body.dataset.checked = String(turn);
  }

  /** Show what the recipe has where nothing is changed. */
  #ownValue(item, value) {
    const { control } = this.fields.get(item.name);
    const text = value === true ? "yes" : value === false ? "no" : String(value);
    if (control.tagName === "SELECT") control.options[0].textContent = `${text} (the recipe's)`;
    else control.placeholder = `${text} (the recipe's)`;
    control.closest(".form-field").classList.toggle("changed", control.value.trim() !== "");
  }

  async #start() {
    this.begin.disabled = true;
    const said = await this.studio.trying(() => send("/api/training/start", this.filled()));
    this.begin.disabled = false;
    if (said) this.started(said.name);
    else await this.check();
  }
}

function read(text) {
  try {
    const form = JSON.parse(text || "{}");
    return form && typeof form === "object" ? form : {};
  } catch {
    return {};
  }
}
