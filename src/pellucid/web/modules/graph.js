/** The network as a small graph: its steps in order, and an arc for every value that skips some of them. */

import { element } from "./dom.js";
import { foldedSteps } from "./folding.js";
import { counted } from "./numbers.js";

const GAP = 20;
const HEIGHT = 32;
const LETTER = 7.3;
const ROOM_OF_ARC = 10;
const SVG = "http://www.w3.org/2000/svg";

/** A row of steps; `mark` shows which of them is chosen. */
export class Graph {
  /**
   * @param {import("./network.js").Network} network
   * @param {(node: number) => void} go to a step's layer
   */
  constructor(network, go) {
    this.groups = foldedSteps(network);
    this.placeOf = new Map(this.groups.flatMap(({ members }, place) => members.map((number) => [number, place])));
    const links = this.#links(network);
    const levels = this.#levels(links.filter(({ from, to }) => to - from > 1));
    const top = 4 + ROOM_OF_ARC * Math.max(0, ...levels.map(({ level }) => level + 1));
    let left = 0;
    /** @type {{left: number, right: number}[]} where each step lies */
    this.spans = [];
    this.buttons = this.groups.map(({ name, members }) => {
      const folded = members.length > 1;
      const text = folded ? `${name} · ${members.length}` : name;
      const width = Math.round(LETTER * text.length + 20);
      const title = folded ? `${name}: ${counted(members.length, "step")}${shortcuts(network, members)}` : `Go to ${name}`;
      const button = element("button", { type: "button", class: folded ? "step folded" : "step", title, onclick: () => go(members[0]) }, text);
      Object.assign(button.style, { left: `${left}px`, top: `${top}px`, width: `${width}px` });
      this.spans.push({ left, right: left + width });
      left += width + GAP;
      return button;
    });
    const drawing = document.createElementNS(SVG, "svg");
    const width = left - GAP;
    for (const [name, value] of Object.entries({ width, height: top + HEIGHT, "aria-hidden": "true" })) drawing.setAttribute(name, String(value));
    const ends = (place) => this.spans[place];
    for (const { from, to } of links) {
      if (to - from === 1) drawing.append(line(`M${ends(from).right} ${top + HEIGHT / 2}H${ends(to).left - 2}`, "arrow"));
    }
    for (const { from, to, level } of levels) {
      const start = ends(from).right - 8;
      const end = ends(to).left + 8;
      const height = top - 2 - ROOM_OF_ARC * (level + 1);
      drawing.append(line(`M${start} ${top}C${start} ${height} ${end} ${height} ${end} ${top}`, "arc"));
    }
    const inner = element("div", { class: "graph-inner" }, drawing, ...this.buttons);
    Object.assign(inner.style, { width: `${width}px`, height: `${top + HEIGHT}px` });
    this.view = element("div", { class: "graph", role: "group", "aria-label": "The network's steps, in order" }, inner);
  }

  /** Mark the step of the chosen unit; null for none. */
  mark(number) {
    const place = number === null ? undefined : this.placeOf.get(number);
    this.buttons.forEach((button, at) => button.setAttribute("aria-current", String(at === place)));
    if (place === undefined) return;
    const { left, right } = this.spans[place];
    const { scrollLeft, clientWidth } = this.view;
    if (left < scrollLeft || right > scrollLeft + clientWidth) this.view.scrollLeft = (left + right - clientWidth) / 2;
  }

  #links(network) {
    const pairs = new Set();
    network.nodes.forEach((node, number) => {
      const to = this.placeOf.get(number);
      for (const operand of node.operands) {
        const from = this.placeOf.get(operand);
        if (to !== undefined && from !== undefined && from < to) pairs.add(`${from} ${to}`);
      }
    });
    return [...pairs].map((pair) => pair.split(" ").map(Number)).map(([from, to]) => ({ from, to }));
  }

  /** Give arcs that cover each other heights of their own: a short one lies below those around it. */
  #levels(arcs) {
    const placed = [];
    for (const { from, to } of arcs.sort((one, other) => one.to - one.from - (other.to - other.from))) {
      const under = placed.filter((arc) => arc.from < to && arc.to > from).map(({ level }) => level);
      placed.push({ from, to, level: Math.min(5, 1 + Math.max(-1, ...under)) });
    }
    return placed;
  }
}

function shortcuts(network, members) {
  const inside = new Map(members.map((number, at) => [number, at]));
  const count = members.flatMap((number, at) => network.nodes[number].operands.filter((operand) => inside.has(operand) && at - inside.get(operand) > 1)).length;
  return count ? `, ${counted(count, "shortcut")} inside` : "";
}

function line(path, kind) {
  const drawn = document.createElementNS(SVG, "path");
  drawn.setAttribute("d", path);
  drawn.setAttribute("class", kind);
  return drawn;
}
