"""Runs discoveries: sends probes to the LAN or to the server that the user has named, and waits for the answers.

`client.finding.answers` decides which answer comes from the notebook that is meant.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

from udpnote.client.connection import Connection
from udpnote.client.finding.answers import Judge, served_twice_notice
from udpnote.client.finding.named_server import NamedServer
from udpnote.client.finding.trust import Keyring
from udpnote.errors import Notice
from udpnote.lan.probing_endpoint import NAMED_SERVER, ProbeAttempt
from udpnote.lan.udp_socket import format_host
from udpnote.model.address import Address, Datagram
from udpnote.model.notebook import Destination, KnownNotebook, address_of
from udpnote.protocol.discovery import DiscoveryAnswer, DiscoveryTarget, Prober
from udpnote.protocol.rediscovery import DISCOVERY_PAUSE_SECONDS, known_notebook
from udpnote.storage.outbox.outbox import Outbox


class Discovery(NamedTuple):
    """A discovery in progress: its `prober` makes the probes and takes the answers, and its `judge` recognizes impostors.

    A probe is a datagram that asks servers for their notebooks. `expected` is the notebook that the caller wants to find, or
    None if it wants any notebook. A discovery is a listener of the connection, because another thread of the client may receive
    its answers.
    """

    prober: Prober[Address]
    judge: Judge
    expected: KnownNotebook | None

    def receive_datagrams(self, datagrams: Sequence[Datagram], now: float) -> None:
        """Handle datagrams, each with its source address, that arrived at the monotonic time `now`."""
        for data, source in datagrams:
            self.prober.receive_datagram(data, source, now)


FoundAnswers = dict[tuple[bytes, bytes | None], DiscoveryAnswer[Address]]
"""The answers of discoveries, one for each notebook. The keys are pairs: the notebook's id, and the id of its key."""


class Discoverer:
    """Runs discoveries through `connection`. A caller must hold the lock of `connection`.

    `destination` is the notebook that the user has named, perhaps by a server; `server` is that server. Discovery on the LAN
    asks at the UDP ports `ports`, with the keys of `keyring` for sealed notebooks. `attempts` has a `ProbeAttempt` for each
    datagram of the latest probe, whether it was sent or not. `on_notice` is called with notices for the user: about the named
    server, and about a notebook that two servers have. A discovery writes only one thing into `outbox`: which notebook has
    answered at the named server.
    """

    def __init__(
        self,
        connection: Connection,
        outbox: Outbox,
        keyring: Keyring,
        destination: Destination,
        *,
        ports: Sequence[int],
        on_notice: Callable[[Notice], None],
    ) -> None:
        self._connection = connection
        self._outbox = outbox
        self._keyring = keyring
        self._ports = ports
        self._on_notice = on_notice
        self.destination = destination
        self.server = NamedServer(connection, outbox, destination, on_notice)
        self.attempts: list[ProbeAttempt] = []

    def find(
        self, destination: Destination, until: float, *, expected: KnownNotebook | None = None
    ) -> DiscoveryAnswer[Address]:
        """Run discoveries until the notebook that `destination` names answers, and return its answer.

        The search ends at the monotonic time `until`. After an answer of the notebook, it goes on for up to a second, so that
        other notebooks can answer as well. If the notebook `expected` is given, its last address is asked, too. If `expected`
        answers from there, and `destination` names it, the search ends at once. The answer of `expected` is returned even if
        other notebooks have answered. If two servers have answered with the notebook, gives a notice; if one of them is at the
        last address, its answer is returned.

        Raises `ServerNotFound` if no notebook that `destination` names answers, `SeveralNotebooks` if several do,
        `WrongNotebook` if another notebook answers at the named server, `NotSealed` if only an impostor answers, and `OldKey`
        if the notebook answers that its key has changed.
        """
        found: FoundAnswers = {}
        pause = DISCOVERY_PAUSE_SECONDS
        while True:
            is_found = self._discover_once(destination, found, until, expected)
            resume_at = self._connection.now() + pause
            if is_found or resume_at >= until:
                break
            while self._connection.now() < resume_at:
                self._connection.wait(resume_at)  # no discovery runs now
            pause *= 2
        self._connection.endpoint.end_probing()
        # A new judge, because another command may have joined or left a notebook since the discovery began.
        return self._judge().pick(destination, list(found.values()), ports=self._ports, expected=expected)

    def start(self, until: float, destination: Destination, *, expected: KnownNotebook | None = None) -> Discovery:
        """Begin a discovery of all open notebooks, and of those whose keys the client has.

        The caller continues it with `step`, and ends it with `end`.

        If a notebook is `expected`, its last address is asked as well. If a server is named, this waits for its address until
        the monotonic time `until`. If the address is not found, the discovery looks only for the notebook that has answered at
        that server before, at its last address and on the LAN. If no notebook has answered there, or `destination` names
        another one, raises `ServerNotFound` instead.
        """
        targets, stand_in = self._keyring.targets(), self.server.resolve(until, destination)
        if stand_in is not None:
            expected, targets = stand_in, [DiscoveryTarget(self._keyring.envelope(stand_in), stand_in.notebook_id)]
        prober: Prober[Address] = Prober(self._connection.now(), random=self._connection.random, targets=targets)
        discovery = Discovery(prober, self._judge(), expected)
        self._connection.add_listener(discovery)
        return discovery

    def end(self, discovery: Discovery) -> None:
        """End a discovery: from now on, answers to it are ignored."""
        self._connection.remove_listener(discovery)

    def step(self, discovery: Discovery, until: float) -> list[DiscoveryAnswer[Address]]:
        """Send the probes that are due, wait for datagrams, and return the answers that have come.

        `Prober.found` says which answers are returned. The wait ends when a datagram arrives, when the next probe is due, or at
        the monotonic time `until`. If answers have come since the last call, this does not wait.
        """
        prober = discovery.prober
        for data in prober.datagrams_to_send():
            self._probe(data, discovery.expected)
        if arrived := prober.found():
            return arrived
        now = self._connection.now()
        due = prober.next_timeout() if now < prober.finished_at else until
        datagrams = self._connection.receive(min(due, until))
        self.server.record_errors()
        now = self._connection.now()
        if datagrams:
            self._connection.pass_on(datagrams, now)
        prober.handle_timeout(now)
        return prober.found()

    def probe_again(self, data: bytes, notebook: KnownNotebook) -> None:
        """Send the probe `data` to find the server of `notebook`, which has fallen silent.

        The probe goes to the last address of this server. If the user has named a server, the probe goes to that one as well.
        If no server is named, or its host name cannot be resolved, the probe goes to all hosts of the LAN, at `ports` and at
        the port of the last address.
        """
        if self.server.lookup is not None:
            self.server.lookup.begin()  # for the next probe, because the server may have got another address
        self._probe(data, notebook)

    def _judge(self) -> Judge:
        """Make a judge of answers, with the notebooks and keys that are in the outbox now."""
        return Judge(self._keyring.impostor_detector(), self._outbox.notebooks(), self.destination.server)

    def _probe(self, data: bytes, expected: KnownNotebook | None) -> None:
        """Send the probe `data` to the named server or, if none is named, to all hosts of the LAN. Sets `attempts`.

        If the notebook `expected` is given, the probe also goes to the last address of its server, which may be on another
        subnet, and hosts of the LAN are asked at the port of that address, too. If `expected` is given, and the host name of
        the named server could not be resolved, the probe goes to all hosts of the LAN.
        """
        ports = set(self._ports)
        if expected is not None:
            ports.add(expected.port)
            self._connection.endpoint.send([(data, address_of(expected))])
        self.attempts = []
        if self.server.lookup is not None:
            addresses = self.server.lookup.addresses
            self._connection.endpoint.send([(data, address) for address in addresses])
            self.server.record_errors()
            self.attempts = [ProbeAttempt(NAMED_SERVER, format_host(each), self.server.refusal(each)) for each in addresses]
        if self.server.lookup is None or (self.server.lookup.has_no_result and expected is not None):
            self.attempts += self._connection.endpoint.probe(data, sorted(ports))

    def _discover_once(
        self,
        destination: Destination,
        found: FoundAnswers,
        until: float,
        expected: KnownNotebook | None,
    ) -> bool:
        """Run one discovery, and add its answers to `found`. Returns whether a notebook that `destination` names is in `found`.

        Of two servers with the same notebook, `found` keeps the answer of the one at the last address of `expected`, or else
        the first. If `destination` names this notebook, this gives a notice.

        The discovery ends at the monotonic time `until` or `DISCOVERY_SECONDS` after it began, whichever is earlier. When a
        notebook that `destination` names has answered, it goes on for up to a second, even beyond `until`, because another such
        notebook may answer, too. But it ends at once if no other answer could be the one to pick (see `_is_decided`). Raises
        `ServerNotFound` as `start` does.
        """
        discovery = self.start(until, destination, expected=expected)
        is_found = bool(discovery.judge.matching(destination, found.values()))
        try:
            while True:
                end = discovery.prober.settled_at if is_found else min(until, discovery.prober.finished_at)
                if (is_found and _is_decided(destination, found, expected)) or self._connection.now() >= end:
                    return is_found
                for answer in self.step(discovery, end):
                    is_meant = bool(discovery.judge.matching(destination, [answer]))
                    if is_meant and answer.other_source is not None:
                        self._on_notice(served_twice_notice(answer, discovery.judge.known))
                    if answer.other_source is None or _is_at_last_address(answer, expected):
                        found[answer.offer.notebook_id, answer.key_id] = answer
                    is_found = is_found or is_meant
        finally:
            self.end(discovery)


def _is_decided(destination: Destination, found: FoundAnswers, expected: KnownNotebook | None) -> bool:
    """Whether an answer in `found` of a notebook that `destination` names will be picked, whatever else answers.

    It will if it is the answer of `expected` from its last address, or if no notebook is expected and `destination` names a
    server.
    """
    if expected is None:
        return destination.host is not None
    return _is_at_last_address(found.get((expected.notebook_id, expected.key_id)), expected)


def _is_at_last_address(answer: DiscoveryAnswer[Address] | None, expected: KnownNotebook | None) -> bool:
    """Whether `answer` is from the notebook `expected`, and from its last address. False if one of the two is None.

    The user's commands go to this address while a server answers there. At another address there may be a copy.
    """
    if answer is None or expected is None or answer.offer.notebook_id != expected.notebook_id:
        return False
    return address_of(known_notebook(answer)) == address_of(expected)
