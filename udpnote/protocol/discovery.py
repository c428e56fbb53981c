"""Discovery finds notebooks on the LAN: the client's `Prober` asks, and the server's `Offerer` answers.

A prober broadcasts DISCOVERs in a few rounds at growing intervals. Every server that has a matching notebook answers each
DISCOVER with an OFFER, sent to the address from which the DISCOVER came. Each DISCOVER has a random probe id, which the OFFER
repeats. So the prober can measure the round trip, and an attacker that has not seen the DISCOVER cannot forge an OFFER.

The server of a sealed notebook answers only DISCOVERs that are sealed with the notebook's key. So the prober has several
targets, each with an envelope. In each round it sends one DISCOVER for each target, in that target's envelope.
"""

from collections.abc import Sequence
from typing import Generic, NamedTuple, TypeVar

from udpnote.errors import BadDatagram
from udpnote.model.randomness import Randomness
from udpnote.protocol.codec.codec import decode, encode
from udpnote.protocol.envelope import OPEN, Envelope
from udpnote.protocol.messages import ANY_NOTEBOOK, KEY_CHANGED, PROBE_ID_BYTES, Discover, Offer

PROBE_SCHEDULE_SECONDS = (0.0, 0.1, 0.3, 0.7, 1.5)
"""When each round starts, in seconds after the first round. The later rounds are for a lossy LAN, or for Wi-Fi that saves
power."""

ANSWER_SECONDS = 1.0
"""How long a discovery waits for answers after the start of its last round. No answer takes longer."""

DISCOVERY_SECONDS = PROBE_SCHEDULE_SECONDS[-1] + ANSWER_SECONDS
"""How long a discovery with all rounds takes."""

SETTLING_SECONDS = 1.0
"""How long to wait for further notebooks after the first one has answered, if the caller must know whether there is only
one."""

NOTEBOOKS_MAX = 1000
"""The most notebooks that a prober reports for each envelope: more than any LAN has. So forged OFFERs cannot fill the memory.

Each envelope has its own limit, so that forged open notebooks do not crowd out sealed ones.
"""

SERVERS_MAX = 8
"""The most servers of one notebook that a prober tells apart. Normally there is only one."""

Source = TypeVar("Source")


class DiscoveryAnswer(NamedTuple, Generic[Source]):
    """An OFFER that a notebook's server has sent from the address `source`.

    `round_trip_seconds` is the time from the DISCOVER to this OFFER. `key_id` is the id of the notebook key that sealed the
    OFFER, or None if the OFFER came in the open envelope. `other_source` is the address of another server of the same
    notebook that was found before this one: one of the two servers has a copy of the notebook. It is None if no other server
    was found.
    """

    offer: Offer
    source: Source
    round_trip_seconds: float
    key_id: bytes | None = None
    other_source: Source | None = None

    @property
    def has_new_key(self) -> bool:
        """Whether the server says in a sealed OFFER that the notebook's key has changed. Always False for an open OFFER."""
        return self.key_id is not None and bool(self.offer.flags & KEY_CHANGED)


class DiscoveryTarget(NamedTuple):
    """What to look for: the notebook with the id `notebook_id`, or any notebook (`ANY_NOTEBOOK`).

    The DISCOVERs for this target travel in `envelope`, and so do the OFFERs that answer them.
    """

    envelope: Envelope = OPEN
    notebook_id: bytes = ANY_NOTEBOOK


class _Probe(NamedTuple):
    """A DISCOVER that was sent for `target` at the monotonic time `sent_at`."""

    target: DiscoveryTarget
    sent_at: float


class _Servers(Generic[Source]):
    """The servers of one notebook that have answered in one envelope. `found` has the addresses of the reported ones."""

    def __init__(self) -> None:
        self.found: list[Source] = []
        self._reported: set[bytes] = set()
        self._answered: dict[bytes, set[bytes]] = {}

    def is_new(self, offer: Offer) -> bool:
        """Record the answer `offer`, and return whether to report its server now. Each server is reported at most once.

        The first server that answers is reported. Another server is reported only if it has answered a DISCOVER that a
        different server has answered, too: then both are running at the same time.
        """
        if offer.server_id not in self._answered and len(self._answered) == SERVERS_MAX:
            return False
        self._answered.setdefault(offer.server_id, set()).add(offer.probe_id)
        others = (probes for server_id, probes in self._answered.items() if server_id != offer.server_id)
        is_to_report = not self._reported or any(offer.probe_id in probes for probes in others)
        if not is_to_report or offer.server_id in self._reported:
            return False
        self._reported.add(offer.server_id)
        return True


class Prober(Generic[Source]):
    """One discovery on the LAN: looks for all `targets` from `now` on.

    It starts the first `rounds` of the rounds in `PROBE_SCHEDULE_SECONDS`, and ends `ANSWER_SECONDS` after the last one. The
    first DISCOVERs are due at once. The caller reports what happens (`receive_datagram`, `handle_timeout`), and after each
    call takes `datagrams_to_send` (each goes to all hosts on the LAN) and `found`. Times are seconds of one monotonic clock.
    `Source` is the type of an address; the prober passes addresses on without looking into them. `random` makes the probe ids,
    so it must be unpredictable (`SystemRandomness`), except in tests.
    """

    def __init__(
        self,
        now: float,
        *,
        random: Randomness,
        targets: Sequence[DiscoveryTarget],
        rounds: int = len(PROBE_SCHEDULE_SECONDS),
    ) -> None:
        self._started_at = now
        self._schedule_seconds = PROBE_SCHEDULE_SECONDS[:rounds]
        self._random = random
        self._targets = targets
        self._rounds_begun = 0
        self._probes: dict[bytes, _Probe] = {}
        self._datagrams: list[bytes] = []
        self._seen: dict[Envelope, dict[bytes, _Servers[Source]]] = {target.envelope: {} for target in targets}
        self._found: list[DiscoveryAnswer[Source]] = []
        self._first_found_at: float | None = None
        self.handle_timeout(now)

    @property
    def finished_at(self) -> float:
        """The monotonic time at which the discovery ends."""
        return self._started_at + self._schedule_seconds[-1] + ANSWER_SECONDS

    @property
    def settled_at(self) -> float:
        """The monotonic time from which the caller may assume that no further notebook answers.

        It is `SETTLING_SECONDS` after the first answer, but not later than `finished_at`. Before the first answer, it is
        `finished_at`.
        """
        if self._first_found_at is None:
            return self.finished_at
        return min(self.finished_at, self._first_found_at + SETTLING_SECONDS)

    def receive_datagram(self, data: bytes, source: Source, now: float) -> None:
        """Handle a received datagram. If it is an OFFER that answers a DISCOVER of this discovery, `found` will return it.

        Other datagrams are ignored, and so are further OFFERs of a notebook in the same envelope. There is one exception: if
        two servers answer the same DISCOVER for one notebook, `found` returns an OFFER of each. A single server that has
        restarted cannot cause this, because it does not receive one DISCOVER both before and after the restart.

        After OFFERs of `NOTEBOOKS_MAX` notebooks in one envelope, OFFERs of further notebooks in this envelope are ignored.
        """
        for envelope in self._seen:
            try:
                message = decode(data, envelope)
            except BadDatagram:
                continue
            if isinstance(message, Offer):
                self._receive_offer(message, envelope, source, now)

    def handle_timeout(self, now: float) -> None:
        """If a round is due by `now`, start it: then `datagrams_to_send` returns one DISCOVER for each target.

        If several rounds are due, because the machine was asleep, start only one. From `finished_at` on, start no round.
        """
        is_due = self._next_round_at() <= now < self.finished_at
        while self._next_round_at() <= now:
            self._rounds_begun += 1
        if is_due:
            for target in self._targets:
                probe_id = self._random.randbytes(PROBE_ID_BYTES)
                self._probes[probe_id] = _Probe(target, now)
                self._datagrams.append(encode(Discover(probe_id, target.notebook_id), target.envelope))

    def datagrams_to_send(self) -> list[bytes]:
        """Return and remove the DISCOVERs that are due; the caller sends each to all hosts on the LAN."""
        datagrams, self._datagrams = self._datagrams, []
        return datagrams

    def found(self) -> list[DiscoveryAnswer[Source]]:
        """Return and remove the answers that have come since the last call.

        In the whole discovery, each notebook is returned once for each envelope, with its first answer. If several servers have
        the notebook, the first answer of each server is returned.
        """
        found, self._found = self._found, []
        return found

    def next_timeout(self) -> float:
        """The monotonic time at which the next round is due; `finished_at` if no round is left."""
        return min(self._next_round_at(), self.finished_at)

    def _next_round_at(self) -> float:
        if self._rounds_begun == len(self._schedule_seconds):
            return float("inf")
        return self._started_at + self._schedule_seconds[self._rounds_begun]

    def _receive_offer(self, offer: Offer, envelope: Envelope, source: Source, now: float) -> None:
        """Add `offer` to `found`, unless it is one of those that `receive_datagram` ignores (see there)."""
        probe, seen = self._probes.get(offer.probe_id), self._seen[envelope]
        if probe is None or probe.target.envelope is not envelope:
            return
        if probe.target.notebook_id not in (ANY_NOTEBOOK, offer.notebook_id):
            return
        if offer.notebook_id not in seen and len(seen) == NOTEBOOKS_MAX:
            return
        servers = seen.setdefault(offer.notebook_id, _Servers())
        if not servers.is_new(offer):
            return
        other_source = next((found for found in servers.found if found != source), None)
        servers.found.append(source)
        self._found.append(DiscoveryAnswer(offer, source, now - probe.sent_at, envelope.key_id, other_source))
        if self._first_found_at is None:
            self._first_found_at = now


class Offerer:
    """Answers the DISCOVERs that reach the server of the notebook `notebook_id`, which has this `name`.

    `version` is the version of the server's udpnote. `server_id` is random, and new for each start of a server. An OFFER is
    never longer than the DISCOVER that it answers. The constructor asserts that the name and the version fit into an OFFER.
    """

    def __init__(self, *, notebook_id: bytes, name: str, version: str, server_id: bytes) -> None:
        encode(Offer(bytes(PROBE_ID_BYTES), notebook_id, name, 0, version, 0, server_id))  # asserts that they fit
        self._notebook_id = notebook_id
        self._name = name
        self._version = version
        self._server_id = server_id

    def answer(self, discover: Discover, entries: int, envelope: Envelope = OPEN, *, flags: int = 0) -> bytes | None:
        """The datagram with the OFFER that answers `discover`, or None if `discover` asks for another notebook.

        `entries` is how many entries the notebook has, erased ones included. `envelope` is the envelope of the DISCOVER, and
        the OFFER travels in it, too. `flags` is 0 or `KEY_CHANGED`.
        """
        if discover.notebook_id not in (ANY_NOTEBOOK, self._notebook_id):
            return None
        offer = Offer(discover.probe_id, self._notebook_id, self._name, entries, self._version, flags, self._server_id)
        return encode(offer, envelope)
