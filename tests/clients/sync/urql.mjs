import { Client, fetchExchange } from "@urql/core";
import { FOLLOW, follow, headers, url } from "./copy.mjs";

const client = new Client({
  url,
  fetchOptions: { headers },
  fetchSubscriptions: true, // as an event stream
  preferGetMethod: false,
  exchanges: [fetchExchange],
});

await follow((after, sink) => {
  const { unsubscribe } = client.subscription(FOLLOW, { after }).subscribe(({ data, error, hasNext }) => {
    if (error) sink.error(error);
    else if (hasNext) sink.next({ data });
    else sink.complete(); // repeats the last event
  });
  return unsubscribe;
});
