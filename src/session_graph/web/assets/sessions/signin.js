/**
 * Signing in with an API key. The key is kept for this tab alone, and is never in an address.
 */

import { Api } from "./api.js";
import { fill, h, labelled, newId } from "./elements.js";
import { readViewer } from "./viewer.js";

const STORAGE_KEY = "session_graph.key";
// prettier-ignore
const FIELD = {
  type: "password", name: "key", autocomplete: "off", spellcheck: "false", required: true, placeholder: "sg_…",
};

export const storedKey = () => sessionStorage.getItem(STORAGE_KEY);
export const forgetKey = () => sessionStorage.removeItem(STORAGE_KEY);

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
    if (!text) return showProblem("Paste a key first.");
    if (/[^\x21-\x7e]/.test(text)) return showProblem("That is not a key: it has spaces or letters that no key has.");
    button.disabled = true;
    showProblem("");
    try {
      const viewer = await readViewer(new Api(text, () => {}));
      sessionStorage.setItem(STORAGE_KEY, text);
      onSignedIn(text, viewer);
    } catch (error) {
      button.disabled = false;
      const isWrong = error.code === "UNAUTHENTICATED";
      showProblem(
        isWrong ? "That key is not valid: it may be mistyped, revoked or expired." : `${error.title} ${error.advice}`,
      );
    }
  }

  /** @param {string} text */
  function showProblem(text) {
    fill(message, text);
    key.setAttribute("aria-invalid", String(Boolean(text)));
    if (text) key.focus();
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
