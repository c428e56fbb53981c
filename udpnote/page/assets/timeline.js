/**
 * The notes that are shown, by day. The newest note is at the end, and below it are the waiting entries of the outbox.
 *
 * The page shows a part of all notes: those around the place where a person reads. Older and later notes are loaded when the
 * person scrolls to them, and those that are far away from there are removed.
 */

import { prose } from "./dom.js";
import { FIRST_NOTES, INDEX_BEING_BUILT, notesPath } from "./api.js";
import { isStoredAs } from "./entries.js";
import { answerTo } from "./first_requests.js";
import { NoteList, WaitingList, isBefore } from "./note_list.js";
import { ScrollPlace } from "./scroll_place.js";

/** The most notes that are shown: half of them fill several screens, and a page that is open for weeks stays fast. */
const SHOWN_NOTES_MAX = 400;

/** How many notes are asked for at a time when some that are shown may have been erased: the most that the server gives. */
const LOOKED_UP_NOTES = 200;

/** Further notes are loaded when a person is so many pixels from the first or last one. */
const NEAR_PIXELS = 600;

export class Timeline {
  /** The first and the last note that were loaded. `before` or `after` is null if there are no more notes on that side. */
  #edges = { before: null, after: null };

  #isLoading = { before: false, after: false };
  #loads = 0; // calls of `load` so far: only the answer for the latest one is shown
  #loading = 0; // requests that are under way
  #shown = null; // the filters whose notes are shown
  #outdated = null; // the filters whose notes are forgotten, but still on the page
  #refusal = null; // why no notes are shown, as a sentence
  #meanwhile = []; // changes of notes while requests are under way
  #highest = 0; // the highest number of a note that has been shown
  #stored = new Set(); // the `order` (see `Outbox`) of each entry that is shown as a stored note
  #fresh = new Set(); // the number of each note that was written here since the page was opened

  /** The number of the newest entry in the notebook when the notes were last loaded. */
  newest = 0;

  /**
   * `elements` has main, days, older, newer, empty, waiting, newest. `builder` is a `NoteBuilder`. `onFailure` gets each `Failure`.
   */
  constructor({ elements, builder, words, times, onFailure }) {
    Object.assign(this, { elements, words, onFailure, filters: { q: "", tag: "", author: "" } });
    const { main, days, older, newer, newest, waiting } = elements;
    this.list = new NoteList({ days, builder, times });
    this.waiting = new WaitingList({ waiting, main, builder });
    this.place = new ScrollPlace({ main, newest, words });
    newest.onclick = () => this.showEnd();
    const loadNear = (buttons) => {
      for (const { isIntersecting: isNear, target: button } of buttons) if (isNear) this.#loadMore(button);
    };
    this.nearness = new IntersectionObserver(loadNear, { root: main, rootMargin: `${NEAR_PIXELS}px` });
    for (const button of [older, newer]) {
      this.nearness.observe(button);
      button.onclick = () => this.#loadMore(button);
    }
  }

  get isFiltered() {
    return Object.values(this.filters).some(Boolean);
  }

  /** Whether the notes that match the filters are shown, even if there are none. */
  get isLoaded() {
    return this.#shown === this.filters;
  }

  get(number) {
    return this.list.get(number);
  }

  /**
   * Show the latest notes that match `filters`. Returns whether they could be loaded. If not, notes that match other filters are
   * removed: nobody should take them for those that were asked for.
   */
  async load(filters = this.filters) {
    if (notesPath(filters) !== notesPath(this.filters)) this.filters = filters;
    this.#loads += 1;
    const load = this.#loads;
    const hasAnswer = await this.#loadBy(() => this.#ask({ limit: FIRST_NOTES }, { isFirst: true }), (answer) => {
      if (load !== this.#loads) return;
      this.#forget();
      this.#shown = this.filters;
      this.#refusal = answer.refusal ?? null;
      this.newest = answer.newest;
      this.#edges.before = answer.before === null ? null : answer.notes.at(-1);
      for (const note of answer.notes.reverse()) this.#insert(note);
      this.#showState();
      this.place.scrollToEnd();
      const loadAgain = () => {
        if (load === this.#loads) this.load();
      };
      if (answer.retrySeconds) setTimeout(loadAgain, answer.retrySeconds * 1000);
    });
    if (!hasAnswer && load === this.#loads && !this.isLoaded) {
      if (this.#outdated !== this.filters) this.#forget();
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
    const { list } = this;
    const { after } = this.#edges;
    if (list.size === 0 || (isWhole && this.place.isAtEnd)) return this.load();
    return this.#merge(() => (isWhole || after ? this.#askBack(list.oldest, after) : this.#ask()), (answer) => {
      this.newest = answer.newest;
      const numbers = new Set(answer.notes.map(({ number }) => number));
      const oldest = answer.before === null ? null : answer.notes.at(-1);
      // The answer has all notes of its part: one that it lacks was deleted or erased.
      const isInPart = (note) => (oldest === null || isBefore(oldest, note)) && (after === null || !isBefore(after, note));
      for (const note of list.notes) if (isInPart(note) && !numbers.has(note.number)) this.#drop(note.number);
    });
  }

  /**
   * Load the latest notes that match the filters, and show those that are new or have a new text. Nothing is removed: a note that
   * a person sees stays, even if its new text does not match. Returns the notes that have arrived, the oldest first.
   */
  async addMatches() {
    const highest = this.#highest;
    let arrived = [];
    await this.#merge(() => this.#ask(), ({ notes }) => {
      arrived = notes.filter(({ number }) => number > highest && this.get(number) === null).reverse();
    });
    return arrived;
  }

  /**
   * Get the latest notes by `ask`. Call `prepare` with the answer, and add its notes to those that are shown. If further notes may
   * be between the shown ones and those of the answer, `load` the latest notes instead. Returns whether `ask` got an answer.
   */
  #merge(ask, prepare = () => {}) {
    const load = this.#loads;
    return this.#loadBy(ask, (answer) => {
      if (load !== this.#loads) return null;
      const isShown = ({ number }) => this.get(number) !== null;
      const isGap = this.#edges.after === null && answer.before !== null && !answer.notes.some(isShown);
      if (isGap || this.#refusal !== null) return this.load();
      prepare(answer);
      for (const note of answer.notes.reverse()) this.#show(note);
      return null;
    });
  }

  /**
   * Get notes by `ask`, and call `show` with the answer. Notes that were put or removed meanwhile may be newer than the answer, so
   * they are put or removed again. Returns whether there was an answer.
   */
  async #loadBy(ask, show) {
    this.#loading += 1;
    const answer = await ask();
    this.#loading -= 1;
    if (answer !== null) await show(answer);
    const changes = this.#meanwhile;
    if (this.#loading === 0) this.#meanwhile = [];
    if (answer !== null) for (const { filters, change } of changes) if (filters === this.filters) change();
    return answer !== null;
  }

  /** Call `change` once more after the requests that are under way: their answers may be older than the change. */
  #noteMeanwhile(change) {
    if (this.#loading > 0) this.#meanwhile.push({ filters: this.filters, change });
  }

  /** Forget all stored notes, for example because the session has ended. With `stayOnPage` they are shown until notes are loaded. */
  clear({ stayOnPage = false } = {}) {
    const outdated = stayOnPage ? this.#shown ?? this.#outdated : null;
    this.#meanwhile = [];
    this.#loads += 1; // answers that are under way may have forgotten notes
    this.#forget({ stayOnPage });
    this.#outdated = outdated;
  }

  #forget({ stayOnPage = false } = {}) {
    this.#shown = this.#outdated = null;
    this.#refusal = null;
    this.list.clear({ stayOnPage });
    this.#edges = { before: null, after: null };
    this.#highest = 0;
    this.place.forgetUnread();
    this.#showState();
  }

  /** Show the latest note, and the notes before it. */
  async showEnd() {
    this.place.scrollToEnd();
    if (this.#edges.after !== null) await this.load();
  }

  /** Load notes before the first one that is shown if `button` is `elements.older`; else load notes after the last one. */
  async #loadMore(button) {
    const side = button === this.elements.older ? "before" : "after";
    const edge = this.#edges[side];
    if (edge === null || this.#isLoading[side]) return;
    this.#isLoading[side] = true;
    const hasAnswer = await this.#loadBy(() => this.#ask({ [side]: placeOf(edge) }), (answer) => {
      if (this.#edges[side] !== edge) return; // other notes were loaded meanwhile
      this.place.keep((anchor) => {
        this.#edges[side] = answer[side] === null ? null : answer.notes.at(side === "before" ? -1 : 0);
        for (const note of answer.notes) this.#insert(note);
        this.#removeFar(anchor);
        this.#showState();
      });
    });
    this.#isLoading[side] = false;
    if (!hasAnswer) return;
    this.nearness.unobserve(button);
    this.nearness.observe(button); // the observer then tells once more whether the button is near
  }

  /** If too many notes are shown, remove those far away from `anchor`, the element at which a person reads; null: the end. */
  #removeFar(anchor) {
    const { list } = this;
    if (list.size <= SHOWN_NOTES_MAX) return;
    const isNearEnd = (list.place(anchor) ?? list.size) >= list.size / 2;
    while (list.size > SHOWN_NOTES_MAX) {
      const { number } = isNearEnd ? list.oldest : list.newest;
      if (list.element(number).contains(document.activeElement)) this.elements.main.focus();
      list.take(number);
    }
    const { before, after } = this.#edges;
    const { oldest, newest } = list;
    // A note that was put here alone may be older than notes that were never loaded.
    if (isNearEnd && (before === null || isBefore(before, oldest))) this.#edges.before = oldest;
    if (!isNearEnd && (after === null || isBefore(newest, after))) this.#edges.after = newest;
  }

  /** Show a stored note, or its latest text. Returns true if the note was not shown before. */
  put(note) {
    this.#noteMeanwhile(() => this.#show(note));
    return this.#show(note);
  }

  /** Do what `put` does. But if `note` is after the last one that was loaded, only count it: loading more shows it. */
  #show(note) {
    const { list } = this;
    const shown = this.get(note.number);
    if (shown && (shown.version > note.version || this.#looksLike(shown, note))) return false;
    const { after } = this.#edges;
    const isNew = note.number > this.#highest; // a note that is brought back is not new
    this.#highest = Math.max(this.#highest, note.number);
    if (after === null || !isBefore(after, note)) {
      this.place.keep((anchor) => {
        if (shown) list.take(note.number);
        this.#insert(note);
        this.#removeFar(anchor);
        this.#showState();
      });
    }
    if (isNew) this.place.noteArrival();
    return !shown;
  }

  /** Whether `note` would look exactly like `shown`, the same note as it stands in the list. */
  #looksLike(shown, note) {
    const isSame = (name) => String(shown[name]) === String(note[name]);
    return ["version", "noted_at", "highlights"].every(isSame) && this.list.isFresh(note.number) === this.#isFresh(note);
  }

  /** Remove a note that was deleted or erased. */
  remove(number) {
    this.#noteMeanwhile(() => this.#drop(number));
    this.#drop(number);
  }

  #drop(number) {
    const { list } = this;
    if (list.get(number) === null) return;
    const element = list.element(number);
    const hadFocus = element.contains(document.activeElement);
    const next = list.notes[list.place(element) + 1];
    this.place.keep(() => {
      list.take(number);
      this.#showState();
    });
    if (hadFocus) (next ? list.element(next.number).querySelector(".more") : this.elements.main).focus();
  }

  /** Whether a note with the time `notedAt` belongs to the notes that are loaded. */
  covers(notedAt) {
    const { before, after } = this.#edges;
    const isAfterFirst = before === null || (this.list.size > 0 && notedAt >= this.list.oldest.noted_at);
    return isAfterFirst && (after === null || notedAt <= after.noted_at);
  }

  /** Show these entries of the outbox. `describe(entry)` says how, as in `NoteBuilder.waiting`. */
  showWaiting(entries, describe) {
    this.place.keep(() => {
      this.waiting.show(entries.filter((entry) => !this.#stored.has(entry.order) && !this.#isShown(entry)), describe);
      this.#showState();
    });
  }

  /** Whether an entry of the outbox is shown as a stored note: the answer to it was lost, or is still under way. */
  #isShown(entry) {
    const note = entry.kind === "note" ? this.list.withIdentity(entry) : null;
    return note !== null && isStoredAs(entry, note);
  }

  /** Show an entry of the outbox as a stored note from now on. At no moment is it shown twice or not at all. */
  noteStored(entry) {
    this.#stored.add(entry.order);
    this.place.keep(() => {
      this.waiting.drop(entry.order);
      if (entry.kind === "note") {
        const { number, author, text, written_at: written, client, sequence } = entry;
        this.#fresh.add(number);
        this.put(this.get(number) ?? { number, version: number, author, text, noted_at: written, client, sequence, highlights: [] });
      }
      this.#showState();
    });
  }

  /** Ask for all notes from `newest` (null: the newest of all) back to `oldest` or beyond it, and join the answers of `#ask`. */
  async #askBack(oldest, newest) {
    const before = newest && placeOf({ ...newest, number: newest.number + 1 });
    const whole = await this.#ask({ before, limit: LOOKED_UP_NOTES });
    while (whole !== null && whole.before !== null && isBefore(oldest, whole.notes.at(-1))) {
      const answer = await this.#ask({ before: whole.before, limit: LOOKED_UP_NOTES });
      if (answer === null) return null;
      whole.notes.push(...answer.notes);
      whole.before = answer.before;
    }
    return whole;
  }

  /**
   * Ask for notes that match the filters; for `choice` see `notesPath`. Returns the server's answer. If the notebook cannot search
   * for these filters, the answer has no notes, and `refusal` says why. With `isFirst`, this is so also while the search index is
   * being built; `retrySeconds` says when to ask again. After any other failure, this calls `onFailure` and returns null.
   */
  async #ask(choice = {}, { isFirst = false } = {}) {
    try {
      return await answerTo(notesPath(this.filters, choice));
    } catch (failure) {
      const { status, kind, reason, retrySeconds } = failure;
      const isRefused = status === 400 || (isFirst && kind === INDEX_BEING_BUILT);
      if (isRefused && this.isFiltered && reason) {
        return { notes: [], before: null, newest: this.newest, refusal: reason, retrySeconds };
      }
      this.onFailure(failure);
      return null;
    }
  }

  /** Put a note into the list, unless it is there, and no longer show it as waiting. */
  #insert(note) {
    if (this.get(note.number) !== null) return;
    this.list.insert(note, { isFresh: this.#isFresh(note) });
    this.#highest = Math.max(this.#highest, note.number);
    for (const entry of this.waiting.entries) if (this.#isShown(entry)) this.waiting.drop(entry.order);
  }

  /** Whether the note was written here just now. If so, its state is shown in words. */
  #isFresh(note) {
    return note.version === note.number && this.#fresh.has(note.number);
  }

  /** Show whether there are more notes and waiting entries, and if no note is shown, why. */
  #showState() {
    const { older, newer, empty, waiting } = this.elements;
    const { before, after } = this.#edges;
    older.hidden = before === null;
    newer.hidden = after === null;
    this.place.isEndShown = after === null;
    waiting.hidden = this.waiting.size === 0;
    const isWriting = this.waiting.size > 0 && !this.isFiltered;
    const isEmpty = this.list.size === 0 && (this.#refusal !== null || (this.isLoaded && !isWriting));
    empty.hidden = !isEmpty;
    if (isEmpty) empty.replaceChildren(prose(this.#refusal ?? this.words.say(this.isFiltered ? "nothing_found" : "nothing_yet")));
  }
}

/** The place of a note in the order of notes, as a request names it. */
function placeOf({ noted_at: notedAt, number }) {
  return `${notedAt}-${number}`;
}
