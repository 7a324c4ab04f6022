/** Running the exported network with ONNX Runtime Web, which stands inside the page: nothing is fetched. */

import { Tensor } from "./tensor.js";

/** Bytes from base64. */
export function bytesOf(text) {
  const clean = text.trim();
  if (Uint8Array.fromBase64) return Uint8Array.fromBase64(clean);
  const binary = atob(clean);
  const bytes = new Uint8Array(binary.length);
  for (let at = 0; at < binary.length; at += 1) bytes[at] = binary.charCodeAt(at);
  return bytes;
}

/** Unpack what gzip packed. */
export async function unpacked(bytes) {
  if (typeof DecompressionStream === "undefined") {
    throw new Error("This browser is too old for this page; it needs DecompressionStream (Chrome 80, Firefox 113, Safari 16.4).");
  }
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

/** The network, ready to run. */
export class Runner {
  /**
   * @param {any} ort the runtime
   * @param {any} session
   * @param {Map<string, string>} outputs the graph's output for each node's name
   */
  constructor(ort, session, outputs) {
    this.ort = ort;
    this.session = session;
    this.outputs = outputs;
    /** @type {Promise<any>} */
    this.busy = Promise.resolve();
  }

  /**
   * @param {{script: Uint8Array<ArrayBuffer>, wasm: Uint8Array, graph: Uint8Array, outputs: [string, string][]}} parts
   * @returns {Promise<Runner>}
   */
  static async start({ script, wasm, graph, outputs }) {
    const address = URL.createObjectURL(new Blob([script], { type: "text/javascript" }));
    const ort = await import(address);
    URL.revokeObjectURL(address);
    ort.env.wasm.wasmBinary = wasm;
    ort.env.wasm.numThreads = 1;
    ort.env.wasm.proxy = false;
    ort.env.logLevel = "error";
    const session = await ort.InferenceSession.create(graph, { executionProviders: ["wasm"] });
    return new Runner(ort, session, new Map(outputs));
  }

  /**
   * Run one image; calls wait for each other.
   *
   * @param {{bytes: Uint8Array, height: number, width: number}} image
   * @param {1 | 3} channels
   * @returns {Promise<{pixels: Uint8Array | null, probabilities: Float32Array, label: number, unsure: boolean, values: Map<string, Tensor>}>}
   */
  run(image, channels) {
    const result = this.busy.then(() => this.#run(image, channels));
    this.busy = result.catch(() => {});
    return result;
  }

  async #run({ bytes, height, width }, channels) {
    const input = new this.ort.Tensor("uint8", bytes, [1, height, width, channels]);
    const results = await this.session.run({ [this.session.inputNames[0]]: input });
    const values = new Map();
    for (const [node, output] of this.outputs) {
      const result = results[output];
      if (result) values.set(node, new Tensor(result.data, result.dims));
    }
    return {
      pixels: results["fitted pixels"]?.data ?? null,
      probabilities: results.probabilities.data,
      label: Number(results.label.data[0]),
      unsure: Boolean(results.abstain.data[0]),
      values,
    };
  }
}
