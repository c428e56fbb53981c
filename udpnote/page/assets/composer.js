/**
 * The field for writing, and its draft. Each tab has its own draft, which survives a reload, a switch to another app and a crash of
 * the browser. A new tab shows the draft that a closed tab has left.
 *
 * Each draft has an id. When the outbox keeps an entry from a draft, it remembers the draft's id with the text (`draftName`), and
 * takes no second entry with both. So no draft is sent twice: not by two presses of Enter, not by two tabs that show it, and not
 * after a crash between keeping the entry and forgetting the draft.
 */

import { wellFormed } from "./entries.js";
import { keep, recall, recallAll, tabStorage } from "./settings.js";
import { pause } from "./tabs.js";

/** After how many milliseconds without typing the draft is kept. */
const DRAFT_MILLISECONDS = 250;

/** How long a new tab waits for the other tabs to say which drafts they show. A tab that the browser has stopped says nothing. */
const ANSWER_MILLISECONDS = 500;

/** A longer text is not measured: the field has its greatest height anyway, and measuring would take seconds. */
const MEASURED_CHARACTERS_MAX = 20_000;

/** The `keyCode` of keys that go to an input method, for example for Chinese. */
const COMPOSITION_KEY_CODE = 229;

/**
 * A draft has an `id` and a `text`. `editing` says what is edited: `{ order }` for a waiting entry, `{ seen, note }` for a stored note
 * (see `Writing.edit`), null for a new note. While something is edited, `title` says so, `earlier` is the text of the new note, which
 * comes back afterwards, and `isChanged` says whether the person has changed the text.
 */
export class Composer {
  #timer = null;
  #isSending = false;

  /** The draft that the browser keeps, as JSON, and its id. If it keeps none, these are "null" and null. */
  #kept = "null";
  #keptId = null;

  /**
   * `elements` has form, text, editing, editingTitle, cancel and send. `newId()` returns the id of a new draft. If `isTouch()` is
   * true, Enter makes a new line. `onSend(draft)` keeps the entry, and returns a promise of whether it could. `channel` is
   * the `Channel` of the tabs.
   */
  constructor({ elements, words, channel, newId, isTouch, onSend }) {
    Object.assign(this, { elements, words, channel, newId, isTouch, onSend });
    this.draft = this.#blank();
    const { form, text, cancel, send } = elements;
    send.addEventListener("mousedown", (event) => event.preventDefault()); // the keyboard of a phone stays for the next note
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.send();
    });
    text.addEventListener("input", () => {
      Object.assign(this.draft, { text: text.value, isChanged: true });
      this.#fit();
      clearTimeout(this.#timer);
      this.#timer = setTimeout(() => this.saveDraft(), DRAFT_MILLISECONDS);
    });
    text.addEventListener("keydown", (event) => this.#onKey(event));
    cancel.addEventListener("click", () => this.endEditing());
  }

  /** Show the draft of this tab or, if it has none, one that a closed tab has left. From now on, keep each draft. */
  start() {
    const { channel } = this;
    const draft = recall("draft", tabStorage());
    this.#show(isDraft(draft) ? draft : this.draft);
    if (!isDraft(draft)) this.#showLeft();
    channel.on("draft", (id) => {
      if (id === this.#keptId) channel.say("draft_shown", id);
    });
    for (const event of ["pagehide", "blur"]) addEventListener(event, () => this.saveDraft());
    document.addEventListener("visibilitychange", () => this.saveDraft());
  }

  /** Keep the draft now, without waiting for a pause in typing. If it is empty, forget the one that was kept. */
  saveDraft() {
    clearTimeout(this.#timer);
    const draft = this.draft.text || this.draft.editing ? this.draft : null;
    const kept = JSON.stringify(draft);
    if (kept === this.#kept) return;
    if (this.#keptId !== null && this.#keptId !== draft?.id) keep(`draft.${this.#keptId}`, null);
    this.#kept = kept;
    this.#keptId = draft?.id ?? null;
    keep("draft", draft, tabStorage());
    if (draft) keep(`draft.${draft.id}`, { ...draft, kept_at: Date.now() }); // for a new tab, if this one is closed
  }

  /** Show the latest draft that no open tab shows, unless the person writes meanwhile. */
  async #showLeft() {
    const kept = recallAll("draft.").filter(isDraft).sort((one, other) => one.kept_at - other.kept_at);
    if (kept.length === 0) return;
    const left = new Map(kept.map((draft) => [draft.id, draft]));
    this.channel.on("draft_shown", (id) => left.delete(id));
    for (const { id } of kept) this.channel.say("draft", id);
    await pause(ANSWER_MILLISECONDS);
    const draft = [...left.values()].at(-1);
    if (draft && this.draft.text === "" && !this.draft.editing) this.#show(draft);
  }

  /**
   * Edit `text` instead of writing a new note. `editing` says what is edited; `title` is shown. After the editing, the text of the
   * new note comes back. If another edit is under way, the text that the person has changed there is added to that of the new note.
   */
  edit(editing, title, text) {
    const { draft } = this;
    const written = draft.editing && !draft.isChanged ? "" : draft.text;
    const earlier = [draft.earlier, written].filter(Boolean).join("\n");
    this.#show({ id: this.newId(), text, editing, title, earlier });
    this.elements.text.focus();
    this.elements.text.setSelectionRange(text.length, text.length);
  }

  /** Go on with the editing under another `title`. Fields that `editing` has replace those of the draft's `editing`. */
  noteEdited(editing, title) {
    this.#show({ ...this.draft, editing: { ...this.draft.editing, ...editing }, title });
  }

  /** End the editing, and show the text from before it. With `keepsText`, add the edited text to that. */
  endEditing({ keepsText = false } = {}) {
    const { earlier, text } = this.draft;
    this.#show({ ...this.#blank(), text: [earlier, keepsText && text].filter(Boolean).join("\n") });
    this.elements.text.focus();
  }

  /** Add `text` in the field, below the text that is there. */
  append(text) {
    this.#show({ ...this.draft, text: [this.draft.text, text].filter(Boolean).join("\n") });
    this.elements.text.focus();
  }

  /** Let the outbox keep the text in the field, and clear the field after that. */
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

  #show(draft) {
    this.draft = draft;
    const { text, editing, editingTitle, send } = this.elements;
    if (text.value !== draft.text) text.value = draft.text;
    editing.hidden = !draft.editing;
    editingTitle.textContent = draft.title ?? "";
    const label = this.words.say(draft.editing ? "save" : "send");
    send.setAttribute("aria-label", label);
    send.title = label;
    this.#fit();
    this.saveDraft();
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

  /** Make the field as high as its text, but no higher than page.css allows. */
  #fit() {
    const { text, send } = this.elements;
    const isLong = text.value.length > MEASURED_CHARACTERS_MAX;
    send.disabled = !isLong && text.value.trim() === "";
    text.dir = isLong ? "ltr" : "auto";
    text.classList.toggle("long", isLong);
    text.style.height = "auto"; // of one row
    if (text.value !== "") text.style.height = isLong ? "100vh" : `${text.scrollHeight + 2}px`;
  }
}

function isDraft(value) {
  return typeof value?.text === "string" && typeof value.id === "string";
}
