// PostGraphile 5 as its production notes recommend: the Amber preset behind grafserv's adaptor for Node's own server.
// The caller sets NODE_ENV and GRAPHILE_ENV to production. Filters come from the community's plugin.
import { createServer } from "node:http";

import { grafserv } from "postgraphile/grafserv/node";
import { makePgService } from "postgraphile/adaptors/pg";
import { PostGraphileAmberPreset } from "postgraphile/presets/amber";
import { postgraphile } from "postgraphile";
import { PostGraphileConnectionFilterPreset } from "postgraphile-plugin-connection-filter";

const { PGURL, PORT } = process.env;

const instance = postgraphile({
  extends: [PostGraphileAmberPreset, PostGraphileConnectionFilterPreset],
  // Orders and conditions on columns that are not first in an index, as the account is.
  disablePlugins: ["PgIndexBehaviorsPlugin"],
  pgServices: [makePgService({ connectionString: PGURL, schemas: ["public"], poolConfig: { max: 10 } })],
  grafserv: { graphiql: false, watch: false },
  grafast: { explain: false },
});

const handler = instance.createServ(grafserv);
const server = createServer();
server.on("error", (error) => console.error(error));
await handler.addTo(server);
server.listen(Number(PORT), "127.0.0.1", () => console.log("ready"));
