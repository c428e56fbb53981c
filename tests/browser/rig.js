// The page's outbox and sender without the rest of the page, for tests/browser/test_outbox.py.
import { request } from "/static/api.js";
import { Database } from "/static/database.js";
import { Leader, Lease, pause } from "/static/tabs.js";
import { Outbox, randomId } from "/static/outbox.js";
import { Sender } from "/static/sender.js";

const database = new Database(indexedDB);
const never = new AbortController().signal;

export const outbox = new Outbox(database, () => randomId(crypto));
export const failures = [];

const sender = new Sender({
  outbox,
  post: (body, signal) => request("/api/entries", { method: "POST", body, signal }),
  notebook: () => "kitchen",
  isLeader: async () => true,
  random: () => 0.5,
  onFailure: (failure) => failures.push(failure),
});

/** Keep a text, as the page does when Enter is pressed. */
export function write(text, options = {}) {
  return outbox.add(
    { kind: "note", text, author: "amy", written_at: 1_557_391_028_000_000, utc_offset: 480, notebook: null },
    options,
  );
}

let isSending = false;

/** Send from now on, with the sender's own pauses. */
export function send() {
  if (!isSending) sender.run(never);
  isSending = true;
}

/** Send, without pauses, until nothing waits any more, at most for `attempts` times 20 ms. */
export async function sendAll(attempts) {
  send();
  sender.nudge();
  for (let attempt = 0; attempt < attempts && (await waiting()).length > 0; attempt += 1) {
    sender.retry();
    await pause(20, never);
  }
}

export async function waiting() {
  return (await outbox.entries()).filter(({ state }) => state === "waiting");
}

export function lease(owner, now) {
  return new Lease(database, owner, now);
}

/** Lead whenever this tab may, and tell the server when that begins and ends. */
export function lead(tab, { locks }) {
  const leader = new Leader({ locks: locks ? navigator.locks : undefined, lease: lease(tab, Date.now) });
  leader.run(never, async (signal) => {
    await fetch(`/begins/${tab}`);
    await pause(1e9, signal);
    await fetch(`/ends/${tab}`);
  });
}
