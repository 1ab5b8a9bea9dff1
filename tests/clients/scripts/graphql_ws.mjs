// graphql-ws alone: queries, mutations and subscriptions over one WebSocket, resuming, and what a wrong key does.
import { createHash } from "node:crypto";
import * as common from "./common.mjs";

const { Sessions, OverrideAssessment, UpdateSession, SessionEvents } = common.texts;

async function first(client, query, variables, extensions) {
  for await (const answer of client.iterate({ query, variables, extensions })) {
    if (!common.isCheckpoint(answer)) return answer;
  }
}

async function describeError(promise) {
  const caught = await promise.catch((error) => error);
  return Array.isArray(caught)
    ? { messages: caught.map(({ message }) => message), codes: caught.map(({ extensions }) => extensions.code) }
    : { code: caught.code, reason: caught.reason, errors: caught.errors };
}

const client = common.connectSocket(common.authorization);
const pages = [];
let after;
do {
  const { data } = await first(client, Sessions, { first: 10, after });
  pages.push(data.sessions);
  after = data.sessions.pageInfo.endCursor;
} while (pages.at(-1).pageInfo.hasNextPage);
const { id: sessionId } = pages[0].edges[0].node;

const override = (id) => first(client, OverrideAssessment, { input: { sessionId: id, humanAssessment: "NO" } });
const edit = (comment) => first(client, UpdateSession, { input: { sessionId, patch: { comment } } });
const { data: overridden } = await override(sessionId);
const { data: refused } = await override(common.UNKNOWN_ID);

const live = first(client, SessionEvents, {});
const { data: event } = await common.actUntil(live, (count) => edit(`Seen ${count}`));
await edit("While nobody listened");
const { data: missed } = await first(client, SessionEvents, { after: event.sessionEvents.cursor });

const sha256Hash = createHash("sha256").update(Sessions).digest("hex");
const byHash = { persistedQuery: { version: 1, sha256Hash } };
const unknownHash = await describeError(first(client, "", { first: 3 }, byHash));
await first(client, Sessions, { first: 3 }, byHash);
const { data: persisted } = await first(client, "", { first: 3 }, byHash);

common.report({
  pages: pages.map(({ edges }) => edges.length),
  overridden: overridden.overrideAssessment,
  refused: refused.overrideAssessment,
  unknownField: await describeError(first(client, common.UNKNOWN_FIELD)),
  wrongKey: await describeError(first(common.connectSocket(common.wrongAuthorization), Sessions, { first: 10 })),
  event: { kind: event.sessionEvents.kind, sameSession: event.sessionEvents.sessionId === sessionId },
  persisted: { before: unknownHash.codes, after: persisted.sessions.edges.length },
  missed: missed.sessionEvents.session.comment,
});
