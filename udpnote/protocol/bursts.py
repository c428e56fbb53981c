"""The bursts of READs of one reading: which are in flight, and when each was sent."""

from collections.abc import Callable, Iterator

from udpnote.model.query import Cursor

BURSTS_TIMED_MAX = 64
"""For how many bursts the reader remembers when it sent them, so that a late answer still gives a sample of the round trip."""


class Burst:
    """A burst of READs in flight, for pages from `cursor` on. Once one of its pages has arrived, `burst_end` is its end."""

    __slots__ = ("burst_end", "cursor", "timed_from", "waits_at_server")

    def __init__(self, cursor: Cursor, now: float) -> None:
        self.cursor = cursor
        self.timed_from = now
        self.burst_end: Cursor | None = None
        self.waits_at_server = False


class Bursts:
    """The bursts in flight; `latest` is the number of the burst that was sent last."""

    def __init__(self) -> None:
        self.latest = 0
        self._bursts: dict[int, Burst] = {}
        self._sent_at: dict[int, float] = {}

    def __len__(self) -> int:
        return len(self._bursts)

    def __iter__(self) -> Iterator[Burst]:
        return iter(self._bursts.values())

    def get(self, number: int) -> Burst | None:
        """The burst with this number, if it is in flight."""
        return self._bursts.get(number)

    def begin(self, cursor: Cursor, now: float) -> int:
        """Add a burst that is sent now; returns its number."""
        self.latest += 1
        self._bursts[self.latest] = Burst(cursor, now)
        self._sent_at[self.latest] = now
        if len(self._sent_at) > BURSTS_TIMED_MAX:
            del self._sent_at[next(iter(self._sent_at))]
        return self.latest

    def take_sent_at(self, number: int) -> float | None:
        """When a burst was sent, the first time that this is asked; afterwards None."""
        return self._sent_at.pop(number, None)

    def remove_up_to(self, position: Cursor, order: Callable[[Cursor], tuple[int, int]]) -> None:
        """Remove the bursts whose pages were delivered, up to `position` in this order."""
        here = order(position)
        for number, burst in list(self._bursts.items()):
            if burst.burst_end and order(burst.burst_end) <= here:
                del self._bursts[number]

    def clear(self) -> None:
        """Remove all bursts."""
        self._bursts.clear()
