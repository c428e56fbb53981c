/**
 * The outbox: entries that were written in this browser and may not be stored yet, each under its own identity.
 *
 * The identity of an entry is its client id (16 random bytes) and its sequence number. Only the third rule below changes it. One
 * transaction allots the sequence number and keeps the text. Only after that may the entry be sent. Sending it again is harmless,
 * whatever happens to an answer, this page or the servers: the notebook stores each identity once.
 *
 * Three rules follow, and each method obeys them:
 * - The text of an entry that may have been sent (`is_sent`) never changes, and the entry stays until it is answered.
 *   A later edit or deletion of it waits behind it (`after`) until the number of the note is known.
 * - An entry counts as stored, and leaves the outbox, only when the notebook has stored exactly its identity.
 * - If the browser's profile was copied, the notebook may have another entry under the identity of one here. Then this entry and
 *   all that were never sent get a new identity. All that were sent, and are not answered yet, keep theirs: under a new one they
 *   might be stored twice.
 */

import { result } from "./database.js";
import { isBroken, readable } from "./entries.js";

/** The most entries of a request that the page's server accepts, and the most characters of several entries in one request. */
export const BATCH_ENTRIES_MAX = 100;
export const BATCH_CHARACTERS_MAX = 1 << 18;

/** How many names of drafts are remembered, so that no draft becomes two entries. */
const DRAFTS_MAX = 50;

/** How many stored entries of this browser are remembered as own writes, so that a person can take them back. */
const WRITES_MAX = 50;

/** 16 random bytes in hexadecimal digits. `crypto.randomUUID` does not exist over plain HTTP; this does. */
export function randomId(crypto) {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** A name for the draft `id` with this `text`. If two tabs show one draft and its text differs, the names differ, too. */
export function draftName(id, text) {
  let hash = 0x811c9dc5; // FNV-1a: this compares texts of one person, not of an attacker
  for (let place = 0; place < text.length; place += 1) hash = Math.imul(hash ^ text.charCodeAt(place), 0x01000193);
  return `${id} ${text.length} ${hash >>> 0}`;
}

/** The entry that is edited does not wait any more: it was refused or erased, or a person has taken it back. */
export class EntryGone extends Error {}

export class Outbox {
  /** `newId()` returns a client id that no other browser has. `onChange` is called after each change. */
  constructor(database, newId, onChange = () => {}) {
    this.database = database;
    this.newId = newId;
    this.onChange = onChange;
  }

  /** All entries, the oldest first, each as `readable` returns it. */
  async entries() {
    const all = await this.database.transact("readonly", (transaction) => result(transaction.objectStore("entries").getAll()));
    return all.map(readable);
  }

  /**
   * Keep an entry until it is sent and stored, and return it with its identity.
   *
   * `entry` has the fields kind, text, author, written_at, utc_offset, revises, seen, and notebook (an id; null: not known yet).
   * `draft` is the name of the draft in which the entry was written. A second entry from one draft is not kept, and null is
   * returned. So two presses of Enter, or two tabs with the same draft, write one note. `undoes` is the `order` of the own write
   * (see `WRITES_MAX`) that the entry takes back. If that was taken back already, null is returned.
   */
  add(entry, { draft = null, undoes = null } = {}) {
    return this.#change(async (transaction) => {
      if (draft !== null && !(await remember(transaction, "drafts", draft, DRAFTS_MAX))) return null;
      if (undoes !== null && !(await forgetWrite(transaction, undoes))) return null;
      return this.#append(transaction, { ...entry, is_undoable: undoes === null });
    });
  }

  /**
   * Give the waiting note or revision `order` another text. Returns the entry with this text.
   *
   * The text of an entry that was never sent is replaced. Otherwise a revision is added behind the entry. `draft` is as in `add`.
   * Throws `EntryGone`, and changes nothing, if the entry was refused, erased or removed.
   */
  revise(order, change, { draft = null } = {}) {
    return this.#change(async (transaction) => {
      if (draft !== null && !(await remember(transaction, "drafts", draft, DRAFTS_MAX))) return null;
      const entry = await find(transaction, order);
      if (entry && entry.state === "waiting" && !entry.is_sent) {
        const changed = { ...entry, text: change.text, author: change.author };
        await result(transaction.objectStore("entries").put(changed));
        return changed;
      }
      const added = await this.#appendAfter(transaction, order, entry, { ...change, kind: "revision" });
      if (added === null) throw new EntryGone();
      return added;
    });
  }

  /**
   * Take back the waiting entry `order`. Returns what was removed or added; null if it cannot be taken back now.
   *
   * An entry that was never sent is removed. Behind a note that may have been sent, a deletion with the fields `change` is added.
   * A revision or deletion that may have been sent must be answered first: only the notebook knows what was there before.
   */
  takeBack(order, change) {
    return this.#change(async (transaction) => {
      const entry = await find(transaction, order);
      if (entry && entry.state === "waiting" && !entry.is_sent) {
        await drop(transaction, entry);
        return entry;
      }
      const write = entry ?? (await list(transaction, "writes")).find((each) => each.order === order);
      if (!write || write.kind !== "note") return null;
      if (entry) await result(transaction.objectStore("entries").put({ ...entry, is_undoable: false }));
      const deletion = { ...change, kind: "deletion", text: "", is_undoable: false };
      const added = await this.#appendAfter(transaction, order, entry, deletion);
      if (!entry) await forgetWrite(transaction, order);
      return added;
    });
  }

  /** Remove the refused, erased or broken entry `order`, after a person has read why. What waits behind it is refused. */
  dismiss(order) {
    return this.#change(async (transaction) => {
      const entry = await find(transaction, order);
      if (!entry || (entry.state === "waiting" && !isBroken(entry))) return;
      const waiting = (await followers(transaction, order)).filter(({ state }) => state === "waiting");
      for (const other of waiting) await refuse(transaction, other, { state: "refused", kind: null, reason: null });
      await result(transaction.objectStore("entries").delete(order));
    });
  }

  /**
   * Return the next entries to send to the notebook with the id `notebook`: of one client id, in the order of their sequence numbers.
   *
   * They are marked as sent, in a transaction that is complete before this returns. Entries for another notebook stay. Entries
   * without a notebook belong to this notebook from now on.
   */
  async take(notebook, entriesMax = BATCH_ENTRIES_MAX) {
    const batch = [];
    await this.database.transact("readwrite", async (transaction) => {
      let characters = 0;
      await eachEntry(transaction, (entry) => {
        if (isBroken(entry)) return null;
        const isDue = entry.state === "waiting" && entry.after === null && [null, notebook].includes(entry.notebook);
        if (!isDue || (batch.length > 0 && entry.client !== batch[0].client)) return null;
        characters += entry.text.length + entry.author.length;
        if (batch.length === entriesMax || (batch.length > 0 && characters > BATCH_CHARACTERS_MAX)) return END;
        const marked = { ...entry, notebook, is_sent: true };
        batch.push(marked);
        return entry.is_sent && entry.notebook ? null : marked;
      });
    });
    return batch;
  }

  /**
   * Note the outcomes of a batch that `take` has returned, and return the entries that are stored, with their numbers.
   *
   * Each outcome has the sequence number of its entry, a state, the number of a stored entry, and a reason.
   */
  async settle(batch, outcomes) {
    const bySequence = new Map(outcomes.map((outcome) => [outcome.sequence, outcome]));
    const stored = [];
    await this.#change(async (transaction) => {
      const conflicting = new Set();
      for (const sent of batch) {
        const outcome = bySequence.get(sent.sequence);
        const entry = await find(transaction, sent.order);
        // Another tab may have got the same answer, and have given the entry a new identity.
        if (!outcome || !entry || entry.client !== sent.client || entry.sequence !== sent.sequence) continue;
        if (outcome.state === "stored" && Number.isSafeInteger(outcome.number) && outcome.number > 0) {
          await this.#noteStored(transaction, entry, outcome.number);
          stored.push({ ...entry, number: outcome.number });
        } else if (outcome.state === "conflict") {
          conflicting.add(entry.order);
        } else if (outcome.state === "refused" || outcome.state === "erased") {
          await refuse(transaction, entry, outcome);
        } else {
          await result(transaction.objectStore("entries").put({ ...entry, reason: outcome.reason ?? null }));
        }
      }
      if (conflicting.size > 0) await this.#renew(transaction, conflicting);
    });
    return stored;
  }

  /** The latest own write that can be taken back: a waiting entry, or a stored one with its `number`. Null if there is none. */
  lastWrite() {
    return this.database.transact("readonly", async (transaction) => {
      const writes = await list(transaction, "writes");
      const entries = await result(transaction.objectStore("entries").getAll());
      const isOwnWrite = (entry) => entry.state === "waiting" && entry.is_undoable && !isBroken(entry);
      const candidates = [...writes, ...entries.filter(isOwnWrite)];
      return candidates.reduce((last, entry) => (last && last.order > entry.order ? last : entry), null);
    });
  }

  /** Call `work` with a transaction that may write, then `onChange`. Returns what `work` has returned. */
  async #change(work) {
    const returned = await this.database.transact("readwrite", work);
    this.onChange();
    return returned;
  }

  /** Give `entry` the next identity, and keep it. Returns the whole entry. */
  async #append(transaction, entry) {
    const known = await fact(transaction, "identity");
    const isWhole = typeof known?.client === "string" && Number.isSafeInteger(known.next);
    const identity = isWhole ? known : { client: this.newId(), next: 1 };
    const kept = {
      after: null, seen: null, revises: 0, note: null, notebook: null, is_undoable: true,
      ...entry,
      client: identity.client, sequence: identity.next, state: "waiting", is_sent: false, reason: null,
    };
    await setFact(transaction, "identity", { ...identity, next: identity.next + 1 });
    kept.order = await result(transaction.objectStore("entries").add(kept));
    return kept;
  }

  /**
   * Add a change of the entry `order`. If `entry` still waits, the change waits behind it. If it is undefined, it has left the
   * outbox: then the change names the number of the stored entry. Returns null if the entry was refused or erased, or is unknown.
   */
  async #appendAfter(transaction, order, entry, change) {
    if (entry) {
      if (entry.state !== "waiting") return null;
      return this.#append(transaction, { ...change, notebook: entry.notebook, after: order });
    }
    const write = (await list(transaction, "writes")).find((each) => each.order === order);
    if (!write) return null;
    return this.#append(transaction, { ...change, notebook: write.notebook, ...seenAs(write, write.number) });
  }

  /** Remove `entry`, which is stored under `number`. Remember it as an own write, and let the changes behind it be sent. */
  async #noteStored(transaction, entry, number) {
    const store = transaction.objectStore("entries");
    await result(store.delete(entry.order));
    if (entry.is_undoable) {
      const { order, notebook, client, sequence, kind, revises, note } = entry;
      await remember(transaction, "writes", { order, notebook, client, sequence, kind, revises, note, number }, WRITES_MAX);
    }
    await eachEntry(transaction, (other) =>
      other.after === entry.order ? { ...other, after: null, ...seenAs(entry, number) } : null,
    );
  }

  /** Give the `conflicting` entries, and all entries that were never sent, a new client id, and sequence numbers from 1 on. */
  async #renew(transaction, conflicting) {
    const client = this.newId();
    let next = 1;
    await eachEntry(transaction, (entry) => {
      if (entry.state !== "waiting" || (entry.is_sent && !conflicting.has(entry.order))) return null;
      return { ...entry, client, sequence: next++, is_sent: false };
    });
    await setFact(transaction, "identity", { client, next });
  }
}

/** Fields for a change of an entry that is stored under `number`: which entry it changes, and the number of the note. */
function seenAs({ client, sequence, note }, number) {
  return { revises: number, seen: { number, client, sequence }, note: note ?? number };
}

function find(transaction, order) {
  return result(transaction.objectStore("entries").get(order));
}

/** The value that the outbox remembers under `name`, besides entries; undefined if there is none. */
function fact(transaction, name) {
  return result(transaction.objectStore("facts").get(name));
}

/** The remembered list `name`; empty if there is none, or if it is broken. */
async function list(transaction, name) {
  const values = await fact(transaction, name);
  return Array.isArray(values) ? values : [];
}

function setFact(transaction, name, value) {
  return result(transaction.objectStore("facts").put(value, name));
}

/** Append `value` to the list `name`, and keep the last `countMax` values of it. Returns false if `value` is there already. */
async function remember(transaction, name, value, countMax) {
  const values = await list(transaction, name);
  if (values.includes(value)) return false;
  await setFact(transaction, name, [...values, value].slice(-countMax));
  return true;
}

/** Forget the own write `order`. Returns false if it is not remembered, for example because it was taken back already. */
async function forgetWrite(transaction, order) {
  const writes = await list(transaction, "writes");
  if (!writes.some((write) => write.order === order)) return false;
  await setFact(transaction, "writes", writes.filter((write) => write.order !== order));
  return true;
}

/** A function that `eachEntry` calls returns this to get no further entries. */
const END = Symbol("end");

/**
 * Call `change` with each entry, the oldest first, until it returns `END`. If it returns null, the entry stays as it is. Any other
 * result is kept in place of the entry.
 */
function eachEntry(transaction, change) {
  return new Promise((resolve, reject) => {
    const request = transaction.objectStore("entries").openCursor();
    request.onerror = () => reject(request.error);
    request.onsuccess = () => {
      const cursor = request.result;
      const changed = cursor ? change(cursor.value) : END;
      if (changed === END) return resolve();
      if (changed !== null) cursor.update(changed);
      cursor.continue();
    };
  });
}

/** Mark an entry as refused or erased (`state`), and also the changes behind it, which can never be sent. Remove deletions there. */
async function refuse(transaction, entry, { state, kind, reason }) {
  await result(transaction.objectStore("entries").put({ ...entry, state, reason: reason ?? null, reason_kind: kind }));
  for (const other of await followers(transaction, entry.order)) {
    if (other.kind === "deletion") await drop(transaction, other);
    else await refuse(transaction, other, { state, kind, reason });
  }
}

/** Remove an entry, and the changes that wait behind it. */
async function drop(transaction, entry) {
  await result(transaction.objectStore("entries").delete(entry.order));
  for (const other of await followers(transaction, entry.order)) await drop(transaction, other);
}

/** The entries that wait behind the entry `order`. */
async function followers(transaction, order) {
  return (await result(transaction.objectStore("entries").getAll())).filter((other) => other.after === order);
}
