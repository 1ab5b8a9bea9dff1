/**
 * Values as people read them. Decimals arrive as strings and go to Intl as strings: nothing is rounded on the way.
 */

export const ASSESSMENTS = { YES_A: "Yes-A", YES_B: "Yes-B", NO: "No" };
export const CHANNELS = { VOICE: "Voice", SMS: "SMS", CHAT: "Chat" };
export const LENGTHS = { SHORT: "Short", REGULAR: "Regular", LONG: "Long" };
export const PERIODS = { LAST_24_HOURS: "Last 24 hours", LAST_7_DAYS: "Last 7 days", LAST_30_DAYS: "Last 30 days" };

const DAY = 86_400_000;
const formatters = new Map();

function formatter(kind, locale, options) {
  const key = JSON.stringify([kind.name, options]);
  if (!formatters.has(key)) formatters.set(key, new kind(locale, options));
  return formatters.get(key);
}

const number = (options) => formatter(Intl.NumberFormat, undefined, options);

/** `"1234.50"` → `$1,234.50`; with `short`, without cents. @param {string} text @param {string} currency */
export function money(text, currency, short = false) {
  return number({ style: "currency", currency, ...(short && { maximumFractionDigits: 0 }) }).format(text);
}

export const ratio = (text) => number({ style: "percent", maximumFractionDigits: 2 }).format(text);
export const score = (text) => number({ style: "percent", maximumFractionDigits: 1 }).format(text);
export const decimal = (text, places = 10) => number({ maximumFractionDigits: places }).format(text);
export const count = (value) => number({}).format(value);

/** `1` → `1 session`, `2` → `2 sessions`. */
export const counted = (value, noun) => `${count(value)} ${noun}${value === 1 ? "" : "s"}`;

/** Large counts and amounts on an axis: 1.2K. */
export const compact = (value) => number({ notation: "compact", maximumFractionDigits: 1 }).format(value);

/** The change from one figure to another as a share of the first; null where there was nothing. */
export function change(before, now) {
  const [old, current] = [Number(before), Number(now)];
  return old ? (current - old) / old : null;
}

export const signedRatio = (value) =>
  number({ style: "percent", maximumFractionDigits: Math.abs(value) < 0.1 ? 1 : 0, signDisplay: "exceptZero" }).format(
    value,
  );

/** The change of a share in percentage points: +1.3 pp. */
export const points = (value) =>
  `${number({ maximumFractionDigits: 1, signDisplay: "exceptZero" }).format(100 * value)} pp`;

/** Date and time in a zone. @param {string} iso @param {string} timeZone */
export function instant(iso, timeZone) {
  const options = { year: "numeric", month: "short", day: "numeric", hour: "numeric", minute: "2-digit", timeZone };
  return formatter(Intl.DateTimeFormat, undefined, options).format(new Date(iso));
}

/** The same without the year where it is this one: for dense rows. */
export function shortInstant(iso, timeZone) {
  const date = new Date(iso);
  const recent = Math.abs(Date.now() - date) < 300 * DAY;
  const options = {
    ...(!recent && { year: "numeric" }),
    month: "short",
    day: "numeric",
    hour: "numeric",
    minute: "2-digit",
    timeZone,
  };
  return formatter(Intl.DateTimeFormat, undefined, options).format(date);
}

/** What people call the zone at that time: `PST`. */
export function zoneName(iso, timeZone) {
  const parts = formatter(Intl.DateTimeFormat, undefined, { timeZoneName: "short", timeZone }).formatToParts(
    new Date(iso),
  );
  return parts.find((part) => part.type === "timeZoneName").value;
}

export function day(iso, timeZone, options = { weekday: "short", month: "short", day: "numeric" }) {
  return formatter(Intl.DateTimeFormat, undefined, { ...options, timeZone }).format(new Date(iso));
}

export const hour = (iso, timeZone) =>
  formatter(Intl.DateTimeFormat, undefined, { hour: "numeric", timeZone }).format(new Date(iso));

export const clock = (iso, timeZone) =>
  formatter(Intl.DateTimeFormat, undefined, { hour: "2-digit", minute: "2-digit", second: "2-digit", timeZone }).format(
    new Date(iso),
  );

const TEXTS = ["comment", "externalId"];

/** A value of an edited field in words, as a session has it or as its history does: `true`, `YES_A`, `["vip"]`. */
export function inWords(field, value) {
  if (value === null || value === undefined) return "nothing";
  if (TEXTS.includes(field)) return `“${value}”`;
  const plain = field === "tags" && !Array.isArray(value) ? JSON.parse(value) : value;
  if (Array.isArray(plain)) return plain.join(", ") || "nothing";
  return { true: "Yes", false: "No", ...ASSESSMENTS }[plain] ?? String(plain);
}

const RIGHT_TO_LEFT = /[\p{Script=Arabic}\p{Script=Hebrew}\p{Script=Syriac}\p{Script=Thaana}\p{Script=Nko}]/gu;

/** Which way most of a text's letters run. Its first letter, which `dir="auto"` goes by, may be a foreign name's. */
export function directionOf(text) {
  const backwards = text.match(RIGHT_TO_LEFT)?.length ?? 0;
  return backwards && 2 * backwards > text.match(/\p{L}/gu).length ? "rtl" : "ltr";
}

/** `195` → `3:15`. */
export function duration(seconds) {
  const [hours, minutes] = [Math.floor(seconds / 3600), Math.floor((seconds % 3600) / 60)];
  const tail = String(seconds % 60).padStart(2, "0");
  return hours ? `${hours}:${String(minutes).padStart(2, "0")}:${tail}` : `${minutes}:${tail}`;
}

/** What the wall clock shows in a zone, as `datetime-local` has it: `2026-11-21T14:03`. */
export function wallClock(iso, timeZone) {
  const options = {
    year: "numeric",
    month: "2-digit",
    day: "2-digit",
    hour: "2-digit",
    minute: "2-digit",
    hourCycle: "h23",
    timeZone,
  };
  const parts = formatter(Intl.DateTimeFormat, "en-US", options).formatToParts(new Date(iso));
  const part = (type) => parts.find((each) => each.type === type).value;
  return `${part("year")}-${part("month")}-${part("day")}T${part("hour")}:${part("minute")}`;
}

/** The instant at which the wall clock of a zone shows this; of two, the first. Inverse of `wallClock`. */
export function fromWallClock(local, timeZone) {
  const wanted = Date.parse(`${local}Z`);
  if (Number.isNaN(wanted)) return null;
  const offset = (time) => Date.parse(`${wallClock(time, timeZone)}Z`) - time;
  const either = [wanted - DAY, wanted + DAY].map((time) => wanted - offset(time)).sort((a, b) => a - b);
  const found = either.find((time) => wallClock(time, timeZone) === local) ?? either[1];
  return new Date(found).toISOString().replace(".000Z", "Z");
}
