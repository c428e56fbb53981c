"""Checks that a server sends no address more bytes than came from there, and that a client sends little to a silent server."""

from collections import Counter
from functools import lru_cache
from random import Random

from tests.simulation.history import Violation
from tests.simulation.seals import Seals
from udpnote.errors import BadDatagram
from udpnote.model.address import Address, Datagram
from udpnote.protocol.codec.codec import Message, decode
from udpnote.protocol.codec.fields import PAGE, READ
from udpnote.protocol.congestion import RTO_MAX_SECONDS
from udpnote.protocol.reading_messages import Page, PageState, Read

UNHEARD_SECONDS = 20.0
"""Longer than any timeout that the simulated round trips lead to: by then a client knows that its server is silent."""

UNHEARD_SECONDS_MAX = RTO_MAX_SECONDS + 1.0  # the same where replays make round trips of minutes
NOTICED_SECONDS = 3.0  # a client whose timers were all due in a pause of this length knows that its server is silent
SILENT_PAUSE_SECONDS = 3.0  # the least time between two datagrams to a silent server, as docs/protocol.md has it
CLOCK_ERROR_SECONDS = 1e-6  # the rounding error of sums and differences of seconds

FOUND_IN_VAIN_MAX = 4
"""How often in quick succession a client may find a silent server that then answers no request, because of bad luck."""


Account = tuple[Address, bytes | None]
"""An address and, for a sealed notebook, the id of a key. What it may receive depends on what it has sent."""


def message_type(data: bytes) -> int:
    """Return the type that `data` has if it is a message; 0 if it cannot be one."""
    return data[3] if len(data) > 3 and data[:2] == b"UN" else 0


class Balance:
    """Checks that a server sends to each address no more bytes than came from there since its last answer.

    The bytes of READs may be used later, but only for PAGEs of the same stream. If the notebook is sealed, only datagrams
    that a client has sealed count, and only for answers with the same key. So strangers get no answer at all.
    """

    def __init__(self, seals: Seals | None = None) -> None:
        self._seals = seals or Seals(Random(0), is_sealed=False)
        self._received: Counter[Account] = Counter()
        self._streams: Counter[tuple[Account, bytes]] = Counter()

    def received(self, batch: list[Datagram]) -> None:
        """Note `batch`, the datagrams that the server handles together."""
        for data, source in batch:
            if not self._seals.may_be_answered(data):
                continue
            message = message_of_reading(self._seals.opened(data))
            if isinstance(message, Read):
                self._streams[self._account(data, source), message.stream_id] += len(data)
            else:
                self._received[self._account(data, source)] += len(data)

    def answered(self, answers: list[Datagram]) -> None:
        """Check `answers`, which the server gives to the datagrams since the last call. The bytes of READs stay usable."""
        for data, destination in answers:
            self._seals.check_answer(data)
            page = message_of_reading(self._seals.opened(data))
            if isinstance(page, Page):
                assert page.state is PageState.KEY_CHANGED, "no other page is sent at once"
                self.served([(data, destination)])
                continue
            account = self._account(data, destination)
            self._received[account] -= len(data)
            if self._received[account] < 0:
                raise Violation(f"the server amplifies: {-self._received[account]} bytes more than {destination} sent")
        self._received.clear()

    def served(self, pages: list[Datagram]) -> None:
        """Check `pages`, which the server sends."""
        for data, destination in pages:
            self._seals.check_answer(data)
            page, account = message_of_reading(self._seals.opened(data)), self._account(data, destination)
            if not isinstance(page, Page) or self._streams[account, page.stream_id] < len(data):
                raise Violation(f"the server amplifies: {destination} did not pay for {page}")
            self._streams[account, page.stream_id] -= len(data)

    def _account(self, data: bytes, address: Address) -> Account:
        return address, self._seals.key_id_of(data)


@lru_cache(maxsize=512)
def message_of_reading(data: bytes) -> "Message | None":
    """Return the message in the open datagram `data` if it is a READ or a PAGE; else None."""
    try:
        return decode(data) if message_type(data) in (READ, PAGE) else None
    except BadDatagram:
        return None


class Pace:
    """Checks how fast one client sends: while its server is silent, only one request every few seconds."""

    def __init__(self, now: float, *, unheard_seconds: float = UNHEARD_SECONDS) -> None:
        self._heard_at = now
        self._unheard_seconds = unheard_seconds
        self._sent_at = float("-inf")
        self._silent_since = float("inf")
        self._found_at = self._offered_at = self._silence_ended_at = self._anew_at = self._refused_at = float("-inf")
        self._found_in_vain = 0

    def begin(self, now: float) -> None:
        """Note that the client begins a job: it has sent nothing for it, so nothing is late."""
        self._heard_at = now

    def begin_anew(self, now: float) -> None:
        """Note that the client goes on with a new key: what it knew of the server no longer counts."""
        self._heard_at = self._anew_at = now
        self._silent_since = float("inf")

    def wake(self, *, paused_seconds: float, lost_seconds: float) -> None:
        """Note that the client goes on after a pause of `paused_seconds`. Its clock has stood still for `lost_seconds` of it.

        If its clock has gone on, its timers tell it that its server is silent, unless an answer has arrived meanwhile.
        """
        self._heard_at += lost_seconds
        if self.awaits_answer and paused_seconds - lost_seconds > NOTICED_SECONDS * self._unheard_seconds / UNHEARD_SECONDS:
            self._heard_at = float("-inf")

    def begin_silence(self, now: float) -> None:
        """Note that the client has reported its server as silent."""
        if now > self._anew_at:  # a silence at this moment is reported by the session with the old key, which ends
            self._silent_since = now

    def offered(self, now: float) -> None:
        """Note that a server has answered a probe. If it is the client's server, the client sends at once, before `found`."""
        self._offered_at = now
        self._heard_at = now

    def refused(self, now: float) -> None:
        """Note that a server has refused a request. From now on the client takes it for silent, even before `begin_silence`."""
        self.answered(now)
        self._refused_at = now

    def answered(self, now: float) -> None:
        """Note that a server has answered a request."""
        if self.is_silent or self._refused_at == now:
            self._silence_ended_at = now
        self._heard_at = now
        self._found_in_vain = 0
        self._silent_since = float("inf")

    def found(self, now: float) -> None:
        """Note that the client has found the silent server. Raises `Violation` if that happens too often without an answer."""
        self._heard_at = now
        self._silent_since = float("inf")
        self._found_in_vain += 1
        if self._found_in_vain > FOUND_IN_VAIN_MAX and now - self._found_at + CLOCK_ERROR_SECONDS < SILENT_PAUSE_SECONDS:
            raise Violation(f"found {self._found_in_vain} times without an answer, each time with a burst of requests")
        self._found_at = now

    def has_resumed_since(self, time: float) -> bool:
        """Whether the silent server was found, or has answered, at `time` or later."""
        return max(self._offered_at, self._silence_ended_at) >= time

    @property
    def is_silent(self) -> bool:
        """Whether the client has reported its server as silent, and nothing has ended that."""
        return self._silent_since != float("inf")

    @property
    def awaits_answer(self) -> bool:
        """Whether nothing has answered the client since it last sent something."""
        return self._sent_at >= self._heard_at

    def sent(self, datagrams: int, now: float) -> None:
        """Note that the client sends `datagrams` requests together. Raises `Violation` if the client's
        server is silent, and these requests are several or come too soon.
        """
        is_limited = (self._silent_since < now and self._offered_at < now) or now - self._heard_at > self._unheard_seconds
        if datagrams and is_limited:
            pause = now - self._sent_at + CLOCK_ERROR_SECONDS
            if datagrams > 1 or pause < SILENT_PAUSE_SECONDS:
                raise Violation(f"{datagrams} requests to a silent server, {pause:.3f} s after the one before")
        if datagrams:
            self._sent_at = now
