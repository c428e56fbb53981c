"""The times of the server's loop."""

from udpnote.server.loop import KEEP_COMING_SECONDS, Schedule


def test_a_quiet_moment_does_not_end_the_pause_after_an_error() -> None:
    schedule = Schedule()
    schedule.delay_indexing(5.0)
    assert schedule.indexing_at == 5.0
    schedule.postpone(10.0)
    schedule.delay_indexing(9.0)
    assert (schedule.reading_at, schedule.indexing_at) == (10.0, 10.0)
    schedule.delay_indexing(11.0)
    assert schedule.indexing_at == 11.0


def test_entries_keep_coming_for_a_while_after_the_latest() -> None:
    schedule = Schedule()
    assert not schedule.is_busy(0.0)
    schedule.stored_at = 1.0
    assert (schedule.is_busy(1.0), schedule.is_busy(1.0 + KEEP_COMING_SECONDS)) == (True, False)
