"""The endpoint of a client's process. The process waits in it, and the endpoint checks what the process sends and receives."""

from collections.abc import Collection, Sequence
from functools import partial
from typing import TYPE_CHECKING

from tests.simulation.history import Violation
from tests.simulation.lan import Lan
from tests.simulation.traffic import CLOCK_ERROR_SECONDS, Pace, message_of_reading, message_type
from tests.support.network import SimulatedEndpoint
from udpnote.lan.probing_endpoint import ProbeAttempt
from udpnote.model.address import Address, Datagram
from udpnote.model.query import Cursor
from udpnote.protocol.codec import codec, fields
from udpnote.protocol.messages import Append, Run
from udpnote.protocol.reading_messages import Page, PageState, Read

if TYPE_CHECKING:
    from tests.simulation.processes import Process

TIMER_ERROR_SECONDS = (0.000_1, 0.002)  # how late a sleeping process is woken

PORTS_FIRST, PORTS = 50_000, 4
"""How many ports there are: few, so that a new process often gets the port of one that has ended, and its late answers."""

RESEND_SECONDS_MIN = 0.02
"""The shortest timer of docs/protocol.md. When a silent server is found or answers, all is sent again without this pause."""

BUFFERED_DATAGRAMS_MAX = 200  # the size of the socket's buffer; what does not fit is lost
ROUNDS_MAX = 1000  # how often a client may call `receive` at one moment; with more calls, it would never wait


class ProcessEndpoint(SimulatedEndpoint):
    """The sockets of one process. `pace` checks how fast it sends; `is_answered` says whether a page has come for its READs."""

    def __init__(self, lan: Lan, process: "Process", *, host: str) -> None:
        super().__init__(lan.network, _free_address(lan, host))
        self._lan, self._process = lan, process
        self._is_woken = self._is_waiting = False
        self._timer = 0
        self._moment, self._rounds = 0.0, 0
        self._sent_at: dict[tuple[bytes, int, int], float] = {}
        self._is_index_awaited = False
        self._cursors: dict[bytes, Cursor] = {}
        self._joins = process.disk.joins
        self.is_answered = False
        self.pace = Pace(lan.clock.now, unheard_seconds=lan.unheard_seconds)

    @property
    def awaits_answer(self) -> bool:
        """Whether the process waits, and nothing has answered its latest request so far."""
        return self._is_waiting and self.pace.awaits_answer

    def move(self, host: str) -> None:
        self.close()
        self.address = _free_address(self._lan, host)
        self._network.attach(self.address, self._arrive)

    def send(self, datagrams: Sequence[Datagram], /) -> None:
        """Send requests, or a DISCOVER to the last address of a server. The process may crash before each datagram.

        Raises `Violation` if a datagram is not sealed as it must be, if a part or run is sent again too soon, or if several
        requests at once, or requests without a pause, go to a server that is silent (see `Pace.sent`) or builds its index.
        """
        for data, _ in datagrams:
            self._check(data)
        requests = [data for data, _ in datagrams if message_type(self._lan.seals.opened(data)) not in (0, fields.DISCOVER)]
        if self._is_index_awaited and len(requests) > 1:
            raise Violation(f"{len(requests)} datagrams, only to find out whether the server is ready")
        self._lan.sent[self._process.trade] += len(datagrams)
        if self._joins != self._process.disk.joins:  # by this process or another one: the client begins anew, with the new key
            self._joins = self._process.disk.joins
            self.pace.begin_anew(self._lan.clock.now)
        self.pace.sent(len(requests), self._lan.clock.now)
        for data, destination in datagrams:
            self._process.may_crash("before a datagram left")
            if data in requests:
                self._look_at_request(data)
            super().send([(data, destination)])

    def probe(self, data: bytes, ports: Collection[int], /) -> list[ProbeAttempt]:
        self._process.check_alive()
        self._lan.sent[self._process.trade] += 1
        self._check(data)
        return super().probe(data, ports)

    def receive(self, timeout_seconds: float | None, /) -> list[Datagram]:
        """Wait, in simulated time, until a datagram arrives, `wake` is called, or the timeout is over."""
        self._process.check_alive()
        self._check_round()
        if not self._inbox and not self._is_woken and timeout_seconds != 0:
            self._wait(timeout_seconds)
        datagrams, self._inbox, self._is_woken = self._inbox, [], False
        for data, source in datagrams:
            self._look_at(data, source)
        if datagrams:
            self._process.may_crash("after receiving")
        return datagrams

    def wake(self) -> None:
        self._is_woken = True
        self._end_wait(self._timer)

    def _arrive(self, data: bytes, source: Address) -> None:
        if len(self._inbox) < BUFFERED_DATAGRAMS_MAX:
            super()._arrive(data, source)
        self._end_wait(self._timer)

    def _wait(self, timeout_seconds: float | None) -> None:
        self._timer += 1
        if timeout_seconds is not None:
            wake_at = self._lan.clock.now + timeout_seconds + self._lan.random.uniform(*TIMER_ERROR_SECONDS)
            self._lan.clock.at(wake_at, partial(self._end_wait, self._timer))
        self._is_waiting = True
        self._process.pause()

    def _end_wait(self, timer: int) -> None:
        if self._is_waiting and timer == self._timer and self._process.is_alive:
            self._is_waiting = False
            self._process.resume()

    def _check_round(self) -> None:
        """Raise `Violation` if the client has waited again and again without any time passing."""
        self._rounds = self._rounds + 1 if self._moment == self._lan.clock.now else 0
        self._moment = self._lan.clock.now
        if self._rounds > ROUNDS_MAX:
            raise Violation("a client goes round and round without waiting")

    def _check(self, data: bytes) -> None:
        """Raise `Violation` unless `data` is sealed with a key of this process, or may be sent in the open."""
        self._lan.seals.overhear(data)
        self._lan.seals.check_request(data, self._process.disk.key_ids)

    def _look_at_request(self, data: bytes) -> None:
        """Raise `Violation` if a part or run is sent again too soon. Count the READs that ask for an entry again from its
        beginning, because it was revised while it was read.
        """
        opened = self._lan.seals.opened(data)
        match message_of_reading(opened) if message_type(opened) == fields.READ else codec.decode(opened):
            case Append(_, _, attempt, part):
                self._check_pause((part.client_id, part.sequence, part.offset), attempt)
            case Run(_, _, attempt, notes):
                self._check_pause((notes.client_id, notes.sequence, 0), attempt)
            case Read(_, stream_id, _, cursor):
                before = self._cursors.get(stream_id, cursor)
                self._cursors[stream_id] = cursor
                self._lan.coverage["entry revised while it was read"] += cursor.number == before.number and cursor < before
            case _:
                pass

    def _check_pause(self, load: tuple[bytes, int, int], attempt: int) -> None:
        now = self._lan.clock.now
        pause = now - self._sent_at.get(load, 0.0)
        self._sent_at[load] = now
        if attempt > 1 and pause + CLOCK_ERROR_SECONDS < RESEND_SECONDS_MIN and not self.pace.has_resumed_since(now - pause):
            raise Violation(f"a part or run was sent again after {1000 * pause:.1f} ms")

    def _look_at(self, data: bytes, source: Address) -> None:
        """Note that the datagram `data` has arrived, unless it is damaged."""
        opened, now = self._lan.seals.opened(data), self._lan.clock.now
        match message_type(opened):
            case fields.ACK:
                self.pace.answered(now)
                self._lan.coverage["answer from another address"] += not self._lan.is_server(source)
            case fields.REFUSE:
                self.pace.refused(now)
                self._lan.coverage["refused by another notebook"] += 1
            case fields.OFFER:
                self.pace.offered(now)
            case fields.PAGE:
                self._look_at_page(opened)

    def _look_at_page(self, opened: bytes) -> None:
        page = message_of_reading(opened)
        if isinstance(page, Page) and page.stream_id in self._cursors:
            self.pace.answered(self._lan.clock.now)
            self.is_answered = True
            self._lan.coverage[f"page {page.state.name}"] += 1
            self._is_index_awaited = page.state is PageState.INDEXING


def _free_address(lan: Lan, host: str) -> Address:
    first = PORTS_FIRST + lan.random.randrange(PORTS)
    return next((host, port) for port in range(first, first + 100) if (host, port) not in lan.network.receivers)
