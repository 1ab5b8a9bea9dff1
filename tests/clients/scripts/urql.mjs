// urql: Graphcache, persisted queries, and subscriptions over a WebSocket and over server-sent events.
import { readFileSync } from "node:fs";
import { Client, fetchExchange, subscriptionExchange } from "@urql/core";
import { cacheExchange } from "@urql/exchange-graphcache";
import { relayPagination } from "@urql/exchange-graphcache/extras";
import { persistedExchange } from "@urql/exchange-persisted";
import { buildSchema, isObjectType } from "graphql";
import * as common from "./common.mjs";

const { Sessions, ViewerName, ViewerRole, ViewerNameAndRole } = common.documents;
const { OverrideAssessment, UpdateSession, SessionEvents } = common.documents;
const schema = buildSchema(readFileSync(new URL("../../../schema.graphql", import.meta.url), "utf8"));
const requests = [];
const warnings = [];

/** Types without an id of their own belong to the object that they were read from. */
const embedded = Object.values(schema.getTypeMap()).filter((type) => isObjectType(type) && !("id" in type.getFields()));

const cache = () =>
  cacheExchange({
    keys: Object.fromEntries(embedded.map(({ name }) => [name, () => null])),
    resolvers: { Query: { sessions: relayPagination() } },
    logger: (severity, message) => severity !== "debug" && warnings.push(message),
  });

function connect(authorization, exchanges) {
  return new Client({
    url: common.url,
    fetchOptions: { headers: { authorization } },
    fetch: common.noteRequests(requests),
    preferGetMethod: false,
    exchanges,
  });
}

function overSocket(authorization) {
  const socket = common.connectSocket(authorization);
  return subscriptionExchange({
    forwardSubscription: ({ query = "", variables }) => ({
      subscribe: (sink) => ({ unsubscribe: socket.subscribe({ query, variables }, sink) }),
    }),
  });
}

/** Return the list as the cache has it after each page. */
async function readPages(client) {
  const seen = [];
  let after;
  do {
    const { data, error } = await client.query(Sessions, { first: 10, after });
    if (error) throw error;
    seen.push(data.sessions);
    after = data.sessions.pageInfo.endCursor;
  } while (seen.at(-1).pageInfo.hasNextPage);
  return seen;
}

function describeError({ error }) {
  const codes = error?.graphQLErrors.map(({ extensions }) => extensions.code);
  return { name: error?.name, message: error?.message, status: error?.response?.status, codes };
}

const receive = (client) =>
  new Promise((resolve) => {
    client.subscription(SessionEvents, {}).subscribe((answer) => common.isCheckpoint(answer) || resolve(answer));
  });

/** Return the first event that the client receives of its own edits. */
async function watch(client, sessionId) {
  const { data } = await common.actUntil(receive(client), (count) =>
    client.mutation(UpdateSession, { input: { sessionId, patch: { comment: `Seen ${count}` } } }).toPromise(),
  );
  return { kind: data.sessionEvents.kind, sameSession: data.sessionEvents.sessionId === sessionId };
}

const client = connect(common.authorization, [cache(), fetchExchange, overSocket(common.authorization)]);
const pages = await readPages(client);
const { id } = pages[0].edges[0].node;
const override = (sessionId) => client.mutation(OverrideAssessment, { input: { sessionId, humanAssessment: "NO" } });
const { data: overridden } = await override(id);
const cached = client.readQuery(Sessions, { first: 10 }).data.sessions.edges[0].node;
const { data: refused } = await override(common.UNKNOWN_ID);

await client.query(ViewerName, {});
await client.query(ViewerRole, {});
const cachedViewer = client.readQuery(ViewerNameAndRole, {})?.data.viewer;

const unknownField = describeError(await client.query(common.UNKNOWN_FIELD, {}));
const explicitNull = describeError(await client.query(Sessions, { first: 10, filter: { isTest: null } }));
const stranger = connect(common.wrongAuthorization, [fetchExchange, overSocket(common.wrongAuthorization)]);
const wrongKey = describeError(await stranger.query(Sessions, { first: 10 }));
const { networkError } = (await receive(stranger)).error;

requests.length = 0;
const persisted = connect(common.authorization, [persistedExchange(), fetchExchange]);
const answers = [await persisted.query(Sessions, { first: 3 }), await persisted.query(Sessions, { first: 4 })];
const persistedRequests = [...requests];

const overSse = new Client({
  url: common.url,
  fetchOptions: { headers: { authorization: common.authorization } },
  fetchSubscriptions: true,
  preferGetMethod: false,
  exchanges: [fetchExchange],
});

common.report({
  pages: pages.map(({ edges }) => edges.length),
  overridden: overridden.overrideAssessment,
  cachedAssessment: cached.assessment,
  cachedRole: cachedViewer?.role,
  refused: refused.overrideAssessment,
  unknownField,
  explicitNull,
  wrongKey,
  wrongKeyOverSocket: networkError.code,
  persistedRequests,
  persistedSizes: answers.map(({ data }) => data.sessions.edges.length),
  events: { socket: await watch(client, id), sse: await watch(overSse, id) },
  warnings,
  requests,
});
