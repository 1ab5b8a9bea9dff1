// Run the audits of the npm package graphql-http: node audit.mjs <folder with node_modules> <address> <authorization>
import { createRequire } from "node:module";
import { join } from "node:path";

const [folder, url, authorization] = process.argv.slice(2);
const { auditServer } = createRequire(join(folder, "audit.cjs"))("graphql-http");

const fetchFn = (address, options = {}) =>
  fetch(address, { ...options, headers: { ...options.headers, authorization } });

const results = await auditServer({ url, fetchFn });
console.log(JSON.stringify(results.map(({ id, name, status, reason }) => ({ id, name, status, reason }))));
