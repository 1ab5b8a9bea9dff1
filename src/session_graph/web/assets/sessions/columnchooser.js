/** The dialog to choose columns. The next request selects those, and nothing else. */

import { defaultColumns } from "./columns.js";
import { openDialog } from "./dialogs.js";
import { button, choice, fill, h } from "./elements.js";

/** @param {import("./sessions.js").SessionsView} app */
export function openColumnChooser(app) {
  const all = app.viewer.columns.map(({ code }) => code);
  const usual = defaultColumns(app.viewer).map(({ code }) => code);
  const boxes = new Map(all.map((code) => [code, h("input", { type: "checkbox", onchange: () => update() })]));
  const chosen = () => all.filter((code) => boxes.get(code)?.checked);
  const status = h("p", { class: "hint", role: "status" });
  const apply = button("Apply", () => take(), { class: "primary" });

  /** @param {string[]} codes */
  function choose(codes) {
    for (const [code, box] of boxes) box.checked = codes.includes(code);
    update();
  }

  function update() {
    const { length } = chosen();
    fill(
      status,
      length ? `${length} of ${all.length} columns; only these are asked for.` : "Choose at least one column.",
    );
    apply.disabled = length === 0;
  }

  function take() {
    const codes = chosen();
    dialog.close();
    app.change({ columns: codes.join() === usual.join() ? null : codes });
  }

  choose(app.columns.map(({ code }) => code));
  const choices = app.viewer.columns.map(({ code, label, about }) => {
    const box = boxes.get(code);
    return box && choice(box, label, h("small", {}, about));
  });
  const dialog = openDialog("Columns", {
    wide: true,
    body: h("div", { class: "columnlist", role: "group", "aria-label": "Columns" }, choices),
    foot: [status, button("Usual ones", () => choose(usual)), button("All", () => choose(all)), apply],
  });
}
