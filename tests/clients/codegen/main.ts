// GraphQL Code Generator: typed documents with a fetch of twenty lines, by text and by hash.
import {
  OverrideAssessmentDocument,
  SessionsDocument,
  type AgentLookup,
  type OverrideAssessmentInput,
  type TypedDocumentString,
} from "../.build/codegen/graphql";
import persistedTexts from "../.build/codegen/persisted-documents.json";

const { SERVER, KEY } = process.env;
const requests: { hasText: boolean }[] = [];
const textByHash: Record<string, string> = persistedTexts;

interface Answer<Result> {
  data?: Result;
  errors?: { message: string; extensions: { code: string } }[];
}

async function post<Result>(body: object, key = KEY): Promise<Answer<Result>> {
  requests.push({ hasText: "query" in body });
  const response = await fetch(`${SERVER}/graphql`, {
    method: "POST",
    headers: {
      Authorization: `Bearer ${key}`,
      "Content-Type": "application/json",
      Accept: "application/graphql-response+json",
    },
    body: JSON.stringify(body),
  });
  return (await response.json()) as Answer<Result>;
}

/** Send the document's hash; if the server does not know it (any more), send the text that was hashed, too. */
async function execute<Result, Variables>(
  document: TypedDocumentString<Result, Variables>,
  variables: Variables,
  key = KEY,
): Promise<Answer<Result>> {
  const hash: string = document.__meta__?.["hash"];
  const extensions = { persistedQuery: { version: 1, sha256Hash: hash } };
  const answer = await post<Result>({ extensions, variables }, key);
  const isUnknown = answer.errors?.[0]?.extensions.code === "PERSISTED_QUERY_NOT_FOUND";
  return isUnknown ? post({ query: textByHash[hash], extensions, variables }, key) : answer;
}

async function* readPages() {
  let after: string | null | undefined;
  do {
    const { data } = await execute(SessionsDocument, { first: 10, after });
    if (!data?.sessions) return;
    yield data.sessions;
    after = data.sessions.pageInfo.hasNextPage ? data.sessions.pageInfo.endCursor : undefined;
  } while (after);
}

const pages = [];
for await (const page of readPages()) pages.push(page);
const rows = pages.flatMap(({ edges }) => edges.map(({ node }) => node));
const [row] = rows;
if (!row) throw new Error("There are no sessions");

const input: OverrideAssessmentInput = { sessionId: row.id, humanAssessment: "NO" };
const overridden = await execute(OverrideAssessmentDocument, { input });
const refused = await execute(OverrideAssessmentDocument, {
  input: { ...input, sessionId: "00000000-0000-4000-8000-000000000000" },
});

// @ts-expect-error The type of a row has the selected fields only.
const unknownField = row.weather;
// @ts-expect-error An agent is named by its id or by its idn.
const twoNames: AgentLookup = { id: row.agent.id, idn: "host" };
// @ts-expect-error The type of an enum has its values only.
const unknownValue: OverrideAssessmentInput = { ...input, humanAssessment: "MAYBE" };

const report = {
  pages: pages.map(({ edges }) => edges.length),
  money: typeof row.asr,
  overridden: overridden.data?.overrideAssessment,
  refused: refused.data?.overrideAssessment,
  unknownField,
  twoNames,
  unknownValue: await execute(OverrideAssessmentDocument, { input: unknownValue }),
  explicitNull: await execute(SessionsDocument, { first: 10, filter: { isTest: null } }),
  wrongKey: await execute(SessionsDocument, { first: 10 }, "sg_wrong"),
  requests,
};
console.log(JSON.stringify(report));
