/**
 * Values as people read them. Decimals arrive as strings and go to Intl as strings, so none is rounded as a float.
 */

import { localDate, offsetAt } from "./zones.js";

/** @type {Record<string, string>} */
export const ASSESSMENTS = { YES_A: "Yes-A", YES_B: "Yes-B", NO: "No" };
/** @type {Record<string, string>} */
export const CHANNELS = { VOICE: "Voice", SMS: "SMS", CHAT: "Chat" };
/** @type {Record<string, string>} */
export const DIRECTIONS = { INBOUND: "Inbound", OUTBOUND: "Outbound" };
/** @type {Record<string, string>} */
export const LENGTHS = { SHORT: "Short", REGULAR: "Regular", LONG: "Long" };
/** @type {Record<string, string>} */
export const PERIODS = { LAST_24_HOURS: "Last 24 hours", LAST_7_DAYS: "Last 7 days", LAST_30_DAYS: "Last 30 days" };

const DAY = 86_400_000;
const formatters = new Map();

/**
 * @template Formatter
 * @param {new (locale: string | undefined, options: any) => Formatter} kind
 * @param {string | undefined} locale @param {object} options @returns {Formatter}
 */
function formatter(kind, locale, options) {
  const key = JSON.stringify([kind.name, options]);
  if (!formatters.has(key)) formatters.set(key, new kind(locale, options));
  return formatters.get(key);
}

/** @param {Intl.NumberFormatOptions} options */
const number = (options) => formatter(Intl.NumberFormat, undefined, options);

/** @typedef {Intl.StringNumericLiteral | number} Numeric a decimal of the API, or a count */

/** `"1234.50"` → `$1,234.50`. @param {Numeric} value @param {string} currency */
export const money = (value, currency) => number({ style: "currency", currency }).format(value);

/** @param {Numeric} value */
export const ratio = (value) => number({ style: "percent", maximumFractionDigits: 2 }).format(value);

/** @param {Numeric} value */
export const score = (value) => number({ style: "percent", maximumFractionDigits: 1 }).format(value);

/** @param {Numeric} value @param {number} places */
export const decimal = (value, places = 10) => number({ maximumFractionDigits: places }).format(value);

/** @param {Numeric} value */
export const count = (value) => number({}).format(value);

/** `1` → `1 session`, `2` → `2 sessions`. @param {number} value @param {string} noun */
export const counted = (value, noun) => `${count(value)} ${noun}${value === 1 ? "" : "s"}`;

/** Large counts and amounts on an axis: 1.2K. @param {number} value */
export const compact = (value) => number({ notation: "compact", maximumFractionDigits: 1 }).format(value);

/** The change from one figure to another as a share of the first; null if that was 0. @param {Numeric} before @param {Numeric} now */
export function change(before, now) {
  const [old, current] = [Number(before), Number(now)];
  return old ? (current - old) / old : null;
}

/** @param {number} value */
export const signedRatio = (value) =>
  number({ style: "percent", maximumFractionDigits: Math.abs(value) < 0.1 ? 1 : 0, signDisplay: "exceptZero" }).format(
    value,
  );

/** The change of a share in percentage points: +1.3 pp. @param {number} value */
export const points = (value) =>
  `${number({ maximumFractionDigits: 1, signDisplay: "exceptZero" }).format(100 * value)} pp`;

/** A local time, by the server's zones: Intl only writes it. @param {string} iso @param {string} timeZone @param {Intl.DateTimeFormatOptions} options */
const local = (iso, timeZone, options) =>
  formatter(Intl.DateTimeFormat, undefined, { ...options, timeZone: "UTC" }).format(localDate(iso, timeZone));

/** Date and time in a zone. @param {string} iso @param {string} timeZone */
export const instant = (iso, timeZone) =>
  local(iso, timeZone, { year: "numeric", month: "short", day: "numeric", hour: "numeric", minute: "2-digit" });

/** The same without the year, if it is within 300 days: for dense rows. @param {string} iso @param {string} timeZone */
export function shortInstant(iso, timeZone) {
  const recent = Math.abs(Date.now() - Date.parse(iso)) < 300 * DAY;
  return local(iso, timeZone, {
    ...(!recent && { year: "numeric" }),
    month: "short",
    day: "numeric",
    hour: "numeric",
    minute: "2-digit",
  });
}

/** What people call the zone at that time: `PST`, or `UTC-03` if it has no name. @param {string} iso @param {string} timeZone */
export function zoneName(iso, timeZone) {
  const { abbreviation } = offsetAt(Date.parse(iso), timeZone);
  return /^[+-]/.test(abbreviation) ? `UTC${abbreviation}` : abbreviation;
}

/** @param {string} iso @param {string} timeZone */
export const day = (iso, timeZone) => local(iso, timeZone, { weekday: "short", month: "short", day: "numeric" });

/** @param {string} iso @param {string} timeZone */
export const hour = (iso, timeZone) => local(iso, timeZone, { hour: "numeric" });

/** @param {string} iso @param {string} timeZone */
export const clock = (iso, timeZone) => local(iso, timeZone, { hour: "2-digit", minute: "2-digit", second: "2-digit" });

const TEXTS = ["comment", "externalId"];
/** @type {Record<string, string>} */
const WORDS = { true: "Yes", false: "No", ...ASSESSMENTS };

/**
 * A value of an edited field in words, as a session has it or as its history does: `true`, `YES_A`, `["vip"]`.
 * @param {string} field @param {any} value
 */
export function inWords(field, value) {
  if (value === null || value === undefined) return "nothing";
  if (TEXTS.includes(field)) return `“${value}”`;
  const plain = field === "tags" && !Array.isArray(value) ? JSON.parse(value) : value;
  if (Array.isArray(plain)) return plain.join(", ") || "nothing";
  return WORDS[String(plain)] ?? String(plain);
}

const RIGHT_TO_LEFT = /[\p{Script=Arabic}\p{Script=Hebrew}\p{Script=Syriac}\p{Script=Thaana}\p{Script=Nko}]/gu;

/**
 * The direction in which most letters of a text run. The first letter, which `dir="auto"` goes by, may be a foreign name's.
 * @param {string} text
 */
export function directionOf(text) {
  const backwards = text.match(RIGHT_TO_LEFT)?.length ?? 0;
  return backwards && 2 * backwards > (text.match(/\p{L}/gu)?.length ?? 0) ? "rtl" : "ltr";
}

/** `195` → `3:15`. @param {number} seconds */
export function duration(seconds) {
  const [hours, minutes] = [Math.floor(seconds / 3600), Math.floor((seconds % 3600) / 60)];
  const tail = String(seconds % 60).padStart(2, "0");
  return hours ? `${hours}:${String(minutes).padStart(2, "0")}:${tail}` : `${minutes}:${tail}`;
}

/**
 * What the wall clock shows in a zone, as `datetime-local` has it: `2026-11-21T14:03`.
 * @param {string | number} time @param {string} timeZone
 */
export const wallClock = (time, timeZone) =>
  localDate(time, timeZone).toISOString().slice(0, "2026-11-21T14:03".length);

/**
 * The instant at which the wall clock of a zone shows this; of two, the first. Inverse of `wallClock`.
 * @param {string} local @param {string} timeZone
 */
export function fromWallClock(local, timeZone) {
  const wanted = Date.parse(`${local}Z`);
  if (Number.isNaN(wanted)) return null;
  const either = [wanted - DAY, wanted + DAY]
    .map((time) => wanted - offsetAt(time, timeZone).milliseconds)
    .sort((a, b) => a - b);
  const found = either.find((time) => wallClock(time, timeZone) === local) ?? either[1];
  return new Date(found).toISOString().replace(".000Z", "Z");
}
