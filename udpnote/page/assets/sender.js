/**
 * Sends the entries of the outbox, batch after batch, until each is stored or refused.
 *
 * Without an answer the same entries are sent again after 1, 2, 4 … 30 seconds. If there is a sign that the notebook can be
 * reached, they are sent at once. This is harmless, because the notebook stores each identity once.
 */

import { sentForm } from "./entries.js";
import { BATCH_ENTRIES_MAX } from "./outbox.js";

export const PAUSE_SECONDS_MIN = 1;
export const PAUSE_SECONDS_MAX = 30;

/** Each pause is longer or shorter by up to this share, so that many browsers do not all send in the same moment. */
const PAUSE_SPREAD = 0.25;

/** The statuses for a wrong request. Sending such a request again gives the same answer. */
const WRONG_REQUEST = new Set([400, 413]);

export class Sender {
  #wake = () => {}; // ends the pause
  #isRetryDue = false; // `retry` was called after the last batch was taken
  #isNew = false; // `nudge` was called after the last batch was taken
  #failures = 0; // in a row, since the last success or call of `retry`

  /**
   * `post(body, signal)` sends a request, and returns the object in the answer or throws a `Failure`. `notebook()` returns the id
   * of the notebook that the page shows; null: not known. `isLeader()` says whether this tab still is the one that sends.
   * `random()` returns a number from 0 to 1. `onStored(entries)` is called with entries that are stored. `onFailure(failure)` is
   * called with the `status`, `kind` and `reason` of a failure before each pause, and with null after a success. `onUsable()` is
   * called each time that the outbox could be read, and could keep what has become of its entries.
   */
  constructor({
    outbox, post, notebook, isLeader, random = Math.random, onStored = () => {}, onFailure = () => {}, onUsable = () => {},
  }) {
    Object.assign(this, { outbox, post, notebook, isLeader, random, onStored, onFailure, onUsable });
  }

  /** Send new entries. During a pause after a failure they wait with the others. */
  nudge() {
    this.#isNew = true;
    if (this.#failures === 0) this.#wake();
  }

  /** Send now: there is a sign that the notebook can be reached again. */
  retry() {
    this.#isRetryDue = true;
    this.#failures = 0;
    this.#wake();
  }

  /** Send entries of the outbox, also those that are added later, until `signal` is aborted or this tab is no longer the leader. */
  async run(signal) {
    const stop = () => this.#wake();
    signal.addEventListener("abort", stop);
    let entriesMax = BATCH_ENTRIES_MAX;
    try {
      while (!signal.aborted && (await this.isLeader())) {
        this.#isNew = this.#isRetryDue = false;
        const notebook = this.notebook();
        const batch = notebook === null ? [] : await this.outbox.take(notebook, entriesMax);
        if (signal.aborted) return;
        if (batch.length === 0) {
          this.#failures = 0;
          if (notebook !== null) this.onUsable();
          await this.#pause(null, signal);
          continue;
        }
        const isAlone = await this.#send(notebook, batch, signal);
        this.onUsable();
        entriesMax = isAlone ? 1 : BATCH_ENTRIES_MAX;
      }
    } finally {
      signal.removeEventListener("abort", stop);
    }
  }

  /** Send one batch, and pause after a failure. Returns whether the entries must be sent one by one next. */
  async #send(notebook, batch, signal) {
    let outcomes;
    try {
      const body = { notebook, client: batch[0].client, entries: batch.map(sentForm) };
      outcomes = checkedOutcomes(await this.post(body, signal));
    } catch (failure) {
      if (signal.aborted) return false;
      if (WRONG_REQUEST.has(failure.status) && failure.kind) {
        // One wrong entry must not hold up the others for ever. So entries are sent one by one, to find it.
        if (batch.length > 1) return true;
        const { kind, reason } = failure;
        await this.outbox.settle(batch, [{ sequence: batch[0].sequence, state: "refused", kind, reason }]);
        return true;
      }
      await this.#fail(failure, signal);
      return false;
    }
    const stored = await this.outbox.settle(batch, outcomes);
    if (stored.length > 0) this.onStored(stored);
    const later = outcomes.find(({ state }) => !["stored", "conflict", "erased", "refused"].includes(state));
    if (later || outcomes.length < batch.length) {
      await this.#fail(later ?? {}, signal);
    } else {
      this.#failures = 0;
      this.onFailure(null);
    }
    return false;
  }

  /** Report a failure, and pause before the next attempt. It is a `Failure`, another error, or the outcome of an entry. */
  async #fail({ status = 0, kind = null, reason = null, retrySeconds = 0 }, signal) {
    if (this.#isRetryDue) return; // the sign came while the request was under way
    const growing = Math.min(PAUSE_SECONDS_MIN * 2 ** this.#failures, PAUSE_SECONDS_MAX);
    this.#failures += 1;
    const spread = 1 + PAUSE_SPREAD * (2 * this.random() - 1);
    this.onFailure({ status, kind, reason });
    await this.#pause(Math.min(Math.max(growing * spread, retrySeconds), PAUSE_SECONDS_MAX), signal);
  }

  /** Wait for `seconds`; null: until `nudge` is called. In both cases, a call of `retry` or an abort of `signal` ends the pause. */
  #pause(seconds, signal) {
    return new Promise((resolve) => {
      if (signal.aborted || this.#isRetryDue || (seconds === null && this.#isNew)) return resolve();
      const timer = seconds === null ? null : setTimeout(() => this.#wake(), seconds * 1000);
      this.#wake = () => {
        clearTimeout(timer);
        this.#wake = () => {};
        resolve();
      };
    });
  }
}

/** The outcomes in `answer`. Throws if the answer has another form: then nothing is known about the entries. */
function checkedOutcomes(answer) {
  const outcomes = answer?.outcomes;
  if (!Array.isArray(outcomes) || !outcomes.every((each) => Number.isSafeInteger(each?.sequence))) {
    throw new TypeError("the answer has no outcomes");
  }
  return outcomes;
}
