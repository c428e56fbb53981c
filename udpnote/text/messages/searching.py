"""The sentences for searches: queries that cannot be answered, and what was tried where nothing was found."""

from collections.abc import Callable, Sequence

from udpnote.text.language import gettext as _
from udpnote.text.language import ngettext


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


SENTENCES: dict[str, str | Callable[..., str]] = {
    "no_search_term": "there is nothing to search for in {words!r}: it has no letter, digit, emoji or symbol such as →",
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
        "{option} stands after a word to search for, but options stand before the words. If you mean the option, write "
        "`udpnote {command} {option} … WORDS`. If you want to find it as a word, write -- before all words"
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
}
