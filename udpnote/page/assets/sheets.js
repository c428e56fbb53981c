/** The dialogs: menu, actions of a note, history, tags, calendar, export, and who writes. One element shows them all. */

import { button, icon, make } from "./dom.js";
import { wellFormed } from "./entries.js";

/** The most bytes of UTF-8 that an author may have, in any notebook. */
const AUTHOR_BYTES_MAX = 128;

const EXPORT_FORMATS = ["jsonl", "markdown", "text", "csv", "html"];

export class Sheets {
  #afterClose = [];

  /** `elements` has dialog, title, content and close. */
  constructor({ elements, words }) {
    Object.assign(this, { elements, words });
    const { dialog, close } = elements;
    close.onclick = () => dialog.close();
    // A press beside the dialog closes it: the dialog itself has no padding, so only its backdrop is hit then.
    dialog.addEventListener("click", (event) => {
      if (event.target === dialog) dialog.close();
    });
    dialog.onclose = () => this.#onClose();
    if (isOfSheet(history.state)) history.replaceState(null, ""); // the page was loaded again while a dialog was open
    addEventListener("popstate", () => {
      if (dialog.open && !isOfSheet(history.state)) dialog.close(); // Back
    });
  }

  /**
   * Show a dialog with the `title` and the elements `children`. The promise is fulfilled when the dialog is closed.
   *
   * The dialog has an entry of its own in the history of the browser, so that Back closes it, also with the button of a phone.
   */
  open(title, ...children) {
    const { dialog, content } = this.elements;
    this.elements.title.textContent = title;
    dialog.classList.remove("wide");
    content.replaceChildren(...children);
    if (!dialog.open) {
      dialog.showModal();
      history.pushState({ isSheet: true }, "");
    }
    return new Promise((resolve) => this.#afterClose.push(resolve));
  }

  /** Close the dialog, and then call `act`, which may open another one. */
  close(act = () => {}) {
    const { dialog } = this.elements;
    if (!dialog.open) return act();
    this.#afterClose.push(act);
    dialog.close();
  }

  /** Go back from the dialog's entry in the browser's history, unless Back has done that. Then call what waits for the closing. */
  async #onClose() {
    this.elements.content.replaceChildren();
    if (isOfSheet(history.state)) {
      const isLeft = new Promise((resolve) => addEventListener("popstate", resolve, { once: true }));
      history.back();
      await isLeft;
    }
    for (const act of this.#afterClose.splice(0)) act();
  }

  /** Show `actions` to choose from. Each has the name of an icon, a text, and the function that it calls. */
  actions(title, actions, ...below) {
    const rows = actions.filter(Boolean).map(({ iconName, text, act, isBad }) => make("li", {}, button(
      { className: isBad ? "row bad" : "row", onclick: () => this.close(act) },
      icon(iconName), make("span", { text }),
    )));
    return this.open(title, make("ul", { className: "rows" }, ...rows), ...below);
  }

  /** Ask who writes. Returns the name; null if the person has closed the dialog. */
  async askAuthor(author) {
    const { words } = this;
    const wrong = make("p", { className: "wrong", id: "who-wrong" });
    const field = make("input", {
      id: "who-field", value: author ?? "", autocomplete: "name", placeholder: words.say("who_hint"), maxLength: 200, autofocus: true,
    });
    field.setAttribute("aria-describedby", "who-why who-wrong");
    const form = make("form", { className: "fields" },
      make("label", { htmlFor: "who-field", text: words.say("who_hint") }), field, wrong,
      make("p", { id: "who-why", className: "hint", text: words.say("who_why") }),
      make("button", { className: "primary", text: words.say("keep_name") }),
    );
    let given = null;
    form.onsubmit = (event) => {
      event.preventDefault();
      const name = wellFormed(field.value).replace(/\s+/g, " ").trim();
      wrong.textContent = "";
      if (!name) return field.focus();
      if (new TextEncoder().encode(name).length > AUTHOR_BYTES_MAX) {
        wrong.textContent = words.say("who_too_long");
        return field.focus();
      }
      given = name;
      this.close();
    };
    await this.open(words.say("who"), form);
    return given;
  }

  /** Show the versions of a note, the latest first. */
  history(number, versions, builder) {
    const closed = this.open(`${this.words.say("history")} · #${number}`, make("ol", { className: "versions" }));
    this.fillHistory(versions, builder);
    return closed;
  }

  /** Show these versions in the history that is open. */
  fillHistory(versions, builder) {
    const items = [...versions].reverse().map((version) => builder.version(version));
    this.elements.content.querySelector(".versions").replaceChildren(...items);
  }

  /** Show all tags; pressing one calls `onTag`. */
  tags(tags, onTag) {
    const { words } = this;
    if (tags.length === 0) return this.open(words.say("tags"), make("p", { className: "hint", text: words.say("no_tags") }));
    const rows = tags.map(({ tag, notes }) => make("li", {}, button(
      { className: "row", onclick: () => this.close(() => onTag(tag)) },
      make("span", { className: "tag-name" }, make("bdi", { text: `#${tag}` })),
      make("span", { className: "hint", text: words.say("tag_notes", { count: notes }) }),
    )));
    return this.open(words.say("tags"), make("ul", { className: "rows" }, ...rows));
  }

  /** Show the calendar of the days with notes, a picture that the server draws. */
  calendar() {
    const { words } = this;
    const image = make("img", { src: "/api/stats.svg", alt: words.say("calendar_alt"), className: "calendar" });
    const wrong = make("p", { className: "wrong", text: words.say("load_failed"), hidden: true });
    const frame = make("div", { className: "calendar-frame", tabIndex: 0, label: words.say("calendar") }, image);
    frame.setAttribute("role", "group");
    image.onload = () => {
      // On a phone the picture is wider than the screen: show the present month at its right.
      frame.scrollLeft = (frame.scrollWidth * (new Date().getMonth() + 2)) / 13 - frame.clientWidth;
    };
    image.onerror = () => {
      image.hidden = true;
      wrong.hidden = false;
    };
    const closed = this.open(words.say("calendar"), frame, wrong);
    this.elements.dialog.classList.add("wide");
    return closed;
  }

  /** Show the formats of an export. A press on one downloads all notes in this format. */
  exports() {
    const { words } = this;
    const rows = EXPORT_FORMATS.map((format) => make("li", {}, make(
      "a", { className: "row", href: `/api/export?format=${format}`, download: "" },
      icon("export"), make("span", { text: words.say(`export_${format}`) }),
    )));
    return this.open(words.say("export"), make("ul", { className: "rows" }, ...rows));
  }
}

/** Whether `state` belongs to the entry of a dialog in the browser's history. */
function isOfSheet(state) {
  return state?.isSheet === true;
}
