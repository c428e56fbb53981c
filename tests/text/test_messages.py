"""The sentences: each kind of error and notice has one, which can be made of its values and has all of them."""

import re

import pytest
from hypothesis import given, settings

from tests.support.notice_calls import faults, sentences
from tests.support.source import UNCLEAR_WORDS, modules
from udpnote.errors import Notice
from udpnote.model.language import SIMPLIFIED
from udpnote.model.notebook import KnownNotebook, SilentServer
from udpnote.settings import PORTS
from udpnote.text.language import speaking
from udpnote.text.messages.client import LISTED_MAX
from udpnote.text.messages.sentences import SENTENCES
from udpnote.text.other_programs.imported_note import LeftOut

FOUND = [KnownNotebook(bytes([number]) * 16, f"book {number}", "192.0.2.1", 6683, 0) for number in range(LISTED_MAX + 2)]


def told(kind: str, **values: object) -> str:
    return str(Notice(kind, **values))


def test_each_kind_that_is_told_has_one_sentence_and_its_values_and_each_sentence_is_told() -> None:
    assert list(faults()) == []


def test_every_sentence_can_be_made_and_has_no_unclear_word() -> None:
    def check(told: str) -> None:
        assert told and not UNCLEAR_WORDS.search(told)
        assert not told.endswith(".") and not re.search(r"[{}]|None|<", told)

    for kind in SENTENCES:  # in one test: to begin and end hundreds of tests would take longer than the checks
        settings(max_examples=5)(given(sentences(kind))(check))()


def test_a_wrong_value_is_shown_as_json_calls_it_or_shortened() -> None:
    for value, shown in (([1], "an array"), ({"a": 1}, "an object"), (1.5, "1.5"), ("milk", "'milk'")):
        assert told("kind_invalid", value=value).endswith(shown)
    for value in ("x" * 999, "\x01" * 999, int("9" * 999)):
        assert len(told("kind_invalid", value=value)) < 130


def test_sentences_count_list_and_quote_their_values() -> None:
    sentence = told("several_notebooks", found=FOUND)
    assert "book 7 (07070707, at 192.0.2.1), 2 more. " in sentence
    assert "book 8" not in sentence and "`udpnote use NAME`" in sentence
    assert "`udpnote use ID`" in told("several_notebooks", found=[FOUND[0], FOUND[1]._replace(name="book 0")])
    assert "at 192.0.2.1 port 6684)" in told("several_notebooks", found=[FOUND[0], FOUND[1]._replace(port=6684)])
    assert "`udpnote leave '家里 2'`" in told("impostor", address="192.0.2.9:6683", name="家里 2", argument="家里 2")
    assert "`sqlite3 '家里 2' .recover`" in told("database_damaged", path="家里 2", problem="malformed")
    for kind in ("no_answer_yet", "no_answer_to_reading"):
        assert "key may have been changed" not in told(kind, server=SilentServer("kitchen", "192.0.2.7", False))
        assert "key may have been changed" in told(kind, server=SilentServer("kitchen", "192.0.2.7", True))
        assert "`udpnote use 01010101`" in told(kind, server=SilentServer("kitchen", "192.0.2.7", False, FOUND[1]))
    cut_off = SilentServer("kitchen", "192.0.2.7", True, obstacle="Network is unreachable")
    for kind in ("no_answer_yet", "no_answer_to_reading", "no_answer_to_import", "write_queued_in_silence"):
        assert "key may have been changed" not in told(kind, server=cut_off)
        assert "Network is unreachable" in told(kind, server=cut_off)
    assert "at pi port 6683, only book 0 (" in told("key_not_found", host="pi", ports=[6683], found=FOUND[:1])
    assert "at UDP ports 6683 to 6686 of this LAN. " in told("key_not_found", host=None, ports=PORTS, found=[])
    assert [told("entries_stored", entries=entries) for entries in (1, 1200)] == ["1 entry stored", "1,200 entries stored"]
    dropped = told("datagrams_dropped", counts={"corrupted": 1, "foreign": 1200})
    assert dropped == "1,201 datagrams dropped in the last minute: 1,200 not of udpnote, 1 damaged"
    assert "on the notebook's host" in told("notebook_not_there", path="/home/lin/notebook.sqlite3")
    for reason in (Notice("no_answer_on_lan", ports=PORTS, known=[]), Notice("not_waited")):
        assert told("entries_queued", entries=1, reason=reason).count("next ") == 1, "it says once when the entry is sent"
    assert told("entries_wait", entries=1, name="家里").startswith("1 entry waits in the outbox for 家里, ")
    assert told("entries_wait", entries=1200, name="家里").startswith("1,200 entries wait in the outbox for 家里, ")


def test_each_reason_for_which_a_server_drops_datagrams_is_said_in_each_language() -> None:
    reasons = {
        reason
        for name, module in modules().items()
        if name.startswith(("udpnote.protocol.", "udpnote.server."))
        for reason in re.findall(r'(?:_drops\[|BadDatagram\(|Counter\(\{)"([a-z ]+)"', module.text)
    }
    assert {"forged", "early", "overload", "too many searches"} <= reasons
    for reason in reasons:
        with speaking(SIMPLIFIED):
            assert reason not in told("datagrams_dropped", counts={reason: 2})


def test_each_thing_that_an_import_leaves_out_has_a_sentence_of_its_own() -> None:
    assert len({told("left_out", what=each.value, count=2) for each in LeftOut}) == len(LeftOut)


@pytest.mark.parametrize(
    ("kind", "values"),
    [
        ("no_such_kind", {"number": 1}), ("path_unusable", {"path": "diary"}), ("entries_wait", {"entries": 1}),
        ("more_not_imported", {"count": "one"}), ("several_notebooks", {"found": [None]}),
    ],
)  # fmt: skip
def test_an_error_that_cannot_be_put_into_words_is_told_by_its_kind(kind: str, values: dict[str, object]) -> None:
    assert told(kind, **values) == kind


def test_a_problem_in_english_is_quoted_in_a_chinese_sentence() -> None:
    assert "(the disk hums)" in told("path_unusable", path="diary", problem="the disk hums")
    with speaking(SIMPLIFIED):
        assert re.search(r"['“]the disk hums['”]", told("path_unusable", path="diary", problem="the disk hums"))
