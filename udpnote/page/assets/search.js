/** The search and the filters by tag and author. They stand in the address, so that Back leads out of a search. */

import { filtersIn } from "./api.js";
import { button, icon, make } from "./dom.js";

/** How long the search waits for a further letter after each one that is typed. */
const SEARCH_MILLISECONDS = 300;

export class Search {
  /** `elements` has form, query, open (the button), filters, and text (the field for writing). */
  constructor({ elements, words, timeline }) {
    Object.assign(this, { elements, words, timeline });
  }

  /** From now on, search what is typed. */
  listen() {
    const { form, query, open } = this.elements;
    let timer = null;
    const search = () => this.filter({ ...this.timeline.filters, q: query.value.trim() }, { isTyped: true });
    open.onclick = () => (document.body.classList.contains("searching") ? this.end() : this.begin());
    query.oninput = () => {
      clearTimeout(timer);
      timer = setTimeout(search, SEARCH_MILLISECONDS);
    };
    query.addEventListener("keydown", (event) => {
      if (event.key === "Escape") this.end();
    });
    form.onsubmit = (event) => {
      event.preventDefault();
      clearTimeout(timer);
      search();
    };
    document.addEventListener("keydown", (event) => {
      const isTyping = event.target.closest("input, textarea, dialog");
      if (event.key !== "/" || isTyping || event.ctrlKey || event.metaKey || event.altKey) return;
      event.preventDefault();
      this.begin();
    });
    addEventListener("popstate", () => {
      if (!this.#isAddressShown()) this.showAddress(); // Back may only have closed a dialog
    });
  }

  /** Show the notes that match these filters, and put the filters into the address. `isTyped`: the words are still being typed. */
  async filter({ q = "", tag = "", author = "" }, { isTyped = false } = {}) {
    const query = new URLSearchParams(Object.entries({ q, tag, author }).filter(([, value]) => value));
    const address = String(query) ? `?${query}` : location.pathname;
    const isFurther = isTyped && this.timeline.filters.q !== ""; // a further letter: Back leads to before the first one
    if (isFurther) history.replaceState(null, "", address);
    else history.pushState(null, "", address);
    await this.showAddress({ isTyped });
  }

  /** Show the notes that match the filters in the address. */
  async showAddress({ isTyped = false } = {}) {
    const filters = filtersIn(location.search);
    if (!isTyped) this.elements.query.value = filters.q;
    if (filters.q) this.#show(true);
    else if (!isTyped) this.#show(false);
    this.#showFilters(filters);
    await this.timeline.load(filters);
  }

  /** Whether the shown notes are those that match the filters in the address. */
  #isAddressShown() {
    const { filters } = this.timeline;
    return Object.entries(filtersIn(location.search)).every(([name, value]) => value === filters[name]);
  }

  /** Let a person type what to search for. */
  begin() {
    this.#show(true);
    this.elements.query.focus();
  }

  /** Show all notes again. */
  end() {
    const { query, text } = this.elements;
    const hadFocus = query === document.activeElement;
    this.#show(false);
    if (this.timeline.isFiltered) this.filter({});
    query.value = "";
    if (hadFocus) text.focus();
  }

  #show(isOpen) {
    document.body.classList.toggle("searching", isOpen);
    this.elements.open.setAttribute("aria-expanded", String(isOpen));
  }

  /** Show the tag and the author among `filters`, each with a button that removes it. */
  #showFilters(filters) {
    const { words } = this;
    const chips = [
      filters.tag && [words.say("filter_tag", { tag: `#${filters.tag}` }), { ...filters, tag: "" }],
      filters.author && [words.say("filter_author", { author: filters.author }), { ...filters, author: "" }],
    ].filter(Boolean).map(([name, without]) => button(
      { className: "chip", label: words.say("remove_filter", { filter: name }), onclick: () => this.filter(without) },
      make("bdi", { text: name }), icon("close"),
    ));
    this.elements.filters.replaceChildren(...chips);
    this.elements.filters.hidden = chips.length === 0;
  }
}
