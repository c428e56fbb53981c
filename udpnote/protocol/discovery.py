"""Discovery finds notebooks on the LAN: the client's `Prober` asks, and the server's `Offerer` answers.

A prober sends DISCOVERs in a few rounds at growing intervals. Every server that holds a matching notebook answers each DISCOVER
with an OFFER, sent to the address from which the DISCOVER came. Each DISCOVER has a random probe id, which the OFFER repeats.
So the prober can measure the round trip, and an attacker that has not seen the DISCOVER cannot forge an OFFER. The server of a
sealed notebook answers only DISCOVERs that are sealed with its key, so each round has a DISCOVER in each of the client's
envelopes.
"""

from collections.abc import Sequence
from random import Random
from typing import Generic, NamedTuple, TypeVar

from udpnote.errors import BadDatagram
from udpnote.protocol.codec import decode, encode
from udpnote.protocol.envelope import OPEN, Envelope
from udpnote.protocol.messages import ANY_NOTEBOOK, KEY_CHANGED, PROBE_ID_BYTES, Discover, Offer

PROBE_SCHEDULE_SECONDS = (0.0, 0.1, 0.3, 0.7, 1.5)
"""When rounds start. The first is enough on a quiet LAN; the later ones are for a lossy LAN, or Wi-Fi that saves power."""

DISCOVERY_SECONDS = 2.5
"""How long a discovery takes: it ends a second after the last round, because an answer does not take longer."""

SETTLING_SECONDS = 1.0
"""How long to wait for further notebooks after the first one has answered, before it counts as the only one."""

NOTEBOOKS_MAX = 1000
"""How many notebooks a prober keeps for each envelope: more than any LAN has, fewer than an attacker could forge.

The limit holds for each envelope alone, so that forged open notebooks do not crowd out sealed ones.
"""

Source = TypeVar("Source")


class DiscoveryAnswer(NamedTuple, Generic[Source]):
    """A notebook that answered from the address `source` after `round_trip_seconds`; `key_id` is the id of its key, if any."""

    offer: Offer
    source: Source
    round_trip_seconds: float
    key_id: bytes | None = None

    @property
    def has_new_key(self) -> bool:
        """Whether the server says, in a sealed OFFER, that the notebook's key has changed; an open OFFER is not believed."""
        return self.key_id is not None and bool(self.offer.flags & KEY_CHANGED)


class DiscoveryTarget(NamedTuple):
    """What to look for: the notebook `notebook_id`, or any notebook, whose server answers in `envelope`."""

    envelope: Envelope = OPEN
    notebook_id: bytes = ANY_NOTEBOOK


class _Probe(NamedTuple):
    """A DISCOVER that has left."""

    target: DiscoveryTarget
    sent_at: float


class Prober(Generic[Source]):
    """One discovery on the LAN, for all `targets`. `Source` is the type of addresses, which it only compares and returns.

    Feed it (`receive_datagram`, `handle_timeout`), then drain `datagrams_to_send` (each goes to every broadcast and
    multicast address there is) and `found`. Times are seconds of one monotonic clock. `random` must be unpredictable
    (`random.SystemRandom`) outside of tests.
    """

    def __init__(self, now: float, *, random: Random, targets: Sequence[DiscoveryTarget] = (DiscoveryTarget(),)) -> None:
        self._started_at = now
        self._random = random
        self._targets = targets
        self._rounds_begun = 0
        self._probes: dict[bytes, _Probe] = {}
        self._datagrams: list[bytes] = []
        self._seen: dict[Envelope, set[bytes]] = {target.envelope: set() for target in targets}
        self._found: list[DiscoveryAnswer[Source]] = []
        self._first_found_at: float | None = None
        self.handle_timeout(now)

    @property
    def finished_at(self) -> float:
        """When the discovery ends."""
        return self._started_at + DISCOVERY_SECONDS

    @property
    def settled_at(self) -> float:
        """When the caller may assume that no further notebook answers: before `finished_at` if one has answered."""
        if self._first_found_at is None:
            return self.finished_at
        return min(self.finished_at, self._first_found_at + SETTLING_SECONDS)

    def receive_datagram(self, data: bytes, source: Source, now: float) -> None:
        """Handle a datagram: an OFFER that answers a DISCOVER of this discovery; any other datagram is ignored."""
        for envelope in self._seen:
            try:
                message = decode(data, envelope)
            except BadDatagram:
                continue
            if isinstance(message, Offer):
                self._receive_offer(message, envelope, source, now)

    def handle_timeout(self, now: float) -> None:
        """Start the round that is due by `now`; if several are due, because the machine was asleep, only one starts."""
        is_due = self._next_round_at() <= now < self.finished_at
        while self._next_round_at() <= now:
            self._rounds_begun += 1
        if is_due:
            for target in self._targets:
                probe_id = self._random.randbytes(PROBE_ID_BYTES)
                self._probes[probe_id] = _Probe(target, now)
                self._datagrams.append(encode(Discover(probe_id, target.notebook_id), target.envelope))

    def datagrams_to_send(self) -> list[bytes]:
        """Drain the DISCOVERs that are due."""
        datagrams, self._datagrams = self._datagrams, []
        return datagrams

    def found(self) -> list[DiscoveryAnswer[Source]]:
        """Drain the notebooks found since the last call, each notebook once in each envelope."""
        found, self._found = self._found, []
        return found

    def next_timeout(self) -> float:
        """When `handle_timeout` is due; `finished_at` once no round is left."""
        return min(self._next_round_at(), self.finished_at)

    def _next_round_at(self) -> float:
        if self._rounds_begun == len(PROBE_SCHEDULE_SECONDS):
            return float("inf")
        return self._started_at + PROBE_SCHEDULE_SECONDS[self._rounds_begun]

    def _receive_offer(self, offer: Offer, envelope: Envelope, source: Source, now: float) -> None:
        probe, seen = self._probes.get(offer.probe_id), self._seen[envelope]
        if probe is None or probe.target.envelope is not envelope or offer.notebook_id in seen or len(seen) == NOTEBOOKS_MAX:
            return
        if probe.target.notebook_id not in (ANY_NOTEBOOK, offer.notebook_id):
            return
        seen.add(offer.notebook_id)
        self._found.append(DiscoveryAnswer(offer, source, now - probe.sent_at, envelope.key_id))
        if self._first_found_at is None:
            self._first_found_at = now


class Offerer:
    """Answers DISCOVERs for a server: each with one OFFER, which is no longer than the DISCOVER, in the same envelope."""

    def __init__(self, *, notebook_id: bytes, name: str, version: str) -> None:
        encode(Offer(bytes(PROBE_ID_BYTES), notebook_id, name, 0, version, flags=0))  # fails here, not when a client asks
        self._notebook_id = notebook_id
        self._name = name
        self._version = version

    def answer(self, discover: Discover, entries: int, envelope: Envelope = OPEN, *, flags: int = 0) -> bytes | None:
        """The OFFER that answers `discover`, or None if `discover` asks for another notebook.

        `entries` is the number of entries in the notebook.
        """
        if discover.notebook_id not in (ANY_NOTEBOOK, self._notebook_id):
            return None
        return encode(Offer(discover.probe_id, self._notebook_id, self._name, entries, self._version, flags), envelope)
