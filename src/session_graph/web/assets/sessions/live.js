/**
 * The sessions of a filter as they are recorded and changed: one stream, opened again when it ends.
 */

import { SELDOM, Stream } from "./stream.js";

/** The codes of a cursor after which nothing can be read: the list is read again instead. */
const CURSOR_LOST = ["HISTORY_LOST", "CURSOR_INVALID"];

/** @param {string} fields */
const query = (fields) => `subscription Live($filter: SessionFilter, $after: String) {
  sessionEvents(filter: $filter, after: $after) { kind sessionId cursor session { ${fields} } }
}`;

/** @typedef {{ kind: string, sessionId: string, cursor: string, session: import("./list.js").Session | null }} SessionEvent */

export class LiveSessions {
  #api;
  #onEvent;
  #onState;
  #onGap;
  /** @type {Stream | null} */
  #stream = null;
  #offUntil = 0;

  /**
   * @param {import("./api.js").Api} api
   * @param {(event: SessionEvent) => void} onEvent
   * @param {(state: import("./stream.js").LiveState) => void} onState
   * @param {() => void} onGap called if events may have been missed
   */
  constructor(api, onEvent, onState, onGap) {
    this.#api = api;
    this.#onEvent = onEvent;
    this.#onState = onState;
    this.#onGap = onGap;
  }

  /** Whether the server was found to serve no streams. */
  get isOff() {
    return this.#offUntil > Date.now();
  }

  /**
   * Follows this filter from now on, with these fields of each session. No event reports a change between the list's
   * answer and the stream's beginning; `isAnswered` says whether the list has been answered already.
   * @param {import("./filters.js").Filter} filter @param {string} fields @param {() => boolean} isAnswered
   */
  follow(filter, fields, isAnswered) {
    this.stop();
    /** @type {string | null} */
    let after = null;
    let isGap = isAnswered;
    const request = () => ({ query: query(fields), variables: { filter, ...(after && { after }) } });
    /** @param {import("./stream.js").LiveState} state */
    const onState = (state) => {
      this.#offUntil = state === "off" ? Date.now() + SELDOM : 0;
      if (state === "live" && !after && isGap()) this.#onGap();
      isGap = () => state !== "live";
      this.#onState(state);
    };
    /** @param {string[]} codes */
    const onError = (codes) => {
      const isLost = codes.some((code) => CURSOR_LOST.includes(code));
      if (isLost) after = null;
      return isLost || codes.includes("UNAVAILABLE");
    };
    /** @param {{ sessionEvents: SessionEvent }} data */
    const onNext = ({ sessionEvents: event }) => {
      after = event.cursor;
      if (event.kind !== "CHECKPOINT") this.#onEvent(event);
    };
    this.#stream = new Stream(this.#api, request, { onState, onNext, onError }, this.#offUntil - Date.now());
  }

  retry() {
    this.#stream?.retry();
  }

  stop() {
    this.#stream?.stop();
    this.#stream = null;
  }
}
