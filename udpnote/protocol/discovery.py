"""Finding notebooks: the client's prober and the server's offerer.

A prober sends a few DISCOVERs at growing intervals; every server that holds a wanted notebook answers each with an OFFER
to where it came from. Each has its own random probe id, so that an OFFER tells its round trip and cannot be forged by
somebody who did not see the DISCOVER. A sealed notebook answers only what is sealed with its key, so each round asks once
in each envelope that the client has.
"""

from collections.abc import Sequence
from random import Random
from typing import Generic, NamedTuple, TypeVar

from udpnote.errors import BadDatagram
from udpnote.protocol.codec import decode, encode
from udpnote.protocol.envelope import OPEN, Envelope
from udpnote.protocol.messages import ANY_NOTEBOOK, KEY_CHANGED, PROBE_ID_BYTES, Discover, Offer

PROBE_SCHEDULE_SECONDS = (0.0, 0.1, 0.3, 0.7, 1.5)
"""When rounds start: the first catches a quiet LAN, the later ones a lossy or sleepy (Wi-Fi power save) one."""

DISCOVERY_SECONDS = 2.5
"""A second after the last round: whoever has not answered by then is not there."""

SETTLING_SECONDS = 1.0
"""How long to listen for further notebooks after the first has answered, before it counts as the only one."""

NOTEBOOKS_MAX = 1000
"""How many answers a prober keeps in each envelope: more than any LAN has, fewer than a forger could send.

Who forges open ones does not crowd out sealed ones.
"""

Source = TypeVar("Source")


class Found(NamedTuple, Generic[Source]):
    """A notebook that answered, at the address `source`, after `round_trip_seconds`; sealed with the key `key_id`, or open."""

    offer: Offer
    source: Source
    round_trip_seconds: float
    key_id: bytes | None = None

    @property
    def has_new_key(self) -> bool:
        """Whether it says that its key is another one now."""
        return self.key_id is not None and bool(self.offer.flags & KEY_CHANGED)


class Wanted(NamedTuple):
    """What is searched for: the notebook `notebook_id`, or `ANY_NOTEBOOK`, that answers in `envelope`."""

    envelope: Envelope = OPEN
    notebook_id: bytes = ANY_NOTEBOOK


class _Probe(NamedTuple):
    """A DISCOVER that has left."""

    wanted: Wanted
    sent_at: float


class Prober(Generic[Source]):
    """One search of the LAN, for everything in `wanted`.

    Feed it (`receive_datagram`, `handle_timeout`), then drain `datagrams_to_send` (each goes to every broadcast and
    multicast address there is) and `found`. Times are seconds of one monotonic clock. `random` must be
    unpredictable (`random.SystemRandom`) outside of tests.
    """

    def __init__(self, now: float, *, random: Random, wanted: Sequence[Wanted] = (Wanted(),)) -> None:
        self._started_at = now
        self._random = random
        self._wanted = wanted
        self._rounds_begun = 0
        self._probes: dict[bytes, _Probe] = {}
        self._datagrams: list[bytes] = []
        self._seen: dict[Envelope, set[bytes]] = {each.envelope: set() for each in wanted}
        self._found: list[Found[Source]] = []
        self._first_found_at: float | None = None
        self.handle_timeout(now)

    @property
    def finished_at(self) -> float:
        """When all that will answer has answered."""
        return self._started_at + DISCOVERY_SECONDS

    @property
    def settled_at(self) -> float:
        """When the notebooks that have answered may count as all of them: `finished_at`, or earlier if one answered."""
        if self._first_found_at is None:
            return self.finished_at
        return min(self.finished_at, self._first_found_at + SETTLING_SECONDS)

    def receive_datagram(self, data: bytes, source: Source, now: float) -> None:
        """Take what has arrived; all but an OFFER that answers one of our rounds is ignored."""
        for envelope in self._seen:
            try:
                message = decode(data, envelope)
            except BadDatagram:
                continue
            if isinstance(message, Offer):
                self._receive_offer(message, envelope, source, now)

    def handle_timeout(self, now: float) -> None:
        """Start the round that is due by `now`, if one is; rounds that were slept through are one."""
        is_due = self._next_round_at() <= now < self.finished_at
        while self._next_round_at() <= now:
            self._rounds_begun += 1
        if is_due:
            for wanted in self._wanted:
                probe_id = self._random.randbytes(PROBE_ID_BYTES)
                self._probes[probe_id] = _Probe(wanted, now)
                self._datagrams.append(encode(Discover(probe_id, wanted.notebook_id), wanted.envelope))

    def datagrams_to_send(self) -> list[bytes]:
        """Drain the DISCOVERs that are due."""
        datagrams, self._datagrams = self._datagrams, []
        return datagrams

    def found(self) -> list[Found[Source]]:
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
        if probe is None or probe.wanted.envelope is not envelope or offer.notebook_id in seen or len(seen) == NOTEBOOKS_MAX:
            return
        if probe.wanted.notebook_id not in (ANY_NOTEBOOK, offer.notebook_id):
            return
        seen.add(offer.notebook_id)
        self._found.append(Found(offer, source, now - probe.sent_at, envelope.key_id))
        if self._first_found_at is None:
            self._first_found_at = now


class Offerer:
    """The server's answer to probes: one OFFER, no longer than the DISCOVER, to who asked, in the envelope of the question."""

    def __init__(self, *, notebook_id: bytes, name: str, version: str) -> None:
        encode(Offer(bytes(PROBE_ID_BYTES), notebook_id, name, 0, version, flags=0))  # fails here, not when somebody asks
        self._notebook_id = notebook_id
        self._name = name
        self._version = version

    def answer(self, discover: Discover, entries: int, envelope: Envelope = OPEN, *, flags: int = 0) -> bytes | None:
        """The OFFER that answers `discover`, or None if another notebook is wanted."""
        if discover.notebook_id not in (ANY_NOTEBOOK, self._notebook_id):
            return None
        return encode(Offer(discover.probe_id, self._notebook_id, self._name, entries, self._version, flags), envelope)
