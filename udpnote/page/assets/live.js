/**
 * The stream of live events (server-sent events). Only the leader has a stream. It passes each event on to all tabs by a `Channel`.
 *
 * After an interruption the browser's EventSource connects again by itself, and names the last event that it has got
 * (Last-Event-ID). A tab that becomes the leader names the last event that it has got by the channel. So nothing is lost or
 * repeated. If the browser has stopped a tab, the tab may have missed events. The number in the event `ready` shows that.
 */

import { withParameters } from "./api.js";
import { pause } from "./tabs.js";

/** The names of the server's events; `docs/page.md` explains them. */
const EVENTS = ["ready", "entry", "restored", "away", "back", "session_ended"];

/** The pauses between attempts to open a stream grow from the first to the second of these. */
const PAUSE_MILLISECONDS_MIN = 1_000;
const PAUSE_MILLISECONDS_MAX = 30_000;

export class Live {
  #source = null;

  /** Ends the stream, or the pause before the next one: then `run` opens a stream at once. */
  #renew = () => {};

  /**
   * `connect(id)` opens an EventSource for the events after the one with this id; null: for events from now on. Each event goes
   * to `channel` as a message `live`, with its `name`, `data` and `id`.
   */
  constructor({ channel, connect = (id) => new EventSource(withParameters("/api/events", { after: id })) }) {
    Object.assign(this, { channel, connect, lastId: null });
    channel.on("live", ({ id }) => { this.lastId = id || this.lastId; });
  }

  /** Let the next stream begin with the events from now on, because the notes are loaded anew. */
  forget() {
    this.lastId = null;
  }

  /** Keep a stream open until `signal` is aborted. */
  async run(signal) {
    const stop = () => this.#renew();
    signal.addEventListener("abort", stop);
    let milliseconds = PAUSE_MILLISECONDS_MIN;
    while (!signal.aborted) {
      const { wasOpen, isRenewed } = await this.#listen();
      if (isRenewed) continue;
      milliseconds = wasOpen ? PAUSE_MILLISECONDS_MIN : Math.min(2 * milliseconds, PAUSE_MILLISECONDS_MAX);
      const waiting = new AbortController();
      this.#renew = () => waiting.abort();
      if (!signal.aborted) await pause(milliseconds, waiting.signal);
    }
    signal.removeEventListener("abort", stop);
  }

  /** Open the stream now, if it is not open: there is a sign that the server can be reached again. */
  renew() {
    if (this.#source?.readyState !== 1) this.#renew();
  }

  /** Open a new stream, because this browser has another session now, or none: the old stream goes on in the earlier session. */
  restart() {
    this.#renew();
  }

  /**
   * Listen to one EventSource until it ends for good, or until `#renew` is called. Returns a promise of two values: `wasOpen` says
   * whether the stream was open at any time, and `isRenewed` whether `#renew` has ended it.
   */
  #listen() {
    return new Promise((resolve) => {
      let wasOpen = false;
      let isRenewed = false;
      const source = this.connect(this.lastId);
      this.#source = source;
      const end = () => {
        source.close();
        resolve({ wasOpen, isRenewed });
      };
      this.#renew = () => {
        isRenewed = true;
        end();
      };
      source.onopen = () => {
        wasOpen = true;
        this.channel.say("live", { name: "open", data: {} });
      };
      source.onerror = () => {
        const isRefused = source.readyState === 2; // the browser does not try again
        this.channel.say("live", { name: isRefused ? "refused" : "lost", data: {} });
        if (isRefused) end();
      };
      for (const name of EVENTS) {
        source.addEventListener(name, ({ data, lastEventId }) => {
          this.channel.say("live", { name, data: JSON.parse(data), id: lastEventId });
        });
      }
    });
  }
}
