/**
 * The place in the notes where a person reads. It stays where it is on the screen, whatever is added or removed. Only a person at
 * the end sees new notes come in. A person further up gets a button that says how many have come.
 */

/** A person who is at most this many pixels from the end counts as being at the end. */
const END_PIXELS = 60;

export class ScrollPlace {
  #isEndShown = true;
  #height = 0; // of `main`, when it was last noted
  #unread = 0; // new notes that the person has not seen yet

  /** `main` is the element that is scrolled, `newest` the button that leads to the end. */
  constructor({ main, newest, words }) {
    Object.assign(this, { main, newest, words, isAtEnd: true });
    main.addEventListener("scroll", () => this.#noteScroll(), { passive: true });
    new ResizeObserver(() => this.#noteHeight()).observe(main);
  }

  /** Whether the latest note is among those that are shown. If not, the button leads to it, also if no new one has arrived. */
  set isEndShown(isShown) {
    if (isShown === this.#isEndShown) return;
    this.#isEndShown = isShown;
    this.#showUnread(this.#unread);
  }

  /**
   * Call `change` with the first note on the screen, or with null if the person is at the end. The person stays at the end;
   * otherwise the first note stays where it is.
   */
  keep(change) {
    const { main } = this;
    if (this.isAtEnd) {
      change(null);
      main.scrollTop = main.scrollHeight;
      return;
    }
    const { left, top, width } = main.getBoundingClientRect();
    const noteAt = (offset) => document.elementFromPoint(left + width / 2, top + offset)?.closest("article");
    const isBelowTop = (element) => element.getBoundingClientRect().bottom > top;
    // At the top there is a note, or else the heading of a day with a note below it. If both guesses fail, look through all notes.
    const anchor = noteAt(8) ?? noteAt(60) ?? [...main.querySelectorAll("article")].find(isBelowTop);
    const before = anchor?.getBoundingClientRect().top;
    change(anchor ?? null);
    if (anchor?.isConnected) main.scrollTop += anchor.getBoundingClientRect().top - before;
  }

  scrollToEnd() {
    this.main.scrollTop = this.main.scrollHeight;
    this.isAtEnd = this.#isEndShown;
    if (this.isAtEnd) this.#showUnread(0);
  }

  /** Count a note that has arrived below what the person reads. */
  noteArrival() {
    if (!this.isAtEnd) this.#showUnread(this.#unread + 1);
  }

  /** Count new notes from zero: other notes are shown now. */
  forgetUnread() {
    this.#showUnread(0);
  }

  /** Keep a person at the end there after the height for the notes has changed, for example because of a notice. */
  #noteHeight() {
    this.#height = this.main.clientHeight;
    if (this.isAtEnd) this.scrollToEnd();
  }

  /** Note whether the person is at the end after scrolling. */
  #noteScroll() {
    const { main } = this;
    if (main.clientHeight !== this.#height) return; // the new height has caused this: `#noteHeight` is called next
    this.isAtEnd = this.#isEndShown && main.scrollHeight - main.scrollTop - main.clientHeight < END_PIXELS;
    if (this.isAtEnd && this.#unread > 0) this.#showUnread(0);
  }

  /** Show the button with this `count` of new notes; 0: only if it leads to notes that are not shown. */
  #showUnread(count) {
    this.#unread = count;
    this.newest.hidden = count === 0 && this.#isEndShown;
    this.newest.lastElementChild.textContent = count > 0 ? this.words.say("new_notes", { count }) : this.words.say("latest");
  }
}
