// Apollo Client and urql in a browser, on a page of another origin than the server's.
import { ApolloClient, ApolloLink, HttpLink, InMemoryCache } from "@apollo/client";
import { PersistedQueryLink } from "@apollo/client/link/persisted-queries";
import { GraphQLWsLink } from "@apollo/client/link/subscriptions";
import { Client, fetchExchange } from "@urql/core";
import { persistedExchange } from "@urql/exchange-persisted";
import { OperationTypeNode, parse, separateOperations } from "graphql";
import { createClient } from "graphql-ws";
import { filter, firstValueFrom } from "rxjs";
import operations from "../operations.graphql";

const { Sessions, SessionEvents, UpdateSession } = separateOperations(parse(operations));

const isChange = ({ data }) => data.sessionEvents.kind !== "CHECKPOINT";

async function sha256(text) {
  const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text));
  return [...new Uint8Array(digest)].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

function connectApollo(server, authorization) {
  const socket = createClient({ url: `${server.replace("http", "ws")}/graphql`, connectionParams: { authorization } });
  const http = new HttpLink({ uri: `${server}/graphql`, headers: { authorization } });
  return new ApolloClient({
    cache: new InMemoryCache(),
    link: ApolloLink.split(
      ({ operationType }) => operationType === OperationTypeNode.SUBSCRIPTION,
      new GraphQLWsLink(socket),
      ApolloLink.from([new PersistedQueryLink({ sha256 }), http]),
    ),
  });
}

function connectUrql(server, authorization) {
  return new Client({
    url: `${server}/graphql`,
    fetchOptions: { headers: { authorization } },
    fetchSubscriptions: true,
    preferGetMethod: false,
    exchanges: [persistedExchange(), fetchExchange],
  });
}

/** Read a list with both clients, and edit its first session until both have received it. */
globalThis.run = async (server, authorization) => {
  const apollo = connectApollo(server, authorization);
  const urql = connectUrql(server, authorization);
  const { data } = await apollo.query({ query: Sessions, variables: { first: 10 } });
  const { data: same } = await urql.query(Sessions, { first: 10 });
  const sessionId = data.sessions.edges[0].node.id;

  const overSocket = firstValueFrom(apollo.subscribe({ query: SessionEvents }).pipe(filter(isChange)));
  const overStream = new Promise((resolve) => {
    urql.subscription(SessionEvents, {}).subscribe((answer) => isChange(answer) && resolve(answer));
  });
  const events = Promise.all([overSocket, overStream]);
  let count = 0;
  const editing = setInterval(() => {
    count += 1;
    urql.mutation(UpdateSession, { input: { sessionId, patch: { comment: `Seen ${count}` } } }).toPromise();
  }, 200);
  const seen = await events;
  clearInterval(editing);
  return {
    rows: [data, same].map(({ sessions }) => sessions.edges.length),
    seen: seen.map((event) => event.data.sessionEvents.sessionId === sessionId),
  };
};
