// graphql-sse in its distinct connections mode, its default: every operation is a request that answers with events.
import { createClient } from "graphql-sse";
import * as common from "./common.mjs";

const { Sessions, OverrideAssessment, UpdateSession, SessionEvents } = common.texts;
const requests = [];

function connect(authorization, options) {
  return createClient({
    url: common.url,
    headers: { authorization },
    fetchFn: common.noteRequests(requests),
    ...options,
  });
}

async function first(client, query, variables) {
  for await (const answer of client.iterate({ query, variables })) {
    if (!common.isCheckpoint(answer)) return answer;
  }
}

const client = connect(common.authorization);
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
const { errors: unknownField } = await first(client, common.UNKNOWN_FIELD);
const withWrongKey = connect(common.wrongAuthorization, { retryAttempts: 0 }); // by default 5, for a wrong key too
const wrongKey = await first(withWrongKey, Sessions, { first: 10 }).catch((error) => error);

const live = first(client, SessionEvents, {});
const { data: event } = await common.actUntil(live, (count) => edit(`Seen ${count}`));
await edit("While nobody listened");
const { data: missed } = await first(client, SessionEvents, { after: event.sessionEvents.cursor });

common.report({
  pages: pages.map(({ edges }) => edges.length),
  overridden: overridden.overrideAssessment,
  refused: refused.overrideAssessment,
  unknownField,
  wrongKey: { name: wrongKey.name, message: wrongKey.message, answer: await wrongKey.response.json() },
  event: { kind: event.sessionEvents.kind, sameSession: event.sessionEvents.sessionId === sessionId },
  missed: missed.sessionEvents.session.comment,
  requests,
});
