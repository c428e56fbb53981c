/**
 * Requests to the page's server. A request that fails or takes too long throws a `Failure`.
 */

/** The longest wait for an answer. The server answers within 20 seconds, so after this time the connection is lost. */
const REQUEST_SECONDS_MAX = 30;

/** The `kind` of a failure with status 503 if the notebook answers, but cannot search yet. */
export const INDEX_BEING_BUILT = "page_index_being_built";

/** How many notes are loaded first: more than a screen shows, and few enough to be shown soon. */
export const FIRST_NOTES = 20;

/** How many notes a request asks for if the caller names no `limit`. */
const NOTES = 50;

/**
 * A request has failed. `status` is the HTTP status, or 0 if the page's server has not answered. `kind` (for programs) and `reason`
 * (for people) say why, or are null if that is not known. `retrySeconds` is how long the server asks to wait before the next
 * request, or 0 if it does not ask for that.
 */
export class Failure extends Error {
  constructor(status, { kind = null, reason = null, retrySeconds = 0 } = {}) {
    super(reason ?? kind ?? `HTTP ${status}`);
    this.status = status;
    this.kind = kind;
    this.reason = reason;
    this.retrySeconds = retrySeconds;
  }
}

/**
 * Send a request for `path`, with the object `body` as JSON. Returns the object in the answer; null if it has no content. Throws a
 * `Failure`, also if `signal` is aborted.
 */
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
    // Anything but JSON comes from another server, such as a proxy or the log-in page of a Wi-Fi. It counts as no answer.
    throw error instanceof Failure ? error : new Failure(0);
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener("abort", abort);
  }
}

/** `path` with `parameters` as its query. Empty parameters are left out. */
export function withParameters(path, parameters) {
  const given = Object.entries(parameters).filter(([, value]) => value !== null && value !== "");
  return given.length > 0 ? `${path}?${new URLSearchParams(given)}` : path;
}

/** The filters in `search`, the query part of the page's address: searched words `q`, a `tag`, an `author`; "" if one is not set. */
export function filtersIn(search) {
  const query = new URLSearchParams(search);
  return { q: query.get("q") ?? "", tag: query.get("tag") ?? "", author: query.get("author") ?? "" };
}

/**
 * The path of a request for the latest `limit` notes that match `filters`, or for those next to the place `before` or `after`. A
 * place is the time and the number of a note, as `NOTED_AT-NUMBER`.
 */
export function notesPath(filters, { before = null, after = null, limit = NOTES } = {}) {
  return withParameters("/api/notes", { limit, before, after, ...filters });
}
