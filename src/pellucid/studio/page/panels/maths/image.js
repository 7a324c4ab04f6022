/** A filter on an image: what goes in, the filter as cells, what comes out, and one of its pixels in products. */

import { element, fill } from "/modules/dom.js";
import { enlarge, multiple, paintMap, paintPixels } from "/modules/draw.js";
import { short } from "/modules/numbers.js";
import { largestSize } from "/modules/tensor.js";
import { ask, packed } from "../../server.js";
import { cellView, endOf, gridView, printed, widen } from "./cells.js";
import { NumbersEditor } from "./editor.js";
import { Field, Live, choice, line, refused, sameElsewhere } from "./live.js";
import { pictureChooser } from "./pictures.js";

const EXAMPLE = "example/house";
const FIRST = "sobel-x";
const OWN = "own";
/** CSS pixels of a side of an image, at most; the server sends none that has more pixels. */
const ROOM = 400;
const CHANNELS = ["red", "green", "blue"];

/** @typedef {import("../maths.js").Part} Part */

/** @implements {Part} */
export class ImagePart {
  constructor(studio) {
    this.studio = studio;
    this.picture = null;
    this.filtered = null;
    this.window = null;
    const failing = (error) => this.#refuse(error);
    this.pictures = new Live((key, signal) => packed("/api/maths/picture", key, signal), (answer) => this.#showPicture(answer), failing);
    this.filters = new Live((key, signal) => packed("/api/maths/filter", key, signal), (answer) => this.#showFiltered(answer), failing);
    this.windows = new Live((key, signal) => ask("/api/maths/window", key, signal), (answer) => this.#showWindow(answer), failing);
    const choosing = (name) => (value) => studio.go({ [name]: value || null });
    this.named = choice([[FIRST, FIRST]], (value) => this.#name(value));
    this.fields = {
      named: new Field("filter", this.named),
      flip: new Field("operation", choice([["", "correlate: as it is"], ["1", "convolve: flip the filter"]], choosing("flip"))),
      border: new Field("beyond the border", choice([["", "replicate"], ...["reflect", "circular", "zeros"].map((name) => [name, name])], choosing("border"))),
      abs: new Field("sign of the sums", choice([["", "kept"], ["1", "dropped"]], choosing("abs")), { help: "dropped: edges of both directions are bright in the image that is written" }),
      offset: new Field("added", line((text) => studio.go({ offset: text.trim().replace("−", "-") || null }, { replace: true }), { class: "short", placeholder: "0" }), { help: "Added to each sum before it is written as a pixel; 128 shows both signs" }),
      channel: new Field("channel", choice(CHANNELS.map((name, number) => [number ? String(number) : "", name]), choosing("channel"))),
      show: new Field("show", choice([["", "the sums"], ["pixels", "the image as it is written"]], choosing("show"))),
    };
    this.kernel = new NumbersEditor("Filter", (text) => studio.go({ kernel: text }, { replace: true }));
    this.about = element("p", { class: "quiet" });
    this.sentence = element("p", { class: "sentence", "aria-live": "polite" });
    this.source = element("div", { class: "shown" });
    this.result = element("div", { class: "shown" });
    this.arithmetic = element("div", {});
    this.chooser = pictureChooser(studio);
    this.root = element(
      "section",
      { class: "on-image", "aria-label": "A filter on an image" },
      this.sentence,
      this.chooser.root,
      element("div", { class: "settings" }, ...Object.values(this.fields).map(({ root }) => root)),
      this.about,
      element("div", { class: "three" }, this.source, this.kernel.root, this.result),
      element("div", { class: "shown" }, this.arithmetic),
    );
    this.listing = studio.trying(async () => {
      const { kernels, examples } = await ask("/api/maths/kernels");
      this.kernels = kernels;
      fill(this.named, ...kernels.map(({ name, about }) => element("option", { value: name }, `${name}: ${about}`)), element("option", { value: OWN }, "one of your own"));
      this.chooser.examples(examples);
    });
  }

  async update() {
    await this.listing;
    if (!this.kernels) return;
    const { studio } = this;
    const text = studio.get("kernel") ?? FIRST;
    const named = this.kernels.find(({ name }) => name === text);
    this.named.value = named ? named.name : OWN;
    this.about.textContent = named ? `${named.name}: ${named.about}. Type into its cells to make it your own.` : "A filter of your own.";
    this.kernel.show(named ? named.text : text);
    for (const name of ["flip", "border", "abs", "offset", "channel", "show"]) this.fields[name].show(studio.get(name) ?? "");
    const image = studio.get("picture") ?? studio.get("image") ?? EXAMPLE;
    const ofRun = !/^(example\/|given-)/.test(image);
    this.where = { picture: image, run: ofRun ? studio.get("run") : null };
    this.chooser.update(image);
    this.pictures.want(this.where);
    this.key = { ...this.where, kernel: text };
    for (const name of ["flip", "border", "abs", "offset", "channel"]) this.key[name] = studio.get(name);
    this.filters.want(this.key);
    this.#wantWindow();
    this.#draw();
  }

  repaint() {
    this.drawn = null;
    this.#draw();
    if (this.window) this.#showWindow(this.window);
    if (this.filtered) this.kernel.cells(this.filtered.head.kernel);
  }

  close() {
    this.chooser.close();
    for (const live of [this.pictures, this.filters, this.windows]) live.close();
  }

  /** Go to another pixel. */
  move(across, down) {
    if (!this.window) return;
    this.#choose(this.window.row + down, this.window.column + across);
  }

  #choose(row, column) {
    const [height, width] = this.picture?.arrays.pixels.shape ?? [0, 0];
    if (row < 0 || column < 0 || row >= height || column >= width) return;
    this.studio.go({ pixel: `${row},${column}` }, { replace: true });
  }

  #name(value) {
    if (value === OWN) this.studio.go({ kernel: this.kernel.text });
    else this.studio.go({ kernel: value });
    if (value === OWN) this.kernel.line.focus();
  }

  /** Ask for the window at the chosen pixel; without one, at the largest sum. */
  #wantWindow() {
    if (!this.filtered || !this.picture) return;
    const [height, width] = this.filtered.arrays.sums.shape;
    const [row, column] = (this.studio.get("pixel") ?? "").split(",").map(Number);
    const isInside = row >= 0 && column >= 0 && row < height && column < width;
    const at = isInside ? { row, column } : this.#strongest();
    this.windows.want({ ...this.key, ...at });
  }

  #strongest() {
    const { data, shape } = this.filtered.arrays.sums;
    let best = 0;
    for (let at = 1; at < data.length; at += 1) if (Math.abs(data[at]) > Math.abs(data[best])) best = at;
    return { row: Math.floor(best / shape[1]), column: best % shape[1] };
  }

  #showPicture(answer) {
    this.picture = answer;
    this.#draw();
    this.#wantWindow();
  }

  #showFiltered(answer) {
    this.filtered = answer;
    this.studio.complain(null);
    this.root.classList.remove("stale");
    for (const field of [this.kernel, ...Object.values(this.fields)]) field.say(null);
    this.kernel.cells(answer.head.kernel);
    this.fields.channel.root.hidden = answer.head.channels === 1;
    sameElsewhere(answer.head);
    this.#wantWindow();
    this.#draw();
  }

  #draw() {
    if (!this.picture || !this.filtered) return;
    const { pixels } = this.picture.arrays;
    const { sums, written } = this.filtered.arrays;
    const [height, width] = pixels.shape;
    if (sums.shape[0] !== height || sums.shape[1] !== width) return; // the other one is still on its way
    const asPixels = this.studio.get("show") === "pixels";
    const room = Math.min(ROOM, this.root.clientWidth - 2 || ROOM);
    const drawn = [this.picture, this.filtered, asPixels, room];
    if (this.drawn && drawn.every((part, number) => part === this.drawn[number])) return;
    this.drawn = drawn;
    this.times = Math.max(height, width) > room ? 1 / Math.ceil(Math.max(height, width) / room) : multiple(height, width, room);
    const { head } = this.picture;
    const link = element("a", { href: this.#fileAddress(), download: head.file }, "save it");
    this.field = element("span", { class: "field", hidden: true });
    const source = paintedBytes(pixels, head.highest);
    source.setAttribute("aria-label", `The image: ${head.about}`);
    fill(this.source, this.#figure("Image", source, this.field, element("span", {}, `${head.about}; `, link), false));
    this.cursor = element("span", { class: "cursor", hidden: true });
    const canvas = asPixels ? paintedBytes(written, head.highest) : element("canvas", { role: "img" });
    if (!asPixels) paintMap(canvas, sums.data, { start: 0, count: height * width, height, width }, largestSize(sums.data));
    const { least, most } = this.filtered.head;
    canvas.setAttribute("aria-label", asPixels ? "The image that is written" : "The sums");
    const caption = asPixels ? `what pellucid filter writes, 0 to ${head.highest}` : `sums from ${printed(least[0])} to ${printed(most[0])}; blue above zero, orange below`;
    const hadFocus = this.result.contains(document.activeElement);
    fill(this.result, this.#figure("Result", canvas, this.cursor, caption, true));
    if (hadFocus) this.result.querySelector("[tabindex]").focus();
    this.#mark();
  }

  #fileAddress() {
    return `/api/maths/file?${new URLSearchParams(Object.entries(this.where).filter(([, value]) => value !== null))}`;
  }

  #figure(title, canvas, mark, caption, isResult) {
    const [height, width] = this.picture.arrays.pixels.shape;
    enlarge(canvas, height, width, this.times);
    const readout = element("p", { class: "readout" });
    const box = element("div", { class: "whole-map", tabindex: isResult ? 0 : null, role: isResult ? "group" : null, "aria-label": isResult ? "Result: choose a pixel with the arrow keys" : null }, canvas, mark);
    const at = (event) => {
      const edge = canvas.getBoundingClientRect();
      const inner = (where, start, cells) => Math.max(0, Math.min(cells - 1, Math.floor((where - start) / this.times)));
      return [inner(event.clientY, edge.top, height), inner(event.clientX, edge.left, width)];
    };
    box.addEventListener("click", (event) => this.#choose(...at(event)));
    box.addEventListener("pointermove", (event) => {
      const [row, column] = at(event);
      readout.textContent = `row ${row}, column ${column}: ${isResult ? this.#valueAt(row, column) : this.#pixelAt(row, column)}`;
    });
    box.addEventListener("pointerleave", () => (readout.textContent = ""));
    return element("figure", {}, element("h3", {}, title), element("div", { class: "scroll" }, box), element("figcaption", { class: "quiet" }, caption), readout);
  }

  #valueAt(row, column) {
    const { sums } = this.filtered.arrays;
    return `sum ${trimmed(sums.data[row * sums.shape[1] + column])}`;
  }

  #pixelAt(row, column) {
    const { data, shape } = this.picture.arrays.pixels;
    const channels = shape[2] ?? 1;
    return Array.from({ length: channels }, (_, channel) => data[(row * shape[1] + column) * channels + channel]).join(", ");
  }

  #showWindow(answer) {
    this.window = answer;
    this.sentence.textContent = printed(answer.sentence);
    const { highest } = this.picture.head;
    const grey = (cell, isInside) => {
      const node = cellView(cell, 0);
      const level = Math.round((255 * (cell[2] ?? 0)) / highest);
      node.style.background = `rgb(${level},${level},${level})`;
      node.style.color = level > 117 ? "#000" : "#fff";
      node.classList.toggle("padding", !isInside);
      if (!isInside) node.title = "beyond the border";
      return node;
    };
    const box = element("div", { class: "numbers" }, ...answer.values.flatMap((row, r) => row.map((cell, c) => grey(cell, answer.inside[r][c]))));
    box.style.setProperty("--columns", answer.values[0].length);
    widen(box, answer.values.flat().map(([text]) => text));
    const sign = (text) => element("span", { class: "sign" }, text);
    const name = this.studio.get("flip") ? "filter, flipped" : "filter, as it is";
    const channel = this.filtered?.head.channels === 3 ? ` (${CHANNELS[Number(this.studio.get("channel") ?? 0)]})` : "";
    fill(
      this.arithmetic,
      element(
        "div",
        { class: "arithmetic", role: "group", "aria-label": "The products and their sum" },
        element(
          "div",
          { class: "product-row" },
          element("figure", { class: "of-numbers" }, element("figcaption", { class: "quiet" }, `window${channel}`), element("div", { class: "scroll" }, box)),
          sign("×"),
          gridView(answer.weights, { end: endOf(this.filtered?.head.aligned ?? answer.weights), title: name }),
          sign("="),
          gridView(answer.products, { title: "products" }),
        ),
        element("pre", { class: "sum", title: printed(answer.value[1]), "data-value": answer.value[1] }, printed(answer.text)),
        element("p", { class: "quiet" }, `As a pixel: ${printed(answer.how)}: ${answer.written}.`),
      ),
    );
    this.#mark();
    document.body.dataset.window = `${answer.row},${answer.column}`;
  }

  /** Frame the window on the image, and the pixel on the result. */
  #mark() {
    const { window, times } = this;
    if (!window || !this.field || !this.cursor) return;
    const put = (node, top, left, height, width) => {
      node.hidden = false;
      Object.assign(node.style, { top: `${top * times}px`, left: `${left * times}px`, height: `${height * times}px`, width: `${width * times}px` });
    };
    put(this.field, window.starts[0], window.starts[1], window.inside.length, window.inside[0].length);
    put(this.cursor, window.row, window.column, 1, 1);
  }

  #refuse(error) {
    this.root.classList.toggle("stale", Boolean(this.filtered));
    refused(this.studio, error, { kernel: this.kernel, border: this.fields.border, offset: this.fields.offset, channel: this.fields.channel });
  }
}

function paintedBytes(pixels, highest) {
  const [height, width, channels = 1] = pixels.shape;
  const canvas = element("canvas", { role: "img" });
  const bytes = highest === 255 ? pixels.data : pixels.data.map((value) => Math.round((255 * value) / highest));
  paintPixels(canvas, bytes, height, width, channels);
  return canvas;
}

function trimmed(number) {
  return Number.isInteger(number) && Math.abs(number) < 1e6 ? printed(String(number)) : short(number);
}
