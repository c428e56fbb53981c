"""People at a browser are told what they can do there, and no command."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.notice_calls import needs, notice_calls, sentences
from tests.support.source import ROOT, modules
from udpnote.errors import Notice
from udpnote.model.language import ENGLISH, LANGUAGES
from udpnote.page.browser_sentences import notice_for_browser, sentence_for_browser
from udpnote.text.language import gettext, speaking
from udpnote.text.messages.sentences import SENTENCES

ADVICE = re.compile(r"`udpnote|(?<![\w-])--[a-z]|UDPNOTE_|`iconv|\{path")
"""Words that are of no use in a browser: commands, options, variables and paths."""

FOR_WHO_RUNS_THE_PAGE = {"page_host_refused", "page_code_needs_https"}
"""Kinds that tell the reader what to ask of the person who runs the page."""

OF_THE_COMMAND = {"page_extra_missing", "page_link_local", "page_of_sealed_needs_https", "page_port_taken"}
"""`udpnote page` prints these before it serves anything."""

UNUSABLE = "page_notebook_unusable"
"""A browser gets a notice of this kind in place of all that only the person who runs the page can mend."""


def read_text(asset: str) -> str:
    return (ROOT / "page/assets" / asset).read_text()


def for_browsers(kind: str) -> str:
    """The kind of the notice that a browser gets in place of one of this kind."""
    return notice_for_browser(Notice(kind, **dict.fromkeys(needs(SENTENCES[kind]), 1))).kind


@pytest.mark.parametrize("language", LANGUAGES)
@settings(max_examples=20)
@given(st.data())
def test_no_sentence_that_reaches_a_browser_names_a_command_or_an_option(language: str, data: st.DataObject) -> None:
    reaching = {for_browsers(kind) for kind in SENTENCES} - FOR_WHO_RUNS_THE_PAGE - OF_THE_COMMAND
    with speaking(language):
        for kind in sorted(reaching):
            sentence = SENTENCES[kind]
            shown = gettext(sentence) if isinstance(sentence, str) else data.draw(sentences(kind))
            assert not ADVICE.search(shown), (kind, shown)


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_sentence_about_an_impostor_names_the_menu_item_as_the_page_does(language: str) -> None:
    words = read_text(f"words.{language}.js" if language != ENGLISH else "words.js")
    [entry] = re.findall(r'^  end_session: "(.+)",$', words, re.MULTILINE)
    with speaking(language):
        assert entry in sentence_for_browser(Notice("page_impostor"))


@pytest.mark.parametrize(
    "module",
    ["model.entry", "model.join_code", "client.entry_arguments", "text.query_words", "page.json_objects", "page.access"],
)
def test_browsers_get_every_error_about_what_a_person_has_typed(module: str) -> None:
    shown = {for_browsers(kind) for _, kinds in notice_calls(modules()[f"udpnote.{module}"]) for kind in kinds}
    assert shown and UNUSABLE not in shown


@pytest.mark.parametrize(
    ("notice", "shown"),
    [
        (Notice("no_such_entry", number=7), Notice(UNUSABLE)),
        (Notice("writing_time_out_of_range", written_at=1 << 60, utc_offset=480), Notice("page_clock_wrong")),
        (Notice("no_search_term", words="` --x"), Notice("no_search_term", words="` --x")),
        (Notice("wrong_notebook", name_or_id="kitchen", found=()), Notice(UNUSABLE)),
        (Notice("path_unusable", path="/home/ann/outbox", problem="Permission denied"), Notice(UNUSABLE)),
        (
            Notice("join_code_symbol_invalid", symbol="?", place=3),
            Notice("page_code_symbol_invalid", symbol="?", place=3),
        ),
    ],
)
def test_notices_that_are_of_no_use_in_a_browser_are_replaced(notice: Notice, shown: Notice) -> None:
    assert notice_for_browser(notice) == shown


@pytest.mark.parametrize(
    ("language", "shown"),
    [("en", "The page has nothing at this address."), ("zh_CN", "此地址下没有内容。"), ("zh_TW", "此位址下沒有內容。")],
)
def test_a_sentence_for_a_browser_begins_with_a_capital_letter_and_ends_with_a_full_stop(language: str, shown: str) -> None:
    with speaking(language):
        assert sentence_for_browser(Notice("page_not_there")) == shown
