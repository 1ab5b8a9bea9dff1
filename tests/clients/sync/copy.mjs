// A copy of the sessions in a file, kept by id and version, with the cursor up to which it is complete.
import { existsSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { setTimeout as wait } from "node:timers/promises";

export const url = `${process.env.SERVER}/graphql`;
export const headers = { authorization: `Bearer ${process.env.KEY}` };

const EVENT = "kind sessionId cursor session { id version contact asr comment }";
const PULL = `query Pull($after: String) {
  sessionEvents(after: $after, first: 100) { events { ${EVENT} } endCursor hasNextPage }
}`;
export const FOLLOW = `subscription Follow($after: String) { sessionEvents(after: $after) { ${EVENT} } }`;

const TRY_AGAIN = ["UNAVAILABLE", "RATE_LIMITED", "TIMEOUT", "INTERNAL"];
const SILENT_MS = 150_000; // a CHECKPOINT comes every minute

const file = process.env.COPY;
let copy = existsSync(file) ? JSON.parse(readFileSync(file, "utf8")) : { cursor: null, sessions: {} };

/** Keep the changes together with their cursor: in a database, in one transaction. */
function keep(events, cursor) {
  for (const { sessionId, session } of events) {
    if (session) {
      const known = copy.sessions[sessionId];
      if (!known || known.version <= session.version) copy.sessions[sessionId] = session;
    } else if (sessionId) {
      delete copy.sessions[sessionId]; // LEFT
    }
  }
  copy.cursor = cursor;
  writeFileSync(`${file}.new`, JSON.stringify(copy));
  renameSync(`${file}.new`, file);
}

async function readPage() {
  const body = JSON.stringify({ query: PULL, variables: { after: copy.cursor } });
  const options = { method: "POST", headers: { ...headers, "content-type": "application/json" }, body };
  const { data, errors } = await (await fetch(url, options)).json();
  if (!errors) return data.sessionEvents;
  throw Object.assign(new Error(errors[0].message), { code: errors[0].extensions.code });
}

/** Read all that has happened since the copy's cursor. This alone is a nightly pull. */
export async function pull() {
  let page;
  do {
    page = await readPage();
    keep(page.events, page.endCursor);
  } while (page.hasNextPage);
}

/** Keep what comes until the subscription ends, fails or is silent. */
function keepWhatComes(subscribe) {
  let timer, unsubscribe;
  const ended = new Promise((resolve, reject) => {
    const watch = () => {
      clearTimeout(timer);
      timer = setTimeout(() => reject(new Error("The subscription is silent.")), SILENT_MS);
    };
    const next = ({ data, error, errors }) => {
      if (error || errors) return reject(error ?? new Error(errors[0].message));
      keep([data.sessionEvents], data.sessionEvents.cursor);
      watch();
    };
    watch();
    unsubscribe = subscribe(copy.cursor, { next, error: reject, complete: resolve });
  });
  return ended.finally(() => {
    clearTimeout(timer);
    unsubscribe();
  });
}

/** Pull, then subscribe, and again whenever the subscription ends: for a restart of the server as for anything else. */
export async function follow(subscribe) {
  for (;;) {
    try {
      await pull();
      await keepWhatComes(subscribe);
    } catch (error) {
      if (error.code === "HISTORY_LOST") {
        copy = { cursor: null, sessions: {} };
        continue;
      }
      if (error.code && !TRY_AGAIN.includes(error.code)) throw error;
      console.error("Trying again:", error.message ?? error);
    }
    await wait(1000);
  }
}
