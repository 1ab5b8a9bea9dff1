// Relay: pages of a connection in the store, a mutation, errors, persisted queries and a subscription.
import { readFileSync } from "node:fs";
import relay from "relay-runtime";
import * as common from "../scripts/common.mjs";

const { graphql } = relay;
const persistedTexts = JSON.parse(readFileSync(new URL("relay/persisted.json", import.meta.url), "utf8"));
const requests = [];

const Sessions = graphql`
  query mainSessionsQuery($first: Int!, $after: String, $filter: SessionFilter) {
    sessions(first: $first, after: $after, filter: $filter) @connection(key: "main_sessions", filters: ["filter"]) {
      edges {
        node {
          id
          contact
          assessment
        }
      }
    }
  }
`;

const OneSession = graphql`
  query mainNodeQuery($id: ID!) {
    node(id: $id) {
      ... on Session {
        id
        assessment
      }
    }
  }
`;

const OverrideAssessment = graphql`
  mutation mainOverrideMutation($input: OverrideAssessmentInput!) {
    overrideAssessment(input: $input) {
      session {
        id
        assessment
      }
      errors {
        code
        message
        path
      }
    }
  }
`;

const UpdateSession = graphql`
  mutation mainUpdateMutation($input: UpdateSessionInput!) {
    updateSession(input: $input) {
      session {
        id
        comment
      }
    }
  }
`;

const SessionEvents = graphql`
  subscription mainEventsSubscription {
    sessionEvents {
      kind
      sessionId
      session {
        id
        comment
      }
    }
  }
`;

async function post(authorization, body) {
  requests.push({ hasText: "query" in body });
  const response = await fetch(common.url, {
    method: "POST",
    headers: { authorization, "content-type": "application/json", accept: "application/graphql-response+json" },
    body: JSON.stringify(body),
  });
  return response.json();
}

/** Send the hash that the compiler made; if the server does not know it (any more), send the text, too. */
async function fetchPersisted(authorization, { id }, variables) {
  const extensions = { persistedQuery: { version: 1, sha256Hash: id } };
  const answer = await post(authorization, { extensions, variables });
  const isUnknown = answer.errors?.[0].extensions.code === "PERSISTED_QUERY_NOT_FOUND";
  return isUnknown ? post(authorization, { query: persistedTexts[id], extensions, variables }) : answer;
}

function connect(authorization) {
  const socket = common.connectSocket(authorization);
  return new relay.Environment({
    network: relay.Network.create(
      (request, variables) => fetchPersisted(authorization, request, variables),
      ({ id }, variables) =>
        relay.Observable.create((sink) => socket.subscribe({ query: persistedTexts[id], variables }, sink)),
    ),
    store: new relay.Store(new relay.RecordSource()),
  });
}

const environment = connect(common.authorization);
const query = (document, variables, from = environment) => relay.fetchQuery(from, document, variables).toPromise();

function readList() {
  const operation = relay.createOperationDescriptor(relay.getRequest(Sessions), { first: 10 });
  return environment.lookup(operation.fragment).data.sessions;
}

/** Return the list as the store has it after each page. */
async function readPages() {
  await query(Sessions, { first: 10 });
  const seen = [readList()];
  while (seen.at(-1).pageInfo.hasNextPage) {
    await query(Sessions, { first: 10, after: seen.at(-1).pageInfo.endCursor });
    seen.push(readList());
  }
  return seen;
}

const mutate = (mutation, input) =>
  new Promise((resolve, reject) => {
    relay.commitMutation(environment, { mutation, variables: { input }, onCompleted: resolve, onError: reject });
  });

async function describeError(asking) {
  const { name, message, source } = await asking.catch((error) => error);
  return { name, message, codes: source?.errors.map(({ extensions }) => extensions.code) };
}

const stranger = connect(common.wrongAuthorization);
const pages = await readPages();
const { id: sessionId } = pages[0].edges[0].node;
const overridden = await mutate(OverrideAssessment, { sessionId, humanAssessment: "NO" });
const refused = await mutate(OverrideAssessment, { sessionId: common.UNKNOWN_ID, humanAssessment: "NO" });

const receive = (from) =>
  new Promise((resolve, onError) => {
    const onNext = (data) => common.isCheckpoint({ data }) || resolve(data);
    relay.requestSubscription(from, { subscription: SessionEvents, variables: {}, onNext, onError });
  });
const { sessionEvents } = await common.actUntil(receive(environment), (count) =>
  mutate(UpdateSession, { sessionId, patch: { comment: `Seen ${count}` } }),
);

common.report({
  pages: pages.map(({ edges }) => edges.length),
  overridden: overridden.overrideAssessment,
  storedAssessment: readList().edges[0].node.assessment,
  refetched: (await query(OneSession, { id: sessionId })).node,
  refused: refused.overrideAssessment,
  explicitNull: await describeError(query(Sessions, { first: 10, filter: { isTest: null } })),
  wrongKey: await describeError(query(Sessions, { first: 10 }, stranger)),
  wrongKeyOverSocket: await receive(stranger).catch(({ code }) => code),
  event: { kind: sessionEvents.kind, sameSession: sessionEvents.sessionId === sessionId },
  requests,
});
