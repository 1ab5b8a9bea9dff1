// Apollo Client: pages in a normalised cache, a mutation, errors, automatic persisted queries, and a subscription.
import { createHash } from "node:crypto";
import { ApolloClient, ApolloLink, HttpLink, InMemoryCache } from "@apollo/client";
import { PersistedQueryLink } from "@apollo/client/link/persisted-queries";
import { GraphQLWsLink } from "@apollo/client/link/subscriptions";
import { relayStylePagination } from "@apollo/client/utilities";
import { OperationTypeNode, parse } from "graphql";
import { filter, firstValueFrom } from "rxjs";
import * as common from "./common.mjs";

const { Sessions, ViewerName, ViewerRole, ViewerNameAndRole } = common.documents;
const { OverrideAssessment, UpdateSession, SessionEvents } = common.documents;
const requests = [];

const typePolicies = {
  Query: { fields: { sessions: relayStylePagination(["filter", "orderBy"]) } },
  // Without an id, objects are parts of others: what two queries read of them has to be merged.
  AsrFactors: { merge: true },
  Dashboard: { merge: true },
  DashboardTotals: { merge: true },
  FilterOptions: { merge: true },
  Viewer: { merge: true },
};

function connect(authorization, ...links) {
  const http = new HttpLink({ uri: common.url, headers: { authorization }, fetch: common.noteRequests(requests) });
  const socket = new GraphQLWsLink(common.connectSocket(authorization));
  return new ApolloClient({
    cache: new InMemoryCache({ typePolicies }),
    link: ApolloLink.split(
      ({ operationType }) => operationType === OperationTypeNode.SUBSCRIPTION,
      socket,
      ApolloLink.from([...links, http]),
    ),
  });
}

/** Return the list as the cache has it after each page. */
async function readPages(client) {
  const list = client.watchQuery({ query: Sessions, variables: { first: 10 } });
  const watching = list.subscribe();
  await firstValueFrom(list.pipe(filter(({ loading }) => !loading)));
  const seen = [list.getCurrentResult().data.sessions];
  while (seen.at(-1).pageInfo.hasNextPage) {
    await list.fetchMore({ variables: { after: seen.at(-1).pageInfo.endCursor } });
    seen.push(client.readQuery({ query: Sessions, variables: { first: 10 } }).sessions);
  }
  watching.unsubscribe();
  return seen;
}

async function describeError(promise) {
  const { name, message, errors } = await promise.catch((error) => error);
  return { name, message, codes: errors?.map(({ extensions }) => extensions.code) };
}

const client = connect(common.authorization);
const pages = await readPages(client);
const { id } = pages[0].edges[0].node;

const override = (sessionId) =>
  client.mutate({ mutation: OverrideAssessment, variables: { input: { sessionId, humanAssessment: "NO" } } });
const { data: overridden } = await override(id);
const cached = client.readQuery({ query: Sessions, variables: { first: 10 } }).sessions.edges[0].node;
const { data: refused } = await override(common.UNKNOWN_ID);

await client.query({ query: ViewerName });
await client.query({ query: ViewerRole });
const cachedViewer = client.readQuery({ query: ViewerNameAndRole }).viewer;

const unknownField = await describeError(client.query({ query: parse(common.UNKNOWN_FIELD) }));
const explicitNull = await describeError(
  client.query({ query: Sessions, variables: { first: 10, filter: { isTest: null } } }),
);
const stranger = connect(common.wrongAuthorization);
const wrongKey = await describeError(stranger.query({ query: Sessions, variables: { first: 10 } }));

const sha256 = (text) => createHash("sha256").update(text).digest("hex");
const persisted = connect(common.authorization, new PersistedQueryLink({ sha256 }));
requests.length = 0;
await persisted.query({ query: Sessions, variables: { first: 3 } });
await persisted.query({ query: Sessions, variables: { first: 3 }, fetchPolicy: "network-only" });
const persistedRequests = [...requests];

const receive = (from) =>
  firstValueFrom(from.subscribe({ query: SessionEvents }).pipe(filter((answer) => !common.isCheckpoint(answer))));
const { data: seen } = await common.actUntil(receive(client), (count) =>
  client.mutate({
    mutation: UpdateSession,
    variables: { input: { sessionId: id, patch: { comment: `Seen ${count}` } } },
  }),
);

const { error: refusal } = await receive(stranger);
const wrongKeyOverSocket = { name: refusal.name, message: refusal.message };

common.report({
  pages: pages.map(({ edges }) => edges.length),
  overridden: overridden.overrideAssessment,
  cachedAssessment: cached.assessment,
  cachedRole: cachedViewer?.role,
  refused: refused.overrideAssessment,
  unknownField,
  explicitNull,
  wrongKey,
  persistedRequests,
  event: { kind: seen.sessionEvents.kind, sameSession: seen.sessionEvents.sessionId === id },
  wrongKeyOverSocket,
  requests,
});
