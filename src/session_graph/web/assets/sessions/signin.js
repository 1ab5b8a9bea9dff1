/**
 * Signing in with an API key. The key is kept for this tab alone, and is never in an address.
 */

import { Api } from "./api.js";
import { fill, h, labelled, newId } from "./elements.js";
import { readViewer } from "./viewer.js";

const KEPT = "session_graph.key";
// prettier-ignore
const FIELD = {
  type: "password", name: "key", autocomplete: "off", spellcheck: "false", required: true, placeholder: "sg_…",
};

export const keptKey = () => sessionStorage.getItem(KEPT);
export const forgetKey = () => sessionStorage.removeItem(KEPT);

/**
 * The sign-in page.
 * @param {(key: string, viewer: import("./viewer.js").Viewer) => void} onSignedIn
 * @param {string} reason why somebody who was signed in sees it; empty at first
 */
export function drawSignIn(onSignedIn, reason = "") {
  const [hint, problem] = [newId(), newId()];
  const message = h("p", { id: problem, class: "problem", role: "alert" }, reason);
  const key = h("input", { ...FIELD, "aria-describedby": `${hint} ${problem}` });
  const button = h("button", { type: "submit", class: "primary" }, "Sign in");
  const form = h(
    "form",
    { class: "signin", onsubmit: (event) => (event.preventDefault(), signIn()) },
    h("p", { class: "brand" }, "session_graph"),
    h("h1", {}, "Every conversation your AI employees had"),
    labelled("API key", key, message),
    button,
    drawHint(hint),
  );

  async function signIn() {
    const text = key.value.trim();
    if (!text) return say("Paste a key first.");
    if (/[^\x21-\x7e]/.test(text)) return say("That is not a key: it has spaces or letters that no key has.");
    button.disabled = true;
    say("");
    try {
      const viewer = await readViewer(new Api(text, () => {}));
      sessionStorage.setItem(KEPT, text);
      onSignedIn(text, viewer);
    } catch (error) {
      button.disabled = false;
      const isWrong = error.code === "UNAUTHENTICATED";
      say(
        isWrong ? "That key is not valid: it may be mistyped, revoked or expired." : `${error.title} ${error.advice}`,
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

/** @param {string} id */
function drawHint(id) {
  const code = (/** @type {string} */ text) => h("code", {}, text);
  const keys = [
    code("make run"),
    " prints one for each role of the demo and keeps them in ",
    code(".session-graph/demo-keys.json"),
    "; ",
  ];
  const others = [code("session-graph key create"), " makes others. "];
  const place = "It stays in this tab until you sign out or close it.";
  return h("p", { id, class: "hint" }, "The key decides what you see. ", keys, others, place);
}
