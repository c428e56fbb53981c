"""What every process of a client has: an address, a clock, a timer, and the ability to die at every step."""

from collections.abc import Callable
from functools import partial
from typing import Any, ClassVar

from tests.simulation.chronicle import Violation
from tests.simulation.conduct import Pace
from tests.simulation.stage import Stage
from udpnote.client.session import Session
from udpnote.model.address import Address

TIMER_ERROR_SECONDS = (0.000_1, 0.002)
"""How late a sleeping process is woken."""

PORTS_FIRST, PORTS = 50_000, 4
"""So few that a new process often gets the port of one that has ended, and what was meant for that one."""


class Process:
    """One process of a client, from its start to its end or crash; `ended` is called then."""

    trade: ClassVar[str]
    """What it does, for the trace and for counting what it sends."""

    def __init__(self, stage: Stage, *, host: str, ended: Callable[[Any], None]) -> None:
        self._stage, self._ended = stage, ended
        self._clock_offset = stage.random.uniform(0.0, 1e6)  # monotonic clocks begin anywhere
        self._timer = 0
        self._pace = Pace(self._now(), unheard_seconds=stage.unheard_seconds)
        self._address = self._attach(host)
        self.is_alive = True
        stage.tell("{}: a {} starts", self._address, self.trade)

    def receive(self, data: bytes, source: Address) -> None:
        """Take a datagram."""
        raise NotImplementedError

    def move(self, host: str) -> None:
        """Go on at another address."""
        self._stage.network.detach(self._address)
        self._address = self._attach(host)

    def end(self) -> None:
        """End at once, wherever it is: a crash, or the end of a command."""
        self.is_alive = False
        self._stage.network.detach(self._address)
        self._stage.tell("{}: the {} ends", self._address, self.trade)
        self._ended(self)

    def _step(self) -> None:
        """Act on timers and events, send what is due, and sleep until the next timer."""
        raise NotImplementedError

    def _now(self) -> float:
        return self._stage.clock.now + self._clock_offset

    def _attach(self, host: str) -> Address:
        network, first = self._stage.network, PORTS_FIRST + self._stage.random.randrange(PORTS)
        address = next((host, port) for port in range(first, first + 100) if not network.is_taken((host, port)))
        network.attach(address, self.receive)
        return address

    def _dies(self, where: str) -> bool:
        if self._stage.happens(self._stage.client_crash_rate, where):
            self.end()
        return not self.is_alive

    def _send_due(self, party: Session[Any], *, is_silent: bool, is_polling: bool = False) -> bool:
        """Send what is due: a single datagram if it only asks whether something is ready; False if the process dies over it."""
        datagrams = party.datagrams_to_send()
        if is_polling and len(datagrams) > 1:
            raise Violation(f"{len(datagrams)} datagrams, only to find out whether the server is ready")
        self._stage.sent[self.trade] += len(datagrams)
        self._pace.sent(len(datagrams), self._now(), is_silent=is_silent)
        for data, destination in datagrams:
            if self._dies("client crashed before a datagram left"):
                return False
            self._stage.seals.check_request(data, party.notebook.key_id)
            self._stage.network.send(data, self._address, destination)
        for probe in party.probes_to_send():
            self._stage.sent[self.trade] += 1
            self._stage.seals.check_request(probe, party.notebook.key_id)
            self._stage.network.broadcast(probe, self._address)
        return True

    def _found(self, address: Address) -> None:
        """The server, which was silent, has been found."""
        self._pace.heard(self._now())
        self._pace.found(self._now())
        self._stage.tell("{}: the server is at {}", self._address, address)

    def _sleep(self, until: float | None) -> None:
        self._timer += 1
        if until is not None:
            wake_at = max(until - self._clock_offset, self._stage.clock.now)
            self._stage.clock.at(wake_at + self._stage.random.uniform(*TIMER_ERROR_SECONDS), partial(self._wake, self._timer))

    def _wake(self, timer: int) -> None:
        if self.is_alive and timer == self._timer:
            self._step()
