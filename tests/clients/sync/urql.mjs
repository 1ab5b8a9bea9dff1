import { Client, fetchExchange } from "@urql/core";
import { onEnd, pipe, subscribe } from "wonka";
import { FOLLOW, follow, headers, url } from "./copy.mjs";

const client = new Client({
  url,
  fetchOptions: { headers },
  fetchSubscriptions: true, // as an event stream
  preferGetMethod: false,
  exchanges: [fetchExchange],
});

await follow((after, sink) => {
  const events = client.subscription(FOLLOW, { after });
  const { unsubscribe } = pipe(events, onEnd(sink.complete), subscribe(sink.next));
  return unsubscribe;
});
