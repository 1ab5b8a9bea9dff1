/**
 * The sessions that are loaded: pages by cursor, and what happens to them live. Draws nothing.
 */

import { selection } from "./columns.js";
import { editedFields, toGraphQL } from "./filters.js";

const PAGE = 100;

export class SessionList {
  /** @type {object[]} in order */
  rows = [];
  hasNext = false;
  isLoading = false;
  /** Whether the rows are those of the view before, shown until the new ones are there. */
  isStale = false;
  /** @type {import("./api.js").ApiError | null} */
  error = null;
  /** Ids of rows that no longer match, but stay in place while somebody looks at them. */
  departed = new Set();

  #api;
  #viewer;
  #onChange;
  #abort = new AbortController();
  #cursor = null;
  #view = null;
  #fields = "";
  #waiting = [];

  /** @param {import("./api.js").Api} api @param {(change: {kind: string, index?: number, id?: string}) => void} onChange */
  constructor(api, viewer, onChange) {
    this.#api = api;
    this.#viewer = viewer;
    this.#onChange = onChange;
  }

  /** What a row has: the chosen columns, the order's, and what tells whether an edit takes it out of the filter. */
  get fields() {
    return this.#fields;
  }

  /** Starts again with the first page of a view. @param {import("./address.js").View} view */
  async load(view, columns) {
    this.#abort.abort();
    this.#abort = new AbortController();
    const [ordered, edited] = [this.#viewer.columnOfOrder(view.order.field), editedFields(view.filter)];
    this.#view = view;
    this.#fields = `${selection([...columns, ordered])} ${edited.join(" ")}`.trim();
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

  /** The next page, unless there is none or it is under way. After an error only where somebody asks `again`. */
  async more(again = false) {
    if (this.isLoading || !this.hasNext || (this.error && !again)) return;
    await this.#fetch((page) => {
      const known = new Set(this.rows.map((row) => row.id));
      this.rows.push(...page.nodes.filter((node) => !known.has(node.id)));
    });
  }

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
      this.#cursor = sessions.pageInfo.endCursor ?? this.#cursor;
      this.hasNext = sessions.pageInfo.hasNextPage;
      take(sessions);
    } catch (error) {
      if (signal.aborted) return;
      this.error = error;
    }
    this.isLoading = false;
    this.#onChange({ kind: "loaded" });
  }

  indexOf(id) {
    return this.rows.findIndex((row) => row.id === id);
  }

  /** A live event: in at the right place, changed where it is, or out. @param {{kind, sessionId, session}} event */
  apply(event) {
    if (this.isStale || (this.isLoading && !this.#cursor)) {
      this.#waiting.push(event);
    } else if (event.kind === "LEFT" || !event.session) {
      this.depart(event.sessionId);
    } else {
      this.put(event.session);
    }
  }

  /** The session as it is now; new rows only where they belong among those that are loaded. */
  put(session) {
    const before = this.indexOf(session.id);
    if (before >= 0 && this.rows[before].version >= session.version) return; // known, as of an edit made here
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

  /** A row that is edited here stays where it is, whatever the order says, so that nobody loses their place. */
  replace(session) {
    const index = this.indexOf(session.id);
    if (index < 0 || this.rows[index].version > session.version) return;
    this.rows[index] = { ...this.rows[index], ...session };
    this.#onChange({ kind: "changed", index, id: session.id });
  }

  /** It no longer matches: marked, until `dismiss` takes it out. */
  depart(id) {
    const index = this.indexOf(id);
    if (index < 0) return;
    this.departed.add(id);
    this.#onChange({ kind: "departed", index, id });
  }

  /** Takes out what no longer matches, except for the session that is being looked at. */
  dismiss(except = null) {
    for (const id of [...this.departed].filter((each) => each !== except)) {
      const index = this.indexOf(id);
      this.departed.delete(id);
      if (index < 0) continue;
      this.rows.splice(index, 1);
      this.#onChange({ kind: "removed", index, id });
    }
  }

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

/** The API's order: empty values last in both directions, ties by id. */
function comparator({ field: name, kind }, direction) {
  const sign = direction === "DESC" ? -1 : 1;
  const byKey = KEYS[kind] ?? KEYS.text;
  return (a, b) => {
    const [left, right] = [a[name], b[name]];
    if ((left ?? null) === null || (right ?? null) === null) {
      const empties = ((left ?? null) === null) - ((right ?? null) === null);
      return empties || sign * compareTexts(a.id, b.id);
    }
    return sign * (byKey(left, right) || compareTexts(a.id, b.id));
  };
}

const VERDICTS = ["YES_A", "YES_B", "NO"];
const KEYS = {
  instant: (a, b) => compareTexts(a.slice(0, -1), b.slice(0, -1)),
  money: (a, b) => compareDecimals(a, b),
  duration: (a, b) => a - b,
  stars: (a, b) => a - b,
  assessment: (a, b) => VERDICTS.indexOf(a) - VERDICTS.indexOf(b),
  text: (a, b) => compareTexts(fold(a), fold(b)),
};

const compareTexts = (a, b) => (a < b ? -1 : a > b ? 1 : 0);

/** Exactly: 15 digits and 10 places are more than a float holds. */
function compareDecimals(a, b) {
  const [left, right] = [a, b].map((text) => {
    const [whole, places = ""] = text.split(".");
    return BigInt(whole + places.padEnd(10, "0"));
  });
  return left < right ? -1 : left > right ? 1 : 0;
}

const fold = (text) =>
  text.normalize("NFKD").toLowerCase().replaceAll("ß", "ss").normalize("NFKD").replace(/\p{M}/gu, "");
