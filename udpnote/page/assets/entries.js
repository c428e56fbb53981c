/**
 * What an entry of the outbox is: its fields, what its text may be, what is sent of it, and when it is broken.
 *
 * An entry has what the notebook gets (`SENT_FIELDS`), its `client` id, and these fields:
 * - `order`: its key in the database. A later entry has a higher one.
 * - `notebook`: the id of the notebook that it is for; null: the one to which it is sent first.
 * - `note`: the number of the note that it changes, by which people know the note; null: not known, or it changes none.
 * - `state`: `waiting`, `refused` or `erased`; `reason`: what the server has said of it; null: nothing.
 * - `is_sent`: whether it may have been sent; `after`: the `order` of the entry behind which it waits, or null.
 * - `is_undoable`: whether a person can take it back; false if it takes another entry back, or was taken back already.
 *
 * An entry may be broken by a fault of a disk or of a browser, or by a person at the developer's tools. The page never sends such an
 * entry. It shows what is left of it, so that a person can copy and remove it, and sends all others.
 */

/** The most bytes of UTF-8 that a note may have, in any notebook. */
const TEXT_BYTES_MAX = 1 << 20;

/** The fields of an entry that are sent to the notebook. */
const SENT_FIELDS = ["sequence", "kind", "text", "author", "written_at", "utc_offset", "revises", "seen"];

/** An entry of the outbox as it is sent. */
export function sentForm(entry) {
  return Object.fromEntries(SENT_FIELDS.map((field) => [field, entry[field]]));
}

/**
 * Whether `stored`, which the page's server has sent, is this entry of the outbox. To compare the identities is not enough: if the
 * browser's profile was copied, the notebook may have another entry under the same one.
 */
export function isStoredAs(entry, { client, sequence, text, is_cut: isCut }) {
  const isSame = isCut ? entry.text.startsWith(text.slice(0, -1)) : entry.text === text; // a cut text ends with …
  return isSame && entry.client === client && entry.sequence === sequence;
}

/** `text` with U+FFFD in place of each half of a character (a lone surrogate): UTF-8 cannot encode it, so no notebook stores it. */
export function wellFormed(text) {
  return text.replace(/\p{Surrogate}/gu, "\ufffd");
}

export function isTooLong(text) {
  return new TextEncoder().encode(text).length > TEXT_BYTES_MAX;
}

const TIME_MAX = 8.64e21; // in microseconds: a `Date` has no later one

const isText = (value) => typeof value === "string" && wellFormed(value) === value && !isTooLong(value);
const isCount = (value) => Number.isSafeInteger(value) && value >= 0;
const isId = (value) => typeof value === "string" && /^[0-9a-f]{32}$/.test(value);
const isTime = (value) => Number.isInteger(value) && Math.abs(value) <= TIME_MAX;
const isLongCount = (value) => typeof value === "string" && /^[0-9]{16,19}$/.test(value); // more than JavaScript's numbers hold exactly: see docs/page.md
const isSeen = (value) => isCount(value?.number) && isId(value.client) && (isCount(value.sequence) || isLongCount(value.sequence));

/** For each field of an entry, a function that says whether `Outbox` can have kept a value in it. */
const FIELDS = {
  order: Number.isSafeInteger,
  client: isId,
  sequence: isCount,
  kind: (value) => ["note", "revision", "deletion"].includes(value),
  text: isText,
  author: isText,
  written_at: isTime,
  utc_offset: Number.isSafeInteger,
  revises: isCount,
  seen: (value) => value === null || isSeen(value),
  note: (value) => value === null || isCount(value),
  notebook: (value) => value === null || typeof value === "string",
  after: (value) => value === null || Number.isSafeInteger(value),
  state: (value) => ["waiting", "refused", "erased"].includes(value),
  reason: (value) => value === null || typeof value === "string",
};

/** Whether `Outbox` cannot have kept an entry like this one. */
export function isBroken(entry) {
  return !Object.entries(FIELDS).every(([name, isRight]) => isRight(entry[name]));
}

/** `entry` itself or, if it is broken, a note in the state `broken` with what is left of it. */
export function readable(entry) {
  if (!isBroken(entry)) return entry;
  const { order, text, author, written_at: written } = entry;
  return {
    order, kind: "note", state: "broken", reason: null, after: null, notebook: null, client: null, sequence: 0,
    text: wellFormed(typeof text === "string" ? text : described(entry)),
    author: isText(author) ? author : "",
    written_at: isTime(written) ? written : null,
  };
}

function described(value) {
  try {
    return JSON.stringify(value);
  } catch {
    return String(value); // it has a BigInt, or refers to itself
  }
}
