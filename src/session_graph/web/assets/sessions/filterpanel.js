/**
 * The filter panel: a control for each filter that the viewer may use. It changes the view at once.
 */

import { button, choice, debounce, fill, h, iconButton, labelled, newId } from "./elements.js";
import { visibleFields } from "./filters.js";
import { fromWallClock, wallClock } from "./formats.js";

/** @import { Field, Filter } from "./filters.js" */

const MANY = 8;

export class FilterPanel {
  /** @type {HTMLElement | null} */
  #range = null;

  /** @param {import("./sessions.js").SessionsView} app @param {() => void} onClose */
  constructor(app, onClose) {
    this.app = app;
    this.fields = h("div", { class: "fields" });
    this.element = h(
      "dialog",
      { class: "filters sheet", "aria-label": "Filters", onclose: onClose },
      h(
        "div",
        { class: "bar" },
        h("h2", {}, "Filters"),
        iconButton("Close filters", "close", () => this.close()),
      ),
      this.fields,
      h(
        "footer",
        {},
        button("Clear all", () => app.change({ filter: {} })),
        button("Done", () => this.close(), { class: "primary" }),
      ),
    );
  }

  /** Beside the table if there is room, else above it as a sheet. */
  open() {
    if (matchMedia("(max-width: 1100px)").matches) this.element.showModal();
    else this.element.show();
  }

  close() {
    this.element.close();
  }

  /** @param {Filter} filter */
  show(filter) {
    const active = document.activeElement;
    const focused = active instanceof HTMLElement && active.closest(".filters") ? active.dataset.key : null;
    const scroll = this.fields.scrollTop;
    const fields = visibleFields(this.app.viewer).filter((field) => field.kind !== "text");
    /** @param {Field} field */
    const draw = (field) => this.#draw(field, filter);
    if (!this.#range?.contains(active)) this.#range = this.#drawRange(); // not while somebody types there
    fill(
      this.fields,
      this.#range,
      fields.filter((field) => !field.further).map(draw),
      h("h3", {}, "Further"),
      fields.filter((field) => field.further).map(draw),
    );
    this.fields.scrollTop = scroll;
    const again = focused && this.fields.querySelector(`[data-key="${CSS.escape(focused)}"]`);
    if (again instanceof HTMLElement) again.focus();
  }

  /** @param {Field} field @param {Filter} filter */
  #draw(field, filter) {
    if (field.kind === "flag") return this.#drawFlag(field, filter);
    if (field.kind === "choices") return this.#drawChoices(field, filter);
    return null;
  }

  /** @param {Filter} filter @param {string} name @param {unknown} value */
  #set(filter, name, value) {
    const { [name]: _, ...rest } = filter;
    this.app.change({ filter: value === undefined ? rest : { ...rest, [name]: value } });
  }

  /** A year is typed digit by digit, each an event: a time counts after a pause, and from 1970 on. */
  #drawRange() {
    const { timeZone } = this.app.viewer.account;
    const { filter } = this.app.view;
    const take = debounce((/** @type {string} */ name, /** @type {string} */ value) => {
      const { period, [name]: _, ...rest } = this.app.view.filter;
      if (!value || value >= "1970")
        this.app.change({ filter: value ? { ...rest, [name]: fromWallClock(value, timeZone) } : rest });
    }, 600);
    /** @param {string} name @param {string} label */
    const input = (name, label) => {
      /** @type {HTMLInputElement} */
      const control = h("input", {
        type: "datetime-local",
        "data-key": name,
        value: filter[name] ? wallClock(filter[name], timeZone) : "",
        oninput: () => take(name, control.value),
      });
      return labelled(label, control);
    };
    return h(
      "fieldset",
      { class: "range" },
      h("legend", {}, "Time range"),
      input("from", "From"),
      input("to", "To"),
      h("p", { class: "hint" }, `Up to, but not including, the end. In ${timeZone}, the account's zone.`),
    );
  }

  /** @param {Field} field @param {Filter} filter */
  #drawFlag(field, filter) {
    const name = newId();
    const value = filter[field.name];
    /** @param {string} label @param {boolean} [own] */
    const radio = (label, own) =>
      h(
        "label",
        { title: field.words?.[String(own)] },
        h("input", {
          type: "radio",
          name,
          "data-key": `${field.name} ${own}`,
          checked: value === own,
          onchange: () => this.#set(filter, field.name, own),
        }),
        h("span", {}, label),
      );
    const [yes, no] = field.name === "isTest" ? ["Test", "Live"] : ["Yes", "No"];
    return h(
      "fieldset",
      { class: "flagfield" },
      h("legend", {}, field.label),
      h("div", { class: "segments" }, radio("Any"), radio(yes, true), radio(no, false)),
    );
  }

  /** @param {Field} field @param {Filter} filter */
  #drawChoices(field, filter) {
    /** @type {string[]} */
    const chosen = filter[field.name] ?? [];
    const offered = this.#offer(field, chosen);
    if (!offered.length) return null;
    /** @param {string} key @param {boolean} on */
    const toggle = (key, on) => {
      const next = on ? [...chosen, key] : chosen.filter((each) => each !== key);
      this.#set(filter, field.name, next.length ? next : undefined);
    };
    /** @param {string[]} choice */
    const box = ([key, words]) => {
      const [name, checked] = [`${field.name} ${key}`, chosen.includes(key)];
      const onchange = (/** @type {{ target: HTMLInputElement }} */ { target }) => toggle(key, target.checked);
      return choice(h("input", { type: "checkbox", "data-key": name, checked, onchange }), words);
    };
    const boxes = h("div", { class: offered.length > MANY ? "choices many" : "choices" }, offered.map(box));
    return h(
      "fieldset",
      {},
      h("legend", {}, field.label, chosen.length > 0 && h("span", { class: "badge" }, chosen.length)),
      boxes,
    );
  }

  /** The choices of a field: key and words. @param {Field} field @param {string[]} chosen */
  #offer(field, chosen) {
    if (field.words) return Object.entries(field.words);
    const { options, agents } = this.app.viewer;
    if (field.options === "agents") return agents.map(({ idn, name }) => [idn, name]);
    return [...new Set([...chosen, ...(options[field.options ?? ""] ?? [])])]
      .sort((a, b) => a.localeCompare(b))
      .map((each) => [each, each]);
  }
}
