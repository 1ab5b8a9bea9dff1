/**
 * Modal dialogs: the browser keeps the focus inside, Escape closes, and the focus returns to where it was.
 */

import { h, iconButton } from "./elements.js";

/** @import { Child } from "./elements.js" */

/**
 * Opens a dialog, which is removed when it is closed.
 * @param {string} title its name, too
 * @param {{ body: Child, foot?: Child, wide?: boolean }} parts
 * @returns {HTMLDialogElement}
 */
export function openDialog(title, { body, foot, wide = false }) {
  const from = document.activeElement;
  /** @type {HTMLDialogElement} */
  const dialog = h(
    "dialog",
    {
      class: wide ? "modal wide" : "modal",
      "aria-label": title,
      onclose: () => {
        dialog.remove();
        if (from instanceof HTMLElement) from.focus();
      },
      onclick: (event) => event.target === dialog && dialog.close(),
    },
    h(
      "div",
      { class: "inside" },
      h(
        "div",
        { class: "bar" },
        h("h2", {}, title),
        iconButton("Close", "close", () => dialog.close()),
      ),
      h("div", { class: "content" }, body),
      foot && h("footer", {}, foot),
    ),
  );
  document.body.append(dialog);
  dialog.showModal();
  return dialog;
}
