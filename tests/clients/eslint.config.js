// The rules for schema.graphql and the operations, run in the project's folder:
// eslint --config tests/clients/eslint.config.js schema.graphql tests/clients/operations.graphql
import graphql from "@graphql-eslint/eslint-plugin";

const { configs, parser } = graphql;

/** Types that are parts or results of others and have no identity of their own. */
const WITHOUT_ID = [
  "AsrFactors",
  "Dashboard",
  "DashboardPoint",
  "DashboardSlice",
  "DashboardTotals",
  "Delivery",
  "ExternalSessions",
  "FilterOptions",
  "InletProblem",
  "PageInfo",
  "RecordResult",
  "RecordWarning",
  "SessionChange",
  "SessionEvent",
  "SessionEventPage",
  "TimeZone",
  "Turn",
  "UserError",
  "Viewer",
  "ZoneOffset",
];

export default [
  {
    files: ["**/*.graphql"],
    languageOptions: {
      parser,
      parserOptions: {
        graphQLConfig: { schema: "schema.graphql", documents: "tests/clients/operations.graphql" },
      },
    },
    plugins: { "@graphql-eslint": graphql },
  },
  {
    files: ["schema.graphql"],
    rules: {
      ...configs["flat/schema-recommended"].rules,
      ...configs["flat/schema-relay"].rules,
      // docs/decisions/0024-the-schema-follows-graphql-eslint-with-four-exceptions.md explains these four.
      "@graphql-eslint/no-typename-prefix": "off",
      "@graphql-eslint/relay-arguments": ["error", { includeBoth: false }],
      "@graphql-eslint/relay-edge-types": ["error", { listTypeCanWrapOnlyEdgeType: false }],
      "@graphql-eslint/strict-id-in-types": [
        "error",
        { exceptions: { suffixes: ["Connection", "Edge", "Payload"], types: WITHOUT_ID } },
      ],
    },
  },
  { files: ["tests/clients/operations.graphql"], rules: configs["flat/operations-recommended"].rules },
];
