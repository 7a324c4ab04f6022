/** The steps of a network in the order in which they are shown; of wide networks repeated blocks folded together. */

const FOLDED_FROM = 40;

/**
 * Group the steps of a network: one each, or of a wide network those of one block.
 *
 * @param {import("./network.js").Network} network
 * @returns {{name: string, members: number[]}[]} without parameters and constants, which are no steps
 */
export function foldedSteps(network) {
  const shown = network.nodes.flatMap((node, number) => (node.source && number ? [] : [number]));
  const groups = [];
  for (const number of shown) {
    const { name } = network.nodes[number];
    const parts = name.split(".");
    const block = parts.length > 2 ? parts.slice(0, 2).join(".") : parts[0];
    const last = groups.at(-1);
    if (shown.length >= FOLDED_FROM && last?.name === block) last.members.push(number);
    else groups.push({ name: shown.length >= FOLDED_FROM ? block : name, members: [number] });
  }
  return groups.map(({ name, members }) => (members.length > 1 ? { name, members } : { name: network.nodes[members[0]].name, members }));
}
