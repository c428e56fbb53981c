"""A network that loses, duplicates, delays, damages, misdelivers and replays datagrams."""

from collections import Counter
from collections.abc import Callable
from functools import partial
from random import Random
from typing import NamedTuple
from zlib import crc32

from tests.simulation.clock import Clock
from udpnote.model.address import Address
from udpnote.protocol.envelope import VERSION

LATENCY_SECONDS = (0.000_2, 0.002)
REPLAY_SECONDS = (5.0, 120.0)
REPLAYS_MAX = 60
"""Per seed: a few dozen replays reach every state, and each one costs time."""

DAMAGED_BYTES_MAX = 1400

Receiver = Callable[[bytes, Address], None]
Watcher = Callable[[bytes, Address, Address], None]
Tell = Callable[..., None]


class Weather(NamedTuple):
    """How bad the network is: the share (0 to 1) of datagrams with each fault. Late ones take up to `late_seconds`."""

    loss: float = 0.0
    duplication: float = 0.0
    late: float = 0.0
    late_seconds: float = 0.0
    corruption: float = 0.0
    replay: float = 0.0
    misdelivery: float = 0.0


CALM = Weather()


def noise(random: Random) -> bytes:
    """Random bytes; half of them have a valid header and checksum, so that they get further."""
    data = random.randbytes(random.choice((0, 3, 20, 100, 1200, 1400)))
    if random.random() < 0.5:
        header = b"UN" + bytes((random.choice((VERSION, VERSION, VERSION + 1)), random.randrange(12)))
        data = header + data[8:]
        data += crc32(data).to_bytes(4)
    return data


class Network:
    """The receivers by their addresses, and the datagrams on their way.

    Nothing arrives from the hosts in `mute`, nor at the ones in `deaf`.
    """

    def __init__(self, clock: Clock, random: Random, coverage: Counter[str], tell: Tell) -> None:
        self.weather = CALM
        self.mute: set[str] = set()
        self.deaf: set[str] = set()
        self._clock, self._random, self._coverage, self._tell = clock, random, coverage, tell
        self._receivers: dict[Address, Receiver] = {}
        self._servers: list[Address] = []
        self._latest: dict[tuple[Address, Address], float] = {}
        self._replays = 0
        self._watcher: Watcher = lambda *_: None

    def watch(self, watcher: Watcher) -> None:
        """Have `watcher` see every datagram that is sent."""
        self._watcher = watcher

    def inject(self, data: bytes, source: Address, destination: Address) -> None:
        """Deliver a datagram that was not sent like this."""
        self._deliver(data, source, destination)

    def attach(self, address: Address, receiver: Receiver, *, hears_broadcasts: bool = False) -> None:
        """Deliver the datagrams for `address` to `receiver` from now on."""
        assert address not in self._receivers, "two hosts at one address"
        self._receivers[address] = receiver
        if hears_broadcasts:
            self._servers.append(address)

    def detach(self, address: Address) -> None:
        """Deliver nothing to `address` any more."""
        del self._receivers[address]
        if address in self._servers:
            self._servers.remove(address)

    def receiver_at(self, address: Address) -> Receiver | None:
        """The receiver of the datagrams for `address`."""
        return self._receivers.get(address)

    def is_taken(self, address: Address) -> bool:
        """Whether `address` has a receiver."""
        return address in self._receivers

    def addresses(self) -> list[Address]:
        """The addresses that have a receiver."""
        return list(self._receivers)

    def broadcast(self, data: bytes, source: Address) -> None:
        """Send a datagram to every server."""
        for address in list(self._servers):
            self.send(data, source, address)

    def send(self, data: bytes, source: Address, destination: Address) -> None:
        """Send a datagram; it may be lost, duplicated or replayed."""
        self._watcher(data, source, destination)
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
        chance, weather = self._random.random, self.weather
        delay = self._random.uniform(*LATENCY_SECONDS)
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
        self._clock.at(arrival, partial(self._deliver, data, source, destination))

    def _alike(self, destination: Address) -> list[Address]:
        """Where a datagram for `destination` may be misdelivered: mostly, servers get requests and clients answers."""
        if self._random.random() < 0.2:
            return list(self._receivers) or [destination]
        is_server = destination in self._servers
        return [destination, *(address for address in self._receivers if (address in self._servers) == is_server)]

    def _replay(self, data: bytes, source: Address, destination: Address) -> None:
        self._coverage["datagram replayed"] += 1
        self._deliver(data, source, destination)

    def _deliver(self, data: bytes, source: Address, destination: Address) -> None:
        if source[0] in self.mute or destination[0] in self.deaf:
            self._coverage["datagram lost to a partition"] += 1
            return
        receiver = self._receivers.get(destination)
        if receiver is None:
            self._coverage["datagram to nobody"] += 1
            return
        self._tell("     {} -> {}: {}", source, destination, data)
        receiver(data, source)

    def _damaged(self, data: bytes) -> bytes:
        """`data` with a few bits flipped, truncated, or lengthened."""
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
