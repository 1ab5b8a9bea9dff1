import { ApolloClient, InMemoryCache, gql } from "@apollo/client";
import { GraphQLWsLink } from "@apollo/client/link/subscriptions";
import { createClient } from "graphql-ws";
import WebSocket from "ws";
import { FOLLOW, follow, headers, url } from "./copy.mjs";

const socket = createClient({
  url: url.replace(/^http/, "ws"),
  connectionParams: headers,
  webSocketImpl: WebSocket,
  retryAttempts: 0, // `follow` tries again, with the last cursor
});
const client = new ApolloClient({ link: new GraphQLWsLink(socket), cache: new InMemoryCache() });
const query = gql(FOLLOW);

await follow((after, sink) => {
  const events = client.subscribe({ query, variables: { after }, fetchPolicy: "no-cache" });
  const subscription = events.subscribe(sink);
  return () => subscription.unsubscribe();
});
