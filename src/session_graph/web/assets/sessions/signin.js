/**
 * Signing in with an API key. The key is kept for this tab alone, and is never in an address.
 */

import { Api } from "./api.js";
import { fill, h, newId } from "./elements.js";
import { readViewer } from "./viewer.js";

const KEPT = "session_graph.key";

export const keptKey = () => sessionStorage.getItem(KEPT);
export const forgetKey = () => sessionStorage.removeItem(KEPT);

/**
 * The sign-in page.
 * @param {(key: string, viewer: import("./viewer.js").Viewer) => void} onSignedIn
 * @param {string} reason why somebody who was signed in sees it; empty at first
 */
export function drawSignIn(onSignedIn, reason = "") {
  const [input, hint, problem] = [newId(), newId(), newId()];
  const message = h("p", { id: problem, class: "problem", role: "alert" }, reason);
  const key = h("input", {
    id: input,
    type: "password",
    name: "key",
    autocomplete: "off",
    spellcheck: "false",
    required: true,
    placeholder: "sg_…",
    "aria-describedby": `${hint} ${problem}`,
  });
  const button = h("button", { type: "submit", class: "primary" }, "Sign in");
  const form = h(
    "form",
    { class: "signin", onsubmit: (event) => (event.preventDefault(), signIn()) },
    h("p", { class: "brand" }, "session_graph"),
    h("h1", {}, "Every conversation your AI employees had"),
    h("div", { class: "field" }, h("label", { for: input }, "API key"), key, message),
    button,
    h(
      "p",
      { id: hint, class: "hint" },
      "The key decides what you see. ",
      h("code", {}, "make run"),
      " prints one for each role of the demo and keeps them in ",
      h("code", {}, ".session-graph/demo-keys.json"),
      "; ",
      h("code", {}, "session-graph key create"),
      " makes others. It stays in this tab until you sign out or close it.",
    ),
  );

  async function signIn() {
    const text = key.value.trim();
    if (!text) return say("Paste a key first.");
    if (/[^\x21-\x7e]/.test(text)) return say("That is not a key: it has spaces or letters that no key has.");
    button.disabled = true;
    say("");
    try {
      const api = new Api(text, () => {});
      const viewer = await readViewer(api);
      sessionStorage.setItem(KEPT, text);
      onSignedIn(text, viewer);
    } catch (error) {
      button.disabled = false;
      say(
        error.code === "UNAUTHENTICATED"
          ? "That key is not valid: it may be mistyped, revoked or expired."
          : `${error.title} ${error.advice}`,
      );
    }
  }

  /** @param {string} words */
  function say(words) {
    fill(message, words);
    key.setAttribute("aria-invalid", String(Boolean(words)));
    if (words) key.focus();
  }

  queueMicrotask(() => key.focus());
  return h("main", { class: "door" }, form);
}
