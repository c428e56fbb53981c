/**
 * Finds entries of the outbox that are broken: by a fault of a disk or of a browser, or by a person at the developer's tools. The
 * page never sends them. It shows what is left of them, so that a person can copy and remove it, and sends all others.
 */

import { isTooLong, wellFormed } from "./composer.js";

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
