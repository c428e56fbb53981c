"""Simulated time, clients' sockets, and a network that loses, repeats, delays, damages, misdelivers and replays datagrams."""

from collections import Counter
from collections.abc import Callable, Collection, Sequence
from errno import ECONNREFUSED, EHOSTUNREACH, ENETUNREACH
from functools import partial
from heapq import heappop, heappush
from random import Random
from typing import NamedTuple
from zlib import crc32

from udpnote.errors import ServerNotFound
from udpnote.lan.host_names import HostLookup, resolve
from udpnote.lan.probing_endpoint import THIS_MACHINE, ProbeAttempt
from udpnote.lan.udp_socket import SendError
from udpnote.model.address import Address, Datagram
from udpnote.protocol.envelope import VERSION

PORT = 6683  # where servers listen
STARTED_AT = 1_557_391_028  # 2019-05-09 16:37:08 +0800, in seconds since 1970 UTC: the time of day at the simulated time 0

REPLAY_SECONDS = (5.0, 120.0)
REPLAYS_MAX = 60  # per seed: a few dozen replays reach every state, and each one costs time

DAMAGED_BYTES_MAX = 1400

STEPS_MAX = 100_000  # five times what the busiest seeds need: with more steps, something never ends

Action = Callable[[], object]
Receiver = Callable[[bytes, Address], None]


class Clock:
    """Simulated time: `now` is the number of seconds since the simulation began.

    `at` and `after` schedule actions, which `run` calls. Actions for the same time run in the order in which they were
    scheduled.
    """

    def __init__(self, now: float = 0.0) -> None:
        self.now = now
        self._steps = 0
        self._scheduled = 0
        self._heap: list[tuple[float, int, Action]] = []

    @property
    def wall_microseconds(self) -> int:
        """The time of day, in microseconds since 1970 UTC."""
        return STARTED_AT * 1_000_000 + int(self.now * 1_000_000)

    def at(self, time: float, action: Action) -> None:
        self._scheduled += 1
        heappush(self._heap, (max(time, self.now), self._scheduled, action))

    def after(self, seconds: float, action: Action) -> None:
        self.at(self.now + seconds, action)

    def run(self, until: float, is_over: Callable[[], bool] = lambda: False) -> None:
        """Run the scheduled actions up to the time `until`, which is then `now`. Stop before that when `is_over()` is True."""
        while self._heap and self._heap[0][0] <= until and not is_over():
            time, _, action = heappop(self._heap)
            self._step(time)
            action()
        if not is_over():
            self._step(until)

    def _step(self, time: float) -> None:
        """Set `now` to `time`, unless an action has moved it further already."""
        self._steps += 1
        assert self._steps < STEPS_MAX, "something never ends"
        self.now = max(self.now, time)


class Weather(NamedTuple):
    """How bad the network is: the share (0 to 1) of datagrams that meet each fault.

    Each datagram takes a time from `latency_seconds`, the shortest and the longest one. A late one takes up to `late_seconds`
    more.
    """

    loss: float = 0.0
    duplication: float = 0.0
    late: float = 0.0
    late_seconds: float = 0.0
    corruption: float = 0.0
    replay: float = 0.0
    misdelivery: float = 0.0
    latency_seconds: tuple[float, float] = (0.000_2, 0.002)


CALM = Weather()


def noise(random: Random) -> bytes:
    """Return random bytes. Half of the results begin like a message, and have a valid checksum."""
    data = random.randbytes(random.choice((0, 3, 20, 100, 1200, 1400)))
    if random.random() < 0.5:
        header = b"UN" + bytes((random.choice((VERSION, VERSION, VERSION + 1)), random.randrange(12)))
        data = header + data[8:]
        data += crc32(data).to_bytes(4)
    return data


class Network:
    """Carries datagrams to `receivers`, by their addresses, with the faults of `weather`.

    `watcher` is called with each datagram that is sent. Datagrams from the hosts in `mute`, and to the hosts in `deaf`, are
    lost. A client that sends to an address in `closed` gets the error ECONNREFUSED at once, and EHOSTUNREACH for a host in
    `absent`, as if a router had answered. The client's own system refuses to send to the addresses in `unroutable`, with the
    error ENETUNREACH. If `is_down`, the clients are on no network: their systems refuse to send anything.
    """

    def __init__(
        self, clock: Clock, random: Random, coverage: Counter[str], tell: Callable[..., None] = lambda *_: None
    ) -> None:
        self.weather = CALM
        self.mute: set[str] = set()
        self.deaf: set[str] = set()
        self.closed: set[Address] = set()
        self.absent: set[str] = set()
        self.unroutable: set[Address] = set()
        self.is_down = False
        self.receivers: dict[Address, Receiver] = {}
        self.watcher: Callable[[bytes, Address, Address], None] = lambda *_: None
        self._clock, self._random, self._coverage, self._tell = clock, random, coverage, tell
        self._servers: list[Address] = []
        self._latest: dict[tuple[Address, Address], float] = {}
        self._replays = 0

    def attach(self, address: Address, receiver: Receiver, *, hears_broadcasts: bool = False) -> None:
        """Deliver the datagrams for `address` to `receiver` from now on."""
        assert address not in self.receivers, "two hosts at one address"
        self.receivers[address] = receiver
        if hears_broadcasts:
            self._servers.append(address)

    def detach(self, address: Address, receiver: Receiver) -> None:
        """Deliver no more datagrams for `address` to `receiver`. Do nothing if none are delivered to it already."""
        if self.receivers.get(address) == receiver:
            del self.receivers[address]
            if address in self._servers:
                self._servers.remove(address)

    def broadcast(self, data: bytes, source: Address, port: int) -> None:
        """Send `data` to each address at `port` that hears broadcasts."""
        for address in [address for address in self._servers if address[1] == port]:
            self.send(data, source, address)

    def send(self, data: bytes, source: Address, destination: Address) -> None:
        self.watcher(data, source, destination)
        chance, weather = self._random.random, self.weather
        if chance() < weather.loss:
            self._coverage["datagram lost"] += 1
            self._tell("     lost: {} -> {}", source, destination)
        else:
            self._carry(data, source, destination)
        if chance() < weather.duplication:
            self._coverage["datagram duplicated"] += 1
            self._carry(data, source, destination)
        if chance() < weather.replay and self._replays < REPLAYS_MAX:
            self._replays += 1
            self._clock.after(self._random.uniform(*REPLAY_SECONDS), partial(self._replay, data, source, destination))

    def _carry(self, data: bytes, source: Address, destination: Address) -> None:
        """Plan when `data` arrives. It may be delayed, damaged or misdelivered."""
        chance, weather = self._random.random, self.weather
        delay = self._random.uniform(*weather.latency_seconds)
        if chance() < weather.late:
            self._coverage["datagram late"] += 1
            delay += self._random.uniform(0.0, weather.late_seconds)
        if chance() < weather.corruption:
            data = self._damaged(data)
        if chance() < weather.misdelivery:
            self._coverage["datagram misdelivered"] += 1
            destination = self._random.choice(self._alike(destination))
        arrival, path = self._clock.now + delay, (source, destination)
        if arrival < self._latest.get(path, 0.0):
            self._coverage["datagram reordered"] += 1
        self._latest[path] = max(arrival, self._latest.get(path, 0.0))
        self._clock.at(arrival, partial(self.deliver, data, source, destination))

    def _alike(self, destination: Address) -> list[Address]:
        """Return the addresses to which a datagram for `destination` may be misdelivered.

        Mostly these are servers for a request, and clients for an answer.
        """
        if self._random.random() < 0.2:
            return list(self.receivers) or [destination]
        is_server = destination in self._servers
        return [destination, *(address for address in self.receivers if (address in self._servers) == is_server)]

    def _replay(self, data: bytes, source: Address, destination: Address) -> None:
        self._coverage["datagram replayed"] += 1
        self.deliver(data, source, destination)

    def deliver(self, data: bytes, source: Address, destination: Address) -> None:
        """Pass a datagram on to the receiver at `destination`. It is lost if there is none, or because of `mute` or `deaf`."""
        if source[0] in self.mute or destination[0] in self.deaf:
            self._coverage["datagram lost to a partition"] += 1
            return
        receiver = self.receivers.get(destination)
        if receiver is None:
            self._coverage["datagram to nobody"] += 1
            return
        self._tell("     {} -> {}: {}", source, destination, data)
        receiver(data, source)

    def _damaged(self, data: bytes) -> bytes:
        """Return `data` with one to three bits flipped, truncated, or lengthened."""
        random = self._random
        match random.randrange(4):
            case 0:
                self._coverage["datagram truncated"] += 1
                return data[: random.randrange(len(data))] if data else data
            case 1:
                self._coverage["datagram lengthened"] += 1
                return (data + random.randbytes(random.randint(1, 100)))[:DAMAGED_BYTES_MAX]
            case _:
                self._coverage["bits flipped"] += 1
                damaged = bytearray(data)
                for _ in range(random.randint(1, 3)):
                    if damaged:
                        damaged[random.randrange(len(damaged))] ^= 1 << random.randrange(8)
                return bytes(damaged)


class _LookupAtOnce(HostLookup):
    """A lookup that takes no simulated time."""

    def begin(self) -> None:
        try:
            self.addresses, self.failure = resolve(self._host, self._port), None
        except ServerNotFound as error:
            self.failure = error


class SimulatedEndpoint:
    """The sockets of one client on the network. Each subclass waits for datagrams in its own way."""

    def __init__(self, network: Network, address: Address) -> None:
        self._network, self.address = network, address
        self._inbox: list[Datagram] = []
        self._errors: dict[Address, SendError] = {}
        network.attach(address, self._arrive)

    def send(self, datagrams: Sequence[Datagram], /) -> None:
        for data, destination in datagrams:
            if self._network.is_down or destination in self._network.unroutable:
                self._errors[destination] = SendError(ENETUNREACH, came_by_icmp=False)
                continue
            self._network.send(data, self.address, destination)
            if destination in self._network.closed:
                self._errors[destination] = SendError(ECONNREFUSED, came_by_icmp=True)
            if destination[0] in self._network.absent:
                self._errors[destination] = SendError(EHOSTUNREACH, came_by_icmp=True)

    def probe(self, data: bytes, ports: Collection[int], /) -> list[ProbeAttempt]:
        if self._network.is_down:
            return [ProbeAttempt(THIS_MACHINE, "127.0.0.1", None)]
        for port in ports:
            self._network.broadcast(data, self.address, port)
        return [ProbeAttempt("eth0", "192.0.2.255", None)]

    def probe_variously(self, data_for: Callable[[str, str], bytes], ports: Collection[int], /) -> list[ProbeAttempt]:
        return self.probe(data_for("eth0", "192.0.2.255"), ports)

    def host_lookup(self, host: str, port: int, /) -> HostLookup:
        return _LookupAtOnce(host, port, lambda: None)

    def errors(self) -> dict[Address, SendError]:
        errors, self._errors = self._errors, {}
        return errors

    def end_probing(self) -> None:
        """Close nothing: a simulated probe opens no sockets."""

    def close(self) -> None:
        self._network.detach(self.address, self._arrive)

    def _arrive(self, data: bytes, source: Address) -> None:
        self._inbox.append((data, source))
