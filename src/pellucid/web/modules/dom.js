/** Elements, with text that is always text: whatever a class or file is called, nothing of it becomes HTML. */

/**
 * @template {keyof HTMLElementTagNameMap} Tag
 * @param {Tag} tag
 * @param {Record<string, any>} [properties] `class`, `data-…`, `aria-…` and the like; `on…` are listeners
 * @param {...(Node | string | null | false | undefined)} children
 * @returns {HTMLElementTagNameMap[Tag]}
 */
export function element(tag, properties = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
    else made.setAttribute(name, value === true ? "" : String(value));
  }
  fill(made, ...children);
  return made;
}

/** A unit's name, which may break before its index. */
export function unitCode(name) {
  const at = name.lastIndexOf("[");
  if (at < 0) return element("code", {}, name);
  return element("code", {}, name.slice(0, at), element("wbr"), name.slice(at));
}

/**
 * Put other children into an element.
 *
 * @param {Element} parent
 * @param {...(Node | string | null | false | undefined)} children
 */
export function fill(parent, ...children) {
  parent.replaceChildren(...children.flatMap((child) => (child === null || child === undefined || child === false ? [] : [child])));
}

/** Whether the person asked for less motion. */
export function isStill() {
  return matchMedia("(prefers-reduced-motion: reduce)").matches;
}
