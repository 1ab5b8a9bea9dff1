/** The dialog to choose columns. The next request selects those, and nothing else. */

import { defaultColumns } from "./columns.js";
import { openDialog } from "./dialogs.js";
import { fill, h } from "./elements.js";

/** @param {import("./sessions.js").SessionsView} app */
export function openColumnChooser(app) {
  const all = app.viewer.columns;
  const usual = defaultColumns(app.viewer).map((column) => column.code);
  let chosen = new Set(app.columns.map((column) => column.code));
  const list = h("div", { class: "columnlist", role: "group", "aria-label": "Columns" });
  const said = h("p", { class: "hint", role: "status" });

  function show() {
    fill(
      list,
      all.map((column) =>
        h(
          "label",
          { class: "choice", title: column.about },
          h("input", {
            type: "checkbox",
            checked: chosen.has(column.code),
            onchange: (event) => choose(column.code, event.target.checked),
          }),
          h("span", {}, column.label, h("small", {}, column.about)),
        ),
      ),
    );
    say();
  }

  function say() {
    fill(
      said,
      chosen.size
        ? `${chosen.size} of ${all.length} columns; only these are asked for.`
        : "Choose at least one column.",
    );
    apply.disabled = chosen.size === 0;
  }

  /** @param {string} code @param {boolean} on */
  function choose(code, on) {
    chosen[on ? "add" : "delete"](code);
    say();
  }

  /** @param {string[]} codes */
  function choices(codes) {
    return () => {
      chosen = new Set(codes);
      show();
    };
  }

  const apply = h(
    "button",
    {
      type: "button",
      class: "primary",
      onclick: () => {
        const codes = all.map((column) => column.code).filter((code) => chosen.has(code));
        dialog.close();
        app.change({ columns: codes.join() === usual.join() ? null : codes });
      },
    },
    "Apply",
  );
  show();
  const dialog = openDialog("Columns", {
    wide: true,
    body: list,
    foot: [
      said,
      h("button", { type: "button", onclick: choices(usual) }, "Usual ones"),
      h("button", { type: "button", onclick: choices(all.map((column) => column.code)) }, "All"),
      apply,
    ],
  });
}
