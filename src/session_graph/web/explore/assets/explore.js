// GraphiQL over our API, with a field for the key and examples to choose from. The key is kept for this tab alone.
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
const WORKERS = ["graphql", "json"]; // and the editor's own for the rest

// A variable of an example may stand for something of the account that asks.
const STAND_INS = {
  "@session": ["{ sessions(first: 1) { nodes { id } } }", (data) => data.sessions.nodes[0].id],
  "@externalId": [
    "{ sessions(first: 1, filter: {hasExternalId: true}) { nodes { externalId } } }",
    (data) => data.sessions.nodes[0].externalId,
  ],
};

globalThis.MonacoEnvironment = {
  getWorker: (id, label) => new Worker(`/explore/bundle/${WORKERS.includes(label) ? label : "editor"}.worker.js`),
};

const readKey = () => sessionStorage.getItem(KEY) ?? "";

function post(request, accept, signal) {
  return fetch("/graphql", {
    method: "POST",
    headers: { Accept: accept, Authorization: `Bearer ${readKey()}`, "Content-Type": "application/json" },
    body: JSON.stringify(request),
    credentials: "omit",
    signal,
  });
}

async function ask(request) {
  if (!readKey()) return { errors: [{ message: "Type a key into the field above first." }] };
  return (await post(request, "application/json")).json();
}

// Each answer of an event stream goes to the observer, until the stream ends or the signal ends it.
async function follow(request, observer, signal) {
  const response = await post(request, "text/event-stream", signal);
  if (!isEventStream(response)) return observer.next(await response.json());
  for await (const { event, data } of readEvents(response)) {
    if (event === "next") observer.next(JSON.parse(data));
    if (event === "complete") return;
  }
}

function subscribe(request) {
  return {
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

// Read anew, as the editor knows the operations of an example that was just chosen only after a while.
function findOperations(query) {
  try {
    return parse(query).definitions.filter(({ kind }) => kind === "OperationDefinition");
  } catch {
    return [];
  }
}

function fetcher({ query, operationName, variables }) {
  const operations = findOperations(query);
  const chosen = operations.length > 1 ? operations.find(({ name }) => name?.value === operationName) : operations[0];
  const request = operations.length > 1 ? { query, operationName, variables } : { query, variables };
  return chosen?.operation === "subscription" && readKey() ? subscribe(request) : ask(request);
}

async function fillIn(variables) {
  const filled = Object.entries(variables).map(async ([name, value]) => {
    const standIn = STAND_INS[Array.isArray(value) ? value[0] : value];
    if (!standIn) return [name, value];
    const [query, choose] = standIn;
    const found = await ask({ query })
      .then(({ data }) => choose(data))
      .catch(() => undefined);
    if (found === undefined) return [name, value];
    return [name, Array.isArray(value) ? [found] : found];
  });
  return Object.fromEntries(await Promise.all(filled));
}

function Given({ examples }) {
  const [key, setKey] = useState(readKey);
  const { addTab, introspect } = useGraphiQLActions();
  const { queryEditor, variableEditor } = useGraphiQL(({ queryEditor, variableEditor }) => ({
    queryEditor,
    variableEditor,
  }));

  function keep(event) {
    sessionStorage.setItem(KEY, event.target.value.trim());
    setKey(event.target.value);
  }

  async function show(event) {
    const example = examples.find(({ name }) => name === event.target.value);
    const variables = JSON.stringify(await fillIn(example.variables), null, 2);
    const written = queryEditor.getValue().trim();
    if (written && !examples.some(({ query }) => query.trim() === written)) addTab();
    queryEditor.setValue(example.query);
    variableEditor.setValue(variables);
  }

  const options = examples.map(({ name }) => createElement("option", { key: name }, name));
  return createElement(
    "div",
    { className: "given" },
    createElement(
      "label",
      null,
      "Key",
      createElement("input", {
        type: "password",
        value: key,
        placeholder: "sg_…",
        autoComplete: "off",
        spellCheck: false,
        onChange: keep,
        onBlur: () => introspect(),
        onKeyDown: (event) => event.key === "Enter" && event.target.blur(),
      }),
    ),
    createElement(
      "label",
      null,
      "Examples",
      createElement(
        "select",
        { value: "", onChange: show, disabled: !queryEditor || !variableEditor },
        createElement("option", { value: "", disabled: true }, "choose one …"),
        options,
      ),
    ),
  );
}

const examples = await fetch("/explore/examples").then((response) => response.json());
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
    createElement(GraphiQL.Logo, null, createElement(Given, { examples })),
  ),
);
