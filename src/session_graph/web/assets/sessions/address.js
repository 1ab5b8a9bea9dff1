/**
 * The view in the address, after the #: filters, order, columns, the open session. A link shows the same view. It holds
 * nothing secret, and a browser does not send the part after the # to the server.
 */

import { FIELDS } from "./filters.js";

/** @typedef {{ field: string, direction: "ASC" | "DESC" }} Order */

/**
 * @typedef {object} View
 * @property {import("./filters.js").Filter} filter
 * @property {Order} order
 * @property {string[] | null} columns codes; null for the default choice
 * @property {string | null} session the id of the open one
 * @property {string | null} group what the dashboard is grouped by
 */

/** @type {Order} */
export const DEFAULT_ORDER = { field: "STARTED_AT", direction: "DESC" };

/** @returns {View} */
export function readAddress() {
  const params = new URLSearchParams(location.hash.slice(1));
  /** @type {import("./filters.js").Filter} */
  const filter = {};
  for (const field of FIELDS) {
    const values = params.getAll(field.name).filter((value) => value !== "");
    if (values.length) Object.assign(filter, readField(field, values));
  }
  if (filter.period) {
    delete filter.from;
    delete filter.to;
  }
  const order = /^(-?)([A-Z_]+)$/.exec(params.get("order") ?? "");
  return {
    filter,
    order: order ? { field: order[2], direction: order[1] ? "DESC" : "ASC" } : DEFAULT_ORDER,
    columns: params.get("columns")?.split(".") ?? null,
    session: params.get("session"),
    group: params.get("group"),
  };
}

/** @param {import("./filters.js").Field} field @param {string[]} values @returns {import("./filters.js").Filter} */
function readField(field, values) {
  const [value] = values;
  if (field.kind === "flag") return value === "true" || value === "false" ? { [field.name]: value === "true" } : {};
  if (field.kind === "instant") return Number.isNaN(Date.parse(value)) ? {} : { [field.name]: value };
  const known = values.filter((each) => !field.words || Object.hasOwn(field.words, each));
  if (!known.length) return {};
  return { [field.name]: field.kind === "choices" ? [...new Set(known)] : known[0] };
}

/** Returns the address of a view, from its # on. @param {View} view */
export function writeAddress(view) {
  const params = new URLSearchParams();
  for (const field of FIELDS) {
    const value = view.filter[field.name];
    if (value !== undefined) for (const each of [value].flat()) params.append(field.name, String(each));
  }
  if (view.order.field !== DEFAULT_ORDER.field || view.order.direction !== DEFAULT_ORDER.direction) {
    params.set("order", (view.order.direction === "DESC" ? "-" : "") + view.order.field);
  }
  if (view.columns) params.set("columns", view.columns.join("."));
  if (view.group) params.set("group", view.group);
  if (view.session) params.set("session", view.session);
  return `#${params}`;
}

/** Puts the view into the address; with `replace`, without a step for "back". @param {View} view @param {boolean} replace */
export function goTo(view, replace = false) {
  const address = writeAddress(view);
  if (address === (location.hash || "#")) return;
  history[replace ? "replaceState" : "pushState"](null, "", address === "#" ? location.pathname : address);
}
