/**
 * The columns of a session. The API says which there are, of what type, what they mean and which the viewer may see;
 * this module says how the page shows them: label, kind of cell, width, and which it shows by default.
 */

/**
 * @typedef {object} Column
 * @property {string} code its value of SessionColumn
 * @property {string} field its field of Session
 * @property {string} label
 * @property {string} kind how its cells are drawn
 * @property {string} about its description in the API
 * @property {number} width in pixels; the summary takes what is left
 * @property {string | undefined} order its value of SessionOrderField, if sessions can be ordered by it
 */

/** @typedef {{ kind: string, name: string | null, ofType?: TypeRef | null }} TypeRef a type as introspection has it */

/** Labels that are not the code in words. @type {Record<string, string>} */
const LABELS = {
  STARTED_AT: "Date/Time",
  ASR: "ASR",
  EXTERNAL_ID: "External ID",
  ID: "Session Id",
  UTMS: "UTMs",
  DURATION_SECONDS: "Duration",
  EMAIL: "E-mail",
  SOURCE_ID: "Source ID",
  RECORDING_URL: "Recording URL",
};

/** The kind of a column that its type does not tell. @type {Record<string, string>} */
const KINDS = {
  asr: "money",
  leadValue: "money",
  conversionRate: "ratio",
  recognition: "ratio",
  durationSeconds: "duration",
  conversationQuality: "stars",
};

/** The kind of a column by its GraphQL type. A column of another type is not in the table. @type {Record<string, string>} */
const KINDS_BY_TYPE = {
  ID: "id",
  String: "text",
  Boolean: "flag",
  Int: "decimal",
  Decimal: "decimal",
  DateTime: "instant",
  Channel: "channel",
  SessionLength: "length",
  CallDirection: "direction",
  Assessment: "assessment",
  StringMap: "map",
  Agent: "agent",
  "[String]": "tags",
};

/** @type {Record<string, number>} */
// prettier-ignore
const WIDTHS = {
  STARTED_AT: 164, IS_ARCHIVED: 76, SESSION_TYPE: 136, IS_LEAD: 52, IS_OPPORTUNITY: 108, ASR: 98, IS_TEST: 56,
  IS_TODO: 56, CONTACT: 128, CONTACT_INFORMATION: 200, SUMMARY: 230, LEAD_VALUE: 98, CONVERSION_RATE: 112,
  RECOGNITION: 96, SESSION_LENGTH: 108, AUTO_ASSESSMENT: 100, HUMAN_ASSESSMENT: 100, CONVERSATION_QUALITY: 104,
  WORKING_HOURS: 104, COMMENT: 220, UNITS: 72, INTEGRATION: 112, EXTERNAL_ID: 120, ACTUAL_RESULT: 240,
  EXPECTED_RESULT: 240, ID: 120, UTMS: 200, ENDED_AT: 172, DURATION_SECONDS: 84, CHANNEL: 72, CONNECTOR: 160,
  AGENT: 180, CONTACT_NAME: 140, PHONE: 128, EMAIL: 200, IS_DONE: 56, TAGS: 180, VERSION: 72, UPDATED_AT: 172,
  ASSESSMENT: 96, SOURCE: 96, SOURCE_ID: 160, DIRECTION: 88, END_REASON: 140, LANGUAGE: 84, RECORDING_URL: 220,
  AGENT_CONTACT: 128, METADATA: 200,
};
const USUAL_WIDTH = 140;

// prettier-ignore
const DEFAULT = [
  "STARTED_AT", "SESSION_TYPE", "CONTACT", "SUMMARY", "IS_LEAD", "IS_OPPORTUNITY", "ASR", "LEAD_VALUE",
  "AUTO_ASSESSMENT", "HUMAN_ASSESSMENT", "CONVERSATION_QUALITY", "CHANNEL",
];
/** @type {Record<string, string[]>} */
const MORE_FOR = { PORTAL: ["IS_TODO", "IS_DONE", "TAGS", "COMMENT"], PARTNER: ["EXTERNAL_ID", "CONTACT_INFORMATION"] };

/** The number of columns of an export (domain.md); the API leaves out those that the viewer may not see. */
export const EXPORT_SIZE = 24;

/** `isLead` → `IS_LEAD`. @param {string} field */
export const codeOf = (field) => field.replace(/[A-Z]/g, "_$&").toUpperCase();

/** `SESSION_TYPE` → `Session type`. @param {string} code */
export const inSentenceCase = (code) => code[0] + code.slice(1).toLowerCase().replaceAll("_", " ");

/** `SESSION_TYPE` → `Session Type`. @param {string} code */
export const labelOf = (code) =>
  LABELS[code] ?? inSentenceCase(code).replace(/ ./g, (initial) => initial.toUpperCase());

/**
 * Every column that a table can have, by code.
 * @param {{ name: string, description: string, type: TypeRef }[]} fields of Session
 * @param {string[]} orders the values of SessionOrderField
 * @returns {Map<string, Column>}
 */
export function describeColumns(fields, orders) {
  const columns = new Map();
  for (const { name: field, description: about, type } of fields) {
    const [code, kind] = [codeOf(field), KINDS[field] ?? KINDS_BY_TYPE[nameOf(type)]];
    if (!kind) continue;
    const order = orders.find((each) => each === code || `${each}_SECONDS` === code);
    columns.set(code, { code, field, label: labelOf(code), kind, about, width: WIDTHS[code] ?? USUAL_WIDTH, order });
  }
  return columns;
}

/** The name of the type inside, in brackets if it is of a list. @param {TypeRef} type @returns {string} */
function nameOf({ kind, name, ofType }) {
  if (!ofType) return String(name);
  return kind === "LIST" ? `[${nameOf(ofType)}]` : nameOf(ofType);
}

/** The columns that the page shows as long as nobody has chosen. @param {import("./viewer.js").Viewer} viewer */
export function defaultColumns({ role, columns }) {
  const codes = [...DEFAULT, ...(MORE_FOR[role] ?? [])];
  return columns.filter((column) => codes.includes(column.code));
}

/**
 * The fields of a session to select so that these columns can be drawn, and no others. Times need the agent's zone.
 * @param {Column[]} columns
 */
export function selection(columns) {
  const agent = new Set();
  const fields = new Set(["id", "version"]);
  for (const { field, kind } of columns) {
    if (kind === "instant") agent.add("timeZone");
    if (kind === "agent") agent.add("idn").add("name");
    else fields.add(field);
  }
  return [...fields, ...(agent.size ? [`agent { ${[...agent].join(" ")} }`] : [])].join(" ");
}
