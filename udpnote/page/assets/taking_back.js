/**
 * Takes back the last own write: deletes a new note, brings back the text before an edit, or brings back a deleted note.
 *
 * A note that somebody else has changed since stays as it is. Each method returns the name of a sentence in words.js.
 */

export class TakingBack {
  /** `request` sends a request to the page's server. `change(fields)` returns all fields of an entry that is written now. */
  constructor({ outbox, request, change }) {
    Object.assign(this, { outbox, request, change });
  }

  /** Take back the last write of this browser. */
  async last() {
    const write = await this.outbox.lastWrite();
    if (write === null) return "undo_nothing";
    if (!write.number) return this.waiting(write);
    return this.#stored(write);
  }

  /** Take back an entry that waits in the outbox. */
  async waiting({ order, kind }) {
    const changed = await this.outbox.takeBack(order, this.change({}));
    if (changed) return "undone";
    return kind === "deletion" ? "undo_of_waiting_deletion" : "undo_of_waiting_revision";
  }

  /** Take back a write that is stored under the `number` of `write`. */
  async #stored(write) {
    let versions;
    try {
      ({ versions } = await this.request(`/api/notes/${write.number}/history`));
    } catch (failure) {
      return failure.status === 404 ? "gone" : "undo_failed";
    }
    const place = versions.findIndex((version) => version.number === write.number);
    if (place === -1 || versions[place].client !== write.client || versions[place].sequence !== write.sequence) return "gone";
    // What this browser has written to the note since is taken back already: otherwise that would be the last write.
    if (versions.slice(place).some((version) => version.client !== write.client)) return "undo_changed";
    const { number, client, sequence } = versions.at(-1);
    const seen = { number, client, sequence };
    const isNote = write.kind === "note";
    if (!isNote && versions[place - 1]?.is_cut) return "undo_of_cut"; // a revision with its text would lose the rest of it
    const entry = isNote ? { kind: "deletion", text: "" } : before(versions.slice(0, place));
    if (entry === null) return "gone";
    const note = write.note ?? (isNote ? write.number : null);
    const fields = this.change({ ...entry, revises: number, seen, note, notebook: write.notebook });
    return (await this.outbox.add(fields, { undoes: write.order })) ? "undone" : "undo_nothing";
  }
}

/** The change that brings back the latest of these `versions` of a note; null if its text was erased. */
function before(versions) {
  const last = versions.at(-1);
  if (!last || last.kind === "erased") return null;
  return last.kind === "deletion" ? { kind: "deletion", text: "" } : { kind: "revision", text: last.text };
}
