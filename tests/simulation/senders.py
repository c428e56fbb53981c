"""Those who write: real couriers on an outbox, driven as a client drives them."""

from collections.abc import Callable

from tests.simulation.chronicle import Violation
from tests.simulation.conduct import message_type
from tests.simulation.disks import OutboxDisk
from tests.simulation.processes import Process
from tests.simulation.stage import WALL_CLOCK_START, Stage
from tests.simulation.witness import Written
from udpnote.client.notebook_finder import LOCATE_PAUSE_SECONDS
from udpnote.client.sending import PENDING_ENTRIES_MAX, Renewed, SendSession
from udpnote.model.address import Address
from udpnote.model.entry import Entry, Kind, Status
from udpnote.model.notebook import Destination, address_of
from udpnote.protocol import codec
from udpnote.protocol.delivery import Rejected, Stored
from udpnote.protocol.discovery import DiscoveryTarget, Prober
from udpnote.protocol.rediscovery import ImpostorFound, LookingForServer, RediscoveryEvent, ServerMoved, known_notebook
from udpnote.protocol.server_contact import KeyChanged

HOUR_MICROSECONDS = 3_600_000_000

JOIN_SECONDS = (0.0, 10.0)
"""From hearing that the key has changed until the user joins again."""


class Sender(Process):
    """One process that sends what is in `outbox`, and what is written in it."""

    trade = "sender"

    def __init__(self, stage: Stage, outbox: OutboxDisk, *, host: str, ended: Callable[["Sender"], None]) -> None:
        super().__init__(stage, host=host, ended=ended)
        self._outbox = outbox
        self._courier: SendSession | None = None
        self._has_old_key = False
        self._server_address: Address | None = None
        self._prober: Prober[Address] | None = None
        self._locate_at = 0.0
        self._engage()

    @property
    def is_idle(self) -> bool:
        """Whether it has nothing to do."""
        return self._courier is not None and self._courier.is_idle

    def command(self) -> None:
        """Deliver what waits in the outbox, as every command does."""
        self._join_again()
        if self._courier is not None:
            self._outbox.bind(self._courier.notebook.notebook_id, meant_for=Destination())
            self._courier.look_into_outbox()
        self._step()

    def write(self, drafts: list[Written]) -> None:
        """Have `drafts` kept, which are alike but for their texts."""
        self._join_again()
        entries = self._add(drafts)
        self._stage.witness.wrote(entries)
        sequences = ", ".join(str(entry.sequence) for entry in entries)
        self._stage.tell("{}: writes {} ({}, of #{})", self._address, sequences, drafts[0].kind.name, drafts[0].revises)
        if self._dies("client crashed after adding to the outbox"):
            return
        courier = self._courier
        if courier is not None and courier.outstanding < PENDING_ENTRIES_MAX:
            self._carry_waiting(courier)
            courier.carry(entries, self._now())
        elif courier is not None:
            courier.look_into_outbox()
        self._step()

    def receive(self, data: bytes, source: Address) -> None:
        """Take a datagram."""
        now, courier = self._now(), self._courier
        if courier is not None:
            self._look_at(data, source, courier)
            retransmissions = courier.retransmissions
            courier.receive_datagram(data, source, now)
            if courier.retransmissions != retransmissions and message_type(self._opened(data)) != codec.OFFER:
                raise Violation("an answer caused a retransmission")
        elif self._prober is not None:
            self._prober.receive_datagram(data, source, now)
            for found in self._prober.found():
                self._stage.count("notebook discovered")
                self._outbox.remember(known_notebook(found), may_choose=True)
                self._engage(round_trip_seconds=found.round_trip_seconds)
        if self._dies("client crashed after receiving"):
            return
        self._step()

    def end(self) -> None:
        if self._courier is not None:
            self._stage.coverage["retransmission"] += self._courier.retransmissions
        self._courier = self._prober = None
        super().end()

    def _add(self, drafts: list[Written]) -> list[Entry]:
        """Put `drafts` into the outbox."""
        kind, author, written_at, utc_offset, _, revises = drafts[0]
        notebook_id = None if self._courier is None else self._courier.notebook.notebook_id
        return self._outbox.add(
            [draft.text for draft in drafts],
            author=author,
            written_at=written_at,
            utc_offset=utc_offset,
            kind=kind,
            revises=revises,
            notebook_id=notebook_id,
        )

    def _look_at(self, data: bytes, source: Address, courier: SendSession) -> None:
        """Note what arrives: from the server, if it is not too damaged to tell."""
        match message_type(self._opened(data)):
            case codec.ACK:
                self._pace.answered(self._now())
                if source != address_of(courier.notebook):
                    self._stage.count("answer from another address")
            case codec.REFUSE:
                self._pace.answered(self._now())
                self._stage.count("refused by another notebook")
            case codec.OFFER:
                self._pace.heard(self._now())

    def _opened(self, data: bytes) -> bytes:
        return self._stage.seals.opened(data)

    def _join_again(self) -> None:
        """Go on with the notebook's key as the outbox has it now, as every command does."""
        courier = self._courier
        if courier is not None:
            known = self._outbox.notebook(courier.notebook.notebook_id)
            if known is not None and known.key_id != courier.notebook.key_id:
                self._stage.coverage["retransmission"] += courier.retransmissions
                courier.flush()
                self._courier = None
                self._engage()

    def _engage(self, *, round_trip_seconds: float | None = None) -> None:
        """Be ready to carry entries to the notebook, or look for it."""
        notebook = self._outbox.chosen()
        if notebook is None:
            self._prober = Prober(
                self._now(), random=self._stage.random, targets=(DiscoveryTarget(notebook_id=self._stage.notebook_id),)
            )
            return
        self._prober = None
        self._outbox.bind(notebook.notebook_id, meant_for=Destination())
        self._server_address = address_of(notebook)
        random = self._stage.random
        envelope = self._stage.seals.client(notebook.key_id)
        self._courier = SendSession(
            self._outbox, notebook, random=random, envelope=envelope, round_trip_seconds=round_trip_seconds
        )

    def _carry_waiting(self, courier: SendSession) -> None:
        if not courier.outstanding:
            self._pace.heard(self._now())
        courier.prepare(self._now())

    def _step(self) -> None:
        if self._courier is None:
            self._locate()
            return
        courier = self._courier
        courier.handle_timeout(self._now())
        events = courier.events()
        if courier.has_old_key and not self._has_old_key:
            events.append(KeyChanged())
        self._has_old_key = courier.has_old_key
        for event in events:
            self._take_event(event)
        if events and self._dies("client crashed between an answer and removing the entry"):
            return
        self._carry_waiting(courier)
        if not self._send_due(courier, is_silent=courier.is_silent):
            return
        if courier.is_idle:
            courier.flush()
        self._sleep(courier.next_timeout())

    def _locate(self) -> None:
        """Look for the notebook for the first time."""
        if self._prober is None and self._now() >= self._locate_at:
            self._engage()
        if self._prober is None:
            self._sleep(self._locate_at)
            return
        self._prober.handle_timeout(self._now())
        for probe in self._prober.datagrams_to_send():
            self._stage.network.broadcast(probe, self._address)
        self._sleep(self._prober.next_timeout())
        if self._now() >= self._prober.finished_at:
            self._stage.count("notebook not discovered")
            self._prober = None
            self._locate_at = self._now() + LOCATE_PAUSE_SECONDS
            self._sleep(self._locate_at)

    def _join(self) -> None:
        """The user has got the new join code."""
        notebook = self._outbox.chosen()
        if notebook is not None and notebook.key_id != self._stage.seals.key_id:
            self._outbox.join(notebook._replace(key_id=self._stage.seals.key_id), self._stage.seals.key)
        if self.is_alive:
            self.command()

    def _take_event(self, event: Stored | Rejected | Renewed | RediscoveryEvent) -> None:
        match event:
            case Stored(entry, number):
                self._stage.tell("{}: {} is #{}", self._address, entry.sequence, number)
                self._stage.witness.acknowledged(entry, number)
            case Rejected(entry, Status.NO_SPACE):
                self._stage.count("entry postponed")
                if not self._stage.was_full:
                    raise Violation("an entry was refused for space that there was")
            case Rejected(entry, status):
                self._stage.count("revision refused")
                self._stage.witness.refused(entry, status)
            case Renewed(entry, renewed):
                self._stage.witness.renewed(entry, renewed)
                self._stage.count("entry renewed" if renewed is not None else "entry renewed by another process")
            case ServerMoved(address):
                self._found(address)
                is_elsewhere, self._server_address = address != self._server_address, address
                self._stage.count("server found at another address" if is_elsewhere else "server found where it was")
            case LookingForServer():
                self._stage.count("server looked for")
            case ImpostorFound():
                self._stage.count("impostor told of")
            case KeyChanged():
                assert self._courier is not None, "who only looks for a notebook has no key of it that could have changed"
                self._stage.seals.check_told(self._courier.notebook.key_id)
                self._stage.count("sender told of another key")
                self._stage.clock.after(self._stage.random.uniform(*JOIN_SECONDS), self._join)


class Installation:
    """One user's outbox and the processes that use it. A short-lived one ends its processes when they have nothing to do."""

    def __init__(self, stage: Stage, outbox: OutboxDisk, *, host: str, is_short_lived: bool) -> None:
        self._stage = stage
        self.outbox = outbox
        self._host = host
        self._is_short_lived = is_short_lived
        self._processes: list[Sender] = []
        self._written: list[Written] = []
        self._is_shared = False
        self._clock_error = 0

    @property
    def is_settled(self) -> bool:
        """Whether nothing waits in the outbox, and nobody is busy; what was refused for good does not wait."""
        waits = any(waiting.refused is None for waiting in self.outbox.listing())
        return not waits and all(process.is_idle for process in self._processes)

    @property
    def author(self) -> str:
        """Whose notes are written here."""
        return f"王芳@{self._host}"

    def start(self) -> None:
        """Run one more process."""
        self._is_shared = self._is_shared or bool(self._processes)
        process = Sender(self._stage, self.outbox, host=self._host, ended=self._process_ended)
        self._processes.append(process)
        process.command()

    def command(self) -> None:
        """Have every process deliver what waits; there is at least one."""
        if not self._processes:
            self.start()
        for process in list(self._processes):
            process.command()

    def write(self, texts: list[str], *, kind: Kind = Kind.NOTE, revises: int = 0) -> None:
        """Write in one of the processes, which is started if need be."""
        if not self._processes:
            self.start()
        if self._processes:
            random = self._stage.random
            process = random.choice(self._processes)
            written_at = WALL_CLOCK_START + int(self._stage.clock.now * 1_000_000) + self._clock_error
            header = (kind, self.author, written_at, random.randint(-840, 840))
            drafts = [Written(*header, text, revises) for text in texts]
            self._written += drafts
            process.write(drafts)
        if self._is_short_lived:
            self._stage.clock.after(1.0, self._end_idle)

    def jump_clock(self) -> None:
        """Set the wall clock wrong, by up to ten hours."""
        self._clock_error = self._stage.random.randint(-10 * HOUR_MICROSECONDS, 10 * HOUR_MICROSECONDS)

    def lose_power(self) -> None:
        """End all processes at once; the outbox may lose what it was not asked to keep."""
        self._stage.count("power lost")
        for process in list(self._processes):
            process.end()
        removals, refusals = self.outbox.lose_power()
        self._stage.coverage["removal undone by a power failure"] += removals
        self._stage.coverage["refusal forgotten by a power failure"] += refusals

    def crash(self) -> None:
        """End one of the processes at once, wherever it is."""
        if self._processes:
            self._stage.count("client crashed at rest")
            self._stage.random.choice(self._processes).end()

    def move(self, host: str) -> None:
        """Get another address."""
        self._host = host
        for process in self._processes:
            process.move(host)

    def copy(self, *, host: str) -> "Installation":
        """The same installation once more, as when a virtual machine is copied."""
        copy = Installation(self._stage, self.outbox.copy(), host=host, is_short_lived=self._is_short_lived)
        self._is_shared = copy._is_shared = True
        return copy

    def check(self) -> None:
        """Check that nothing has left the outbox without an acknowledgement, and that no revision has overtaken another one.

        Processes that share an outbox, or a copy of one, do not know of each other's order.
        """
        self._stage.witness.look_into_outbox(self.outbox, self._written)
        if not self._is_shared:
            self._stage.witness.look_at_order(self._written)

    def _process_ended(self, process: Sender) -> None:
        if process in self._processes:
            self._processes.remove(process)
        self.check()
        if self._stage.client_crash_rate:
            self._stage.clock.after(self._stage.random.uniform(0.0, 10.0), self._restart)

    def _restart(self) -> None:
        if not self._processes:
            self.start()

    def _end_idle(self) -> None:
        for process in list(self._processes):
            if process.is_idle:
                process.end()
