// Elements: found, made, filled.

export const $ = (selector, within = document) => within.querySelector(selector);

/** An element. Attributes that begin with `on` are listeners; those that are false, null or undefined are left out. */
export function h(tag, attributes = {}, ...children) {
  return filled(document.createElement(tag), attributes, children);
}

/** The same for the elements of SVG. */
export function svg(tag, attributes = {}, ...children) {
  return filled(document.createElementNS("http://www.w3.org/2000/svg", tag), attributes, children);
}

function filled(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (value !== null && value !== undefined && value !== false) {
      element.setAttribute(name, value === true ? "" : value);
    }
  }
  element.append(...children.filter((child) => child !== null && child !== undefined));
  return element;
}

/** Set a text only where it changes, so that selections and screen readers are left in peace. */
export function say(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/** Show on a bar for progress how far something is, from 0 to 1. */
export function bar(element, part) {
  element.style.setProperty("--part", part);
  element.setAttribute("aria-valuenow", Math.floor(100 * part));
}

/** Bring the children of `parent` in line with `items`: each has one, made by `make` and kept by its key, which
 * `update` brings up to date. */
export function keyed(parent, items, keyOf, make, update = () => {}) {
  parent.kept ??= new Map();
  const wanted = new Set(items.map(keyOf));
  for (const [key, child] of parent.kept) {
    if (!wanted.has(key)) {
      child.remove();
      parent.kept.delete(key);
    }
  }
  items.forEach((item, place) => {
    const key = keyOf(item);
    if (!parent.kept.has(key)) parent.kept.set(key, make(item));
    const child = parent.kept.get(key);
    if (parent.children[place] !== child) parent.insertBefore(child, parent.children[place] ?? null);
    update(child, item);
  });
}
