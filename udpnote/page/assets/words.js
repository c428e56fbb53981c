/**
 * The sentences of the page in English, and the choice of the browser's language.
 *
 * A sentence is a text with {names}, in place of which values are put. A sentence that depends on a count has the forms `one` and
 * `other`. The Chinese sentences are in files of their own, so that a browser loads only those that it shows.
 */

export const ENGLISH = {
  skip: "Go to writing",
  write: "Write a note",
  send: "Store",
  save: "Save",
  cancel: "Cancel",
  close: "Close",
  search: "Search",
  search_hint: "Search the notes",
  menu: "Menu",
  notes: "Notes",
  today: "Today",
  yesterday: "Yesterday",
  earlier: "Earlier notes",
  later: "Later notes",
  latest: "Latest notes",
  nothing_yet: "Nothing is written yet. The first note is yours.",
  nothing_found: "No note was found.",
  filter_tag: "Tag {tag}",
  filter_author: "Written by {author}",
  remove_filter: "Remove the filter: {filter}",
  new_notes: { one: "{count} new note", other: "{count} new notes" },
  arrived: "New note by {author}: {text}",
  load_failed: "The notes could not be loaded. Try again later.",
  actions: "Note {number}: edit, delete and more",
  actions_title: "Note {number}",
  waiting_title: "Not stored yet",
  edit: "Edit",
  delete: "Delete",
  history: "History",
  copy: "Copy the text",
  copied: "Copied",
  not_copied: "This browser does not let the page copy. The text is selected: copy it by hand.",
  show_all: "Show all",
  edited: "edited",
  show_history: "Edited: show the history of note {number}",
  only_tag: "Show notes with the tag {tag}",
  only_author: "Show notes by {author}",
  nobody: "no name",
  stored: "stored {number}",
  waiting: "waiting",
  waits_for_note: "waits until the note is stored",
  waits_elsewhere: "waits for another notebook, {notebook}",
  refused: "Refused: {reason}",
  erased: "Erased: {reason}",
  broken: "This entry was damaged in this browser, so it cannot be stored. Copy what is left of it, and write it again.",
  no_reason: "The notebook gave no reason.",
  dismiss: "Dismiss",
  remove: "Remove",
  write_again: "Write again",
  take_back: "Take back",
  waiting_edit: "New text of note {number}",
  waiting_edit_unsent: "New text of the note",
  waiting_delete: "Deletion of note {number}",
  waiting_delete_unsent: "Deletion of the note",
  waiting_count: { one: "{count} entry waits to be stored", other: "{count} entries wait to be stored" },
  copy_waiting: "Copy what is not stored",
  editing: "New text of note {number}",
  editing_waiting: "New text of the waiting note",
  editing_deleted: "Note {number} was deleted meanwhile: saving your text brings it back",
  editing_edited: "Note {number} was edited meanwhile: saving your text replaces that edit",
  deleted: "Note {number} is deleted",
  deleted_later: "Note {number} is deleted as soon as the notebook answers",
  undo: "Undo",
  undo_last: "Take back my last change",
  undone: "Taken back",
  undo_nothing: "There is nothing to take back.",
  undo_changed: "Nothing is taken back: somebody else has changed the note since.",
  undo_of_waiting_deletion: "Nothing is taken back yet: the note may be deleted already. When the notebook has answered, “Take back my last change” in the menu brings it back.",
  undo_of_waiting_revision: "Nothing is taken back yet: the new text may be stored already. When the notebook has answered, “Take back my last change” in the menu brings the earlier text back.",
  undo_of_cut: "Nothing is taken back: this page cannot load the whole earlier text. Where udpnote is installed, `udpnote show NUMBER --history` shows it.",
  undo_failed: "Nothing is taken back: the notebook does not answer. Try again later.",
  gone: "This note is not in the notebook any more.",
  who: "Who writes?",
  who_hint: "Your name",
  who_why: "Your name stands beside your notes. This browser remembers it.",
  who_too_long: "This name is too long. Enter a shorter one.",
  writes_as: "You write as {author}",
  change: "Change",
  say_who: "Say who writes",
  keep_name: "Keep this name",
  too_long: "This note is too long: a note has at most 1 MiB of text. Write it in parts.",
  not_kept: "This browser could not keep the note, so it is not sent. The text is still here: copy it to a safe place.",
  not_kept_deletion: "This browser could not keep the deletion, so the note is not deleted. Its disk may be full: free some space.",
  cannot_send: "This browser can keep nothing now, so it sends nothing: its disk may be full. Free some space, and copy what waits.",
  edit_gone: "The note that you edited was not stored, or is gone. Your text is still here: you can store it as a new note.",
  overtaken_deletion: "Meanwhile {author} had deleted note {number}. Your edit has brought it back. Its history shows both changes.",
  overtaken_edit: "Meanwhile {author} had edited note {number}, too. The note has your text now. Its history shows both changes.",
  overtaken_by_deletion: "Meanwhile {author} had edited note {number}, too. The note is deleted now. Its history shows both changes.",
  no_storage: "This browser keeps nothing in this window (private mode?), so notes could be lost. You can only read here: open the page in an ordinary window to write.",
  not_persistent: "This browser may delete waiting notes when the disk is full. Copy what must not be lost.",
  persistent: "This browser has promised to keep waiting notes.",
  only_here: "These texts are kept only in this browser. They are sent only while the page is open at this address.",
  live: "Connected",
  polled_short: "Connected, with a delay",
  polled: "Too many browsers have this page open. New notes of others appear here with a delay of up to 30 seconds.",
  connecting: "Connecting …",
  away_short: "Not connected",
  away: "The notebook does not answer. What you write is kept in this browser and stored later.",
  lost: "The page's server does not answer. What you write is kept in this browser and stored later.",
  sealed: "This notebook is sealed. What you write is kept in this browser, and stored when you enter the join code here.",
  restored: "The notebook was restored from an older copy. Later notes may be missing.",
  tags: "Tags",
  no_tags: "No note has a tag. A word with # before it is a tag.",
  tag_notes: { one: "{count} note", other: "{count} notes" },
  calendar: "Calendar",
  calendar_alt: "How many notes were written on each day",
  export: "Export",
  export_jsonl: "JSON lines (for import)",
  export_markdown: "Markdown",
  export_text: "Text",
  export_csv: "Table (CSV)",
  export_html: "Web page",
  version_note: "Written",
  version_revision: "New text",
  version_deletion: "Deleted",
  version_erased: "Erased",
  version_cut: "This page cannot load the rest of this text. Where udpnote is installed, `udpnote show {number} --history` shows the whole.",
  code_title: "This notebook is sealed",
  code_why: "Enter the notebook's join code. On the notebook's machine, `udpnote key show` prints it.",
  code_why_silent: "The notebook does not answer. It may be off. Or it is sealed: then only its join code opens it. On the notebook's machine, `udpnote key show` prints the code.",
  code_why_https: "The notebook may be off. Or it is sealed: then only its join code opens it. This page takes join codes only over HTTPS, because otherwise others on the LAN could read them. Ask the person who runs the page to start it with `udpnote page --https`.",
  code_refused: "{reason} This page takes join codes only over HTTPS. `udpnote page --https` starts it with HTTPS.",
  code: "Join code",
  enter: "Open",
  give_code: "Enter the join code",
  end_session: "Forget the join code",
  session_ended: "The notebook has a new key. Enter the new join code.",
  about: "udpnote {version}",
};

const LOADERS = {
  "zh-CN": () => import("./words.zh_CN.js"),
  "zh-TW": () => import("./words.zh_TW.js"),
};

/** The first of `languages` (see `navigator.languages`) in which the page has sentences: en, zh-CN or zh-TW. Otherwise en. */
export function chosenLanguage(languages) {
  for (const wanted of languages) {
    const parts = wanted.toLowerCase().split("-");
    if (parts[0] === "en") return "en";
    if (parts[0] === "zh") {
      const isTraditional = parts.includes("hant") || (!parts.includes("hans") && ["tw", "hk", "mo"].some((each) => parts.includes(each)));
      return isTraditional ? "zh-TW" : "zh-CN";
    }
  }
  return "en";
}

export class Words {
  constructor(language, sentences) {
    this.language = language;
    this.sentences = sentences;
  }

  /** The sentences in the `chosenLanguage` of `languages`. Those in Chinese are requested from the server. */
  static async load(languages) {
    const language = chosenLanguage(languages);
    return new Words(language, language === "en" ? ENGLISH : (await LOADERS[language]()).SENTENCES);
  }

  /** The sentence `name`, with `values` in place of the {names}. A `count` chooses the form, and is written with separators. */
  say(name, values = {}) {
    let sentence = this.sentences[name] ?? ENGLISH[name];
    if (typeof sentence === "object") sentence = (values.count === 1 && sentence.one) || sentence.other;
    return sentence.replace(/\{(\w+)\}/g, (_, key) => (key === "count" ? this.number(values.count) : values[key]));
  }

  number(value) {
    return value < 1000 ? String(value) : value.toLocaleString(this.language); // the first call takes a browser 10 ms
  }

  /** Give the elements in `root` their sentences: `data-word` as text, `data-label` for screen readers, `data-hint` as hint. */
  fill(root) {
    for (const element of root.querySelectorAll("[data-word]")) element.textContent = this.say(element.dataset.word);
    for (const element of root.querySelectorAll("[data-label]")) {
      const label = this.say(element.dataset.label);
      element.setAttribute("aria-label", label);
      if (element.tagName === "BUTTON") element.title = label;
    }
    for (const element of root.querySelectorAll("[data-hint]")) element.placeholder = this.say(element.dataset.hint);
  }
}
