"""The sentences for people at a browser. They cannot run the commands that the sentences for a terminal recommend."""

from udpnote.errors import Notice

_NOTICES = {
    "another_notebook_answers": Notice("page_notebook_unusable"),
    "author_blank": Notice("page_author_missing"),
    "entry_erased": Notice("page_entry_erased"),
    "entry_refused": Notice("page_entry_refused"),
    "impostor": Notice("page_impostor"),
    "joined_or_left_meanwhile": Notice("page_notebook_unusable"),
    "joined_with_old_key": Notice("page_key_changed"),
    "key_changed": Notice("page_key_changed"),
    "key_missing": Notice("page_needs_code"),
    "key_not_found": Notice("page_notebook_silent"),
    "name_or_id_not_found": Notice("page_notebook_silent"),
    "no_answer_at_server": Notice("page_notebook_silent"),
    "no_answer_on_lan": Notice("page_notebook_silent"),
    "no_answer_to_reading": Notice("page_notebook_silent"),
    "notebook_disk_full": Notice("page_disk_full"),
    "notebook_not_writable": Notice("page_not_writable"),
    "not_joined": Notice("page_notebook_unusable"),
    "older_copy": Notice("page_older_copy"),
    "only_words_to_leave_out": Notice("page_only_words_left_out"),
    "own_notebook_not_found": Notice("page_notebook_silent"),
    "several_joined": Notice("page_notebook_unusable"),
    "several_notebooks": Notice("page_notebook_unusable"),
    "text_blank": Notice("page_text_blank"),
    "text_in_other_encoding": Notice("page_text_not_unicode"),
    "text_not_unicode": Notice("page_text_not_unicode"),
    "wrong_notebook": Notice("page_notebook_unusable"),
}
"""The notice that a browser shows for each kind of an error of the client."""

_ADVICE = ("`", " --")
"""A sentence with one of these signs names a command or an option."""

_ABOUT_THE_PAGE = ("page_", "join_code_")
"""The beginnings of the kinds of notices whose sentences are already for browsers."""


def for_reader(notice: Notice) -> str:
    """The sentence of `notice` for a person at a browser, in the language of the request."""
    for_browsers = _NOTICES.get(notice.kind)
    if for_browsers is not None:
        return str(for_browsers)
    sentence = str(notice)
    is_for_terminals = not notice.kind.startswith(_ABOUT_THE_PAGE) and any(each in sentence for each in _ADVICE)
    return str(Notice("page_notebook_unusable")) if is_for_terminals else sentence
