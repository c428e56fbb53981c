/** The menu, and what a person can do with a note: the actions and the dialogs that these open. */

import { request } from "./api.js";
import { copyText, make } from "./dom.js";

export class Menus {
  /** The number of the note whose history is shown, or null. */
  #history = null;

  /** How often that history was loaded again. */
  #renewals = 0;

  /** `page` is the `Page`: the menus lead to all of its parts. */
  constructor(page) {
    this.page = page;
  }

  /** Show what can be done with `note`. */
  showActions(note) {
    const { words, sheets, writing } = this.page;
    const canWrite = !document.body.classList.contains("read-only");
    sheets.actions(words.say("actions_title", { number: `#${note.number}` }), [
      canWrite && { iconName: "edit", text: words.say("edit"), act: () => writing.edit(note) },
      { iconName: "copy", text: words.say("copy"), act: () => this.#copyNote(note) },
      { iconName: "history", text: words.say("history"), act: () => this.showHistory(note) },
      canWrite && { iconName: "delete", text: words.say("delete"), act: () => writing.delete(note, () => this.#undo()), isBad: true },
    ]);
  }

  /** Show the menu of the page. */
  showMenu() {
    const { words, sheets, author, waiting, notebook } = this.page;
    const { state } = notebook;
    const name = author.name ? words.say("writes_as", { author: author.name }) : words.say("say_who");
    const isOpen = !state.needs_code;
    const canWrite = !document.body.classList.contains("read-only");
    sheets.actions(words.say("menu"), [
      canWrite && { iconName: "person", text: name, act: () => author.ask() },
      canWrite && isOpen && { iconName: "undo", text: words.say("undo_last"), act: () => this.#undo() },
      waiting.texts.length > 0 && { iconName: "copy", text: words.say("copy_waiting"), act: () => waiting.copyAll() },
      isOpen && { iconName: "tag", text: words.say("tags"), act: () => this.#showTags() },
      isOpen && { iconName: "calendar", text: words.say("calendar"), act: () => sheets.calendar() },
      isOpen && { iconName: "export", text: words.say("export"), act: () => sheets.exports() },
      isOpen && state.notebook?.sealed && { iconName: "lock", text: words.say("end_session"), act: () => notebook.endSession() },
    ], state.version ? make("p", { className: "hint", text: words.say("about", { version: state.version }) }) : "");
  }

  /** Show the history of a note. The promise is fulfilled when the person closes it. */
  async showHistory({ number }) {
    const { sheets, builder } = this.page;
    const answer = await this.#ask(`/api/notes/${number}/history`);
    if (!answer) return;
    this.#history = number;
    await sheets.history(number, answer.versions, builder);
    this.#history = null;
  }

  /**
   * If the history of the note `number` is shown, load it again: a version may be new, or may have been erased. If `number` is
   * null, any note may have changed.
   */
  async renewHistory(number) {
    const shown = this.#history;
    if (shown === null || (number !== null && number !== shown)) return;
    this.#renewals += 1;
    const renewal = this.#renewals;
    const answer = await request(`/api/notes/${shown}/history`).catch((failure) => failure);
    if (shown !== this.#history || renewal !== this.#renewals) return; // a later answer counts
    const { sheets, builder } = this.page;
    if (answer.versions) sheets.fillHistory(answer.versions, builder);
    else if ([401, 404, 410].includes(answer.status)) sheets.close(); // it may not be read any more
  }

  /**
   * Ask the server for the note with this number, its whole text and the identity of its latest version. Returns null if the
   * request fails: then the reason is shown, unless `isQuiet`.
   */
  wholeNote(number, { isQuiet = false } = {}) {
    return this.#ask(`/api/notes/${number}`, { isQuiet });
  }

  /** Copy `text`, and say whether that was possible. */
  async copy(text) {
    const { words, telling } = this.page;
    telling.toast(words.say((await copyText(text)) ? "copied" : "not_copied"));
  }

  async #copyNote(note) {
    const whole = note.is_cut ? await this.wholeNote(note.number) : note;
    if (whole) await this.copy(whole.text);
  }

  async #showTags() {
    const { sheets, search } = this.page;
    const answer = await this.#ask("/api/tags");
    if (answer) sheets.tags(answer.tags, (tag) => search.filter({ tag }));
  }

  async #undo() {
    const { words, telling, takingBack } = this.page;
    telling.toast(words.say(await takingBack.last()));
  }

  /** Return what the server answers for `path`. Null if the request fails: then the reason is shown, unless `isQuiet`. */
  async #ask(path, { isQuiet = false } = {}) {
    const { words, telling } = this.page;
    try {
      return await request(path);
    } catch (failure) {
      if (!isQuiet) telling.toast(failure.reason ?? words.say("load_failed"));
      return null;
    }
  }
}
