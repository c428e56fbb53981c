"""The READs that wait at the server for a result: how many may wait, and when the page that ends a wait is repeated.

`paging` explains what a waiting READ and its lease are. READs with the same stream id belong to one stream: they are sent by
one reading. Times are seconds of one monotonic clock.
"""

from collections import Counter
from collections.abc import Collection

from udpnote.model.address import Datagram
from udpnote.model.query import Cursor
from udpnote.protocol.envelope import Envelope, Requester
from udpnote.protocol.reading_messages import Read

WAITING_READS_MAX = 1024
"""The most READs that wait for a result: ten times the number of readers that follow a busy notebook."""

WAITING_PER_HOST_MAX = 256
"""The most waiting READs from one host, so that one host cannot fill the table and keep out the others."""

WAIT_END_SENDINGS_MAX = 3
"""How often the server may send the page that ends a wait. Because all PAGEs for one READ together are no longer than the READ,
this page has at most a third of that length. The reader asks for the remaining results with its next READ."""

REPEAT_SECONDS = 0.02
"""How long the server waits before it repeats the page that ends a wait. This time doubles with each repetition. The reader's
next READ of the same stream ends the repetitions."""


class WaitingRead:
    """A `read` of `requester` that waits until there is a result, or until the monotonic time `expires_at`.

    The server may still send `credit_bytes` bytes in answer to the READ. There are no results before the cursor `looked_up_to`,
    so the next lookup begins there. `answer` is the datagram that ends the wait, or None if there is no result yet. The server
    repeats `answer` at the monotonic time `repeat_at` (infinity: never). If `credit_bytes` then still suffice, the next
    repetition follows `pause` seconds later. `pause` doubles with each sending.
    """

    __slots__ = ("answer", "credit_bytes", "expires_at", "looked_up_to", "pause", "read", "repeat_at", "requester")

    def __init__(self, read: Read, requester: Requester, looked_up_to: Cursor, *, credit_bytes: int, expires_at: float) -> None:
        self.read = read
        self.requester = requester
        self.looked_up_to = looked_up_to
        self.credit_bytes = credit_bytes
        self.expires_at = expires_at
        self.answer: bytes | None = None
        self.pause = REPEAT_SECONDS
        self.repeat_at = float("inf")


_Key = tuple[Requester, bytes]
"""The requester and the stream id of a READ."""


class WaitingReads:
    """The waiting READs: at most one of each stream of a requester."""

    def __init__(self) -> None:
        self._reads: dict[_Key, WaitingRead] = {}
        self._due: dict[_Key, None] = {}
        self._of_host: Counter[str] = Counter()
        self._timeout_at = float("inf")

    def __len__(self) -> int:
        return len(self._reads)

    @property
    def are_due(self) -> bool:
        """Whether `take_due` would return a READ."""
        return bool(self._due)

    def have_room_for(self, read: Read, requester: Requester) -> bool:
        """Whether `read` may wait: no later READ of its stream waits, and there is room for it.

        There is room if fewer than `WAITING_READS_MAX` READs wait, and fewer than `WAITING_PER_HOST_MAX` of its host.
        """
        has_room = len(self._reads) < WAITING_READS_MAX and self._of_host[requester.address[0]] < WAITING_PER_HOST_MAX
        return has_room and not self.have_later(read, requester)

    def have_later(self, read: Read, requester: Requester) -> bool:
        """Whether a later READ of the same stream waits already. This happens if the network has delayed `read`."""
        waiting = self._reads.get((requester, read.stream_id))
        return waiting is not None and waiting.read.burst > read.burst

    def add(self, waiting: WaitingRead, *, is_due: bool) -> None:
        """Let a READ wait, in place of an earlier READ of its stream. If `is_due` is true, `take_due` returns it next time."""
        key = (waiting.requester, waiting.read.stream_id)
        self._forget(key)
        self._reads[key] = waiting
        self._of_host[waiting.requester.address[0]] += 1
        self._timeout_at = min(self._timeout_at, waiting.expires_at)
        if is_due:
            self._due[key] = None

    def notice_stored(self, last: int) -> None:
        """Record that the notebook's highest number is now `last`. `take_due` then returns READs that may have a result now."""
        for key, waiting in self._reads.items():
            if waiting.answer is None and waiting.looked_up_to.number <= last:
                self._due[key] = None

    def take_due(self) -> WaitingRead | None:
        """Return a READ for which the caller shall look for a result now; None if there is none. The READ goes on waiting."""
        if not self._due:
            return None
        key = next(iter(self._due))
        del self._due[key]
        return self._reads[key]

    def send_answer(self, waiting: WaitingRead, now: float) -> list[Datagram]:
        """Return the datagram with the page that ends the wait, and set the time to repeat it.

        If the page is longer than the rest that the server may send in answer to this READ (`waiting.credit_bytes`), return no
        datagram, and never repeat the page.
        """
        assert waiting.answer is not None, "a page that was not built would be sent"
        if waiting.credit_bytes < len(waiting.answer):
            waiting.repeat_at = float("inf")
            return []
        waiting.credit_bytes -= len(waiting.answer)
        waiting.repeat_at = now + waiting.pause
        self._timeout_at = min(self._timeout_at, waiting.repeat_at)
        waiting.pause *= 2
        return [(waiting.answer, waiting.requester.address)]

    def handle_timeout(self, now: float) -> list[Datagram]:
        """Forget the READs whose lease has ended by `now`. Return the pages that end a wait and are due again."""
        datagrams: list[Datagram] = []
        if now < self._timeout_at:
            return datagrams
        for key, waiting in list(self._reads.items()):
            if waiting.expires_at <= now:
                self._forget(key)
            elif waiting.repeat_at <= now:
                datagrams += self.send_answer(waiting, now)
        timeouts = (min(waiting.repeat_at, waiting.expires_at) for waiting in self._reads.values())
        self._timeout_at = min(timeouts, default=float("inf"))
        return datagrams

    def next_timeout(self) -> float | None:
        """The monotonic time at which the caller must call `handle_timeout` next; None if no READ waits."""
        return self._timeout_at if self._reads else None

    def forget(self, read: Read, requester: Requester) -> None:
        """Forget the READ of the same stream as `read`, if one waits."""
        self._forget((requester, read.stream_id))

    def forget_other_envelopes(self, envelopes: Collection[Envelope]) -> None:
        """Forget the READs that came in other envelopes than `envelopes`."""
        for key, waiting in list(self._reads.items()):
            if waiting.requester.envelope not in envelopes:
                self._forget(key)

    def _forget(self, key: _Key) -> None:
        if self._reads.pop(key, None) is not None:
            self._due.pop(key, None)
            host = key[0].address[0]
            self._of_host[host] -= 1
            if not self._of_host[host]:
                del self._of_host[host]
