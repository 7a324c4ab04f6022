/** What stands under the pointer: a value, its place and what it sees. */

import { element, fill } from "/modules/dom.js";
import { long, short } from "/modules/numbers.js";

const AWAY = 16;

/** A small note beside the pointer, or beside what the keyboard is on. */
export class Tip {
  constructor() {
    this.view = element("div", { class: "tip", hidden: true, "aria-hidden": "true" });
    this.pointer = null;
    addEventListener("pointermove", (event) => {
      this.pointer = event.pointerType === "mouse" ? { x: event.clientX, y: event.clientY } : null;
    }, { capture: true, passive: true });
  }

  hide() {
    this.view.hidden = true;
  }

  /**
   * @param {string} unit
   * @param {number} value
   * @param {{top: number, left: number, bottom: number, right: number} | "pixel" | null} seen what it sees of the image
   * @param {{height: number, width: number}} image
   */
  show(unit, value, seen, { height, width }) {
    const sees = seen === "pixel" ? "lit: the units that see it" : seen && seenText(seen, height, width);
    fill(this.view, element("strong", { title: long(value) }, `${unit} = ${short(value)}`), sees ? element("span", { class: "quiet" }, sees) : null);
    this.view.hidden = false;
    const focused = document.activeElement?.getBoundingClientRect?.();
    const at = this.pointer ?? (focused ? { x: focused.right, y: focused.top } : { x: 0, y: 0 });
    const box = this.view.getBoundingClientRect();
    const left = at.x + AWAY + box.width > innerWidth ? at.x - AWAY - box.width : at.x + AWAY;
    const top = at.y + AWAY + box.height > innerHeight ? at.y - AWAY - box.height : at.y + AWAY;
    this.view.style.left = `${Math.max(4, left)}px`;
    this.view.style.top = `${Math.max(4, top)}px`;
  }
}

function seenText({ top, left, bottom, right }, height, width) {
  if (top === 0 && left === 0 && bottom === height - 1 && right === width - 1) return "sees the whole image";
  return `sees rows ${top}–${bottom}, columns ${left}–${right} of the image`;
}
