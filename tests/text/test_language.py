"""The language that is spoken: chosen for a process or for one task, and looked for only when it is needed."""

import threading
from collections.abc import Callable
from pathlib import Path

import pytest

import udpnote
from udpnote.errors import Notice
from udpnote.model.language import ENGLISH, SIMPLIFIED, TRADITIONAL
from udpnote.text.language import gettext, language, ngettext, read_catalogue, speak_by, speaking

LOCALE_FOLDER = Path(udpnote.__file__).parent / "locale"
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


@pytest.mark.parametrize(
    "damage",
    [
        lambda whole: whole[:0],
        lambda whole: whole[:8],
        lambda whole: whole[: len(whole) // 2],
        lambda whole: b"no catalogue" + whole,
        lambda whole: whole.replace("记事本".encode(), b"\xff" * 9),
        lambda whole: whole.replace(b"nplurals=1; plural=0", b"nplurals=1; plural=?"),
        lambda whole: whole.replace(b"charset=utf-8", b"charset=none!"),
        None,
    ],
    ids=["empty", "magic", "half", "text", "not UTF-8", "plural", "encoding", "folder"],
)
def test_without_a_whole_catalogue_everything_is_in_english(damage: Callable[[bytes], bytes] | None, tmp_path: Path) -> None:
    assert read_catalogue(str(tmp_path), SIMPLIFIED).gettext(MESSAGE) == MESSAGE
    whole, damaged = (folder / SIMPLIFIED / "LC_MESSAGES" / "udpnote.mo" for folder in (LOCALE_FOLDER, tmp_path))
    damaged.parent.mkdir(parents=True)
    if damage is None:
        damaged.mkdir()
    else:
        damaged.write_bytes(damage(whole.read_bytes()))
        assert damaged.read_bytes() != whole.read_bytes()
    assert read_catalogue(str(tmp_path), SIMPLIFIED).gettext(MESSAGE) == MESSAGE
