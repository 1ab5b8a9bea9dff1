/**
 * The sessions of a filter as they are recorded and changed: one stream, opened again when it ends.
 */

import { Stream } from "./stream.js";

const query = (fields) => `subscription Live($filter: SessionFilter, $after: String) {
  sessionEvents(filter: $filter, after: $after) { kind sessionId cursor session { ${fields} } }
}`;

export class LiveSessions {
  #api;
  #onEvent;
  #onState;
  #stream = null;

  /** @param {(event: {kind, sessionId, cursor, session}) => void} onEvent @param {(state: string) => void} onState */
  constructor(api, onEvent, onState) {
    this.#api = api;
    this.#onEvent = onEvent;
    this.#onState = onState;
  }

  /** Follows this filter instead, with these fields of each session. Must be called before the list is answered. */
  follow(filter, fields) {
    this.stop();
    let after = null;
    this.#stream = new Stream(this.#api, () => ({ query: query(fields), variables: { filter, ...(after && { after }) } }), {
      onState: this.#onState,
      onNext: ({ sessionEvents: event }) => {
        after = event.cursor;
        this.#onEvent(event);
      },
    });
  }

  retry() {
    this.#stream?.retry();
  }

  stop() {
    this.#stream?.stop();
    this.#stream = null;
  }
}
