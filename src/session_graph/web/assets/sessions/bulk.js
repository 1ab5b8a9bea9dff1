/**
 * Edits many sessions at once: those selected, or all that match the filter. A dry run says how many would change before
 * anything does.
 */

import { openDialog } from "./dialogs.js";
import { button, fill, h, labelled } from "./elements.js";
import { ASSESSMENTS, count, counted } from "./formats.js";

const MUTATION = `mutation Bulk($input: UpdateSessionsInput!) {
  updateSessions(input: $input) { matchedCount changedCount errors { code message path } }
}`;
const YES_NO = { true: "Yes", false: "No" };
const STARS = { 1: "1 star", 2: "2 stars", 3: "3 stars", 4: "4 stars", 5: "5 stars" };
const CLEAR = "clear";

/** Field of the patch, label, and its choices; without choices it is a text. @typedef {[string, string, Record<string, string>?]} Field */

/** @type {Field[]} */
const FIELDS = [
  ["humanAssessment", "Human assessment", { ...ASSESSMENTS, [CLEAR]: "None" }],
  ["conversationQuality", "Conversation quality", { ...STARS, [CLEAR]: "No rating" }],
  ["isLead", "Is Lead", YES_NO],
  ["isOpportunity", "Is Opportunity", YES_NO],
  ["isTodo", "Is Todo", YES_NO],
  ["isDone", "Is Done", YES_NO],
  ["isTest", "Is Test", YES_NO],
  ["isArchived", "Is Archived", YES_NO],
  ["addTags", "Add tags"],
  ["removeTags", "Remove tags"],
  ["comment", "Comment"],
  ["externalId", "External ID"],
];

export class BulkBar {
  #app;

  /** @param {import("./sessions.js").SessionsView} app */
  constructor(app) {
    this.#app = app;
    this.element = h("div", { class: "bulkbar", role: "region", "aria-label": "Selected sessions", hidden: true });
  }

  /** @param {Set<string>} ids */
  show(ids) {
    const total = this.#app.total ?? 0;
    this.element.hidden = ids.size === 0;
    if (!ids.size) return;
    const isFiltered = Object.keys(this.#app.view.filter).length > 0;
    const all =
      isFiltered && total > ids.size && button(`Edit all ${count(total)} that match`, () => this.#open(null, total));
    fill(
      this.element,
      h("p", { role: "status" }, h("strong", {}, count(ids.size)), " selected"),
      button("Edit selected", () => this.#open([...ids], ids.size), { class: "primary" }),
      all,
      button("Clear selection", () => this.#app.table.clearSelection(), { class: "link" }),
    );
  }

  /** @param {string[] | null} ids @param {number} number */
  #open(ids, number) {
    const target = ids ? { ids } : { filter: this.#app.graphQLFilter };
    new BulkDialog(this.#app, target, `Edit ${counted(number, "session")}`);
  }
}

class BulkDialog {
  #app;
  #target;
  /** The patch of the last dry run. @type {Record<string, unknown> | null} */
  #previewed = null;

  /** @param {import("./sessions.js").SessionsView} app @param {object} target a SessionTarget @param {string} title */
  constructor(app, target, title) {
    this.#app = app;
    this.#target = target;
    /** @type {Map<string, HTMLSelectElement | HTMLInputElement>} */
    this.controls = new Map();
    const fields = FIELDS.filter(([name]) => app.viewer.mayEdit(name));
    this.status = h(
      "p",
      { class: "preview", role: "status", "aria-live": "polite" },
      "Choose what to set. Nothing changes before you have seen how many sessions it concerns.",
    );
    this.problem = h("p", { class: "problem", role: "alert" });
    this.preview = button("Preview", () => this.#preview());
    this.apply = button("Apply", () => this.#apply(), { class: "primary", disabled: true });
    this.dialog = openDialog(title, {
      body: [
        h(
          "div",
          { class: "bulkfields", oninput: () => this.#edited() },
          fields.map((field) => this.#drawField(field)),
        ),
        this.status,
        this.problem,
      ],
      foot: [button("Cancel", () => this.dialog.close()), this.preview, this.apply],
    });
  }

  /** @param {Field} field */
  #drawField([name, label, choices]) {
    const control = choices
      ? h(
          "select",
          {},
          h("option", { value: "" }, "Leave as it is"),
          Object.entries(choices).map(([value, words]) => h("option", { value }, words)),
        )
      : h("input", {
          type: "text",
          autocomplete: "off",
          placeholder: name.endsWith("Tags") ? "Comma-separated" : "Leave as it is",
        });
    this.controls.set(name, control);
    return labelled(label, control);
  }

  #patch() {
    /** @type {Record<string, unknown>} */
    const patch = {};
    for (const [name, { value, tagName }] of this.controls) {
      if (!value.trim()) continue;
      if (value === CLEAR && tagName === "SELECT") patch[name] = null;
      else if (name === "conversationQuality") patch[name] = Number(value);
      else if (name.startsWith("is")) patch[name] = value === "true";
      else if (name.endsWith("Tags"))
        patch[name] = value
          .split(",")
          .map((tag) => tag.trim())
          .filter(Boolean);
      else patch[name] = value;
    }
    return patch;
  }

  /** The result of the dry run no longer holds. */
  #edited() {
    this.#previewed = null;
    this.apply.disabled = true;
    fill(this.apply, "Apply");
    fill(this.problem);
  }

  /** @param {Record<string, unknown> | null} patch @param {boolean} dryRun */
  async #send(patch, dryRun) {
    this.preview.disabled = this.apply.disabled = true;
    fill(this.problem);
    try {
      const { updateSessions: done } = await this.#app.api.ask(MUTATION, {
        input: { target: this.#target, patch, dryRun },
      });
      if (!done.errors.length) return done;
      fill(
        this.problem,
        done.errors.map((/** @type {{ message: string }} */ { message }) => `${message}. `),
      );
    } catch (error) {
      fill(this.problem, `${error.title} ${error.advice}`);
    } finally {
      this.preview.disabled = false;
    }
    return null;
  }

  async #preview() {
    const patch = this.#patch();
    if (!Object.keys(patch).length) return void fill(this.problem, "Choose at least one thing to set.");
    const done = await this.#send(patch, true);
    if (!done) return;
    this.#previewed = patch;
    fill(
      this.status,
      h("strong", {}, `${count(done.changedCount)} of ${counted(done.matchedCount, "session")} will change.`),
      done.changedCount < done.matchedCount && " The others are as wanted already.",
    );
    fill(this.apply, `Change ${counted(done.changedCount, "session")}`);
    this.apply.disabled = done.changedCount === 0;
  }

  async #apply() {
    const done = await this.#send(this.#previewed, false);
    if (!done) return;
    this.dialog.close();
    this.#app.notify(`${counted(done.changedCount, "session")} changed.`);
    this.#app.table.clearSelection();
    this.#app.refresh();
  }
}
