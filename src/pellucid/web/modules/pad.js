/** A pad to draw on, with a pen, a finger or the arrow keys. */

import { digitPixels } from "./digit.js";
import { element } from "./dom.js";
import { canvasImage } from "./image.js";

const SIDE = 280;
const CRAYONS = ["#000000", "#ffffff", "#7a4a21", "#d62728", "#ff9d1c", "#f2d13d", "#2f9e44", "#1971c2", "#8e44ad"];
const NAMES = ["black", "white", "brown", "red", "orange", "yellow", "green", "blue", "purple"];

/**
 * @typedef {object} PadKind
 * @property {"digit" | "grey" | "colour"} kind
 * @property {number} [size] of a digit: see `digit.js`
 * @property {number} [box]
 * @property {number} [pen]
 * @property {number} [background] of a grey pad: 0 black to 255 white
 */

/** A pad; `onChange` is called after every stroke's movement. */
export class Pad {
  /**
   * @param {PadKind} kind
   * @param {() => void} onChange
   */
  constructor(kind, onChange) {
    this.kind = kind;
    this.onChange = onChange;
    this.strokes = [];
    this.pen = null;
    this.cursor = null;
    this.colour = kind.kind === "colour" ? CRAYONS[0] : this.isDark() ? "#ffffff" : "#000000";
    this.canvas = element("canvas", {
      class: "pad",
      width: SIDE,
      height: SIDE,
      tabindex: 0,
      role: "img",
      "aria-label": "Drawing pad. With the keyboard: arrow keys move the pen, Space puts it down or lifts it, Delete clears.",
    });
    this.context = this.canvas.getContext("2d", { willReadFrequently: true });
    this.#listen();
    this.paint();
  }

  /** The pad with its buttons. */
  get view() {
    const crayons = this.kind.kind === "colour" ? this.#crayons() : null;
    return element(
      "div",
      { class: "pad-frame" },
      this.canvas,
      crayons,
      element(
        "div",
        { class: "buttons" },
        element("button", { type: "button", onclick: () => this.undo() }, "Undo"),
        element("button", { type: "button", onclick: () => this.clear() }, "Clear"),
      ),
    );
  }

  isDark() {
    return this.kind.kind === "digit" || (this.kind.kind === "grey" && this.kind.background < 128);
  }

  /** Whether nothing is drawn. */
  get isEmpty() {
    return this.strokes.length === 0;
  }

  /** What was drawn, as the network takes it; null of an empty pad. */
  image(channels) {
    if (this.isEmpty) return null;
    if (this.kind.kind !== "digit") {
      this.paint(false);
      const image = canvasImage(this.canvas, channels);
      this.paint();
      return image;
    }
    const { size, box, pen } = this.kind;
    const bytes = digitPixels(this.strokes.map((stroke) => stroke.points), { size, box, pen });
    return { bytes, height: this.kind.size, width: this.kind.size, note: "" };
  }

  clear() {
    this.strokes = [];
    this.pen = null;
    this.paint();
    this.onChange();
  }

  undo() {
    this.strokes.pop();
    this.pen = null;
    this.paint();
    this.onChange();
  }

  /** Draw strokes given as points from 0 to 1. */
  draw(strokes) {
    this.strokes = strokes.map((points) => ({
      colour: this.colour,
      points: points.map((point) => ({ x: point.x * SIDE, y: point.y * SIDE })),
    }));
    this.paint();
    this.onChange();
  }

  get penWidth() {
    return this.kind.kind === "digit" ? (SIDE * this.kind.pen) / this.kind.size : SIDE / 16;
  }

  paint(withCursor = true) {
    const { context } = this;
    const level = this.kind.kind === "digit" ? 0 : this.kind.kind === "grey" ? this.kind.background : 255;
    context.fillStyle = `rgb(${level},${level},${level})`;
    context.fillRect(0, 0, SIDE, SIDE);
    context.lineCap = context.lineJoin = "round";
    context.lineWidth = this.penWidth;
    for (const { colour, points } of this.strokes) {
      context.strokeStyle = colour;
      context.beginPath();
      context.moveTo(points[0].x, points[0].y);
      for (const point of points) context.lineTo(point.x, point.y);
      if (points.length === 1) context.lineTo(points[0].x + 0.01, points[0].y);
      context.stroke();
    }
    if (withCursor && this.cursor && document.activeElement === this.canvas) {
      context.strokeStyle = this.isDark() ? "#7cc4f5" : "#00507f";
      context.lineWidth = this.pen ? 4 : 2;
      context.beginPath();
      context.arc(this.cursor.x, this.cursor.y, this.penWidth / 2 + 3, 0, 2 * Math.PI);
      context.stroke();
    }
  }

  #begin(point) {
    this.pen = { colour: this.colour, points: [point] };
    this.strokes.push(this.pen);
  }

  #place(event) {
    const box = this.canvas.getBoundingClientRect();
    const inner = (at, start, length) => (SIDE * (at - start)) / length;
    return { x: inner(event.clientX, box.left, box.width), y: inner(event.clientY, box.top, box.height) };
  }

  #listen() {
    const { canvas } = this;
    canvas.addEventListener("pointerdown", (event) => {
      if (event.button) return;
      event.preventDefault();
      canvas.setPointerCapture(event.pointerId);
      this.cursor = null;
      this.#begin(this.#place(event));
      this.paint();
      this.onChange();
    });
    canvas.addEventListener("pointermove", (event) => {
      if (!this.pen || this.cursor) return;
      const events = event.getCoalescedEvents?.() ?? [];
      for (const each of events.length ? events : [event]) this.pen.points.push(this.#place(each));
      this.paint();
      this.onChange();
    });
    for (const name of ["pointerup", "pointercancel"]) {
      canvas.addEventListener(name, () => {
        this.pen = null;
      });
    }
    canvas.addEventListener("keydown", (event) => this.#key(event));
    for (const name of ["focus", "blur"]) canvas.addEventListener(name, () => this.paint());
  }

  #key(event) {
    const steps = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
    if (event.key === "Delete" || event.key === "Backspace") this.clear();
    else if (event.key === " ") {
      this.cursor ??= { x: SIDE / 2, y: SIDE / 2 };
      if (this.pen) this.pen = null;
      else this.#begin({ ...this.cursor });
      this.onChange();
    } else if (steps[event.key]) {
      this.cursor ??= { x: SIDE / 2, y: SIDE / 2 };
      const [x, y] = steps[event.key];
      const inside = (value) => Math.max(0, Math.min(SIDE, value));
      this.cursor = { x: inside(this.cursor.x + 10 * x), y: inside(this.cursor.y + 10 * y) };
      if (this.pen) {
        this.pen.points.push({ ...this.cursor });
        this.onChange();
      }
    } else return;
    event.preventDefault();
    this.paint();
  }

  #crayons() {
    const buttons = CRAYONS.map((colour, number) => {
      const button = element("button", {
        type: "button",
        class: "crayon",
        "aria-label": NAMES[number],
        title: NAMES[number],
        "aria-pressed": String(colour === this.colour),
        onclick: () => {
          this.colour = colour;
          buttons.forEach((other) => other.setAttribute("aria-pressed", String(other === button)));
        },
      });
      button.style.background = colour;
      return button;
    });
    return element("div", { class: "crayons", role: "group", "aria-label": "Colour" }, ...buttons);
  }
}
