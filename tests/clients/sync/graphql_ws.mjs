import { createClient } from "graphql-ws";
import WebSocket from "ws";
import { FOLLOW, follow, headers, url } from "./copy.mjs";

const client = createClient({
  url: url.replace(/^http/, "ws"),
  connectionParams: headers,
  webSocketImpl: WebSocket, // browsers and newer versions of Node.js have their own
  retryAttempts: 0, // it would subscribe with the old cursor again; `follow` does with the last one
});

await follow((after, sink) => client.subscribe({ query: FOLLOW, variables: { after } }, sink));
