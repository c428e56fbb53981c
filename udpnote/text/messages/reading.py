"""The sentences of commands that read: notes, searches, exports, `stats`, the command of `follow --exec`, and the pager."""

from collections.abc import Sequence

from udpnote.text.language import gettext as _
from udpnote.text.language import ngettext
from udpnote.text.messages.forms import Counted, Sentence


def _beginnings_found(words: Sequence[str]) -> str:
    return ngettext(
        "nothing is found for {words}: these notes have words that begin with it",
        "nothing is found for {words}: these notes have words that begin with them",
        len(words),
    ).format(words=_listed(words))


def _no_beginnings_found(words: Sequence[str]) -> str:
    return ngettext(
        "nothing is found for {words}, nor for a word that begins with it",
        "nothing is found for {words}, nor for words that begin with them",
        len(words),
    ).format(words=_listed(words))


def _listed(words: Sequence[str]) -> str:
    return _(", ").join(_('"{text}"').format(text=word) if " " in word else word for word in words)


SENTENCES: dict[str, Sentence] = {
    # showing
    "note_was_deleted": "#{number} was deleted by {deletion}: `udpnote show {number} --history` has its text",
    "filters_find_nothing": "nothing found: try other filters",
    "no_tags_yet": "there are no tags yet: a word that begins with # in a note is one, such as #milk",
    "no_notes_yet": 'there are no notes yet: `udpnote send "some text"` writes the first',
    # statistics
    "svg_and_json": "--svg writes a picture, and --json prints figures: use only one of these options",
    "svg_written": "the picture is in {path}: open it with a browser",
    # following
    "exec_failed": "{command} ended with exit code {code} for #{number}; following goes on",
    "exec_empty": "--exec: the command is empty: name a program, for example ~/bin/notify-note",
    "exec_not_executable": "--exec: {command!r} may not be executed: run `chmod +x {command_quoted}`, and try again",
    "exec_not_found": "--exec: the program {command!r} is not installed, or not in PATH: install it, or write its whole path",
    "exec_not_started": "cannot start {command} for #{number} ({problem}); following goes on. Check the command after --exec",
    "exec_not_understood": (
        "--exec: {command!r} cannot be read: a quotation mark in it is not closed, or it ends with a backslash. Correct the "
        "command after --exec"
    ),
    "exec_takes_long": (
        "{command} has been running for {seconds} s for entry #{number}. Newer entries wait until {command} ends, and none "
        "is lost. Ctrl-C ends {command} and `udpnote follow`"
    ),
    # the pager
    "pager_failed": (
        "the pager {command!r} ended with exit code {code}, so everything is printed without a pager. Set {variable} to "
        "another pager"
    ),
    "pager_failed_late": (
        "the pager {command!r} ended with exit code {code} before it had read everything. Run the command again with "
        "--no-pager, or set {variable} to another pager"
    ),
    "pager_not_started": (
        "cannot start the pager {command!r} ({problem}), so everything is printed without a pager. Set {variable} to another "
        "pager"
    ),
    # searching
    "no_search_term": (
        "nothing was searched for: {words!r} has no letter, digit, emoji or symbol such as →. Search for a word that the "
        "notes have"
    ),
    "too_many_search_terms": (
        "{terms} words are too many for one search. At most {terms_max} are allowed, and each Chinese character counts as "
        "a word. Search for a part of them"
    ),
    "too_many_beginnings": (
        "{beginnings} words with * are too many for one search. At most {beginnings_max} are allowed: write the others "
        "whole, without *"
    ),
    "or_not_between_words": (
        "OR must stand between two words, and neither of the two may begin with -. To search for the word OR itself, "
        "write it in lower case: or"
    ),
    "only_words_to_leave_out": (
        "words to leave out are not enough: also name a word that the notes have, or give --tag or --author"
    ),
    "word_to_leave_out_first": (
        "{word} is not an option. If it is a word to leave out, write another word before it, or -- before all words: "
        "`udpnote {command} -- {word} …`"
    ),
    "option_in_query": (
        "{option} stands after a word to search for, but options stand before the words. To find it as a word, write -- "
        "before all words: `udpnote {command} -- WORDS`"
    ),
    "search_of_other_than_notes": (
        "a search for words finds current notes only. It cannot search the log, and cannot be limited to numbers"
    ),
    "no_note_found": (
        "nothing found. A note is found only if it has all of the words, each as a whole word and with the signs that "
        "you typed: see `udpnote search --help`"
    ),
    "sign_in_phrase": (
        "inside quotation marks, OR and - are ordinary text that a note must have. To search with OR and -, write them "
        "outside the quotation marks"
    ),
    "beginnings_found": _beginnings_found,
    "no_beginnings_found": _no_beginnings_found,
    # exporting
    "entries_exported": Counted("entries", "1 entry written to {path}", "{entries:,} entries written to {path}"),
    "export_interrupted": "interrupted: the export is not complete. Run the command again",
    "export_cut_short": "the export was cut short and is discarded; {path} is unchanged. Run the command again",
    "export_not_made": "the export was cut short and is discarded; {path} was not made. Run the command again",
}
