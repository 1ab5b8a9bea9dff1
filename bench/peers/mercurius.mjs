// Mercurius with graphql-jit and hand-written SQL through `pg`, as their documentation shows them.
import Fastify from "fastify";
import mercurius from "mercurius";
import { GraphQLScalarType } from "graphql";
import pg from "pg";

const { PGURL, PORT } = process.env;
const pool = new pg.Pool({ connectionString: PGURL, max: 10 });

const typeDefs = `
  scalar DateTime
  scalar JSON
  enum Order { STARTED_AT_DESC DURATION_DESC }
  type Session {
    id: ID! startedAt: DateTime! endedAt: DateTime! updatedAt: DateTime! durationSeconds: Int! channel: String!
    sessionType: String integration: String externalId: String contactName: String phone: String email: String
    summary: String leadValue: String! asr: String! conversionRate: String! recognition: String! sessionLength: String!
    autoAssessment: String humanAssessment: String assessment: String conversationQuality: Int workingHours: Boolean!
    comment: String units: String isLead: Boolean! isOpportunity: Boolean! isTest: Boolean! isTodo: Boolean! utms: JSON!
  }
  type SessionEdge { cursor: String! node: Session! }
  type PageInfo { hasNextPage: Boolean! endCursor: String }
  type SessionConnection { edges: [SessionEdge!]! nodes: [Session!]! pageInfo: PageInfo! totalCount: Int! }
  input Filter { agentId: ID from: DateTime to: DateTime todoOrPoor: Boolean notChannel: String phone: String contact: String }
  type Query {
    sessions(accountId: ID!, filter: Filter, orderBy: Order = STARTED_AT_DESC, first: Int!): SessionConnection!
    sessionsByExternalId(accountId: ID!, externalIds: [String!]!): [Session!]!
  }
`;

const conditions = {
  agentId: (value, bind) => `s.agent_id = ${bind(value)}`,
  from: (value, bind) => `s.started_at >= ${bind(value)}`,
  to: (value, bind) => `s.started_at < ${bind(value)}`,
  todoOrPoor: () => "(s.is_todo or s.conversation_quality between 1 and 2)",
  notChannel: (value, bind) => `s.channel <> ${bind(value)}`,
  phone: (value, bind) => `s.phone_search like ${bind(`%${value}%`)}`,
  contact: (value, bind) => `s.contact_folded like ${bind(`%${value}%`)}`,
};
const orders = { STARTED_AT_DESC: "s.started_at desc, s.id desc", DURATION_DESC: "s.duration_seconds desc, s.id desc" };

const column = (name) => `s.${name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)} as "${name}"`;

function where(accountId, filter, values) {
  const bind = (value) => `$${values.push(value)}`;
  const parts = Object.entries(filter ?? {}).map(([name, value]) => conditions[name](value, bind));
  return [`s.account_id = ${bind(accountId)}`, ...parts].join(" and ");
}

// The selected columns, so that the database is asked for no others; kept, as the nodes of a document stay the same.
const NO_COLUMNS = new Set(["cursor", "totalCount", "hasNextPage", "endCursor", "__typename"]);
const selections = new WeakMap();
function selected({ fieldNodes: [node] }) {
  if (!selections.has(node))
    selections.set(node, [...leaves(node, new Set(["id", "startedAt"]))].map(column).join(", "));
  return selections.get(node);
}
function leaves(node, names) {
  for (const inner of node.selectionSet.selections) {
    if (inner.selectionSet) leaves(inner, names);
    else if (!NO_COLUMNS.has(inner.name.value)) names.add(inner.name.value);
  }
  return names;
}

// node-postgres prepares a statement by its name, on each connection.
const statements = new Map();
function query(text, values) {
  if (!statements.has(text)) statements.set(text, `s${statements.size}`);
  return pool.query({ name: statements.get(text), text, values });
}

const cursor = (row) => Buffer.from(JSON.stringify([row.startedAt, row.id])).toString("base64url");

const resolvers = {
  DateTime: new GraphQLScalarType({
    name: "DateTime",
    serialize: (value) => value.toISOString(),
    parseValue: (value) => new Date(value),
    parseLiteral: (node) => new Date(node.value),
  }),
  JSON: new GraphQLScalarType({ name: "JSON", serialize: (value) => value }),
  Query: {
    async sessions(_, { accountId, filter, orderBy, first }, context, info) {
      const values = [];
      const condition = where(accountId, filter, values);
      const columns = selected(info);
      const count = values.length;
      values.push(first + 1);
      const text = `select ${columns} from session s where ${condition} order by ${orders[orderBy]} limit $${count + 1}`;
      const { rows } = await query(text, values);
      return { rows: rows.slice(0, first), hasNextPage: rows.length > first, accountId, filter };
    },
    async sessionsByExternalId(_, { accountId, externalIds }, context, info) {
      const text = `select ${selected(info)} from session s where s.account_id = $1 and s.external_id = any($2)`;
      return (await query(text, [accountId, externalIds])).rows;
    },
  },
  SessionConnection: {
    nodes: ({ rows }) => rows,
    edges: ({ rows }) => rows.map((row) => ({ cursor: cursor(row), node: row })),
    pageInfo: ({ rows, hasNextPage }) => ({ hasNextPage, endCursor: rows.length ? cursor(rows.at(-1)) : null }),
    async totalCount({ accountId, filter }) {
      const values = [];
      const condition = where(accountId, filter, values);
      const { rows } = await query(`select count(*)::int from session s where ${condition}`, values);
      return rows[0].count;
    },
  },
};

const app = Fastify();
app.register(mercurius, { schema: typeDefs, resolvers, jit: 1 });
await app.listen({ port: Number(PORT), host: "127.0.0.1" });
console.log("ready");
