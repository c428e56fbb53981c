/**
 * Chooses one of this browser's tabs, the leader: it sends the outbox, and has the stream of live events.
 *
 * Over HTTPS the browser has locks for this (Web Locks). Over plain HTTP it has none: there the leader has a lease in the
 * browser's database. A tab that is frozen or killed does not renew its lease, and then another tab takes it. If two tabs send for
 * a moment, nothing is stored twice, because both send the same identities.
 */

import { result } from "./database.js";

export const LEASE_MILLISECONDS = 6_000;
const RENEWAL_MILLISECONDS = 2_000;

/** A lease in the database: `take` gets or renews it, and says whether `owner` has it. */
export class Lease {
  /** `owner` is the id of this tab, `now()` the time in milliseconds, which all tabs share. */
  constructor(database, owner, now = Date.now) {
    Object.assign(this, { database, owner, now, left: null });
  }

  /** The tab `owner` says that it is closed: its lease is free. A tab that closes has no time to end a transaction of its own. */
  noteLeft(owner) {
    this.left = owner;
  }

  take() {
    // Not strict: after a crash of the machine no tab has the lease, and none needs to remember it.
    return this.database.transact("readwrite", async (transaction) => {
      const facts = transaction.objectStore("facts");
      const lease = await result(facts.get("lease"));
      const { left } = this;
      this.left = null; // the tab may come back
      const isFree = !lease || lease.owner === this.owner || lease.owner === left || lease.until <= this.now()
        || lease.until > this.now() + LEASE_MILLISECONDS; // the clock was set back
      if (isFree) await result(facts.put({ owner: this.owner, until: this.now() + LEASE_MILLISECONDS }, "lease"));
      return isFree;
    }, { durability: "relaxed" });
  }
}

export class Leader {
  /** Either `locks` (the browser's `navigator.locks`) is given, or it is undefined and `lease` is used. */
  constructor({ locks, lease }) {
    Object.assign(this, { locks, lease, hasLock: false });
  }

  /** Whether this tab is the leader at this moment. Asked before each request, because a tab may have been frozen since. */
  async isLeader() {
    if (this.locks) return this.hasLock;
    return this.lease.take();
  }

  /**
   * Whenever this tab is the leader, call `work` with a signal. It is aborted when this tab is not the leader any more, when
   * `work` ends, and with `signal`, which also ends this method.
   */
  async run(signal, work) {
    while (!signal.aborted) {
      try {
        await (this.locks ? this.#leadWithLock(signal, work) : this.#leadWithLease(signal, work));
      } catch (error) {
        if (!signal.aborted) console.warn("udpnote: this tab cannot send now", error);
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

/** Wait for so many milliseconds, or until `signal` is aborted. */
export function pause(milliseconds, signal) {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve();
    const timer = setTimeout(end, milliseconds);
    function end() {
      clearTimeout(timer);
      signal.removeEventListener("abort", end);
      resolve();
    }
    signal.addEventListener("abort", end);
  });
}
