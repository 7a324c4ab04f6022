/**
 * One unit by hand: its window, its terms and what they add up to, in double precision.
 *
 * Written from the definitions, apart from the runtime that computed the network: the two are shown side by side, and
 * where rounding cannot explain their difference that is shown, too.
 */

import { CURVES } from "./curves.js";
import { flatOf, indexOf, lattice } from "./tensor.js";
import { adaptiveTaps, transposedTaps, windowTaps } from "./windows.js";

/**
 * @typedef {object} Terms
 * @property {Int32Array} operand which operand each was read from; −1 for padding
 * @property {Int32Array} position its position in that operand's flat array; −1 for padding
 * @property {Float64Array} values what was read
 * @property {Float64Array | null} weights what each is multiplied by
 * @property {Float64Array | null} products what each contributes
 */

/**
 * @typedef {object} Decomposition
 * @property {Terms} terms
 * @property {number} value the sum (or maximum, …) by hand
 * @property {number} slack how far rounding may take the runtime's value, in unit roundoffs
 * @property {"sum" | "maximum" | "product" | "function" | "copy"} combine
 * @property {number | null} bias
 * @property {Record<string, any>} details
 */

/**
 * Decompose one element of a node's output.
 *
 * @param {{kind: string, settings: any, shape: number[]}} node
 * @param {import("./tensor.js").Tensor[]} inputs the operands' values, with the batch axis
 * @param {Record<string, import("./tensor.js").Tensor | null>} tensors what the operation owns
 * @param {number[]} index with the batch axis
 * @returns {Decomposition | null} null where nothing here does its arithmetic
 */
export function decompose(node, inputs, tensors, index) {
  const rule = ruleOf(node.kind, node.settings);
  return rule ? rule(node, inputs, tensors, index) : null;
}

/** Whether `decompose` knows a kind. */
export function hasArithmetic(kind, settings) {
  return ruleOf(kind, settings) !== null;
}

function ruleOf(kind, settings) {
  if (!kind) return null;
  if (kind in CURVES) return curve;
  if (settings?.origins || settings?.in_order) return rearrange;
  return RULES[kind] ?? null;
}

const RULES = {
  linear,
  batch_norm: (node, ...rest) => (node.settings.training ? null : batchNorm(node, ...rest)),
  dropout: (node, ...rest) => (node.settings.training ? null : copy(node, ...rest)),
  identity: copy,
  add,
  scale: add,
  multiply,
  concatenate,
  softmax: soften,
  log_softmax: soften,
  mean: reduce,
  sum: reduce,
  amax: reduce,
  max_along: reduce,
};
for (const axes of [1, 2, 3]) {
  RULES[`conv${axes}d`] = convolve;
  RULES[`conv_transpose${axes}d`] = convolve;
  RULES[`max_pool${axes}d`] = maxPool;
  RULES[`adaptive_max_pool${axes}d`] = maxPool;
  RULES[`avg_pool${axes}d`] = meanPool;
  RULES[`adaptive_avg_pool${axes}d`] = meanPool;
}

function emptyTerms(count, weighted = true) {
  return {
    operand: new Int32Array(count),
    position: new Int32Array(count),
    values: new Float64Array(count),
    weights: weighted ? new Float64Array(count) : null,
    products: weighted ? new Float64Array(count) : null,
  };
}

function total(numbers) {
  let sum = 0;
  for (const number of numbers) sum += number;
  return sum;
}

function totalSize(numbers) {
  let sum = 0;
  for (const number of numbers) sum += Math.abs(number);
  return sum;
}

/** Rounding of a sum: at worst n + 1 roundings of partial sums, and beyond 4 √n of them a chance of 2·exp(−8). */
function sumSlack(products, bias) {
  const count = products.length + 1;
  return Math.min(count + 1, 4 * Math.sqrt(count)) * (totalSize(products) + Math.abs(bias));
}

function summed(terms, bias, slack, details = {}) {
  return { terms, value: total(terms.products) + (bias ?? 0), slack, combine: "sum", bias, details };
}

function convolve(node, [x], tensors, index) {
  const { kernel, stride, dilation, padding, groups, padding_mode: mode } = node.settings;
  const transposed = node.kind.startsWith("conv_transpose");
  const weight = tensors.weight;
  const [batch, output, ...position] = index;
  const picks = position.map((at, axis) => {
    const [before, after] = padding[axis];
    const shape = { length: x.shape[2 + axis], kernel: kernel[axis], stride: stride[axis], dilation: dilation[axis] };
    return transposed
      ? transposedTaps({ ...shape, before }, at)
      : windowTaps({ ...shape, before, after, mode }, at);
  });
  const size = transposed ? weight.shape[0] / groups : weight.shape[1];
  const group = transposed
    ? Math.floor(output / weight.shape[1])
    : Math.floor(output / (weight.shape[0] / groups));
  const within = transposed ? output % weight.shape[1] : output;
  const window = lattice(picks);
  const terms = emptyTerms(size * window.length);
  let row = 0;
  for (let channel = 0; channel < size; channel += 1) {
    const source = channel + group * size;
    for (const taps of window) {
      const outside = taps.some((tap) => tap.source < 0);
      const at = outside ? -1 : flatOf([batch, source, ...taps.map((tap) => tap.source)], x.shape);
      const tap = taps.map((entry) => entry.tap);
      const where = transposed ? [source, within, ...tap] : [within, channel, ...tap];
      terms.operand[row] = outside ? -1 : 0;
      terms.position[row] = at;
      terms.values[row] = outside ? 0 : x.data[at];
      terms.weights[row] = weight.at(where);
      terms.products[row] = terms.values[row] * terms.weights[row];
      row += 1;
    }
  }
  const bias = tensors.bias ? tensors.bias.data[output] : null;
  const first = group * size;
  const details = { channels: size, first, window: picks.map((pick) => pick.length), weightOf: [within] };
  return summed(terms, bias, sumSlack(terms.products, bias ?? 0), details);
}

function linear(node, [x], tensors, index) {
  const output = index[index.length - 1];
  const inputs = x.shape[x.shape.length - 1];
  const start = flatOf([...index.slice(0, -1), 0], x.shape);
  const terms = emptyTerms(inputs);
  for (let row = 0; row < inputs; row += 1) {
    terms.position[row] = start + row;
    terms.values[row] = x.data[start + row];
    terms.weights[row] = tensors.weight.data[output * inputs + row];
    terms.products[row] = terms.values[row] * terms.weights[row];
  }
  const bias = tensors.bias ? tensors.bias.data[output] : null;
  return summed(terms, bias, sumSlack(terms.products, bias ?? 0));
}

/** The window of a pooling in its own channel: positions in the flat array, −1 for padding. */
function pooled(node, x, index) {
  const settings = node.settings;
  const [batch, channel, ...position] = index;
  const picks = position.map((at, axis) => {
    const length = x.shape[2 + axis];
    if (node.kind.startsWith("adaptive")) return adaptiveTaps(length, node.shape[2 + axis], at);
    const side = settings.padding[axis];
    const kernel = settings.kernel[axis];
    const stride = settings.stride[axis];
    return windowTaps(
      { length, kernel, stride, dilation: settings.dilation[axis], before: side, after: side, beyond: false },
      at,
    );
  });
  const positions = lattice(picks).map((taps) =>
    taps.some((tap) => tap.source < 0) ? -1 : flatOf([batch, channel, ...taps.map((tap) => tap.source)], x.shape),
  );
  return { positions, window: picks.map((pick) => pick.length) };
}

function maxPool(node, [x], _, index) {
  const { positions, window } = pooled(node, x, index);
  return largestOf(x, positions, { window });
}

function largestOf(x, positions, details) {
  const terms = emptyTerms(positions.length, false);
  let winner = -1;
  positions.forEach((at, row) => {
    terms.operand[row] = at < 0 ? -1 : 0;
    terms.position[row] = at;
    terms.values[row] = at < 0 ? -Infinity : x.data[at];
    if (at >= 0 && (winner < 0 || terms.values[row] > terms.values[winner])) winner = row;
  });
  if (winner < 0) return null;
  const value = terms.values[winner];
  return { terms, value, slack: 0, combine: "maximum", bias: null, details: { ...details, winner } };
}

function meanPool(node, [x], _, index) {
  const window = pooled(node, x, index);
  const left = node.settings.count_include_pad === false ? window.positions.filter((at) => at >= 0) : window.positions;
  const divisor = node.settings.divisor_override || left.length;
  const shape = left.length === window.positions.length ? { window: window.window } : {};
  return meanOf(x, left, 1 / divisor, { ...shape, divisor });
}

function meanOf(x, positions, share, details) {
  const terms = emptyTerms(positions.length);
  positions.forEach((at, row) => {
    terms.operand[row] = at < 0 ? -1 : 0;
    terms.position[row] = at;
    terms.values[row] = at < 0 ? 0 : x.data[at];
    terms.weights[row] = share;
    terms.products[row] = terms.values[row] * share;
  });
  const roundings = positions.length + (share === 1 ? 1 : 2);
  return summed(terms, null, roundings * totalSize(terms.products), details);
}

/** A mean, sum or maximum over axes. */
function reduce(node, [x], _, index) {
  const rank = x.shape.length;
  const given = node.settings.axes;
  const axes = new Set((given?.length ? given : x.shape.map((_, axis) => axis)).map((axis) => (axis + rank) % rank));
  const kept = node.shape.length === rank ? index.filter((_, axis) => !axes.has(axis)) : index;
  let next = 0;
  const lists = x.shape.map((length, axis) =>
    axes.has(axis) ? Array.from({ length }, (_, at) => at) : [kept[next++]],
  );
  const positions = lattice(lists).map((at) => flatOf(at, x.shape));
  if (node.kind === "amax" || node.kind === "max_along") return largestOf(x, positions, {});
  const share = node.kind === "mean" ? 1 / positions.length : 1;
  return meanOf(x, positions, share, share < 1 ? { divisor: positions.length } : {});
}

function batchNorm(node, [x], tensors, index) {
  const channel = index[1];
  const at = flatOf(index, x.shape);
  const number = x.data[at];
  const mean = tensors.running_mean.data[channel];
  const variance = tensors.running_var.data[channel];
  const gamma = tensors.weight ? tensors.weight.data[channel] : 1;
  const beta = tensors.bias ? tensors.bias.data[channel] : 0;
  const epsilon = node.settings.eps;
  const deviation = Math.sqrt(variance + epsilon);
  const scale = gamma / deviation;
  const shift = beta - mean * scale;
  const terms = emptyTerms(1);
  terms.position[0] = at;
  terms.values[0] = number;
  terms.weights[0] = scale;
  terms.products[0] = number * scale;
  const slack =
    4 * (Math.abs(scale) * (Math.abs(number) + Math.abs(mean)) + Math.abs((gamma * (number - mean)) / deviation)) +
    4 * Math.abs(beta);
  return summed(terms, shift, slack, { mean, variance, epsilon, gamma, beta });
}

function curve(node, [x], _, index) {
  const at = flatOf(index, x.shape);
  const terms = emptyTerms(1, false);
  terms.position[0] = at;
  terms.values[0] = x.data[at];
  const { value, slack } = CURVES[node.kind];
  const settings = Object.fromEntries(
    Object.entries(node.settings ?? {}).map(([name, number]) => [name, Math.fround(number)]), // as the runtime holds it
  );
  const result = value(x.data[at], settings);
  return {
    terms,
    value: result,
    slack: slack(result, x.data[at], settings),
    combine: "function",
    bias: null,
    details: {},
  };
}

/** Where an operand is read for an output's index, with PyTorch's broadcasting. */
function broadcastAt(index, shape) {
  const skipped = index.length - shape.length;
  return flatOf(
    shape.map((length, axis) => (length === 1 ? 0 : index[skipped + axis])),
    shape,
  );
}

function add(node, inputs, _, index) {
  const terms = emptyTerms(inputs.length);
  inputs.forEach((x, row) => {
    const at = broadcastAt(index, x.shape);
    terms.operand[row] = row;
    terms.position[row] = at;
    terms.values[row] = x.data[at];
    terms.weights[row] = node.settings.factors[row];
    terms.products[row] = terms.values[row] * terms.weights[row];
  });
  const constant = node.settings.constant || null;
  const slack = 2 * inputs.length * (totalSize(terms.products) + Math.abs(constant ?? 0));
  return summed(terms, constant, slack);
}

function multiply(node, inputs, _, index) {
  const terms = emptyTerms(inputs.length, false);
  let value = 1;
  inputs.forEach((x, row) => {
    const at = broadcastAt(index, x.shape);
    terms.operand[row] = row;
    terms.position[row] = at;
    terms.values[row] = x.data[at];
    value *= x.data[at];
  });
  return { terms, value, slack: 2 * Math.abs(value), combine: "product", bias: null, details: {} };
}

function copied(x, operand, at, padding = 0) {
  const terms = emptyTerms(1, false);
  terms.operand[0] = at < 0 ? -1 : operand;
  terms.position[0] = at;
  terms.values[0] = at < 0 ? padding : x.data[at];
  return { terms, value: terms.values[0], slack: 0, combine: "copy", bias: null, details: {} };
}

function copy(node, [x], _, index) {
  return copied(x, 0, flatOf(index, x.shape));
}

function concatenate(node, inputs, _, index) {
  const axis = (node.settings.axis + index.length) % index.length;
  const own = [...index];
  let operand = 0;
  while (own[axis] >= inputs[operand].shape[axis]) {
    own[axis] -= inputs[operand].shape[axis];
    operand += 1;
  }
  return copied(inputs[operand], operand, flatOf(own, inputs[operand].shape));
}

/** Flatten, view, permute, slices, padding: each output is one input, whose position the plan may hold. */
function rearrange(node, [x], tensors, index) {
  const flat = flatOf(index, node.shape);
  const at = node.settings.in_order ? flat : tensors.origins.data[flat];
  return copied(x, 0, at, node.settings.value || 0);
}

function soften(node, [x], _, index) {
  const rank = x.shape.length;
  const given = node.settings.axis ?? (rank === 0 || rank === 1 || rank === 3 ? 0 : 1);
  const axis = (given + rank) % rank;
  const length = x.shape[axis];
  const terms = emptyTerms(length, false);
  terms.products = new Float64Array(length);
  let largest = -Infinity;
  for (let row = 0; row < length; row += 1) {
    const at = flatOf([...index.slice(0, axis), row, ...index.slice(axis + 1)], x.shape);
    terms.position[row] = at;
    terms.values[row] = x.data[at];
    largest = Math.max(largest, x.data[at]);
  }
  for (let row = 0; row < length; row += 1) terms.products[row] = Math.exp(terms.values[row] - largest);
  const sum = total(terms.products);
  const finite = [...terms.values].filter(Number.isFinite).map(Math.abs);
  const slack =
    4 * (Math.max(...finite) + Math.abs(largest) + Math.abs(Math.log(sum))) +
    Math.min(finite.length, 4 * Math.sqrt(finite.length)) +
    8;
  const own = index[axis];
  const details = { own, largest, sum };
  if (node.kind === "log_softmax") {
    const value = terms.values[own] - largest - Math.log(sum);
    return { terms, value, slack, combine: "function", bias: null, details };
  }
  const value = terms.products[own] / sum;
  return { terms, value, slack: value * slack, combine: "function", bias: null, details };
}

/** Unit roundoff of float32, in which the runtime computes, and its smallest normal number. */
const ROUNDOFF = 2 ** -24;
const TINY = 2 ** -126;

/**
 * The value by hand beside the runtime's.
 *
 * @returns {{byHand: number, network: number, tolerance: number, agrees: boolean}}
 */
export function check(decomposition, network) {
  const tolerance = ROUNDOFF * decomposition.slack + TINY;
  const byHand = decomposition.value;
  const agrees = byHand === network || Math.abs(byHand - network) <= tolerance;
  return { byHand, network, tolerance, agrees };
}

/** The rows of the terms that contribute most, by size, the largest first. */
export function strongest(terms, count = terms.values.length) {
  const sizes = terms.products ?? terms.values;
  const size = (row) => (Number.isFinite(sizes[row]) ? Math.abs(sizes[row]) : -1);
  const tie = (row) => (Number.isFinite(terms.values[row]) ? Math.abs(terms.values[row]) : -1);
  return Array.from({ length: terms.values.length }, (_, row) => row)
    .sort((one, other) => size(other) - size(one) || tie(other) - tie(one) || one - other)
    .slice(0, count);
}

/** The index, in its operand, of what a term was read from; null for padding. */
export function sourceIndex(terms, row, shapes) {
  const operand = terms.operand[row];
  return operand < 0 ? null : indexOf(terms.position[row], shapes[operand]);
}

