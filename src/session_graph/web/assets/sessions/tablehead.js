/** The head of the table: the box that selects all rows, and the columns, with a button for those that order. */

import { button, h } from "./elements.js";

/** @import { Order } from "./address.js" */
/** @import { Column } from "./columns.js" */

/** @param {HTMLElement} box @param {Column[]} columns @param {Order} order @param {(order: Order) => void} onOrder */
export function drawHead(box, columns, order, onOrder) {
  return h(
    "div",
    { class: "row", role: "row", "aria-rowindex": 1 },
    h("div", { class: "box", role: "columnheader" }, h("label", {}, box)),
    columns.map((column) => drawHeader(column, order, onOrder)),
  );
}

/** @param {Column} column @param {Order} order @param {(order: Order) => void} onOrder */
function drawHeader({ kind, about, label, order: field }, order, onOrder) {
  const attributes = { class: `cell ${kind}`, role: "columnheader", title: about };
  if (!field) return h("div", attributes, h("span", {}, label));
  const isSorted = field === order.field;
  const isDescending = order.direction === "DESC";
  const arrow = h("span", { class: "arrow", "aria-hidden": "true" }, isSorted && !isDescending ? "↑" : "↓");
  const reorder = () => onOrder({ field, direction: isSorted === isDescending ? "ASC" : "DESC" });
  return h(
    "div",
    { ...attributes, "aria-sort": isSorted ? (isDescending ? "descending" : "ascending") : "none" },
    button([h("span", {}, label), arrow], reorder),
  );
}
