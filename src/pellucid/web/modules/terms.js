/** The terms of a unit's sum: where each was read, what it contributes, and the way back to it. */

import { sourceIndex, strongest } from "./arithmetic.js";
import { element, unitCode } from "./dom.js";
import { counted, long, short } from "./numbers.js";
import { largestSize } from "./tensor.js";

const FIRST_TERMS = 8;
const MOST_TERMS = 1000;

function sourceOfTerm(glass, node, terms, row) {
  const shapes = node.operands.map((operand) => glass.network.nodes[operand].shape);
  const index = sourceIndex(terms, row, shapes);
  return index === null ? null : { number: node.operands[terms.operand[row]], index };
}

/** What the unit is called that a term was read from. */
export function sourceName(glass, node, terms, row) {
  const source = sourceOfTerm(glass, node, terms, row);
  if (!source) return "padding";
  const from = glass.network.nodes[source.number];
  return from.source && source.number ? from.name : glass.network.unitName(source.number, source.index);
}

/** Go on to the unit that a term was read from. */
export function goBack(glass, node, terms, row) {
  const source = sourceOfTerm(glass, node, terms, row);
  if (source && !(glass.network.nodes[source.number].source && source.number)) glass.select(source.number, source.index, "back");
}

/** The terms that contribute most; a click on one goes to the unit it was read from. */
export function termsView(glass, number, { terms, combine, details }) {
  const node = glass.network.nodes[number];
  const count = terms.values.length;
  const body = element("tbody", {});
  const weighted = terms.weights !== null;
  const contributes = weighted ? "product" : node.kind.endsWith("softmax") && terms.products ? "e^(x − M)" : null;
  const end = largestSize(contributes ? terms.products : terms.values);
  const row = (at) => {
    const source = sourceOfTerm(glass, node, terms, at);
    const constant = source && glass.network.nodes[source.number].source && source.number;
    const name = sourceName(glass, node, terms, at);
    const mark = details.winner === at ? " ← largest" : details.own === at ? " ← this one" : "";
    return element(
      "tr",
      { "data-term": at },
      element(
        "td",
        {},
        source && !constant
          ? element("button", { type: "button", class: "term", onclick: () => goBack(glass, node, terms, at) }, unitCode(name))
          : element("code", { class: "quiet" }, name),
        mark,
      ),
      element("td", { class: "figure", title: long(terms.values[at]) }, terms.operand[at] < 0 && combine === "maximum" ? "–" : short(terms.values[at])),
      weighted ? element("td", { class: "figure", title: long(terms.weights[at]) }, short(terms.weights[at])) : null,
      contributes ? element("td", { class: "figure", title: long(terms.products[at]) }, short(terms.products[at])) : null,
      contributes ? element("td", { class: "meters" }, meter(terms.products[at], end)) : null,
    );
  };
  const order = strongest(terms);
  const show = (to) => body.append(...order.slice(body.children.length, to).map(row));
  show(count <= FIRST_TERMS + 2 ? count : FIRST_TERMS);
  const head = element(
    "thead",
    {},
    element("tr", {}, element("th", {}, "read from"), element("th", {}, "value"), weighted ? element("th", {}, "× weight") : null, contributes ? element("th", {}, `= ${contributes}`) : null, contributes ? element("td", { class: "meters" }) : null),
  );
  const left = count - body.children.length;
  const reach = Math.min(count, MOST_TERMS);
  const more = left > 0 ? element("button", { type: "button", class: "more", onclick: () => {
    show(reach);
    if (reach < count) more.replaceWith(element("p", { class: "quiet" }, `… and ${counted(count - reach, "term")} smaller ones`));
    else more.remove();
  } }, `${counted(left, "term")} more`) : null;
  return element("div", { class: "terms" }, element("table", {}, head, body), more);
}

function meter(number, end) {
  const bar = element("span", { class: number < 0 ? "meter below" : "meter", "aria-hidden": "true" });
  bar.style.width = `${end ? (100 * Math.abs(number)) / end : 0}%`;
  return bar;
}
