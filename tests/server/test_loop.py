"""When the server's loop reports dropped datagrams, reads, and indexes."""

from contextlib import closing

from tests.support.later_searcher import LaterSearcher
from udpnote.errors import Notice
from udpnote.lan.interfaces import no_interfaces
from udpnote.lan.listening_endpoint import ListeningEndpoint
from udpnote.protocol.server_contact import SILENCE_SECONDS
from udpnote.server.loop import KEEP_COMING_SECONDS, READING_PAUSE_RATIO, Loop, Schedule, pause_after
from udpnote.storage.notebook.notebook import Notebook


def test_dropped_datagrams_are_reported_once_a_minute_as_the_notice_says(notebook: Notebook) -> None:
    notices, now = list[Notice](), [1000.0]
    with closing(ListeningEndpoint("127.0.0.1", 0, list_interfaces=no_interfaces)) as endpoint:
        loop = Loop(
            endpoint,
            notebook,
            sealing_keys=None,
            text_file=None,
            executor=LaterSearcher(),
            on_stored=None,
            on_notice=notices.append,
            monotonic=lambda: now[0],
        )
        for now[0], reported in ((1000.0, []), (1059.9, []), (1060.0, [3]), (1119.9, []), (1120.0, [2])):
            endpoint.send([(b"no datagram of udpnote", ("127.0.0.1", endpoint.port))])  # so that the loop need not wait
            loop.run_once()
            assert notices == [Notice("datagrams_dropped", counts={"foreign": count}) for count in reported]
            notices.clear()


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


def test_a_process_that_was_stopped_during_a_slice_serves_readers_before_they_take_it_for_silent() -> None:
    assert pause_after(0.001, ratio=READING_PAUSE_RATIO) == 0.001 * READING_PAUSE_RATIO
    assert pause_after(600.0, ratio=READING_PAUSE_RATIO) < SILENCE_SECONDS / 2
