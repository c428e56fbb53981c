/** What the page tells people: notices that stay, sentences for a few seconds, and sentences for screen readers. */

import { button, icon, make, prose } from "./dom.js";

/** How long a short message is shown. */
const TOAST_MILLISECONDS = 8_000;

/** How long sentences for screen readers are collected, so that they are read as one. */
const ANNOUNCEMENT_MILLISECONDS = 2_000;

/** How many characters of a new note are read out. */
const ANNOUNCED_CHARACTERS_MAX = 200;

export class Telling {
  #toastTimer = null;
  #arrivals = [];
  #storedNumbers = [];
  #announcing = null;

  /** `elements` has notices, toast and announcements. */
  constructor({ elements, words }) {
    Object.assign(this, { elements, words });
  }

  /**
   * Show the notice `name` with this `text`, and perhaps with a `detail` and `actions`. If `text` is null, remove the notice. An
   * action has a `text` for its button, and the function `act` that the button calls. A notice that is shown with the same `text`
   * already stays as it is, unless there is another `detail`.
   */
  notice(name, text, detail = null, ...actions) {
    const id = `notice-${name}`;
    const shown = document.getElementById(id);
    if (text === null) {
      shown?.remove();
    } else if (shown?.dataset.text !== text || (detail && shown.dataset.detail !== detail)) {
      const small = detail && make("span", { className: "detail" }, prose(detail));
      const acts = actions.map((action) => button({ className: "quiet", text: action.text, onclick: action.act }));
      const notice = make("p", { id, className: "notice", data: { text, detail } }, icon("warning"), make("span", {}, text, small), ...acts);
      if (shown) shown.replaceWith(notice);
      else this.elements.notices.append(notice);
    }
  }

  /** Say something for a few seconds, perhaps with an action, as in `notice`. */
  toast(text, action = null) {
    const { toast } = this.elements;
    clearTimeout(this.#toastTimer);
    const hide = () => toast.replaceChildren();
    const act = action && button({ className: "quiet", text: action.text, onclick: () => { hide(); action.act(); } });
    toast.replaceChildren(make("span", {}, prose(text)), ...(act ? [act] : []));
    this.#toastTimer = setTimeout(hide, TOAST_MILLISECONDS);
  }

  /** Tell screen readers that the note `entry` of somebody else has arrived. */
  announce(entry) {
    this.#arrivals.push(entry);
    this.#announceSoon();
  }

  /** Tell screen readers that own notes are stored under these numbers. */
  announceStored(numbers) {
    this.#storedNumbers.push(...numbers);
    if (numbers.length > 0) this.#announceSoon();
  }

  /** Announce after a pause, as one sentence, all that has been stored and has arrived until then. */
  #announceSoon() {
    this.#announcing ??= setTimeout(() => {
      const sentences = [this.#storedSentence(), this.#arrivalSentence()].filter(Boolean);
      this.elements.announcements.textContent = sentences.join(this.words.language.startsWith("zh") ? "；" : "; ");
      this.#arrivals = [];
      this.#storedNumbers = [];
      this.#announcing = null;
    }, ANNOUNCEMENT_MILLISECONDS);
  }

  #storedSentence() {
    const numbers = this.#storedNumbers.map((number) => `#${number}`);
    if (numbers.length === 0) return "";
    return this.words.say("stored", { number: numbers.length > 2 ? `${numbers[0]} … ${numbers.at(-1)}` : numbers.join(" ") });
  }

  #arrivalSentence() {
    const { words } = this;
    const arrivals = this.#arrivals;
    if (arrivals.length !== 1) return arrivals.length > 1 ? words.say("new_notes", { count: arrivals.length }) : "";
    const [{ author, text }] = arrivals;
    return words.say("arrived", { author: author || words.say("nobody"), text: text.slice(0, ANNOUNCED_CHARACTERS_MAX) });
  }
}
