"""The catalogues of translations: each message has a translation that fits it and is all in Chinese."""

import pytest

from tests.catalogues import TRANSLATIONS, mo_bytes, po_bytes, po_path, read, untranslated, updated
from tests.support.marked_messages import marked_messages
from tests.support.translations import faults, faults_of
from tests.support.unmarked_texts import unmarked, unmarked_in


@pytest.mark.parametrize("language", TRANSLATIONS)
def test_the_catalogues_have_a_translation_of_each_message_and_are_up_to_date(language: str) -> None:
    current = updated(read(language), marked_messages())
    assert untranslated(current) == []
    assert po_bytes(current) == po_path(language).read_bytes(), "run `python -m tests.catalogues`"
    assert mo_bytes(current) == po_path(language).with_suffix(".mo").read_bytes(), "run `python -m tests.catalogues`"


@pytest.mark.parametrize("language", TRANSLATIONS)
def test_no_translation_has_a_fault(language: str) -> None:
    assert list(faults(read(language))) == []


@pytest.mark.parametrize(
    ("source", "translation", "fault"),
    [
        ("{name} is open", "{file} 是公开的", "placeholders"), ("{count:,} notes", "{count} 条笔记", "placeholders"),
        ("{text!r} is no tag", "“{text}”不是标签", ""), ("{a} of {b}", "{b} 的 {a}", ""), ("Show this.", "显示", "at its ends"),
        (" and ", "和", "at its ends"), ("Type notes", "输入 notes", "English: notes"), ("Type `notes`", "输入 `notes`", ""),
        ("the TEXT of --file", "--file 的 TEXT", ""), ("the text", "TEXT 文字", "English"), ("a LAN, or UDP", "LAN 或 UDP", ""),
        ("a: b", "甲:乙", "half-width"), ("{a}: b", "{a}: 乙", "half-width"), ("a (b)", "甲(乙)", "half-width"),
        ("a. b", "甲. 乙", "half-width"), ("a, b", "甲， 乙", "half-width"), ("{a} % of b", "乙的 {a} %", "half-width"),
        ("a; b? c!", "甲；乙？丙！", ""),
        ("a `b`", "甲`b`", "no space"), ("3 notes", "3条笔记", "no space"), ("May", "5月", ""), ("id of a", "甲的 id", ""),
        ("your notebook", "你的记事本", ""), ("your notebook", "你的笔记本", "one word"),
    ],
)  # fmt: skip
def test_each_kind_of_fault_in_a_translation_is_found(source: str, translation: str, fault: str) -> None:
    found = list(faults_of(source, translation))
    assert (fault in found[0] and len(found) == 1) if fault else not found


def test_every_text_for_people_is_marked_for_translation() -> None:
    assert list(unmarked()) == []


@pytest.mark.parametrize(
    ("source", "texts"),
    [
        ('say(f"{count} notes stored")', ["{} notes stored"]), ('print("stored")', ["stored"]), ('input("Name: ")', ["Name: "]),
        ('rows = [("NOTES", "12")]', ["NOTES"]), ('def f() -> str:\n    return "open" if x else "closed"', ["open", "closed"]),
        ('print(f"{_(\'note\')} of {name}")', ["{} of {}"]), ('class A(Enum):\n    QUEUED = "queued"', ["queued"]),
        ('text = "a " + _("note")', []), ('print(f"{_(\'note\')}: {f(\'late\')}")', ["late"]), ('"""A docstring."""', []),
        ('say(_("notes"))', []), ('say(ngettext("1 note", "{count} notes", n).format(count=n))', []),
        ('say(Notice("notes_stored", number=3))', []), ('raise ValueError("no note")', []), ('x = os.environ["LANG"]', []),
        ('print("`udpnote list` --all", path)', []), ('if kind == "note":\n    pass', []), ('say("Goodbye.")', ["Goodbye."]),
    ],
)  # fmt: skip
def test_a_text_that_is_not_marked_for_translation_is_found(source: str, texts: list[str]) -> None:
    assert unmarked_in(source) == texts
