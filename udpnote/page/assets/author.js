/** The name of the person who writes: asked once, kept by this browser, and the same in all of its tabs. */

import { keep, recall } from "./settings.js";

export class Author {
  /** `elements` has name, change (the button) and text (the field for writing). */
  constructor({ elements, words, sheets, channel }) {
    Object.assign(this, { elements, words, sheets, channel });
    const name = recall("author");
    this.name = typeof name === "string" ? name : null;
    channel.on("author", (name) => {
      this.name = name;
      this.show();
    });
    elements.change.onclick = () => this.ask();
  }

  /** Ask for the name. Returns whether a name is known now: the person may have closed the dialog. */
  async ask() {
    const name = await this.sheets.askAuthor(this.name);
    if (name !== null) {
      keep("author", name);
      this.channel.say("author", name);
    }
    this.elements.text.focus();
    return this.name !== null;
  }

  /** Show the name, and the button that changes it. */
  show() {
    this.elements.name.textContent = this.name ?? "";
    this.elements.change.textContent = this.words.say(this.name ? "change" : "say_who");
  }
}
