"""The bursts of one reading: which of them are in flight, and when the reader sent each of them.

A burst is a group of identical READs. The server answers each READ of it with one page, and the pages follow each other.
"""

from collections.abc import Callable, Iterator

from udpnote.model.query import Cursor

BURSTS_TIMED_MAX = 64
"""The sending times of this many latest bursts are remembered. So even a late answer gives a sample of the round-trip time."""


class Burst:
    """A burst in flight. It asks for several pages, the first of which starts at `cursor`.

    `burst_end` is the cursor at which the burst's last page ends, or None if that is not known yet. `timed_from` is the
    monotonic time at which the burst's timer starts. `waits_at_server` says whether the server keeps the burst's READ until
    there is a result.
    """

    __slots__ = ("burst_end", "cursor", "timed_from", "waits_at_server")

    def __init__(self, cursor: Cursor, now: float) -> None:
        self.cursor = cursor
        self.timed_from = now
        self.burst_end: Cursor | None = None
        self.waits_at_server = False


class Bursts:
    """The bursts in flight of one reading. `latest` is the number of the burst that was sent last; 0 if none was sent yet."""

    def __init__(self) -> None:
        self.latest = 0
        self._bursts: dict[int, Burst] = {}
        self._sent_at: dict[int, float] = {}

    def __len__(self) -> int:
        return len(self._bursts)

    def __iter__(self) -> Iterator[Burst]:
        return iter(self._bursts.values())

    def get(self, number: int) -> Burst | None:
        """The burst with this number if it is in flight, else None."""
        return self._bursts.get(number)

    def begin(self, cursor: Cursor, now: float) -> int:
        """Add a burst for several pages, the first of which starts at `cursor`, sent at the monotonic time `now`.

        Returns the number of the burst, which is the new `latest`.
        """
        self.latest += 1
        self._bursts[self.latest] = Burst(cursor, now)
        self._sent_at[self.latest] = now
        if len(self._sent_at) > BURSTS_TIMED_MAX:
            del self._sent_at[next(iter(self._sent_at))]
        return self.latest

    def take_sent_at(self, number: int) -> float | None:
        """Return and forget the monotonic time at which the burst `number` was sent. This burst need not be in flight any more.

        Returns None if the time was taken before, or if `BURSTS_TIMED_MAX` later bursts were sent since. So each burst gives
        only one sample of the round-trip time.
        """
        return self._sent_at.pop(number, None)

    def remove_up_to(self, position: Cursor, order: Callable[[Cursor], tuple[int, int, int]]) -> None:
        """Remove the bursts all of whose pages were delivered. `position` is the cursor up to which pages were delivered.

        A burst whose `burst_end` is not known yet stays. `order` gives the sort key of a cursor, see `EarlyPages.order`.
        """
        here = order(position)
        for number, burst in list(self._bursts.items()):
            if burst.burst_end and order(burst.burst_end) <= here:
                del self._bursts[number]

    def clear(self) -> None:
        """Forget all bursts in flight. `latest` and the sending times stay."""
        self._bursts.clear()
