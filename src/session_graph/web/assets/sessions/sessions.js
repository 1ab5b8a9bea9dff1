/**
 * The page of somebody who is signed in: keeps address, table, figures, panels and the live stream in step.
 */

import { DEFAULT_ORDER, goTo, readAddress } from "./address.js";
import { BulkBar } from "./bulk.js";
import { openColumnChooser } from "./columnchooser.js";
import { defaultColumns } from "./columns.js";
import { Dashboard } from "./dashboard.js";
import { Detail } from "./detail.js";
import { button, debounce, fill, h, iconButton } from "./elements.js";
import { openExport } from "./exporting.js";
import { FilterPanel } from "./filterpanel.js";
import { fieldOf, stillMatches, toGraphQL, visibleFields } from "./filters.js";
import { hasModifier, isTyping, openKeys } from "./keys.js";
import { LiveSessions } from "./live.js";
import { SessionList } from "./list.js";
import { SessionTable } from "./table.js";
import { Toolbar } from "./toolbar.js";
import { TopBar } from "./topbar.js";
import { readOptions } from "./viewer.js";
import { knowsZone, learnZones } from "./zones.js";

/** @import { View } from "./address.js" */
/** @import { ApiError } from "./api.js" */
/** @import { SessionEvent } from "./live.js" */
/** @import { ListChange, Session } from "./list.js" */

const COUNT = "query Count($filter: SessionFilter) { sessions(filter: $filter, first: 1) { totalCount } }";

export class SessionsView {
  /** @type {View} */
  view = { filter: {}, order: DEFAULT_ORDER, columns: null, session: null, group: null };
  /** How many sessions match; null while that is not known. @type {number | null} */
  total = null;

  #ended = new AbortController();
  #counting = new AbortController();
  #isShown = false;
  /** The longer the server takes for the figures, the less often they are asked for. */
  #refreshSoon = debounce(
    () => this.#refreshFigures(),
    () => Math.max(1200, 4 * this.dashboard.lastDuration),
    () => Math.max(8000, 12 * this.dashboard.lastDuration),
  );

  /** @param {import("./api.js").Api} api @param {import("./viewer.js").Viewer} viewer @param {() => void} onSignOut */
  constructor(api, viewer, onSignOut) {
    this.api = api;
    this.viewer = viewer;
    const { signal } = this.#ended;
    this.change = this.change.bind(this);
    this.notices = h("div", { class: "notices", role: "status", "aria-live": "polite" });
    this.scroller = h("main", { class: "scroller", tabindex: "-1" });
    this.list = new SessionList(api, viewer, this.view, (change) => this.#listChanged(change));
    this.table = new SessionTable(this.list, this.scroller, viewer, {
      open: (id) => this.change({ session: id }),
      order: (order) => this.change({ order }),
      select: (ids) => this.bulk.show(ids),
      remedies: (error) => this.#drawRemedies(error),
      drawEmpty: () => this.#drawEmpty(),
    });
    this.dashboard = new Dashboard(this);
    this.filters = new FilterPanel(this, () => this.#filtersMoved());
    this.toolbar = new Toolbar({
      viewer,
      change: this.change,
      openFilters: () => this.#toggleFilters(),
      openColumns: () => openColumnChooser(this),
      openExport: () => openExport(this),
    });
    this.top = new TopBar(this, onSignOut);
    this.detail = new Detail(this);
    this.bulk = new BulkBar(this);
    this.live = new LiveSessions(
      api,
      (event) => this.#receive(event),
      (state) => this.#showLive(state),
      () => this.#loadMissed(),
    );
    fill(this.scroller, this.dashboard.element, this.table.element, this.table.foot);
    this.element = h(
      "div",
      { class: "app" },
      this.top.element,
      this.toolbar.element,
      h("div", { class: "stage" }, this.filters.element, this.scroller, this.detail.element),
      this.bulk.element,
      this.notices,
    );
    addEventListener("popstate", () => this.#readAddress(), { signal });
    addEventListener("online", () => this.refresh(), { signal });
    document.addEventListener("keydown", (event) => this.#press(event), { signal });
  }

  start() {
    this.scroller.focus();
    this.#readAddress();
    readOptions(this.api, this.viewer).then(
      (options) => {
        this.viewer.options = options;
        this.filters.show(this.view.filter);
      },
      () => {}, // the panel offers less
    );
  }

  end() {
    this.#ended.abort();
    this.#counting.abort();
    this.live.stop();
    this.dashboard.stop();
  }

  /** The chosen columns. */
  get columns() {
    const { columns } = this.view;
    return columns ? this.viewer.columns.filter(({ code }) => columns.includes(code)) : defaultColumns(this.viewer);
  }

  get graphQLFilter() {
    return toGraphQL(this.view.filter);
  }

  /**
   * Changes the view, and the address. With `replace`, "back" skips the view before.
   * @param {Partial<View>} patch @param {boolean} replace
   */
  change(patch, replace = false) {
    const before = this.view;
    this.view = { ...before, ...patch };
    goTo(this.view, replace);
    this.#apply(before);
  }

  #readAddress() {
    const before = this.view;
    const { view, refused } = this.#allowed(readAddress());
    this.view = view;
    goTo(view, true);
    if (refused.length) this.notify(`Left out of this link, as your role does not have it: ${refused.join(", ")}.`);
    this.#apply(this.#isShown ? before : null);
    this.#isShown = true;
  }

  /** The view without what the viewer may not see, and the labels of what is left out. @param {View} view */
  #allowed(view) {
    /** @type {string[]} */
    const refused = [];
    const { viewer } = this;
    const mine = new Set(visibleFields(viewer).map((field) => field.name));
    const filter = Object.fromEntries(
      Object.entries(view.filter).filter(([name]) => mine.has(name) || !refused.push(fieldOf(name)?.label ?? name)),
    );
    const codes = view.columns?.filter((code) => {
      const column = viewer.columnOf(code);
      return (column && viewer.maySee(code)) || !refused.push(column?.label ?? code);
    });
    const ordered = viewer.columnOfOrder(view.order.field);
    const order = ordered && viewer.maySee(ordered.code) ? view.order : DEFAULT_ORDER;
    if (order !== view.order) refused.push(`the order by ${ordered?.label ?? view.order.field}`);
    const shown = viewer.columns.filter(({ code }) => codes?.includes(code)).map(({ code }) => code);
    const columns = shown.length ? shown : null;
    return { view: { ...view, filter, order, columns }, refused };
  }

  /** @param {View | null} before */
  #apply(before) {
    const { view } = this;
    /** @param {(keyof View)[]} names */
    const differs = (...names) =>
      !before || names.some((name) => JSON.stringify(before[name]) !== JSON.stringify(view[name]));
    if (differs("filter", "order")) {
      this.toolbar.show(view);
      this.filters.show(view.filter);
      this.top.show(view.filter);
    }
    if (differs("filter", "order", "columns")) {
      this.table.rewind();
      this.bulk.show(this.table.selected);
      this.table.show(this.columns, view.order);
      this.list.load(view, this.columns);
      this.live.follow(this.graphQLFilter, this.list.fields, () => !this.list.isLoading);
    }
    if (differs("filter")) this.#refreshCount(true);
    if (differs("filter", "group")) this.dashboard.load(view, differs("filter"));
    if (differs("session")) this.#showSession(before);
  }

  /** @param {View | null} before */
  #showSession(before) {
    const { session } = this.view;
    this.list.dismiss(session);
    this.table.opened = session;
    if (session) {
      const index = this.list.indexOf(session);
      if (index >= 0) {
        this.table.active = index;
        this.table.reveal(index);
      }
      this.detail.open(session);
    } else {
      this.detail.close();
      if (before?.session) this.table.focus(Math.max(0, this.list.indexOf(before.session)));
    }
    this.table.draw();
  }

  /** Opens the session so many rows after the open one; before it, if negative. @param {number} by */
  step(by) {
    const index = this.list.indexOf(this.view.session) + by;
    const next = this.list.rows[index];
    if (next) this.change({ session: next.id }, true);
    if (index > this.list.rows.length - 10) this.list.more();
  }

  refresh() {
    this.list.load(this.view, this.columns);
    this.live.retry();
    this.#refreshFigures();
  }

  #refreshFigures() {
    this.#refreshCount(false);
    this.dashboard.load(this.view, false);
  }

  /** @param {boolean} isNew */
  async #refreshCount(isNew) {
    this.#counting.abort();
    this.#counting = new AbortController();
    const { signal } = this.#counting;
    if (isNew) this.#setTotal(null);
    try {
      const { sessions } = await this.api.ask(COUNT, { filter: this.graphQLFilter }, signal);
      this.#setTotal(sessions.totalCount);
    } catch {
      if (!signal.aborted && isNew) this.toolbar.count.replaceChildren("Not counted");
    }
  }

  /** @param {number | null} total */
  #setTotal(total) {
    this.total = total;
    this.toolbar.setCount(total);
    this.table.setTotal(total ?? -1);
    this.detail.showPlace();
  }

  /** @param {ListChange} change */
  #listChanged(change) {
    this.table.showChange(change);
    if (change.kind !== "loaded") return;
    const { error } = this.list;
    if (error?.isAbout("filter", "search"))
      this.top.showSearchProblem(error.message.replace(/^filter\.search /, "The search "));
    const index = this.list.indexOf(this.view.session);
    if (index >= 0) this.table.active = index;
    this.detail.showPlace();
  }

  /** @param {SessionEvent} event */
  #receive(event) {
    const zone = event.session?.agent?.timeZone;
    if (!knowsZone(zone)) {
      learnZones(this.api, [zone]).then(
        () => this.#loadMissed(),
        () => {}, // the next event of the agent asks again
      );
      return;
    }
    const isOpen = event.sessionId === this.view.session;
    this.list.apply(event);
    if (isOpen && event.session) this.detail.showRemoteChange(event.session);
    if (!isOpen) this.list.dismiss(this.view.session);
    this.#refreshSoon();
  }

  /** When the server is back, asks again for what failed. @param {import("./stream.js").LiveState} state */
  #showLive(state) {
    this.top.showLive(state);
    if (state === "live" && this.list.error?.code === "OFFLINE") this.refresh();
  }

  /** Loads again, as events may have been missed. Somebody far down the list is asked to refresh instead. */
  #loadMissed() {
    this.#refreshSoon();
    if (this.scroller.scrollTop < 2000) this.list.load(this.view, this.columns);
    else this.notify("The connection was lost for a while. Refresh to see what happened meanwhile.");
  }

  /** After an edit of the open session: shows its row and the figures anew. @param {Session} session */
  saved(session) {
    this.list.replace(session);
    if (!stillMatches(this.view.filter, session)) this.list.depart(session.id);
    this.#refreshFigures();
  }

  #toggleFilters() {
    if (this.filters.element.open) this.filters.close();
    else this.filters.open();
    this.#filtersMoved();
  }

  #filtersMoved() {
    this.toolbar.filters.setAttribute("aria-expanded", String(this.filters.element.open));
    if (!this.filters.element.open) this.toolbar.filters.focus();
  }

  #drawEmpty() {
    const filtered = Object.keys(this.view.filter).length > 0;
    return h(
      "div",
      { class: "empty" },
      h("strong", {}, filtered ? "No session matches." : "There are no sessions yet."),
      h(
        "p",
        {},
        filtered
          ? "Take a filter away, or look at a longer time."
          : "They appear here as soon as an agent's conversation is recorded.",
      ),
      filtered && button("Clear all filters", () => this.change({ filter: {} })),
    );
  }

  /** @param {ApiError} error */
  #drawRemedies(error) {
    const again = () => (this.list.rows.length && !this.list.isStale ? this.list.more(true) : this.refresh());
    const { from, to, ...rest } = this.view.filter;
    return [
      button("Try again", again, { class: "primary" }),
      error.code === "TIMEOUT" &&
        button("Last 7 days only", () => this.change({ filter: { ...rest, period: "LAST_7_DAYS" } })),
      error.code === "BAD_USER_INPUT" && button("Clear all filters", () => this.change({ filter: {} })),
    ];
  }

  /** Shows a message for eight seconds. @param {string} words */
  notify(words) {
    /** @type {HTMLElement} */
    const notice = h(
      "p",
      { class: "notice" },
      words,
      iconButton("Dismiss", "close", () => notice.remove()),
    );
    this.notices.append(notice);
    setTimeout(() => notice.remove(), 8000);
  }

  /** @param {KeyboardEvent} event */
  #press(event) {
    if (event.defaultPrevented || hasModifier(event)) return;
    if (document.querySelector("dialog:modal")) {
      if (!this.detail.element.matches(":modal")) return;
    }
    if (event.key === "Escape") return this.#escape(event);
    if (isTyping(event)) return;
    const act = this.#keys()[event.key];
    if (!act) return;
    event.preventDefault();
    act();
  }

  /** @returns {Record<string, () => unknown>} */
  #keys() {
    const { session } = this.view;
    return {
      "/": () => this.top.searchBox.select(),
      "?": () => openKeys(),
      f: () => this.#toggleFilters(),
      c: () => openColumnChooser(this),
      e: () => openExport(this),
      r: () => this.refresh(),
      j: () => (session ? this.step(1) : this.table.focus(this.table.active)),
      k: () => (session ? this.step(-1) : this.table.focus(this.table.active)),
      ...(session && { ArrowRight: () => this.step(1), ArrowLeft: () => this.step(-1) }),
    };
  }

  /** @param {KeyboardEvent} event */
  #escape(event) {
    if (event.target === this.top.searchBox && this.top.searchBox.value) return;
    if (this.view.session) this.change({ session: null });
    else if (this.filters.element.open) this.filters.close();
    else if (this.table.selected.size) this.table.clearSelection();
    else return;
    event.preventDefault();
  }
}
