/** The glossary: the first use of a word in a view is a button, which opens a small card with a picture below it. */

import { element } from "/modules/dom.js";
import { WORDS } from "./words.js";

const SETTLED = 250;
const READ = "p, li, figcaption, h3, th, td, dt, dd, span.quiet";
const LEFT = "button, a, code, pre, label, summary, select, textarea, option, svg, math, h1, h2, output, [aria-live], [role=alert], [role=img], [role=group], [contenteditable], .card, .sentence code";

const WORD_OF = new Map(WORDS.flatMap((word) => word.forms.map((form) => [form.toLowerCase(), word])));
const FORMS = [...WORD_OF.keys()].sort((one, other) => other.length - one.length);
const ANY = new RegExp(`(?<![\\w-])(?:${FORMS.join("|")})(?![\\w-])`, "gi");

let opened = null;
let count = 0;

/** Keep the words of a part of the page explained, whatever comes into it. */
export class Glossary {
  /** @param {HTMLElement} root */
  constructor(root) {
    this.root = root;
    new MutationObserver((changes) => {
      if (changes.every(({ target }) => target instanceof Element && target.closest(".word, .card"))) return;
      clearTimeout(this.timer);
      this.timer = setTimeout(() => this.mark(), SETTLED);
    }).observe(root, { childList: true, subtree: true });
    document.addEventListener(
      "keydown",
      (event) => {
        if (event.key !== "Escape" || !opened?.card.isConnected) return;
        event.stopPropagation();
        event.preventDefault();
        const { button } = opened;
        close();
        button.focus();
      },
      { capture: true },
    );
  }

  /** Make the first use of each word that is not explained yet a button. */
  mark() {
    const explained = new Set([.../** @type {NodeListOf<HTMLElement>} */ (this.root.querySelectorAll(".word"))].map((button) => button.dataset.word));
    if (explained.size === WORDS.length) return;
    const walker = document.createTreeWalker(this.root, NodeFilter.SHOW_TEXT, (text) => (isRead(text) ? NodeFilter.FILTER_ACCEPT : NodeFilter.FILTER_REJECT));
    const texts = [];
    while (walker.nextNode()) texts.push(walker.currentNode);
    for (const text of texts) markIn(text, explained);
  }
}

function isRead(text) {
  const parent = text.parentElement;
  return text.data.length > 3 && parent?.closest(READ) && !parent.closest(LEFT) && !parent.closest("[hidden]");
}

function markIn(text, explained) {
  const parts = [];
  let from = 0;
  for (const match of text.data.matchAll(ANY)) {
    const word = WORD_OF.get(match[0].toLowerCase());
    if (!word || explained.has(word.word)) continue;
    explained.add(word.word);
    parts.push(text.data.slice(from, match.index), wordButton(word, match[0]));
    from = match.index + match[0].length;
  }
  if (parts.length) text.replaceWith(...parts, text.data.slice(from));
}

function wordButton(word, shown) {
  const button = element("button", { type: "button", class: "word", "data-word": word.word, "aria-expanded": "false", onclick: () => toggle(button, word) }, shown);
  return button;
}

function toggle(button, word) {
  const again = opened?.button === button && opened.card.isConnected;
  close();
  if (again) return;
  const id = `card-${(count += 1)}`;
  const card = wordCard(word, id);
  (button.closest("p, li, figcaption, h3, tr, dl, ul") ?? button).after(card);
  button.setAttribute("aria-expanded", "true");
  button.setAttribute("aria-controls", id);
  opened = { button, card };
}

function close() {
  if (!opened) return;
  opened.card.remove();
  opened.button.setAttribute("aria-expanded", "false");
  opened.button.removeAttribute("aria-controls");
  opened = null;
}

/** What a word means, with its picture. */
export function wordCard(word, id = null) {
  return element("div", { class: "card", id, role: "note", "aria-label": word.word }, word.picture(), element("p", {}, element("strong", {}, word.word), ` – ${word.text}`));
}
