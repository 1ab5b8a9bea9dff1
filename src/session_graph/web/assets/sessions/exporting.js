/**
 * The dialog that exports the rows of the list by e-mail, and follows the export until its mail is out.
 */

import { EXPORT_SIZE } from "./columns.js";
import { openDialog } from "./dialogs.js";
import { button, choice, fill, h, labelled, newId } from "./elements.js";
import { chips } from "./filters.js";
import { count, counted } from "./formats.js";
import { Stream } from "./stream.js";

const EXPORT = `id status progress rowCount rowsWritten timeZone bytes downloadUrl error expiresAt
  deliveries { recipient status error }`;
const ANSWER = `{ export { ${EXPORT} } errors { code message path } }`;
const REQUEST = `mutation Export($input: RequestSessionExportInput!) { requestSessionExport(input: $input) ${ANSWER} }`;
const CANCEL = `mutation Cancel($id: ID!) { cancelSessionExport(input: { id: $id }) ${ANSWER} }`;
const RETRY = `mutation Retry($id: ID!) { retrySessionExport(input: { id: $id }) ${ANSWER} }`;
const LINK = `query Link($id: ID!) { export(id: $id) { downloadUrl } }`;
const LOOK = `query Export($id: ID!) { export(id: $id) { ${EXPORT} } }`;
const FOLLOW = `subscription Progress($id: ID!) { exportProgress(id: $id) { ${EXPORT} } }`;

/** @typedef {{ message: string, path: string[] }} UserError */
/** @typedef {Record<string, any>} SessionExport */

const POLL = 1000;
const ENDED = ["DONE", "FAILED", "CANCELLED", "EXPIRED"];
/** @type {Record<string, string>} */
const STATUS = {
  QUEUED: "Waiting for its turn…",
  RUNNING: "Writing the rows…",
  SENDING: "Written. Sending the mail…",
  DONE: "Done: the mail is out.",
  FAILED: "It failed.",
  CANCELLED: "Cancelled: there is no file, and the links in the mails do not work.",
  EXPIRED: "The file is gone; have it written again.",
};
/** @type {Record<string, string>} */
const DELIVERY = {
  WAITING: "being sent",
  ACCEPTED: "sent",
  REFUSED: "refused",
  GIVEN_UP: "given up after a day",
};

/** @param {import("./sessions.js").SessionsView} app */
export const openExport = (app) => new ExportDialog(app);

class ExportDialog {
  #app;
  /** The last request and its key. */
  #last = { content: "", key: "" };

  /** @param {import("./sessions.js").SessionsView} app */
  constructor(app) {
    this.#app = app;
    const { viewer } = app;
    const [hint, zones] = [newId(), newId()];
    this.recipients = h("input", {
      type: "text",
      value: viewer.email ?? "",
      "aria-describedby": hint,
      autocomplete: "email",
      placeholder: "ana@example.com",
    });
    this.timeZone = h("input", { type: "text", list: zones, placeholder: "Each agent's own", autocomplete: "off" });
    this.chosen = h("input", { type: "radio", name: newId(), value: "own" });
    this.problem = h("p", { class: "problem", role: "alert" });
    this.send = h("button", { type: "submit", class: "primary", form: "export-form" }, "Send the report");
    const form = h(
      "form",
      { id: "export-form", class: "exportform", onsubmit: (event) => (event.preventDefault(), this.#request()) },
      describeSessions(app),
      labelled("Recipients", this.recipients, drawRecipientsHint(hint, app)),
      drawColumns(this.chosen, app.columns.length),
      labelled("Time zone", this.timeZone, drawTimeZones(zones, app)),
      this.problem,
    );
    this.dialog = openDialog("Export", { body: form, foot: [this.send] });
  }

  /** The input of the mutation. The same input has the same key, so sending it again requests no second export. */
  #input() {
    const [recipients, timeZone] = [this.recipients.value.trim(), this.timeZone.value.trim()];
    const input = {
      filter: this.#app.graphQLFilter,
      orderBy: this.#app.view.order,
      ...(this.chosen.checked && { columns: this.#app.columns.map(({ code }) => code) }),
      ...(recipients && { recipients: recipients.split(/[\s,;]+/).filter(Boolean) }),
      ...(timeZone && { timeZone }),
    };
    const content = JSON.stringify(input);
    if (content !== this.#last.content) this.#last = { content, key: newKey() };
    return { ...input, idempotencyKey: this.#last.key };
  }

  async #request() {
    this.send.disabled = true;
    fill(this.problem);
    try {
      const { requestSessionExport: payload } = await this.#app.api.ask(REQUEST, { input: this.#input() });
      if (payload.export) return this.#follow(payload.export);
      fill(
        this.problem,
        payload.errors.map((/** @type {UserError} */ error) => h("span", {}, `${sentence(error)} `)),
      );
    } catch (error) {
      fill(this.problem, `${error.title} ${error.advice}`);
    }
    this.send.disabled = false;
  }

  /** @param {SessionExport} requested */
  #follow(requested) {
    const progress = new Progress(this.#app, requested);
    this.dialog.querySelector(".content")?.replaceChildren(progress.element);
    this.dialog.querySelector("footer")?.replaceChildren(...progress.buttons);
    this.dialog.addEventListener("close", () => progress.stop());
  }
}

/** Which sessions the export will have. @param {import("./sessions.js").SessionsView} app */
function describeSessions({ total, view, viewer }) {
  const active = chips(view.filter, viewer).map((chip) => chip.label);
  return h(
    "p",
    {},
    h("strong", {}, total === null ? "All sessions" : counted(total, "session")),
    active.length ? ` that match: ${active.join(" · ")}` : " of the account, without a filter.",
    " In the order of the table, as they stand when the report begins.",
  );
}

/** The choice of columns. @param {HTMLInputElement} chosen those on screen @param {number} number how many these are */
function drawColumns(chosen, number) {
  const report = h("input", { type: "radio", name: chosen.name, value: "report", checked: true });
  const hint = h("small", {}, "Those of them that you may see, as other tools expect them");
  return h(
    "fieldset",
    {},
    h("legend", {}, "Columns"),
    choice(report, `The report's ${EXPORT_SIZE} columns`, hint),
    choice(chosen, number === 1 ? "The column on screen" : `The ${number} columns on screen`),
  );
}

/** The zones to choose from, the account's first. @param {string} id @param {import("./sessions.js").SessionsView} app */
function drawTimeZones(id, { api, viewer }) {
  const offered = h("datalist", { id }, h("option", { value: viewer.account.timeZone }));
  api.ask("{ timeZoneNames }").then(
    ({ timeZoneNames }) =>
      offered.append(...timeZoneNames.map((/** @type {string} */ value) => h("option", { value }))),
    () => {}, // any name can be typed
  );
  return offered;
}

/**
 * Explains who may be a recipient, with the account's list if the viewer may read it.
 * @param {string} id @param {import("./sessions.js").SessionsView} app
 */
function drawRecipientsHint(id, { api, viewer }) {
  const own = viewer.email ? "Your own address by default" : "Your key has no address of its own";
  /** @param {string} others */
  const explain = (others) => `${own}; ${others}.${viewer.email ? " Several are separated by commas." : ""}`;
  const hint = h("p", { id, class: "hint" }, explain("others must be on the account's list"));
  if (viewer.mayReadOfAccount("exportRecipients")) {
    api.ask("{ viewer { account { exportRecipients } } }").then(
      (data) => {
        const listed = data.viewer.account.exportRecipients.join(", ");
        hint.textContent = explain(
          listed ? `others must be on the account's list: ${listed}` : "the account's list has no others yet",
        );
      },
      () => {}, // the sentence without the list is right as well
    );
  }
  return hint;
}

/** @type {Record<string, string>} */
const ARGUMENTS = { recipients: "A recipient", timeZone: "The time zone", columns: "The columns" };

/** `input.recipients.0 must be …` as a sentence. @param {UserError} error */
function sentence({ message, path }) {
  const label = ARGUMENTS[path[1]];
  return `${label ? message.replace(/^\S+/, label) : message}.`;
}

/** 32 random hexadecimal digits. crypto.randomUUID is missing if the page is not served over https. */
const newKey = () =>
  [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, "0")).join("");

/** The progress of an export: followed by a stream, or looked up every second if the server serves none. */
class Progress {
  #app;
  #timer = 0;
  /** @type {Stream | null} */
  #stream = null;
  #stopped = false;

  /** @param {import("./sessions.js").SessionsView} app @param {SessionExport} requested */
  constructor(app, requested) {
    this.#app = app;
    this.id = requested.id;
    this.status = h("p", { class: "status", role: "status" });
    this.bar = h("progress", { max: 1, "aria-label": "Progress" });
    this.rows = h("p", { class: "hint" });
    this.deliveries = h("ul", { class: "deliveries" });
    this.problem = h("p", { class: "problem", role: "alert" });
    this.download = button("Download the CSV", () => this.#download());
    this.element = h(
      "div",
      { class: "exporting" },
      this.status,
      this.bar,
      this.rows,
      this.deliveries,
      this.problem,
      h("p", {}, this.download),
    );
    this.cancel = button("Cancel report", () => this.#change(CANCEL, "cancelSessionExport"));
    this.retry = button("Send again", () => this.#change(RETRY, "retrySessionExport"));
    this.buttons = [this.cancel, this.retry];
    this.#show(requested);
    this.#follow();
  }

  stop() {
    this.#stopped = true;
    this.#pause();
  }

  #pause() {
    clearTimeout(this.#timer);
    this.#stream?.stop();
    this.#stream = null;
  }

  #follow() {
    this.#pause();
    if (this.#app.live.isOff) return void this.#look();
    this.#stream = new Stream(this.#app.api, () => ({ query: FOLLOW, variables: { id: this.id } }), {
      onNext: ({ exportProgress }) => this.#show(exportProgress),
      onEnd: () => this.#look(),
      onState: (state) => state !== "live" && this.#look(),
    });
  }

  async #look() {
    this.#pause();
    try {
      const data = await this.#app.api.ask(LOOK, { id: this.id });
      if (data.export) this.#show(data.export);
      fill(this.problem, data.export?.error);
      if (!data.export || ENDED.includes(data.export.status)) return;
    } catch (error) {
      fill(this.problem, `${error.title} The report goes on without this page.`);
    }
    if (!this.#stopped) this.#timer = setTimeout(() => this.#look(), POLL);
  }

  /** @param {string} mutation @param {string} name */
  async #change(mutation, name) {
    this.cancel.disabled = this.retry.disabled = true;
    try {
      const { [name]: payload } = await this.#app.api.ask(mutation, { id: this.id });
      if (payload.export) this.#show(payload.export);
      fill(
        this.problem,
        payload.errors.map((/** @type {UserError} */ error) => `${error.message}. `),
      );
      this.#follow();
    } catch (error) {
      fill(this.problem, `${error.title} ${error.advice}`);
    }
    this.cancel.disabled = this.retry.disabled = false;
  }

  /** Opens the file by a link that is asked for now, since links work for some minutes only. */
  async #download() {
    this.download.disabled = true;
    try {
      const { export: found } = await this.#app.api.ask(LINK, { id: this.id });
      if (found?.downloadUrl) h("a", { href: found.downloadUrl, download: "" }).click();
      else fill(this.problem, "The file is not there any more.");
    } catch (error) {
      fill(this.problem, `${error.title} ${error.advice}`);
    }
    this.download.disabled = false;
  }

  /** @param {SessionExport} now */
  #show(now) {
    const ended = ENDED.includes(now.status);
    fill(this.status, STATUS[now.status]);
    this.status.dataset.status = now.status;
    if (now.status === "QUEUED") this.bar.removeAttribute("value");
    else this.bar.value = ended ? Number(now.status === "DONE") : now.progress;
    this.bar.hidden = ended;
    const written = ended || now.status === "SENDING" ? "" : `${count(now.rowsWritten)} of `;
    const rows = now.rowCount === null ? "" : `${written}${counted(now.rowCount, "row")}`;
    const zone = now.timeZone === "local" ? "each in the agent's zone" : `in ${now.timeZone}`;
    fill(this.rows, rows, rows && `; times ${zone}`);
    fill(
      this.deliveries,
      now.deliveries.map((/** @type {Record<string, string>} */ { recipient, status, error }) =>
        h(
          "li",
          { class: status.toLowerCase() },
          h("b", {}, recipient),
          ` ${DELIVERY[status]}`,
          error && h("p", { class: "hint" }, error),
        ),
      ),
    );
    fill(this.problem, now.error);
    this.download.hidden = !now.downloadUrl;
    this.cancel.textContent = ended ? "Withdraw the report" : "Cancel report";
    this.cancel.hidden = ended && !now.downloadUrl;
    this.retry.hidden = !["FAILED", "CANCELLED", "EXPIRED"].includes(now.status);
  }
}
