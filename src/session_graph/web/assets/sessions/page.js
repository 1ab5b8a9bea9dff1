/**
 * The page: who is signed in, the view that the address says, and the parts that show it.
 */

import { Api } from "./api.js";
import { drawSignIn, forgetKey, keptKey, readViewer } from "./signin.js";
import { fill, h } from "./elements.js";
import { applyTheme } from "./theme.js";
import { readsSessions } from "./roles.js";
import { SessionsView } from "./sessions.js";

const EXPIRED = "You were signed out: the key is not valid any more. Sign in again to go on where you were.";

let shown = null;

function showSignIn(reason) {
  shown?.end();
  shown = null;
  fill(document.body, drawSignIn(showSessions, reason));
}

function signOut(reason = "") {
  forgetKey();
  showSignIn(reason);
}

function showSessions(key, viewer) {
  if (!readsSessions(viewer.role)) {
    signOut("That key records sessions and cannot read them. Sign in with a key of another role.");
    return;
  }
  const api = new Api(key, () => shown && signOut(EXPIRED));
  shown = new SessionsView(api, viewer, () => signOut());
  fill(document.body, shown.element);
  shown.start();
}

async function start() {
  applyTheme();
  const key = keptKey();
  if (!key) return showSignIn();
  fill(document.body, h("p", { class: "door", role: "status" }, "Loading…"));
  try {
    showSessions(key, await readViewer(new Api(key, () => {})));
  } catch (error) {
    if (error.code === "UNAUTHENTICATED") return signOut(EXPIRED);
    const again = h("button", { type: "button", class: "primary", onclick: start }, "Try again");
    fill(document.body, h("main", { class: "door" }, h("div", { class: "trouble", role: "alert" }, h("strong", {}, error.title), h("p", {}, error.advice), again)));
  }
}

start();
