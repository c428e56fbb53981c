"""Entries are timed one by one and many at once, and only stored ones count."""

import pytest

from tests.support.errors import raises
from tests.support.lan import Lan
from udpnote.client.send_timing import ENTRY_BYTES, send_durations, throughput
from udpnote.errors import UdpnoteError


@pytest.mark.parametrize(("seconds_max", "count"), [(1000.0, 4), (0.0, 1)])
def test_single_sends_are_timed_without_the_first_which_finds_the_server(lan: Lan, seconds_max: float, count: int) -> None:
    lan.serve()
    shown: list[int] = []
    sends = send_durations(
        lan.client(), seconds_max=seconds_max, count_max=4, on_progress=shown.append, now=lambda: lan.now
    )  # fmt: skip
    assert sends.seconds == pytest.approx([0.001] * count)
    assert (shown, [len(text) for text in lan.texts()]) == (list(range(1, count + 1)), [ENTRY_BYTES] * (count + 1))


def test_the_throughput_is_that_of_all_stored_entries_until_the_last_one(lan: Lan) -> None:
    lan.serve()
    client = lan.client()
    client.send("the first one finds the server")
    shown: list[int] = []
    started = lan.now
    many = throughput(client, seconds=0.0015, on_progress=shown.append, now=lambda: lan.now)
    assert many.entries == len(lan.texts()) - 1
    assert many.seconds == pytest.approx(lan.now - started)
    assert many.per_second == pytest.approx(many.entries / many.seconds)
    assert shown == list(range(100, many.entries + 1, 100))
    assert shown


def test_an_entry_that_is_not_stored_ends_the_measurement(lan: Lan) -> None:
    with raises(UdpnoteError, "measured_entry_not_stored"):
        send_durations(lan.client(wait=0.1), seconds_max=1.0, count_max=1, now=lambda: lan.now)
    with raises(UdpnoteError, "measured_entry_not_stored"):
        throughput(lan.client(wait=0.1), seconds=0.0, now=lambda: lan.now)
