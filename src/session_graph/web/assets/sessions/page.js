/**
 * The page: who is signed in. Where to look for what:
 *
 *     page        signed in or not                    address     the view as it stands behind the #
 *     signin      the key, and who asks                columns     every column, declared once
 *     sessions    keeps all the parts in step          filters     every filter, declared once
 *     topbar      search, live, sign out               formats     values as people read them
 *     toolbar     presets, chips, what can be done     cells       values as cells and cards
 *     filterpanel every filter                         list        the sessions that are loaded
 *     dashboard   figures, days, groups                api         one question, one answer, one kind of error
 *     table       the rows in view, keys, selection    live        new and changed sessions
 *     detail      one session                          stream      subscriptions by server-sent events
 *     editor      its review, in place                 roles       what a role may, besides its columns
 *     bulk        many at once                         elements    making elements, never of text
 *     exporting   reports, until the mail is out       charts      series in SVG
 *     columnchooser, keys, dialogs, theme
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
    fill(
      document.body,
      h(
        "main",
        { class: "door" },
        h("div", { class: "trouble", role: "alert" }, h("strong", {}, error.title), h("p", {}, error.advice), again),
      ),
    );
  }
}

start();
