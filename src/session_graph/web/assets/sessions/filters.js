/**
 * The filters, each declared once: the panel's control, the chip's words, its place in the address, its GraphQL.
 *
 * A filter is a plain object, such as `{ period: "LAST_7_DAYS", isTest: false, humanAssessments: ["NONE", "NO"] }`:
 * SessionFilter, but for NONE, which is "none yet".
 */

import { ASSESSMENTS, CHANNELS, LENGTHS, PERIODS, instant } from "./formats.js";

/**
 * @typedef {object} Field
 * @property {string} name its key in the filter and in the address
 * @property {string} label
 * @property {"text" | "flag" | "choices" | "period" | "instant"} kind
 * @property {string} column the column that it reads: who cannot see that has no such filter
 * @property {Object<string, string>} [words] the choices, or what true and false are called
 * @property {string} [options] the choices are this list of filterOptions, or the agents
 * @property {string} [edits] the field of a session whose edit can make it stop matching
 * @property {boolean} [further] not among the Builder's own filters
 */

const NONE = "NONE";
const STARS = { 1: "★", 2: "★★", 3: "★★★", 4: "★★★★", 5: "★★★★★", NONE: "Unrated" };

/** @type {Field[]} */
// prettier-ignore
export const FIELDS = [
  { name: "search", label: "Search", kind: "text", column: "CONTACT" },
  { name: "period", label: "Range", kind: "period", column: "STARTED_AT", words: PERIODS },
  { name: "from", label: "From", kind: "instant", column: "STARTED_AT" },
  { name: "to", label: "To", kind: "instant", column: "STARTED_AT" },
  flag("isLead", "Is Lead", "IS_LEAD", "Leads", "No leads"),
  flag("isOpportunity", "Is Opportunity", "IS_OPPORTUNITY", "Opportunities", "No opportunities"),
  flag("isTest", "Is Test", "IS_TEST", "Test sessions", "Live sessions"),
  flag("isTodo", "Is Todo", "IS_TODO", "To do", "Nothing to do"),
  flag("isArchived", "Is Archived", "IS_ARCHIVED", "Archived", "Not archived"),
  choices("humanAssessments", "Human Assessment", "HUMAN_ASSESSMENT", { ...ASSESSMENTS, NONE: "None yet" }, "humanAssessment"),
  choices("autoAssessments", "Auto Assessment", "AUTO_ASSESSMENT", ASSESSMENTS),
  choices("channels", "Channel", "CHANNEL", CHANNELS),
  choices("sessionLengths", "Session Length", "SESSION_LENGTH", LENGTHS),
  { ...choices("integrations", "Integration", "INTEGRATION"), options: "integrations" },
  { ...choices("connectors", "Connector", "CONNECTOR"), options: "connectors" },
  { ...choices("sessionTypes", "Session Type", "SESSION_TYPE"), options: "sessionTypes" },
  { ...choices("agents", "Agent", "AGENT"), options: "agents", further: true },
  { ...choices("stars", "Conversation Quality", "CONVERSATION_QUALITY", STARS, "conversationQuality"), further: true },
  { ...choices("assessments", "Assessment that counts", "ASSESSMENT", ASSESSMENTS, "assessment"), further: true },
  { ...flag("workingHours", "Working Hours", "WORKING_HOURS", "In working hours", "Outside working hours"), further: true },
  { ...flag("isDone", "Is Done", "IS_DONE", "Done", "Not done"), further: true },
  { ...choices("tags", "Tag", "TAGS", undefined, "tags"), options: "tags", further: true },
];

function flag(name, label, column, yes, no) {
  return {
    name,
    label,
    kind: "flag",
    column,
    words: { true: yes, false: no },
    edits: name === "workingHours" ? undefined : name,
  };
}

function choices(name, label, column, words, edits) {
  return { name, label, kind: "choices", column, words, edits };
}

const BY_NAME = new Map(FIELDS.map((field) => [field.name, field]));

/** @param {string} name @returns {Field | undefined} */
export const fieldOf = (name) => BY_NAME.get(name);

/** The fields that the viewer may filter by; searching is for everybody. @param {string[]} visible */
export const visibleFields = (visible) =>
  FIELDS.filter((field) => field.kind === "text" || visible.includes(field.column));

/** As SessionFilter. Two disjunctions cannot be side by side: each branch of the one has the other. */
export function toGraphQL(filter) {
  const { humanAssessments, stars, ...plain } = filter;
  const made = { ...plain };
  const either = [];
  if (humanAssessments) either.push(humanConditions(humanAssessments));
  if (stars) either.push(stars.map(starCondition));
  for (const branches of either) {
    if (branches.length === 1 && !Object.keys(branches[0]).some((key) => key in made)) Object.assign(made, branches[0]);
    else if (made.anyOf) made.anyOf = made.anyOf.map((branch) => ({ ...branch, anyOf: branches }));
    else made.anyOf = branches;
  }
  return made;
}

function humanConditions(values) {
  const set = values.filter((value) => value !== NONE);
  return [
    ...(set.length ? [{ humanAssessments: set }] : []),
    ...(values.includes(NONE) ? [{ isReviewed: false }] : []),
  ];
}

const starCondition = (value) =>
  value === NONE
    ? { not: { conversationQuality: { from: 1, to: 5 } } }
    : { conversationQuality: { from: Number(value), to: Number(value) } };

/** Whether an edited session is still in the filter, as far as edits decide it. */
export function stillMatches(filter, session) {
  return Object.entries(filter).every(([name, wanted]) => {
    const field = BY_NAME.get(name);
    const actual = field?.edits ? session[field.edits] : undefined;
    if (actual === undefined) return true;
    if (field.kind === "flag") return actual === wanted;
    const values = Array.isArray(actual) ? actual : [String(actual ?? NONE)];
    return values.some((value) => wanted.includes(value));
  });
}

/** What an edited session must tell for `stillMatches`. */
export const editedFields = (filter) =>
  Object.keys(filter)
    .map((name) => BY_NAME.get(name)?.edits)
    .filter(Boolean);

/**
 * One chip for each value: its words, and the filter without it.
 * @returns {{ label: string, without: object }[]}
 */
export function chips(filter, timeZone, agentName) {
  return FIELDS.flatMap((field) => {
    const value = filter[field.name];
    if (value === undefined) return [];
    const { [field.name]: _, ...rest } = filter;
    if (field.kind !== "choices") return [{ label: chipWords(field, value, timeZone), without: rest }];
    return value.map((each) => {
      const others = value.filter((other) => other !== each);
      const words = field.options === "agents" ? agentName(each) : (field.words?.[each] ?? each);
      return { label: `${field.label}: ${words}`, without: others.length ? { ...rest, [field.name]: others } : rest };
    });
  });
}

function chipWords(field, value, timeZone) {
  if (field.kind === "text") return `“${value}”`;
  if (field.kind === "instant") return `${field.label} ${instant(value, timeZone)}`;
  return field.words[value];
}

/** Why a search cannot be asked for yet; null where it can. */
export function searchProblem(text) {
  if (!text || /\p{L}/u.test(text) || (text.match(/\p{Nd}/gu) ?? []).length >= 4) return null;
  return "Type a part of a name, or at least four digits of a phone number.";
}
