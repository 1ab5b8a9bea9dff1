/** The keys of the page, shown by "?". */

import { openDialog } from "./dialogs.js";
import { h } from "./elements.js";

const KEYS = [
  ["/", "Search; with ↓ on to the sessions"],
  ["j  k  or  ↓  ↑", "Next and previous session, also while one is open"],
  ["Enter", "Open the session"],
  ["1  2  3  0", "In an open session: human assessment Yes-A, Yes-B, No, none"],
  ["Space  or  x", "Select the session; with Shift, all up to it"],
  ["Home  End  Page Up  Page Down", "Move through the table"],
  ["f", "Filters"],
  ["c", "Columns"],
  ["e", "Export"],
  ["r", "Refresh"],
  ["Escape", "Close what is open"],
  ["?", "These keys"],
];

/** Whether a modifier is held, so that the key is the browser's. @param {KeyboardEvent} event */
export const hasModifier = ({ ctrlKey, metaKey, altKey }) => ctrlKey || metaKey || altKey;

/** Whether a key goes into a text or a list. @param {KeyboardEvent} event */
export const isTyping = ({ target }) =>
  /** @type {Element} */ (target).closest("textarea, input:not([type=radio], [type=checkbox]), select") !== null;

export function openKeys() {
  /** @param {string[]} row */
  const row = ([keys, meaning]) =>
    h(
      "div",
      {},
      h(
        "dt",
        {},
        keys.split("  ").map((key) => (key === "or" ? " or " : h("kbd", {}, key))),
      ),
      h("dd", {}, meaning),
    );
  openDialog("Keys", { body: h("dl", { class: "keys" }, KEYS.map(row)) });
}
