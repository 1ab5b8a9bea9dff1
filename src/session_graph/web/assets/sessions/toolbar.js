/**
 * The bar above the table: quick presets, active filters as chips, the number of sessions, order, columns, export.
 */

import { chips } from "./filters.js";
import { button, fill, h, icon } from "./elements.js";
import { PERIODS, count } from "./formats.js";

/** @import { Filter } from "./filters.js" */
/** @import { Order, View } from "./address.js" */

/** @type {Record<string, string>} */
const SHORT = { LAST_24_HOURS: "24 hours", LAST_7_DAYS: "7 days", LAST_30_DAYS: "30 days" };

export class Toolbar {
  /**
   * @param {object} app
   * @param {import("./viewer.js").Viewer} app.viewer @param {(patch: Partial<View>) => void} app.change
   * @param {() => void} app.openFilters @param {() => void} app.openColumns @param {() => void} app.openExport
   */
  constructor(app) {
    this.app = app;
    this.count = h("p", { class: "count", role: "status", "aria-live": "polite" });
    this.presets = h("div", { class: "presets" });
    this.chips = h("ul", { class: "chips", "aria-label": "Active filters" });
    this.sort = h("div", { class: "sort" });
    this.filters = button([icon("filter"), "Filters"], app.openFilters, { class: "tool", "aria-expanded": "false" });
    this.element = h(
      "section",
      { class: "toolbar", "aria-label": "View" },
      h(
        "div",
        { class: "line" },
        this.filters,
        this.presets,
        h(
          "div",
          { class: "tools" },
          this.count,
          this.sort,
          button([icon("columns"), h("span", {}, "Columns")], app.openColumns, { class: "tool" }),
          button([icon("export"), h("span", {}, "Export")], app.openExport, { class: "tool" }),
        ),
      ),
      this.chips,
    );
  }

  /** @param {View} view */
  show(view) {
    fill(this.presets, this.#drawPeriods(view.filter), this.#drawQuick(view.filter));
    fill(this.sort, this.#drawSort(view.order));
    const { viewer } = this.app;
    const active = chips(view.filter, viewer);
    /** @param {{ label: string, without: Filter }} chip */
    const drop = ({ label, without }) => {
      const attributes = { class: "chip", "aria-label": `Remove filter ${label}` };
      return button([label, icon("close")], () => this.app.change({ filter: without }), attributes);
    };
    const clear = button("Clear all", () => this.app.change({ filter: {} }), { class: "link" });
    const buttons = active.length ? [...active.map(drop), clear] : [];
    fill(
      this.chips,
      buttons.map((each) => h("li", {}, each)),
    );
    this.chips.hidden = active.length === 0;
    fill(this.filters, icon("filter"), "Filters ", active.length > 0 && h("span", { class: "badge" }, active.length));
  }

  /** @param {number | null} total null while the server counts */
  setCount(total) {
    fill(
      this.count,
      total === null
        ? "Counting…"
        : h(
            "span",
            {},
            h("strong", {}, count(total)),
            h("span", { class: "word" }, total === 1 ? " session" : " sessions"),
          ),
    );
  }

  /** @param {Filter} filter */
  #drawPeriods(filter) {
    const own = filter.from || filter.to;
    /** @param {string | null} period */
    const choose = (period) => {
      const { period: _, from, to, ...rest } = filter;
      this.app.change({ filter: period ? { ...rest, period } : rest });
    };
    /** @param {string | null} period @param {string} label @param {string} title @param {boolean} pressed */
    const segment = (period, label, title, pressed) =>
      button(label, () => choose(period), { title, "aria-label": title, "aria-pressed": String(pressed) });
    return h(
      "div",
      { class: "segments", role: "group", "aria-label": "Time range" },
      Object.keys(PERIODS).map((period) => segment(period, SHORT[period], PERIODS[period], filter.period === period)),
      segment(null, own ? "Custom" : "All", own ? "From and to, as filtered" : "All time", !filter.period),
    );
  }

  /** @param {Filter} filter */
  #drawQuick(filter) {
    const { viewer } = this.app;
    /** @param {string} label @param {string} title @param {string} name @param {unknown} value */
    const toggle = (label, title, name, value) => {
      const pressed = JSON.stringify(filter[name]) === JSON.stringify(value);
      const { [name]: _, ...rest } = filter;
      const next = pressed ? rest : { ...rest, [name]: value };
      const attributes = { class: "quick", title, "aria-pressed": String(pressed) };
      return button(label, () => this.app.change({ filter: next }), attributes);
    };
    return [
      toggle("Live only", "Leave test sessions out", "isTest", false),
      viewer.maySee("AUTO_ASSESSMENT") && toggle("Machine said No", "Auto Assessment: No", "autoAssessments", ["NO"]),
      viewer.maySee("HUMAN_ASSESSMENT") &&
        toggle("Not reviewed", "No human assessment yet", "humanAssessments", ["NONE"]),
      viewer.maySee("CONVERSATION_QUALITY") && toggle("Low stars", "One or two stars", "stars", ["1", "2"]),
      toggle("To do", "Someone must follow up", "isTodo", true),
    ];
  }

  /** @param {Order} order */
  #drawSort(order) {
    const sortable = this.app.viewer.columns.filter((column) => column.order);
    const options = sortable.flatMap(({ order: field, label }) =>
      ["DESC", "ASC"].map((direction) =>
        h(
          "option",
          { value: `${field} ${direction}`, selected: field === order.field && direction === order.direction },
          `${label} ${direction === "DESC" ? "↓" : "↑"}`,
        ),
      ),
    );
    /** @type {HTMLSelectElement} */
    const select = h(
      "select",
      {
        "aria-label": "Order",
        onchange: () => {
          const [field, direction] = select.value.split(" ");
          this.app.change({ order: { field, direction: direction === "ASC" ? "ASC" : "DESC" } });
        },
      },
      options,
    );
    return select;
  }
}
