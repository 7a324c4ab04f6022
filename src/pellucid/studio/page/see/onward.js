/** From a unit onward: what it feeds, and the strongest path from a pixel through it to a class. */

import { element, unitCode } from "/modules/dom.js";
import { counted, long, percent, short } from "/modules/numbers.js";
import { ask } from "../server.js";

/** The units that read this one, the strongest first, and what it contributes there. */
export function feedsView(glass, said, select) {
  const rows = said.feeds.map(({ unit, value, derivative, share, term }) =>
    element(
      "tr",
      {},
      element("td", {}, unitButton(glass, unit, (node, index) => select(node, index, "back"))),
      element("td", { class: "figure", title: long(value) }, short(value)),
      element("td", { class: "figure", title: term?.product != null ? long(term.product) : long(derivative) }, contribution(derivative, term)),
      element("td", { class: "figure" }, share === null ? "" : percent(share)),
    ),
  );
  const rest = said.total - said.feeds.length;
  const without = said.without_arithmetic;
  return element(
    "div",
    { class: "terms onward" },
    element("h3", {}, "What it feeds"),
    rows.length
      ? element(
          "table",
          {},
          element("thead", {}, element("tr", {}, element("th", {}, "unit"), element("th", {}, "value"), element("th", {}, "gets from here"), element("th", { title: "the size of this term as a part of the sizes of all terms there" }, "share"))),
          element("tbody", {}, ...rows),
        )
      : element("p", { class: "quiet" }, without.length ? "" : "Nothing reads it: the network ends here."),
    rest > 0 ? element("p", { class: "quiet" }, `… and ${counted(rest, "unit")} for which it matters less.`) : null,
    without.length ? element("p", { class: "quiet" }, `Also read by ${without.join(", ")}, whose arithmetic is not known.`) : null,
  );
}

function contribution(derivative, term) {
  if (term?.product != null && term.weight != null) return short(term.product);
  if (derivative === 1 && term) return short(term.value);
  return `× ${short(derivative)}`;
}

/** Which pixels the unit depends on, in a sentence. */
export function fieldLine(said) {
  return element("p", { class: "quiet" }, said.text ? `It depends on ${said.text}.` : "It does not depend on the image.");
}

/** Ask for the pixels that a unit depends on: rows and columns, the last ones included. */
export async function checkedFieldOf(glass, unit) {
  const said = await ask("/api/field", { ...glass.key, unit });
  const { field } = said;
  const empty = !field || field.bottom === field.top || field.right === field.left;
  return { ...said, box: empty ? null : { top: field.top, left: field.left, bottom: field.bottom - 1, right: field.right - 1 } };
}

/** Ask for what a unit feeds. */
export function feedsOf(glass, unit) {
  return ask("/api/feeds", { ...glass.key, unit, limit: 8 });
}

/** Ask for the strongest path through a unit; its units as the page knows them. */
export async function pathOf(glass, unit) {
  const said = await ask("/api/path", { ...glass.key, unit });
  const units = said.links.map((link) => ({ ...link, ...glass.network.parseUnit(link.unit) })).filter(({ node }) => node !== undefined);
  return { ...said, units };
}

/** The path as a chain of units to click; `through` is the chosen unit. */
export function pathView(glass, path, chosen, calls) {
  const buttons = [];
  if (path && path.through !== chosen) buttons.push(element("button", { type: "button", class: "more", onclick: () => calls.show(chosen) }, "through this unit instead"));
  if (path) buttons.push(element("button", { type: "button", class: "more", onclick: () => calls.show(null) }, "hide"));
  else buttons.push(element("button", { type: "button", class: "more", id: "show-path", onclick: () => calls.show(chosen) }, "Show the strongest path"));
  const view = element("div", { class: "onward path" }, element("h3", {}, "The strongest path"));
  if (path) {
    const target = glass.network.parseUnit(path.target);
    const name = target ? glass.classes[target.index[1]] : path.target;
    view.append(
      element("p", { class: "quiet" }, `From a pixel through ${path.through} to ${name === undefined ? path.target : `the class ${name}`}: before it each unit's largest term, after it the way on which the class changes most. Its units are marked in their maps.`),
      element(
        "ol",
        { class: "chain" },
        ...path.units.map(({ unit, value, term }) =>
          element(
            "li",
            { "aria-current": unit === chosen ? "true" : null },
            unitButton(glass, unit, (node, index) => calls.select(node, index)),
            element("span", { class: "figure", title: long(value) }, short(value)),
            term?.product != null ? element("span", { class: "quiet", title: long(term.product) }, `gives ${short(term.product)}`) : null,
          ),
        ),
      ),
      ...path.remarks.map((remark) => element("p", { class: "quiet" }, `${remark[0].toUpperCase()}${remark.slice(1)}.`)),
    );
  }
  view.append(element("div", { class: "buttons" }, ...buttons));
  return view;
}

function unitButton(glass, name, select) {
  const at = glass.network.parseUnit(name);
  if (!at) return element("code", {}, name);
  return element("button", { type: "button", class: "term", onclick: () => select(at.node, at.index) }, unitCode(name));
}
