"""The retransmission timer and the congestion window: when to send again, and how many datagrams may be in flight.

The timer follows RFC 6298. From samples of the round-trip time it estimates a mean (SRTT) and a variation (RTTVAR). The
retransmission timeout is RTO = SRTT + max(4·RTTVAR, G), where G is the clock's granularity. The timeout doubles each time that
it expires. The timer departs from the RFC in one place: the minimum is 20 ms instead of 1 s. RFC 8961 §4 allows a shorter
minimum if every sample is unambiguous. Here every sample is unambiguous, even that of a retransmission, because an
acknowledgement names the attempt that it answers.

The window follows RFC 9002 §7, counted in datagrams: slow start, additive increase, and halving on loss, at most once per round
trip.
"""

from udpnote.model.randomness import Randomness

RTO_INITIAL_SECONDS = 1.0
"""The timeout before the first sample (RFC 6298 §2.1)."""

RTO_MIN_SECONDS = 0.020
"""The smallest timeout. A busy host delays a process for less time than this, and an fsync of a disk takes less time. So
neither of these causes a retransmission. A round trip on a LAN usually takes less than a millisecond."""

RTO_MAX_SECONDS = 60.0
"""The largest timeout. RFC 6298 §2.5 allows a maximum of 60 seconds or more."""

ROUND_TRIP_MAX_SECONDS = 3.0
"""A longer sample of the round-trip time counts as this long. It says nothing about the network: the machine was asleep, or
somebody has replayed an old datagram."""

CLOCK_GRANULARITY_SECONDS = 0.001
"""The G of RFC 6298: how precisely an operating system wakes a sleeping process."""

JITTER = 0.25
"""Each backoff is longer by a random share, at most a quarter. So clients that lose datagrams at the same time do not send them
again at the same time."""

WINDOW_INITIAL = 10
"""How many datagrams may be in flight at first (RFC 9002 §7.2)."""

WINDOW_MIN = 2
"""Losses never make the window smaller than this number of datagrams (RFC 9002 §7.2)."""

WINDOW_MAX = 1024
"""The largest window: the number of datagrams that the server handles in one batch. More would only wait in its receive
buffer."""


class RetransmissionTimer:
    """Computes the retransmission timeout, in seconds, of one client's exchange with one server (RFC 6298 §2, §5).

    Samples of the round-trip time determine the timeout; each `back_off` doubles it, and adds jitter from `random`.
    """

    def __init__(self, random: Randomness) -> None:
        self._random = random
        self._smoothed: float | None = None
        self._variation = 0.0
        self._factor = 1.0

    @property
    def smoothed_seconds(self) -> float | None:
        """The smoothed round-trip time SRTT in seconds; None before the first sample."""
        return self._smoothed

    @property
    def first_timeout_seconds(self) -> float:
        """The timeout from the samples alone, without the backoff, in seconds: at least `RTO_MIN_SECONDS`.

        Before the first sample it is `RTO_INITIAL_SECONDS`.
        """
        if self._smoothed is None:
            return RTO_INITIAL_SECONDS
        return max(RTO_MIN_SECONDS, self._smoothed + max(4 * self._variation, CLOCK_GRANULARITY_SECONDS))

    @property
    def timeout_seconds(self) -> float:
        """How long to wait for an answer before a datagram counts as lost, in seconds, including the backoff."""
        return min(RTO_MAX_SECONDS, self.first_timeout_seconds * self._factor)

    def sample(self, round_trip_seconds: float) -> None:
        """Update the estimates with the measured time of one round trip (RFC 6298 §2.2, §2.3).

        The caller must be sure which datagram was answered. A time above `ROUND_TRIP_MAX_SECONDS` counts as
        `ROUND_TRIP_MAX_SECONDS`.
        """
        round_trip_seconds = min(round_trip_seconds, ROUND_TRIP_MAX_SECONDS)
        if self._smoothed is None:
            self._smoothed, self._variation = round_trip_seconds, round_trip_seconds / 2
            return
        self._variation += (abs(self._smoothed - round_trip_seconds) - self._variation) / 4
        self._smoothed += (round_trip_seconds - self._smoothed) / 8

    def back_off(self) -> None:
        """Double the timeout because it has expired (RFC 6298 §5.5), and add jitter. The limit is `RTO_MAX_SECONDS`."""
        if self.timeout_seconds < RTO_MAX_SECONDS:
            self._factor *= 2 * (1 + JITTER * self._random.random())

    def end_backoff(self) -> None:
        """Set the timeout back to `first_timeout_seconds`, because the server has answered."""
        self._factor = 1.0


class CongestionWindow:
    """Computes how many datagrams may be in flight to one server (RFC 9002 §7).

    The number is `WINDOW_INITIAL` at first. It grows with answers, shrinks after losses, and never exceeds `maximum`.
    """

    def __init__(self, maximum: int) -> None:
        self._maximum = maximum
        self._size = float(min(WINDOW_INITIAL, maximum))
        self._threshold = float(maximum)
        self._reduced_at = float("-inf")

    @property
    def datagrams(self) -> int:
        """The size of the window: how many datagrams may be in flight at the same time; at least 1."""
        return int(self._size)

    def grow(self, answered: int, *, in_flight: int) -> None:
        """Enlarge the window, because an answer acknowledges `answered` of the `in_flight` datagrams.

        Below a threshold, the window grows by `answered` datagrams (slow start). From the threshold on, it grows by `answered`
        divided by the window, so by about one datagram per round trip. At first the threshold is `maximum`; `halve` and
        `collapse` lower it. The window does not grow if `in_flight` is less than half of it (RFC 9002 §7.3, §7.8).
        """
        if in_flight < self._size / 2:
            return
        growth = answered if self._size < self._threshold else answered / self._size
        self._size = min(float(self._maximum), self._size + growth)

    def halve(self, *, sent_at: float, now: float) -> None:
        """Halve the window at the monotonic time `now`, because a datagram that was sent at `sent_at` was lost.

        The window does not become smaller than `WINDOW_MIN`. `halve` and `collapse` both cut the window. If the lost datagram
        was sent before the latest cut, the window stays as it is, so there is at most one cut per round trip (RFC 9002 §7.3.2).
        """
        if sent_at <= self._reduced_at:
            return
        self._reduced_at = now
        self._size = min(float(self._maximum), max(float(WINDOW_MIN), self._size / 2))
        self._threshold = self._size

    def collapse(self, *, now: float) -> None:
        """Cut the window to `WINDOW_MIN` at the monotonic time `now`, because the server has stopped answering.

        That is the persistent congestion of RFC 9002 §7.6. `WINDOW_MIN` is enough for the two probes of RFC 9002 §6.2.4. Slow
        start then goes up to half of the previous window.
        """
        self._reduced_at = now
        if self._size > WINDOW_MIN:  # a second collapse in a row says nothing new about the path (RFC 5681 §3.1)
            self._threshold = max(float(WINDOW_MIN), self._size / 2)
        self._size = float(min(WINDOW_MIN, self._maximum))

    def restart(self) -> None:
        """Set the window back to `WINDOW_INITIAL` and the threshold to the maximum.

        Call this if the path to the server is new (RFC 9000 §9.4), or if the server was silent (RFC 5681 §4.1).
        """
        self._size = float(min(WINDOW_INITIAL, self._maximum))
        self._threshold = float(self._maximum)
