"""Discovery finds notebooks on the LAN: the client's `Prober` asks, and the server's `Offerer` answers.

A prober broadcasts DISCOVERs in a few rounds at growing intervals. Every server that has a matching notebook answers each
DISCOVER with an OFFER, sent to the address from which the DISCOVER came. Each DISCOVER has a random probe id, which the OFFER
repeats. So the prober can measure the round trip, and an attacker that has not seen the DISCOVER cannot forge an OFFER. The
server of a sealed notebook answers only DISCOVERs that are sealed with the notebook's key, so in each round the prober sends
a DISCOVER for each of its targets, in that target's envelope.
"""

from collections.abc import Sequence
from random import Random
from typing import Generic, NamedTuple, TypeVar

from udpnote.errors import BadDatagram
from udpnote.protocol.codec import decode, encode
from udpnote.protocol.envelope import OPEN, Envelope
from udpnote.protocol.messages import ANY_NOTEBOOK, KEY_CHANGED, PROBE_ID_BYTES, Discover, Offer

PROBE_SCHEDULE_SECONDS = (0.0, 0.1, 0.3, 0.7, 1.5)
"""When the rounds start, in seconds after the first. The later ones are for a lossy LAN, or Wi-Fi that saves power."""

DISCOVERY_SECONDS = 2.5
"""How long a discovery takes: until a second after the start of the last round, because an answer does not take longer."""

SETTLING_SECONDS = 1.0
"""After the first notebook has answered, how long a caller that needs the only one waits for others."""

NOTEBOOKS_MAX = 1000
"""How many notebooks a prober accepts in each envelope: more than any LAN has, so that forged OFFERs cannot fill the memory.

Each envelope has its own limit, so that forged open notebooks do not crowd out sealed ones.
"""

Source = TypeVar("Source")


class DiscoveryAnswer(NamedTuple, Generic[Source]):
    """The OFFER of a notebook's server, from the address `source`, after `round_trip_seconds`.

    `key_id` is the id of the key that sealed the OFFER; None: the OFFER came in the open envelope.
    """

    offer: Offer
    source: Source
    round_trip_seconds: float
    key_id: bytes | None = None

    @property
    def has_new_key(self) -> bool:
        """Whether the server says that the notebook's key has changed. An open OFFER that says so is not believed."""
        return self.key_id is not None and bool(self.offer.flags & KEY_CHANGED)


class DiscoveryTarget(NamedTuple):
    """What to look for: the notebook `notebook_id`, or any notebook, if its server answers in `envelope`."""

    envelope: Envelope = OPEN
    notebook_id: bytes = ANY_NOTEBOOK


class _Probe(NamedTuple):
    """A DISCOVER that was sent: what it looks for, and when it was sent."""

    target: DiscoveryTarget
    sent_at: float


class Prober(Generic[Source]):
    """One discovery on the LAN, for all `targets`. `Source` is the type of addresses, which it only compares and returns.

    The caller reports what happens (`receive_datagram`, `handle_timeout`), and after each call takes `datagrams_to_send` (each
    goes to all hosts on the LAN) and `found`. Times are seconds of one monotonic clock. `random` must be unpredictable
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
        """When the caller may assume that no further notebook answers.

        It is `SETTLING_SECONDS` after the first answer, or `finished_at` if there is none or if that is earlier.
        """
        if self._first_found_at is None:
            return self.finished_at
        return min(self.finished_at, self._first_found_at + SETTLING_SECONDS)

    def receive_datagram(self, data: bytes, source: Source, now: float) -> None:
        """Handle a received datagram. Ignore it unless it is an OFFER that answers a DISCOVER of this discovery."""
        for envelope in self._seen:
            try:
                message = decode(data, envelope)
            except BadDatagram:
                continue
            if isinstance(message, Offer):
                self._receive_offer(message, envelope, source, now)

    def handle_timeout(self, now: float) -> None:
        """Start the round that is due by `now`. If several are due, because the machine was asleep, start only one."""
        is_due = self._next_round_at() <= now < self.finished_at
        while self._next_round_at() <= now:
            self._rounds_begun += 1
        if is_due:
            for target in self._targets:
                probe_id = self._random.randbytes(PROBE_ID_BYTES)
                self._probes[probe_id] = _Probe(target, now)
                self._datagrams.append(encode(Discover(probe_id, target.notebook_id), target.envelope))

    def datagrams_to_send(self) -> list[bytes]:
        """Return and remove the DISCOVERs that are due."""
        datagrams, self._datagrams = self._datagrams, []
        return datagrams

    def found(self) -> list[DiscoveryAnswer[Source]]:
        """Return and remove the answers since the last call. Each notebook is reported once for each envelope."""
        found, self._found = self._found, []
        return found

    def next_timeout(self) -> float:
        """When the caller must call `handle_timeout` next; `finished_at` if no round is left."""
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
        encode(
            Offer(bytes(PROBE_ID_BYTES), notebook_id, name, 0, version, flags=0)
        )  # so that an invalid name fails here, not when a client asks
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
