/** What this browser remembers besides entries: who writes, the notebook, and the drafts. Losing these loses no entry. */

const PREFIX = "udpnote.";

/** How many notebooks are remembered by name: those that were shown last. */
const NAMES_MAX = 20;

/** How many digits of an id are shown: enough to tell the notebooks of a LAN from each other. */
const ID_DIGITS = 8;

/** The value that is kept under `name`; null if there is none. `storage` is that of the tab or of the browser. */
export function recall(name, storage = browserStorage()) {
  try {
    return JSON.parse(storage.getItem(PREFIX + name));
  } catch {
    return null;
  }
}

/** Remember `value` under `name`; null forgets it. Returns whether the browser keeps the value. */
export function keep(name, value, storage = browserStorage()) {
  try {
    if (value === null) storage.removeItem(PREFIX + name);
    else storage.setItem(PREFIX + name, JSON.stringify(value));
    return true;
  } catch {
    return false; // private mode, or no space
  }
}

/** All values of the browser whose names start with `prefix`. */
export function recallAll(prefix) {
  const names = Object.keys(browserStorage() ?? {}).filter((name) => name.startsWith(PREFIX + prefix));
  return names.map((name) => recall(name.slice(PREFIX.length)));
}

/** The notebook that the page has shown last; null if that is not known. */
export function lastNotebook() {
  const notebook = recall("notebook");
  return typeof notebook?.id === "string" && typeof notebook.name === "string" ? notebook : null;
}

/** Remember `notebook` as the one that the page has shown last, and its name: see `notebookName`. */
export function rememberNotebook(notebook) {
  keep("notebook", notebook);
  const { [notebook.id]: _, ...others } = recall("names") ?? {}; // so that this notebook becomes the last one
  keep("names", Object.fromEntries([...Object.entries(others), [notebook.id, notebook.name]].slice(-NAMES_MAX)));
}

/** The notebook with this `id` as people know it: its name, if this browser has seen it, and the beginning of its id. */
export function notebookName(id) {
  const name = recall("names")?.[id];
  const short = id.slice(0, ID_DIGITS);
  return name ? `${name} (${short})` : short;
}

/** The storage of this tab, which survives a reload; undefined if the browser has none. */
export function tabStorage() {
  try {
    return sessionStorage;
  } catch {
    return undefined;
  }
}

function browserStorage() {
  try {
    return localStorage;
  } catch {
    return undefined;
  }
}
