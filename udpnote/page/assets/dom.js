/** Makes elements. Each text is set by `textContent`, so that no text of a note can become markup. */

/** An element `tag` with properties and children. `text` is its text, `label` its name for screen readers, `data` its data-*. */
export function make(tag, { text, label, data, lang, ...properties } = {}, ...children) {
  const element = Object.assign(document.createElement(tag), properties);
  if (text !== undefined) element.textContent = text;
  if (label) element.setAttribute("aria-label", label);
  if (lang) element.lang = lang;
  Object.assign(element.dataset, data);
  element.append(...children.filter((child) => child !== null));
  return element;
}

/** A button that calls `onclick`. `properties` are those of `make`. */
export function button(properties, ...children) {
  return make("button", { type: "button", ...properties }, ...children);
}

/** The picture `name` of index.html as an icon, which screen readers ignore. */
export function icon(name) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  const use = document.createElementNS("http://www.w3.org/2000/svg", "use");
  svg.setAttribute("aria-hidden", "true");
  svg.setAttribute("class", "icon");
  use.setAttribute("href", `#icon-${name}`);
  svg.append(use);
  return svg;
}

/** The elements of a sentence: parts in backquotes, which are commands, become code. */
export function prose(text) {
  const pieces = document.createDocumentFragment();
  text.split("`").forEach((piece, place) => pieces.append(place % 2 === 1 ? make("code", { text: piece }) : piece));
  return pieces;
}

/** Copy `text` to the clipboard. Returns false if the browser does not let the page copy. */
export async function copyText(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    // Over plain HTTP there is no clipboard object, only this command on a selection. While a dialog is open, only what is in it can
    // be selected.
    const field = make("textarea", { value: text, readOnly: true, className: "unseen" });
    (document.querySelector("dialog[open]") ?? document.body).append(field);
    field.select();
    const isCopied = document.execCommand("copy");
    field.remove();
    return isCopied;
  }
}
