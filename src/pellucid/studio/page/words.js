/** The words of the glossary: what each means, in two plain sentences, and a picture of it. */

const SPACE = "http://www.w3.org/2000/svg";

/** @typedef {{word: string, forms: string[], text: string, picture: () => SVGElement}} Word */

/** @returns {any} */
function shape(tag, properties, ...children) {
  const made = document.createElementNS(SPACE, tag);
  for (const [name, value] of Object.entries(properties)) made.setAttribute(name, String(value));
  made.append(...children);
  return made;
}

function drawing(width, height, ...shapes) {
  return shape("svg", { viewBox: `0 0 ${width} ${height}`, width, height, "aria-hidden": "true", focusable: "false" }, ...shapes);
}

/**
 * Cells in rows.
 *
 * @param {(row: number, column: number) => string} kindOf a class of the style sheet: "", "blue", "orange", "pad", "marked"
 */
function cells(x, y, rows, columns, kindOf = (_row, _column) => "", side = 12) {
  return Array.from({ length: rows * columns }, (_, at) => {
    const [row, column] = [Math.floor(at / columns), at % columns];
    return shape("rect", { x: x + column * side, y: y + row * side, width: side - 1, height: side - 1, class: `cell-shape ${kindOf(row, column)}` });
  });
}

function frame(x, y, rows, columns, side = 12) {
  return shape("rect", { x: x - 1, y: y - 1, width: columns * side + 1, height: rows * side + 1, class: "frame-shape" });
}

function note(x, y, text, anchor = "start") {
  return shape("text", { x, y, "text-anchor": anchor, class: "note-shape" }, text);
}

function arrow(x, y, length = 18) {
  return shape("path", { d: `M${x} ${y}h${length}m-5 -4l5 4l-5 4`, class: "line-shape" });
}

function curve(points, kind = "") {
  return shape("polyline", { points: points.map(([x, y]) => `${x},${y}`).join(" "), class: `line-shape ${kind}` });
}

function bars(x, y, heights, kind = "blue") {
  return heights.map((height, at) => shape("rect", { x: x + at * 14, y: y - Math.max(0, height), width: 11, height: Math.abs(height), class: `cell-shape ${height < 0 ? "orange" : kind}` }));
}

const inBox = (top, left, size) => (row, column) => (row >= top && row < top + size && column >= left && column < left + size ? "marked" : "");
const grid5 = (kindOf) => cells(4, 4, 5, 5, kindOf);
const signs = (row, column) => (column === 0 ? "orange" : column === 2 ? "blue" : "");

/** @type {Word[]} */
export const WORDS = [
  {
    word: "unit",
    forms: ["unit", "units", "neuron", "neurons"],
    text: "One number that a layer computes, at one position of one channel. Also called a neuron; conv2[3,4,5] is the unit in channel 3, row 4, column 5 of the layer conv2.",
    picture: () => drawing(150, 68, ...cells(4, 4, 5, 5, inBox(1, 1, 3)), arrow(70, 34), ...cells(98, 28, 1, 1, () => "blue")),
  },
  {
    word: "channel",
    forms: ["channel", "channels"],
    text: "One of the maps that lie on top of each other: a photo has three (red, green, blue), a layer has one for each of its filters.",
    picture: () => drawing(130, 76, ...[0, 1, 2].flatMap((at) => cells(4 + 16 * at, 4 + 6 * at, 4, 4, () => (at === 2 ? "blue" : "")))),
  },
  {
    word: "feature map",
    forms: ["feature map", "feature maps"],
    text: "All units of one channel, as a picture: where in the image the channel's filter found what it looks for.",
    picture: () => drawing(150, 68, ...grid5((row, column) => (row === 2 || column === 3 ? "blue" : ""))),
  },
  {
    word: "kernel",
    forms: ["kernel", "kernels", "filter", "filters"],
    text: "The small table of weights that slides over the input: each number under it is multiplied by the weight on top, and the products are added. Also called a filter.",
    picture: () => drawing(150, 68, ...grid5(), ...cells(16, 16, 3, 3, signs), frame(16, 16, 3, 3)),
  },
  {
    word: "weight",
    forms: ["weight", "weights"],
    text: "A number that a layer multiplies by, and that training changes. Blue weights speak for the unit, orange ones against it.",
    picture: () => drawing(150, 46, note(4, 28, "value ×"), ...cells(62, 16, 1, 1, () => "blue"), note(80, 28, "= product")),
  },
  {
    word: "bias",
    forms: ["bias", "biases"],
    text: "A learned number that is added to the sum of the products, whatever the image is.",
    picture: () => drawing(170, 46, note(4, 28, "sum of products +"), ...cells(126, 16, 1, 1, () => "orange")),
  },
  {
    word: "convolution",
    forms: ["convolution", "convolutions"],
    text: "A kernel is moved over the image; at every position the numbers below it are multiplied by its weights and added up. The same few weights are used everywhere.",
    picture: () => drawing(170, 68, ...grid5(inBox(0, 0, 3)), arrow(70, 34), ...cells(98, 16, 3, 3, (row, column) => (row || column ? "" : "blue"))),
  },
  {
    word: "receptive field",
    forms: ["receptive field", "receptive fields"],
    text: "The part of the image that a unit can depend on. It grows from layer to layer; what lies outside cannot change the unit.",
    picture: () => drawing(170, 68, ...cells(4, 4, 5, 5, inBox(0, 0, 5)), ...cells(80, 16, 3, 3, inBox(0, 0, 3)), ...cells(134, 28, 1, 1, () => "blue")),
  },
  {
    word: "stride",
    forms: ["stride", "strides"],
    text: "How far the window moves from one position to the next. With stride 2 every second position is left out, and the map becomes half as large.",
    picture: () => drawing(150, 68, ...grid5(), frame(4, 4, 3, 3), frame(28, 4, 3, 3), arrow(34, 52)),
  },
  {
    word: "padding",
    forms: ["padding"],
    text: "Zeros that are put around the input, so that a window fits at its border and the map keeps its size.",
    picture: () => drawing(150, 68, ...grid5((row, column) => (row % 4 && column % 4 ? "" : "pad")), frame(4, 4, 3, 3)),
  },
  {
    word: "pooling",
    forms: ["pooling", "max pooling", "average pooling"],
    text: "A small window becomes one number: its largest (max pooling) or its mean. Nothing is learned; the map becomes smaller, and small shifts matter less.",
    picture: () => drawing(150, 60, ...cells(4, 4, 4, 4, (row, column) => ((row === 1 && column === 0) || (row === 2 && column === 3) ? "blue" : "")), frame(4, 4, 2, 2), arrow(62, 28), ...cells(92, 16, 2, 2, (row, column) => (row === column ? "blue" : ""))),
  },
  {
    word: "activation",
    forms: ["activation", "activations"],
    text: "A unit's value for one image: the more it finds of what it looks for, the larger. An activation function, such as ReLU, stands after the sum.",
    picture: () => drawing(150, 60, ...bars(10, 46, [8, 30, 14, 40, 4])),
  },
  {
    word: "ReLU",
    forms: ["ReLU", "ReLUs"],
    text: "A number above zero passes as it is, any other becomes zero. Without such a bend, stacking layers adds nothing.",
    picture: () => drawing(110, 66, curve([[6, 50], [56, 50], [98, 8]], "strong"), curve([[56, 6], [56, 60]])),
  },
  {
    word: "logit",
    forms: ["logit", "logits"],
    text: "The last sum for a class: the evidence for it, before softmax. It may be any number, below zero too.",
    picture: () => drawing(150, 70, ...bars(10, 44, [12, 36, -14, 6, -20])),
  },
  {
    word: "softmax",
    forms: ["softmax"],
    text: "Turns the logits into shares that add up to 1: e to the power of each, divided by their sum. The largest logit gets the largest share.",
    picture: () => drawing(190, 70, ...bars(6, 44, [12, 36, -14]), arrow(56, 38), ...bars(90, 56, [10, 40, 2])),
  },
  {
    word: "calibrated",
    forms: ["calibrated", "calibration"],
    text: "A network is calibrated if of all images where it is 80 % sure, about 80 % are right. Networks are often too sure; one number, the temperature, corrects that.",
    picture: () => drawing(100, 76, curve([[8, 68], [68, 8]]), curve([[8, 68], [36, 56], [56, 34], [68, 8]], "strong")),
  },
  {
    word: "epoch",
    forms: ["epoch", "epochs"],
    text: "One pass over all training images. Training takes several, and the weights after each can be looked at.",
    picture: () => drawing(150, 66, curve([[6, 10], [30, 34], [60, 48], [100, 54], [140, 56]], "strong")),
  },
  {
    word: "batch",
    forms: ["batch", "batches"],
    text: "The images that are looked at together in one training step; their gradients are averaged.",
    picture: () => drawing(150, 40, ...[0, 1, 2, 3].flatMap((at) => cells(4 + 34 * at, 6, 2, 2, () => (at % 2 ? "blue" : "")))),
  },
  {
    word: "loss",
    forms: ["loss", "losses"],
    text: "How wrong the network is, as one number: small where it gives the true label a high probability. Training makes it smaller.",
    picture: () => drawing(110, 66, curve([[6, 8], [14, 36], [30, 50], [60, 57], [100, 60]], "strong")),
  },
  {
    word: "gradient",
    forms: ["gradient", "gradients"],
    text: "For each weight: by how much the loss changes if the weight is made a little larger. Training moves every weight against it.",
    picture: () => drawing(120, 66, curve([[6, 8], [30, 44], [60, 58], [90, 44], [114, 8]], "strong"), shape("path", { d: "M28 22l12 18m-8 -3l8 3l1 -9", class: "line-shape" })),
  },
  {
    word: "learning rate",
    forms: ["learning rate"],
    text: "How far each training step moves the weights. Too large and the loss jumps; too small and nothing is learned.",
    picture: () => drawing(130, 60, curve([[6, 50], [30, 12], [124, 50]], "strong")),
  },
  {
    word: "recipe",
    forms: ["recipe", "recipes"],
    text: "How a network is trained: the optimizer, the learning rate and its schedule, the batch size, the augmentation, the number of epochs.",
    picture: () => drawing(120, 54, ...[0, 1, 2].map((at) => shape("path", { d: `M8 ${12 + 15 * at}h${[90, 60, 76][at]}`, class: "line-shape" }))),
  },
  {
    word: "augmentation",
    forms: ["augmentation"],
    text: "Training images are flipped, shifted or changed a little each time, so that the network is less likely to memorize them.",
    picture: () => drawing(130, 46, ...cells(4, 4, 3, 3, (row, column) => (column === 0 ? "blue" : "")), arrow(48, 22), ...cells(76, 4, 3, 3, (row, column) => (column === 2 ? "blue" : ""))),
  },
  {
    word: "confusion matrix",
    forms: ["confusion matrix"],
    text: "A table of all classes: each row is a true label, each column what it was predicted as. What stands off the diagonal are mistakes.",
    picture: () => drawing(80, 66, ...cells(4, 4, 4, 4, (row, column) => (row === column ? "blue" : row === 1 && column === 2 ? "orange" : ""), 14)),
  },
];
