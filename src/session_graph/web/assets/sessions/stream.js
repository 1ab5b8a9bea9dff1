/**
 * A subscription by server-sent events, through fetch, as an EventSource can send no key
 * (the protocol "GraphQL over Server-Sent Events", distinct connections).
 */

import { isEventStream, readEvents } from "../shared/eventstream.js";

const QUICK = 1000;
const SLOW = 30_000;
/** Until a server that serves no streams is asked again. */
export const SELDOM = 5 * 60_000;
/** A stream sends comments to show that it lives; without any for so long it does not. */
const SILENCE = 60_000;
/** How long a stream must have lived to count as one that works. */
const SETTLED = 5000;

export class Stream {
  #api;
  #request;
  #handlers;
  #abort = new AbortController();
  #timer = 0;
  #failures = 0;

  /**
   * @param {import("./api.js").Api} api
   * @param {() => {query: string, variables: object}} request asked for at each attempt
   * @param {{ onNext: (data: object) => void, onState?: (state: "live" | "connecting" | "off") => void,
   *   onEnd?: () => void }} handlers with `onEnd`, a stream that is complete is not opened again
   * @param {number} [delay] before the first attempt, in milliseconds
   */
  constructor(api, request, handlers, delay = 0) {
    this.#api = api;
    this.#request = request;
    this.#handlers = handlers;
    if (delay > 0) this.#timer = setTimeout(() => this.#open(), delay);
    else this.#open();
  }

  stop() {
    this.#abort.abort();
    clearTimeout(this.#timer);
  }

  /** At once, where it waits for its next attempt. */
  retry() {
    if (!this.#timer) return;
    clearTimeout(this.#timer);
    this.#open();
  }

  async #open() {
    this.#timer = 0;
    const { signal } = this.#abort;
    const began = Date.now();
    let ended = "broken";
    try {
      ended = await this.#listen(signal);
    } catch (error) {
      if (error.name === "AbortError" && signal.aborted) return;
    }
    if (signal.aborted) return;
    if (ended === "complete" && this.#handlers.onEnd) return this.#handlers.onEnd();
    this.#failures = Date.now() - began > SETTLED ? 0 : this.#failures + 1;
    const isOff = ended === "refused";
    this.#handlers.onState?.(isOff ? "off" : "connecting");
    this.#timer = setTimeout(() => this.#open(), isOff ? SELDOM : this.#pause());
  }

  /** Longer after each failure, and not for everybody at once. */
  #pause() {
    return Math.min(SLOW, QUICK * 2 ** Math.max(0, this.#failures - 1)) * (0.5 + Math.random());
  }

  /** Until it ends: "complete", "broken", or "refused" where the answer is no stream. */
  async #listen(signal) {
    const attempt = new AbortController();
    const forward = () => attempt.abort();
    signal.addEventListener("abort", forward, { once: true });
    let silence = setTimeout(forward, SILENCE);
    try {
      const response = await fetch("/graphql", {
        method: "POST",
        headers: { ...this.#api.headers, Accept: "text/event-stream" },
        body: JSON.stringify(this.#request()),
        cache: "no-store",
        signal: attempt.signal,
      });
      if (!isEventStream(response)) {
        if (response.status === 401) this.#api.onRefused();
        await response.body?.cancel();
        return response.status >= 500 ? "broken" : "refused";
      }
      this.#handlers.onState?.("live");
      for await (const { event, data } of readEvents(response)) {
        clearTimeout(silence);
        silence = setTimeout(forward, SILENCE);
        if (event === "complete") return "complete";
        if (event === "next" && !this.#take(JSON.parse(data))) return "refused";
      }
      return "broken";
    } finally {
      clearTimeout(silence);
      signal.removeEventListener("abort", forward);
      attempt.abort();
    }
  }

  /** Whether the result was data. */
  #take(result) {
    if (result.errors?.some((error) => error.extensions?.code === "UNAUTHENTICATED")) this.#api.onRefused();
    if (result.data) this.#handlers.onNext(result.data);
    return Boolean(result.data);
  }
}
