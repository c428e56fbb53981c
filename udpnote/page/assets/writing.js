/** Puts what a person writes, edits and deletes into the outbox. Sending it is the work of the `Sender`. */

import { isTooLong } from "./entries.js";
import { EntryGone, draftName } from "./outbox.js";
import { lastNotebook } from "./settings.js";

export class Writing {
  /**
   * `author` is the `Author`. `notebookId()` is the id of the notebook that the page shows, or undefined. `onWritten()` is called
   * when a new note is in the outbox. `wholeNote` is the method of `Menus`.
   */
  constructor({ words, author, outbox, composer, waiting, telling, notebookId, onWritten, wholeNote }) {
    Object.assign(this, { words, author, outbox, composer, waiting, telling, notebookId, onWritten, wholeNote });
  }

  /** All fields of an entry that is written now: `fields`, and the author, the time and the notebook. */
  change(fields) {
    const now = new Date();
    return {
      author: this.author.name ?? "", written_at: now.getTime() * 1000, utc_offset: -now.getTimezoneOffset(),
      notebook: this.notebookId() ?? lastNotebook()?.id ?? null, ...fields,
    };
  }

  /** Let the outbox keep what the composer has. Returns whether it is kept. */
  async write({ id, text, editing }) {
    const { words, outbox, composer, telling } = this;
    if (isTooLong(text)) {
      telling.notice("writing", words.say("too_long"));
      return false;
    }
    if (!(await this.#isSigned())) return false;
    const draft = draftName(id, text);
    try {
      if (editing?.order) {
        await outbox.revise(editing.order, this.change({ text }), { draft });
      } else if (editing) {
        const { seen, note } = editing;
        await outbox.add(this.change({ kind: "revision", text, revises: seen.number, seen, note }), { draft });
      } else {
        await outbox.add(this.change({ kind: "note", text }), { draft });
      }
    } catch (error) {
      if (error instanceof EntryGone) {
        composer.endEditing({ keepsText: true });
        telling.notice("writing", words.say("edit_gone"));
        return false;
      }
      console.warn("udpnote: not kept", error);
      telling.notice("writing", words.say("not_kept"));
      return false;
    }
    telling.notice("writing", null);
    if (!editing) this.onWritten();
    this.waiting.askForStorage();
    return true;
  }

  /** Whether it is known who writes: no notebook takes an entry without an author. Asks if necessary. */
  async #isSigned() {
    return Boolean(this.author.name) || this.author.ask();
  }

  /** Let a person edit the stored `note` in the composer. */
  async edit(note) {
    const whole = note.is_cut ? await this.wholeNote(note.number) : (await this.#withLatest(note)) ?? note;
    if (!whole) return; // the server does not answer, and the person was told so
    const editing = { seen: seenIn(whole), note: note.number };
    this.composer.edit(editing, this.words.say("editing", { number: `#${note.number}` }), whole.text);
  }

  /** If `entry` of somebody else has changed the note that is edited, say what happens when the person saves the text. */
  noteChange({ note, kind, number, client, sequence }) {
    const { words, composer, waiting } = this;
    const editing = composer.draft.editing;
    if (!editing || editing.note !== note || waiting.ownClients.has(client)) return;
    const isDeletion = kind === "deletion"; // the sentence tells all of a deletion, so it counts as seen. An edit does not
    composer.noteEdited(isDeletion ? { seen: { number, client, sequence } } : {},
      words.say(isDeletion ? "editing_deleted" : "editing_edited", { number: `#${note}` }));
  }

  /** Delete the stored `note`, and offer to take that back with `undo`. */
  async delete(note, undo) {
    const { words, telling } = this;
    if (!(await this.#isSigned())) return;
    const latest = await this.#withLatest(note);
    const seen = seenIn(latest?.version === note.version ? latest : note);
    try {
      await this.outbox.add(this.change({ kind: "deletion", text: "", revises: seen.number, seen, note: note.number }));
    } catch {
      telling.notice("writing", words.say("not_kept_deletion"));
      return;
    }
    const number = `#${note.number}`;
    const said = document.body.classList.contains("away") ? words.say("deleted_later", { number }) : words.say("deleted", { number });
    telling.toast(said, { text: words.say("undo"), act: undo });
  }

  /**
   * `note` with the identity of its latest version. A list has that identity only for notes that were not edited. For others this
   * asks the server. Null if there is no answer: then the change names the first version, as if the person had seen no edit.
   */
  async #withLatest(note) {
    if (note.latest || note.version === note.number) return note;
    return document.body.classList.contains("away") ? null : this.wholeNote(note.number, { isQuiet: true });
  }
}

/**
 * What identifies the version of a note that the person has seen: the latest one or, if its identity is not known, the first. A
 * number alone is not enough: after the notebook was restored from an older copy, another note may have it.
 */
function seenIn({ latest, number, client, sequence }) {
  return latest ?? { number, client, sequence };
}
