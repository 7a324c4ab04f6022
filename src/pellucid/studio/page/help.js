/** What stands under "?": the tour, the keys, and every word of the glossary. */

import { element, fill } from "/modules/dom.js";
import { wordCard } from "./glossary.js";
import { keyRows } from "./keys.js";
import { WORDS } from "./words.js";

/** The button in the bar; `place` holds what it opens. */
export function helpButton(place, startTour) {
  const button = element("button", { type: "button", "aria-expanded": "false", "aria-controls": place.id, "aria-label": "Help: the tour, the keys, the words", onclick: () => toggle() }, "?");
  const close = () => {
    fill(place);
    button.setAttribute("aria-expanded", "false");
  };
  const toggle = () => {
    if (place.firstChild) return close();
    button.setAttribute("aria-expanded", "true");
    const start = () => {
      close();
      startTour();
    };
    fill(place, helpView(start, () => (close(), button.focus())));
    place.querySelector("h2").focus();
    return undefined;
  };
  return button;
}

function helpView(start, close) {
  const keys = keyRows().map(([key, text]) => element("li", {}, element("kbd", {}, key), ` ${text}`));
  return element(
    "section",
    { class: "help", "aria-label": "Help", onkeydown: (event) => {
      if (event.key !== "Escape") return;
      event.stopPropagation();
      close();
    } },
    element(
      "div",
      { class: "buttons" },
      element("button", { type: "button", onclick: start }, "Take the tour: four clicks"),
      element("button", { type: "button", onclick: close }, "Close"),
    ),
    element("h2", { tabindex: -1 }, "Keys"),
    element("ul", {}, ...keys),
    element("h2", {}, "Words"),
    element("div", { class: "words" }, ...WORDS.map((word) => wordCard(word))),
  );
}
