// What units read and who reads a pixel, as pages light it up, from standard input.
import { readFileSync } from "node:fs";
import { pathToFileURL } from "node:url";

const [, , folder] = process.argv;
const module = (name) => import(pathToFileURL(`${folder}/${name}`).href);
const { fieldOf, inputsOf, readersOf } = await module("fields.js");
const { Network } = await module("network.js");
const { foldedSteps } = await module("folding.js");

const { plan, units, pixels } = JSON.parse(readFileSync(0, "utf8"));
const network = new Network(plan, { graph: new ArrayBuffer(0), numbers: new ArrayBuffer(0) });
process.stdout.write(JSON.stringify({
  inputs: units.map(({ node, index }) => inputsOf(network, node, index)),
  fields: units.map(({ node, index }) => fieldOf(network, node, index)),
  readers: pixels.map(([row, column]) => readersOf(network, row, column)),
  folded: foldedSteps(network),
}));
