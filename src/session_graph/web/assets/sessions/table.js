/**
 * The table of sessions, as a grid whose rows can be reached by keys. Of thousands of rows only those in view exist: all
 * have one height, so a row's place follows from its index.
 *
 * On a narrow screen the same rows are cards.
 */

import { DEFAULT_ORDER } from "./address.js";
import { drawCard, drawCells } from "./cells.js";
import { fill, h, trouble } from "./elements.js";
import { hasModifier } from "./keys.js";
import { drawHead } from "./tablehead.js";

/** @import { Order } from "./address.js" */
/** @import { ApiError } from "./api.js" */
/** @import { Column } from "./columns.js" */
/** @import { Child } from "./elements.js" */
/** @import { ListChange, Session } from "./list.js" */

/**
 * @typedef {object} Actions
 * @property {(id: string) => void} open
 * @property {(order: Order) => void} order
 * @property {(ids: Set<string>) => void} select
 * @property {(error: ApiError) => Child} remedies
 * @property {() => Child} drawEmpty
 */

const ROW = 36;
const CARD = 106;
const BEYOND = 12;
const PREFETCH = 60;
const SKELETONS = 14;
const NARROW = matchMedia("(max-width: 720px)");

export class SessionTable {
  /** Index of the row that has the focus, or would get it. */
  active = 0;
  /** @type {Set<string>} the ids */
  selected = new Set();
  /** The id of the session that is open beside the table. @type {string | null} */
  opened = null;

  #list;
  #scroller;
  #actions;
  #viewer;
  /** @type {Column[]} */
  #columns = [];
  #order = DEFAULT_ORDER;
  /** The rows that exist, by id; the session is missing while the row is only a place. @type {Map<string, { element: HTMLElement, session?: Session }>} */
  #drawn = new Map();
  /** Ids of new and changed rows that are not marked yet. @type {Set<string>} */
  #unmarked = new Set();
  /** The box that selects all rows. @type {HTMLInputElement | null} */
  #all = null;
  #anchor = 0;
  #frame = 0;
  /** @type {ApiError | "empty" | "end" | null} */
  #footState = null;

  /**
   * @param {import("./list.js").SessionList} list
   * @param {HTMLElement} scroller of the table and what is above it
   * @param {import("./viewer.js").Viewer} viewer
   * @param {Actions} actions
   */
  constructor(list, scroller, viewer, actions) {
    this.#list = list;
    this.#scroller = scroller;
    this.#viewer = viewer;
    this.#actions = actions;
    this.head = h("div", { class: "head", role: "rowgroup" });
    this.body = h("div", { class: "body", role: "rowgroup" });
    this.element = h(
      "div",
      { class: "table", role: "grid", "aria-label": "Sessions", "aria-multiselectable": "true" },
      this.head,
      this.body,
    );
    this.foot = h("div", { class: "foot", role: "status" });
    this.element.addEventListener("keydown", (event) => this.#press(event));
    this.body.addEventListener("focusin", (event) => this.#noteFocus(/** @type {Element} */ (event.target)));
    scroller.addEventListener("scroll", () => this.#schedule(), { passive: true });
    new ResizeObserver(() => this.#schedule()).observe(scroller);
    NARROW.addEventListener("change", () => this.show(this.#columns, this.#order));
  }

  get #height() {
    return NARROW.matches ? CARD : ROW;
  }

  /** Other columns or another order. @param {Column[]} columns @param {Order} order */
  show(columns, order) {
    this.#columns = columns;
    this.#order = order;
    this.element.classList.toggle("cards", NARROW.matches);
    const tracks = columns.map(({ code, width }) => (code === "SUMMARY" ? `minmax(${width}px, 1fr)` : `${width}px`));
    const width = columns.reduce((sum, column) => sum + column.width, 40);
    this.element.style.setProperty(
      "--tracks",
      `40px ${tracks.join(" ")}${columns.some((c) => c.code === "SUMMARY") ? "" : " 1fr"}`,
    );
    this.element.style.setProperty("--width", NARROW.matches ? "100%" : `${width}px`);
    this.element.style.setProperty("--row", `${this.#height}px`);
    this.element.setAttribute("aria-colcount", String(columns.length + 1));
    this.#all = h("input", {
      type: "checkbox",
      "aria-label": "Select all that are loaded",
      onchange: ({ target }) => this.#selectAll(target.checked),
    });
    fill(this.head, drawHead(this.#all, columns, order, this.#actions.order));
    this.#forget();
    this.draw();
  }

  /** The number of rows, for screen readers; -1 if it is not known. @param {number} total */
  setTotal(total) {
    this.element.setAttribute("aria-rowcount", String(total < 0 ? -1 : total + 1));
  }

  /** Goes back to the first row, as after another filter. */
  rewind() {
    this.active = 0;
    this.#anchor = 0;
    this.#unmarked.clear();
    this.selected.clear();
    const top = this.element.offsetTop - this.head.offsetHeight;
    if (this.#scroller.scrollTop > top) this.#scroller.scrollTop = Math.max(0, top);
  }

  /** Shows a change of the list: new rows are marked, and what is in view stays in its place. @param {ListChange} change */
  showChange({ kind, index = 0, id = "" }) {
    if (kind === "inserted" || kind === "changed") this.#unmarked.add(id);
    const above = this.#scroller.scrollTop - this.body.offsetTop;
    if (kind === "inserted" && index <= this.active && this.#list.rows.length > 1) this.active += 1;
    if (kind === "inserted" && above > this.#height && index * this.#height <= above)
      this.#scroller.scrollTop += this.#height;
    if (kind === "removed") {
      this.selected.delete(id);
      if (index < this.active) this.active -= 1;
      if (above > this.#height && index * this.#height < above) this.#scroller.scrollTop -= this.#height;
    }
    this.#schedule();
  }

  #schedule() {
    if (this.#frame) return;
    this.#frame = requestAnimationFrame(() => {
      this.#frame = 0;
      this.draw();
    });
  }

  #forget() {
    for (const { element } of this.#drawn.values()) element.remove();
    this.#drawn.clear();
  }

  /** Shows the rows in view, and makes those that are missing. */
  draw() {
    const { rows, hasNext, isLoading, isStale, error } = this.#list;
    const empty = rows.length === 0;
    this.element.classList.toggle("stale", isStale);
    this.element.setAttribute("aria-busy", String(isLoading));
    const pending = isLoading && empty ? SKELETONS : hasNext && !error ? 3 : 0;
    this.body.style.setProperty("height", `${(rows.length + pending) * this.#height}px`);
    const top = this.#scroller.scrollTop - this.body.offsetTop;
    const first = Math.max(0, Math.floor(top / this.#height) - BEYOND);
    const last = Math.min(rows.length, Math.ceil((top + this.#scroller.clientHeight) / this.#height) + BEYOND);
    this.active = Math.max(0, Math.min(this.active, rows.length - 1));
    this.#place(rows, first, last);
    this.#showFoot();
    if (last + PREFETCH > rows.length && !isStale) this.#list.more();
  }

  /** @param {Session[]} rows @param {number} first @param {number} last */
  #place(rows, first, last) {
    /** @type {Set<string>} */
    const wanted = new Set();
    const focused = this.body.contains(document.activeElement) ? this.active : -1;
    for (let index = first; index < last; index++) this.#drawRow(rows[index], index, wanted);
    if (focused >= 0 && (focused < first || focused >= last) && rows[focused])
      this.#drawRow(rows[focused], focused, wanted);
    const ghosts =
      this.#list.isLoading && rows.length === 0 ? SKELETONS : this.#list.hasNext && last >= rows.length ? 3 : 0;
    for (let ghost = 0; ghost < ghosts; ghost++) this.#drawGhost(`ghost ${ghost}`, rows.length + ghost, wanted);
    for (const [key, { element }] of this.#drawn) {
      if (wanted.has(key)) continue;
      element.remove();
      this.#drawn.delete(key);
    }
    this.#arrange();
  }

  /** Puts the rows into the document in the order of the screen, for screen readers. Those in place are not moved. */
  #arrange() {
    const elements = [...this.#drawn.values()].map(({ element }) => element);
    let next = this.body.firstChild;
    for (const element of elements.sort((a, b) => Number(a.dataset.index) - Number(b.dataset.index))) {
      if (element === next) next = element.nextSibling;
      else this.body.insertBefore(element, next);
    }
  }

  /** @param {Session} session @param {number} index @param {Set<string>} wanted */
  #drawRow(session, index, wanted) {
    wanted.add(session.id);
    let drawn = this.#drawn.get(session.id);
    if (!drawn || drawn.session !== session) {
      const element = this.#makeRow(session);
      if (drawn) {
        const hadFocus = drawn.element.contains(document.activeElement);
        drawn.element.replaceWith(element);
        if (hadFocus) this.#focusAfter(element);
      } else {
        this.body.append(element);
      }
      drawn = { element, session };
      this.#drawn.set(session.id, drawn);
      if (this.#unmarked.delete(session.id)) element.classList.add("fresh");
    }
    this.#update(drawn.element, session, index);
  }

  /** @param {HTMLElement} element */
  #focusAfter(element) {
    element.tabIndex = 0;
    element.focus({ preventScroll: true });
  }

  /** @param {HTMLElement} element @param {Session} session @param {number} index */
  #update(element, session, index) {
    const selected = this.selected.has(session.id);
    this.#move(element, index);
    element.setAttribute("aria-rowindex", String(index + 2));
    element.setAttribute("aria-selected", String(selected));
    element.tabIndex = index === this.active ? 0 : -1;
    element.classList.toggle("opened", session.id === this.opened);
    element.classList.toggle("departed", this.#list.departed.has(session.id));
    if (session.id === this.opened) element.setAttribute("aria-current", "true");
    else element.removeAttribute("aria-current");
    /** @type {HTMLInputElement} */ (element.querySelector("input")).checked = selected;
  }

  /** @param {Session} session */
  #makeRow(session) {
    const box = h("input", {
      type: "checkbox",
      tabindex: "-1",
      "aria-label": "Select",
      onclick: (event) => {
        event.stopPropagation();
        this.#select(this.#list.indexOf(session.id), event.shiftKey);
      },
    });
    const row = h(
      "div",
      { class: "row", role: "row", "data-id": session.id },
      h("div", { class: "box", role: "gridcell", onclick: (event) => event.stopPropagation() }, h("label", {}, box)),
    );
    row.append(...(NARROW.matches ? drawCard : drawCells)(session, this.#columns, this.#viewer.account.currency));
    row.addEventListener("click", () => {
      if (!String(getSelection())) this.#actions.open(session.id);
    });
    return row;
  }

  /** @param {string} key @param {number} index @param {Set<string>} wanted */
  #drawGhost(key, index, wanted) {
    wanted.add(key);
    let drawn = this.#drawn.get(key);
    if (!drawn) {
      const cells = NARROW.matches ? [1, 2, 3] : this.#columns;
      drawn = {
        element: h(
          "div",
          { class: "row ghost", "aria-hidden": "true" },
          h("div", { class: "box" }),
          cells.map(() => h("div", { class: "cell" }, h("i"))),
        ),
      };
      this.#drawn.set(key, drawn);
      this.body.append(drawn.element);
    }
    this.#move(drawn.element, index);
  }

  /** @param {HTMLElement} element @param {number} index */
  #move(element, index) {
    element.dataset.index = String(index);
    element.style.setProperty("transform", `translateY(${index * this.#height}px)`);
  }

  /** Changes the foot only if it says something else: screen readers read it, and its buttons may have the focus. */
  #showFoot() {
    const { rows, error, hasNext, isLoading, isStale } = this.#list;
    const isEmpty = !rows.length && !isLoading && !isStale;
    const isEnd = !hasNext && !isLoading && rows.length > 20;
    const state = error ?? (isEmpty ? "empty" : isEnd ? "end" : null);
    if (state === this.#footState) return;
    this.#footState = state;
    fill(this.foot, this.#drawFoot(state));
  }

  /** @param {ApiError | "empty" | "end" | null} state */
  #drawFoot(state) {
    if (state === "empty") return this.#actions.drawEmpty();
    if (state === "end") return h("p", { class: "end" }, "That is all of them.");
    return state && this.#drawTrouble(state);
  }

  /** @param {ApiError} error */
  #drawTrouble(error) {
    const advice = [error.advice, error.extensions.id && ` (${error.extensions.id})`];
    return trouble(error.title, advice, h("div", { class: "actions" }, this.#actions.remedies(error)));
  }

  /** @param {number} index @param {boolean} through from the row that was selected last */
  #select(index, through = false) {
    const [from, to] = through ? [Math.min(this.#anchor, index), Math.max(this.#anchor, index)] : [index, index];
    const on = !this.selected.has(this.#list.rows[index].id);
    for (const { id } of this.#list.rows.slice(from, to + 1)) this.selected[on ? "add" : "delete"](id);
    this.#anchor = index;
    this.active = index;
    this.#selectionChanged();
  }

  /** @param {boolean} on */
  #selectAll(on) {
    this.selected = new Set(on ? this.#list.rows.map((row) => row.id) : []);
    this.#selectionChanged();
  }

  clearSelection() {
    this.selected.clear();
    this.#selectionChanged();
  }

  #selectionChanged() {
    const isAll = this.selected.size > 0 && this.selected.size === this.#list.rows.length;
    if (this.#all) Object.assign(this.#all, { checked: isAll, indeterminate: this.selected.size > 0 && !isAll });
    this.draw();
    this.#actions.select(this.selected);
  }

  /** @param {Element} place */
  #noteFocus(place) {
    const id = place.closest("[data-id]")?.getAttribute("data-id");
    const index = id ? this.#list.indexOf(id) : -1;
    if (index < 0 || index === this.active) return;
    this.active = index;
    this.#schedule();
  }

  /** @param {KeyboardEvent} event */
  #press(event) {
    if (/** @type {Element} */ (event.target).closest(".head") || hasModifier(event)) return;
    const page = Math.max(1, Math.floor(this.#scroller.clientHeight / this.#height) - 2);
    /** @type {Record<string, number>} */
    const steps = {
      ArrowDown: 1,
      j: 1,
      ArrowUp: -1,
      k: -1,
      PageDown: page,
      PageUp: -page,
      Home: -Infinity,
      End: Infinity,
    };
    if (event.key in steps) this.focus(this.active + steps[event.key]);
    else if (event.key === "Enter" && this.#list.rows[this.active]) this.#actions.open(this.#list.rows[this.active].id);
    else if ((event.key === " " || event.key === "x") && this.#list.rows[this.active])
      this.#select(this.active, event.shiftKey);
    else return;
    event.preventDefault();
  }

  /** Moves the focus to a row, and the row into view. @param {number} index */
  focus(index) {
    this.active = Math.max(0, Math.min(index, this.#list.rows.length - 1));
    this.reveal(this.active);
    const row = this.#list.rows[this.active];
    if (row) this.#drawn.get(row.id)?.element.focus({ preventScroll: true });
  }

  /** Scrolls so far that a row is in view. @param {number} index */
  reveal(index) {
    const top = this.body.offsetTop + index * this.#height;
    const visible = this.#scroller.scrollTop + this.head.offsetHeight;
    if (top < visible) this.#scroller.scrollTop = top - this.head.offsetHeight;
    else if (top + this.#height > this.#scroller.scrollTop + this.#scroller.clientHeight) {
      this.#scroller.scrollTop = top + this.#height - this.#scroller.clientHeight + 8;
    }
    this.draw();
  }
}
