"""The client's side of an examination: asks servers by EXAMINE, sent in several ways, and collects their answers (REPORT).

First all hosts are asked, by broadcast and multicast on each interface. Then each server that has answered, and each address at
which a server should be, is asked directly, by unicast: by many short datagrams and by some of the greatest length. If the
short ones are answered, but no long one, datagrams of lengths between the two show the limit. If several short ones are lost,
the long ones may also have been lost by chance.

A way is how an EXAMINE was sent. Each way has a number, which the EXAMINE and its REPORT name. A REPORT also says by which
other ways EXAMINEs have reached the server.
"""

from collections.abc import Callable, Collection, Iterable, Sequence
from enum import Enum, auto
from functools import partial
from operator import itemgetter
from typing import NamedTuple

from udpnote.client.surroundings import ClientEndpoint
from udpnote.errors import BadDatagram
from udpnote.lan.probing_endpoint import THIS_MACHINE
from udpnote.lan.udp_socket import SendError
from udpnote.model.address import Address, is_loopback
from udpnote.protocol.codec.codec import decode, encode
from udpnote.protocol.codec.examination import EXAMINE_BYTES_MIN
from udpnote.protocol.envelope import BODY_BYTES_MAX, Envelope
from udpnote.protocol.examination_messages import WAY_MAX, Examine, HeardHost, Report

ROUNDS_SECONDS = (0.0, 0.2, 0.5)
"""When all hosts are asked, in seconds after the beginning. The later rounds are for Wi-Fi that loses datagrams."""

DIRECT_SECONDS = (0.3, 0.6)
"""When each server and address is asked directly, by a short and by a long datagram, in seconds after the beginning."""

SHORT_SECONDS = tuple(0.3 + 0.02 * number for number in range(32))
"""When each server and address is asked directly by a further short datagram, in seconds after the beginning. Each of these
datagrams has a way of its own, so that the lost ones can be counted."""

LOSSES_MIN = 3
"""If at least this many of the 32 short datagrams are lost, the network is lossy. Fewer may be lost by accident. By the
binomial distribution, an examination recognizes a network with a probability of 99.9 % if 30 % of the datagrams or their
answers are lost, of 97 % if 20 % are lost, of 63 % if 10 % are lost, and of 0.4 % if 1 % are lost."""

EXAMINATION_SECONDS = 1.1
"""How long an examination takes if every server answers at once, and no datagrams of the lengths `_SIZES` are needed."""

AGAIN_SECONDS = (1.1, 1.6, 2.1)
"""When all hosts, servers and addresses are asked again, in seconds after the beginning. This happens if a server on another
host has answered no broadcast, or no unicast: perhaps the network was interrupted for a moment."""

LATE_SECONDS = 3.5
"""If answers are missing, an examination waits until this many seconds after its beginning, because a server or the network may
be slow. The last short datagram leaves after 0.92 seconds. Its answer may take 2.5 seconds, as long as a discovery waits."""

SIZING_SECONDS = (0.0, 0.15, 0.3)
"""When datagrams of the lengths `_SIZES` are sent, in seconds after the first of them."""

SIZING_WAIT_SECONDS = 0.5
"""How long to wait for the answers to the last datagrams of the lengths `_SIZES`."""

ADDRESSES_MAX = 16
"""The most addresses that are asked directly: more than the servers of a LAN have. Forged REPORTs cannot add more."""

SERVERS_MAX = 64
"""The most servers whose REPORTs are kept, so that forged ones cannot fill the memory."""

UNMEASURED = 29
"""The number of the last way for broadcasts. If there are more interfaces than such ways, the last interfaces share it. Then an
answer does not tell by which of them the broadcast has left, so the checks ignore this way."""

_LOOPBACK_WAY, _MULTICAST_WAY, _FIRST_BROADCAST_WAY = 0, 1, 2
"""The numbers of the ways by which all hosts are asked: on this machine, by multicast, and by broadcast on the first
interface."""

_DIRECT_WAY, _LONG_WAY, _FIRST_SHORT_WAY = 30, 31, 32
"""The numbers of the ways by which servers are asked directly: by a short datagram, by a longer one, and by the first of the
short datagrams that are counted."""

_SIZES = (1100, 1000, 900, 800, 700, 600, 500, 400, 300, 200)
"""The lengths that are tried if the longest datagrams are lost, in bytes of a message's body."""


class WayKind(Enum):
    """How an EXAMINE that asks all hosts was sent."""

    BROADCAST = auto()
    MULTICAST = auto()
    LOOPBACK = auto()


class Way(NamedTuple):
    """A way by which all hosts were asked: on `interface`, to the IP address `destination`.

    All ways to this machine have the same `number`, and so have all multicasts. For broadcasts, each interface has a number of
    its own. If there are too many interfaces, the last ones share the number `UNMEASURED`. `errors` are the texts of the errors
    with which the system has refused to send; empty if it has sent.
    """

    number: int
    kind: WayKind
    interface: str
    destination: str
    errors: frozenset[str]


class ReportingServer(NamedTuple):
    """A server that has answered with REPORTs.

    `key_id` is the id of the key that sealed the REPORTs, or None if they came in the open envelope. `heard` has the numbers of
    the ways by which EXAMINEs have reached the server, and `answered` the numbers of the ways whose REPORT has come back.
    `addresses` are the source addresses of the REPORTs. `longest` is the length of the longest direct EXAMINE that the server
    has answered, in bytes of the body; 0 if it has answered no direct one.

    `short_sent` is how many short datagrams were sent directly to be counted, and `short_lost` how many of these were not
    answered. If none of them was answered, they were not lost by chance, and both are 0. `clock_ahead` is how many microseconds
    the server's clock is ahead of the clock of this host. `is_here` says whether the server is on this host. Only then `unsent`
    and `heard_hosts` may be known; they have the same meaning as in a `Report`.
    """

    server_id: bytes
    notebook_id: bytes
    key_id: bytes | None
    heard: frozenset[int] = frozenset()
    answered: frozenset[int] = frozenset()
    addresses: tuple[Address, ...] = ()
    longest: int = 0
    short_sent: int = 0
    short_lost: int = 0
    clock_ahead: int = 0
    is_here: bool = False
    unsent: int = 0
    heard_hosts: tuple[HeardHost, ...] = ()

    @property
    def is_lossy(self) -> bool:
        """Whether so many short datagrams were lost that a long one, or a broadcast, may also have been lost by chance."""
        return self.short_lost >= LOSSES_MIN


class Examination:
    """One examination of the network through `endpoint`, by EXAMINEs with `token` in each of `envelopes`, at the UDP `ports`.

    `own_hosts` are the IP addresses of this host, those of IPv6 without a scope. `monotonic` returns the seconds of a monotonic
    clock, `microseconds` the time in microseconds since 1970 UTC.
    """

    def __init__(
        self,
        endpoint: ClientEndpoint,
        envelopes: Sequence[Envelope],
        *,
        token: bytes,
        ports: Collection[int],
        own_hosts: Collection[str],
        monotonic: Callable[[], float],
        microseconds: Callable[[], int],
    ) -> None:
        self._endpoint, self._envelopes, self._token, self._ports = endpoint, envelopes, token, ports
        self._own_hosts = own_hosts
        self._monotonic, self._microseconds = monotonic, microseconds
        self._ways: dict[tuple[str, str], Way] = {}
        self._broadcast_numbers: dict[str, int] = {}
        self._servers: dict[tuple[bool, bytes], ReportingServer] = {}
        """The servers that have reported. The key of each is a pair: whether its REPORTs came in the open envelope, and its id.
        So a host without the key of a sealed notebook cannot change what is known of this notebook's server."""
        self._server_at: dict[tuple[bool, Address], bytes] = {}
        """The id of the first server that has reported from each address. Open and sealed envelopes are counted separately."""
        self._short_ways: dict[Address, set[int]] = {}
        """For each address: the ways of the short datagrams that were sent there directly to be counted."""
        self.errors: dict[Address, SendError] = {}
        """For each address that datagrams did not reach: the latest error."""

    @property
    def ways(self) -> list[Way]:
        """The ways by which all hosts were asked."""
        return list(self._ways.values())

    @property
    def servers(self) -> list[ReportingServer]:
        """The servers that have reported, in the order of their first REPORTs."""
        return [self._with_losses(each) for each in self._servers.values()]

    def run(self, addresses: Iterable[Address]) -> None:
        """Ask all hosts. Then ask `addresses`, and the servers that have answered, directly. This takes one to five seconds.

        The results are then in `ways`, `servers` and `errors`. At the end, this closes the sockets that only probes need.
        """
        begin = self._monotonic()
        known = list(addresses)
        self._ask_all(begin, known)
        if self._is_one_sided():
            self._ask_again(begin, known)
        self._listen(begin + LATE_SECONDS, lambda: not self._is_answer_missing(known) and not self._is_one_sided())
        self._find_lengths()
        self._endpoint.end_probing()

    def _ask_all(self, begin: float, known: list[Address]) -> None:
        """Ask all hosts, the addresses in `known`, and the servers that have answered, each several times.

        The first datagrams leave at the monotonic time `begin`. This takes `EXAMINATION_SECONDS` (1.1). `known` are the
        addresses that were given to `run`.
        """
        due: list[tuple[float, Callable[[], None]]] = [(each, self._ask_everybody) for each in ROUNDS_SECONDS]
        due += [(each, partial(self._ask_directly, known)) for each in DIRECT_SECONDS]
        due += [(each, partial(self._ask_by_short, known, way)) for way, each in enumerate(SHORT_SECONDS, _FIRST_SHORT_WAY)]
        for seconds, ask in sorted(due, key=itemgetter(0)):
            self._listen(begin + seconds)
            ask()
        self._listen(begin + EXAMINATION_SECONDS)

    def _ask_again(self, begin: float, known: list[Address]) -> None:
        """Ask all hosts, `known` and the servers that have answered again, at each of `AGAIN_SECONDS` after `begin`.

        At a time at which no server is one-sided (see `_is_one_sided`), this asks nobody.
        """
        for seconds in AGAIN_SECONDS:
            self._listen(begin + seconds)
            if self._is_one_sided():
                self._ask_everybody()
                self._ask_directly(known)

    def _find_lengths(self) -> None:
        """Find out which of the `_SIZES` (200 to 1,100 bytes) reach the servers that have answered only short datagrams.

        Servers that have also lost short datagrams (see `is_lossy`) are left out.
        """
        short_only = [each.addresses for each in self.servers if 0 < each.longest < BODY_BYTES_MAX and not each.is_lossy]
        if not short_only:
            return
        begin = self._monotonic()
        for seconds in SIZING_SECONDS:
            self._listen(begin + seconds)
            self._ask_in_sizes([address for addresses in short_only for address in addresses])
        self._listen(self._monotonic() + SIZING_WAIT_SECONDS)

    def _is_one_sided(self) -> bool:
        """Whether a server on another host has answered no broadcast, or no direct EXAMINE."""
        broadcasts = range(_FIRST_BROADCAST_WAY, _DIRECT_WAY)
        return any(not each.is_here and not (each.longest and each.answered & set(broadcasts)) for each in self.servers)

    def _is_answer_missing(self, known: list[Address]) -> bool:
        """Whether one of the addresses `known` has sent no REPORT, or a server has left direct EXAMINEs unanswered.

        The second case means that the server has answered none of the direct EXAMINEs, or not all of the short ones. `known`
        are the addresses that were given to `run`.
        """
        servers = self.servers
        reached = {address for each in servers for address in each.addresses}
        return not reached.issuperset(known) or any(each.short_lost or not each.longest for each in servers)

    def _with_losses(self, server: ReportingServer) -> ReportingServer:
        """Return `server` with its `short_sent` and `short_lost`."""
        sent = {way for address in server.addresses for way in self._short_ways.get(address, ())}
        lost = sent - server.answered
        return server._replace(short_sent=len(sent), short_lost=len(lost)) if lost != sent else server

    def _ask_everybody(self) -> None:
        """Send an EXAMINE by each way in each envelope. Remember the ways, and the errors with which the system refuses to
        send.
        """
        for envelope in self._envelopes:
            datagrams: dict[int, bytes] = {}

            def data_for(
                interface: str, destination: str, envelope: Envelope = envelope, datagrams: dict[int, bytes] = datagrams
            ) -> bytes:
                number = self._way(interface, destination).number
                if number not in datagrams:
                    datagrams[number] = encode(Examine(self._token, number, EXAMINE_BYTES_MIN), envelope)
                return datagrams[number]

            for attempt in self._endpoint.probe_variously(data_for, self._ports):
                if attempt.error is not None:
                    way = self._way(attempt.interface, attempt.destination)
                    self._ways[attempt.interface, attempt.destination] = way._replace(errors=way.errors | {attempt.error})

    def _way(self, interface: str, destination: str) -> Way:
        """Return the way with this interface and destination. If it is new, give it a number and remember it."""
        if interface == THIS_MACHINE:
            kind, number = WayKind.LOOPBACK, _LOOPBACK_WAY
        elif ":" in destination:
            kind, number = WayKind.MULTICAST, _MULTICAST_WAY
        else:
            next_number = min(_FIRST_BROADCAST_WAY + len(self._broadcast_numbers), UNMEASURED)
            kind, number = WayKind.BROADCAST, self._broadcast_numbers.setdefault(interface, next_number)
        return self._ways.setdefault((interface, destination), Way(number, kind, interface, destination, frozenset()))

    def _addresses(self, known: list[Address]) -> list[Address]:
        """The addresses to ask directly, `ADDRESSES_MAX` at most: first `known`, then those that have answered."""
        answered = [address for server in self._servers.values() for address in server.addresses]
        return list(dict.fromkeys([*known, *answered]))[:ADDRESSES_MAX]

    def _ask_directly(self, known: list[Address]) -> None:
        for address in self._addresses(known):
            self._send(address, _DIRECT_WAY, EXAMINE_BYTES_MIN)
            self._send(address, _LONG_WAY, BODY_BYTES_MAX)

    def _ask_by_short(self, known: list[Address], way: int) -> None:
        """Send a short datagram of this `way` to each of `_addresses(known)`, and record that, so that losses are counted."""
        for address in self._addresses(known):
            self._short_ways.setdefault(address, set()).add(way)
            self._send(address, way, EXAMINE_BYTES_MIN)

    def _ask_in_sizes(self, addresses: Iterable[Address]) -> None:
        for address in list(dict.fromkeys(addresses))[:ADDRESSES_MAX]:
            self._send(address, _LONG_WAY, BODY_BYTES_MAX)
            for size in _SIZES:
                self._send(address, _LONG_WAY, size)

    def _send(self, address: Address, way: int, body_bytes: int) -> None:
        assert way <= WAY_MAX, "`Report.heard` has no bit for this way, so no REPORT could say that it has reached the server"
        datagrams = [(encode(Examine(self._token, way, body_bytes), each), address) for each in self._envelopes]
        self._endpoint.send(datagrams)

    def _listen(self, until: float, is_over: Callable[[], bool] = lambda: False) -> None:
        """Receive REPORTs, and collect errors of sending, until the monotonic time `until` or until `is_over()` is True."""
        while not is_over():
            for data, source in self._endpoint.receive(max(0.0, until - self._monotonic())):
                self._receive(data, source)
            self.errors.update(self._endpoint.errors())
            if self._monotonic() >= until:
                return

    def _receive(self, data: bytes, source: Address) -> None:
        for envelope in self._envelopes:
            try:
                message = decode(data, envelope)
            except BadDatagram:
                continue
            if isinstance(message, Report) and message.token == self._token and self._is_credible(message, source, envelope):
                self._record(message, source, envelope)

    def _is_credible(self, report: Report, source: Address, envelope: Envelope) -> bool:
        """Whether `report` may be from a server. It must have come from a port that was asked. If it answers an EXAMINE that
        was sent to a loopback address, it must have come from a loopback address.

        For each `source`, this remembers the first server that reports from there in an open envelope, and the first one that
        does so in a sealed envelope. Later reports from other servers are not credible.
        """
        if source[1] not in self._ports or (report.way == _LOOPBACK_WAY and not is_loopback(source)):
            return False
        return self._server_at.setdefault((envelope.key_id is None, source), report.server_id) == report.server_id

    def _record(self, report: Report, source: Address, envelope: Envelope) -> None:
        """Add what `report`, which came from `source` in `envelope`, says about its server to what is known of this server."""
        key = envelope.key_id is None, report.server_id
        if key not in self._servers and len(self._servers) == SERVERS_MAX:
            return
        before = self._servers.get(key, ReportingServer(report.server_id, report.notebook_id, envelope.key_id))
        is_direct = report.way >= _DIRECT_WAY
        # From a LAN, the kernel lets in no datagram with an IPv4 address of this host or a loopback address as its source
        # ("martian source" in its ip-sysctl.rst), but it lets in one with another IPv6 address of this host.
        is_from_here = is_own(source, self._own_hosts)
        is_certain = is_from_here and (is_loopback(source) or ":" not in source[0])
        addresses = before.addresses if source in before.addresses else (*before.addresses, source)[:ADDRESSES_MAX]
        self._servers[key] = before._replace(
            heard=before.heard | {number for number in range(WAY_MAX + 1) if report.heard >> number & 1},
            answered=before.answered | {report.way},
            addresses=addresses,
            longest=max(before.longest, report.body_bytes if is_direct else 0),
            clock_ahead=report.clock - self._microseconds(),
            is_here=before.is_here or is_from_here,
            unsent=max(before.unsent, report.unsent if is_certain else 0),
            heard_hosts=(report.heard_hosts if is_certain else ()) or before.heard_hosts,
        )


def is_own(address: Address, own_hosts: Collection[str]) -> bool:
    """Whether `address` is a loopback address or one of `own_hosts`, the IP addresses of this host without a scope."""
    return is_loopback(address) or address[0].partition("%")[0] in own_hosts
