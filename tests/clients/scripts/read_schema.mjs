// Write the schema that the server tells, as Relay's compiler and editors need it: node scripts/read_schema.mjs FILE
import { writeFileSync } from "node:fs";
import { buildClientSchema, getIntrospectionQuery, printSchema } from "graphql";
import { authorization, url } from "./common.mjs";

const response = await fetch(url, {
  method: "POST",
  headers: { authorization, "content-type": "application/json" },
  body: JSON.stringify({ query: getIntrospectionQuery({ oneOf: true, specifiedByUrl: true }) }),
});
const { data } = await response.json();
writeFileSync(process.argv[2], printSchema(buildClientSchema(data)));
