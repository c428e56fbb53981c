/** The form for the join code of a sealed notebook: when it is shown, in place of the field for writing, and what it does. */

import { request } from "./api.js";
import { prose } from "./dom.js";

export class CodeForm {
  /** "enter" if the person has asked for the form, "cancel" if the person has closed it, or null: show it if a code is needed. */
  #choice = null;

  /** Whether this browser has given the join code of the notebook, so that another one would not help. */
  hasKey = false;

  /**
   * `elements` has form, title, fields, why, code, wrong, cancel, and text (the field for writing). `onChosen()` is called when the
   * person has asked for the form or closed it, and `onGiven()` when the server has accepted the code: it shows the notes.
   */
  constructor({ elements, words, onChosen, onGiven }) {
    Object.assign(this, { elements, words, onChosen, onGiven });
    elements.form.onsubmit = (event) => {
      event.preventDefault();
      this.#give();
    };
    elements.cancel.onclick = () => this.#cancel();
  }

  /** Whether the person has asked for the form or closed it. This ends when the notebook answers and needs no code. */
  get isChosen() {
    return this.#choice !== null;
  }

  /** Note what the server's new answer, `state`, says of the join code. */
  noteState({ needs_code: needsCode, notebook, away }) {
    this.hasKey = !needsCode && notebook?.sealed === true;
    if (!needsCode && !away) this.#choice = null;
  }

  /** Whether the form is shown in this `state`. */
  isAsked({ needs_code: needsCode, may_give_code: mayGiveCode, away, notebook }) {
    const wasSealed = notebook?.sealed ?? true; // when this browser saw it last
    const mayBeSealed = away && wasSealed && !this.hasKey && mayGiveCode; // a sealed notebook is silent if the page has no key
    return this.#choice === "enter" || (this.#choice === null && (needsCode || mayBeSealed));
  }

  /** Show the form if `isAsked` says so for this `state`; hide it if not. */
  show(state) {
    const { elements: { form, title, fields, why, code, wrong }, words } = this;
    const isAsked = this.isAsked(state);
    document.body.classList.toggle("locked", isAsked);
    const isOpening = isAsked && form.hidden;
    form.hidden = !isAsked;
    if (!isAsked) {
      wrong.textContent = ""; // another tab may have given the code
      return;
    }
    title.textContent = words.say(state.needs_code ? "code_title" : "give_code");
    const reason = words.say(state.needs_code ? "code_why" : "code_why_silent");
    fields.hidden = !state.may_give_code;
    why.replaceChildren(prose(state.may_give_code ? reason : state.reason ?? ""));
    if (isOpening && state.may_give_code) code.focus();
  }

  /** Show the form until the code is given, the person cancels, or the notebook answers without one. */
  ask() {
    this.#choice = "enter";
    this.onChosen();
  }

  /** Say that the code which this browser has given is not valid any more. */
  sayEnded() {
    this.elements.wrong.textContent = this.words.say("session_ended");
  }

  /** Send the join code that the person has entered, or say what is wrong with it. */
  async #give() {
    const { code, wrong, text } = this.elements;
    wrong.textContent = "";
    try {
      await request("/api/session", { method: "POST", body: { code: code.value.trim() } });
    } catch (failure) {
      wrong.replaceChildren(prose(failure.reason ?? this.words.say("lost")));
      code.select();
      return;
    }
    code.value = "";
    this.#choice = null;
    await this.onGiven();
    text.focus();
  }

  /** Let the person write without the join code: what is written waits in this browser. */
  #cancel() {
    const { code, wrong, text } = this.elements;
    this.#choice = "cancel";
    code.value = wrong.textContent = "";
    this.onChosen();
    text.focus();
  }
}
