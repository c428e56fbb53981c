"""Measures the round trip to one server with DISCOVERs. The server answers them at once and stores nothing for them."""

from udpnote.errors import BadDatagram
from udpnote.model.randomness import Randomness
from udpnote.protocol.codec.codec import decode, encode
from udpnote.protocol.discovery import DiscoveryTarget
from udpnote.protocol.messages import PROBE_ID_BYTES, Discover, Offer

PROBES = 100
"""How many DISCOVERs one measurement sends: enough for a 99th percentile."""

INTERVAL_SECONDS = 0.015
"""The time between two DISCOVERs. They are about 67 a second with some 200 bytes each, so they do not disturb other traffic."""

ANSWER_SECONDS = 0.5
"""How long to wait for OFFERs after the last DISCOVER. A DISCOVER whose OFFER arrives later counts as lost. Wi-Fi that saves
power may delay a datagram by a few tenths of a second."""


class RoundTripMeter:
    """Sends `PROBES` DISCOVERs for `target` at an even pace from `now` on, and measures how long each OFFER takes.

    The caller reports what happens (`receive_datagram`, `handle_timeout`), and after each call sends `datagrams_to_send` to the
    server. Times are seconds of one monotonic clock. `random` makes the probe ids, so it must be unpredictable, except in
    tests. `sent` is how many DISCOVERs were due so far. `round_trips` has the round-trip time, in seconds, of each answered
    DISCOVER, in the order of the answers.
    """

    def __init__(self, now: float, *, target: DiscoveryTarget, random: Randomness) -> None:
        self._target = target
        self._random = random
        self._next_at = now
        self._unanswered: dict[bytes, float] = {}
        self._datagrams: list[bytes] = []
        self.sent = 0
        self.round_trips: list[float] = []
        self.handle_timeout(now)

    @property
    def is_finished(self) -> bool:
        """Whether all DISCOVERs were sent, and each of them is answered or counts as lost."""
        return self.sent == PROBES and not self._unanswered

    def receive_datagram(self, data: bytes, now: float) -> None:
        """Handle a datagram that has arrived at `now`. Ignore it unless it is the first OFFER for one of the DISCOVERs."""
        try:
            message = decode(data, self._target.envelope)
        except BadDatagram:
            return
        if isinstance(message, Offer) and message.notebook_id == self._target.notebook_id:
            sent_at = self._unanswered.pop(message.probe_id, None)
            if sent_at is not None:
                self.round_trips.append(now - sent_at)

    def handle_timeout(self, now: float) -> None:
        """If the next DISCOVER is due by `now`, make it: then `datagrams_to_send` returns it.

        Even if several are due, because the machine was asleep, make only one. `ANSWER_SECONDS` after the last DISCOVER, all
        DISCOVERs without an answer count as lost.
        """
        if now < self._next_at:
            return
        if self.sent == PROBES:
            self._unanswered.clear()
            return
        probe_id = self._random.randbytes(PROBE_ID_BYTES)
        self._unanswered[probe_id] = now
        self._datagrams.append(encode(Discover(probe_id, self._target.notebook_id), self._target.envelope))
        self.sent += 1
        self._next_at = now + (INTERVAL_SECONDS if self.sent < PROBES else ANSWER_SECONDS)

    def datagrams_to_send(self) -> list[bytes]:
        """Return and remove the DISCOVERs that are due."""
        datagrams, self._datagrams = self._datagrams, []
        return datagrams

    def next_timeout(self) -> float:
        """The monotonic time at which the caller must call `handle_timeout` next. Not needed once `is_finished` is true."""
        return self._next_at
