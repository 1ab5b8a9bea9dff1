/**
 * The panel of one session: what it was, what was said, how its ASR came about, who changed what, and the review.
 */

import { drawValue } from "./cells.js";
import { codeOf, labelOf, selection } from "./columns.js";
import { Editor } from "./editor.js";
import { fill, h, icon } from "./elements.js";
import { CHANNELS, clock, directionOf, duration, inWords, instant, money, ratio, zoneName } from "./formats.js";

const NARROW = matchMedia("(max-width: 900px)");
const SPEAKERS = { USER: "User", AGENT: "Agent", SYSTEM: "System" };
/** Shown above the facts, so not again among them. */
// prettier-ignore
const ELSEWHERE = new Set([
  "contact", "contactInformation", "contactName", "phone", "email", "summary", "startedAt", "durationSeconds",
  "channel", "agent", "asr", "actualResult", "expectedResult",
]);

export class Detail {
  #app;
  #session = null;
  #id = null;
  #abort = new AbortController();
  #fields;
  /** What was typed and not saved, by session and field. @type {Map<string, Map<string, string>>} */
  #drafts = new Map();

  /** @param {import("./sessions.js").SessionsView} app */
  constructor(app) {
    this.#app = app;
    this.#fields = this.#select();
    this.place = h("p", { class: "place" });
    this.content = h("div", { class: "content", tabindex: "-1" });
    const bare = (label, name, onclick) =>
      h("button", { type: "button", class: "bare", "aria-label": label, title: label, onclick }, icon(name));
    this.element = h(
      "dialog",
      { class: "detail", "aria-label": "Session", oncancel: (event) => (event.preventDefault(), this.#leave()) },
      h(
        "div",
        { class: "bar" },
        bare("Previous session", "left", () => app.step(-1)),
        bare("Next session", "right", () => app.step(1)),
        this.place,
        bare("Close session", "close", () => this.#leave()),
      ),
      this.content,
    );
    this.element.addEventListener("keydown", (event) => this.editor?.press(event));
  }

  /** Fields of the session for the panel; after an edit the same without the transcript. */
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
    const transcript = this.#app.viewer.maySee("TRANSCRIPT") ? "transcript { position speaker text at }" : "";
    try {
      const query = `query Session($id: ID!) { session(id: $id) { ${this.#fields} ${transcript} } }`;
      const { session } = await this.#app.api.ask(query, { id }, signal);
      this.content.classList.remove("stale");
      this.#session = session;
      if (session) this.#draw();
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
      const again = h("button", { type: "button", onclick: () => ((this.#id = null), this.open(id)) }, "Try again");
      fill(
        this.content,
        h("div", { class: "trouble", role: "alert" }, h("strong", {}, error.title), h("p", {}, error.advice), again),
      );
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

  /** Somebody changed the open session elsewhere: shown at once; what was typed here stays. */
  noteChange(session) {
    if (!this.#session || session.version <= this.#session.version) return;
    const id = this.#id;
    this.#app.api.ask(`query Changed($id: ID!) { session(id: $id) { ${this.#fields} } }`, { id }).then(
      (data) => id === this.#id && data.session && this.#update(data.session, true),
      () => {}, // the next save tells
    );
  }

  #update(session, fromElsewhere = false) {
    this.#session = { ...this.#session, ...session };
    if (fromElsewhere) this.editor.note(this.#session);
    else this.editor.show(this.#session);
    this.#drawDerived();
  }

  #draw() {
    const session = this.#session;
    this.derived = h("div", { class: "derived" });
    this.history = h("section", { class: "history" });
    if (!this.#drafts.has(session.id)) this.#drafts.set(session.id, new Map());
    this.editor = new Editor(this.#app, session, this.#fields, this.#drafts.get(session.id), (saved) => {
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
    this.#drawDerived();
  }

  #drawDerived() {
    fill(this.derived, this.#drawAsr(this.#session));
    fill(this.history, this.#drawHistory(this.#session));
  }

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

  /** The lead as it becomes revenue: each factor with what it says. */
  #drawAsr(session) {
    if (session.asr === undefined) return null;
    const { currency } = this.#app.viewer.account;
    const { asrFactors: factors } = session;
    if (!factors)
      return h(
        "section",
        { class: "ledger" },
        h("h3", {}, "ASR"),
        h("p", { class: "result" }, money(session.asr, currency)),
      );
    const row = (sign, label, value, about, isOff = false) =>
      h(
        "tr",
        { class: isOff ? "off" : null, title: about },
        h("td", { "aria-hidden": "true" }, sign),
        h("th", { scope: "row" }, label),
        h("td", {}, value),
      );
    return h(
      "section",
      { class: "ledger" },
      h("h3", {}, "How the ASR came about"),
      h(
        "table",
        { "aria-label": "Factors of the ASR" },
        h(
          "tbody",
          {},
          row(
            "",
            "Lead value",
            money(factors.leadValue, currency),
            "What the lead would pay if it converted",
            !Number(factors.leadValue),
          ),
          row(
            "×",
            factors.opportunity ? "Opportunity" : "No opportunity",
            factors.opportunity ? "1" : "0",
            "1 if it is an opportunity",
            !factors.opportunity,
          ),
          row("×", "Conversion", ratio(factors.conversionRate), "The agent's conversion ratio when the session closed"),
          row(
            "×",
            factors.success ? "Success" : "No success",
            factors.success ? "1" : "0",
            "1 if the assessment that counts is Yes-A or Yes-B",
            !factors.success,
          ),
          row("×", "Recognition", ratio(factors.recognition), "The share that is credited to the agent"),
          factors.isTest && row("×", "Test session", "0", "Test sessions never count in ASR", true),
        ),
        h("tfoot", {}, row("=", "ASR", money(session.asr, currency), "Rounded half-up to cents")),
      ),
      h("p", { class: "hint" }, explain(session, factors)),
    );
  }

  #drawResults(session) {
    if (!session.actualResult && !session.expectedResult) return null;
    const part = (label, text) =>
      h("div", {}, h("h3", {}, label), h("p", { dir: directionOf(text ?? "") }, text ?? "–"));
    return h(
      "section",
      { class: "results" },
      part("Actual result", session.actualResult),
      part("Expected result", session.expectedResult),
    );
  }

  #drawTranscript({ transcript, agent }) {
    if (!transcript) return null;
    const turn = ({ speaker, text, at }) =>
      h(
        "li",
        { class: speaker.toLowerCase() },
        h("p", { class: "speaker" }, SPEAKERS[speaker], at && h("time", { datetime: at }, clock(at, agent.timeZone))),
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

  #drawFacts(session) {
    const { viewer } = this.#app;
    const columns = viewer.columns.filter((column) => !ELSEWHERE.has(column.field) && !this.editor.has(column.field));
    const fact = (column) => {
      const value = drawValue(column, session, viewer.account.currency);
      return value === null ? null : h("div", {}, h("dt", { title: column.about }, column.label), h("dd", {}, value));
    };
    return h("section", {}, h("h3", {}, "Facts"), h("dl", { class: "facts" }, columns.map(fact)));
  }

  #drawHistory({ history, agent }) {
    if (!history) return null;
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

function explain(session, factors) {
  if (factors.isTest) return "A test session never counts.";
  if (!Number(factors.leadValue))
    return session.isLead ? "The lead has no value." : "It is no lead, so there is nothing to secure.";
  if (!factors.opportunity) return "The lead failed: refused, no availability, or no phone or e-mail was left.";
  if (!factors.success)
    return session.assessment
      ? "The agent did not do its job: assessed No."
      : "Nobody has assessed it, so it is no success.";
  return session.workingHours
    ? "In working hours the agent is credited with its recognition."
    : "Outside working hours the agent is credited in full.";
}
