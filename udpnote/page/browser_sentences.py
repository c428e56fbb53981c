"""The sentences for people at a browser. These people cannot run the commands that the sentences for a terminal recommend."""

from collections.abc import Callable

from udpnote.errors import Notice
from udpnote.text.language import gettext as _

UNUSABLE = Notice("page_notebook_unusable")
"""Sends its reader to the person who runs the page."""

_INSTEAD = {
    "author_blank": Notice("page_author_missing"),
    "entry_erased": Notice("page_entry_erased"),
    "entry_refused": Notice("page_entry_refused"),
    "host_not_resolved": Notice("page_notebook_silent"),
    "host_not_resolved_in_time": Notice("page_notebook_silent"),
    "impostor": Notice("page_impostor"),
    "join_code_mistyped": Notice("page_code_mistyped"),
    "join_code_too_large": Notice("page_code_mistyped"),
    "joined_with_old_key": Notice("page_key_changed"),
    "key_changed": Notice("page_key_changed"),
    "key_missing": Notice("page_needs_code"),
    "key_not_found": Notice("page_server_silent"),
    "name_or_id_not_found": Notice("page_notebook_silent"),
    "no_answer_at_server": Notice("page_notebook_silent"),
    "no_answer_on_lan": Notice("page_notebook_silent"),
    "no_answer_to_reading": Notice("page_notebook_silent"),
    "notebook_disk_full": Notice("page_disk_full"),
    "notebook_not_writable": Notice("page_not_writable"),
    "older_copy": Notice("page_older_copy"),
    "only_words_to_leave_out": Notice("page_only_words_left_out"),
    "own_notebook_not_found": Notice("page_notebook_silent"),
    "text_blank": Notice("page_text_blank"),
    "text_in_other_encoding": Notice("page_text_not_unicode"),
    "text_not_unicode": Notice("page_text_not_unicode"),
    "writing_time_out_of_range": Notice("page_clock_wrong"),
}
"""For each of these kinds of notices, the notice that a browser shows in its place."""

_INSTEAD_WITH_VALUES: dict[str, Callable[..., Notice]] = {
    "join_code_length_wrong": lambda symbols, symbols_expected: Notice(
        "page_code_length_wrong", symbols=symbols, symbols_expected=symbols_expected
    ),
    "join_code_symbol_invalid": lambda symbol, place: Notice("page_code_symbol_invalid", symbol=symbol, place=place),
}
"""The same for kinds whose values the browser shows, too: a function that makes the notice from these values."""

_FOR_BOTH = {
    "answer_invalid",
    "argument_not_unicode",
    "argument_out_of_range",
    "author_not_unicode",
    "author_of_several_lines",
    "author_to_find_empty",
    "author_too_long",
    "deletion_with_text",
    "no_search_term",
    "note_with_revises",
    "or_not_between_words",
    "query_refused",
    "query_too_long",
    "tag_invalid",
    "text_too_long",
    "too_many_beginnings",
    "too_many_search_terms",
    "too_many_tags",
}
"""The kinds of notices whose sentences name no command, option or file, and which a browser shows as they are."""


def notice_for_browser(notice: Notice) -> Notice:
    """Return the notice that a person at a browser gets in place of `notice`.

    `_INSTEAD` and `_INSTEAD_WITH_VALUES` have other notices for some kinds. Notices of the page itself (`page_…`) and those in
    `_FOR_BOTH` stay as they are. All others become `UNUSABLE`: they are for the person who runs the page, and may name files
    of its host.
    """
    if notice.kind in _INSTEAD:
        return _INSTEAD[notice.kind]
    if notice.kind in _INSTEAD_WITH_VALUES:
        return _INSTEAD_WITH_VALUES[notice.kind](**notice.values)
    is_for_browsers = notice.kind.startswith("page_") or notice.kind in _FOR_BOTH
    return notice if is_for_browsers else UNUSABLE


def sentence_for_browser(notice: Notice) -> str:
    """Return the sentence for a person at a browser in place of `notice`, in the language of the request.

    The sentence stands alone there, so it begins with a capital letter and ends with a full stop. In a terminal, sentences
    follow `udpnote: `.
    """
    text = str(notice_for_browser(notice))
    return _("{sentences}.").format(sentences=text[:1].upper() + text[1:])
