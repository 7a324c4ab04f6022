/** A small line over the epochs; a click or Enter on a point goes there. */

import { element } from "/modules/dom.js";

const WIDTH = 400;
const HEIGHT = 96;
const SIDE = 12;
const SVG = "http://www.w3.org/2000/svg";

/**
 * @param {{epoch: number, number: number | null}[]} points those whose number is not known yet have null
 * @param {{title: string, current: number, low?: number, high?: number, format: (number: number) => string,
 *   pick: (epoch: number) => void}} how
 */
export function epochChart(points, { title, current, low, high, format, pick }) {
  const known = points.filter(({ number }) => number !== null && Number.isFinite(number));
  const numbers = known.map(({ number }) => number);
  const bottom = low ?? Math.min(0, ...numbers);
  const top = high ?? Math.max(0, ...numbers);
  const x = (at) => SIDE + ((WIDTH - 2 * SIDE) * at) / Math.max(1, points.length - 1);
  const y = (number) => HEIGHT - SIDE - ((HEIGHT - 2 * SIDE) * (number - bottom)) / (top - bottom || 1);
  const drawing = svg("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, class: "epoch-chart", role: "group", "aria-label": title });
  drawing.append(svg("path", { class: "axis", d: `M${SIDE} ${y(0)}H${WIDTH - SIDE}` }));
  const places = points.map(({ number }, at) => (number === null || !Number.isFinite(number) ? null : `${x(at)} ${y(number)}`));
  const runs = places.reduce((text, place, at) => text + (place ? `${places[at - 1] ? "L" : "M"}${place}` : ""), "");
  if (runs) drawing.append(svg("path", { class: "run", d: runs }));
  points.forEach(({ epoch, number }, at) => {
    if (!places[at]) return;
    const here = epoch === current;
    const label = `epoch ${epoch}: ${format(number)}`;
    const point = svg("g", { class: here ? "point here" : "point", tabindex: 0, role: "button", "aria-label": label, "aria-current": here ? "true" : "false", "data-epoch": epoch });
    const hint = svg("title", {});
    hint.textContent = label;
    point.append(hint, svg("circle", { class: "reach", cx: x(at), cy: y(number), r: 10 }), svg("circle", { class: "dot", cx: x(at), cy: y(number), r: here ? 5 : 3 }));
    point.addEventListener("click", () => pick(epoch));
    point.addEventListener("keydown", (event) => {
      if (event.key !== "Enter" && event.key !== " ") return;
      event.preventDefault();
      pick(epoch);
    });
    drawing.append(point);
  });
  const now = known.find(({ epoch }) => epoch === current);
  const ends = known.length ? `${format(bottom)} to ${format(top)}` : "";
  return element(
    "figure",
    { class: "over-epochs" },
    element("figcaption", {}, title, now ? element("strong", {}, ` ${format(now.number)}`) : null, element("span", { class: "quiet" }, ` ${ends}`)),
    drawing,
  );
}

function svg(tag, attributes) {
  const node = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, String(value));
  return node;
}
