/**
 * The page: signed in or not. Where to look for what:
 *
 *     page        signed in or not                    address     the view as it stands behind the #
 *     signin      the key                             viewer      who signed in, with which rights
 *     sessions    keeps all the parts in step         columns     how each column is shown
 *     topbar      search, live, sign out              filters     every filter, declared once
 *     toolbar     presets, chips, actions             formats     values as people read them
 *     filterpanel every filter                        cells       values as cells and cards
 *     dashboard   figures, days, groups               list        the sessions that are loaded
 *     table       the rows in view, keys, selection   live        new and changed sessions
 *     tablehead   its columns, and the order          api         requests, answers, one kind of error
 *     detail      one session                         ledger      how its ASR came about
 *     editor      its review, in place                stream      subscriptions by server-sent events
 *     bulk        many sessions at once               elements    elements, never made of text
 *     exporting   an export, until its mail is out    charts      series in SVG
 *     columnchooser, keys, dialogs, theme
 */

import { Api } from "./api.js";
import { drawSignIn, forgetKey, storedKey } from "./signin.js";
import { button, fill, h, trouble } from "./elements.js";
import { applyTheme } from "./theme.js";
import { SessionsView } from "./sessions.js";
import { readViewer } from "./viewer.js";

const EXPIRED = "You were signed out: the key is not valid any more. Sign in again to go on where you were.";

/** @type {SessionsView | null} */
let shown = null;

/** @param {string} [reason] */
function showSignIn(reason) {
  shown?.end();
  shown = null;
  fill(document.body, drawSignIn(showSessions, reason));
}

function signOut(reason = "") {
  forgetKey();
  showSignIn(reason);
}

/** @param {string} key @param {import("./viewer.js").Viewer} viewer */
function showSessions(key, viewer) {
  if (!viewer.readsSessions) {
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
  const key = storedKey();
  if (!key) return showSignIn();
  fill(document.body, h("p", { class: "door", role: "status" }, "Loading…"));
  try {
    showSessions(key, await readViewer(new Api(key, () => {})));
  } catch (error) {
    if (error.code === "UNAUTHENTICATED") return signOut(EXPIRED);
    const again = button("Try again", start, { class: "primary" });
    fill(document.body, h("main", { class: "door" }, trouble(error.title, error.advice, again)));
  }
}

start();
