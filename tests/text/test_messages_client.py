"""The client's sentences that depend on their values: lists, plurals, and hints."""

from udpnote.errors import Notice
from udpnote.model.notebook import KnownNotebook, SilentServer
from udpnote.text.messages.client import LISTED_MAX

FOUND = [KnownNotebook(bytes([number]) * 16, f"book {number}", "192.0.2.1", 6683, 0) for number in range(LISTED_MAX + 2)]


def told(kind: str, **values: object) -> str:
    return str(Notice(kind, **values))


def test_several_notebooks_are_listed_up_to_a_limit_and_chosen_by_name_or_by_id() -> None:
    sentence = told("several_notebooks", found=FOUND)
    assert "book 7 (07070707, at 192.0.2.1), 2 more. " in sentence
    assert "book 8" not in sentence and "`udpnote use NAME`" in sentence
    assert "`udpnote use ID`" in told("several_notebooks", found=[FOUND[0], FOUND[1]._replace(name="book 0")])


def test_the_command_that_believes_an_impostor_can_be_pasted_into_a_shell() -> None:
    assert "`udpnote leave '家里 2'`" in told("impostor", address="192.0.2.9:6683", name="家里 2", argument="家里 2")


def test_silence_of_an_open_notebook_may_mean_that_it_was_sealed_and_of_a_sealed_one_that_its_key_has_changed() -> None:
    for kind in ("no_answer_yet", "no_answer_to_reading"):
        assert told(kind, server=SilentServer("kitchen", "192.0.2.7", False)).endswith("`udpnote join` it")
        assert "key may have been changed" in told(kind, server=SilentServer("kitchen", "192.0.2.7", True))


def test_entries_that_wait_are_counted_in_words_of_the_right_number() -> None:
    assert told("entries_wait", entries=1, name="kitchen").startswith("1 entry waits for kitchen")
    assert told("entries_wait", entries=1200, name="kitchen").startswith("1,200 entries wait for kitchen")


def test_a_key_that_was_not_found_is_told_with_where_and_what_answered_instead() -> None:
    assert "at pi port 6683, only book 0 (" in told("key_not_found", host="pi", port=6683, found=FOUND[:1])
    assert "at UDP port 6683 of this LAN. " in told("key_not_found", host=None, port=6683, found=[])
