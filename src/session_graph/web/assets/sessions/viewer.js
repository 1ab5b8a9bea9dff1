/**
 * The viewer: who signed in, and what the API lets that role see and do. The page has no such rules of its own. It asks
 * once, at sign-in, and shows the controls whose use the API will accept.
 */

import { describeColumns } from "./columns.js";
import { visibleFields } from "./filters.js";
import { learnZones } from "./zones.js";

/** @typedef {{ idn: string, name: string, timeZone: string }} Agent */
/** @typedef {{ id: string, name: string, currency: string, timeZone: string }} Account */

const VIEWER = `query Viewer {
  viewer {
    role name email visibleColumns editableFields readableFigures readableAccountFields
    account { id name currency timeZone }
  }
  session: __type(name: "Session") {
    fields { name description type { kind name ofType { kind name ofType { kind name ofType { kind name } } } } }
  }
  orders: __type(name: "SessionOrderField") { enumValues { name } }
  assessments: __type(name: "Assessment") { enumValues { name description } }
}`;

const AGENTS = "query Agents { agents { idn name timeZone } }";

export class Viewer {
  /** What filters can offer: values by list of `filterOptions`. @type {Record<string, string[]>} */
  options = {};

  #visible;
  #editable;
  #readable;
  #readableOfAccount;
  #columns;

  /** @param {Record<string, any>} answer to VIEWER @param {Agent[]} agents */
  constructor({ viewer, session, orders, assessments }, agents) {
    /** @type {string} */
    this.role = viewer.role;
    /** @type {string} */
    this.name = viewer.name;
    /** @type {string | null} */
    this.email = viewer.email;
    /** @type {Account} */
    this.account = viewer.account;
    this.agents = agents;
    /** What each assessment means, without its full stop. @type {Record<string, string>} */
    this.meanings = Object.fromEntries(
      assessments.enumValues.map((/** @type {any} */ { name, description }) => [name, description.replace(/\.$/, "")]),
    );
    this.#visible = new Set(viewer.visibleColumns);
    this.#editable = new Set(viewer.editableFields);
    this.#readable = new Set(viewer.readableFigures);
    this.#readableOfAccount = new Set(viewer.readableAccountFields);
    this.#columns = describeColumns(
      session.fields,
      orders.enumValues.map((/** @type {any} */ { name }) => name),
    );
    /** The columns that the viewer may see: date and time first, as in the report, then in the API's order. */
    this.columns = [
      "STARTED_AT",
      ...viewer.visibleColumns.filter((/** @type {string} */ code) => code !== "STARTED_AT"),
    ]
      .filter((code) => this.maySee(code))
      .flatMap((code) => this.columnOf(code) ?? []);
  }

  /** Whether the viewer can read sessions at all: each list of them shows when they began. */
  get readsSessions() {
    return this.maySee("STARTED_AT");
  }

  /** @param {string} code of a column */
  maySee(code) {
    return this.#visible.has(code);
  }

  /** @param {string} field of SessionPatch */
  mayEdit(field) {
    return this.#editable.has(field);
  }

  /** @param {string} metric a field of the dashboard */
  mayRead(metric) {
    return this.#readable.has(metric);
  }

  /** @param {string} field of Account */
  mayReadOfAccount(field) {
    return this.#readableOfAccount.has(field);
  }

  /** The column, whether the viewer may see it or not. @param {string} code */
  columnOf(code) {
    return this.#columns.get(code);
  }

  /** The column by which an order sorts. @param {string} order */
  columnOfOrder(order) {
    return [...this.#columns.values()].find((column) => column.order === order);
  }

  /** @param {string} idn */
  agentName(idn) {
    return this.agents.find((agent) => agent.idn === idn)?.name ?? idn;
  }
}

/** Returns the viewer whose key `api` has, and learns the zones of account and agents. Raises ApiError. @param {import("./api.js").Api} api */
export async function readViewer(api) {
  const agents = api.ask(AGENTS).then(
    (data) => data.agents,
    () => [], // a viewer who sees no sessions sees no agents
  );
  const [viewer] = await Promise.all([api.ask(VIEWER), learnZones(api)]);
  return new Viewer(viewer, await agents);
}

/**
 * Reads the values that filters can offer: those of the sessions that the viewer may see. A request of its own, as it
 * takes longer than the first rows.
 * @param {import("./api.js").Api} api @param {Viewer} viewer
 */
export async function readOptions(api, viewer) {
  const names = visibleFields(viewer).flatMap(({ options }) => (options && options !== "agents" ? [options] : []));
  const data = await api.ask(`query Options { viewer { account { filterOptions { ${names.join(" ")} } } } }`);
  return data.viewer.account.filterOptions;
}
