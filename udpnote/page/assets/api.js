/**
 * Requests to the page's server. Each has a limit of time, and each failure is a `Failure` that says what is known.
 */

/** The server answers within 20 seconds, or says that the notebook is away. Later, the connection is lost. */
const REQUEST_SECONDS_MAX = 30;

const PAGE_NOTES = 50;

/** A request without a good answer. `status` is 0 if there was no answer at all; `reason` is a sentence of the server, or null. */
export class Failure extends Error {
  constructor(status, { kind = null, reason = null, retrySeconds = 0 } = {}) {
    super(reason ?? kind ?? `HTTP ${status}`);
    this.status = status;
    this.kind = kind;
    this.reason = reason;
    this.retrySeconds = retrySeconds;
  }
}

/** Ask the server for `path`, and return the object that it answers; null for an answer without content. */
export async function request(path, { method = "GET", body = null, signal = null } = {}) {
  const giveUp = new AbortController();
  const timer = setTimeout(() => giveUp.abort(), REQUEST_SECONDS_MAX * 1000);
  const abort = () => giveUp.abort();
  signal?.addEventListener("abort", abort);
  try {
    const headers = body === null ? {} : { "Content-Type": "application/json" };
    const content = body === null ? null : JSON.stringify(body);
    const response = await fetch(path, { method, headers, body: content, cache: "no-store", signal: giveUp.signal });
    if (response.status === 204) return null;
    const value = await response.json();
    if (response.ok) return value;
    const retrySeconds = Number(response.headers.get("Retry-After")) || 0;
    throw new Failure(response.status, { kind: value.kind, reason: value.reason, retrySeconds });
  } catch (error) {
    // Whatever is no JSON comes from somewhere else, such as a proxy or the log-in page of a wireless network: no answer.
    throw error instanceof Failure ? error : new Failure(0);
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener("abort", abort);
  }
}

/** The path with these parameters; those that are empty are left out. */
export function withParameters(path, parameters) {
  const given = Object.entries(parameters).filter(([, value]) => value !== null && value !== "");
  return given.length > 0 ? `${path}?${new URLSearchParams(given)}` : path;
}

/** The filters in the query of an address of the page: what is searched, a tag, an author; "" for one that is not set. */
export function filtersIn(search) {
  const query = new URLSearchParams(search);
  return { q: query.get("q") ?? "", tag: query.get("tag") ?? "", author: query.get("author") ?? "" };
}

/** The path of one page of the notes that match `filters`: the latest, or those before the place `before`. */
export function notesPath(filters, before = null) {
  return withParameters("/api/notes", { limit: PAGE_NOTES, before, ...filters });
}
