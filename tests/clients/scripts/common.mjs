// What the scripts share: the server and a key from the environment, the documents by name, and edits to subscribe to.
import { readFileSync } from "node:fs";
import { setTimeout } from "node:timers/promises";
import { parse, print, separateOperations } from "graphql";
import { createClient } from "graphql-ws";
import WebSocket from "ws";

export const url = `${process.env.SERVER}/graphql`;
export const authorization = `Bearer ${process.env.KEY}`;
export const wrongAuthorization = "Bearer sg_wrong";

const operations = parse(readFileSync(new URL("../operations.graphql", import.meta.url), "utf8"));

/** Each operation with its fragments, as documents. */
export const documents = separateOperations(operations);

/** The same as texts. */
export const texts = Object.fromEntries(Object.entries(documents).map(([name, document]) => [name, print(document)]));

export const UNKNOWN_FIELD = "query UnknownField { viewer { weather } }";
export const UNKNOWN_ID = "00000000-0000-4000-8000-000000000000";

/** Return a client for subscriptions. */
export function connectSocket(authorization) {
  return createClient({
    url: url.replace(/^http/, "ws"),
    connectionParams: { authorization },
    webSocketImpl: WebSocket, // browsers have their own
  });
}

/** Return a fetch that notes of each request its method, its headers, and whether the document's text is in it. */
export function noteRequests(requests) {
  return (address, options) => {
    const hasText = new URL(address).searchParams.has("query") || "query" in JSON.parse(options.body ?? "{}");
    requests.push({ method: options.method, headers: Object.keys(options.headers), hasText });
    return fetch(address, options);
  };
}

/** Return whether a subscription only says where it stands, as it does at once and every minute. */
export const isCheckpoint = ({ data }) => data?.sessionEvents?.kind === "CHECKPOINT";

/** Call `act(1)`, `act(2)`, … until `event` has come: no client says when its subscription has begun. */
export async function actUntil(event, act) {
  let hasCome = false;
  event.finally(() => (hasCome = true));
  for (let count = 1; !hasCome; count += 1) {
    await setTimeout(200);
    await act(count);
  }
  return event;
}

/** Print what the script found, and end. */
export function report(found) {
  process.stdout.write(JSON.stringify(found), () => process.exit());
}
