/**
 * The panel of one session: its facts, transcript, the factors of its ASR, its history, and the review.
 */

import { drawValue } from "./cells.js";
import { codeOf, labelOf, selection } from "./columns.js";
import { Editor } from "./editor.js";
import { button, fill, h, iconButton, trouble } from "./elements.js";
import { CHANNELS, clock, directionOf, duration, inWords, instant, zoneName } from "./formats.js";
import { drawLedger } from "./ledger.js";
import { learnZones } from "./zones.js";

/** @import { Column } from "./columns.js" */
/** @import { Session } from "./list.js" */

const NARROW = matchMedia("(max-width: 900px)");
/** @type {Record<string, string>} */
const SPEAKERS = { USER: "User", AGENT: "Agent", HUMAN: "Colleague", TOOL: "Tool", SYSTEM: "System" };
/** The fields that are shown above the facts, and not again among them. */
// prettier-ignore
const ELSEWHERE = new Set([
  "contact", "contactInformation", "contactName", "phone", "email", "summary", "startedAt", "durationSeconds",
  "channel", "agent", "asr", "actualResult", "expectedResult",
]);

export class Detail {
  #app;
  /** @type {Session | null} */
  #session = null;
  /** @type {string | null} */
  #id = null;
  #abort = new AbortController();
  #fields;
  /** The texts that were typed and not saved, by session and field. @type {Map<string, Map<string, string>>} */
  #drafts = new Map();

  /** @param {import("./sessions.js").SessionsView} app */
  constructor(app) {
    this.#app = app;
    this.#fields = this.#select();
    this.place = h("p", { class: "place" });
    this.content = h("div", { class: "content", tabindex: "-1" });
    this.derived = h("div", { class: "derived" });
    this.history = h("section", { class: "history" });
    this.element = h(
      "dialog",
      { class: "detail", "aria-label": "Session", oncancel: (event) => (event.preventDefault(), this.#leave()) },
      h(
        "div",
        { class: "bar" },
        iconButton("Previous session", "left", () => app.step(-1)),
        iconButton("Next session", "right", () => app.step(1)),
        this.place,
        iconButton("Close session", "close", () => this.#leave()),
      ),
      this.content,
    );
    this.element.addEventListener("keydown", (event) => this.editor?.press(event));
  }

  /** The fields of the session for the panel, but for the transcript, which no edit changes. */
  #select() {
    const { viewer } = this.#app;
    const columns = selection(viewer.columns).replace(/ agent \{.*\}/, "");
    const parts = [
      columns,
      "agent { idn name timeZone }",
      viewer.maySee("ASR_FACTORS") && "asrFactors { leadValue opportunity conversionRate success recognition isTest }",
      viewer.maySee("HISTORY") && "history { at by field before after }",
    ];
    return parts.filter(Boolean).join(" ");
  }

  #leave() {
    this.#app.change({ session: null });
  }

  /** @param {string} id */
  async open(id) {
    if (id === this.#id && this.element.open) return;
    this.#id = id;
    this.#abort.abort();
    this.#abort = new AbortController();
    const { signal } = this.#abort;
    if (!this.element.open) {
      if (NARROW.matches) this.element.showModal();
      else this.element.show();
    }
    this.content.classList.add("stale");
    if (!this.#session) fill(this.content, h("p", { role: "status", class: "hint" }, "Loading…"));
    this.showPlace();
    this.content.focus();
    const transcript = this.#app.viewer.maySee("TRANSCRIPT") ? "transcript { position speaker name text at }" : "";
    try {
      const query = `query Session($id: ID!) { session(id: $id) { ${this.#fields} ${transcript} } }`;
      const { session } = await this.#app.api.ask(query, { id }, signal);
      await learnZones(this.#app.api, [session?.agent.timeZone]);
      signal.throwIfAborted();
      this.content.classList.remove("stale");
      this.#session = session;
      if (session) this.#draw(session);
      else
        fill(
          this.content,
          h(
            "div",
            { class: "empty" },
            h("strong", {}, "There is no such session that you may see."),
            h("p", {}, "The link may be of another account, or of an agent or integration that your key is not for."),
          ),
        );
    } catch (error) {
      if (signal.aborted) return;
      this.content.classList.remove("stale");
      this.#session = null;
      const again = button("Try again", () => ((this.#id = null), this.open(id)));
      fill(this.content, trouble(error.title, error.advice, again));
    }
  }

  close() {
    this.#abort.abort();
    this.#id = null;
    this.#session = null;
    this.element.close();
  }

  showPlace() {
    if (!this.#id) return;
    const { list, total } = this.#app;
    const index = list.indexOf(this.#id);
    fill(this.place, index >= 0 ? `${index + 1} of ${total ?? "…"}` : "Not in this list");
  }

  /** Shows what somebody changed elsewhere in the open session; what was typed here stays. @param {Session} session */
  showRemoteChange(session) {
    if (!this.#session || session.version <= this.#session.version) return;
    const id = this.#id;
    this.#app.api.ask(`query Changed($id: ID!) { session(id: $id) { ${this.#fields} } }`, { id }).then(
      (data) => id === this.#id && data.session && this.#update(data.session, true),
      () => {}, // the next save is refused, and shows the change
    );
  }

  /** @param {Session} session @param {boolean} fromElsewhere */
  #update(session, fromElsewhere = false) {
    this.#session = { ...this.#session, ...session };
    if (fromElsewhere) this.editor?.showRemoteChange(this.#session);
    else this.editor?.show(this.#session);
    this.#drawDerived(this.#session);
  }

  /** @param {Session} session */
  #draw(session) {
    const drafts = this.#drafts.get(session.id) ?? new Map();
    this.#drafts.set(session.id, drafts);
    this.editor = new Editor(this.#app, session, this.#fields, drafts, (saved) => {
      this.#update(saved);
      this.#app.saved(saved);
    });
    fill(
      this.content,
      this.#drawTitle(session),
      h("div", { class: "judgement" }, this.editor.element, this.derived),
      h(
        "div",
        { class: "story" },
        this.#drawResults(session),
        this.#drawTranscript(session),
        this.#drawFacts(session),
        this.history,
      ),
    );
    this.content.scrollTop = 0;
    this.#drawDerived(session);
  }

  /** @param {Session} session */
  #drawDerived(session) {
    fill(this.derived, session.asr !== undefined && drawLedger(session, this.#app.viewer.account.currency));
    fill(this.history, this.#drawHistory(session));
  }

  /** @param {Session} session */
  #drawTitle(session) {
    const zone = session.agent.timeZone;
    const channel = CHANNELS[session.channel] ?? session.channel;
    return h(
      "div",
      { class: "title" },
      h("h2", { dir: "auto" }, session.contact),
      session.contactInformation && h("p", { class: "contactinformation" }, session.contactInformation),
      h("p", {}, h("time", { datetime: session.startedAt }, instant(session.startedAt, zone)), ` · ${zone}`),
      h("p", {}, channel, ` · ${duration(session.durationSeconds)} · ${session.agent.name}`),
      session.summary && h("p", { class: "summary", dir: directionOf(session.summary) }, session.summary),
    );
  }

  /** @param {Session} session */
  #drawResults(session) {
    if (!session.actualResult && !session.expectedResult) return null;
    /** @param {string} label @param {string | null} [text] */
    const part = (label, text) =>
      h("div", {}, h("h3", {}, label), h("p", { dir: directionOf(text ?? "") }, text ?? "–"));
    return h(
      "section",
      { class: "results" },
      part("Actual result", session.actualResult),
      part("Expected result", session.expectedResult),
    );
  }

  /** @param {Session} session */
  #drawTranscript({ transcript, agent }) {
    if (!transcript) return null;
    /** @param {{ speaker: string, name: string | null, text: string, at: string | null }} turn */
    const turn = ({ speaker, name, text, at }) =>
      h(
        "li",
        { class: speaker.toLowerCase() },
        h(
          "p",
          { class: "speaker" },
          name ?? SPEAKERS[speaker],
          at && h("time", { datetime: at }, clock(at, agent.timeZone)),
        ),
        h("p", { class: "said", dir: directionOf(text) }, text),
      );
    return h(
      "section",
      { class: "transcript" },
      h("h3", {}, "Transcript"),
      transcript.length
        ? h("ol", {}, transcript.map(turn))
        : h("p", { class: "hint" }, "Nothing was said, or nothing was kept."),
    );
  }

  /** @param {Session} session */
  #drawFacts(session) {
    const { viewer } = this.#app;
    const columns = viewer.columns.filter(
      (column) => !ELSEWHERE.has(column.field) && !this.editor?.canEdit(column.field),
    );
    /** @param {Column} column */
    const fact = (column) => {
      const value = drawValue(column, session, viewer.account.currency);
      return value === null ? null : h("div", {}, h("dt", { title: column.about }, column.label), h("dd", {}, value));
    };
    return h("section", {}, h("h3", {}, "Facts"), h("dl", { class: "facts" }, columns.map(fact)));
  }

  /** @param {Session} session */
  #drawHistory({ history, agent }) {
    if (!history) return null;
    /** @param {{ at: string, by: string, field: string, before: string | null, after: string | null }} change */
    const entry = ({ at, by, field, before, after }) =>
      h(
        "li",
        {},
        h("b", {}, labelOf(codeOf(field))),
        " ",
        h("bdi", {}, inWords(field, before)),
        " → ",
        h("bdi", {}, inWords(field, after)),
        h("p", { class: "hint" }, `${by}, ${instant(at, agent.timeZone)} ${zoneName(at, agent.timeZone)}`),
      );
    return [
      h("h3", {}, "History"),
      history.length ? h("ol", {}, history.map(entry)) : h("p", { class: "hint" }, "Nobody has changed anything."),
    ];
  }
}
