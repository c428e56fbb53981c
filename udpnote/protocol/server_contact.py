"""What a client knows about its server while it sends or reads: the timeout, the window, silence and refusals.

Delivery and reading both send datagrams to one server and wait for answers, so both keep a `ServerContact`. It decides four
things: how long to wait for an answer (the retransmission timer), how many datagrams may be in flight (the congestion
window), when the server counts as silent, and when the next datagram may leave while it is silent.

A server is silent when a timeout expires and nothing has been answered for `SILENCE_SECONDS`, or when it refuses a request.
The client then looks for the server by discovery. Until an answer arrives or discovery finds the server, at most one
datagram leaves per `SILENT_INTERVAL_SECONDS`, and less often as the timeout backs off.
"""

from random import Random
from typing import NamedTuple

from udpnote.protocol.congestion import CongestionWindow, RetransmissionTimer

SILENCE_SECONDS = 0.9
"""On a LAN an answer takes a millisecond. After this long without one the server may have moved. It is a little less than the
first timeout (1 s), so that a single lost first window starts discovery."""

SILENT_INTERVAL_SECONDS = 3.0
"""RFC 8085 §3.1.3: without an estimate of the round-trip time, no more than one datagram per 3 seconds."""


class ServerSilent(NamedTuple):
    """No answer for a while: look for the server by discovery."""


class WrongServer(NamedTuple):
    """The server of another notebook answers at this address: look for the right one by discovery."""


class KeyChanged(NamedTuple):
    """The notebook's key is no longer ours: it accepts nothing from us until we join again."""


class ServerContact:
    """The state of one client's conversation with one server.

    `random` spreads the backoff. `key_id` is that of the client's envelope: only a sealed server can report a changed key.
    `round_trip_seconds`, where known, is the first sample of the path. Times are seconds of one monotonic clock.
    """

    def __init__(
        self,
        *,
        random: Random,
        key_id: bytes | None,
        window_max: int,
        round_trip_seconds: float | None = None,
        now: float = float("-inf"),
    ) -> None:
        self._random = random
        self._key_id = key_id
        self._backed_off_at = float("-inf")
        self.timer = RetransmissionTimer(random)
        if round_trip_seconds is not None:
            self.timer.sample(round_trip_seconds)
        self.window = CongestionWindow(window_max)
        self.answered_at = now
        """When the latest answer arrived, or `now` of the constructor before the first."""
        self.quiet_since = now
        """Since when the server owes an answer and has not given one."""
        self.silent_until: float | None = None
        """While the server is silent: when the next datagram may leave. None: it is not silent."""

    @property
    def is_silent(self) -> bool:
        """Whether the server counts as silent."""
        return self.silent_until is not None

    def expect_answers_from(self, now: float) -> None:
        """Count silence from `now` on: nothing was asked before, so no answer was due."""
        self.quiet_since = now

    def receive_answer(self, now: float, *, sent_at: float | None, answered: int, in_flight: int) -> bool:
        """Learn from an answer that settles `answered` of the `in_flight` datagrams; returns whether it ends a silence.

        `sent_at` is when the datagram left that this answers, or None if that is no longer known.
        """
        if sent_at is not None:
            self.timer.sample(now - sent_at)
        self.timer.end_backoff()
        self.window.grow(answered, in_flight=in_flight)
        self.answered_at = self.quiet_since = now
        ends_silence = self.is_silent
        if ends_silence:
            self._leave_silence(now)
        return ends_silence

    def lose(self, *, sent_at: float, now: float) -> ServerSilent | None:
        """Slow down: datagrams, the last of them sent at `sent_at`, were not answered in time; returns whether silence begins.

        Datagrams that were lost together double the timeout once.
        """
        if sent_at > self.quiet_since:
            self.window.collapse(now=now)
        else:
            self.window.halve(sent_at=sent_at, now=now)
        if sent_at >= self._backed_off_at:
            self.timer.back_off()
            self._backed_off_at = now
        if now - self.quiet_since < SILENCE_SECONDS:
            return None
        self.silent_until = now
        return ServerSilent()

    def refuse(self, *, is_key_changed: bool, now: float) -> WrongServer | KeyChanged | None:
        """The server refused a request, as `is_key_changed` says because of its key; returns what is new about that."""
        next_datagram_at = now + SILENT_INTERVAL_SECONDS
        if is_key_changed and self._key_id is not None:
            self.silent_until = max(self.silent_until or 0.0, next_datagram_at)
            return KeyChanged()
        if self.is_silent:
            return None
        self.silent_until = next_datagram_at
        return WrongServer()

    def is_probe_due(self, now: float) -> bool:
        """Whether the server is silent and one datagram may be sent to it now."""
        return self.silent_until is not None and now >= self.silent_until

    def note_probe(self, now: float) -> None:
        """One datagram leaves for the silent server now: the next one waits longer."""
        self.timer.back_off()
        self.silent_until = now + max(SILENT_INTERVAL_SECONDS, self.timer.timeout_seconds)

    def find_server(self, now: float, *, round_trip_seconds: float) -> None:
        """Start again on a new path: discovery found the server by a round trip of so many seconds."""
        self.timer = RetransmissionTimer(self._random)
        self.timer.sample(round_trip_seconds)
        self._leave_silence(now)

    def _leave_silence(self, now: float) -> None:
        self.silent_until = None
        self.quiet_since = now
        self.window.restart()
