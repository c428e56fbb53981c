/** The page: makes its parts, and passes on what happens between them. The only module that does something when it is loaded. */

import { Failure, filtersIn, request } from "./api.js";
import { Composer, isTooLong } from "./composer.js";
import { Database } from "./database.js";
import { button, copyText, icon, make, prose } from "./dom.js";
import { answerTo, forgetFirstAnswers } from "./first_requests.js";
import { Leader, Lease } from "./leader.js";
import { Channel, Live } from "./live.js";
import { NoteBuilder } from "./note.js";
import { draftName, Outbox, randomId } from "./outbox.js";
import { Sender } from "./sender.js";
import { keep, recall } from "./settings.js";
import { Sheets } from "./sheets.js";
import { TakingBack } from "./taking_back.js";
import { Timeline } from "./timeline.js";
import { Times } from "./times.js";
import { Words } from "./words.js";

/**
 * Most entries are stored sooner. Until then a note looks as it will when it is stored, and a change is not shown: a frame and
 * buttons that vanish at once would only flicker.
 */
const QUICK_MILLISECONDS = 1_200;

/** After so long in the background, a page loads the notes again: its browser may have stopped it. */
const LONG_HIDDEN_MILLISECONDS = 60_000;

const TOAST_MILLISECONDS = 8_000;
const ANNOUNCEMENT_MILLISECONDS = 2_000;
const SEARCH_MILLISECONDS = 300;
const ANNOUNCED_CHARACTERS_MAX = 200;

const $ = (id) => document.getElementById(id);

class Page {
  constructor(words) {
    this.words = words;
    this.times = new Times(words);
    this.state = { notebook: recall("notebook"), needs_code: false, away: false, version: "" };
    this.author = recall("author");
    this.entries = [];
    this.failure = null;
    this.newest = 0;
    this.served = null;
    this.ready = { newest: 0, served: null };
    this.arrivals = [];
    this.ownClients = new Set();
    this.newId = () => randomId(crypto);
    this.channel = new Channel();
    this.database = new Database(globalThis.indexedDB);
    this.outbox = new Outbox(this.database, this.newId, () => this.channel.say("outbox"));
    this.sender = new Sender({
      outbox: this.outbox,
      post: (body, signal) => request("/api/entries", { method: "POST", body, signal }),
      notebook: () => (this.state.needs_code ? null : this.state.notebook?.id ?? null),
      isLeader: () => this.leader.isLeader(),
      onStored: (entries) => this.channel.say("stored", entries),
      onFailure: (failure) => this.channel.say("failure", failure),
    });
    this.live = new Live({ channel: this.channel });
    this.lease = new Lease(this.database, this.newId());
    this.leader = new Leader({ locks: navigator.locks, lease: this.lease });
    this.takingBack = new TakingBack({ outbox: this.outbox, request, change: (fields) => this.change(fields) });
    this.sheets = new Sheets({
      elements: { dialog: $("sheet"), title: $("sheet-title"), content: $("sheet-content"), close: $("sheet-close") }, words,
    });
    this.builder = new NoteBuilder({
      words, times: this.times,
      actions: {
        more: (note) => this.showActions(note),
        history: (note) => this.showHistory(note),
        tag: (tag) => this.filter({ tag }),
        author: (author) => this.filter({ author }),
        whole: (note) => this.wholeNote(note.number),
      },
    });
    const [main, days, older, empty, waiting, newest] = ["main", "days", "older", "empty", "waiting", "newest"].map($);
    this.timeline = new Timeline({
      elements: { main, days, older, empty, waiting, newest },
      builder: this.builder, words, times: this.times, onFailure: (failure) => this.noteFailure(failure),
    });
    this.composer = new Composer({
      elements: {
        form: $("composer"), text: $("text"), send: $("send"),
        editing: $("editing"), editingTitle: $("editing").firstElementChild, cancel: $("editing").lastElementChild,
      },
      words, newId: this.newId,
      isTouch: () => matchMedia("(hover: none) and (pointer: coarse)").matches,
      onSend: (draft) => this.write(draft),
    });
  }

  async start() {
    this.words.fill(document);
    document.documentElement.lang = this.words.language;
    this.listen();
    this.showAuthor();
    this.showState();
    this.showConnection("connecting");
    this.composer.start();
    const refreshing = this.refresh();
    const hasStorage = await this.database.open().then(() => true, () => false);
    if (hasStorage) await this.showOutbox();
    else this.noteMissingStorage();
    await refreshing;
    forgetFirstAnswers();
    this.run(hasStorage);
    document.body.classList.add("ready");
    if (globalThis.isSecureContext) navigator.serviceWorker?.register("/static/worker.js", { scope: "/" }).catch(() => {});
  }

  /** Send, and have live events, while this page is open. */
  run(hasStorage) {
    let running = null;
    const begin = () => {
      running = new AbortController();
      const { signal } = running;
      if (hasStorage) this.leader.run(signal, (led) => Promise.race([this.sender.run(led), this.live.run(led)]));
      else this.live.run(signal);
    };
    begin();
    addEventListener("pagehide", () => {
      running.abort();
      this.channel.say("left", this.lease.owner);
    });
    addEventListener("pageshow", (event) => {
      if (!event.persisted) return;
      begin();
      this.refresh();
    });
  }

  listen() {
    const { channel } = this;
    channel.on("outbox", () => {
      this.sender.nudge();
      this.showOutbox();
    });
    channel.on("stored", (entries) => this.noteStored(entries));
    channel.on("failure", (failure) => this.noteFailure(failure));
    channel.on("live", ({ name, data }) => this.onLive(name, data));
    channel.on("left", (owner) => this.lease.noteLeft(owner));
    channel.on("session", () => {
      this.live.restart();
      this.refresh();
    });
    channel.on("author", (author) => {
      this.author = author;
      this.showAuthor();
    });
    addEventListener("online", () => this.onSign());
    addEventListener("popstate", () => this.showAddress());
    let hiddenAt = Infinity;
    document.addEventListener("visibilitychange", () => {
      if (document.hidden) {
        hiddenAt = Date.now();
        return;
      }
      this.timeline.nameDays();
      this.onSign();
      if (Date.now() - hiddenAt > LONG_HIDDEN_MILLISECONDS) this.refresh();
    });
    this.listenToKeyboardHeight();
    this.listenToTools();
  }

  /** Keep the field for writing above the keyboard of a phone: Safari does not make the page smaller for it. */
  listenToKeyboardHeight() {
    const { visualViewport } = globalThis;
    if (!visualViewport) return;
    visualViewport.addEventListener("resize", () => {
      if (visualViewport.scale !== 1) return; // zoomed in by two fingers
      document.documentElement.style.setProperty("--height", `${visualViewport.height}px`);
      scrollTo(0, 0);
    });
  }

  listenToTools() {
    $("open-menu").onclick = () => this.showMenu();
    $("open-search").onclick = () => (document.body.classList.contains("searching") ? this.endSearch() : this.beginSearch());
    $("change-author").onclick = () => this.askAuthor();
    $("held").querySelector("button").onclick = () => this.copyWaiting();
    let timer = null;
    $("query").oninput = () => {
      clearTimeout(timer);
      timer = setTimeout(() => this.filter({ ...this.timeline.filters, q: $("query").value.trim() }, { isTyped: true }), SEARCH_MILLISECONDS);
    };
    $("query").addEventListener("keydown", (event) => event.key === "Escape" && this.endSearch());
    $("search").onsubmit = (event) => {
      event.preventDefault();
      clearTimeout(timer);
      this.filter({ ...this.timeline.filters, q: $("query").value.trim() }, { isTyped: true });
    };
    document.addEventListener("keydown", (event) => {
      const isTyping = event.target.closest("input, textarea, dialog");
      if (event.key !== "/" || isTyping || event.ctrlKey || event.metaKey || event.altKey) return;
      event.preventDefault();
      this.beginSearch();
    });
    $("session").onsubmit = (event) => {
      event.preventDefault();
      this.giveCode();
    };
  }

  /** There is a sign that the notebook can be reached again. */
  onSign() {
    this.sender.retry();
    this.live.renew();
  }

  // The state of the notebook

  /** Ask which notebook this is, and show its notes. `isSign`: if it answers, what waits is sent at once. */
  async refresh({ isSign = true } = {}) {
    try {
      this.state = await answerTo("/api/state");
    } catch (failure) {
      this.noteFailure(failure);
      return;
    }
    const { state } = this;
    if (state.notebook?.id) keep("notebook", state.notebook);
    else if (!state.needs_code) state.notebook ??= recall("notebook");
    this.showState();
    if (this.entries.length > 0) this.showOutbox(); // an entry may wait for another notebook than this one
    this.showConnection(state.away ? "away" : "live", state.reason);
    if (state.needs_code) {
      this.timeline.clear();
      this.live.forget();
      return;
    }
    this.newest = state.newest ?? this.newest;
    const { served } = state;
    const isUpToDate = !this.timeline.isLoaded || (await this.timeline.refresh({ isWhole: served !== this.served }));
    if (isUpToDate) this.served = served;
    if (!this.timeline.isLoaded) await this.showAddress();
    if (isSign) this.onSign();
  }

  showState() {
    const { state, words } = this;
    const name = state.notebook?.name ?? recall("notebook")?.name ?? "udpnote";
    $("name").textContent = name;
    document.title = name;
    document.body.classList.toggle("locked", state.needs_code);
    $("session").hidden = !state.needs_code;
    if (!state.needs_code) return;
    $("code-fields").hidden = !state.may_give_code;
    $("code-why").replaceChildren(prose(state.may_give_code ? words.say("code_why") : state.reason ?? ""));
    if (state.may_give_code) $("code").focus();
  }

  async giveCode() {
    const wrong = $("code-wrong");
    wrong.textContent = "";
    try {
      await request("/api/session", { method: "POST", body: { code: $("code").value.trim() } });
    } catch (failure) {
      wrong.replaceChildren(prose(failure.reason ?? this.words.say("lost")));
      $("code").select();
      return;
    }
    $("code").value = "";
    this.channel.say("session");
    await this.refresh();
    $("text").focus();
  }

  async endSession() {
    await request("/api/session", { method: "DELETE" }).catch(() => {});
    this.channel.say("session");
  }

  onLive(name, data) {
    switch (name) {
      case "ready":
        this.showConnection("live");
        this.ready = data;
        this.catchUp();
        return;
      case "entry":
        this.newest = Math.max(this.newest, data.number);
        this.onEntry(data);
        return;
      case "restored":
        this.newest = 0;
        this.timeline.clear(); // numbers may name other notes than before
        if (data.cause !== "far_behind") this.toast(this.words.say("restored"));
        this.refresh();
        return;
      case "away":
        this.showConnection("away", data.reason);
        return;
      case "back":
        this.showConnection("live");
        this.onSign();
        if (this.state.needs_code) this.refresh(); // it is not sealed
        else this.catchUp();
        return;
      case "session_ended":
        this.noteEndOfSession();
        return;
      case "open":
        this.showConnection("live");
        this.sender.retry();
        return;
      case "lost":
        this.showConnection("lost");
    }
  }

  /**
   * Show what `ready` tells of. Events may have been missed, for example because another tab had the stream, and was closed. Or
   * the notebook's server was stopped meanwhile: then notes may have been erased, of which no event tells.
   */
  async catchUp() {
    const { newest, served } = this.ready;
    const isWhole = served !== this.served;
    if (newest <= this.newest && !isWhole) return;
    if (!this.state.notebook?.id || this.state.away) await this.refresh();
    else if (await this.timeline.refresh({ isWhole })) Object.assign(this, { newest: Math.max(newest, this.newest), served });
  }

  async onEntry(entry) {
    const { timeline } = this;
    const own = this.entries.find(({ client, sequence }) => client === entry.client && sequence === entry.sequence);
    if (own) timeline.noteStored({ ...own, number: entry.number }); // this came before the answer to what was sent
    if (entry.note === null) {
      await timeline.refresh();
    } else if (entry.kind === "note") {
      const isNew = !timeline.isFiltered && timeline.put({ ...entry, version: entry.number, highlights: [] });
      if (isNew && !this.ownClients.has(entry.client)) this.announce(entry);
    } else if (entry.kind === "revision") {
      const note = timeline.get(entry.note);
      const { number, client, sequence, text, is_cut } = entry;
      const latest = { number, client, sequence };
      if (note) timeline.put({ ...note, text, is_cut, version: number, latest, highlights: [] });
      else if (!timeline.isFiltered) await this.bringBack(entry.note);
    } else {
      timeline.remove(entry.note);
    }
  }

  /** A note has a new text and is not shown: it was deleted, or it is older than those that are loaded. */
  async bringBack(number) {
    const note = await request(`/api/notes/${number}`).catch(() => null);
    if (note && this.timeline.covers(note.noted_at)) this.timeline.put(note);
  }

  /** Tell screen readers what has arrived, at most one sentence in a while. */
  announce(entry) {
    this.arrivals.push(entry);
    if (this.arrivals.length > 1) return;
    setTimeout(() => {
      const { words, arrivals } = this;
      const [{ author, text }] = arrivals;
      $("announcements").textContent = arrivals.length > 1
        ? words.say("new_notes", { count: arrivals.length })
        : words.say("arrived", { author: author || words.say("nobody"), text: text.slice(0, ANNOUNCED_CHARACTERS_MAX) });
      this.arrivals = [];
    }, ANNOUNCEMENT_MILLISECONDS);
  }

  noteFailure(failure) {
    this.failure = failure;
    if (failure === null) return;
    const { status, reason } = failure;
    if (status === 401) this.noteEndOfSession();
    else if (status === 409) this.refresh({ isSign: false }); // the page shows another notebook now
    else if (status === 0) this.showConnection(reason ? "live" : "lost");
    else if (status === 503) this.showConnection("away", reason);
    else if (reason) this.toast(reason);
    this.showHeld();
  }

  async noteEndOfSession() {
    const wasOpen = !this.state.needs_code && this.timeline.isLoaded;
    await this.refresh({ isSign: false });
    if (wasOpen && this.state.needs_code) $("code-wrong").textContent = this.words.say("session_ended");
  }

  /** Show whether the page and the notebook answer; `reason` is what the server says of it. */
  showConnection(state, reason = null) {
    const isLocked = this.state.needs_code;
    const isGood = isLocked || state === "live" || state === "connecting";
    $("connection").textContent = isLocked ? "" : this.words.say(isGood ? state : "away_short");
    document.body.classList.toggle("away", !isGood);
    const mayBeSealed = state === "away" && this.state.may_give_code; // without its key, nobody can tell that from silence
    const action = mayBeSealed ? { text: this.words.say("give_code"), act: () => this.askForCode() } : null;
    this.notice("connection", isGood ? null : this.words.say(state), reason, action);
  }

  /** Ask for the join code until the notebook answers again. */
  askForCode() {
    this.state = { ...this.state, needs_code: true };
    this.showState();
    this.showConnection("away");
  }

  // Writing

  /** The fields of an entry that is written now. */
  change(fields) {
    const now = new Date();
    return {
      author: this.author ?? "", written_at: now.getTime() * 1000, utc_offset: -now.getTimezoneOffset(),
      notebook: this.state.notebook?.id ?? recall("notebook")?.id ?? null, ...fields,
    };
  }

  /** Let the outbox keep what the composer has. Returns whether it is kept. */
  async write({ id, text, editing }) {
    if (isTooLong(text)) {
      this.notice("writing", this.words.say("too_long"));
      return false;
    }
    if (!this.author && !(await this.askAuthor())) return false;
    const draft = draftName(id, text);
    try {
      if (editing?.order) {
        const kept = await this.outbox.revise(editing.order, this.change({ text }), { draft });
        if (kept === null) this.toast(this.words.say("gone"));
      } else if (editing) {
        await this.outbox.add(this.change({ kind: "revision", text, revises: editing.seen.number, seen: editing.seen }), { draft });
      } else {
        await this.outbox.add(this.change({ kind: "note", text }), { draft });
      }
    } catch (error) {
      console.warn("udpnote: not kept", error);
      this.notice("writing", this.words.say("not_kept"));
      return false;
    }
    this.notice("writing", null);
    if (!editing) this.readAtEnd();
    this.askForStorage();
    return true;
  }

  /** Who has written wants to see it. */
  readAtEnd() {
    if (this.timeline.isFiltered) this.endSearch();
    this.timeline.scrollToEnd();
  }

  edit(note) {
    this.composer.edit({ seen: seenIn(note) }, this.words.say("editing", { number: `#${note.number}` }), note.text);
  }

  async editStored(note) {
    const whole = note.is_cut ? await this.wholeNote(note.number) : note;
    if (whole) this.edit({ ...note, text: whole.text });
  }

  async delete(note) {
    const seen = seenIn(note);
    try {
      await this.outbox.add(this.change({ kind: "deletion", text: "", revises: seen.number, seen }));
    } catch {
      this.notice("writing", this.words.say("not_kept"));
      return;
    }
    this.toast(this.words.say("deleted", { number: `#${note.number}` }), { text: this.words.say("undo"), act: () => this.undo() });
  }

  async undo() {
    this.toast(this.words.say(await this.takingBack.last()));
  }

  noteStored(entries) {
    for (const entry of entries) {
      this.timeline.noteStored(entry);
      const changed = entry.kind === "note" ? null : this.timeline.withVersion(entry.revises);
      // Events say the same, mostly earlier; but there may be no stream, because the server has too many.
      if (changed) this.onEntry({ ...entry, note: changed.number, is_cut: false });
    }
    this.showConnection("live");
  }

  /** Show what waits. Many changes at once are shown with one reading of the outbox. */
  async showOutbox() {
    this.isOutboxStale = true;
    if (this.isReadingOutbox) return;
    this.isReadingOutbox = true;
    try {
      while (this.isOutboxStale) {
        this.isOutboxStale = false;
        this.entries = await this.outbox.entries();
      }
    } catch (error) {
      console.warn("udpnote: the outbox cannot be read", error);
    } finally {
      this.isReadingOutbox = false;
    }
    for (const { client } of this.entries) this.ownClients.add(client);
    if (this.entries.some(isQuick)) {
      clearTimeout(this.quickTimer);
      this.quickTimer = setTimeout(() => this.showOutbox(), QUICK_MILLISECONDS);
    }
    const shown = this.entries.filter((entry) => entry.kind === "note" || !isQuick(entry));
    this.timeline.showWaiting(shown, (entry) => this.describe(entry));
    this.showHeld();
  }

  /** How an entry of the outbox is shown. */
  describe(entry) {
    const { words } = this;
    const isBad = entry.state !== "waiting";
    const title = {
      note: null,
      revision: entry.revises ? words.say("waiting_edit", { number: `#${entry.revises}` }) : words.say("waiting_edit_unsent"),
      deletion: entry.revises ? words.say("waiting_delete", { number: `#${entry.revises}` }) : words.say("waiting_delete_unsent"),
    }[entry.kind];
    const small = (name, act) => button({ className: "quiet", text: words.say(name), onclick: act });
    const copy = entry.text ? small("copy", () => this.copy(entry.text)) : null;
    const buttons = isBad
      ? [entry.text ? small("write_again", () => this.writeAgain(entry)) : null, copy, small("dismiss", () => this.outbox.dismiss(entry.order))]
      : [
        entry.kind === "deletion" ? null : small("edit", () => this.editWaiting(entry)),
        small("take_back", async () => this.toast(words.say(await this.takingBack.waiting(entry.order)))),
        copy,
      ];
    const isHeld = isBad || !isQuick(entry);
    return { title, state: this.stateOf(entry), iconName: isBad ? "warning" : "clock", isBad, isHeld, buttons: isHeld ? buttons : [] };
  }

  stateOf({ state, reason, after, notebook }) {
    const { words } = this;
    if (state === "refused" || state === "erased") return words.say(state, { reason: reason ?? words.say("no_reason") });
    if (after !== null) return words.say("waits_for_note");
    const id = this.state.notebook?.id;
    if (notebook && id && notebook !== id) return words.say("waits_elsewhere");
    return reason ? `${words.say("waiting")}: ${reason}` : words.say("waiting");
  }

  editWaiting({ order, text }) {
    this.composer.edit({ order }, this.words.say("editing_waiting"), text);
  }

  async writeAgain({ order, text }) {
    this.composer.append(text);
    this.composer.saveDraft();
    await this.outbox.dismiss(order);
  }

  /** Say how much waits, if it does so for longer than a moment. */
  showHeld() {
    const waiting = this.entries.filter(({ state }) => state === "waiting");
    const isHeld = waiting.length > 0 && (document.body.classList.contains("away") || this.failure !== null);
    $("held").hidden = !isHeld;
    if (!isHeld) return;
    $("held").querySelector("span").textContent = this.words.say("waiting_count", { count: waiting.length });
    $("held-hint").textContent = this.isStoragePersistent ? "" : this.words.say("not_persistent");
  }

  /** Ask the browser to keep what waits, and find out whether it does. Asked when there is something to keep. */
  async askForStorage() {
    if (this.isStoragePersistent !== undefined) return;
    this.isStoragePersistent = (await navigator.storage?.persist?.().catch(() => false)) ?? false;
  }

  async copyWaiting() {
    const texts = this.entries.filter(({ text }) => text).map(({ text }) => text);
    await this.copy(texts.join("\n\n"));
    await this.askForStorage();
    const { words } = this;
    const paragraphs = [words.say("only_here"), words.say(this.isStoragePersistent ? "persistent" : "not_persistent")];
    this.sheets.open(
      words.say("waiting_count", { count: texts.length }),
      make("textarea", { className: "copied", readOnly: true, rows: 8, value: texts.join("\n\n"), label: words.say("copy_waiting") }),
      ...paragraphs.map((text) => make("p", { className: "hint", text })),
    );
  }

  async copy(text) {
    this.toast(this.words.say((await copyText(text)) ? "copied" : "not_copied"));
  }

  noteMissingStorage() {
    this.notice("storage", this.words.say("no_storage"));
    document.body.classList.add("read-only");
  }

  // Reading

  /** Show the notes that match these filters, and put them into the address, so that Back leads out of the search. */
  async filter({ q = "", tag = "", author = "" }, { isTyped = false } = {}) {
    const filters = { q, tag, author };
    const query = new URLSearchParams(Object.entries(filters).filter(([, value]) => value));
    const address = query.size === 0 && !String(query) ? location.pathname : `?${query}`;
    const isFurther = isTyped && this.timeline.filters.q !== "";
    history[isFurther ? "replaceState" : "pushState"](null, "", address);
    await this.showAddress({ isTyped });
  }

  async showAddress({ isTyped = false } = {}) {
    const filters = filtersIn(location.search);
    if (!isTyped) $("query").value = filters.q;
    if (filters.q) this.openSearch();
    else if (!isTyped) this.closeSearch();
    this.showFilters(filters);
    await this.timeline.load(filters);
  }

  showFilters(filters) {
    const { words } = this;
    const chips = [
      filters.tag && [words.say("filter_tag", { tag: `#${filters.tag}` }), { ...filters, tag: "" }],
      filters.author && [words.say("filter_author", { author: filters.author }), { ...filters, author: "" }],
    ].filter(Boolean).map(([name, without]) => button(
      { className: "chip", label: words.say("remove_filter", { filter: name }), onclick: () => this.filter(without) },
      make("bdi", { text: name }), icon("close"),
    ));
    $("filters").replaceChildren(...chips);
    $("filters").hidden = chips.length === 0;
  }

  openSearch() {
    document.body.classList.add("searching");
    $("open-search").setAttribute("aria-expanded", "true");
  }

  closeSearch() {
    document.body.classList.remove("searching");
    $("open-search").setAttribute("aria-expanded", "false");
  }

  beginSearch() {
    this.openSearch();
    $("query").focus();
  }

  endSearch() {
    const hadFocus = $("query") === document.activeElement;
    this.closeSearch();
    if (this.timeline.isFiltered) this.filter({});
    $("query").value = "";
    if (hadFocus) $("text").focus();
  }

  async wholeNote(number) {
    try {
      return await request(`/api/notes/${number}`);
    } catch (failure) {
      this.toast(failure.reason ?? this.words.say("load_failed"));
      return null;
    }
  }

  showActions(note) {
    const { words } = this;
    const canWrite = !document.body.classList.contains("read-only");
    this.sheets.actions(words.say("actions_title", { number: `#${note.number}` }), [
      canWrite && { iconName: "edit", text: words.say("edit"), act: () => this.editStored(note) },
      { iconName: "copy", text: words.say("copy"), act: async () => this.copyNote(note) },
      { iconName: "history", text: words.say("history"), act: () => this.showHistory(note) },
      canWrite && { iconName: "delete", text: words.say("delete"), act: () => this.delete(note), isBad: true },
    ]);
  }

  async copyNote(note) {
    const whole = note.is_cut ? await this.wholeNote(note.number) : note;
    if (whole) await this.copy(whole.text);
  }

  async showHistory({ number }) {
    const answer = await this.asked(`/api/notes/${number}/history`);
    if (answer) this.sheets.history(number, answer.versions, this.builder);
  }

  async showTags() {
    const answer = await this.asked("/api/tags");
    if (answer) this.sheets.tags(answer.tags, (tag) => this.filter({ tag }));
  }

  /** What the server answers; null, and the reason is shown, if it does not. */
  async asked(path) {
    try {
      return await request(path);
    } catch (failure) {
      this.toast(failure.reason ?? this.words.say("load_failed"));
      return null;
    }
  }

  showMenu() {
    const { words, state } = this;
    const name = this.author ? words.say("writes_as", { author: this.author }) : words.say("say_who");
    const isOpen = !state.needs_code;
    const waiting = this.entries.filter(({ text }) => text).length;
    this.sheets.actions(words.say("menu"), [
      { iconName: "person", text: name, act: () => this.askAuthor() },
      isOpen && { iconName: "undo", text: words.say("undo_last"), act: () => this.undo() },
      waiting > 0 && { iconName: "copy", text: words.say("copy_waiting"), act: () => this.copyWaiting() },
      isOpen && { iconName: "tag", text: words.say("tags"), act: () => this.showTags() },
      isOpen && { iconName: "calendar", text: words.say("calendar"), act: () => this.sheets.calendar() },
      isOpen && { iconName: "export", text: words.say("export"), act: () => this.sheets.exports() },
      isOpen && state.notebook?.sealed && { iconName: "lock", text: words.say("end_session"), act: () => this.endSession() },
    ], state.version ? make("p", { className: "hint", text: words.say("about", { version: state.version }) }) : "");
  }

  /** Ask who writes. Returns whether that is known now. */
  async askAuthor() {
    const author = await this.sheets.askAuthor(this.author);
    if (author !== null) {
      keep("author", author);
      this.channel.say("author", author);
    }
    $("text").focus();
    return this.author !== null;
  }

  showAuthor() {
    $("author").textContent = this.author ?? "";
    $("change-author").textContent = this.words.say(this.author ? "change" : "say_who");
  }

  // What the page says

  /** Show a notice, perhaps with a `detail` and an `action`, until it does not apply any more: `text` null. */
  notice(name, text, detail = null, action = null) {
    const id = `notice-${name}`;
    const shown = $(id);
    if (text === null) {
      shown?.remove();
    } else if (shown?.dataset.text !== text || (detail && shown.dataset.detail !== detail)) {
      const small = detail && make("span", { className: "detail" }, prose(detail));
      const act = action && button({ className: "quiet", text: action.text, onclick: action.act });
      const notice = make("p", { id, className: "notice", data: { text, detail } }, icon("warning"), make("span", {}, text, small), act);
      if (shown) shown.replaceWith(notice);
      else $("notices").append(notice);
    }
    if (name === "connection") this.showHeld();
  }

  /** Say something for a few seconds, perhaps with something that a person may do about it. */
  toast(text, action = null) {
    clearTimeout(this.toastTimer);
    const hide = () => $("toast").replaceChildren();
    const act = action && button({ className: "quiet", text: action.text, onclick: () => { hide(); action.act(); } });
    $("toast").replaceChildren(make("span", {}, prose(text)), ...(act ? [act] : []));
    this.toastTimer = setTimeout(hide, TOAST_MILLISECONDS);
  }
}

/**
 * The version of a note that its reader has seen: its latest one where its identity is known, or else the note itself. A number
 * alone does not do: after the notebook was restored from an older copy, it may be that of another note.
 */
function seenIn({ latest, number, client, sequence }) {
  return latest ?? { number, client, sequence };
}

/** Whether an entry was written just now, so that it probably is stored in the next moment. */
function isQuick({ state, written_at: written }) {
  return state === "waiting" && Math.abs(Date.now() - written / 1000) < QUICK_MILLISECONDS;
}

new Page(await Words.load(navigator.languages)).start();
