/**
 * The sessions of a filter as they are recorded and changed: one stream, opened again when it ends.
 */

import { SELDOM, Stream } from "./stream.js";

const query = (fields) => `subscription Live($filter: SessionFilter, $after: String) {
  sessionEvents(filter: $filter, after: $after) { kind sessionId cursor session { ${fields} } }
}`;

export class LiveSessions {
  #api;
  #onEvent;
  #onState;
  #onGap;
  #stream = null;
  #quietUntil = 0;

  /**
   * @param {(event: {kind, sessionId, cursor, session}) => void} onEvent
   * @param {(state: string) => void} onState
   * @param {() => void} onGap something may have happened that nobody was told of
   */
  constructor(api, onEvent, onState, onGap) {
    this.#api = api;
    this.#onEvent = onEvent;
    this.#onState = onState;
    this.#onGap = onGap;
  }

  /** Whether the server serves no streams, as far as is known. */
  get isOff() {
    return this.#quietUntil > Date.now();
  }

  /**
   * Follows this filter instead, with these fields of each session. What happens between the list's answer and the
   * stream's beginning nobody tells: `isAnswered` says whether there is such a gap.
   */
  follow(filter, fields, isAnswered) {
    this.stop();
    let after = null;
    let isGap = isAnswered;
    const request = () => ({ query: query(fields), variables: { filter, ...(after && { after }) } });
    const onState = (state) => {
      this.#quietUntil = state === "off" ? Date.now() + SELDOM : 0;
      if (state === "live" && !after && isGap()) this.#onGap();
      isGap = () => state !== "live";
      this.#onState(state);
    };
    const onNext = ({ sessionEvents: event }) => {
      after = event.cursor;
      this.#onEvent(event);
    };
    this.#stream = new Stream(this.#api, request, { onState, onNext }, this.#quietUntil - Date.now());
  }

  retry() {
    this.#stream?.retry();
  }

  stop() {
    this.#stream?.stop();
    this.#stream = null;
  }
}
