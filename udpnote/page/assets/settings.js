/** What this browser remembers besides entries: who writes, the notebook, and the draft. Losing these loses no entry. */

const PREFIX = "udpnote.";

/** The value `name`; null if there is none, or if the browser keeps nothing. `storage` is that of the tab or of the browser. */
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

/** Call `listener` with the old and the new value when another tab changes the value `name`. */
export function onChange(name, listener) {
  addEventListener("storage", (event) => {
    if (event.key === PREFIX + name) listener(parsed(event.oldValue), parsed(event.newValue));
  });
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

function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
