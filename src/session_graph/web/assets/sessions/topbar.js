/**
 * The bar at the top: the account's name, the search, the state of the live stream, and the viewer's role.
 */

import { inSentenceCase } from "./columns.js";
import { button, debounce, fill, h, icon, iconButton } from "./elements.js";
import { searchProblem } from "./filters.js";
import { openKeys } from "./keys.js";
import { drawThemeButton } from "./theme.js";

const LIVE = {
  live: ["Live", "New and changed sessions appear by themselves"],
  connecting: ["Reconnecting…", "The connection was lost and is tried again"],
  off: ["Not live", "New sessions appear when you refresh"],
};

export class TopBar {
  #app;
  #searchSoon = debounce(() => this.#search(), 300);

  /** @param {import("./sessions.js").SessionsView} app @param {() => void} onSignOut */
  constructor(app, onSignOut) {
    this.#app = app;
    this.searchHint = h("p", { class: "searchhint", id: "search-hint", role: "status" });
    this.searchBox = h("input", {
      type: "search",
      "aria-label": "Search",
      "aria-describedby": "search-hint",
      autocomplete: "off",
      spellcheck: "false",
      placeholder: app.viewer.role === "PORTAL" ? "Name, phone, summary or comment" : "Contact name or phone number",
      oninput: this.#searchSoon,
      onkeydown: (event) => this.#press(event),
    });
    this.live = h("p", { role: "status" });
    this.showLive("off");
    this.element = h("header", { class: "top" }, this.#drawName(), this.#drawSearch(), this.#drawActions(onSignOut));
  }

  #drawName() {
    const { account } = this.#app.viewer;
    return h("h1", { class: "brand" }, h("span", { class: "product" }, "session_graph"), h("span", {}, account.name));
  }

  #drawSearch() {
    const key = h("kbd", { "aria-hidden": "true" }, "/");
    return h("search", {}, h("label", { class: "searchbox" }, icon("search"), this.searchBox, key), this.searchHint);
  }

  /** @param {() => void} onSignOut */
  #drawActions(onSignOut) {
    const { viewer } = this.#app;
    return h(
      "div",
      { class: "who" },
      this.live,
      iconButton("Refresh", "refresh", () => this.#app.refresh()),
      iconButton("Keys", "question", openKeys),
      drawThemeButton(),
      h("span", { class: "role", title: viewer.email ?? viewer.name }, inSentenceCase(viewer.role)),
      button("Sign out", onSignOut, { class: "link" }),
    );
  }

  /** @param {import("./filters.js").Filter} filter */
  show(filter) {
    if (document.activeElement !== this.searchBox) this.searchBox.value = filter.search ?? "";
    this.showSearchProblem(null);
  }

  /** @param {import("./stream.js").LiveState} state */
  showLive(state) {
    const [text, hint] = LIVE[state];
    this.live.className = `live is-${state}`;
    this.live.title = hint;
    fill(this.live, text);
  }

  /** Enter searches at once, and the down arrow goes on to the rows. @param {KeyboardEvent} event */
  #press(event) {
    if (event.key === "Enter") this.#search();
    if (event.key !== "ArrowDown") return;
    event.preventDefault();
    this.#app.table.focus(this.#app.table.active);
  }

  #search() {
    const search = this.searchBox.value.trim();
    const problem = searchProblem(search);
    this.showSearchProblem(problem);
    const { search: old, ...rest } = this.#app.view.filter;
    if (!problem && search !== (old ?? "")) this.#app.change({ filter: search ? { ...rest, search } : rest }, true);
  }

  /** Says why the search is not answered; null if it is. @param {string | null} text */
  showSearchProblem(text) {
    fill(this.searchHint, text);
    this.searchBox.setAttribute("aria-invalid", String(Boolean(text)));
  }
}
