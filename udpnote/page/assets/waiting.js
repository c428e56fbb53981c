/** The entries that wait in the outbox, as the page shows them, and what a person can do with them. */

import { button, make } from "./dom.js";
import { notebookName } from "./settings.js";

/**
 * Most entries are stored sooner than this. For so long a waiting note looks like a stored one, and a waiting edit or deletion is
 * not shown at all: a frame and buttons that vanish at once would only flicker.
 */
const QUICK_MILLISECONDS = 1_200;

export class Waiting {
  /** The entries of the outbox when it was last read. */
  entries = [];

  /** The client ids under which this browser has written since the page was opened. */
  ownClients = new Set();

  /** The `status`, `kind` and `reason` with which the last request of the `Sender` has failed; null if it has succeeded. */
  failure = null;

  #isStale = false; // the outbox has changed since the last reading began
  #isReading = false;
  #isPersistent = undefined; // whether the browser promises to keep entries; undefined: it was not asked yet
  #quickTimer = null;

  /**
   * `elements` has held, heldText and heldHint. `notebookId()` returns the id of the notebook that the page shows, or
   * undefined. `copy(text)` copies a text, and tells the person whether that was possible.
   */
  constructor({ elements, words, outbox, timeline, composer, takingBack, sheets, telling, notebookId, copy }) {
    Object.assign(this, { elements, words, outbox, timeline, composer, takingBack, sheets, telling, notebookId, copy });
  }

  /** Read the outbox, and show the entries in it. If this is called during a reading, the outbox is read once more. */
  async show() {
    this.#isStale = true;
    if (this.#isReading) return;
    this.#isReading = true;
    try {
      while (this.#isStale) {
        this.#isStale = false;
        this.entries = await this.outbox.entries();
      }
    } catch (error) {
      console.warn("udpnote: the outbox cannot be read", error);
    } finally {
      this.#isReading = false;
    }
    for (const { client } of this.entries) if (client) this.ownClients.add(client);
    if (this.entries.some(isQuick)) {
      clearTimeout(this.#quickTimer);
      this.#quickTimer = setTimeout(() => this.show(), QUICK_MILLISECONDS);
    }
    const shown = this.entries.filter((entry) => entry.kind === "note" || !isQuick(entry));
    this.timeline.showWaiting(shown, (entry) => this.#describe(entry));
    this.showHeld();
  }

  /** Say how many entries wait, if the notebook does not answer or the last request to store entries has failed. */
  showHeld() {
    const { held, heldText, heldHint } = this.elements;
    const waiting = this.entries.filter(({ state }) => state === "waiting");
    const isHeld = waiting.length > 0 && (document.body.classList.contains("away") || this.failure !== null);
    held.hidden = !isHeld;
    if (!isHeld) return;
    heldText.textContent = this.words.say("waiting_count", { count: waiting.length });
    heldHint.textContent = this.#isPersistent ? "" : this.words.say("not_persistent");
  }

  /** Ask the browser, once, to keep waiting entries even if the disk is full. Call this when there is an entry to keep. */
  async askForStorage() {
    if (this.#isPersistent !== undefined) return;
    this.#isPersistent = (await navigator.storage?.persist?.().catch(() => false)) ?? false;
  }

  /** The texts of all entries in the outbox, waiting, refused, erased or broken. Deletions have none. */
  get texts() {
    return this.entries.filter(({ text }) => text).map(({ text }) => text);
  }

  /** Copy all `texts`, and show them in a dialog, which also says whether this browser promises to keep them. */
  async copyAll() {
    const { texts, words } = this;
    const whole = texts.join("\n\n");
    await this.copy(whole);
    await this.askForStorage();
    const paragraphs = [words.say("only_here"), words.say(this.#isPersistent ? "persistent" : "not_persistent")];
    this.sheets.open(
      words.say("waiting_title"),
      make("textarea", { className: "copied", readOnly: true, rows: 8, value: whole, label: words.say("copy_waiting") }),
      ...paragraphs.map((text) => make("p", { className: "hint", text })),
    );
  }

  /** How an entry of the outbox is shown; see `Timeline.showWaiting`. */
  #describe(entry) {
    const { words } = this;
    const isBad = entry.state !== "waiting";
    const number = `#${entry.note ?? entry.revises}`;
    const title = {
      note: null,
      revision: entry.revises ? words.say("waiting_edit", { number }) : words.say("waiting_edit_unsent"),
      deletion: entry.revises ? words.say("waiting_delete", { number }) : words.say("waiting_delete_unsent"),
    }[entry.kind];
    const isHeld = isBad || !isQuick(entry);
    const buttons = isHeld ? this.#buttons(entry, isBad) : [];
    return { title, state: this.#stateOf(entry), iconName: isBad ? "warning" : "clock", isBad, isHeld, buttons };
  }

  #buttons(entry, isBad) {
    const { words } = this;
    const small = (name, act) => button({ className: "quiet", text: words.say(name), onclick: act });
    const copy = entry.text ? small("copy", () => this.copy(entry.text)) : null;
    if (entry.state === "broken") return [copy, small("remove", () => this.outbox.dismiss(entry.order))];
    if (isBad) {
      return [
        entry.text ? small("write_again", () => this.#writeAgain(entry)) : null,
        copy,
        small("dismiss", () => this.outbox.dismiss(entry.order)),
      ];
    }
    return [
      entry.kind === "deletion" ? null : small("edit", () => this.#edit(entry)),
      small("take_back", async () => this.telling.toast(words.say(await this.takingBack.waiting(entry)))),
      copy,
    ];
  }

  #stateOf({ state, reason, after, notebook }) {
    const { words } = this;
    if (state === "broken") return words.say("broken");
    if (state === "refused" || state === "erased") return words.say(state, { reason: reason ?? words.say("no_reason") });
    if (after !== null) return words.say("waits_for_note");
    const id = this.notebookId();
    if (notebook && id && notebook !== id) return words.say("waits_elsewhere", { notebook: notebookName(notebook) });
    return reason ? `${words.say("waiting")}: ${reason}` : words.say("waiting");
  }

  #edit({ order, text }) {
    this.composer.edit({ order }, this.words.say("editing_waiting"), text);
  }

  async #writeAgain({ order, text }) {
    this.composer.append(text);
    this.composer.saveDraft();
    await this.outbox.dismiss(order);
  }
}

/** Whether an entry was written just now, so that it probably is stored in the next moment. */
function isQuick({ state, written_at: written }) {
  return state === "waiting" && Math.abs(Date.now() - written / 1000) < QUICK_MILLISECONDS;
}
