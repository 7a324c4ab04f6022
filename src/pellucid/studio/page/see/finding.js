/** A box in which a unit is found by typing its name, or a class's: `conv2[3,4,5]`, `fc2[cat]`, `cat`. */

import { element, fill, unitCode } from "/modules/dom.js";
import { layoutOf, peakOf } from "/modules/maps.js";
import { strongestIndex } from "/modules/network.js";

const MOST_OFFERED = 8;

/**
 * The units that a text may mean, the likeliest first.
 *
 * @param {import("../glass.js").ServerGlass} glass
 * @param {string} text
 * @returns {{unit: string, why: string}[]}
 */
export function unitsMeant(glass, text) {
  const { network, classes } = glass;
  const typed = text.trim();
  if (!typed) return [];
  const low = typed.toLowerCase();
  const output = network.nodes[network.output];
  const byClass = output.shape.length === 2 ? classes.map((name, at) => ({ name, unit: `${output.name}[${at}]` })) : [];
  const logit = ({ name, unit }) => ({ unit, why: `evidence for the class ${name}` });
  const [, layer, inside] = /^([^[\]]+)(?:\[([^\]]*)\]?)?$/.exec(typed) ?? [null, typed, undefined];
  const offered = [];
  const node = network.byName.get(layer.trim());
  if (inside !== undefined && node !== undefined) {
    const wanted = inside.trim().toLowerCase();
    if (node === network.output) offered.push(...byClass.filter(({ name }) => wanted && name.toLowerCase().startsWith(wanted)).map(logit));
    const exact = network.parseUnit(`${layer.trim()}[${inside.replace(/\s/g, "")}]`);
    if (exact) offered.unshift({ unit: network.unitName(exact.node, exact.index), why: "" });
    else if (/^[\d,\s]*$/.test(inside)) offered.push(...inLayer(glass, node, inside.split(",").map((part) => part.trim()).filter(Boolean).map(Number)));
  } else if (inside === undefined) {
    offered.push(...byClass.filter(({ name }) => name.toLowerCase() === low).map(logit));
    const named = network.nodes.flatMap(({ name, source }, number) => ((!source || !number) && name.toLowerCase().includes(low) ? [number] : []));
    const rank = (number) => (network.nodes[number].name.toLowerCase() === low ? 0 : network.nodes[number].name.toLowerCase().startsWith(low) ? 1 : 2);
    for (const number of named.sort((one, other) => rank(one) - rank(other) || one - other)) offered.push(...inLayer(glass, number, []).slice(0, 1));
    offered.push(...byClass.filter(({ name }) => name.toLowerCase().includes(low)).map(logit));
  }
  const seen = new Set();
  return offered.filter(({ unit }) => !seen.has(unit) && seen.add(unit)).slice(0, MOST_OFFERED);
}

/** The strongest unit of a layer, or of a channel; where its values are not here, the middle one. */
function inLayer(glass, number, given) {
  const { network } = glass;
  const node = network.nodes[number];
  const inner = node.shape.slice(1);
  if (given.length > inner.length || given.some((at, axis) => at >= inner[axis])) return [];
  const value = glass.valueOf(number);
  if (!value) return [{ unit: network.unitName(number, [0, ...inner.map((size, axis) => given[axis] ?? size >> 1)]), why: "in the middle" }];
  if (!given.length) return [{ unit: network.unitName(number, strongestIndex(value)), why: `the strongest of ${node.name}` }];
  const layout = layoutOf(node.shape);
  if (given.length === 1 && inner.length > 1) {
    const { y, x } = peakOf(value.data, layout, inner.length > 2 ? given[0] : 0);
    const index = inner.length > 2 ? layout.index(given[0], y, x) : null;
    if (index) return [{ unit: network.unitName(number, index), why: `the strongest of channel ${given[0]}` }];
  }
  return [{ unit: network.unitName(number, [0, ...inner.map((size, axis) => given[axis] ?? size >> 1)]), why: "the rest in the middle" }];
}

/** The box; `glassOf` gives the pass that is shown, `select` chooses. */
export function finder(glassOf, select, complain) {
  const list = element("ul", { class: "offered", role: "listbox", id: "offered-units", hidden: true });
  const box = element("input", {
    type: "search",
    placeholder: "Find: conv2[3,4,5], fc2[cat], cat",
    role: "combobox",
    "aria-label": "Find a unit by its name, or by a class's",
    "aria-expanded": "false",
    "aria-controls": "offered-units",
    "aria-autocomplete": "list",
    autocomplete: "off",
    spellcheck: "false",
  });
  let offered = [];
  let chosen = 0;
  const close = () => {
    list.hidden = true;
    box.setAttribute("aria-expanded", "false");
  };
  const take = (at) => {
    const glass = glassOf();
    const unit = offered[at] && glass?.network.parseUnit(offered[at].unit);
    if (!unit) {
      if (box.value.trim()) complain(`No unit and no class is called ${box.value.trim()}. Type a layer's name to see what there is.`);
      return;
    }
    close();
    box.value = "";
    complain(null);
    select(unit.node, unit.index);
  };
  const show = () => {
    const glass = glassOf();
    offered = glass ? unitsMeant(glass, box.value) : [];
    chosen = Math.min(chosen, Math.max(0, offered.length - 1));
    fill(list, ...offered.map(({ unit, why }, at) =>
      element("li", { role: "option", id: `offered-${at}`, "aria-selected": String(at === chosen), onpointerdown: (event) => {
        event.preventDefault();
        take(at);
      } }, unitCode(unit), why ? element("span", { class: "quiet" }, ` ${why}`) : null),
    ));
    list.hidden = !offered.length;
    box.setAttribute("aria-expanded", String(offered.length > 0));
    if (offered.length) box.setAttribute("aria-activedescendant", `offered-${chosen}`);
    else box.removeAttribute("aria-activedescendant");
  };
  box.addEventListener("input", () => {
    chosen = 0;
    show();
  });
  box.addEventListener("blur", close);
  box.addEventListener("keydown", (event) => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step && offered.length) {
      event.preventDefault();
      chosen = (chosen + step + offered.length) % offered.length;
      show();
    } else if (event.key === "Enter") {
      show();
      take(chosen);
    } else if (event.key === "Escape") close();
  });
  return element("div", { class: "finder" }, box, list);
}
