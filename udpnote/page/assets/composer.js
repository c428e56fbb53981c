/**
 * The field for writing, and its draft: what is typed survives a reload, a switch to another app and a crash of the browser.
 *
 * Each draft has an id, which the outbox remembers when it keeps the entry. So the same draft is never sent twice, whether by two
 * presses of Enter, by two tabs that show it, or after a crash between keeping the entry and forgetting the draft.
 */

import { keep, onChange, recall, tabStorage } from "./settings.js";

/** A note has at most so many bytes of UTF-8, as in every notebook. */
export const TEXT_BYTES_MAX = 1 << 20;

/** A pause in typing after which the draft is kept. */
const DRAFT_MILLISECONDS = 250;

/** A longer text is not measured: the field has its greatest height anyway, and finding out directions would take seconds. */
const MEASURED_CHARACTERS_MAX = 20_000;

/** The code that browsers give to keys which an input method (of Chinese, for example) reads. */
const COMPOSITION_KEY_CODE = 229;

export class Composer {
  #timer = null;
  #isSending = false;

  /**
   * `elements` has form, text, editing, editingTitle, cancel and send. `newId()` gives the id of a draft. `isTouch()` says that
   * Enter must make a new line. `onSend(draft)` keeps the entry, and returns whether that has succeeded.
   */
  constructor({ elements, words, newId, isTouch, onSend }) {
    Object.assign(this, { elements, words, newId, isTouch, onSend });
    this.draft = this.#blank();
    const { form, text, cancel, send } = elements;
    send.addEventListener("mousedown", (event) => event.preventDefault()); // the keyboard of a phone stays for the next note
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.send();
    });
    text.addEventListener("input", () => {
      this.draft.text = text.value;
      this.#fit();
      clearTimeout(this.#timer);
      this.#timer = setTimeout(() => this.saveDraft(), DRAFT_MILLISECONDS);
    });
    text.addEventListener("keydown", (event) => this.#onKey(event));
    cancel.addEventListener("click", () => this.endEditing());
  }

  /** Show the draft that this tab had, or else the one that this browser had, and keep it from now on. */
  start() {
    const draft = recall("draft", tabStorage()) ?? recall("draft");
    const isDraft = typeof draft?.text === "string" && typeof draft.id === "string";
    this.#show(isDraft ? draft : this.draft);
    onChange("draft", (old, changed) => {
      // Another tab with the same draft has sent it, or has gone on with it.
      const isSame = this.draft.text === "" || (old?.id === this.draft.id && old.text === this.draft.text);
      if (isSame) this.#show(changed ?? this.#blank(), { isKept: true });
    });
    for (const event of ["pagehide", "visibilitychange", "blur"]) addEventListener(event, () => this.saveDraft());
    document.addEventListener("visibilitychange", () => this.saveDraft());
  }

  /** Keep the draft now. */
  saveDraft() {
    clearTimeout(this.#timer);
    const draft = this.draft.text || this.draft.editing ? this.draft : null;
    const kept = JSON.stringify(draft);
    if (kept === this.kept) return;
    this.kept = kept;
    keep("draft", draft, tabStorage());
    keep("draft", draft);
  }

  /** Edit a text instead of writing a new note. `editing` says what is edited; `title` is shown. What was typed comes back later. */
  edit(editing, title, text) {
    const earlier = this.draft.editing ? this.draft.earlier : this.draft.text;
    this.#show({ id: this.newId(), text, editing, title, earlier });
    this.elements.text.focus();
    this.elements.text.setSelectionRange(text.length, text.length);
  }

  endEditing() {
    this.#show({ ...this.#blank(), text: this.draft.earlier ?? "" });
    this.elements.text.focus();
  }

  /** Put a text into the field, below what is there. */
  append(text) {
    this.#show({ ...this.draft, text: [this.draft.text, text].filter(Boolean).join("\n") });
    this.elements.text.focus();
  }

  /** Let the outbox keep what is typed, and clear the field after it has. */
  async send() {
    const text = wellFormed(this.draft.text).trimEnd();
    if (this.#isSending || text.trim() === "") return;
    const { id } = this.draft;
    this.#isSending = true;
    try {
      const isKept = await this.onSend({ ...this.draft, text });
      if (isKept && this.draft.id === id) {
        const typedSince = this.draft.text.startsWith(text) ? this.draft.text.slice(text.length).trimStart() : this.draft.text;
        this.#show({ ...this.#blank(), text: [this.draft.earlier, typedSince].filter(Boolean).join("\n") });
      }
    } finally {
      this.#isSending = false;
    }
  }

  #blank() {
    return { id: this.newId(), text: "", editing: null };
  }

  /** Show a draft. `isKept`: another tab keeps it already. */
  #show(draft, { isKept = false } = {}) {
    this.draft = draft;
    const { text, editing, editingTitle, send } = this.elements;
    if (text.value !== draft.text) text.value = draft.text;
    editing.hidden = !draft.editing;
    editingTitle.textContent = draft.title ?? "";
    const label = this.words.say(draft.editing ? "save" : "send");
    send.setAttribute("aria-label", label);
    send.title = label;
    this.#fit();
    if (isKept) this.kept = JSON.stringify(draft.text || draft.editing ? draft : null);
    else this.saveDraft();
  }

  #onKey(event) {
    if (event.isComposing || event.keyCode === COMPOSITION_KEY_CODE) return;
    if (event.key === "Escape" && this.draft.editing) {
      this.endEditing();
    } else if (event.key === "Enter" && (event.ctrlKey || event.metaKey || (!event.shiftKey && !this.isTouch()))) {
      event.preventDefault();
      this.send();
    }
  }

  /** Make the field as high as its text, up to the greatest height that page.css allows. */
  #fit() {
    const { text, send } = this.elements;
    const isLong = text.value.length > MEASURED_CHARACTERS_MAX;
    send.disabled = !isLong && text.value.trim() === "";
    text.dir = isLong ? "ltr" : "auto";
    text.classList.toggle("long", isLong);
    text.style.height = "auto";
    text.style.height = isLong ? "100vh" : `${text.scrollHeight + 2}px`;
  }
}

/** `text` with what is no character (half of one) replaced: no notebook takes it, and JSON in UTF-8 cannot have it. */
export function wellFormed(text) {
  return text.replace(/\p{Surrogate}/gu, "\ufffd");
}

export function isTooLong(text) {
  return new TextEncoder().encode(text).length > TEXT_BYTES_MAX;
}
