/**
 * Makes elements. A child that is no element becomes a text node, so no text of a session can become markup.
 *
 *     h("button", { class: "quiet", onclick: save }, "Save")
 */

const SVG = "http://www.w3.org/2000/svg";
const PROPERTIES = new Set(["checked", "disabled", "hidden", "indeterminate", "open", "selected", "value"]);

/** @typedef {Node | string | number | false | null | undefined | Child[]} Child null and false are left out */

/** @typedef {Event & { currentTarget: HTMLElement, target: HTMLInputElement }} InputEvent */

/**
 * @typedef {object} Handlers
 * @property {(event: MouseEvent) => unknown} [onclick]
 * @property {(event: KeyboardEvent & { target: HTMLElement }) => unknown} [onkeydown]
 * @property {(event: InputEvent) => unknown} [onchange]
 * @property {(event: Event) => unknown} [oninput]
 * @property {(event: Event) => unknown} [onsubmit]
 * @property {(event: Event) => unknown} [onclose]
 * @property {(event: Event) => unknown} [oncancel]
 * @property {(event: Event) => unknown} [ontoggle]
 */

/** @typedef {Handlers & Record<string, unknown>} Attributes null, undefined and false are left out */

/**
 * @template {keyof HTMLElementTagNameMap} Tag
 * @param {Tag} tag @param {Attributes} [attributes] @param {Child[]} children
 */
export function h(tag, attributes, ...children) {
  return build(document.createElement(tag), attributes, children);
}

/**
 * The same for SVG.
 * @template {keyof SVGElementTagNameMap} Tag
 * @param {Tag} tag @param {Attributes} [attributes] @param {Child[]} children
 */
export function svg(tag, attributes, ...children) {
  return build(document.createElementNS(SVG, tag), attributes, children);
}

/**
 * @template {Element} Made
 * @param {Made} element @param {Attributes | undefined} attributes @param {Child[]} children
 */
function build(element, attributes, children) {
  append(element, children);
  for (const [name, value] of Object.entries(attributes ?? {})) set(element, name, value);
  return element;
}

/** @param {Element} element @param {Child[]} children */
function append(element, children) {
  const shown = /** @type {unknown[]} */ (children)
    .flat(Infinity)
    .filter((child) => child !== null && child !== undefined && child !== false);
  element.append(.../** @type {(Node | string)[]} */ (shown));
}

/** @param {any} element @param {string} name @param {any} value */
function set(element, name, value) {
  if (value === null || value === undefined) return;
  if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
  else if (name === "style") for (const [key, text] of Object.entries(value)) element.style.setProperty(key, text);
  else if (PROPERTIES.has(name)) element[name] = value;
  else if (value !== false) element.setAttribute(name, value === true ? "" : value);
}

/** A button. @param {Child} label @param {(event: MouseEvent) => unknown} onclick @param {Attributes} [attributes] */
export const button = (label, onclick, attributes) => h("button", { type: "button", onclick, ...attributes }, label);

/** A button with an icon and no text. @param {string} label @param {keyof typeof ICONS} name @param {() => unknown} onclick */
export const iconButton = (label, name, onclick) =>
  button(icon(name), onclick, { class: "bare", "aria-label": label, title: label });

/** A check box or radio button with its label. @param {HTMLInputElement} input @param {Child[]} label */
export const choice = (input, ...label) => h("label", { class: "choice" }, input, h("span", {}, label));

/** A control with its label above it. @param {string} label @param {HTMLElement} control @param {Child[]} more */
export function labelled(label, control, ...more) {
  control.id ||= newId();
  return h("div", { class: "field" }, h("label", { for: control.id }, label), control, more);
}

/** What went wrong, and what to do about it. @param {string} title @param {Child} advice @param {Child[]} actions */
export const trouble = (title, advice, ...actions) =>
  h("div", { class: "trouble", role: "alert" }, h("strong", {}, title), h("p", {}, advice), actions);

/** Replaces the children of an element. @template {Element} Filled @param {Filled} element @param {Child[]} children */
export function fill(element, ...children) {
  element.replaceChildren();
  append(element, children);
  return element;
}

/** An icon, drawn with lines in a box of 16 × 16; screen readers pass over it. @param {keyof typeof ICONS} name */
export function icon(name) {
  return svg("svg", { class: "icon", viewBox: "0 0 16 16", "aria-hidden": "true" }, svg("path", { d: ICONS[name] }));
}

const ICONS = {
  check: "M3 8.5l3.2 3.2L13 4.8",
  close: "M4 4l8 8M12 4l-8 8",
  columns: "M2.5 3h11v10h-11zM6.2 3v10M9.8 3v10",
  down: "M4 6.5l4 4 4-4",
  export: "M8 2.5v7.5M5 7l3 3 3-3M3 12.5v1h10v-1",
  filter: "M2.5 4h11M4.5 8h7M6.5 12h3",
  left: "M10 3.5L5.5 8l4.5 4.5",
  moon: "M13 9.6A5.5 5.5 0 0 1 6.4 3 5.5 5.5 0 1 0 13 9.6z",
  question: "M5.8 6a2.2 2.2 0 1 1 3.2 2c-.7.4-1 .8-1 1.6M8 12.4v.1",
  refresh: "M13 8a5 5 0 1 1-1.6-3.7M13 2.5v3h-3",
  right: "M6 3.5L10.5 8 6 12.5",
  search: "M7 11.5a4.5 4.5 0 1 0 0-9 4.5 4.5 0 0 0 0 9zM10.3 10.3l3.2 3.2",
  sun: "M8 10.8a2.8 2.8 0 1 0 0-5.6 2.8 2.8 0 0 0 0 5.6zM8 1.5v1.2M8 13.3v1.2M1.5 8h1.2M13.3 8h1.2M3.4 3.4l.9.9M11.7 11.7l.9.9M12.6 3.4l-.9.9M4.3 11.7l-.9.9",
};

let lastId = 0;

/** An id for `for`, `aria-labelledby` and the like. */
export function newId() {
  lastId += 1;
  return `e${lastId}`;
}

/**
 * Returns a function that calls `call` once it has itself not been called for `quiet` milliseconds, and at the latest
 * after `most`. Both may be functions that return the number.
 * @template {unknown[]} Arguments
 * @param {(...args: Arguments) => void} call @param {number | (() => number)} quiet @param {number | (() => number)} most
 */
export function debounce(call, quiet, most = Infinity) {
  /** @param {number | (() => number)} time */
  const pause = (time) => (typeof time === "function" ? time() : time);
  let timer = 0;
  let since = 0;
  /** @param {Arguments} args */
  return (...args) => {
    const now = Date.now();
    since = timer ? since : now;
    clearTimeout(timer);
    timer = setTimeout(
      () => {
        timer = 0;
        call(...args);
      },
      Math.max(0, Math.min(pause(quiet), since + pause(most) - now)),
    );
  };
}
