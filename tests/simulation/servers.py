"""A server's host: a real desk, fed in batches, which may die between any two steps."""

from functools import partial

from tests.simulation.disks import NotebookDisk
from tests.simulation.stage import WALL_CLOCK_START, Stage
from tests.simulation.witness import Balance
from udpnote.errors import StorageError
from udpnote.lan.datagrams import Address, Datagram
from udpnote.server import HOUSEKEEPING_SECONDS, STORAGE_RETRY_SECONDS, Desk

BATCH_SECONDS = (0.0, 0.003)
"""From the first datagram to the commit: what arrives meanwhile is in the same batch."""

DAY_MICROSECONDS = 86_400_000_000


class ServerHost:
    """Serves `notebook`; a crash forgets everything but that."""

    def __init__(self, stage: Stage, notebook: NotebookDisk, addresses: list[Address]) -> None:
        self._stage = stage
        self._notebook = notebook
        self._addresses = addresses
        self._clock_error = 0
        self.is_up = False
        self.start()
        stage.clock.after(stage.random.uniform(0.0, HOUSEKEEPING_SECONDS), self._keep_house)

    @property
    def addresses(self) -> list[Address]:
        """Where it listens, when it is up."""
        return self._addresses

    def start(self) -> None:
        """Serve; nothing happens if it does."""
        if self.is_up:
            return
        self.is_up = True
        self._notebook.reopen()
        self._desk = Desk(self._notebook)
        self._balance = Balance()
        self._inbox: list[Datagram] = []
        self._is_busy = False
        for address in self._addresses:
            self._stage.network.attach(address, self._receive, hears_broadcasts=True)
        self._stage.tell("server at {}: up", self._addresses[0])

    def crash(self) -> None:
        """End, and forget all but the notebook."""
        self._inbox = []
        self.is_up = False
        for address in self._addresses:
            self._stage.network.detach(address)

    def move(self, addresses: list[Address]) -> None:
        """Listen elsewhere from the next start on."""
        assert not self.is_up, "a server does not move while it runs"
        self._addresses = addresses

    def jump_clock(self) -> None:
        """Set the wall clock wrong, by up to ten days."""
        self._clock_error = self._stage.random.randint(-10 * DAY_MICROSECONDS, 10 * DAY_MICROSECONDS)
        self._stage.clock.after(self._stage.random.uniform(0.0, 1.0), self._expire_fragments)

    def _wall_clock(self) -> int:
        return WALL_CLOCK_START + int(self._stage.clock.now * 1_000_000) + self._clock_error

    def _receive(self, data: bytes, source: Address) -> None:
        self._inbox.append((data, source))
        self._serve_soon(self._stage.random.uniform(*BATCH_SECONDS))

    def _serve_soon(self, seconds: float) -> None:
        if not self._is_busy:
            self._is_busy = True
            self._stage.clock.after(seconds, partial(self._serve, self._desk))

    def _serve(self, desk: Desk) -> None:
        """Handle the inbox as one batch, unless that desk has crashed meanwhile."""
        if not self.is_up or desk is not self._desk:
            return
        self._is_busy = False
        batch, self._inbox = self._inbox, []
        if not batch:
            return
        if self._stage.happens(self._stage.server_crash_rate, "server crashed before the commit"):
            self._restart_later()
            return
        answers = self._handle(batch)
        if answers and self._stage.happens(self._stage.server_crash_rate, "server crashed between commit and acknowledgement"):
            self._restart_later()
            return
        for data, destination in answers:
            self._stage.network.send(data, self._stage.random.choice(self._addresses), destination)

    def _handle(self, batch: list[Datagram]) -> list[Datagram]:
        self._balance.received(batch)
        try:
            answers = self._desk.handle(batch, self._wall_clock())
        except StorageError:
            self._stage.count("write failed")
            self._balance.failed(batch)
            self._is_busy = True
            self._stage.clock.after(STORAGE_RETRY_SECONDS, partial(self._serve, self._desk))
            return []
        self._balance.answered(answers)
        self._stage.witness.look_into_notebook()
        for reason, count in self._desk.drops().items():
            self._stage.coverage[f"server dropped: {reason}"] += count
        return answers

    def _restart_later(self) -> None:
        self.crash()
        self._stage.clock.after(self._stage.random.uniform(0.0, 10.0), self.start)

    def _keep_house(self) -> None:
        self._stage.clock.after(HOUSEKEEPING_SECONDS, self._keep_house)
        self._expire_fragments()

    def _expire_fragments(self) -> None:
        if self.is_up:
            try:
                self._notebook.expire_fragments(self._wall_clock())
            except StorageError:
                self._stage.count("housekeeping failed")
