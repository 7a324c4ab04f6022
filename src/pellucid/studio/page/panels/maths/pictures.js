/** Which image a filter is shown on: an example, one of the run's own, or one that is dropped or photographed. */

import { dropping, pickers } from "/modules/camera.js";
import { element, fill } from "/modules/dom.js";
import { addressOf, ask, mayWrite, sendFile } from "../../server.js";

const SHOWN = 8;

/** The pictures to choose from; `update` after the address has changed. */
export function pictureChooser(studio) {
  let first = 0;
  let listed = null;
  const ofExamples = element("div", { class: "thumbnails" });
  const ofRun = element("div", {});
  const give = (file, name) =>
    studio.trying(async () => {
      if (!mayWrite()) throw new Error("open the studio by the address that it printed to give it images");
      const { image } = await sendFile("/api/given/file", file, { name });
      studio.complain(null);
      studio.go({ picture: image, pixel: null });
    });
  const button = (reference, title, source, go) =>
    element(
      "button",
      { type: "button", class: "sample", "data-image": reference, title, "aria-label": title, "aria-pressed": "false", onclick: go },
      element("img", { src: source, alt: "", loading: "lazy" }),
    );
  const list = async () => {
    const run = studio.get("run");
    const key = `${run} ${first}`;
    if (!run || listed === key) return;
    listed = key;
    let answer;
    try {
      answer = await ask("/api/images", { run, first, count: SHOWN });
    } catch (error) {
      fill(ofRun, element("p", { class: "quiet" }, error.message)); // its data are not here: the examples are
      return;
    }
    const { images, count, split } = answer;
    const turn = (by) => {
      first = Math.max(0, Math.min(count - 1, first + by));
      studio.trying(list);
    };
    const buttons = images.map(({ reference }) =>
      button(reference, `Image ${reference} of the run`, addressOf("/api/picture", { run, image: reference }), () => studio.go({ image: reference, picture: null, pixel: null })),
    );
    const pages = element(
      "div",
      { class: "buttons pages" },
      element("button", { type: "button", disabled: first === 0, "aria-label": "Earlier images", onclick: () => turn(-SHOWN) }, "◀"),
      element("span", { class: "quiet" }, `${split} ${first}–${first + images.length - 1} of ${count.toLocaleString("en")}`),
      element("button", { type: "button", disabled: first + SHOWN >= count, "aria-label": "Later images", onclick: () => turn(SHOWN) }, "▶"),
    );
    fill(ofRun, element("div", { class: "thumbnails" }, ...buttons), pages);
    mark();
  };
  let chosen = "";
  const root = element(
    "div",
    { class: "pictures", role: "group", "aria-label": "Images" },
    element("div", {}, ofExamples, pickers(give, (message) => studio.complain(message)), element("p", { class: "quiet" }, "or drop or paste one anywhere on this page.")),
    ofRun,
  );
  const mark = () => {
    for (const node of root.querySelectorAll(".sample")) node.setAttribute("aria-pressed", String(node.dataset.image === chosen));
  };
  return {
    root,
    examples(examples) {
      const buttons = examples.map(({ name, about }) =>
        button(name, `${name.replace("example/", "")}: ${about}`, addressOf("/api/maths/file", { picture: name }), () => studio.go({ picture: name, pixel: null })),
      );
      fill(ofExamples, ...buttons);
      mark();
    },
    update(image) {
      chosen = image;
      mark();
      studio.trying(list);
    },
    close: dropping(give),
  };
}
