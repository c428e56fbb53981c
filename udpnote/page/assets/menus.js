/** The menu, and what a person can do with a note: the actions and the dialogs that these open. */

import { request } from "./api.js";
import { copyText, make } from "./dom.js";

export class Menus {
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

  showMenu() {
    const { words, sheets, author, waiting, notebook } = this.page;
    const { state } = notebook;
    const name = author.name ? words.say("writes_as", { author: author.name }) : words.say("say_who");
    const isOpen = !state.needs_code;
    sheets.actions(words.say("menu"), [
      { iconName: "person", text: name, act: () => author.ask() },
      isOpen && { iconName: "undo", text: words.say("undo_last"), act: () => this.#undo() },
      waiting.texts.length > 0 && { iconName: "copy", text: words.say("copy_waiting"), act: () => waiting.copyAll() },
      isOpen && { iconName: "tag", text: words.say("tags"), act: () => this.#showTags() },
      isOpen && { iconName: "calendar", text: words.say("calendar"), act: () => sheets.calendar() },
      isOpen && { iconName: "export", text: words.say("export"), act: () => sheets.exports() },
      isOpen && state.notebook?.sealed && { iconName: "lock", text: words.say("end_session"), act: () => notebook.endSession() },
    ], state.version ? make("p", { className: "hint", text: words.say("about", { version: state.version }) }) : "");
  }

  async showHistory({ number }) {
    const { sheets, builder } = this.page;
    const answer = await this.#asked(`/api/notes/${number}/history`);
    if (answer) sheets.history(number, answer.versions, builder);
  }

  /** The note with this number and its whole text; null, and the reason is shown, if the server does not answer with it. */
  wholeNote(number) {
    return this.#asked(`/api/notes/${number}`);
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
    const answer = await this.#asked("/api/tags");
    if (answer) sheets.tags(answer.tags, (tag) => search.filter({ tag }));
  }

  async #undo() {
    const { words, telling, takingBack } = this.page;
    telling.toast(words.say(await takingBack.last()));
  }

  /** What the server answers; null, and the reason is shown, if it does not. */
  async #asked(path) {
    const { words, telling } = this.page;
    try {
      return await request(path);
    } catch (failure) {
      telling.toast(failure.reason ?? words.say("load_failed"));
      return null;
    }
  }
}
