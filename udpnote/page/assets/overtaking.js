/**
 * Finds changes of others that a change of this browser has overtaken: both were written without knowledge of each other, and the
 * notebook has stored the other one first. For example, an edit brings back a note that somebody has deleted meanwhile.
 */

export class Overtaking {
  /** `request` sends a request to the page's server. `showHistory(note)` shows the history of a note by its number. */
  constructor({ request, channel, words, telling, showHistory }) {
    Object.assign(this, { request, channel, words, telling, showHistory });
    channel.on("overtaken", (change) => this.#tell(change));
  }

  /** Look for changes that the `entries` of this browser, which were just stored, have overtaken, and tell all tabs. */
  async check(entries) {
    for (const entry of entries.filter(({ kind, seen }) => kind !== "note" && seen !== null)) {
      const { versions } = await this.request(`/api/notes/${entry.revises}/history`).catch(() => ({ versions: [] }));
      const between = versions.filter(({ number, client }) =>
        number > entry.seen.number && number < entry.number && client !== entry.client);
      const other = between.at(-1);
      if (!other || other.kind === "erased" || (other.kind === "deletion" && entry.kind === "deletion")) continue;
      const note = versions[0].kind === "note" ? versions[0].number : entry.revises;
      this.channel.say("overtaken", { note, author: other.author, kind: other.kind, isDeletion: entry.kind === "deletion" });
    }
  }

  /** Say what has happened to the note, until the person closes the notice. */
  #tell({ note, author, kind, isDeletion }) {
    const { words, telling } = this;
    const ofEdit = isDeletion ? "overtaken_by_deletion" : "overtaken_edit";
    const sentence = kind === "deletion" ? "overtaken_deletion" : ofEdit;
    const name = `overtaken-${note}`;
    const close = () => telling.notice(name, null);
    const history = () => {
      close();
      this.showHistory({ number: note });
    };
    telling.notice(name, words.say(sentence, { number: `#${note}`, author: author || words.say("nobody") }), null,
      { text: words.say("history"), act: history }, { text: words.say("close"), act: close });
  }
}
