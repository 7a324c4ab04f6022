// Turn strokes, read from standard input, into the pixels of a digit with the module that pages run.
import { readFileSync } from "node:fs";
import { pathToFileURL } from "node:url";

const [, , folder] = process.argv;
const { digitPixels } = await import(pathToFileURL(`${folder}/digit.js`).href);
const { drawings, frame } = JSON.parse(readFileSync(0, "utf8"));
process.stdout.write(JSON.stringify(drawings.map((strokes) => [...(digitPixels(strokes, frame) ?? [])])));
