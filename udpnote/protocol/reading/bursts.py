"""The bursts of one reading: makes their READs, and knows which bursts are in flight and when the reader sent each of them.

A burst is a group of identical READs. The server answers each READ with one page, which begins where the page before it ends.
"""

from collections.abc import Callable, Iterator

from udpnote.model.entry import SeenEntry
from udpnote.model.query import Cursor, Query
from udpnote.model.randomness import Randomness
from udpnote.protocol.codec.codec import encode
from udpnote.protocol.envelope import Envelope
from udpnote.protocol.reading_messages import STREAM_ID_BYTES, Read

LEASE_SECONDS = 15.0
"""How long the server keeps a READ that waits for a result. The reader sends it again every `REFRESH_SECONDS` (see `reading`),
so a few READs may be lost."""

LIMIT_MAX = 2**32 - 1
"""The largest limit that fits into a READ. If the reading's limit is larger, later READs ask for the rest."""

SPARE_SHARE = 5
"""One in so many READs of a burst is spare, so that the loss of a few READs holds nothing up. If the READs arrive together, the
server answers all of them. If they arrive one by one, as on a slow network, the spare ones get no page."""

BURSTS_TIMED_MAX = 64
"""A reading remembers when it sent its latest bursts, at most this many. So even a late answer gives a sample of the round-trip
time."""


class Burst:
    """A burst in flight, sent at `now`. It asks for several pages, the first of which starts at `cursor`.

    `burst_end` is the cursor at which the burst's last page ends, or None until a page of the burst has said it. `timed_from`
    is the monotonic time at which the burst's timer started: when the burst was sent or, later, when its latest page arrived.
    `waits_at_server` says whether the server keeps the burst's READ until there is a result.
    """

    __slots__ = ("burst_end", "cursor", "timed_from", "waits_at_server")

    def __init__(self, cursor: Cursor, now: float) -> None:
        self.cursor = cursor
        self.timed_from = now
        self.burst_end: Cursor | None = None
        self.waits_at_server = False


class Bursts:
    """The bursts in flight of one reading, which sends `query` to the notebook `notebook_id` in the `envelope`.

    `random` makes the stream ids. `latest` is the number of the burst that was sent last; 0 if none was sent yet.
    """

    def __init__(self, notebook_id: bytes, query: Query, envelope: Envelope, random: Randomness) -> None:
        self._notebook_id = notebook_id
        self._query = query
        self._envelope = envelope
        self._random = random
        self._bursts: dict[int, Burst] = {}
        self._sent_at: dict[int, float] = {}
        self._datagrams: list[bytes] = []
        self.latest = 0
        self.may_latest_wait = False
        """Whether the burst `latest` asks the server to wait until there is a result."""
        self.stream_id = random.randbytes(STREAM_ID_BYTES)
        """The stream id of the READs. Pages with another stream id do not belong to the reading."""

    def __len__(self) -> int:
        return len(self._bursts)

    def __iter__(self) -> Iterator[Burst]:
        return iter(self._bursts.values())

    def get(self, number: int) -> Burst | None:
        """The burst with this number if it is in flight, else None."""
        return self._bursts.get(number)

    def begin(self, cursor: Cursor, now: float, *, pages: int, limit: int, may_wait: bool, seen: SeenEntry) -> None:
        """Send a burst at the monotonic time `now`: `datagrams_to_send` returns `pages` READs for pages from `cursor` on.

        With `may_wait`, there is one READ only, which the server may keep for `LEASE_SECONDS` until there is a result. The
        server sends at most `limit` entries (0: no limit). `seen` has the same meaning as in a `Read`.
        """
        pages = 1 if may_wait else pages
        self.latest += 1
        self.may_latest_wait = may_wait
        self._bursts[self.latest] = Burst(cursor, now)
        self._sent_at[self.latest] = now
        if len(self._sent_at) > BURSTS_TIMED_MAX:
            del self._sent_at[next(iter(self._sent_at))]
        wait_milliseconds = int(LEASE_SECONDS * 1000) if may_wait else 0
        limit = min(limit, LIMIT_MAX)
        made = pages - pages // SPARE_SHARE
        read = Read(self._notebook_id, self.stream_id, self.latest, cursor, limit, wait_milliseconds, self._query, seen, made)
        self._datagrams += [encode(read, self._envelope)] * pages

    def datagrams_to_send(self) -> list[bytes]:
        """Return and remove the READs that are due."""
        datagrams, self._datagrams = self._datagrams, []
        return datagrams

    def begin_stream(self) -> None:
        """Forget all bursts in flight, and give later READs a new stream id, so that late pages are ignored."""
        self.clear()
        self.stream_id = self._random.randbytes(STREAM_ID_BYTES)

    def take_sent_at(self, number: int) -> float | None:
        """Return and forget the monotonic time at which the burst `number` was sent. The burst need not be in flight.

        Returns None if the time was taken before, so each burst gives only one sample of the round-trip time. Also returns None
        if `BURSTS_TIMED_MAX` bursts were sent after this one.
        """
        return self._sent_at.pop(number, None)

    def remove_up_to(self, position: Cursor, order: Callable[[Cursor], tuple[int, int, int]]) -> None:
        """Remove each burst whose last page ends at the cursor `position` or before: all pages up to there were delivered.

        A burst stays if no page has said yet where its last page ends. `order` gives the sort key of a cursor, as
        `EarlyPages.order` does.
        """
        here = order(position)
        for number, burst in list(self._bursts.items()):
            if burst.burst_end and order(burst.burst_end) <= here:
                del self._bursts[number]

    def clear(self) -> None:
        """Forget all bursts in flight. `latest` and the sending times stay."""
        self._bursts.clear()
