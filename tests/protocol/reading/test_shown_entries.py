"""The entries that a follower has shown: the newest ones are all remembered, of the older ones only some."""

from itertools import pairwise

import pytest

from tests.support.golden import OTHER_CLIENT_ID, STORED_AT
from tests.support.readings import note, seen
from udpnote.model.entry import NOTHING_SEEN, StoredEntry
from udpnote.protocol.reading.shown_entries import SHOWN_MAX, ShownEntries

LATER = 10**9
"""How many microseconds the entries that `new` makes are stored after those that `old` makes."""


def old(number: int) -> StoredEntry:
    """Make the entry `number` of the notebook before it is restored. Entries are stored in the order of their numbers."""
    return note(number)._replace(stored_at=STORED_AT + number)


def new(number: int, *, later: int = LATER) -> StoredEntry:
    return note(number, client_id=OTHER_CLIENT_ID)._replace(stored_at=STORED_AT + later + number)


def restore(shown: ShownEntries, *copy: StoredEntry) -> list[StoredEntry]:
    """Restore a copy, to which others may have written, and return what is shown then."""
    there = {each.as_seen for each in copy}
    while shown.latest.number and shown.latest not in there:
        shown.go_back()
    shown.confirm()
    return [each for each in copy if each.number > shown.latest.number and shown.remember(each)]


def test_the_newest_entries_are_all_remembered_and_of_the_older_ones_the_fewer_the_older_they_are() -> None:
    shown = ShownEntries()
    for number in range(1, 20 * SHOWN_MAX):
        assert shown.remember(note(number))
    kept = []
    while shown.latest.number:
        kept.append(shown.latest.number)
        shown.go_back()
        shown.confirm()
    assert len(kept) <= SHOWN_MAX
    gaps = [later - earlier for later, earlier in pairwise(kept)]
    assert set(gaps[: SHOWN_MAX // 3]) == {1} and kept[-1] == 1 and max(gaps) > 20


def test_many_entries_that_an_earlier_restoration_removed_are_forgotten() -> None:
    shown = ShownEntries()
    for first in (1, 2 * SHOWN_MAX):
        for number in range(first, first + SHOWN_MAX):
            shown.remember(note(number))
        while shown.latest.number:
            shown.go_back()
        shown.confirm()
    shown.remember(note(10**6))
    shown.go_back()
    assert shown.remember(note(1)._replace(stored_at=STORED_AT + LATER)), "otherwise, ever more memory would be needed"


def test_shown_entries_are_not_shown_again_after_the_follower_went_back_too_far() -> None:
    shown = ShownEntries(map(seen, (3, 1, 2)))
    for latest in (2, 0):
        shown.go_back()
        assert (shown.is_going_back, shown.latest.number) == (True, latest)
    assert shown.latest == NOTHING_SEEN
    shown.confirm()
    read = (note(1), note(2), note(3, client_id=OTHER_CLIENT_ID), note(4))
    assert [shown.remember(each) for each in read] == [False, False, True, True]
    assert (shown.is_going_back, shown.latest) == (False, seen(4))


@pytest.mark.parametrize("kept", [0, 7, 83, 84, 99, 100, 104])
@pytest.mark.parametrize("last", [0, 2, 60], ids=lambda last: f"-n {last}")
def test_a_follower_that_began_after_the_copy_was_made_is_shown_all_new_entries_and_no_older_ones(last: int, kept: int) -> None:
    known = [*range(101 - max(last, 1), 101), *(100 - last - 2**power for power in range(4, 6))]
    shown = ShownEntries(map(seen, known), stored_until=STORED_AT + 100)
    assert all(shown.remember(old(number)) for number in range(101, 106))
    theirs = [new(number) for number in range(kept + 1, 110)]
    assert restore(shown, *map(old, range(1, kept + 1)), *theirs) == theirs
    assert not shown.is_going_back


@pytest.mark.parametrize(("kept", "before"), [(1, 0), (2000, 0), (90, 100), (3 * SHOWN_MAX, 0), (5 * SHOWN_MAX - 9, 0)])
def test_no_entry_of_a_long_history_is_shown_again_though_most_of_them_are_forgotten(kept: int, before: int) -> None:
    shown, theirs = ShownEntries(), [new(number) for number in range(kept + 1, kept + 9)]
    for number in range(1, before + 1):
        shown.remember(note(number, client_id=b"t" * 16))
    restore(shown)
    for number in range(1, 5 * SHOWN_MAX):
        shown.remember(old(number))
    assert restore(shown, *map(old, range(1, kept + 1)), *theirs) == theirs


def test_a_new_entry_with_an_older_time_is_shown_if_all_is_remembered() -> None:
    shown = ShownEntries()
    for number in range(1, 101):
        shown.remember(old(number))
    theirs = [new(number, later=-LATER) for number in range(61, 90)]
    assert restore(shown, *map(old, range(1, 61)), *theirs) == theirs


def test_a_new_entry_with_an_older_time_is_shown_after_another_new_entry() -> None:
    shown = ShownEntries(map(seen, (100, 84, 68)), stored_until=STORED_AT + 100)
    theirs = [new(91), new(92, later=-LATER), new(93, later=-LATER)]
    assert restore(shown, *map(old, range(1, 91)), *theirs) == theirs


@pytest.mark.parametrize("began", [1, 100])
def test_a_newer_copy_restored_after_an_older_one_shows_only_the_entries_stored_since(began: int) -> None:
    shown = ShownEntries(map(seen, {began, 84, 68} if began > 1 else ()), stored_until=STORED_AT + began)
    for number in range(began + 1, 121):
        shown.remember(old(number))
    between, last = new(71), new(121, later=2 * LATER)
    assert restore(shown, *map(old, range(1, 71)), between) == [between]
    assert restore(shown, *map(old, range(1, 121)), last) == [last]
