/** Light or dark: as the system has it, or as the person chose in this browser. */

import { element } from "/modules/dom.js";
import { forgetColours } from "/modules/draw.js";

const KEY = "pellucid-theme";
const NAMES = { system: "◐", light: "☀", dark: "☾" };

/** The switch in the bar; `onChange` is called when colours have changed. */
export function themeSwitch(onChange) {
  let chosen = localStorage.getItem(KEY) ?? "system";
  const button = element("button", { type: "button", onclick: () => {
    const names = Object.keys(NAMES);
    chosen = names[(names.indexOf(chosen) + 1) % names.length];
    localStorage.setItem(KEY, chosen);
    apply();
    onChange();
  } });
  const apply = () => {
    if (chosen === "light" || chosen === "dark") document.documentElement.dataset.theme = chosen;
    else delete document.documentElement.dataset.theme;
    button.textContent = NAMES[chosen] ?? NAMES.system;
    button.setAttribute("aria-label", `Colours: ${chosen}; press for the next`);
    button.title = `Colours: ${chosen}`;
    forgetColours();
  };
  apply();
  return button;
}
