/** What is shown, kept in the page's address: `#/see?run=mnist-1&epoch=5&image=test/17&unit=conv2[3,4,5]`. */

/** Every name that may stand there. A name that is chosen before another makes the later ones void when it changes. */
const ORDER = ["run", "epoch", "image", "unit"];

/** The page's address as a view and its parameters. */
export class Address {
  /** @param {(address: Address) => void} onChange called after every change, also by the browser's back and forward */
  constructor(onChange) {
    this.onChange = onChange;
    this.read();
    addEventListener("hashchange", () => {
      this.read();
      this.onChange(this);
    });
  }

  /** Read what the browser has now. */
  read() {
    const [path, query = ""] = location.hash.replace(/^#\/?/, "").split("?");
    this.view = path || "see";
    this.parameters = new URLSearchParams(query);
  }

  /** @returns {string | null} */
  get(name) {
    return this.parameters.get(name);
  }

  /** What an address with some changes would be; null takes a parameter away. */
  with(changes, view = this.view) {
    const parameters = new URLSearchParams(this.parameters);
    for (const [name, value] of Object.entries(changes)) {
      if (value === null || value === undefined) parameters.delete(name);
      else parameters.set(name, String(value));
    }
    // Commas, slashes and brackets may stand in a fragment as they are, and names of units are read better so.
    const query = parameters.toString().replace(/%2C/g, ",").replace(/%2F/g, "/").replace(/%5B/g, "[").replace(/%5D/g, "]").replace(/%3B/g, ";").replace(/%3A/g, ":").replace(/%28/g, "(").replace(/%29/g, ")");
    return `#/${view}${query ? `?${query}` : ""}`;
  }

  /**
   * Go there.
   *
   * @param {Record<string, string | number | null>} changes
   * @param {{view?: string, replace?: boolean}} how `replace` leaves no step for the browser's back
   */
  go(changes, { view = this.view, replace = false } = {}) {
    const target = this.with(changes, view);
    if (target === location.hash) return;
    history[replace ? "replaceState" : "pushState"](null, "", target);
    this.read();
    this.onChange(this);
  }

  /** Whether two addresses differ in one of the names up to this one. */
  static differs(before, after, upTo) {
    return ORDER.slice(0, ORDER.indexOf(upTo) + 1).some((name) => before?.[name] !== after[name]);
  }
}
