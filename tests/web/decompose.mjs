// Decompose units of recorded networks, read from standard input, with the modules that pages run.
import { readFileSync } from "node:fs";
import { pathToFileURL } from "node:url";

const [, , folder] = process.argv;
const module = (name) => import(pathToFileURL(`${folder}/${name}`).href);
const { check, decompose, strongest } = await module("arithmetic.js");
const { Tensor } = await module("tensor.js");
const { Network } = await module("network.js");

const { plan, numbers, values, units } = JSON.parse(readFileSync(0, "utf8"));
const bytes = (text) => Uint8Array.from(Buffer.from(text, "base64")).buffer;
const network = new Network(plan, { graph: new ArrayBuffer(0), numbers: bytes(numbers) });
const tensors = values.map((text, number) => {
  return new Tensor(new Float32Array(bytes(text)), plan.nodes[number].shape);
});
const answers = units.map(({ node, index }) => {
  const { operands } = network.nodes[node];
  const found = decompose(network.nodes[node], operands.map((at) => tensors[at]), network.tensorsOf(node), index);
  if (!found) return null;
  const { terms } = found;
  const list = (array) => (array ? [...array].map((number) => (Number.isFinite(number) ? number : null)) : null);
  return {
    value: found.value,
    slack: found.slack,
    bias: found.bias,
    combine: found.combine,
    operand: list(terms.operand),
    position: list(terms.position),
    values: list(terms.values),
    weights: list(terms.weights),
    products: list(terms.products),
    strongest: strongest(terms, 5),
    agrees: check(found, tensors[node].at(index)).agrees,
  };
});
process.stdout.write(JSON.stringify(answers));
