/** A network that is code in a file of somebody else's run: nothing of it is run until the person has read it. */

import { element, fill } from "/modules/dom.js";
import { ask, mayWrite, send } from "./server.js";

/** What the server refused, with the way to agree. */
export function trustBox(studio, message) {
  const run = studio.get("run");
  const place = element("div", {});
  const read = async () => {
    const file = await ask("/api/network-file", { run });
    const agree = () =>
      studio.trying(async () => {
        await send("/api/trust", { run, sha256: file.sha256 });
        studio.complain(null);
        await studio.factsOf(run, true);
        await studio.follow();
      });
    fill(
      place,
      element("p", {}, `${file.path}, ${file.bytes.toLocaleString("en")} bytes${file.is_cut ? ", of which the beginning is shown" : ""}:`),
      element("pre", { class: "source", tabindex: 0, "aria-label": "The network's file" }, file.text),
      element("p", {}, "Running it lets it do whatever a program of yours may do: read and delete your files, use the network. Run it only if you trust who wrote it."),
      element("div", { class: "buttons" }, element("button", { type: "button", class: "trust", disabled: !mayWrite(), onclick: agree }, "Run this file"), element("button", { type: "button", onclick: () => studio.complain(null) }, "Leave it")),
    );
  };
  fill(place, element("div", { class: "buttons" }, element("button", { type: "button", class: "read-file", onclick: () => studio.trying(read) }, "Read the file")));
  return element("div", { class: "untrusted" }, element("p", { class: "sentence" }, "The network of this run is code that came from elsewhere, so it was not run. Read it, then decide."), element("p", { class: "refusal" }, message), place);
}
