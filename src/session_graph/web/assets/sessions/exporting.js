/**
 * The dialog that exports the rows of the list by e-mail, and follows the export until its mail is out.
 */

import { REPORT_SIZE } from "./columns.js";
import { openDialog } from "./dialogs.js";
import { fill, h, newId } from "./elements.js";
import { chips } from "./filters.js";
import { count, counted } from "./formats.js";
import { Stream } from "./stream.js";

const EXPORT = `id status progress rowCount rowsWritten timeZone bytes downloadUrl error expiresAt
  deliveries { recipient status error }`;
const ANSWER = `{ export { ${EXPORT} } errors { code message path } }`;
const REQUEST = `mutation Export($input: RequestSessionExportInput!) { requestSessionExport(input: $input) ${ANSWER} }`;
const CANCEL = `mutation Cancel($id: ID!) { cancelSessionExport(id: $id) ${ANSWER} }`;
const RETRY = `mutation Retry($id: ID!) { retrySessionExport(id: $id) ${ANSWER} }`;
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
  CANCELLED: "Cancelled.",
  EXPIRED: "The file is gone; have it written again.",
};
/** @type {Record<string, string>} */
const DELIVERY = {
  WAITING: "being sent",
  ACCEPTED: "sent",
  REFUSED: "refused by the mail server",
  GIVEN_UP: "given up after a day",
};

/** @param {import("./sessions.js").SessionsView} app */
export function openExport(app) {
  const { viewer, view } = app;
  const { account } = viewer;
  const [to, hint, zone, zones] = [newId(), newId(), newId(), newId()];
  const radios = newId();
  const own = app.columns.map((column) => column.code);
  const problem = h("p", { class: "problem", role: "alert" });
  const recipients = h("input", {
    id: to,
    type: "text",
    value: viewer.email ?? "",
    "aria-describedby": hint,
    autocomplete: "email",
    placeholder: "ana@example.com",
  });
  const timeZone = h("input", {
    id: zone,
    type: "text",
    list: zones,
    placeholder: "Each agent's own",
    autocomplete: "off",
  });
  const chosen = h("input", { type: "radio", name: radios, value: "own" });
  const active = chips(view.filter, viewer).map((chip) => chip.label);
  const button = h("button", { type: "submit", class: "primary", form: "export-form" }, "Send the report");
  /** The last request, and its key: a repeated one is not sent twice. */
  let last = { content: "", key: "" };

  const form = h(
    "form",
    { id: "export-form", class: "exportform", onsubmit: (event) => (event.preventDefault(), request()) },
    h(
      "p",
      {},
      h("strong", {}, app.total === null ? "All sessions" : counted(app.total, "session")),
      active.length ? ` that match: ${active.join(" · ")}` : " of the account, without a filter.",
      " In the order of the table, as they stand when the report begins.",
    ),
    h(
      "div",
      { class: "field" },
      h("label", { for: to }, "Recipients"),
      recipients,
      h("p", { id: hint, class: "hint" }, explainRecipients(viewer)),
    ),
    h(
      "fieldset",
      {},
      h("legend", {}, "Columns"),
      h(
        "label",
        { class: "choice" },
        h("input", { type: "radio", name: radios, value: "report", checked: true }),
        h(
          "span",
          {},
          `The report's ${REPORT_SIZE} columns`,
          h("small", {}, "Those of them that you may see, as other tools expect them"),
        ),
      ),
      h(
        "label",
        { class: "choice" },
        chosen,
        h("span", {}, own.length === 1 ? "The column on screen" : `The ${own.length} columns on screen`),
      ),
    ),
    h(
      "div",
      { class: "field" },
      h("label", { for: zone }, "Time zone"),
      timeZone,
      h(
        "datalist",
        { id: zones },
        [account.timeZone, ...Intl.supportedValuesOf("timeZone")].map((name) => h("option", { value: name })),
      ),
    ),
    problem,
  );

  async function request() {
    const input = {
      filter: app.graphQLFilter,
      orderBy: view.order,
      ...(chosen.checked && { columns: own }),
      ...(recipients.value.trim() && { recipients: recipients.value.split(/[\s,;]+/).filter(Boolean) }),
      ...(timeZone.value.trim() && { timeZone: timeZone.value.trim() }),
    };
    const content = JSON.stringify(input);
    if (content !== last.content) last = { content, key: newKey() }; // pressed twice, or after a lost answer: one report
    button.disabled = true;
    fill(problem);
    try {
      const { requestSessionExport: payload } = await app.api.ask(REQUEST, {
        input: { ...input, idempotencyKey: last.key },
      });
      if (payload.export) return follow(payload.export);
      fill(
        problem,
        payload.errors.map((/** @type {UserError} */ error) => h("span", {}, `${sentence(error)} `)),
      );
    } catch (error) {
      fill(problem, `${error.title} ${error.advice}`);
    }
    button.disabled = false;
  }

  /** @param {SessionExport} requested */
  function follow(requested) {
    const progress = new Progress(app, requested);
    dialog.querySelector(".content")?.replaceChildren(progress.element);
    dialog.querySelector("footer")?.replaceChildren(...progress.buttons);
    dialog.addEventListener("close", () => progress.stop());
  }

  const dialog = openDialog("Export", { body: form, foot: [button] });
}

/** @param {import("./viewer.js").Viewer} viewer */
function explainRecipients({ email, account }) {
  const listed = account.exportRecipients;
  const others = listed.length
    ? `others must be on the account's list: ${listed.join(", ")}`
    : "the account's list has no others yet";
  return email
    ? `Your own address by default; ${others}. Several are separated by commas.`
    : `Your key has no address of its own; ${others}.`;
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
    this.link = h("p", {});
    this.element = h(
      "div",
      { class: "exporting" },
      this.status,
      this.bar,
      this.rows,
      this.deliveries,
      this.problem,
      this.link,
    );
    this.cancel = h(
      "button",
      { type: "button", onclick: () => this.#change(CANCEL, "cancelSessionExport") },
      "Cancel report",
    );
    this.retry = h(
      "button",
      { type: "button", onclick: () => this.#change(RETRY, "retrySessionExport") },
      "Send again",
    );
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
    fill(
      this.link,
      now.downloadUrl && h("a", { class: "download", href: now.downloadUrl, download: "" }, "Download the CSV"),
    );
    this.cancel.hidden = ended;
    this.retry.hidden = !["FAILED", "CANCELLED", "EXPIRED"].includes(now.status);
  }
}
