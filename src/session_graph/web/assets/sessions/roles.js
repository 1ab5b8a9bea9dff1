/**
 * What a role may do and read besides the columns that `viewer.visibleColumns` tells.
 * The API does not tell these: this is docs/access.md again, for showing what will work; the API decides.
 */

const EDITORS = ["BUILDER", "ADMIN"];
const STAFF = [...EDITORS, "PORTAL"];
const READERS = [...STAFF, "PARTNER"];

const EDITS = {
  isArchived: EDITORS,
  isLead: EDITORS,
  isOpportunity: EDITORS,
  isTest: EDITORS,
  humanAssessment: EDITORS,
  tags: EDITORS,
  isTodo: STAFF,
  isDone: STAFF,
  conversationQuality: STAFF,
  comment: STAFF,
  externalId: [...EDITORS, "PARTNER"],
};

const FIGURES = {
  totalSessionCount: READERS,
  totalLeadCount: READERS,
  totalLeadValue: READERS,
  totalOpportunityCount: READERS,
  totalOpportunityValue: READERS,
  totalAdditionalDealCount: STAFF,
  totalAsr: STAFF,
  opportunitySuccessScore: STAFF,
  conversationSuccessScore: STAFF,
  leadSuccessScore: READERS,
};

const OPTIONS = { sessionTypes: "SESSION_TYPE", integrations: "INTEGRATION", connectors: "CONNECTOR", tags: "TAGS" };

export const WORDS = { BUILDER: "Builder", ADMIN: "Admin", PORTAL: "Portal", PARTNER: "Partner", RECORDER: "Recorder" };

/** Whether the role may set this field of a session. */
export const mayEdit = (role, field) => EDITS[field]?.includes(role) ?? false;

/** Whether the role may read this figure of a dashboard. */
export const mayReadFigure = (role, figure) => FIGURES[figure].includes(role);

/** The lists of `filterOptions` that the role may read. */
export const readableOptions = (visibleColumns) =>
  Object.keys(OPTIONS).filter((name) => visibleColumns.includes(OPTIONS[name]));

/** Whether the role reads sessions at all. */
export const readsSessions = (role) => READERS.includes(role);
