/**
 * Requests to the API, each a POST. Whatever goes wrong becomes an ApiError with a code and words for a person.
 */

/** For how long a request that was refused as RATE_LIMITED is sent again, all pauses together; in seconds. */
const PATIENCE = 60;

/** What happened and what to do about it, by code. For other codes the API's own sentence is shown. */
/** @type {Record<string, [string, string]>} */
const WORDS = {
  OFFLINE: ["The server cannot be reached.", "Check the connection, and try again."],
  UNAUTHENTICATED: [
    "This key is not valid, or not any more.",
    "Sign in with another key; what you were looking at is kept.",
  ],
  TIMEOUT: ["That took the database too long.", "Narrow the filter or the time range, and try again."],
  INTERNAL: ["Something went wrong on the server.", "Try again; if it stays, report it with the id below."],
  RATE_LIMITED: ["Too much was asked for at once.", "Wait a minute, and try again."],
  TOO_LARGE: ["That is more than one request may ask for.", "Choose fewer columns or a narrower filter."],
};

export class ApiError extends Error {
  /** @param {string} code @param {string} message @param {Record<string, any>} [extensions] */
  constructor(code, message, extensions = {}) {
    super(message);
    this.code = code;
    this.extensions = extensions;
  }

  get title() {
    return WORDS[this.code]?.[0] ?? this.message;
  }

  /** What to do about it; empty if the title says it all. */
  get advice() {
    return WORDS[this.code]?.[1] ?? "";
  }

  /** Whether it is about this path of the arguments, as in `filter.search`. @param {string[]} path */
  isAbout(...path) {
    return path.every((part, index) => this.extensions.path?.[index] === part);
  }
}

export class Api {
  /** @param {string} key @param {() => void} onRefused called whenever the key is not valid, or not any more */
  constructor(key, onRefused) {
    this.key = key;
    this.onRefused = onRefused;
  }

  get headers() {
    return { Authorization: `Bearer ${this.key}`, "Content-Type": "application/json" };
  }

  /**
   * Returns the data of the answer. Raises ApiError, and AbortError when the signal aborts. What the server refuses as
   * RATE_LIMITED is sent again when it says so: it has read and written nothing.
   * @param {string} query @param {Record<string, unknown>} [variables] @param {AbortSignal} [signal]
   * @returns {Promise<any>}
   */
  async ask(query, variables = {}, signal) {
    for (let patience = PATIENCE; ;) {
      const answer = await this.#post(query, variables, signal);
      const error = answer.errors?.[0];
      if (!error) return answer.data;
      const { code = "INTERNAL", retryAfter } = error.extensions ?? {};
      if (code === "UNAUTHENTICATED") this.onRefused();
      patience -= retryAfter ?? Infinity;
      if (code !== "RATE_LIMITED" || patience < 0) throw new ApiError(code, error.message, error.extensions);
      await pause(retryAfter, signal);
    }
  }

  /** @param {string} query @param {Record<string, unknown>} variables @param {AbortSignal} [signal] */
  async #post(query, variables, signal) {
    let response;
    try {
      response = await fetch("/graphql", {
        method: "POST",
        headers: { ...this.headers, Accept: "application/graphql-response+json, application/json;q=0.9" },
        body: JSON.stringify({ query, variables }),
        cache: "no-store",
        signal,
      });
      return await response.json();
    } catch (error) {
      if (signal?.aborted) throw error;
      if (response && error instanceof SyntaxError) {
        throw new ApiError("INTERNAL", `The server answered with status ${response.status} and no GraphQL.`);
      }
      throw new ApiError("OFFLINE", "The server cannot be reached.");
    }
  }
}

/** Raises AbortError when the signal aborts. @param {number} seconds @param {AbortSignal} [signal] */
function pause(seconds, signal) {
  return new Promise((resolve, reject) => {
    const stop = () => {
      clearTimeout(timer);
      reject(signal?.reason);
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener("abort", stop);
      resolve(undefined);
    }, seconds * 1000);
    signal?.addEventListener("abort", stop, { once: true });
  });
}
