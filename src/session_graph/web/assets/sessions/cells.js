/**
 * Draws the values of a session by kind of column: for the table, the cards and the panel.
 */

import { h, icon } from "./elements.js";
import {
  ASSESSMENTS,
  CHANNELS,
  DIRECTIONS,
  LENGTHS,
  decimal,
  directionOf,
  duration,
  instant,
  money,
  ratio,
  shortInstant,
  zoneName,
} from "./formats.js";

/** @import { Column } from "./columns.js" */
/** @import { Session } from "./list.js" */

/**
 * The value as nodes and texts; null if there is none.
 * @param {Column} column @param {Session} session @param {string} currency
 */
export function drawValue(column, session, currency) {
  const value = column.kind === "agent" ? session.agent : session[column.field];
  return value === null || value === undefined ? null : DRAW[column.kind](value, session, currency);
}

/** @type {Record<string, (value: any, session: Session, currency: string) => import("./elements.js").Child>} */
const DRAW = {
  text: (value) => value,
  id: (value) => h("code", { title: value }, value),
  decimal: (value) => decimal(value),
  ratio: (value) => ratio(value),
  duration: (value) => duration(value),
  channel: (value) => CHANNELS[value] ?? value,
  length: (value) => LENGTHS[value] ?? value,
  direction: (value) => DIRECTIONS[value] ?? value,
  agent: (value) => h("span", { title: value.idn }, value.name),
  map: (value) =>
    Object.entries(value)
      .map(([key, text]) => `${key}=${text}`)
      .join("  ") || null,
  tags: (value) => (value.length ? value.map((/** @type {string} */ tag) => h("span", { class: "tag" }, tag)) : null),
  flag: (value) =>
    value
      ? h("span", { class: "flag" }, icon("check"), hidden("Yes"))
      : h("span", { class: "none" }, "–", hidden("No")),
  money: (value, session, currency) =>
    h("span", { class: Number(value) ? "money" : "money none" }, money(value, currency)),
  instant: (value, session) => drawInstant(value, session.agent?.timeZone),
  assessment: (value) => h("span", { class: `verdict ${value.toLowerCase()}` }, ASSESSMENTS[value] ?? value),
  stars: (value) => drawStars(value),
};

/** @param {string} value @param {string} timeZone */
function drawInstant(value, timeZone) {
  return h(
    "time",
    { datetime: value, title: `${instant(value, timeZone)}, ${timeZone}` },
    shortInstant(value, timeZone),
    h("small", {}, zoneName(value, timeZone)),
  );
}

/** @param {number} value */
function drawStars(value) {
  return h(
    "span",
    { class: "stars", role: "img", "aria-label": `${value} of 5 stars` },
    h("span", {}, "★".repeat(value)),
    h("span", { class: "rest" }, "★".repeat(5 - value)),
  );
}

const nothing = () => h("span", { class: "none", "aria-hidden": "true" }, "–");

/** Text for screen readers only. @param {string} text */
const hidden = (text) => h("span", { class: "hidden" }, text);

/** A row's cells, one for each column. @param {Session} session @param {Column[]} columns @param {string} currency */
export function drawCells(session, columns, currency) {
  return columns.map((column) => {
    const text = column.kind === "text" ? session[column.field] : null;
    const attributes = { role: "gridcell", dir: text && directionOf(text), title: text };
    return h("div", { class: `cell ${column.kind}`, ...attributes }, drawValue(column, session, currency) ?? nothing());
  });
}

/** The parts of a card, and the columns that each shows if they are chosen. @type {[string, string[]][]} */
const ON_CARD = [
  ["title", ["CONTACT", "CONTACT_NAME"]],
  ["when", ["STARTED_AT"]],
  ["text", ["SUMMARY", "COMMENT", "CONTACT_INFORMATION"]],
  [
    "facts",
    ["AUTO_ASSESSMENT", "HUMAN_ASSESSMENT", "ASR", "SESSION_TYPE", "CONVERSATION_QUALITY", "CHANNEL", "EXTERNAL_ID"],
  ],
];

/**
 * The same as a card: of the chosen columns, those that it has a part for.
 * @param {Session} session @param {Column[]} columns @param {string} currency
 */
export function drawCard(session, columns, currency) {
  return ON_CARD.map(([place, codes]) => {
    const shown = columns.filter((column) => codes.includes(column.code));
    const values = (place === "text" ? shown.slice(0, 1) : shown).map((column) => {
      const value = drawValue(column, session, currency);
      const dir = typeof value === "string" ? directionOf(value) : null;
      return value && h("span", { class: column.kind, title: column.label, dir }, value);
    });
    return h("div", { class: place, role: "gridcell" }, values);
  });
}
