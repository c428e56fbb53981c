/** The notebook that the page shows: which one it is, whether it answers and may be read, and what has changed in it. */

import { INDEX_BEING_BUILT, request } from "./api.js";
import { CodeForm } from "./code_form.js";
import { isStoredAs } from "./entries.js";
import { answerTo } from "./first_requests.js";
import { lastNotebook, rememberNotebook } from "./settings.js";

/**
 * With a filter, the page asks which notes match `SOON_MILLISECONDS` after an entry is stored, and waits for at least
 * `PAUSE_MILLISECONDS` between two such questions.
 */
const SOON_MILLISECONDS = 200;
const PAUSE_MILLISECONDS = 2_000;

export class Notebook {
  /** The server's latest answer to /api/state; `docs/page.md` explains its fields. */
  state = { notebook: lastNotebook(), needs_code: false, away: false, version: "" };

  /** The highest number of an entry that the page knows of. */
  #newest = 0;

  /** The state's `served` when all shown notes were last loaded. If it has changed since, notes may have been erased meanwhile. */
  #served = null;

  /** The data of the latest event `ready` of the stream. */
  #ready = { newest: 0, served: null };

  /** The id of the notebook from which the latest event `ready` or `restored` came; undefined: there was none yet. */
  #streamed;

  /** Whether the server gives this browser no stream. Then the page loads the notes again at each attempt to get one. */
  #isPolled = false;

  /** When the notes that match the filters were last asked for, and the timer for the next time. */
  #matchedAt = 0;
  #matching = null;

  /** The state of the connection that `showConnection` has shown last. */
  #connection = "connecting";

  /** How often the server was asked for the state, and the number of the latest of these questions that it has answered. */
  #asked = 0;
  #answered = 0;

  /**
   * `elements` has name and connection, and `codeElements` those of the `CodeForm`. `showNotes()` shows the notes that match the
   * address. `onLocked()` is called when the notes may not be read any more, and `onChanged(number, entry)` when the `entry` has
   * changed the note `number`. If `number` is null, any note may have changed.
   */
  constructor({ elements, codeElements, words, timeline, waiting, sender, live, channel, telling, showNotes, onLocked, onChanged }) {
    Object.assign(this, { elements, words, timeline, waiting, sender, live, channel, telling, showNotes, onLocked, onChanged });
    this.codeForm = new CodeForm({
      elements: codeElements, words,
      onChosen: () => {
        this.show();
        this.showConnection("away", this.state.reason);
      },
      onGiven: () => {
        channel.say("session");
        return this.refresh();
      },
    });
    channel.on("session", () => {
      live.restart();
      this.refresh();
    });
    channel.on("stored", (entries) => this.#noteStored(entries));
    channel.on("failure", (failure) => this.noteFailure(failure));
    channel.on("live", ({ name, data }) => this.#onLive(name, data));
  }

  /** The notebook's id; undefined if it is not known. */
  get id() {
    return this.state.notebook?.id;
  }

  /**
   * Ask the page's server for the notebook's state, and show that and the notes. Returns whether the page's server answers.
   * With `reconnects`, call `reconnect` after an answer, unless a join code is needed.
   */
  async refresh({ reconnects = true } = {}) {
    const wasSealed = this.state.needs_code;
    const asked = ++this.#asked;
    try {
      const state = await answerTo("/api/state");
      if (asked < this.#answered) return true; // a later question was answered first: this answer is outdated
      this.#answered = asked;
      this.state = state;
    } catch (failure) {
      this.noteFailure(failure);
      return false;
    }
    this.#noteState();
    if (this.state.needs_code) {
      if (!wasSealed) this.onLocked();
      this.timeline.clear();
      this.live.forget();
      return true;
    }
    await this.#loadNotes(this.state.served);
    if (reconnects) this.reconnect();
    return true;
  }

  /** Show what the server's new answer says of the notebook, and remember the notebook for the next visit. */
  #noteState() {
    const { state } = this;
    this.codeForm.noteState(state);
    if (state.notebook?.id) rememberNotebook(state.notebook);
    else if (!state.needs_code) state.notebook ??= lastNotebook();
    this.show();
    if (this.waiting.entries.length > 0) this.waiting.show(); // an entry may wait for another notebook than this one
    this.showConnection(state.away ? "away" : "live", state.reason);
  }

  /** Load the notes or, if they are shown already, what has changed among them. `served` is a field of the state. */
  async #loadNotes(served) {
    const { timeline } = this;
    const isUpToDate = !timeline.isLoaded || (await this.#renewNotes({ isWhole: served !== this.#served }));
    if (isUpToDate) this.#served = served;
    if (!timeline.isLoaded) await this.showNotes();
    this.#newest = timeline.newest;
  }

  /** Send waiting entries and open the stream at once, because the notebook can probably be reached again. */
  reconnect() {
    this.sender.retry();
    this.live.renew();
  }

  /** Show the notebook's name and, if its join code is asked for, the form for that. */
  show() {
    const { state } = this;
    const name = state.notebook?.name ?? lastNotebook()?.name ?? "udpnote";
    this.elements.name.textContent = name;
    document.title = name;
    document.body.classList.toggle("sealed", state.needs_code);
    this.codeForm.show(state);
  }

  /**
   * Show the state of the connection: "connecting", "live" (page and notebook answer), "away" (only the page's server answers) or
   * "lost" (neither is known to answer). `reason`: what the server says of it.
   */
  showConnection(state, reason = null) {
    const { words, telling } = this;
    this.#connection = state;
    const isFormShown = this.codeForm.isAsked(this.state); // the form says what is wrong
    const isUsable = !this.state.needs_code && (state === "live" || state === "connecting");
    const isPolled = !isFormShown && isUsable && state === "live" && this.#isPolled;
    const usual = isUsable ? state : "away_short";
    this.elements.connection.textContent = isFormShown ? "" : words.say(isPolled ? "polled_short" : usual);
    document.body.classList.toggle("away", !isFormShown && !isUsable);
    if (isFormShown || isUsable) telling.notice("connection", null);
    else this.#sayWhyAway(state, reason);
    telling.notice("polled", isPolled ? words.say("polled") : null);
    this.waiting.showHeld();
  }

  /** Say why the notebook cannot be used. If its join code may help, offer the form for that, or say why the page takes no code. */
  #sayWhyAway(connection, reason) {
    const { words, codeForm } = this;
    const { needs_code: isSealed, may_give_code: isCodeTaken, notebook } = this.state;
    const mayNeedCode = isSealed || (connection === "away" && !codeForm.hasKey); // a sealed notebook is silent without its key
    const actions = mayNeedCode && isCodeTaken ? [{ text: words.say("give_code"), act: () => codeForm.ask() }] : [];
    let detail = isSealed ? null : reason;
    if (mayNeedCode && isCodeTaken === false) {
      if (!notebook) detail = words.say("code_why_https");
      else if (detail) detail = words.say("code_refused", { reason: detail });
    }
    this.telling.notice("connection", words.say(isSealed ? "sealed" : connection), detail, ...actions);
  }

  /** Forget the join code that this browser has given. */
  async endSession() {
    await request("/api/session", { method: "DELETE" }).catch(() => {});
    this.channel.say("session");
  }

  /** Say and do what follows from a `Failure` of a request; null: requests succeed again. */
  noteFailure(failure) {
    this.waiting.failure = failure;
    if (failure === null) return;
    const { status, kind, reason } = failure;
    if (status === 401) this.#noteRefusal();
    else if (status === 409) this.refresh({ reconnects: false }); // the page shows another notebook now
    else if (status === 0 && !reason) this.showConnection("lost"); // no answer
    else if (status === 0) this.showConnection("live"); // an answer that gives the reason why an entry is not stored yet
    else if (status === 503 && kind !== INDEX_BEING_BUILT) this.showConnection("away", reason);
    else if (reason) this.telling.toast(reason);
    this.waiting.showHeld();
  }

  /** The server has refused a request or a stream, perhaps because the session has ended: `refresh`, and return its result. */
  async #noteRefusal() {
    const wasOpen = !this.state.needs_code && this.timeline.isLoaded;
    const hasAnswer = await this.refresh({ reconnects: false });
    const isKeyNew = this.state.kind === "key_changed"; // otherwise the page was started again, or has forgotten the session
    if (wasOpen && this.state.needs_code && isKeyNew) this.codeForm.sayEnded();
    return hasAnswer;
  }

  /** The server has refused a stream, because the session has ended or no stream is free. Ask which, and show the state. */
  async #noteRefusedStream() {
    if (!(await this.#noteRefusal())) return;
    const { needs_code: isSealed, away, reason } = this.state;
    this.#isPolled = !isSealed;
    this.showConnection(away ? "away" : "live", reason);
  }

  /** Act on an event of the stream, or on what has happened to the stream itself: "open", "refused" or "lost". */
  #onLive(name, data) {
    switch (name) {
      case "ready":
        this.#isPolled = false;
        this.showConnection("live");
        this.#ready = data;
        this.#streamed = this.id;
        if (this.codeForm.isChosen) this.refresh(); // this browser needs no join code now
        else this.#catchUp();
        return;
      case "entry":
        this.#newest = Math.max(this.#newest, data.number);
        this.#onEntry(data);
        return;
      case "restored":
        this.#newest = 0;
        this.timeline.clear({ stayOnPage: true }); // numbers may name other notes than before
        this.#loadAnew(data.cause);
        return;
      case "away":
        this.showConnection("away", data.reason);
        return;
      case "back":
        this.showConnection("live");
        this.reconnect();
        if (this.state.needs_code || this.codeForm.isChosen) this.refresh(); // this browser needs no join code now
        else this.#catchUp();
        return;
      case "session_ended":
        this.#noteRefusal();
        return;
      case "open":
        this.#isPolled = false;
        if (this.#connection === "lost") this.showConnection("connecting"); // only the page's server is known to answer
        this.sender.retry();
        return;
      case "refused":
        this.#noteRefusedStream();
        return;
      case "lost":
        this.showConnection("lost");
    }
  }

  /**
   * Load the notes again after an event `restored`, and say so if its `cause` is that an older copy has replaced the notebook.
   *
   * The event has the same cause if the page was started again and now shows another notebook. Then the id differs, and this says
   * nothing.
   */
  async #loadAnew(cause) {
    const before = this.#streamed ?? this.id;
    await this.refresh();
    this.#streamed = this.id;
    if (cause === "restored" && this.id === before) this.telling.toast(this.words.say("restored"));
  }

  /**
   * Show what has changed without an event. Another tab may have had the stream, and was closed. Or the notebook's server was
   * stopped for a while: then notes may have been erased, and no event says which.
   */
  async #catchUp() {
    const { newest, served } = this.#ready;
    const isWhole = served !== this.#served;
    if (newest <= this.#newest && !isWhole && this.timeline.isLoaded) return;
    if (!this.id || this.state.away) {
      await this.refresh();
      return;
    }
    if (await this.#renewNotes({ isWhole })) {
      this.#newest = Math.max(newest, this.#newest);
      this.#served = served;
    }
  }

  /** Load the shown notes again, as `Timeline.refresh` does. */
  #renewNotes({ isWhole }) {
    if (isWhole) this.onChanged(null);
    return this.timeline.refresh({ isWhole });
  }

  /** Show an `entry` that the notebook has stored. */
  async #onEntry(entry) {
    const { timeline, waiting } = this;
    const own = waiting.entries.find((each) => each.kind === entry.kind && isStoredAs(each, entry));
    if (own) timeline.noteStored({ ...own, number: entry.number }); // this came before the answer to what was sent
    if (entry.note === null) {
      await timeline.refresh();
    } else if (entry.kind === "note") {
      const isNew = !timeline.isFiltered && timeline.put({ ...entry, version: entry.number, highlights: [] });
      if (isNew) this.#announce(entry);
    } else if (entry.kind === "revision") {
      const note = timeline.get(entry.note);
      const { number, client, sequence, text, is_cut } = entry;
      const latest = { number, client, sequence };
      if (note) timeline.put({ ...note, text, is_cut, version: number, latest, highlights: [] });
      else if (!timeline.isFiltered) await this.#bringBack(entry.note);
    } else {
      timeline.remove(entry.note);
    }
    if (timeline.isFiltered && entry.kind !== "deletion") this.#matchSoon();
    this.onChanged(entry.note, entry);
  }

  /** Show soon which new notes match the filters: only the server can tell. */
  #matchSoon() {
    const pause = Math.max(SOON_MILLISECONDS, this.#matchedAt + PAUSE_MILLISECONDS - Date.now());
    this.#matching ??= setTimeout(async () => {
      this.#matching = null;
      this.#matchedAt = Date.now();
      if (!this.timeline.isFiltered) return;
      for (const note of await this.timeline.addMatches()) this.#announce(note);
    }, pause);
  }

  /** Tell screen readers of a note that has arrived, unless it was written in this browser. */
  #announce(note) {
    if (!this.waiting.ownClients.has(note.client)) this.telling.announce(note);
  }

  /** Show the note `number`, which has a new text and is not shown, unless it is older than the notes that are loaded. */
  async #bringBack(number) {
    const note = await request(`/api/notes/${number}`).catch(() => null);
    if (note && this.timeline.covers(note.noted_at)) this.timeline.put(note);
  }

  /** Show the `entries` of this browser, which the notebook has just stored. */
  #noteStored(entries) {
    for (const entry of entries) {
      this.timeline.noteStored(entry);
      const changed = entry.kind === "note" ? null : this.timeline.list.withVersion(entry.revises);
      // Events say the same, mostly earlier; but there may be no stream, because the server has too many.
      if (changed) this.#onEntry({ ...entry, note: changed.number, is_cut: false });
    }
    this.telling.announceStored(entries.filter(({ kind }) => kind === "note").map(({ number }) => number));
    this.showConnection("live");
  }
}
