import { createClient } from "graphql-sse";
import { FOLLOW, follow, headers, url } from "./copy.mjs";

const client = createClient({ url, headers, retryAttempts: 0 }); // `follow` tries again, with the last cursor

await follow((after, sink) => client.subscribe({ query: FOLLOW, variables: { after } }, sink));
