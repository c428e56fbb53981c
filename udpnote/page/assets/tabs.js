/**
 * The tabs of this browser: the messages between them, and which of them is the leader. Only the leader sends the entries of the
 * outbox, and has the stream of live events.
 *
 * Over HTTPS the browser has locks for this (Web Locks). Over plain HTTP it has none, so the leader holds a lease: a record in the
 * browser's database of which tab leads until when. A tab that is frozen or killed does not renew its lease. Then another tab takes
 * the lease. If two tabs send for a moment, nothing is stored twice, because both send the same identities.
 */

import { result } from "./database.js";

/** How long a lease lasts, unless it is renewed, and how often a tab renews it or tries to become the leader. */
export const LEASE_MILLISECONDS = 6_000;
const RENEWAL_MILLISECONDS = 2_000;

/** Messages between the tabs of this browser. A message also reaches the tab that sends it. */
export class Channel {
  constructor(name = "udpnote") {
    this.listeners = new Map();
    this.channel = typeof BroadcastChannel === "undefined" ? null : new BroadcastChannel(name);
    if (this.channel) this.channel.onmessage = ({ data }) => this.#hear(data);
  }

  /** Call `listener` with the content of each message of the given `kind`. */
  on(kind, listener) {
    this.listeners.set(kind, [...(this.listeners.get(kind) ?? []), listener]);
  }

  /** Send a message to all tabs. */
  say(kind, content = null) {
    this.channel?.postMessage({ kind, content });
    this.#hear({ kind, content });
  }

  #hear({ kind, content }) {
    for (const listener of this.listeners.get(kind) ?? []) listener(content);
  }
}

/** A lease in the database. `take` gets or renews the lease, and returns whether `owner` has it. `isHeld` is the latest result. */
export class Lease {
  /** `owner` is the id of this tab, `now()` the time in milliseconds, which all tabs share. */
  constructor(database, owner, now = Date.now) {
    Object.assign(this, { database, owner, now, left: null, isHeld: false });
  }

  /** Note that the tab `owner` is closed, so its lease is free. A closing tab has no time to free its lease itself. */
  noteLeft(owner) {
    this.left = owner;
  }

  async take() {
    // Not strict: after a crash of the machine no tab has the lease, so it need not be on the disk.
    this.isHeld = await this.database.transact("readwrite", async (transaction) => {
      const facts = transaction.objectStore("facts");
      const lease = await result(facts.get("lease"));
      const { left } = this;
      this.left = null; // the closed tab may come back, and its next lease counts again
      const isFree = !lease || lease.owner === this.owner || lease.owner === left || lease.until <= this.now()
        || lease.until > this.now() + LEASE_MILLISECONDS; // the clock was set back
      if (isFree) await result(facts.put({ owner: this.owner, until: this.now() + LEASE_MILLISECONDS }, "lease"));
      return isFree;
    }, { durability: "relaxed" });
    return this.isHeld;
  }
}

export class Leader {
  /**
   * `locks` is the browser's `navigator.locks`. If it is undefined, `lease` is used. `onError()` is called whenever the work of the
   * leader has failed, or this tab could not find out whether it is the leader.
   */
  constructor({ locks, lease, onError = () => {} }) {
    Object.assign(this, { locks, lease, onError, hasLock: false });
  }

  /** Whether this tab is the leader now. Call this before each request, because the tab may have been frozen meanwhile. */
  async isLeader() {
    if (this.locks) return this.hasLock;
    return this.lease.take();
  }

  /**
   * Whenever this tab becomes the leader, call `work` with a signal of its own. That signal is aborted when this tab is no longer
   * the leader, when `work` ends, or when `signal` is aborted. Abort `signal` to end this method.
   */
  async run(signal, work) {
    while (!signal.aborted) {
      try {
        await (this.locks ? this.#leadWithLock(signal, work) : this.#leadWithLease(signal, work));
      } catch (error) {
        if (!signal.aborted) {
          console.warn("udpnote: this tab cannot send now", error);
          this.onError();
        }
      }
      await pause(RENEWAL_MILLISECONDS, signal);
    }
  }

  #leadWithLock(signal, work) {
    return this.locks.request("udpnote", { signal }, async () => {
      this.hasLock = true;
      const leading = new AbortController();
      const stop = () => leading.abort();
      signal.addEventListener("abort", stop);
      try {
        await work(leading.signal);
      } finally {
        this.hasLock = false;
        leading.abort();
        signal.removeEventListener("abort", stop);
      }
    });
  }

  async #leadWithLease(signal, work) {
    if (!(await this.lease.take())) return;
    const leading = new AbortController();
    const working = work(leading.signal).finally(() => leading.abort());
    try {
      while (!signal.aborted && !leading.signal.aborted && (await this.lease.take())) {
        await pause(RENEWAL_MILLISECONDS, signal);
      }
    } finally {
      leading.abort();
      await working;
    }
  }
}

/** Wait for `milliseconds`, or until `signal`, if it is given, is aborted. */
export function pause(milliseconds, signal) {
  return new Promise((resolve) => {
    if (signal?.aborted) return resolve();
    const timer = setTimeout(end, milliseconds);
    function end() {
      clearTimeout(timer);
      signal?.removeEventListener("abort", end);
      resolve();
    }
    signal?.addEventListener("abort", end);
  });
}
