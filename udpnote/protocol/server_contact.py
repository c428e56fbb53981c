"""What a client knows of its server while it sends or reads: the timeout, the congestion window, silence and refusals.

Delivery and reading both send datagrams to one server and wait for answers, so both keep a `ServerContact`. It decides four
things:

- how long to wait for an answer (the retransmission timer);
- how many datagrams may be in flight (the congestion window);
- when the server counts as silent;
- when the next datagram may leave while the server is silent.

A server counts as silent if a datagram's timer expires after `SILENCE_SECONDS` without any answer, or if the server refuses a
request. The client then looks for the server by discovery. Until an answer arrives or discovery finds the server, the client
sends only probes: at most one datagram per `SILENT_INTERVAL_SECONDS` or per timeout, whichever is longer. Each probe doubles
the timeout. A follower does not wait longer than `FOLLOWER_INTERVAL_SECONDS_MAX`.
"""

from typing import NamedTuple

from udpnote.model.randomness import Randomness
from udpnote.protocol.congestion import RTO_MAX_SECONDS, CongestionWindow, RetransmissionTimer

SILENCE_SECONDS = 0.9
"""How long a server may leave requests unanswered before it counts as silent. On a LAN an answer takes a millisecond, so a
server that has not answered by then may have moved. This time is shorter than the first timeout (1 s), so that discovery starts
as soon as the first window of datagrams is lost."""

SILENT_INTERVAL_SECONDS = 3.0
"""The shortest time between two datagrams to a silent server: RFC 8085 §3.1.3 allows one datagram per 3 seconds without an
estimate of the round-trip time."""

FOLLOWER_INTERVAL_SECONDS_MAX = 10.0
"""The longest time between two datagrams of a follower to a silent server. Somebody looks at a screen and expects new entries
there, soon after the server is back. While the server answers, a follower sends a datagram every 3 seconds."""


class ServerSilent(NamedTuple):
    """Event: the server has not answered any request for `SILENCE_SECONDS`.

    The caller shall look for the server by discovery.
    """


class WrongServer(NamedTuple):
    """Event: the server at this address says that it has another notebook.

    The caller shall look for the right server by discovery.
    """


class NotebookUnreadable(NamedTuple):
    """Event: the server says that it cannot read the notebook now, because its disk fails."""


class KeyChanged(NamedTuple):
    """Event: the notebook has a new key.

    Its server accepts no request from this client until the user joins the notebook again.
    """


class ServerContact:
    """The state of the exchange of datagrams between one client and one server, which begins at `now`.

    `random` adds jitter to the backoff. `key_id` is the key id of the client's envelope, or None for the open envelope. In the
    open envelope, a refusal for a changed key counts as a refusal for a wrong notebook. `window_max` limits the congestion
    window, in datagrams. `round_trip_seconds` is the timer's first sample, from discovery or from an earlier exchange (RFC 9002
    §6.2.2), or None if unknown. `probe_interval_max_seconds` is the longest time between two probes. Times are seconds of one
    monotonic clock.
    """

    def __init__(
        self,
        *,
        random: Randomness,
        key_id: bytes | None,
        window_max: int,
        round_trip_seconds: float | None,
        probe_interval_max_seconds: float = RTO_MAX_SECONDS,
        now: float = float("-inf"),
    ) -> None:
        self._random = random
        self._probe_interval_max_seconds = probe_interval_max_seconds
        self._key_id = key_id
        self._backed_off_at = float("-inf")
        self.timer = RetransmissionTimer(random)
        if round_trip_seconds is not None:
            self.timer.sample(round_trip_seconds)
        self.window = CongestionWindow(window_max)
        self.answered_at = now
        """When the latest answer arrived. Before the first answer, it is when the exchange began."""
        self.quiet_since = now
        """When the time without an answer began: at the latest answer or discovery, or at the first request after a pause."""
        self.next_probe_at: float | None = None
        """When the next probe may leave for the silent server; None if the server is not silent."""
        self._probe_again_at = now
        """When the next probe may leave if the client has a new request, however long the timeout is."""

    @property
    def is_silent(self) -> bool:
        """Whether the server counts as silent: it has not answered for a while, or has refused a request."""
        return self.next_probe_at is not None

    def expires_at(self, timed_from: float) -> float:
        """The monotonic time at which a datagram counts as lost if its timer started at `timed_from`.

        Usually that is when the timeout has passed. After a long backoff it is earlier: `SILENCE_SECONDS` after `quiet_since`,
        which is when the time without any answer began. Thus discovery can begin soon. But a datagram never counts as lost
        before the timeout without backoff (`first_timeout_seconds`) has passed.
        """
        timer = self.timer
        return max(
            timed_from + timer.first_timeout_seconds,
            min(timed_from + timer.timeout_seconds, self.quiet_since + SILENCE_SECONDS),
        )

    def expect_answers_from(self, now: float) -> None:
        """Set `quiet_since` to `now`. The caller calls this before a request, if no other request is waiting for an answer.

        If the server is silent, this also hastens the next probe (see `hasten_probe`).
        """
        self.quiet_since = now
        self.hasten_probe()

    def hasten_probe(self) -> None:
        """Let the next probe leave `SILENT_INTERVAL_SECONDS` after the latest one, even if the timeout is longer.

        Does nothing if the server is not silent.
        """
        if self.next_probe_at is not None:
            self.next_probe_at = self._probe_again_at

    def receive_answer(self, now: float, *, sent_at: float | None, answered: int, in_flight: int) -> bool:
        """Record that an answer to `answered` of the `in_flight` datagrams has arrived. Returns whether it ends a silence.

        The answer ends the backoff and enlarges the window. `sent_at` is when the client sent the answered datagram, so the
        timer gets a sample. It is None if that time is unknown; then there is no sample.
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

    def record_loss(self, *, sent_at: float, now: float) -> ServerSilent | None:
        """Record that datagrams were not answered in time. Returns `ServerSilent` if the server now is silent, else None.

        `sent_at` is when the timer of the last of these datagrams started: usually when it was sent. If no answer has arrived
        since then, the window collapses. If an answer to another datagram has arrived since, the window is halved. The timeout
        doubles. If several datagrams that were in flight together are lost, the window is halved and the timeout is doubled
        only once.
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
        self.next_probe_at = self._probe_again_at = now
        return ServerSilent()

    def record_refusal(self, *, is_key_changed: bool, now: float) -> WrongServer | KeyChanged | None:
        """Record that the server has refused a request, because its key has changed or because it has another notebook.

        `is_key_changed` says which of the two it is. The server then counts as silent. Returns the event for the caller to
        report. If the server is silent already, the result of a refusal for a wrong notebook is None, because discovery is
        looking for the right server.
        """
        self._probe_again_at = next_probe_at = now + SILENT_INTERVAL_SECONDS
        if is_key_changed and self._key_id is not None:
            self.next_probe_at = max(self.next_probe_at or 0.0, next_probe_at)
            return KeyChanged()
        if self.is_silent:
            return None
        self.next_probe_at = next_probe_at
        return WrongServer()

    def is_probe_due(self, now: float) -> bool:
        """Whether the server is silent, and the client may send it a single datagram (a probe) at `now`."""
        return self.next_probe_at is not None and now >= self.next_probe_at

    def record_probe(self, now: float) -> None:
        """Record that the client sends a probe to the silent server at `now`.

        Double the timeout, and set the time of the next probe.
        """
        self.timer.back_off()
        interval_seconds = min(self.timer.timeout_seconds, self._probe_interval_max_seconds)
        self.next_probe_at = now + max(SILENT_INTERVAL_SECONDS, interval_seconds)
        self._probe_again_at = now + SILENT_INTERVAL_SECONDS

    def server_found(self, now: float, *, round_trip_seconds: float) -> None:
        """Record that discovery has found the server: the silence ends, and the timer and the window start anew.

        `round_trip_seconds`, which discovery has measured, is the first sample of the new timer.
        """
        self.timer = RetransmissionTimer(self._random)
        self.timer.sample(round_trip_seconds)
        self._leave_silence(now)

    def _leave_silence(self, now: float) -> None:
        self.next_probe_at = None
        self.quiet_since = now
        self.window.restart()
