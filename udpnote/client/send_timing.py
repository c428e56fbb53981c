"""Measures how fast a client stores entries: one after the other, and many at once."""

import time
from collections.abc import Callable, Iterator
from typing import NamedTuple

from udpnote.client.client import Client
from udpnote.client.sending.results import SentEntry, State
from udpnote.errors import EntryRefused, Queued, UdpnoteError
from udpnote.model.durations import Durations

ENTRY_BYTES = 100
"""The length of each text that is sent, in bytes: that of a short note."""

PROGRESS_ENTRIES = 100
"""`throughput` calls its `on_progress` after each group of this many entries, so that the calls take hardly any time."""

_text = f"{{:0{ENTRY_BYTES}}}".format
"""`_text(7)` is a text of `ENTRY_BYTES` bytes: the number 7 after many zeros."""


class Throughput(NamedTuple):
    """The number of `entries` that were stored durably, and how many `seconds` that took."""

    entries: int
    seconds: float

    @property
    def per_second(self) -> float:
        """How many entries were stored in each second, on average."""
        return self.entries / self.seconds


def send_durations(
    client: Client,
    *,
    seconds_max: float,
    count_max: int,
    on_progress: Callable[[int], None] = lambda _: None,
    now: Callable[[], float] = time.perf_counter,
) -> Durations:
    """Call `client.send` up to `count_max` times, and return how long each call took. No call begins after `seconds_max`.

    Each call stores an entry in the notebook of `client`. There is at least one call. An additional call before it, which finds
    the server, does not count. `on_progress` is called with the number of calls so far, and `now` returns the time in seconds.
    Raises `UdpnoteError` if an entry is not stored.
    """
    seconds: list[float] = []
    _send(client, _text(0))
    until = now() + seconds_max
    while not seconds or (len(seconds) < count_max and now() < until):
        before = now()
        _send(client, _text(len(seconds)))
        seconds.append(now() - before)
        on_progress(len(seconds))
    return Durations(seconds)


def throughput(
    client: Client,
    *,
    seconds: float,
    on_progress: Callable[[int], None] = lambda _: None,
    now: Callable[[], float] = time.perf_counter,
) -> Throughput:
    """Store entries in the notebook of `client` for about `seconds`, as fast as possible. Return how many, and in which time.

    The measured time ends when all texts that were sent within `seconds` are stored. `on_progress` is called with the number of
    stored entries so far, and `now` returns the time in seconds. Raises `UdpnoteError` if an entry is not stored.
    """
    started = now()

    def texts() -> Iterator[str]:
        number = 0
        while not number or now() < started + seconds:
            yield _text(number)
            number += 1

    stored = 0
    for sent in client.send_many(texts()):
        _check(sent)
        stored += 1
        if stored % PROGRESS_ENTRIES == 0:
            on_progress(stored)
    return Throughput(stored, now() - started)


def _send(client: Client, text: str) -> None:
    try:
        client.send(text)
    except (Queued, EntryRefused) as error:
        raise UdpnoteError("measured_entry_not_stored", reason=error.notice) from error


def _check(sent: SentEntry) -> None:
    if sent.state is not State.STORED:
        raise UdpnoteError("measured_entry_not_stored", reason=sent.reason)
