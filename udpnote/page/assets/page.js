/** The page: makes its parts, connects them and starts. Besides `first_requests.js`, no other module acts when it is loaded. */

import { request } from "./api.js";
import { Author } from "./author.js";
import { Composer } from "./composer.js";
import { Database } from "./database.js";
import { forgetFirstAnswers } from "./first_requests.js";
import { Live } from "./live.js";
import { Menus } from "./menus.js";
import { NoteBuilder } from "./note.js";
import { Notebook } from "./notebook.js";
import { Outbox, randomId } from "./outbox.js";
import { Overtaking } from "./overtaking.js";
import { Search } from "./search.js";
import { Sender } from "./sender.js";
import { keep, recall } from "./settings.js";
import { Sheets } from "./sheets.js";
import { Channel, Leader, Lease } from "./tabs.js";
import { TakingBack } from "./taking_back.js";
import { Telling } from "./telling.js";
import { Timeline } from "./timeline.js";
import { Times } from "./times.js";
import { Waiting } from "./waiting.js";
import { Words } from "./words.js";
import { Writing } from "./writing.js";

/** After so long in the background, a page loads the notes again, because its browser may have stopped it meanwhile. */
const LONG_HIDDEN_MILLISECONDS = 60_000;

const MINUTE_MILLISECONDS = 60_000;

const $ = (id) => document.getElementById(id);

class Page {
  constructor(words) {
    this.words = words;
    this.menus = new Menus(this);
    this.#makeDelivery();
    this.#makeTimeline();
    this.#makeTools();
  }

  /** Make the parts that keep, send and receive entries. */
  #makeDelivery() {
    const newId = () => randomId(crypto);
    this.channel = new Channel();
    this.database = new Database(globalThis.indexedDB);
    this.outbox = new Outbox(this.database, newId, () => this.channel.say("outbox"));
    this.sender = new Sender({
      outbox: this.outbox,
      post: (body, signal) => request("/api/entries", { method: "POST", body, signal }),
      notebook: () => (this.notebook.state.needs_code ? null : this.notebook.id ?? null),
      isLeader: () => this.leader.isLeader(),
      onStored: (entries) => {
        this.channel.say("stored", entries);
        this.overtaking.check(entries);
      },
      onFailure: (failure) => this.channel.say("failure", failure),
      onUsable: () => this.telling.notice("cannot-send", null),
    });
    this.live = new Live({ channel: this.channel });
    this.lease = new Lease(this.database, newId());
    this.lease.noteLeft(recall("left")); // before a reload, a page was here: it has left before this one listened to the channel
    this.leader = new Leader({
      locks: navigator.locks, lease: this.lease,
      onError: () => this.telling.notice("cannot-send", this.words.say("cannot_send")),
    });
    this.takingBack = new TakingBack({ outbox: this.outbox, request, change: (fields) => this.writing.change(fields) });
  }

  /** Make the parts that show notes. */
  #makeTimeline() {
    const { words, menus } = this;
    const times = new Times(words);
    this.builder = new NoteBuilder({
      words, times,
      actions: {
        more: (note) => menus.showActions(note),
        history: (note) => menus.showHistory(note),
        tag: (tag) => this.search.filter({ tag }),
        author: (author) => this.search.filter({ author }),
        whole: (note) => menus.wholeNote(note.number),
      },
    });
    const [main, days, older, newer, newest] = ["main", "days", "older", "newer", "newest"].map($);
    this.timeline = new Timeline({
      elements: { main, days, older, newer, newest, empty: $("empty"), waiting: $("waiting") },
      builder: this.builder, words, times, onFailure: (failure) => this.notebook.noteFailure(failure),
    });
    this.search = new Search({
      elements: { form: $("search"), query: $("query"), open: $("open-search"), filters: $("filters"), text: $("text") },
      words, timeline: this.timeline,
    });
  }

  /** Make the parts with which a person writes, and those that tell the person what happens. */
  #makeTools() {
    const { words, channel, outbox, timeline, takingBack, sender, live, menus } = this;
    const notebookId = () => this.notebook.id;
    const telling = new Telling({ elements: { notices: $("notices"), toast: $("toast"), announcements: $("announcements") }, words });
    const sheets = new Sheets({
      elements: { dialog: $("sheet"), title: $("sheet-title"), content: $("sheet-content"), close: $("sheet-close") }, words,
    });
    const author = new Author({ elements: { name: $("author"), change: $("change-author"), text: $("text") }, words, sheets, channel });
    const composer = new Composer({
      elements: {
        form: $("composer"), text: $("text"), send: $("send"),
        editing: $("editing"), editingTitle: $("editing").firstElementChild, cancel: $("editing").lastElementChild,
      },
      words, channel, newId: () => randomId(crypto),
      isTouch: () => matchMedia("(hover: none) and (pointer: coarse)").matches,
      onSend: (draft) => this.writing.write(draft),
    });
    const waiting = new Waiting({
      elements: { held: $("held"), heldText: $("held").querySelector("span"), heldHint: $("held-hint") },
      words, outbox, timeline, composer, takingBack, sheets, telling, notebookId, copy: (text) => menus.copy(text),
    });
    const writing = new Writing({
      words, author, outbox, composer, waiting, telling, notebookId,
      onWritten: () => this.#readAtEnd(), wholeNote: (number, options) => menus.wholeNote(number, options),
    });
    const notebook = new Notebook({
      elements: { name: $("name"), connection: $("connection") },
      codeElements: {
        form: $("session"), title: $("session").firstElementChild, fields: $("code-fields"), why: $("code-why"), code: $("code"),
        wrong: $("code-wrong"), cancel: $("code-cancel"), text: $("text"),
      },
      words, timeline, waiting, sender, live, channel, telling, showNotes: () => this.search.showAddress(),
      onLocked: () => sheets.close(),
      onChanged: (number, entry) => {
        menus.renewHistory(number);
        if (entry) writing.noteChange(entry);
      },
    });
    this.overtaking = new Overtaking({ request, channel, words, telling, showHistory: (note) => menus.showHistory(note) });
    Object.assign(this, { telling, sheets, author, composer, waiting, writing, notebook });
  }

  /** Show the notes as soon as possible. Then begin to send, and to get live events. */
  async start() {
    this.words.fill(document);
    document.documentElement.lang = this.words.language;
    this.#listen();
    this.author.show();
    this.notebook.show();
    this.notebook.showConnection("connecting");
    this.composer.start();
    const refreshing = this.notebook.refresh();
    const hasStorage = await this.database.open().then(() => true, () => false);
    const showing = hasStorage ? this.waiting.show() : this.#noteMissingStorage();
    await refreshing;
    forgetFirstAnswers();
    this.#run(hasStorage);
    await showing;
    document.body.classList.add("ready");
    if (globalThis.isSecureContext) navigator.serviceWorker?.register("/static/worker.js", { scope: "/" }).catch(() => {});
  }

  /** Send, and have live events, while this page is open. */
  #run(hasStorage) {
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
      if (this.lease.isHeld) keep("left", this.lease.owner);
    });
    addEventListener("pageshow", (event) => {
      if (!event.persisted) return; // only a page that was left above goes on: the browser has kept it, and the person is back
      keep("left", null);
      begin();
      this.notebook.refresh();
    });
  }

  /** Listen to the other tabs, to the browser, and to the buttons that belong to no part. */
  #listen() {
    const { channel, notebook } = this;
    channel.on("outbox", () => {
      this.sender.nudge();
      this.waiting.show();
    });
    channel.on("left", (owner) => this.lease.noteLeft(owner));
    addEventListener("online", () => notebook.reconnect());
    let hiddenAt = Infinity;
    document.addEventListener("visibilitychange", () => {
      if (document.hidden) {
        hiddenAt = Date.now();
        return;
      }
      this.timeline.list.nameDays();
      notebook.reconnect();
      if (Date.now() - hiddenAt > LONG_HIDDEN_MILLISECONDS) notebook.refresh();
    });
    setInterval(() => this.timeline.list.nameDays(), MINUTE_MILLISECONDS);
    this.search.listen();
    $("open-menu").onclick = () => this.menus.showMenu();
    $("held").querySelector("button").onclick = () => this.waiting.copyAll();
    keepAboveKeyboard();
  }

  /** Show the latest notes, without filters: a person who has written a note wants to see it. */
  #readAtEnd() {
    if (this.timeline.isFiltered) this.search.end();
    this.timeline.showEnd();
  }

  /** The browser keeps no entries: let the person only read. */
  #noteMissingStorage() {
    this.telling.notice("storage", this.words.say("no_storage"));
    document.body.classList.add("read-only");
  }
}

/** Keep the field for writing above the keyboard of a phone: Safari does not make the page smaller for it. */
function keepAboveKeyboard() {
  const { visualViewport } = globalThis;
  if (!visualViewport) return;
  visualViewport.addEventListener("resize", () => {
    if (visualViewport.scale !== 1) return; // zoomed in by two fingers
    document.documentElement.style.setProperty("--height", `${visualViewport.height}px`);
    scrollTo(0, 0);
  });
}

new Page(await Words.load(navigator.languages)).start();
