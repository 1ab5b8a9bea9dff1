/**
 * GraphiQL over our API, with a field for the key and examples to choose from. The key is kept for this tab alone.
 */

import {
  GraphiQL,
  createElement,
  createRoot,
  parse,
  useGraphiQL,
  useGraphiQLActions,
  useState,
} from "/explore/bundle/graphiql.js";
import { isEventStream, readEvents } from "/assets/shared/eventstream.js";

const KEY = "session_graph.key";
const WORKERS = ["graphql", "json"]; // other languages have the editor's own

/** @typedef {{ query: string, variables: Record<string, unknown>, operationName?: string }} Request */
/** @typedef {{ name: string, query: string, variables: Record<string, unknown> }} Example */
/** @typedef {{ next: (result: unknown) => void, error: (error: unknown) => void, complete: () => void }} Observer */

// A value of an example's variables may stand for one of the account's: a query for that, and where it is in the answer.
/** @type {Record<string, [string, (data: any) => unknown]>} */
const STAND_INS = {
  "@session": ["{ sessions(first: 1) { nodes { id } } }", (data) => data.sessions.nodes[0].id],
  "@externalId": [
    "{ sessions(first: 1, filter: {hasExternalId: true}) { nodes { externalId } } }",
    (data) => data.sessions.nodes[0].externalId,
  ],
};

/** @param {unknown} id @param {string} label */
const getWorker = (id, label) => new Worker(`/explore/bundle/${WORKERS.includes(label) ? label : "editor"}.worker.js`);
Object.assign(globalThis, { MonacoEnvironment: { getWorker } });

const readKey = () => sessionStorage.getItem(KEY) ?? "";

/** @param {Request} request @param {string} accept @param {AbortSignal} [signal] */
function post(request, accept, signal) {
  return fetch("/graphql", {
    method: "POST",
    headers: { Accept: accept, Authorization: `Bearer ${readKey()}`, "Content-Type": "application/json" },
    body: JSON.stringify(request),
    credentials: "omit",
    signal,
  });
}

/** @param {Request} request */
async function ask(request) {
  if (!readKey()) return { errors: [{ message: "Type a key into the field above first." }] };
  return (await post(request, "application/json")).json();
}

/**
 * Passes each answer of an event stream to the observer, until the stream ends or the signal ends it.
 * @param {Request} request @param {Observer} observer @param {AbortSignal} signal
 */
async function follow(request, observer, signal) {
  const response = await post(request, "text/event-stream", signal);
  if (!isEventStream(response)) return observer.next(await response.json());
  for await (const { event, data } of readEvents(response)) {
    if (event === "next") observer.next(JSON.parse(data));
    if (event === "complete") return;
  }
}

/** @param {Request} request */
function subscribe(request) {
  return {
    /** @param {Observer} observer */
    subscribe(observer) {
      const ending = new AbortController();
      follow(request, observer, ending.signal).then(
        () => observer.complete(),
        (error) => ending.signal.aborted || observer.error(error),
      );
      return { unsubscribe: () => ending.abort() };
    },
  };
}

/** Parses the query again, as the editor knows the operations of a new example only after a while. @param {string} query */
function findOperations(query) {
  try {
    return parse(query).definitions.filter((/** @type {any} */ { kind }) => kind === "OperationDefinition");
  } catch {
    return [];
  }
}

/** @param {Request} request */
function fetcher({ query, operationName, variables }) {
  const operations = findOperations(query);
  const isChosen = (/** @type {any} */ { name }) => name?.value === operationName;
  const chosen = operations.length > 1 ? operations.find(isChosen) : operations[0];
  const request = operations.length > 1 ? { query, operationName, variables } : { query, variables };
  return chosen?.operation === "subscription" && readKey() ? subscribe(request) : ask(request);
}

/** The variables of an example with the values that they stand for. @param {Record<string, unknown>} variables */
async function fillIn(variables) {
  const filled = Object.entries(variables).map(async ([name, value]) => {
    const standIn = STAND_INS[String(Array.isArray(value) ? value[0] : value)];
    if (!standIn) return [name, value];
    const [query, choose] = standIn;
    const found = await ask({ query, variables: {} })
      .then(({ data }) => choose(data))
      .catch(() => undefined);
    if (found === undefined) return [name, value];
    return [name, Array.isArray(value) ? [found] : found];
  });
  return Object.fromEntries(await Promise.all(filled));
}

/** The field for the key. The schema is read again with each new key. */
function KeyField() {
  const [key, setKey] = useState(readKey);
  const { introspect } = useGraphiQLActions();

  /** @param {{ target: HTMLInputElement }} event */
  function keep({ target }) {
    sessionStorage.setItem(KEY, target.value.trim());
    setKey(target.value);
  }

  const input = createElement("input", {
    type: "password",
    value: key,
    placeholder: "sg_…",
    autoComplete: "off",
    spellCheck: false,
    onChange: keep,
    onBlur: () => introspect(),
    onKeyDown: (/** @type {any} */ event) => event.key === "Enter" && event.target.blur(),
  });
  return createElement("label", null, "Key", input);
}

/** The menu of examples. One that is chosen opens a tab of its own, unless the tab holds nothing but an example. */
function ExampleMenu() {
  const { addTab } = useGraphiQLActions();
  const pickEditors = (/** @type {any} */ { queryEditor, variableEditor }) => ({ queryEditor, variableEditor });
  const { queryEditor, variableEditor } = useGraphiQL(pickEditors);

  /** @param {{ target: HTMLSelectElement }} event */
  async function show({ target }) {
    const example = examples.find(({ name }) => name === target.value);
    if (!example) return;
    const variables = JSON.stringify(await fillIn(example.variables), null, 2);
    const written = queryEditor.getValue().trim();
    if (written && !examples.some(({ query }) => query.trim() === written)) addTab();
    queryEditor.setValue(example.query);
    variableEditor.setValue(variables);
  }

  const select = createElement(
    "select",
    { value: "", onChange: show, disabled: !queryEditor || !variableEditor },
    createElement("option", { value: "", disabled: true }, "choose one …"),
    examples.map(({ name }) => createElement("option", { key: name }, name)),
  );
  return createElement("label", null, "Examples", select);
}

/** @type {Example[]} */
const examples = await fetch("/explore/examples").then((response) => response.json());
const bar = createElement("div", { className: "given" }, createElement(KeyField), createElement(ExampleMenu));
createRoot(document.getElementById("explorer")).render(
  createElement(
    GraphiQL,
    {
      fetcher,
      storage: sessionStorage,
      defaultQuery: examples[0].query,
      initialVariables: JSON.stringify(examples[0].variables, null, 2),
      isHeadersEditorEnabled: false,
      defaultEditorToolsVisibility: "variables",
      shouldPersistHeaders: false,
      showPersistHeadersSettings: false,
    },
    createElement(GraphiQL.Logo, null, bar),
  ),
);
