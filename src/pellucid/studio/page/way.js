/** The line at the bottom: the same in a terminal, in Python, and as a link. */

import { element, fill } from "/modules/dom.js";
import { addressOf } from "./server.js";

/** Show what gives the same elsewhere; `unit` is what the server said of the chosen unit, null without one. */
export function wayBar(studio, pass, unit) {
  const { command, python } = unit ?? pass;
  fill(
    document.getElementById("way"),
    element("code", { class: "quiet", title: command }, command),
    element(
      "div",
      { class: "buttons" },
      pass.file ? element("a", { class: "copy", href: addressOf("/api/picture", { run: pass.run, image: pass.image }), download: pass.file }, `save ${pass.file}`) : null,
      copying("copy command", () => command),
      copying("copy Python", () => `import pellucid\n${python}`),
      copying("copy link", () => location.href),
    ),
  );
}

/** A button that copies a text, and says that it did. */
export function copying(title, textOf) {
  const button = element("button", { type: "button", class: "copy", onclick: async () => {
    try {
      await navigator.clipboard.writeText(textOf());
      button.textContent = "copied";
    } catch {
      button.textContent = "not allowed to copy";
    }
    setTimeout(() => (button.textContent = title), 1500);
  } }, title);
  return button;
}
