/**
 * The review of a session, in place. Choices are saved at once, texts by their buttons. Every save names the version
 * that it changes, so the API refuses to overwrite a change that nobody has seen here (optimistic concurrency). A typed
 * text stays until it is saved or taken back.
 */

import { button, choice, fill, h, iconButton, labelled, newId } from "./elements.js";
import { ASSESSMENTS, inWords } from "./formats.js";
import { hasModifier, isTyping } from "./keys.js";

/** @import { Session } from "./list.js" */

/** @type {Record<string, string>} */
const FLAGS = {
  isLead: "Is Lead",
  isOpportunity: "Is Opportunity",
  isTodo: "Is Todo",
  isDone: "Is Done",
  isTest: "Is Test",
  isArchived: "Is Archived",
};
/** @type {Record<string, string>} */
const LABELS = {
  ...FLAGS,
  humanAssessment: "Human assessment",
  conversationQuality: "Conversation quality",
  comment: "Comment",
  externalId: "External ID",
  tags: "Tags",
};
/** @type {Record<string, string | null>} */
const VERDICT_KEYS = { 1: "YES_A", 2: "YES_B", 3: "NO", 0: null };

export class Editor {
  #app;
  #session;
  #fields;
  #onSaved;
  /** @type {Promise<unknown>} */
  #saving = Promise.resolve();
  /** Texts that were typed and not saved, by field. */
  #typed;
  /** Shows a session in a control, by field. @type {Record<string, (session: Session) => void>} */
  #parts = {};
  /** @type {Record<string, HTMLElement>} */
  #problems = {};

  /**
   * @param {import("./sessions.js").SessionsView} app
   * @param {Session} session
   * @param {string} fields to select after a save
   * @param {Map<string, string>} typed kept by the caller, so that leaving the session loses nothing
   * @param {(session: Session) => void} onSaved
   */
  constructor(app, session, fields, typed, onSaved) {
    this.#app = app;
    this.#typed = typed;
    this.#fields = fields;
    this.#onSaved = onSaved;
    this.#session = session;
    this.conflict = h("div", { class: "conflict", role: "alert", hidden: true });
    this.status = h("p", { class: "said hint", role: "status" });
    this.element = h(
      "section",
      { class: "review", "aria-label": "Review" },
      this.conflict,
      this.canEdit("humanAssessment") && this.#drawVerdict(session),
      this.canEdit("conversationQuality") && this.#drawStars(),
      Object.keys(FLAGS).some((flag) => this.canEdit(flag)) && this.#drawFlags(),
      this.canEdit("comment") && this.#drawText("comment", h("textarea", { rows: 2, maxlength: 10_000 })),
      this.canEdit("tags") && this.#drawTags(),
      this.canEdit("externalId") && this.#drawText("externalId", h("input", { type: "text", autocomplete: "off" })),
      this.status,
    );
    this.show(session);
  }

  /** Whether the viewer may edit this field of a session. @param {string} field */
  canEdit(field) {
    return this.#app.viewer.mayEdit(field === "tags" ? "addTags" : field);
  }

  /** Shows the session as it is now. What was typed stays. @param {Session} session */
  show(session) {
    this.#session = session;
    for (const show of Object.values(this.#parts)) show(session);
  }

  /** Shows what somebody changed elsewhere; a text that was typed over it is a conflict already. @param {Session} session */
  showRemoteChange(session) {
    const typed = [...this.#typed].filter(([field]) => (this.#session[field] ?? "") !== (session[field] ?? ""));
    if (typed.length) {
      this.#showConflict(session, Object.fromEntries(typed.map(([field, text]) => [field, text || null])));
    }
    this.show(session);
  }

  /** @param {KeyboardEvent} event */
  press(event) {
    if (isTyping(event) || hasModifier(event)) return;
    if (!(event.key in VERDICT_KEYS) || !this.canEdit("humanAssessment")) return;
    event.preventDefault();
    this.#choose(VERDICT_KEYS[event.key]);
  }

  /** @param {Session} session */
  #drawVerdict(session) {
    const name = newId();
    const choices = [...Object.entries(ASSESSMENTS), ["", "None"]];
    /** @param {string[]} choice */
    const radio = ([value, label]) => {
      const input = h("input", {
        type: "radio",
        name,
        value,
        onchange: () => this.#choose(value || null),
        onkeydown: walk,
      });
      return h(
        "label",
        {
          class: `verdictchoice ${value.toLowerCase() || "unset"}`,
          title: this.#app.viewer.meanings[value] ?? "Leave it to the machine",
        },
        input,
        h("span", {}, label),
      );
    };
    const group = h("div", { class: "segments" }, choices.map(radio));
    this.#parts.humanAssessment = (now) => {
      for (const input of group.querySelectorAll("input")) input.checked = input.value === (now.humanAssessment ?? "");
    };
    const machine = session.autoAssessment;
    return h(
      "fieldset",
      { class: "verdictfield" },
      h("legend", {}, "Human assessment"),
      group,
      h(
        "p",
        { class: "hint" },
        "The machine said ",
        machine ? h("span", { class: `verdict ${machine.toLowerCase()}` }, ASSESSMENTS[machine]) : "nothing",
        machine && ` ${this.#app.viewer.meanings[machine].toLowerCase()}`,
      ),
      this.#problemOf("humanAssessment"),
    );
  }

  #drawStars() {
    const name = newId();
    /** @param {number} stars */
    const radio = (stars) =>
      h(
        "label",
        { class: "star" },
        h("input", {
          type: "radio",
          name,
          value: stars,
          "aria-label": stars === 1 ? "1 star" : `${stars} stars`,
          onkeydown: walk,
          onchange: () => this.#save({ conversationQuality: stars }),
        }),
        h("span", { "aria-hidden": "true" }, "★"),
      );
    const group = h("div", { class: "starchoice" }, [1, 2, 3, 4, 5].map(radio));
    const clear = button("No rating", () => this.#save({ conversationQuality: null }), { class: "link" });
    this.#parts.conversationQuality = ({ conversationQuality }) => {
      for (const input of group.querySelectorAll("input")) {
        input.checked = Number(input.value) === conversationQuality;
        input.parentElement?.classList.toggle("lit", Number(input.value) <= (conversationQuality ?? 0));
      }
      clear.hidden = conversationQuality === null;
    };
    return h(
      "fieldset",
      { class: "starfield" },
      h("legend", {}, "Conversation quality"),
      group,
      clear,
      this.#problemOf("conversationQuality"),
    );
  }

  #drawFlags() {
    /** @param {string} flag */
    const box = (flag) => {
      const input = h("input", {
        type: "checkbox",
        onchange: ({ target }) => this.#save({ [flag]: target.checked }),
      });
      this.#parts[flag] = (now) => (input.checked = now[flag]);
      return choice(input, FLAGS[flag]);
    };
    return h(
      "fieldset",
      { class: "flags" },
      h("legend", {}, "Flags"),
      Object.keys(FLAGS)
        .filter((flag) => this.canEdit(flag))
        .map(box),
      Object.keys(FLAGS).map((flag) => this.#problemOf(flag)),
    );
  }

  /** @param {string} field @param {HTMLInputElement | HTMLTextAreaElement} input */
  #drawText(field, input) {
    const save = button(`Save ${field === "comment" ? "comment" : LABELS[field]}`, () => this.#saveText(field));
    const back = button("Take back", () => this.#takeBack(field), { class: "link" });
    const actions = h("div", { class: "actions" }, back, save);
    input.setAttribute("dir", "auto");
    input.addEventListener("input", () => {
      this.#typed.set(field, input.value);
      actions.hidden = input.value === (this.#session[field] ?? "");
      if (actions.hidden) this.#typed.delete(field);
    });
    input.onkeydown = (event) => {
      if (event.key !== "Enter" || !(event.ctrlKey || event.metaKey || input.tagName === "INPUT")) return;
      event.preventDefault();
      this.#saveText(field);
    };
    this.#parts[field] = (now) => {
      input.value = this.#typed.get(field) ?? now[field] ?? "";
      actions.hidden = !this.#typed.has(field);
    };
    return labelled(LABELS[field], input, this.#problemOf(field), actions);
  }

  #drawTags() {
    const [id, offers] = [newId(), newId()];
    const list = h("ul", { class: "tags", "aria-label": "Tags" });
    /** @type {HTMLInputElement} */
    const input = h("input", {
      id,
      type: "text",
      list: offers,
      placeholder: "Add a tag",
      autocomplete: "off",
      "aria-label": "Add tag",
      onkeydown: (event) => {
        const tag = input.value.trim();
        if (event.key !== "Enter" || !tag) return;
        event.preventDefault();
        this.#save({ addTags: [tag] }).then((done) => done && (input.value = ""));
      },
    });
    this.#parts.tags = ({ tags }) => {
      /** @param {string} tag */
      const remove = (tag) => iconButton(`Remove tag ${tag}`, "close", () => this.#save({ removeTags: [tag] }));
      fill(
        list,
        tags.map((/** @type {string} */ tag) => h("li", { class: "tag" }, tag, remove(tag))),
      );
    };
    const options = (this.#app.viewer.options.tags ?? []).map((tag) => h("option", { value: tag }));
    return h(
      "div",
      { class: "field tagfield" },
      h("label", { for: id }, "Tags"),
      h("div", {}, list, input),
      h("datalist", { id: offers }, options),
      this.#problemOf("tags"),
    );
  }

  /** @param {string} field */
  #problemOf(field) {
    const problem = h("p", { class: "problem", role: "alert" });
    this.#problems[field] = problem;
    return problem;
  }

  /** @param {string} field */
  #takeBack(field) {
    this.#typed.delete(field);
    this.#parts[field](this.#session);
  }

  /** Saves a verdict, together with the comment that was typed beside it. @param {string | null} verdict */
  #choose(verdict) {
    const comment = this.#typed.get("comment");
    return this.#save({ humanAssessment: verdict, ...(comment !== undefined && { comment: comment || null }) });
  }

  /** @param {string} field */
  #saveText(field) {
    if (this.#typed.has(field)) this.#save({ [field]: this.#typed.get(field) || null });
  }

  /** Saves one patch after another, each on the version that the last one made. @param {Record<string, unknown>} patch */
  #save(patch) {
    const done = this.#saving.then(() => this.#send(patch));
    this.#saving = done.catch(() => {});
    return done;
  }

  /** Returns whether the patch was saved. @param {Record<string, unknown>} patch @returns {Promise<boolean>} */
  async #send(patch) {
    for (const problem of Object.values(this.#problems)) fill(problem);
    fill(this.status, "Saving…");
    try {
      const { session, errors } = await this.#mutate(patch);
      if (!errors.length) return this.#succeed(session, patch);
      fill(this.status);
      if (session && errors.some((/** @type {any} */ error) => error.code === "CONFLICT"))
        this.#showConflict(session, patch);
      else for (const error of errors) this.#showProblem(error, patch);
    } catch (error) {
      fill(this.status);
      this.#showProblem({ path: [], message: `${error.title} ${error.advice} Nothing was saved.` }, patch);
    }
    this.show(this.#session);
    return false;
  }

  /** @param {Record<string, unknown>} patch */
  async #mutate(patch) {
    const { id, version } = this.#session;
    const answer = `{ session { ${this.#fields} } errors { code message path } }`;
    const isVerdict = "humanAssessment" in patch;
    const [name, input] = isVerdict
      ? ["overrideAssessment", { sessionId: id, expectedVersion: version, ...patch }]
      : ["updateSession", { sessionId: id, expectedVersion: version, patch }];
    const type = isVerdict ? "OverrideAssessmentInput" : "UpdateSessionInput";
    const data = await this.#app.api.ask(`mutation Edit($input: ${type}!) { ${name}(input: $input) ${answer} }`, {
      input,
    });
    return data[name];
  }

  /** @param {Session} session @param {Record<string, unknown>} patch */
  #succeed(session, patch) {
    for (const field of Object.keys(patch)) {
      if (this.#typed.has(field) && (this.#typed.get(field) || null) === patch[field]) this.#typed.delete(field);
    }
    this.conflict.hidden = true;
    fill(this.status, "Saved.");
    this.#onSaved(session);
    return true;
  }

  /** @param {{ path: string[], message: string }} error @param {Record<string, unknown>} patch */
  #showProblem(error, patch) {
    const named = error.path.find((part) => part in LABELS);
    const field = named ?? ("addTags" in patch || "removeTags" in patch ? "tags" : Object.keys(patch)[0]);
    const words = error.path.length ? `${LABELS[field]} ${error.message.replace(/^\S+ /, "")}.` : error.message;
    fill(this.#problems[field] ?? this.status, words);
  }

  /** Somebody else was first: shows their change and the choice. @param {Session} now @param {Record<string, unknown>} patch */
  #showConflict(now, patch) {
    const before = this.#session;
    const differs = Object.keys(LABELS).filter((field) => JSON.stringify(before[field]) !== JSON.stringify(now[field]));
    const by = now.history?.[0]?.by;
    /** @param {string} field */
    const change = (field) =>
      h("li", {}, h("b", {}, LABELS[field]), ` ${inWords(field, before[field])} → ${inWords(field, now[field])}`);
    /** @param {string} label @param {() => unknown} act @param {string} [kind] */
    const decide = (label, act, kind) => button(label, () => ((this.conflict.hidden = true), act()), { class: kind });
    this.#session = { ...before, ...now };
    fill(
      this.conflict,
      h("strong", {}, `${by ?? "Somebody else"} changed this session meanwhile. Your change is not saved yet.`),
      h("ul", {}, differs.map(change)),
      h(
        "div",
        { class: "actions" },
        decide("Keep theirs", () => {
          for (const field of Object.keys(patch)) this.#typed.delete(field);
          this.show(this.#session);
        }),
        decide("Save mine", () => this.#save(patch), "primary"),
      ),
    );
    this.conflict.hidden = false;
    this.conflict.scrollIntoView({ block: "nearest" });
    this.#app.saved(now);
  }
}

/** @type {Record<string, number>} */
const STEPS = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 };

/** Arrows move between radio buttons without choosing: each choice would be a save. @param {KeyboardEvent} event */
function walk(event) {
  const step = STEPS[event.key];
  const current = /** @type {HTMLInputElement} */ (event.target);
  if (!step) return;
  event.preventDefault();
  event.stopPropagation();
  /** @type {NodeListOf<HTMLInputElement> | undefined} */
  const radios = current.closest("fieldset")?.querySelectorAll("input[type=radio]");
  const all = [...(radios ?? [])];
  all[(all.indexOf(current) + step + all.length) % all.length].focus();
}
