/** What a unit does, in a sentence; and its sum, line by line. */

import { counted, short } from "./numbers.js";

/** What a step is called. */
export function nounOf(node) {
  if (node.kind === "hardtanh" && node.settings.min_val === 0) return `ReLU${node.settings.max_val}`;
  return node.noun ?? node.label;
}

/** One plain sentence about a unit. */
export function sentenceOf(node, result, network, index) {
  const from = network.nodes[node.operands[0]]?.name ?? "its input";
  const { terms, details, combine } = result;
  const count = terms.values.length;
  const window = details.window?.join(" × ");
  if (node.kind.startsWith("conv")) {
    const channels = counted(details.channels, "channel");
    const bias = result.bias === null ? "" : ", plus a bias";
    return `A weighted sum: ${counted(count, "number")} from a ${window} window in ${channels} of ${from}, each times its weight${bias}.`;
  }
  if (node.kind === "linear") {
    return `A weighted sum of all ${counted(count, "number")} of ${from}, each times its weight${result.bias === null ? "" : ", plus a bias"}.`;
  }
  if (node.kind === "batch_norm") {
    return `The value of ${from} at the same position, shifted and scaled by the mean and variance that training kept for channel ${index[1]}.`;
  }
  if (combine === "maximum") return `The largest of ${counted(count, "number")} of ${from}${window ? ` in a ${window} window` : ""}.`;
  if (node.kind.includes("pool") || node.kind === "mean") {
    return `The mean of ${counted(count, "number")} of ${from}${window ? ` in a ${window} window` : ""}.`;
  }
  if (node.kind === "sum") return `The sum of ${counted(count, "number")} of ${from}.`;
  if (node.kind === "relu") {
    return terms.values[0] > 0 ? "Above zero, so it passes as it is." : "Not above zero, so it becomes zero.";
  }
  if (node.kind === "hardtanh") {
    const { min_val: low, max_val: high } = node.settings;
    const x = terms.values[0];
    if (x < low) return `Below ${short(low)}, so it becomes ${short(low)}.`;
    return x > high ? `Above ${short(high)}, so it becomes ${short(high)}.` : `From ${short(low)} to ${short(high)}, so it passes as it is.`;
  }
  if (combine === "copy") {
    if (node.kind === "dropout") return "A copy: dropout changes nothing once training is over.";
    return terms.operand[0] < 0 ? "Padding: it was read from nowhere." : `A copy: the number moves, unchanged, from ${network.nodes[node.operands[terms.operand[0]]].name}.`;
  }
  if (combine === "product") return `The product of ${counted(count, "number")}.`;
  if (node.kind === "add") return `The sum of ${counted(count, "number")} at the same position.`;
  if (node.kind.endsWith("softmax")) return `The exponential of one number as a share of the exponentials of all ${count}.`;
  return `A function of one number of ${from}: ${node.formula ?? nounOf(node)}.`;
}

/** The arithmetic written out. */
export function sumLines(node, result) {
  const { terms, details, combine, bias, value } = result;
  const count = terms.values.length;
  const total = (numbers) => numbers.reduce((sum, number) => sum + number, 0);
  if (node.kind === "batch_norm") {
    const { mean, variance, epsilon, gamma, beta } = details;
    return [
      "γ · (x − μ) / √(σ² + ε) + β",
      `= ${short(gamma)} · (${short(terms.values[0])} − ${bracketed(mean)}) / √(${short(variance)} + ${short(epsilon)}) + ${bracketed(beta)}`,
      `= ${short(value)}`,
    ];
  }
  if (node.kind.endsWith("softmax")) {
    const { own, largest, sum } = details;
    const x = short(terms.values[own]);
    return node.kind === "log_softmax"
      ? [`${x} − ${bracketed(largest)} − log ${short(sum)}`, `= ${short(value)}`]
      : [`e^(${x} − ${bracketed(largest)}) / ${short(sum)}`, `= ${short(value)}`];
  }
  if (combine === "maximum") return [`max of ${counted(count, "number")}`, `= ${short(value)}`];
  if (combine === "copy") return [`= ${short(value)}`];
  if (combine === "product") return [Array.from(terms.values, bracketed).join(" · "), `= ${short(value)}`];
  if (combine === "function") return [node.formula ?? nounOf(node), `x = ${short(terms.values[0])}`, `y = ${short(value)}`];
  if (details.divisor) {
    return [`sum of ${counted(count, "number")}: ${short(total(terms.values))}`, `/ ${details.divisor}`, `= ${short(value)}`];
  }
  const lines = [`sum of ${counted(count, "product")}: ${short(total(terms.products))}`];
  if (bias !== null) lines.push(`+ bias ${bracketed(bias)}`);
  return [...lines, `= ${short(value)}`];
}

function bracketed(number) {
  return number < 0 ? `(${short(number)})` : short(number);
}
