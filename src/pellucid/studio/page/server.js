/** Asking the studio's server, which computes; the page only shows. */

import { unpacked } from "/modules/packed.js";

const KEY = "pellucid-token";

/** What the server refuses, in words for people; `said` is all that it answered. */
export class Refused extends Error {
  constructor(message, said = {}) {
    super(message);
    this.said = said;
    /** @type {Record<string, string> | undefined} what is wrong with which field, where the server says so */
    this.mistakes = said.mistakes;
  }
}

/** Take the token out of the address, so that a link that is sent does not hold it. */
export function takeToken() {
  const address = new URL(location.href);
  const given = address.searchParams.get("token");
  if (given) {
    sessionStorage.setItem(KEY, given);
    address.searchParams.delete("token");
    history.replaceState(null, "", address);
  }
}

/** Whether this page may start and write things. */
export function mayWrite() {
  return sessionStorage.getItem(KEY) !== null;
}

/** The address of something to read. */
export function addressOf(path, parameters = {}) {
  const given = Object.entries(parameters).filter(([, value]) => value !== null && value !== undefined);
  const query = new URLSearchParams(given.map(([name, value]) => [name, String(value)]));
  // Commas and semicolons may stand in a query as they are, and long lists of numbers stay short so.
  return given.length ? `${path}?${query.toString().replace(/%2C/g, ",").replace(/%3B/g, ";")}` : path;
}

/** Read JSON. */
export async function ask(path, parameters = {}, signal = undefined) {
  const response = await reached(addressOf(path, parameters), { signal });
  return response.json();
}

/** Send JSON, which starts or changes something; read JSON. */
export async function send(path, document = {}, signal = undefined) {
  const headers = { "Content-Type": "application/json", "X-Pellucid-Token": sessionStorage.getItem(KEY) ?? "" };
  const response = await reached(path, { method: "POST", headers, body: JSON.stringify(document), signal });
  return response.json();
}

/** Send a file as it is; read JSON. */
export async function sendFile(path, file, parameters = {}) {
  const headers = { "X-Pellucid-Token": sessionStorage.getItem(KEY) ?? "" };
  const response = await reached(addressOf(path, parameters), { method: "POST", headers, body: file });
  return response.json();
}

/**
 * Read a head and arrays, as `studio/packing.py` writes them.
 *
 * @returns {Promise<{head: any, arrays: Record<string, import("/modules/tensor.js").Tensor>}>}
 */
export async function packed(path, parameters = {}, signal = undefined) {
  const response = await reached(addressOf(path, parameters), { signal });
  return unpacked(await response.arrayBuffer());
}

async function reached(address, options) {
  let response;
  try {
    response = await fetch(address, options);
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Refused("The studio does not answer: was it ended in its terminal? Start it again, and reload this page.");
  }
  if (!response.ok) {
    const said = await response.json().catch(() => ({}));
    throw new Refused(said.error ?? `The studio answered ${response.status}.`, said);
  }
  return response;
}
