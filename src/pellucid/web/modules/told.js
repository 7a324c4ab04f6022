/** What a page says of a unit that has no server to ask: its arithmetic, done here, and a sentence about it. */

import { check, decompose } from "./arithmetic.js";
import { short } from "./numbers.js";
import { nounOf, sentenceOf, sumLines } from "./wording.js";

/** Decompose a unit of a glass; null where nothing here does its arithmetic. */
export function decomposed(glass, number, index) {
  const { network } = glass;
  if (!network.isKnown(number)) return null;
  const node = network.nodes[number];
  const inputs = node.operands.map((operand) => glass.valueOf(operand) ?? network.constantOf(operand));
  if (inputs.some((input) => !input)) return null;
  return decompose(node, inputs, network.tensorsOf(number), index);
}

/**
 * Say what made a unit's value.
 *
 * @param {import("./unit.js").Glass} glass with `pixels`, the bytes that the network received, `[H, W, C]`
 * @returns {import("./unit.js").Told}
 */
export function toldHere(glass, number, index) {
  const value = glass.valueOf(number)?.at(index);
  if (number === 0) return pixelTold(glass, index, value);
  const node = glass.network.nodes[number];
  const result = decomposed(glass, number, index);
  if (!result) {
    const reason = node.reason ? ` (${node.reason})` : "";
    const sentence = `This page has no arithmetic for this step: ${nounOf(node)}${reason}. Its value is what the runtime says.`;
    return { sentence, result: null, pixel: null, lines: [], verdict: null };
  }
  return {
    sentence: sentenceOf(node, result, glass.network, index),
    result,
    pixel: null,
    lines: sumLines(node, result),
    verdict: check(result, value),
  };
}

/** A pixel: the byte that the image has there, and how it becomes the network's number. */
function pixelTold(glass, index, shown) {
  const { mean, std, channels, width } = glass.preprocessing;
  const [, channel, row, column] = index;
  const name = channels === 3 ? ["red", "green", "blue"][channel] : "grey";
  const byte = glass.pixels[(row * width + column) * channels + channel];
  const value = (byte / 255 - mean[channel]) / std[channel];
  const slack = 4 * (byte / (255 * std[channel]) + Math.abs(mean[channel] / std[channel])) + 2 * Math.abs(value);
  return {
    sentence: `This is a pixel: ${name} in row ${row}, column ${column}. Its byte is ${byte} of 255. Here the image begins.`,
    result: null,
    pixel: { byte, channel, channels },
    lines: [
      "(byte/255 − mean) / standard deviation",
      `= (${byte}/255 − ${short(mean[channel])}) / ${short(std[channel])}`,
      `= ${short(value)}`,
    ],
    verdict: check({ value, slack }, shown),
  };
}
