"""The pages that are kept for READs: in order, each once, and never too many."""

from tests.support.keys import AT_NEW
from udpnote.protocol.envelope import OPEN, Requester
from udpnote.protocol.paging.kept_pages import KEPT_BURSTS_MAX, KEPT_PAGES_MAX, BurstNumber, KeptPages

HERE = Requester(("here", 1), OPEN)


def burst(number: int, requester: Requester = HERE) -> BurstNumber:
    return requester, b"stream 1", number


def test_each_page_is_taken_once_and_a_burst_without_further_pages_is_still_known() -> None:
    kept = KeptPages()
    kept.keep(burst(1), [b"first", b"second"])
    assert [kept.take(burst(1)) for _ in range(4)] == [[b"first"], [b"second"], [], []]
    assert kept.take(burst(2)) is None
    assert kept.take((HERE, b"stream 2", 1)) is None


def test_the_oldest_bursts_are_forgotten_when_there_are_too_many_bursts_or_pages() -> None:
    kept = KeptPages()
    for number in range(KEPT_BURSTS_MAX + 1):
        kept.keep(burst(number), [])
    assert kept.take(burst(0)) is None and kept.take(burst(1)) == []
    half = [b"page"] * (KEPT_PAGES_MAX // 2)
    for number in (-1, -2, -2, -3):
        kept.keep(burst(number), half)
    assert kept.take(burst(-1)) is None
    assert kept.take(burst(-2)) == kept.take(burst(-3)) == [b"page"]


def test_pages_that_were_taken_count_no_more() -> None:
    kept = KeptPages()
    kept.keep(burst(1), [])
    for _ in range(KEPT_PAGES_MAX + 1):
        kept.keep(burst(2), [b"page"])
        assert kept.take(burst(2)) == [b"page"]
    assert kept.take(burst(1)) == [], "still known"


def test_the_bursts_of_other_envelopes_are_forgotten() -> None:
    kept, sealed = KeptPages(), Requester(("here", 1), AT_NEW)
    kept.keep(burst(1), [b"open"])
    kept.keep(burst(1, sealed), [b"sealed"])
    kept.forget_other_envelopes([AT_NEW])
    assert (kept.take(burst(1)), kept.take(burst(1, sealed))) == (None, [b"sealed"])
