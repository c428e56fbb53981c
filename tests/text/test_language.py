"""The language that is spoken: chosen for a process or for one task, and looked for only when it is needed."""

import threading

import pytest

from udpnote.errors import Notice
from udpnote.model.language import ENGLISH, SIMPLIFIED, TRADITIONAL
from udpnote.text.language import gettext, language, ngettext, speak_by, speaking

MESSAGE = "Show this message and exit."


def test_a_process_looks_for_its_language_once_and_only_when_it_says_something() -> None:
    asked: list[str] = []

    def find() -> str:
        asked.append("asked")
        return SIMPLIFIED

    try:
        speak_by(find)
        assert not asked
        heard: list[str] = []
        thread = threading.Thread(target=lambda: heard.append(language()))
        thread.start()
        thread.join()
        assert (heard, language(), asked) == ([SIMPLIFIED], SIMPLIFIED, ["asked"])
    finally:
        speak_by(lambda: ENGLISH)


def test_a_task_speaks_a_language_of_its_own() -> None:
    notice = Notice("author_blank")
    english = str(notice)
    with speaking(SIMPLIFIED):
        simplified = gettext(MESSAGE), str(notice)
        with speaking(TRADITIONAL):
            assert language() == TRADITIONAL
        assert (gettext(MESSAGE), str(notice)) == simplified
        assert not gettext("")
    assert (gettext(MESSAGE), str(notice)) == (MESSAGE, english)
    with pytest.raises(ValueError, match="zh-CN"), speaking("zh-CN"):
        pass


def test_english_has_two_forms_and_other_languages_their_own() -> None:
    assert [ngettext("1 cup", "{cups} cups", cups) for cups in (0, 1, 2)] == ["{cups} cups", "1 cup", "{cups} cups"]
    with speaking(SIMPLIFIED):  # a message without a translation stays in English
        assert ngettext("1 cup", "{cups} cups", 2) == "{cups} cups"
