// A copy of the sessions in a file, kept by id and version, with the cursor up to which it is complete.
import { existsSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { setTimeout as wait } from "node:timers/promises";

export const url = `${process.env.SERVER}/graphql`;
export const headers = { authorization: `Bearer ${process.env.KEY}` };

const SESSION = "id version contact asr comment";
const EVENT = `kind sessionId cursor session { ${SESSION} }`;
const PULL = `query Pull($after: String) {
  sessionEvents(after: $after, first: 100) { events { ${EVENT} } endCursor hasNextPage }
}`;
const READ_AGAIN = `query ReadAgain($ids: [ID!]!) { nodes(ids: $ids) { ... on Session { ${SESSION} } } }`;
export const FOLLOW = `subscription Follow($after: String) { sessionEvents(after: $after) { ${EVENT} } }`;

const TRY_AGAIN = ["UNAVAILABLE", "RATE_LIMITED", "TIMEOUT", "INTERNAL"];
const SILENT_MS = 150_000; // a CHECKPOINT comes every minute

const file = process.env.COPY;
const copy = existsSync(file) ? JSON.parse(readFileSync(file, "utf8")) : { cursor: null, sessions: {} };

/** Keep the changes together with their cursor: in a database, in one transaction. */
function keep(events, cursor) {
  for (const { sessionId, session, cursor } of events) {
    if (session) {
      const known = copy.sessions[sessionId];
      if (!known || known.version <= session.version) copy.sessions[sessionId] = { ...session, cursor };
    } else if (sessionId) {
      delete copy.sessions[sessionId]; // LEFT
    }
  }
  save(cursor);
}

function save(cursor) {
  copy.cursor = cursor;
  writeFileSync(`${file}.new`, JSON.stringify(copy));
  renameSync(`${file}.new`, file);
}

/** An error of the API, with its code. */
class Refusal extends Error {
  constructor({ message, extensions }) {
    super(message);
    Object.assign(this, extensions);
  }
}

async function ask(query, variables) {
  const body = JSON.stringify({ query, variables });
  const options = { method: "POST", headers: { ...headers, "content-type": "application/json" }, body };
  const { data, errors } = await (await fetch(url, options)).json();
  if (errors) throw new Refusal(errors[0]);
  return data;
}

async function readOn() {
  let page;
  do {
    ({ sessionEvents: page } = await ask(PULL, { after: copy.cursor }));
    keep(page.events, page.endCursor);
  } while (page.hasNextPage);
}

/** The server has lost changes: read the sessions again that have come since, and go on from there. */
async function recover(readFrom) {
  const ids = Object.keys(copy.sessions).filter((id) => !readFrom || copy.sessions[id].cursor > readFrom);
  for (let start = 0; start < ids.length; start += 100) {
    const some = ids.slice(start, start + 100);
    const { nodes } = await ask(READ_AGAIN, { ids: some });
    some.forEach((id, index) => {
      if (nodes[index]) copy.sessions[id] = { ...nodes[index], cursor: readFrom ?? "" };
      else delete copy.sessions[id];
    });
  }
  save(readFrom);
}

/** Read all that has happened since the copy's cursor. This alone is a nightly pull. */
export async function pull() {
  try {
    await readOn();
  } catch (error) {
    if (error.code !== "HISTORY_LOST") throw error;
    await recover(error.readFrom);
    await readOn();
  }
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
    unsubscribe?.();
  });
}

/** Pull, then subscribe, and again whenever the subscription ends: for a restart of the server as for anything else. */
export async function follow(subscribe) {
  for (;;) {
    try {
      await pull();
      await keepWhatComes(subscribe);
    } catch (error) {
      if (error instanceof Refusal && !TRY_AGAIN.includes(error.code)) throw error;
      console.error("Trying again:", error.message ?? error);
    }
    await wait(1000);
  }
}
