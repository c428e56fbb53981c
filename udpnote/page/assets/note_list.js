/** What is on the page: the stored notes in their order, in sections by day, and below them the waiting entries of the outbox. */

import { make } from "./dom.js";

export class NoteList {
  #notes = new Map();
  #sorted = [];
  #numbers = new Map();

  /** `days` is the element that contains the sections, `builder` a `NoteBuilder`. */
  constructor({ days, builder, times }) {
    Object.assign(this, { days, builder, times });
  }

  get size() {
    return this.#sorted.length;
  }

  /** All notes, the oldest first. */
  get notes() {
    return [...this.#sorted];
  }

  get oldest() {
    return this.#sorted[0];
  }

  get newest() {
    return this.#sorted.at(-1);
  }

  /** The note with this number; null if it is not on the page. */
  get(number) {
    return this.#notes.get(number)?.note ?? null;
  }

  /** The note with this number, or whose latest version has this number; null if there is none. */
  withVersion(number) {
    return this.get(number) ?? this.#sorted.find(({ version }) => version === number) ?? null;
  }

  /** The note with the identity of this entry; null if there is none. */
  withIdentity(entry) {
    return this.get(this.#numbers.get(identityOf(entry)));
  }

  /** The element of the note with this number, which is on the page. */
  element(number) {
    return this.#notes.get(number).element;
  }

  isFresh(number) {
    return this.#notes.get(number).isFresh;
  }

  /** How many notes stand before the one that the `element` shows; null if it shows none. */
  place(element) {
    const place = this.#sorted.findIndex(({ number }) => this.element(number) === element);
    return place === -1 ? null : place;
  }

  /** Insert a note at its place by time and number, which is nearly always one of the two ends. `isFresh` as in `NoteBuilder.note`. */
  insert(note, { isFresh }) {
    const element = this.builder.note(note, { isFresh });
    this.#notes.set(note.number, { note, element, isFresh });
    this.#numbers.set(identityOf(note), note.number);
    let low = this.size > 0 && isBefore(note, this.oldest) ? 0 : this.size;
    while (low > 0 && isBefore(note, this.#sorted[low - 1])) low -= 1;
    this.#sorted.splice(low, 0, note);
    const section = this.#section(this.times.day(note.noted_at));
    const next = this.#sorted[low + 1];
    const nextElement = next ? this.element(next.number) : null;
    section.insertBefore(element, nextElement?.parentNode === section ? nextElement : null);
  }

  /** Remove the note with this number, which is on the page. */
  take(number) {
    const { element, note } = this.#notes.get(number);
    const section = element.parentNode;
    this.#notes.delete(number);
    this.#numbers.delete(identityOf(note));
    this.#sorted.splice(this.#sorted.indexOf(note), 1);
    element.remove();
    if (section.children.length === 1) section.remove();
  }

  /** Forget all notes. With `stayOnPage`, their elements are removed only by the next `clear` without it. */
  clear({ stayOnPage = false } = {}) {
    this.#notes.clear();
    this.#sorted = [];
    this.#numbers.clear();
    if (!stayOnPage) this.days.replaceChildren();
  }

  /** Write the headings of the days anew: at midnight, today becomes yesterday. */
  nameDays() {
    for (const section of this.days.children) section.firstElementChild.textContent = this.times.heading(section.dataset.day);
  }

  /** The section of `day`. If there is none, it is made at its place. */
  #section(day) {
    const { days } = this;
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
}

export class WaitingList {
  #rows = new Map(); // by its `order`, each entry that is shown, with its element and what that shows

  /** `waiting` is the element that contains the entries; `main`, which contains it, gets the focus of an entry that is removed. */
  constructor({ waiting, main, builder }) {
    Object.assign(this, { waiting, main, builder });
  }

  get size() {
    return this.#rows.size;
  }

  get entries() {
    return Array.from(this.#rows.values(), ({ entry }) => entry);
  }

  /** Show these `entries`, and no others. `describe(entry)` says how, as in `NoteBuilder.waiting`. */
  show(entries, describe) {
    for (const { order } of this.entries) if (!entries.some((entry) => entry.order === order)) this.drop(order);
    for (const entry of entries) {
      const description = describe(entry);
      const content = JSON.stringify([entry.text, description.state, description.title, description.isHeld]);
      const row = this.#rows.get(entry.order);
      if (row?.content === content) continue;
      const element = this.builder.waiting(entry, description);
      if (row) row.element.replaceWith(element);
      else this.waiting.append(element);
      this.#rows.set(entry.order, { entry, element, content });
    }
  }

  /** Remove the entry `order`, if it is shown. */
  drop(order) {
    const row = this.#rows.get(order);
    if (!row) return;
    const hadFocus = row.element.contains(document.activeElement);
    row.element.remove();
    this.#rows.delete(order);
    if (hadFocus) this.main.focus();
  }
}

/** The identity of an entry or a note, as the key of a map. */
function identityOf({ client, sequence }) {
  return `${client} ${sequence}`;
}

/** Whether note `one` stands before note `other`: by their times, or by their numbers if the times are the same. */
export function isBefore(one, other) {
  return one.noted_at === other.noted_at ? one.number < other.number : one.noted_at < other.noted_at;
}
