/**
 * The sessions that are loaded, page by page, and their live changes. Draws nothing.
 */

import { selection } from "./columns.js";
import { editedFields, toGraphQL } from "./filters.js";
import { learnZones } from "./zones.js";

/** @import { Column } from "./columns.js" */
/** @import { View } from "./address.js" */

/** @typedef {{ id: string, version: number } & Record<string, any>} Session with the fields that were selected */
/** @typedef {{ kind: string, index?: number, id?: string }} ListChange */

const PAGE = 100;

export class SessionList {
  /** @type {Session[]} in order */
  rows = [];
  hasNext = false;
  isLoading = false;
  /** Whether the rows are those of the view before, shown until the new ones arrive. */
  isStale = false;
  /** @type {import("./api.js").ApiError | null} */
  error = null;
  /** Ids of rows that no longer match, but stay in place while somebody looks at them. @type {Set<string>} */
  departed = new Set();

  #api;
  #viewer;
  #onChange;
  #abort = new AbortController();
  /** @type {string | null} */
  #cursor = null;
  /** @type {View} */
  #view;
  #fields = "";
  /** @type {import("./live.js").SessionEvent[]} */
  #waiting = [];

  /**
   * @param {import("./api.js").Api} api @param {import("./viewer.js").Viewer} viewer
   * @param {View} view @param {(change: ListChange) => void} onChange
   */
  constructor(api, viewer, view, onChange) {
    this.#api = api;
    this.#viewer = viewer;
    this.#view = view;
    this.#onChange = onChange;
  }

  /** The fields of a row: the chosen columns, the order's, and those that say whether an edited row still matches. */
  get fields() {
    return this.#fields;
  }

  /** Starts again with the first page of a view. @param {View} view @param {Column[]} columns */
  async load(view, columns) {
    this.#abort.abort();
    this.#abort = new AbortController();
    const ordered = this.#viewer.columnOfOrder(view.order.field);
    this.#view = view;
    this.#fields = [selection(ordered ? [...columns, ordered] : columns), ...editedFields(view.filter)].join(" ");
    this.#cursor = null;
    this.#waiting = [];
    this.isStale = this.rows.length > 0;
    this.departed.clear();
    await this.#fetch((page) => {
      this.rows = page.nodes;
      this.isStale = false;
      for (const event of this.#waiting.splice(0)) this.apply(event);
    });
  }

  /** Loads the next page, unless there is none or it is under way; after an error only `again`. */
  async more(again = false) {
    if (this.isLoading || !this.hasNext || (this.error && !again)) return;
    await this.#fetch((page) => {
      const known = new Set(this.rows.map((row) => row.id));
      this.rows.push(...page.nodes.filter(({ id }) => !known.has(id)));
    });
  }

  /** @param {(page: { nodes: Session[] }) => void} take */
  async #fetch(take) {
    const { signal } = this.#abort;
    this.isLoading = true;
    this.error = null;
    this.#onChange({ kind: "loading" });
    try {
      const query = `query Page($filter: SessionFilter, $order: SessionOrder, $first: Int, $after: String) {
        sessions(filter: $filter, orderBy: $order, first: $first, after: $after) {
          nodes { ${this.#fields} } pageInfo { hasNextPage endCursor }
        }
      }`;
      const { filter, order } = this.#view;
      const variables = { filter: toGraphQL(filter), order, first: PAGE, after: this.#cursor };
      const { sessions } = await this.#api.ask(query, variables, signal);
      await learnZones(
        this.#api,
        sessions.nodes.map((/** @type {Session} */ { agent }) => agent?.timeZone),
      );
      signal.throwIfAborted();
      this.#cursor = sessions.pageInfo.endCursor ?? this.#cursor;
      this.hasNext = sessions.pageInfo.hasNextPage;
      take(sessions);
    } catch (error) {
      if (signal.aborted) return;
      this.error = /** @type {import("./api.js").ApiError} */ (error);
    }
    this.isLoading = false;
    this.#onChange({ kind: "loaded" });
  }

  /** @param {string | null} id */
  indexOf(id) {
    return this.rows.findIndex((row) => row.id === id);
  }

  /** A live event: the session comes in at its place, changes, or leaves. @param {import("./live.js").SessionEvent} event */
  apply(event) {
    if (this.isStale || (this.isLoading && !this.#cursor)) {
      this.#waiting.push(event);
    } else if (event.kind === "LEFT" || !event.session) {
      this.depart(event.sessionId);
    } else {
      this.put(event.session);
    }
  }

  /** The session as it is now; a new row only if its place is among those that are loaded. @param {Session} session */
  put(session) {
    const before = this.indexOf(session.id);
    if (before >= 0 && this.rows[before].version >= session.version) return; // an edit made here was faster than its event
    this.departed.delete(session.id);
    if (before >= 0) this.rows.splice(before, 1);
    const index = this.#placeOf(session);
    if (index < this.rows.length || !this.hasNext) {
      this.rows.splice(index, 0, session);
      this.#onChange({ kind: before < 0 ? "inserted" : "changed", index, id: session.id });
    } else if (before >= 0) {
      this.#onChange({ kind: "removed", index: before, id: session.id });
    }
  }

  /** Changes a row that was edited here. It keeps its place, whatever the order. @param {Session} session */
  replace(session) {
    const index = this.indexOf(session.id);
    if (index < 0 || this.rows[index].version > session.version) return;
    this.rows[index] = { ...this.rows[index], ...session };
    this.#onChange({ kind: "changed", index, id: session.id });
  }

  /** Marks a row that no longer matches, until `dismiss` takes it out. @param {string} id */
  depart(id) {
    const index = this.indexOf(id);
    if (index < 0) return;
    this.departed.add(id);
    this.#onChange({ kind: "departed", index, id });
  }

  /** Takes out what no longer matches, except for the open session. @param {string | null} except */
  dismiss(except = null) {
    for (const id of [...this.departed].filter((each) => each !== except)) {
      const index = this.indexOf(id);
      this.departed.delete(id);
      if (index < 0) continue;
      this.rows.splice(index, 1);
      this.#onChange({ kind: "removed", index, id });
    }
  }

  /** @param {Session} session */
  #placeOf(session) {
    const { field, direction } = this.#view.order;
    const compare = comparator(this.#viewer.columnOfOrder(field), direction);
    let [low, high] = [0, this.rows.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (compare(this.rows[middle], session) <= 0) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

/**
 * Compares as the API does: empty values last in both directions, ties by id.
 * @param {Column | undefined} column @param {"ASC" | "DESC"} direction @returns {(a: Session, b: Session) => number}
 */
function comparator(column, direction) {
  const { field, kind } = column ?? { field: "id", kind: "text" };
  const sign = direction === "DESC" ? -1 : 1;
  const byKey = KEYS[kind] ?? KEYS.text;
  return (a, b) => {
    const [left, right] = [a[field] ?? null, b[field] ?? null];
    if (left === null || right === null) {
      const empties = Number(left === null) - Number(right === null);
      return empties || sign * compareTexts(a.id, b.id);
    }
    return sign * (byKey(left, right) || compareTexts(a.id, b.id));
  };
}

const VERDICTS = ["YES_A", "YES_B", "NO"];
/** @type {Record<string, (a: any, b: any) => number>} */
const KEYS = {
  instant: (a, b) => compareTexts(a.slice(0, -1), b.slice(0, -1)),
  money: (a, b) => compareDecimals(a, b),
  duration: (a, b) => a - b,
  stars: (a, b) => a - b,
  assessment: (a, b) => VERDICTS.indexOf(a) - VERDICTS.indexOf(b),
  text: (a, b) => compareTexts(fold(a), fold(b)),
};

/** @param {string} a @param {string} b */
const compareTexts = (a, b) => (a < b ? -1 : a > b ? 1 : 0);

/** Exactly: 15 digits and 10 places are more than a float holds. @param {string} a @param {string} b */
function compareDecimals(a, b) {
  const [left, right] = [a, b].map((text) => {
    const [whole, places = ""] = text.split(".");
    return BigInt(whole + places.padEnd(10, "0"));
  });
  return left < right ? -1 : left > right ? 1 : 0;
}

const PLAIN = {
  ...{ ß: "ss", æ: "ae", œ: "oe", þ: "th", ð: "d", đ: "d", ħ: "h", ı: "i", ł: "l", ø: "o", ŧ: "t" },
  ...{ "’": "'", "‘": "'", ʼ: "'", "′": "'", "`": "'", "‐": "-", "‑": "-", "–": "-", "—": "-", "−": "-" },
};

/** As the server folds a text for its order. @param {string} text */
const fold = (text) =>
  text
    .normalize("NFKD")
    .toLowerCase()
    .normalize("NFKD")
    .replace(/[\p{M}\p{Cf}]/gu, "")
    .replace(/./gsu, (letter) => PLAIN[/** @type {keyof typeof PLAIN} */ (letter)] ?? letter)
    .replace(/\s+/g, " ")
    .trim();
