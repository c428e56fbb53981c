/**
 * The stream of live events (server-sent events). The leader has it; the other tabs get its events through a channel.
 *
 * While the connection is only interrupted, the browser's EventSource connects again by itself and names the last event that it
 * has got (Last-Event-ID), so nothing is lost or repeated. With a new EventSource, the server's first event (`ready`) has the
 * number of the newest entry, and a tab that does not know that entry loads the notes again.
 */

import { pause } from "./leader.js";

const EVENTS = ["ready", "entry", "restored", "away", "back", "session_ended"];
const PAUSE_MILLISECONDS_MIN = 1_000;
const PAUSE_MILLISECONDS_MAX = 30_000;

/** Messages between the tabs of this browser. A message also reaches the tab that says it. */
export class Channel {
  constructor(name = "udpnote") {
    this.listeners = new Map();
    this.channel = typeof BroadcastChannel === "undefined" ? null : new BroadcastChannel(name);
    if (this.channel) this.channel.onmessage = ({ data }) => this.#hear(data);
  }

  /** Call `listener` with the content of each message of this kind. */
  on(kind, listener) {
    this.listeners.set(kind, [...(this.listeners.get(kind) ?? []), listener]);
  }

  say(kind, content = null) {
    this.channel?.postMessage({ kind, content });
    this.#hear({ kind, content });
  }

  #hear({ kind, content }) {
    for (const listener of this.listeners.get(kind) ?? []) listener(content);
  }
}

export class Live {
  #source = null;
  #renew = () => {};

  /** `connect()` opens an EventSource. Each event is said on `channel` as `live`, with its `name` and `data`. */
  constructor({ channel, connect = () => new EventSource("/api/events") }) {
    Object.assign(this, { channel, connect });
  }

  /** Keep a stream open until `signal` is aborted. */
  async run(signal) {
    let milliseconds = PAUSE_MILLISECONDS_MIN;
    while (!signal.aborted) {
      const wasOpen = await this.#listen(signal);
      milliseconds = wasOpen ? PAUSE_MILLISECONDS_MIN : Math.min(2 * milliseconds, PAUSE_MILLISECONDS_MAX);
      const waiting = new AbortController();
      this.#renew = () => waiting.abort();
      signal.addEventListener("abort", this.#renew, { once: true });
      if (!signal.aborted) await pause(milliseconds, waiting.signal);
    }
  }

  /** There is a sign that the server can be reached again: open the stream now if it is not open. */
  renew() {
    if (this.#source?.readyState !== 1) this.#renew();
  }

  /** This browser has another session than before, which only a new stream has. */
  restart() {
    this.#renew();
  }

  /** Listen to one EventSource until it ends for good. Returns whether it was ever open. */
  #listen(signal) {
    return new Promise((resolve) => {
      let wasOpen = false;
      const source = this.connect();
      this.#source = source;
      const end = () => {
        source.close();
        signal.removeEventListener("abort", end);
        resolve(wasOpen);
      };
      this.#renew = end;
      signal.addEventListener("abort", end);
      source.onopen = () => {
        wasOpen = true;
        this.channel.say("live", { name: "open", data: {} });
      };
      source.onerror = () => {
        this.channel.say("live", { name: "lost", data: {} });
        if (source.readyState === 2) end(); // it was refused: the browser does not try again
      };
      for (const name of EVENTS) {
        source.addEventListener(name, (event) => this.channel.say("live", { name, data: JSON.parse(event.data) }));
      }
    });
  }
}
