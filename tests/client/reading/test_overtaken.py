"""Revisions that others have replaced without having seen them."""

import pytest

from tests.support.lan import KITCHEN, Lan
from udpnote.client.reading.overtaken import is_overtaken
from udpnote.model.entry import Entry, Kind, StoredEntry


@pytest.mark.parametrize("server", [None, KITCHEN])
def test_a_writer_whose_revision_was_replaced_unseen_is_told_once(lan: Lan, server: str | None) -> None:
    lan.serve()
    amy, bob = lan.client(server=server), lan.client("bob.sqlite3", author="bob@desk")
    amy.send("one")
    mine, theirs = amy.revise(1, "amy's"), bob.revise(1, "bob's")
    [told] = amy.overtaken()
    assert (told.note, told.number, told.by.number, told.by.entry.author) == (1, mine.number, theirs.number, "bob@desk")
    for client, text in ((amy, "amy's again"), (bob, "bob's, too")):
        [latest] = client.log(newest_first=True, limit=1)
        client.revise(1, text, seen=latest)
    assert amy.overtaken() == bob.overtaken() == [], "the latest ones were seen"
    assert [each.entry.text for each in amy.log(numbers=[1])] == ["one", "amy's", "bob's", "amy's again", "bob's, too"]


def version(number: int, revises: int, client_id: bytes = b"a" * 16) -> StoredEntry:
    kind = Kind.REVISION if revises else Kind.NOTE
    return StoredEntry(number, 0, Entry(client_id, number, kind, 0, 0, "amy", "x", revises), number)


def test_a_version_is_overtaken_by_the_next_if_that_was_made_from_an_earlier_one_by_somebody_else() -> None:
    following = [version(7, seen, client_id) for seen in (1, 5) for client_id in (b"a" * 16, b"b" * 16)]
    assert [is_overtaken(version(5, 1), each) for each in following] == [False, True, False, False]
    erased = following[1]._replace(entry=following[1].entry._replace(kind=Kind.ERASED))
    assert not is_overtaken(version(5, 1), erased), "an erased note is not reported as overtaken"
