/**
 * A subscription by server-sent events (the protocol "GraphQL over Server-Sent Events", distinct connections), opened
 * again when it breaks.
 */

import { isEventStream, readEvents } from "../shared/eventstream.js";

/** The first and the longest pause before another attempt, in milliseconds. */
const QUICK = 1000;
const SLOW = 30_000;
/** The pause after a server that serves no streams. */
export const SELDOM = 5 * 60_000;
/** A stream sends comments to show that it lives. Without any for so long it counts as broken. */
const SILENCE = 60_000;
/** A stream that lasted so long was a success: the next pause is the first again. */
const SETTLED = 5000;

/** @typedef {"live" | "connecting" | "off"} LiveState */

export class Stream {
  #api;
  #request;
  #handlers;
  #abort = new AbortController();
  #timer = 0;
  #failures = 0;
  /** The milliseconds for which the server, which limits the rate, wants no other attempt. */
  #wait = 0;

  /**
   * @param {import("./api.js").Api} api
   * @param {() => { query: string, variables: object }} request called at each attempt
   * @param {{ onNext: (data: any) => void, onState?: (state: LiveState) => void, onEnd?: () => void,
   *   onError?: (codes: string[]) => boolean }} handlers
   *   with `onEnd`, a stream that is complete is not opened again; `onError` returns whether to open it again soon
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

  /** Make the next attempt at once, if the stream waits for it. */
  retry() {
    if (!this.#timer) return;
    clearTimeout(this.#timer);
    this.#open();
  }

  async #open() {
    this.#timer = 0;
    this.#wait = 0;
    const { signal } = this.#abort;
    const began = Date.now();
    let ended = "broken";
    try {
      ended = await this.#listen(signal);
    } catch {
      // no connection, or one that broke
    }
    if (signal.aborted) return;
    if (ended === "complete" && this.#handlers.onEnd) return this.#handlers.onEnd();
    this.#failures = Date.now() - began > SETTLED ? 0 : this.#failures + 1;
    const isOff = ended === "refused";
    this.#handlers.onState?.(isOff ? "off" : "connecting");
    this.#timer = setTimeout(() => this.#open(), isOff ? SELDOM : this.#pause());
  }

  /** Milliseconds: longer after each failure, and random, so that not every page comes back at once. */
  #pause() {
    return this.#wait + Math.min(SLOW, QUICK * 2 ** Math.max(0, this.#failures - 1)) * (0.5 + Math.random());
  }

  /** Returns how it ended: "complete", "broken", or "refused" if the answer is no stream. @param {AbortSignal} signal */
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
        if (response.status === 429) this.#wait = Number(response.headers.get("Retry-After")) * 1000;
        return response.status >= 500 || response.status === 429 ? "broken" : "refused";
      }
      this.#handlers.onState?.("live");
      for await (const { event, data } of readEvents(response)) {
        clearTimeout(silence);
        silence = setTimeout(forward, SILENCE);
        if (event === "complete") return "complete";
        if (event !== "next") continue;
        const result = JSON.parse(data);
        if (!this.#take(result)) return this.#isWorthRetrying(result) ? "broken" : "refused";
      }
      return "broken";
    } finally {
      clearTimeout(silence);
      signal.removeEventListener("abort", forward);
      attempt.abort();
    }
  }

  /** @param {{ errors?: any[] }} result */
  #isWorthRetrying({ errors = [] }) {
    const codes = errors.map((error) => error.extensions?.code);
    const limit = errors.find((error) => error.extensions?.code === "RATE_LIMITED");
    if (limit) this.#wait = (limit.extensions.retryAfter ?? 0) * 1000;
    return Boolean(this.#handlers.onError?.(codes)) || Boolean(limit);
  }

  /** Returns whether the result had data. @param {{ data?: any, errors?: any[] }} result */
  #take(result) {
    if (result.errors?.some((error) => error.extensions?.code === "UNAUTHENTICATED")) this.#api.onRefused();
    if (result.data) this.#handlers.onNext(result.data);
    return Boolean(result.data);
  }
}
