"""What a follower has shown: as much as memory allows, and the more exactly, the newer it is."""

from itertools import pairwise

from tests.support.readings import seen
from udpnote.model.entry import NOTHING_SEEN
from udpnote.protocol.shown_entries import SHOWN_MAX, ShownEntries


def test_the_newest_entries_are_all_remembered_and_of_the_older_ones_the_fewer_the_older_they_are() -> None:
    shown = ShownEntries()
    for number in range(1, 20 * SHOWN_MAX):
        assert shown.show(seen(number))
    kept = []
    while shown.latest.number:
        kept.append(shown.latest.number)
        shown.go_back()
        shown.confirm()
    assert len(kept) <= SHOWN_MAX
    gaps = [later - earlier for later, earlier in pairwise(kept)]
    assert set(gaps[: SHOWN_MAX // 3]) == {1} and kept[-1] == 1 and max(gaps) > 20


def test_what_an_earlier_restoration_took_back_is_forgotten_when_it_is_much() -> None:
    shown = ShownEntries()
    for first in (1, 2 * SHOWN_MAX):
        for number in range(first, first + SHOWN_MAX):
            shown.show(seen(number))
        while shown.latest.number:
            shown.go_back()
        shown.confirm()
    shown.show(seen(10**6))
    shown.go_back()
    assert shown.show(seen(1)), "it would take ever more memory"


def test_what_was_shown_is_not_shown_again_after_it_went_back_too_far() -> None:
    shown = ShownEntries(map(seen, (3, 1, 2)))
    for latest in (2, 0):
        shown.go_back()
        assert (shown.is_going_back, shown.latest.number) == (True, latest)
    assert shown.latest == NOTHING_SEEN
    shown.confirm()
    assert [shown.show(entry) for entry in (seen(1), seen(2), seen(3)._replace(sequence=9), seen(4))] == [
        False,
        False,
        True,
        True,
    ]
    assert (shown.is_going_back, shown.latest) == (False, seen(4))
