/**
 * The notes that are shown, by day. The newest note is at the end, and below it are the waiting entries of the outbox.
 *
 * Older notes are loaded when a person scrolls up to them.
 */

import { make, prose } from "./dom.js";
import { FIRST_NOTES, notesPath } from "./api.js";
import { answerTo } from "./first_requests.js";
import { isStoredAs } from "./outbox.js";
import { ScrollPlace } from "./scroll_place.js";

/** The most notes that the server gives at a time: so many are looked up at once when some that are shown may have been erased. */
const LOOKED_UP_NOTES = 200;

export class Timeline {
  #notes = new Map();
  #sorted = [];
  #before = null;
  #isLoading = false;
  #loads = 0;
  #loading = 0;
  #shown = null;
  #refusal = null;
  #meanwhile = [];
  #highest = 0;
  #identities = new Map();
  #stored = new Set();
  #fresh = new Set();
  #waiting = new Map();

  /** The number of the newest entry in the notebook when the notes were last loaded. */
  newest = 0;

  /** `elements` has main, days, older, empty, waiting, newest; `builder` is a `NoteBuilder`; `onFailure` gets each `Failure`. */
  constructor({ elements, builder, words, times, onFailure }) {
    Object.assign(this, { elements, builder, words, times, onFailure, filters: { q: "", tag: "", author: "" } });
    const { main, older, newest } = elements;
    this.place = new ScrollPlace({ main, newest, words });
    new IntersectionObserver((entries) => entries[0].isIntersecting && this.loadOlder(), { root: main, rootMargin: "600px" }).observe(older);
    older.onclick = () => this.loadOlder();
  }

  get isFiltered() {
    return Object.values(this.filters).some(Boolean);
  }

  /** Whether the notes that match the filters are shown, even if there are none. */
  get isLoaded() {
    return this.#shown === this.filters;
  }

  get(number) {
    return this.#notes.get(number)?.note ?? null;
  }

  /** The shown note with this number, or with a version of this number; null if there is none. */
  withVersion(number) {
    return this.get(number) ?? this.#sorted.find(({ version }) => version === number) ?? null;
  }

  /**
   * Show the latest notes that match `filters`. Returns whether they could be loaded. If not, notes that match other filters go:
   * nobody should take them for those that were asked for.
   */
  async load(filters = this.filters) {
    if (notesPath(filters) !== notesPath(this.filters)) this.filters = filters;
    this.#loads += 1;
    const load = this.#loads;
    const hasAnswer = await this.#loadedBy(() => this.#page({ limit: FIRST_NOTES }), (page) => {
      if (load !== this.#loads) return;
      this.#forget();
      this.#shown = this.filters;
      this.#refusal = page.refusal ?? null;
      this.newest = page.newest;
      this.#before = page.before;
      for (const note of page.notes.reverse()) this.#insert(note);
      this.#showState();
      this.place.scrollToEnd();
    });
    if (!hasAnswer && load === this.#loads && !this.isLoaded) {
      this.#forget();
      this.#refusal = this.words.say("load_failed");
      this.#showState();
    }
    return hasAnswer;
  }

  /**
   * Load and show what has changed meanwhile: with `isWhole` among all shown notes, otherwise among the latest ones. A person who
   * reads older notes stays at the same place.
   */
  async refresh({ isWhole = false } = {}) {
    if (this.#notes.size === 0 || (isWhole && this.place.isAtEnd)) return this.load();
    const oldestShown = this.#sorted[0];
    return this.#merge(() => (isWhole ? this.#pageTo(oldestShown) : this.#page()), (page) => {
      this.newest = page.newest;
      const numbers = new Set(page.notes.map(({ number }) => number));
      const oldest = page.before === null ? null : page.notes.at(-1);
      const deleted = this.#sorted.filter((note) => !numbers.has(note.number) && (oldest === null || isBefore(oldest, note)));
      for (const note of deleted) this.#drop(note.number);
    });
  }

  /**
   * Load the latest notes that match the filters, and show those that are new or have a new text. Nothing is removed: a note that
   * was written or edited under the reader's eyes stays. Returns the notes that have arrived.
   */
  async addMatches() {
    const highest = this.#highest;
    const shown = new Set(this.#notes.keys());
    await this.#merge(() => this.#page());
    return this.#sorted.filter(({ number }) => number > highest && !shown.has(number));
  }

  /** Get notes by `ask`, call `prepare` with them, and show them among those that are shown. Returns whether there was an answer. */
  #merge(ask, prepare = () => {}) {
    const load = this.#loads;
    return this.#loadedBy(ask, (page) => {
      if (load !== this.#loads) return null;
      const isGap = page.before !== null && !page.notes.some(({ number }) => this.#notes.has(number));
      if (isGap || this.#refusal !== null) return this.load();
      prepare(page);
      for (const note of page.notes.reverse()) this.#show(note);
      return null;
    });
  }

  /**
   * Get notes by `ask`, and `show` them. Notes that were put or removed meanwhile may be newer than the answer, so they are put or
   * removed again. Returns whether there was an answer.
   */
  async #loadedBy(ask, show) {
    this.#loading += 1;
    const page = await ask();
    this.#loading -= 1;
    if (page !== null) await show(page);
    const changes = this.#meanwhile;
    if (this.#loading === 0) this.#meanwhile = [];
    if (page !== null) for (const { filters, change } of changes) if (filters === this.filters) change();
    return page !== null;
  }

  #noteMeanwhile(change) {
    if (this.#loading > 0) this.#meanwhile.push({ filters: this.filters, change });
  }

  /** Forget all stored notes, for example because the session has ended. */
  clear() {
    this.#meanwhile = [];
    this.#forget();
  }

  #forget() {
    this.#shown = null;
    this.#refusal = null;
    this.#notes.clear();
    this.#sorted = [];
    this.#before = null;
    this.#highest = 0;
    this.#identities.clear();
    this.place.forgetUnread();
    this.elements.days.replaceChildren();
    this.#showState();
  }

  /** Load the notes before the oldest one that is shown. */
  async loadOlder() {
    if (this.#before === null || this.#isLoading) return;
    this.#isLoading = true;
    const load = this.#loads;
    const page = await this.#page({ before: this.#before });
    this.#isLoading = false;
    if (page === null || load !== this.#loads) return;
    this.place.keep(() => {
      this.#before = page.before;
      for (const note of page.notes) this.#insert(note);
      this.#showState();
    });
    const { older, main } = this.elements;
    if (this.#before !== null && older.getBoundingClientRect().bottom > main.getBoundingClientRect().top - 600) this.loadOlder();
  }

  /** Show a stored note, or its latest text. Returns true if the note was not shown before. */
  put(note) {
    this.#noteMeanwhile(() => this.#show(note));
    return this.#show(note);
  }

  #show(note) {
    const shown = this.#notes.get(note.number);
    if (shown && shown.note.version > note.version) return false;
    const isFresh = this.#isFresh(note);
    const isSame = (name) => String(shown.note[name]) === String(note[name]);
    if (shown && ["version", "noted_at", "highlights"].every(isSame) && shown.isFresh === isFresh) return false;
    const isNew = note.number > this.#highest; // a note that is brought back is not new
    this.place.keep(() => {
      if (shown) this.#take(note.number);
      this.#insert(note);
      this.#showState();
    });
    if (isNew) this.place.noteArrival();
    return !shown;
  }

  /** Remove a note that was deleted or erased. */
  remove(number) {
    this.#noteMeanwhile(() => this.#drop(number));
    this.#drop(number);
  }

  #drop(number) {
    if (!this.#notes.has(number)) return;
    const { element } = this.#notes.get(number);
    const hadFocus = element.contains(document.activeElement);
    const next = this.#sorted[this.#sorted.findIndex((each) => each.number === number) + 1];
    this.place.keep(() => {
      this.#take(number);
      this.#showState();
    });
    if (hadFocus) (this.#notes.get(next?.number)?.element.querySelector(".more") ?? this.elements.main).focus();
  }

  /** Whether a note with the time `notedAt` belongs to the notes that are loaded. */
  covers(notedAt) {
    return this.#before === null || (this.#sorted.length > 0 && notedAt >= this.#sorted[0].noted_at);
  }

  /** Show these entries of the outbox. `describe(entry)` says how, as in `NoteBuilder.waiting`. */
  showWaiting(entries, describe) {
    this.place.keep(() => {
      const shown = entries.filter((entry) => !this.#stored.has(entry.order) && !this.#isShown(entry));
      const { waiting } = this.elements;
      for (const [order, row] of this.#waiting) {
        if (!shown.some((entry) => entry.order === order)) this.#dropWaiting(order, row);
      }
      for (const entry of shown) {
        const description = describe(entry);
        const content = JSON.stringify([entry.text, description.state, description.title, description.isHeld]);
        const row = this.#waiting.get(entry.order);
        if (row?.content === content) continue;
        const element = this.builder.waiting(entry, description);
        if (row) row.element.replaceWith(element);
        else waiting.append(element);
        this.#waiting.set(entry.order, { entry, element, content });
      }
      this.#showState();
    });
  }

  /** Whether an entry of the outbox is shown as a stored note: the answer to it was lost, or is still under way. */
  #isShown(entry) {
    const note = entry.kind === "note" ? this.get(this.#identities.get(identityOf(entry))) : null;
    return note !== null && isStoredAs(entry, note);
  }

  /** Show an entry of the outbox as a stored note from now on. At no moment is it shown twice or not at all. */
  noteStored(entry) {
    this.#stored.add(entry.order);
    this.place.keep(() => {
      const row = this.#waiting.get(entry.order);
      if (row) this.#dropWaiting(entry.order, row);
      if (entry.kind === "note") {
        const { number, author, text, written_at: written, client, sequence } = entry;
        this.#fresh.add(number);
        this.put(this.get(number) ?? { number, version: number, author, text, noted_at: written, client, sequence, highlights: [] });
      }
      this.#showState();
    });
  }

  /** Write the headings of the days anew: at midnight, today becomes yesterday. */
  nameDays() {
    for (const section of this.elements.days.children) {
      section.firstElementChild.textContent = this.times.heading(section.dataset.day);
    }
  }

  /** All notes from the newest to the note `oldest` or beyond it, as one page. */
  async #pageTo(oldest) {
    const whole = await this.#page({ limit: LOOKED_UP_NOTES });
    while (whole !== null && whole.before !== null && isBefore(oldest, whole.notes.at(-1))) {
      const page = await this.#page({ before: whole.before, limit: LOOKED_UP_NOTES });
      if (page === null) return null;
      whole.notes.push(...page.notes);
      whole.before = page.before;
    }
    return whole;
  }

  /**
   * One page of the notes that match the filters; `choice` as in `notesPath`. No notebook can search for some texts: then the page
   * has no notes, and `refusal`, which says why. null: there is no answer, and the reason was passed to `onFailure`.
   */
  async #page(choice = {}) {
    try {
      return await answerTo(notesPath(this.filters, choice));
    } catch (failure) {
      const { status, reason } = failure;
      if (status === 400 && reason && this.isFiltered) return { notes: [], before: null, newest: this.newest, refusal: reason };
      this.onFailure(failure);
      return null;
    }
  }

  /** Insert a note at its place by time and number, which is nearly always one of the two ends. */
  #insert(note) {
    if (this.#notes.has(note.number)) return;
    const isFresh = this.#isFresh(note);
    const element = this.builder.note(note, { isFresh });
    this.#notes.set(note.number, { note, element, isFresh });
    this.#identities.set(identityOf(note), note.number);
    this.#highest = Math.max(this.#highest, note.number);
    for (const [order, row] of this.#waiting) if (this.#isShown(row.entry)) this.#dropWaiting(order, row);
    let low = this.#sorted.length > 0 && isBefore(note, this.#sorted[0]) ? 0 : this.#sorted.length;
    while (low > 0 && isBefore(note, this.#sorted[low - 1])) low -= 1;
    this.#sorted.splice(low, 0, note);
    const section = this.#section(this.times.day(note.noted_at));
    const next = this.#sorted[low + 1];
    const nextElement = next ? this.#notes.get(next.number).element : null;
    section.insertBefore(element, nextElement?.parentNode === section ? nextElement : null);
  }

  /** Whether the note was written here just now. If so, its state is shown in words. */
  #isFresh(note) {
    return note.version === note.number && this.#fresh.has(note.number);
  }

  #take(number) {
    const { element, note: taken } = this.#notes.get(number);
    const section = element.parentNode;
    this.#notes.delete(number);
    this.#identities.delete(identityOf(taken));
    this.#sorted = this.#sorted.filter((note) => note.number !== number);
    element.remove();
    if (section.children.length === 1) section.remove();
  }

  /** The section of `day`. If there is none, it is made at its place. */
  #section(day) {
    const { days } = this.elements;
    let next = null;
    for (let section = days.lastElementChild; section; section = section.previousElementSibling) {
      if (section.dataset.day === day) return section;
      if (section.dataset.day < day) break;
      next = section;
    }
    const heading = make("h2", { id: `d${day}`, text: this.times.heading(day) });
    const made = make("section", { data: { day } }, heading);
    made.setAttribute("aria-labelledby", heading.id);
    return days.insertBefore(made, next);
  }

  #dropWaiting(order, { element }) {
    const hadFocus = element.contains(document.activeElement);
    element.remove();
    this.#waiting.delete(order);
    if (hadFocus) this.elements.main.focus();
  }

  #showState() {
    const { older, empty, waiting } = this.elements;
    older.hidden = this.#before === null;
    waiting.hidden = this.#waiting.size === 0;
    const isWriting = this.#waiting.size > 0 && !this.isFiltered;
    const isEmpty = this.#notes.size === 0 && (this.#refusal !== null || (this.isLoaded && !isWriting));
    empty.hidden = !isEmpty;
    if (isEmpty) empty.replaceChildren(prose(this.#refusal ?? this.words.say(this.isFiltered ? "nothing_found" : "nothing_yet")));
  }
}

/** The identity of an entry or a note, as the key of a map. */
function identityOf({ client, sequence }) {
  return `${client} ${sequence}`;
}

/** Whether note `one` stands before note `other`: by their times, or by their numbers if the times are the same. */
function isBefore(one, other) {
  return one.noted_at === other.noted_at ? one.number < other.number : one.noted_at < other.noted_at;
}
