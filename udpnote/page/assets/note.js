/** One note as an element: its text with tags and the words that a search has found, its time, author, number and state. */

import { button, icon, make, prose } from "./dom.js";

/** The most characters of a text that are shown first. So no note fills many screens, or holds up the browser. */
const SHOWN_CHARACTERS_MAX = 800;
const SHOWN_LINES_MAX = 20;

/** In a longer text, paragraphs get no direction by their letters: finding that takes seconds for a megabyte. */
export const PARAGRAPH_DIRECTIONS_CHARACTERS_MAX = 20_000;

/** How many tags of a text become buttons: the first ones. */
const TAGS_MAX = 32;

/** What a tag is, nearly by the rule of `udpnote tags`. Where the rules differ, a search for the words still finds the note. */
const TAG = /[#＃](?=[\p{Nd}_-]*\p{L})[\p{L}\p{Nd}_][\p{L}\p{M}\p{Nd}_+-]*(?:[./][\p{L}\p{M}\p{Nd}_-][\p{L}\p{M}\p{Nd}_+-]*)*/gu;

/** After these characters, a # is part of a word or an address. A pattern of its own, because older Safari has no lookbehind. */
const BEFORE_NO_TAG = /[\p{Script=Latin}\p{Script=Greek}\p{Script=Cyrillic}\p{Nd}_&/#＃]/u;

/** For each language its letters. Chinese comes last, because Japanese and Korean texts have Chinese characters, too. */
const LANGUAGES = [
  [/[\u3040-\u30ff]/, "ja"],
  [/[\u1100-\u11ff\uac00-\ud7af]/, "ko"],
  [/[\u3400-\u9fff\uf900-\ufaff]/, "zh"],
];

/** The language of `text` by its letters, to choose a font; empty if not known. Chinese gets the variety of a Chinese page. */
function languageOf(text, pageLanguage) {
  const found = LANGUAGES.find(([letters]) => letters.test(text))?.[1] ?? "";
  return found === "zh" && pageLanguage.startsWith("zh") ? pageLanguage : found;
}

/** The part of `text` that is shown first, and whether it is cut. It reaches beyond the first word that a search has found. */
export function shortened(text, highlights = []) {
  let end = Math.min(text.length, SHOWN_CHARACTERS_MAX);
  let line = -1;
  for (let lines = 0; lines < SHOWN_LINES_MAX; lines += 1) {
    line = text.indexOf("\n", line + 1);
    if (line === -1 || line > end) break;
  }
  if (line !== -1 && line < end) end = line;
  if (highlights.length > 0) end = Math.max(end, Math.min(highlights[0][1] + 200, text.length));
  // A character of two code units is not cut in half: no half can be shown.
  if (end < text.length && /[\ud800-\udbff]/.test(text[end - 1])) end -= 1;
  return { text: text.slice(0, end), isCut: end < text.length };
}

/**
 * Put `text` into `element`. Its tags become buttons that call `onTag`, unless that is null. The `highlights`, pairs of places in
 * UTF-16 code units, are marked.
 */
export function fillText(element, text, { words, highlights = [], onTag = null }) {
  const pieces = document.createDocumentFragment();
  // Appends the text between two places to `target`, with the parts of the highlights that are in it.
  const appendMarked = (target, from, to) => {
    let place = from;
    for (const [start, end] of highlights) {
      if (end <= place || start >= to) continue;
      const markStart = Math.max(start, place);
      const markEnd = Math.min(end, to);
      target.append(text.slice(place, markStart), make("mark", { text: text.slice(markStart, markEnd) }));
      place = markEnd;
    }
    target.append(text.slice(place, to));
  };
  let place = 0;
  let tags = 0;
  for (const match of onTag ? text.matchAll(TAG) : []) {
    if (tags === TAGS_MAX) break;
    if (match.index > 0 && BEFORE_NO_TAG.test(text[match.index - 1])) continue;
    tags += 1;
    const tag = match[0].slice(1);
    appendMarked(pieces, place, match.index);
    place = match.index + match[0].length;
    const link = button({ className: "tag", label: words.say("only_tag", { tag }), onclick: () => onTag(tag) });
    appendMarked(link, match.index, place);
    pieces.append(link);
  }
  appendMarked(pieces, place, text.length);
  element.lang = languageOf(text.slice(0, SHOWN_CHARACTERS_MAX), words.language);
  element.classList.toggle("long", text.length > PARAGRAPH_DIRECTIONS_CHARACTERS_MAX);
  element.replaceChildren(pieces);
}

/**
 * Builds notes. `actions` has the functions that buttons call: `more(note)`, `history(note)`, `tag(tag)`, `author(author)`, and
 * `whole(note)`. The last one returns a promise of the note's whole text.
 */
export class NoteBuilder {
  constructor({ words, times, actions }) {
    Object.assign(this, { words, times, actions });
  }

  /** The element of a stored note. `isFresh` says that it was written here just now: then its state is shown in words. */
  note(note, { isFresh = false } = {}) {
    const { words, actions } = this;
    const number = `#${note.number}`;
    const state = isFresh
      ? make("span", { className: "state" }, icon("check"), words.say("stored", { number }))
      : make("span", { className: "number", text: number });
    const edited = note.version === note.number ? null : button({
      className: "quiet edited", text: words.say("edited"), label: words.say("show_history", { number }),
      onclick: () => actions.history(note),
    });
    const more = button(
      { className: "more", label: words.say("actions", { number }), onclick: () => actions.more(note) },
      icon("more"),
    );
    const text = this.#text(note.text, { highlights: note.highlights, isCut: note.is_cut, whole: () => actions.whole(note) });
    const meta = make("div", { className: "meta" }, this.#time(note.noted_at), this.#author(note.author), edited, state, more);
    return make("article", { id: `n${note.number}`, className: "note" }, meta, ...text);
  }

  /** The element of an entry of the outbox: its `state` in words, and `buttons` under it. `isHeld`: it has waited for a while. */
  waiting(entry, { title, state, iconName, isBad, isHeld, buttons }) {
    const stateElement = make("span", { className: isBad ? "state bad" : "state" }, icon(iconName), make("span", {}, prose(state)));
    const meta = make("div", { className: "meta" }, this.#time(entry.written_at), this.#author(entry.author), stateElement);
    const heading = title ? make("p", { className: "waiting-title", text: title }) : null;
    const text = entry.kind === "deletion" ? [] : this.#text(entry.text, {});
    const row = buttons.length > 0 ? make("div", { className: "buttons" }, ...buttons) : null;
    const className = isHeld ? "note waiting held" : "note waiting";
    return make("article", { className, data: { order: entry.order } }, meta, heading, ...text, row);
  }

  /** The element of a version in the history of a note. */
  version(version) {
    const kind = make("span", { className: "kind", text: this.words.say(`version_${version.kind}`) });
    const time = make("time", { text: this.times.fullTime(version.written_at), dateTime: this.times.iso(version.written_at) });
    const author = make("bdi", { text: version.author || this.words.say("nobody") });
    const meta = make("div", { className: "meta" }, kind, author, make("span", { className: "number", text: `#${version.number}` }));
    const text = version.text ? this.#text(version.text, {}) : [];
    const cut = version.is_cut
      ? make("p", { className: "hint" }, prose(this.words.say("version_cut", { number: version.number })))
      : null;
    return make("li", {}, meta, make("div", { className: "meta" }, time), ...text, cut);
  }

  /** The time of the day; null if it is not known. Its title is the whole date, which is made when somebody points at it. */
  #time(microseconds) {
    if (microseconds === null) return null;
    const { times } = this;
    const element = make("time", { text: times.clockTime(microseconds), dateTime: times.iso(microseconds) });
    element.onpointerenter = () => { element.title ||= times.fullTime(microseconds); };
    return element;
  }

  #author(author) {
    if (!author) return make("span", { className: "author", text: this.words.say("nobody") });
    const label = this.words.say("only_author", { author });
    return button({ className: "quiet author", label, onclick: () => this.actions.author(author) }, make("bdi", { text: author }));
  }

  /** The elements of a text: the text and, if it is cut, a button that shows the whole text. */
  #text(text, { highlights = [], isCut = false, whole = null }) {
    const element = make("div", { className: "text", dir: "auto" });
    const options = { words: this.words, onTag: this.actions.tag };
    const short = shortened(text, highlights);
    fillText(element, short.text, { ...options, highlights });
    if (!short.isCut && !isCut) return [element];
    const showAll = button({
      className: "quiet", text: this.words.say("show_all"),
      onclick: async () => {
        const all = isCut ? await whole() : { text, highlights };
        if (all === null) return;
        fillText(element, all.text, { ...options, highlights: all.highlights ?? [] });
        element.tabIndex = -1;
        element.focus({ preventScroll: true });
        showAll.remove();
      },
    });
    return [element, showAll];
  }
}
