"""Those who import: real importers of a file, cut short, and begun again until all of it is in the notebook."""

from collections.abc import Callable, Sequence

from tests.simulation.chronicle import Violation
from tests.simulation.processes import Process
from tests.simulation.stage import Stage
from udpnote.client.importing import Fate, FateQueue, Imported, ImportSession
from udpnote.errors import NoSpace
from udpnote.model.address import Address
from udpnote.model.entry import Status, StoredEntry, Verdict
from udpnote.model.notebook import KnownNotebook
from udpnote.protocol.delivery import Rejected, Stored
from udpnote.protocol.rediscovery import ImpostorFound, LookingForServer, RediscoveryEvent, ServerMoved
from udpnote.protocol.server_contact import KeyChanged

AGAIN_SECONDS = (0.0, 10.0)
"""After an import was cut short, until the user imports the file again."""


class ImportingProcess(Process):
    """One process that imports `olds`."""

    trade = "importer"

    def __init__(
        self,
        stage: Stage,
        notebook: KnownNotebook,
        olds: Sequence[StoredEntry],
        *,
        host: str,
        ended: Callable[["ImportingProcess"], None],
    ) -> None:
        super().__init__(stage, host=host, ended=ended)
        revised = {old.entry.revises for old in olds if old.entry.revises}
        self.imported: list[Imported] = []
        self.is_complete = self._has_old_key = False
        self._queue = FateQueue(olds, revised, before=stage.witness.chronicle.last)
        self._importer = ImportSession(notebook, random=stage.random, envelope=stage.seals.client(notebook.key_id))

    def begin(self) -> None:
        """Send the first datagrams."""
        self._step()

    def receive(self, data: bytes, source: Address) -> None:
        """Take a datagram."""
        answered_at = self._importer.answered_at
        self._importer.receive_datagram(data, source, self._now())
        if self._importer.answered_at > answered_at:
            self._pace.answered(self._now())
        if self._dies("importer crashed after receiving"):
            return
        self._step()

    def _step(self) -> None:
        self._importer.handle_timeout(self._now())
        for event in self._importer.events():
            self._take_event(event)
        if self._has_old_key:
            self.end()
            return
        try:
            self._go_on()
        except NoSpace:
            self._stage.count("import ended by a full disk")
            self.end()
            return
        self.is_complete = self._queue.is_done
        if self.is_complete:
            self.end()
        elif self._send_due(self._importer, is_silent=False):
            self._sleep(self._importer.next_timeout())

    def _go_on(self) -> None:
        """Take the next entries of the file, and note what is told of those before."""
        if not self._importer.outstanding:
            self._pace.heard(self._now())
        told = -1
        while len(self.imported) > told:
            told = len(self.imported)
            self._importer.add(self._queue.take())
            self._importer.prepare(self._now())
            for imported in self._queue.told():
                self.imported.append(imported)  # one by one: an error may follow

    def _take_event(self, event: Stored | Rejected | RediscoveryEvent) -> None:
        match event:
            case Stored(entry, number):
                self._stage.tell("{}: {} of the file is #{}", self._address, entry.sequence, number)
                self._queue.settle(entry, Verdict(Status.STORED, number))
            case Rejected(entry, status):
                self._queue.settle(entry, Verdict(status, 0))
            case ServerMoved(address):
                self._found(address)
            case LookingForServer():
                self._stage.count("server looked for by an importer")
            case ImpostorFound():
                self._stage.count("impostor told of")
            case KeyChanged():
                self._stage.seals.check_told(self._importer.notebook.key_id)
                self._stage.count("importer told of another key")
                self._has_old_key = True


class ImportingUser:
    """Imports a file, again and again until all of it is in the notebook."""

    def __init__(
        self,
        stage: Stage,
        olds: Sequence[StoredEntry],
        *,
        orphans: set[int],
        known: Callable[[], KnownNotebook],
    ) -> None:
        self._stage, self._olds, self._orphans = stage, olds, orphans
        self._known = known
        self._process: ImportingProcess | None = None
        self.is_settled = False

    def begin(self) -> None:
        """Import the file."""
        self._process = ImportingProcess(
            self._stage, self._known(), self._olds, host=self._stage.new_host("10.0.4"), ended=self._ended
        )
        self._process.begin()

    def crash(self) -> None:
        """Cut the import short."""
        if self._process is not None:
            self._process.end()

    def _ended(self, process: ImportingProcess) -> None:
        self._process = None
        self._check(process)
        if process.is_complete:
            self.is_settled = True
            self._stage.count("import completed")
            return
        self._stage.count("import cut short")
        self._stage.clock.after(self._stage.random.uniform(*AGAIN_SECONDS), self.begin)

    def _check(self, process: ImportingProcess) -> None:
        """Check what this process was told: each entry's fate, once, and the right one."""
        told = [imported.old for imported in process.imported]
        if told != self._olds[: len(told)] or (process.is_complete and len(told) != len(self._olds)):
            raise Violation(f"whoever imports a file was told of #{[old.number for old in told]}")
        for imported in process.imported:
            self._check_one(imported)

    def _check_one(self, imported: Imported) -> None:
        old, fate, number = imported
        self._stage.coverage[f"imported {fate.name}"] += 1
        if (fate is Fate.ORPHANED) != (old.number in self._orphans):
            raise Violation(f"#{old.number} of a file was taken for {fate.name}")
        if fate is Fate.ORPHANED:
            return
        stored = self._stage.witness.chronicle.entry(number)
        if fate not in (Fate.NEW, Fate.THERE_ALREADY) or stored is None or stored.entry[:2] != old.entry[:2]:
            raise Violation(f"#{old.number} of a file was told to be {fate.name}, as #{number}: {stored}")
