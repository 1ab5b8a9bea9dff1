/**
 * Local times by the offsets that the API gives. The browser's own time zones may be older than the server's, by which
 * days are counted and reports are written.
 */

/** @typedef {{ start: number, milliseconds: number, abbreviation: string }} Offset in force from `start` on */

const ZONES = `query Zones($names: [String!]) {
  timeZones(names: $names) { name offsets { from seconds abbreviation } }
}`;
/** @type {Offset} */
const UTC = { start: 0, milliseconds: 0, abbreviation: "UTC" };

/** @type {Map<string, Offset[]>} */
const known = new Map();

/**
 * Asks for the zones that are not known yet; without names, for those of the account and the agents. Raises ApiError.
 * @param {import("./api.js").Api} api @param {(string | undefined)[]} [names]
 */
export async function learnZones(api, names) {
  const missing = names && [...new Set(names)].filter((name) => name && !known.has(name));
  if (missing && !missing.length) return;
  const { timeZones } = await api.ask(ZONES, { names: missing ?? null });
  for (const { name, offsets } of timeZones)
    known.set(
      name,
      offsets.map((/** @type {{ from: string, seconds: number, abbreviation: string }} */ offset) => ({
        start: Date.parse(offset.from),
        milliseconds: 1000 * offset.seconds,
        abbreviation: offset.abbreviation,
      })),
    );
}

/** Whether the zone can be shown. @param {string | undefined} name */
export const knowsZone = (name) => !name || known.has(name);

/** The offset of a zone at a time in milliseconds. @param {number} time @param {string} name @returns {Offset} */
export function offsetAt(time, name) {
  const offsets = known.get(name) ?? [UTC];
  return offsets.findLast(({ start }) => start <= time) ?? offsets[0];
}

/** The local time as a Date whose UTC fields show it. @param {string | number} time @param {string} name */
export function localDate(time, name) {
  const instant = Number(new Date(time));
  return new Date(instant + offsetAt(instant, name).milliseconds);
}
