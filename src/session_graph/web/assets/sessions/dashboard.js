/**
 * The figures of the sessions that match the filter: totals beside those of the span before, days as charts, groups as
 * bars. The server adds up; the page does not.
 */

import { drawSeries } from "./charts.js";
import { button, fill, h, trouble } from "./elements.js";
import { inSentenceCase } from "./columns.js";
import { FIELDS, toGraphQL, valueWords } from "./filters.js";
import { change, count, counted, day, decimal, hour, money, points, score, signedRatio } from "./formats.js";

/** @import { Filter } from "./filters.js" */
/** @import { View } from "./address.js" */

/** @typedef {Record<string, any>} Totals a DashboardTotals, with the selected metrics */
/** @typedef {{ from: string, to: string, totals: Totals }} Interval */
/** @typedef {{ key: string | null, totals: Totals }} Group */
/** @typedef {Totals & { timeZone: string, previous: Totals | null, series: Interval[], groups: Group[] }} Answer */

/** @typedef {{ label: string, kind: "count" | "deals" | "money" | "score", about: string, beneath?: string }} Figure */

/** How the page shows each metric; `beneath` is an amount that stands under it. @type {Record<string, Figure>} */
const FIGURES = {
  totalSessionCount: { label: "Sessions", kind: "count", about: "All but test and archived ones" },
  totalLeadCount: {
    label: "Leads",
    kind: "count",
    about: "The user expressed an intent to buy",
    beneath: "totalLeadValue",
  },
  totalOpportunityCount: {
    label: "Opportunities",
    kind: "count",
    about: "Leads that did not fail",
    beneath: "totalOpportunityValue",
  },
  totalAdditionalDealCount: {
    label: "Additional deals",
    kind: "deals",
    about: "Deals won only thanks to the agent: opportunity × conversion × success × recognition, summed",
  },
  totalAsr: { label: "ASR", kind: "money", about: "Additional secured revenue" },
  opportunitySuccessScore: {
    label: "OSS",
    kind: "score",
    about: "Opportunity success score: the agent's mean success over assessed opportunities",
  },
  conversationSuccessScore: {
    label: "CSS",
    kind: "score",
    about: "Conversation success score: the mean of 0.2 × stars over rated sessions",
  },
  leadSuccessScore: {
    label: "LSS",
    kind: "score",
    about: "Lead success score: successful leads among assessed leads",
  },
};

/** The columns that sessions are grouped by. A bar filters by its column's filter. */
const GROUPS = ["CHANNEL", "SESSION_TYPE", "WORKING_HOURS", "AGENT", "INTEGRATION", "ASSESSMENT", "SESSION_LENGTH"];
const MOST_BARS = 5;
const STORAGE_KEY = "session_graph.figures";
const NARROW = matchMedia("(max-width: 720px)");
/** @type {Record<string, string>} */
const INTERVALS = { DAY: "by day", WEEK: "by week", MONTH: "by month", HOUR: "by hour" };

export class Dashboard {
  #app;
  #abort = new AbortController();
  #all = false;
  #isDue = false;
  /** The duration of the last request, in milliseconds. */
  lastDuration = 0;

  /** @param {import("./sessions.js").SessionsView} app */
  constructor(app) {
    this.#app = app;
    this.totals = h("div", { class: "totals" });
    this.charts = h("div", { class: "charts" });
    this.note = h("p", { class: "hint" });
    this.element = h(
      "details",
      {
        class: "dashboard",
        open: (localStorage.getItem(STORAGE_KEY) ?? (NARROW.matches ? "closed" : "open")) === "open",
        ontoggle: () => this.#toggled(),
      },
      h("summary", {}, h("h2", {}, "Figures"), this.note),
      this.totals,
      this.charts,
    );
    fill(
      this.totals,
      this.#figures().map((name) => this.#drawFigure(name, null, null)),
    );
  }

  stop() {
    this.#abort.abort();
  }

  #toggled() {
    localStorage.setItem(STORAGE_KEY, this.element.open ? "open" : "closed");
    if (this.element.open && this.#isDue) this.load(this.#app.view, true);
  }

  #figures() {
    return Object.keys(FIGURES).filter((name) => this.#app.viewer.mayRead(name));
  }

  /** The amount under a metric, if it has one that the viewer may read. @param {string} name */
  #beneath(name) {
    const { beneath } = FIGURES[name];
    return beneath && this.#app.viewer.mayRead(beneath) ? beneath : null;
  }

  get #moneyMetric() {
    return this.#app.viewer.mayRead("totalAsr") ? "totalAsr" : "totalLeadValue";
  }

  #groups() {
    return GROUPS.filter((group) => this.#app.viewer.maySee(group));
  }

  /** Loads the figures of a view; if closed, when it is opened. @param {View} view @param {boolean} isNew */
  async load(view, isNew) {
    this.#abort.abort();
    this.#abort = new AbortController();
    this.#isDue = !this.element.open;
    if (this.#isDue) return;
    const { signal } = this.#abort;
    if (isNew) this.element.classList.add("stale");
    const by = this.#groups().find((group) => group === view.group) ?? "AGENT";
    const intervals = view.filter.period === "LAST_24_HOURS" ? ["HOUR"] : ["DAY", "WEEK", "MONTH"];
    const began = Date.now();
    try {
      await this.#ask(view.filter, by, intervals, signal);
    } catch (error) {
      if (signal.aborted) return;
      const again = button("Try again", () => this.load(view, true));
      fill(this.charts, trouble(`The figures are missing. ${error.title}`, error.advice, again));
    }
    this.lastDuration = Date.now() - began;
    this.element.classList.remove("stale");
  }

  /**
   * Asks by the first interval, and if the span has too many of these, by the next.
   * @param {Filter} filter @param {string} by @param {string[]} intervals @param {AbortSignal} signal
   */
  async #ask(filter, by, [interval, ...longer], signal) {
    const names = this.#figures()
      .flatMap((name) => [name, this.#beneath(name) ?? []])
      .flat()
      .join(" ");
    const metrics = `totalSessionCount ${this.#moneyMetric}`;
    const query = `query Dashboard($filter: SessionFilter, $by: DashboardGroup!, $interval: Interval!) {
      dashboard(filter: $filter) {
        ${names} timeZone previous { ${names} }
        series(interval: $interval) { from to totals { ${metrics} } }
        groups(by: $by) { key totals { ${metrics} } }
      }
    }`;
    try {
      const { dashboard } = await this.#app.api.ask(query, { filter: toGraphQL(filter), by, interval }, signal);
      this.#show(dashboard, filter, by, interval);
    } catch (error) {
      if (!longer.length || !["BAD_USER_INPUT", "TOO_LARGE"].includes(error.code) || error.isAbout("filter"))
        throw error;
      await this.#ask(filter, by, longer, signal);
    }
  }

  /** @param {Answer} dashboard @param {Filter} filter @param {string} by @param {string} interval */
  #show(dashboard, filter, by, interval) {
    const { previous } = dashboard;
    fill(
      this.totals,
      this.#figures().map((name) => this.#drawFigure(name, dashboard, previous)),
    );
    const left = [filter.isTest === undefined && "test", filter.isArchived === undefined && "archived"]
      .filter(Boolean)
      .join(" and ");
    fill(
      this.note,
      left && `Without ${left} sessions.`,
      previous ? " Change against the span just before." : " Choose a time range to compare with the span before.",
    );
    fill(this.charts, this.#drawCharts(dashboard, interval), this.#drawGroups(dashboard.groups, by));
  }

  /** @param {string} name @param {any} value */
  #write(name, value) {
    if (value === null || value === undefined) return "–";
    const { currency } = this.#app.viewer.account;
    const kind = FIGURES[name]?.kind ?? "money";
    if (kind === "money") return money(value, currency);
    return kind === "deals" ? decimal(value, 1) : kind === "score" ? score(value) : count(value);
  }

  /** @param {string} name @param {Totals | null} totals @param {Totals | null} previous */
  #drawFigure(name, totals, previous) {
    const { label, about } = FIGURES[name];
    const beneath = this.#beneath(name);
    return h(
      "div",
      { class: "figure", title: about },
      h("p", { class: "label" }, label),
      h("p", { class: "value" }, totals ? this.#write(name, totals[name]) : "\u00a0"),
      h(
        "p",
        { class: "beneath" },
        beneath && totals && h("span", {}, this.#write(beneath, totals[beneath])),
        totals && previous && this.#drawChange(name, totals, previous),
      ),
    );
  }

  /** @param {string} name @param {Totals} totals @param {Totals} previous */
  #drawChange(name, totals, previous) {
    if (previous[name] === null || totals[name] === null) return null;
    const isScore = FIGURES[name].kind === "score";
    const by = isScore ? totals[name] - previous[name] : change(previous[name], totals[name]);
    if (by === null) return null;
    const kind = by > 0.0005 ? "up" : by < -0.0005 ? "down" : "same";
    return h(
      "span",
      { class: `change ${kind}`, title: `Before: ${this.#write(name, previous[name])}` },
      isScore ? points(by) : signedRatio(by),
    );
  }

  /** @param {Answer} dashboard @param {string} interval */
  #drawCharts({ series, timeZone }, interval) {
    if (!series.length) return h("p", { class: "hint empty" }, "No days to draw.");
    /** @param {string} from */
    const label = (from) => (interval === "HOUR" ? hour(from, timeZone) : day(from, timeZone));
    /** @param {string} start */
    const choose = (start) => {
      const { from, to } = series.find((interval) => interval.from === start) ?? series[0];
      const { period, ...rest } = this.#app.view.filter;
      this.#app.change({ filter: { ...rest, from, to } });
    };
    /** @param {string} title @param {"columns" | "line"} kind @param {string} name */
    const chart = (title, kind, name) => {
      const points = series.map(({ from, totals }) => ({
        key: from,
        label: label(from),
        value: Number(totals[name]),
        words: name === "totalSessionCount" ? counted(totals[name], "session") : this.#write(name, totals[name]),
      }));
      const most = points.reduce((best, point) => (point.value > best.value ? point : best));
      return drawSeries({
        title: `${title} ${INTERVALS[interval]}`,
        kind,
        points,
        onChoose: choose,
        summary: `${counted(points.length, "point")} from ${points[0].label} to ${points.at(-1)?.label}; the most is ${most.words} on ${most.label}.`,
      });
    };
    return [
      chart("Sessions", "columns", "totalSessionCount"),
      chart(this.#moneyMetric === "totalAsr" ? "ASR" : "Lead value", "line", this.#moneyMetric),
    ];
  }

  /** @param {Group[]} groups @param {string} by @returns {HTMLElement} */
  #drawGroups(groups, by) {
    const select = h(
      "select",
      {
        "aria-label": "Group by",
        onchange: ({ target: { value } }) => this.#app.change({ group: value === "AGENT" ? null : value }, true),
      },
      this.#groups().map((group) => h("option", { value: group, selected: group === by }, inSentenceCase(group))),
    );
    const sorted = [...groups].sort((a, b) => b.totals.totalSessionCount - a.totals.totalSessionCount);
    const most = Math.max(1, ...sorted.map((group) => group.totals.totalSessionCount));
    const shown = this.#all ? sorted : sorted.slice(0, MOST_BARS);
    const toggle = () => {
      this.#all = !this.#all;
      figure.replaceWith(this.#drawGroups(groups, by));
    };
    const more = button(this.#all ? "Show fewer" : `Show all ${sorted.length}`, toggle, { class: "link" });
    const figure = h(
      "figure",
      { class: "chart groups" },
      h("figcaption", {}, "Sessions by ", select),
      h(
        "ul",
        {},
        shown.map((group) => this.#drawBar(group, by, most)),
      ),
      sorted.length > MOST_BARS && more,
    );
    return figure;
  }

  /** @param {Group} group @param {string} by @param {number} most */
  #drawBar({ key, totals }, by, most) {
    const field = FIELDS.find(({ column }) => column === by);
    const name = key === null || !field ? "None" : valueWords(field, key, this.#app.viewer);
    const choose = () => {
      const value = field?.kind === "flag" ? key === "true" : [key];
      if (field) this.#app.change({ filter: { ...this.#app.view.filter, [field.name]: value } });
    };
    const bar = h("span", { style: { width: `${(100 * totals.totalSessionCount) / most}%` } });
    const content = [
      h("span", { class: "name" }, name),
      h("span", { class: "track" }, bar),
      h("span", { class: "number" }, count(totals.totalSessionCount)),
      h("span", { class: "worth" }, this.#write(this.#moneyMetric, totals[this.#moneyMetric])),
    ];
    return h(
      "li",
      {},
      key === null
        ? h("span", { class: "barline" }, content)
        : button(content, choose, { class: "barline", title: `Only ${name}` }),
    );
  }
}
