/**
 * The filters that the page has a control for, each declared once: its control, the words of its chip, its place in the
 * address, its GraphQL. A viewer has those whose column it may see.
 *
 * A filter is a plain object, such as `{ period: "LAST_7_DAYS", isTest: false, humanAssessments: ["NONE", "NO"] }`:
 * a SessionFilter, except that NONE stands for "none yet" and `stars` for a range of `conversationQuality`.
 */

import { codeOf, labelOf } from "./columns.js";
import { ASSESSMENTS, CHANNELS, LENGTHS, PERIODS, instant } from "./formats.js";

/** @typedef {Record<string, any>} Filter */

/**
 * @typedef {object} Field
 * @property {string} name its key in the filter and in the address
 * @property {string} label
 * @property {"text" | "flag" | "choices" | "period" | "instant"} kind
 * @property {string} column the code of the column that it reads
 * @property {Record<string, string>} [words] the choices, or what true and false are called
 * @property {string} [options] the choices are this list of `filterOptions`, or the agents
 * @property {string} [edits] the field of a session whose edit can make it stop matching
 * @property {boolean} [further] not among the Builder's own filters
 */

const NONE = "NONE";
const STARS = { 1: "★", 2: "★★", 3: "★★★", 4: "★★★★", 5: "★★★★★", NONE: "Unrated" };

/** @type {Field[]} */
export const FIELDS = [
  { name: "search", label: "Search", kind: "text", column: "CONTACT" },
  { name: "period", label: "Range", kind: "period", column: "STARTED_AT", words: PERIODS },
  { name: "from", label: "From", kind: "instant", column: "STARTED_AT" },
  { name: "to", label: "To", kind: "instant", column: "STARTED_AT" },
  flag("isLead", "Leads", "No leads"),
  flag("isOpportunity", "Opportunities", "No opportunities"),
  flag("isTest", "Test sessions", "Live sessions"),
  flag("isTodo", "To do", "Nothing to do"),
  flag("isArchived", "Archived", "Not archived"),
  choices("humanAssessments", "HUMAN_ASSESSMENT", {
    words: { ...ASSESSMENTS, NONE: "None yet" },
    edits: "humanAssessment",
  }),
  choices("autoAssessments", "AUTO_ASSESSMENT", { words: ASSESSMENTS }),
  choices("channels", "CHANNEL", { words: CHANNELS }),
  choices("sessionLengths", "SESSION_LENGTH", { words: LENGTHS }),
  choices("integrations", "INTEGRATION", { options: "integrations" }),
  choices("connectors", "CONNECTOR", { options: "connectors" }),
  choices("sessionTypes", "SESSION_TYPE", { options: "sessionTypes" }),
  choices("agents", "AGENT", { options: "agents", further: true }),
  choices("stars", "CONVERSATION_QUALITY", { words: STARS, edits: "conversationQuality", further: true }),
  choices("assessments", "ASSESSMENT", {
    label: "Assessment that counts",
    words: ASSESSMENTS,
    edits: "assessment",
    further: true,
  }),
  { ...flag("workingHours", "In working hours", "Outside working hours"), edits: undefined, further: true },
  { ...flag("isDone", "Done", "Not done"), further: true },
  choices("tags", "TAGS", { label: "Tag", options: "tags", edits: "tags", further: true }),
];

/** @param {string} name @param {string} yes @param {string} no @returns {Field} */
function flag(name, yes, no) {
  const column = codeOf(name);
  return { name, label: labelOf(column), kind: "flag", column, words: { true: yes, false: no }, edits: name };
}

/** @param {string} name @param {string} column @param {Partial<Field>} more @returns {Field} */
function choices(name, column, more) {
  return { name, label: labelOf(column), kind: "choices", column, ...more };
}

const BY_NAME = new Map(FIELDS.map((field) => [field.name, field]));

/** @param {string} name */
export const fieldOf = (name) => BY_NAME.get(name);

/** The fields that the viewer may filter by. @param {import("./viewer.js").Viewer} viewer */
export const visibleFields = (viewer) => FIELDS.filter((field) => viewer.maySee(field.column));

/**
 * The filter as a SessionFilter. It holds one `anyOf`, so of two each branch of the first contains the second.
 * @param {Filter} filter
 */
export function toGraphQL(filter) {
  const { humanAssessments, stars, ...plain } = filter;
  /** @type {Filter} */
  const result = { ...plain };
  /** @type {Filter[][]} */
  const disjunctions = [];
  if (humanAssessments) disjunctions.push(humanConditions(humanAssessments));
  if (stars) disjunctions.push(stars.map(starCondition));
  for (const branches of disjunctions) {
    if (branches.length === 1 && !Object.keys(branches[0]).some((key) => key in result))
      Object.assign(result, branches[0]);
    else if (result.anyOf)
      result.anyOf = result.anyOf.map((/** @type {Filter} */ branch) => ({ ...branch, anyOf: branches }));
    else result.anyOf = branches;
  }
  return result;
}

/** @param {string[]} values @returns {Filter[]} */
function humanConditions(values) {
  const set = values.filter((value) => value !== NONE);
  return [
    ...(set.length ? [{ humanAssessments: set }] : []),
    ...(values.includes(NONE) ? [{ isReviewed: false }] : []),
  ];
}

/** @param {string} value @returns {Filter} */
const starCondition = (value) =>
  value === NONE
    ? { not: { conversationQuality: { from: 1, to: 5 } } }
    : { conversationQuality: { from: Number(value), to: Number(value) } };

/**
 * Whether an edited session still matches the filter, as far as edits decide that.
 * @param {Filter} filter @param {import("./list.js").Session} session
 */
export function stillMatches(filter, session) {
  return Object.entries(filter).every(([name, expected]) => {
    const field = BY_NAME.get(name);
    const actual = field?.edits ? session[field.edits] : undefined;
    if (actual === undefined) return true;
    if (field?.kind === "flag") return actual === expected;
    const values = Array.isArray(actual) ? actual : [String(actual ?? NONE)];
    return values.some((value) => expected.includes(value));
  });
}

/** The fields of an edited session that `stillMatches` looks at. @param {Filter} filter */
export const editedFields = (filter) => Object.keys(filter).flatMap((name) => BY_NAME.get(name)?.edits ?? []);

/**
 * One chip for each value: its words, and the filter without it.
 * @param {Filter} filter @param {import("./viewer.js").Viewer} viewer
 * @returns {{ label: string, without: Filter }[]}
 */
export function chips(filter, viewer) {
  return FIELDS.flatMap((field) => {
    const value = filter[field.name];
    if (value === undefined) return [];
    const { [field.name]: _, ...rest } = filter;
    if (field.kind !== "choices") return [{ label: chipWords(field, value, viewer.account.timeZone), without: rest }];
    return value.map((/** @type {string} */ each) => {
      const others = value.filter((/** @type {string} */ other) => other !== each);
      const words = valueWords(field, each, viewer);
      return { label: `${field.label}: ${words}`, without: others.length ? { ...rest, [field.name]: others } : rest };
    });
  });
}

/** A value of a field in words: an agent by its name. @param {Field} field @param {string} value @param {import("./viewer.js").Viewer} viewer */
export function valueWords(field, value, viewer) {
  return field.options === "agents" ? viewer.agentName(value) : (field.words?.[value] ?? value);
}

/** @param {Field} field @param {any} value @param {string} timeZone */
function chipWords(field, value, timeZone) {
  if (field.kind === "text") return `“${value}”`;
  if (field.kind === "instant") return `${field.label} ${instant(value, timeZone)}`;
  return field.words?.[value] ?? value;
}

/** Why a search cannot be asked for yet; null if it can. @param {string} text */
export function searchProblem(text) {
  return !text || /[\p{L}\p{Nd}]/u.test(text) ? null : "Type a part of a name, or of a phone number.";
}
