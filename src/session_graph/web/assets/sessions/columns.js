/**
 * The columns of a session, each declared once: the table's head and cells, the chooser, the selection, the reports.
 */

/**
 * @typedef {object} Column
 * @property {string} code its value of SessionColumn
 * @property {string} field its field in GraphQL
 * @property {string} label
 * @property {string} kind how its cells are drawn
 * @property {string} about what it says
 * @property {number} width in pixels; the summary takes what is left
 * @property {string} [order] its value of SessionOrderField
 */

/** The Builder's order, with date and time first as in the exported report; then what is beside the 26. */
// prettier-ignore
const ROWS = [
  ["STARTED_AT", "Date/Time", "instant", "When it began, in the agent's time zone", 164, "STARTED_AT"],
  ["IS_ARCHIVED", "Is Archived", "flag", "Archived sessions are left out of active reporting", 76],
  ["SESSION_TYPE", "Session Type", "text", "The intent category", 136, "SESSION_TYPE"],
  ["IS_LEAD", "Is Lead", "flag", "The user expressed an intent to buy", 52],
  ["IS_OPPORTUNITY", "Is Opportunity", "flag", "A lead that did not fail", 108],
  ["ASR", "ASR", "money", "Additional secured revenue", 98, "ASR"],
  ["IS_TEST", "Is Test", "flag", "Test sessions never count in ASR", 56],
  ["IS_TODO", "Is Todo", "flag", "Someone must follow up", 56],
  ["CONTACT", "Contact", "text", "The user's name, else the word “User”", 128, "CONTACT"],
  ["CONTACT_INFORMATION", "Contact Information", "text", "Phone, e-mail and other details that were collected", 200],
  ["SUMMARY", "Summary", "text", "What happened, written by the AI", 230],
  ["LEAD_VALUE", "Lead Value", "money", "What the lead would pay if it converted", 98, "LEAD_VALUE"],
  ["CONVERSION_RATE", "Conversion Rate", "ratio", "The agent's conversion ratio when the session closed", 112],
  ["RECOGNITION", "Recognition", "ratio", "The share that is credited to the agent", 96],
  ["SESSION_LENGTH", "Session Length", "length", "Short, regular or long, by the agent's thresholds", 108],
  ["AUTO_ASSESSMENT", "Auto Assessment", "assessment", "The machine's verdict", 100, "AUTO_ASSESSMENT"],
  ["HUMAN_ASSESSMENT", "Human Assessment", "assessment", "A person's verdict; it wins over the machine's", 100, "HUMAN_ASSESSMENT"],
  ["CONVERSATION_QUALITY", "Conversation Quality", "stars", "A person's rating, one to five stars", 104, "CONVERSATION_QUALITY"],
  ["WORKING_HOURS", "Working Hours", "flag", "It began in the agent's business hours", 104],
  ["COMMENT", "Comment", "text", "A person's comment", 220],
  ["UNITS", "Units", "decimal", "Industry units, such as guests or square feet", 72],
  ["INTEGRATION", "Integration", "text", "The outside system it came through", 112],
  ["EXTERNAL_ID", "External ID", "text", "The outside system's own identifier", 120, "EXTERNAL_ID"],
  ["ACTUAL_RESULT", "Actual Result", "text", "What happened, as the AI judged it", 240],
  ["EXPECTED_RESULT", "Expected Result", "text", "What should have happened", 240],
  ["ID", "Session Id", "id", "The session's identifier", 120],
  ["UTMS", "UTMs", "map", "UTM parameters of the source's address", 200],
  ["ENDED_AT", "Ended At", "instant", "When it ended, in the agent's time zone", 172, "ENDED_AT"],
  ["DURATION_SECONDS", "Duration", "duration", "From begin to end", 84, "DURATION"],
  ["CHANNEL", "Channel", "channel", "Voice, SMS or chat", 72],
  ["CONNECTOR", "Connector", "text", "The named connection to the integration", 160],
  ["AGENT", "Agent", "agent", "The AI employee that held it", 180],
  ["CONTACT_NAME", "Contact Name", "text", "The user's name, where it was collected", 140],
  ["PHONE", "Phone", "text", "The user's phone number, where it was collected", 128],
  ["EMAIL", "E-mail", "text", "The user's e-mail address, where it was collected", 200],
  ["IS_DONE", "Is Done", "flag", "Nothing is left to do", 56],
  ["TAGS", "Tags", "tags", "Free labels", 180],
  ["VERSION", "Version", "decimal", "Counts its changes, from 1", 72],
  ["UPDATED_AT", "Updated At", "instant", "When it was recorded or last changed", 172, "UPDATED_AT"],
  ["ASSESSMENT", "Assessment", "assessment", "The assessment that counts: the human one where set", 96],
];

/** @type {Column[]} */
export const COLUMNS = ROWS.map(([code, label, kind, about, width, order]) => ({
  code,
  field: code.toLowerCase().replace(/_(.)/g, (_, letter) => letter.toUpperCase()),
  label,
  kind,
  about,
  width,
  order,
}));

const BY_CODE = new Map(COLUMNS.map((column) => [column.code, column]));

// prettier-ignore
const DEFAULT = [
  "STARTED_AT", "SESSION_TYPE", "CONTACT", "SUMMARY", "IS_LEAD", "IS_OPPORTUNITY", "ASR", "LEAD_VALUE",
  "AUTO_ASSESSMENT", "HUMAN_ASSESSMENT", "CONVERSATION_QUALITY", "CHANNEL",
];
const MORE_FOR = { PORTAL: ["IS_TODO", "IS_DONE", "TAGS", "COMMENT"], PARTNER: ["EXTERNAL_ID", "CONTACT_INFORMATION"] };

/** The report's columns as domain.md has them; what the viewer may not see is left out by the API. */
export const REPORT_SIZE = 24;

/** Those that the viewer may see, in order. @param {string[]} visible */
export const visibleColumns = (visible) => COLUMNS.filter((column) => visible.includes(column.code));

/** The choice of who has not chosen. */
export function defaultColumns(viewer) {
  const chosen = [...DEFAULT, ...(MORE_FOR[viewer.role] ?? [])];
  return visibleColumns(viewer.visibleColumns).filter((column) => chosen.includes(column.code));
}

/** @param {string} code @returns {Column | undefined} */
export const columnOf = (code) => BY_CODE.get(code);

/** The column by which an order sorts. */
export const columnOfOrder = (order) => COLUMNS.find((column) => column.order === order);

/**
 * What to select of a session so that these columns can be drawn, and nothing else. Times need the agent's zone.
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
