// @ts-check
/** @typedef {Node | string | number | null | undefined | false} Child */

/**
 * Makes an element. Text becomes text nodes, never markup. `on` holds listeners, `class` the class names; every other
 * property is an attribute: `true` sets it without a value, `false`, null and undefined leave it out.
 * @template {keyof HTMLElementTagNameMap} T
 * @param {T} tag
 * @param {{ on?: Record<string, (event: any) => void>, [attribute: string]: unknown }} [props]
 * @param {...(Child | Child[])} children
 * @returns {HTMLElementTagNameMap[T]}
 */
export function h(tag, { on = {}, ...attributes } = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) attribute(element, name, value);
  for (const [type, listener] of Object.entries(on)) element.addEventListener(type, listener);
  append(element, children.flat());
  return element;
}

/** @param {Element} element @param {string} name @param {unknown} value sets or removes an attribute, where it changes */
export function attribute(element, name, value) {
  if (value === undefined || value === null || value === false) {
    if (element.hasAttribute(name)) element.removeAttribute(name);
    return;
  }
  const text = value === true ? "" : String(value);
  if (element.getAttribute(name) !== text) element.setAttribute(name, text);
}

/** @param {ParentNode} parent @param {Child[]} children */
export function append(parent, children) {
  for (const child of children) {
    if (child === null || child === undefined || child === false) continue;
    parent.append(typeof child === "number" ? String(child) : child);
  }
}

/** @param {ParentNode} parent @param {...(Child | Child[])} children puts these in the place of what is there */
export function fill(parent, ...children) {
  parent.replaceChildren();
  append(parent, children.flat());
}

/** @param {Element} element @param {string} text writes only what changes, so that a selection and its reader are left alone */
export function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/**
 * The element of the page's own HTML with this id.
 * @param {string} id
 * @returns {HTMLElement}
 */
export function byId(id) {
  const element = document.getElementById(id);
  if (element === null) throw new Error(`the page has no element #${id}`);
  return element;
}

/**
 * Makes the children of `parent` those of `items`, in their order; elements of items that stay are kept, and with them
 * focus, selection and scroll position.
 * @template I
 * @param {Element} parent
 * @param {readonly I[]} items
 * @param {{ key: (item: I) => string, create: (item: I) => HTMLElement, update: (element: any, item: I) => void }} how
 */
export function syncChildren(parent, items, { key, create, update }) {
  /** @type {Map<string, HTMLElement>} */
  const known = new Map();
  for (const child of parent.children) {
    if (child instanceof HTMLElement && child.dataset.key !== undefined) known.set(child.dataset.key, child);
  }
  let place = parent.firstElementChild;
  for (const item of items) {
    const id = key(item);
    let element = known.get(id);
    known.delete(id);
    if (element === undefined) {
      element = create(item);
      element.dataset.key = id;
    }
    update(element, item);
    if (element === place) place = place.nextElementSibling;
    else parent.insertBefore(element, place);
  }
  for (let rest = place; rest !== null;) {
    const next = rest.nextElementSibling;
    rest.remove();
    rest = next;
  }
}

const SVG = "http://www.w3.org/2000/svg";

/**
 * A small picture of the set in index.html. It says nothing to a screen reader: the text beside it does.
 * @param {string} name
 * @returns {SVGElement}
 */
export function icon(name) {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("class", `icon icon-${name}`);
  svg.setAttribute("aria-hidden", "true");
  const use = document.createElementNS(SVG, "use");
  use.setAttribute("href", `#i-${name}`);
  svg.append(use);
  return svg;
}
