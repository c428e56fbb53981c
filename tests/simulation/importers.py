"""Simulates processes that import, and users who import a file again and again until all of it is in the notebook."""

from collections.abc import Callable, Sequence

from tests.simulation.disks import OutboxDisk
from tests.simulation.history import Violation
from tests.simulation.lan import Lan
from tests.simulation.processes import Process
from udpnote.client.client import Client
from udpnote.client.sending.import_queue import Imported, ImportOutcome
from udpnote.errors import StorageError
from udpnote.model.entry import StoredEntry

AGAIN_SECONDS = (0.0, 10.0)  # after an import was cut short, until the user imports the file again


class ImportingProcess(Process):
    """One process that imports `olds`, the entries of a file."""

    trade = "importer"
    waits_seconds = (3.0, 20.0, 60.0)
    is_complete = False

    def __init__(
        self, lan: Lan, outbox: OutboxDisk, olds: Sequence[StoredEntry], *, ended: Callable[["ImportingProcess"], None]
    ) -> None:
        super().__init__(lan, outbox, host=lan.new_host("10.0.4"), ended=ended)
        self._olds = olds
        self.imported: list[Imported] = []

    def _work(self, client: Client) -> None:
        revised = {old.entry.revises for old in self._olds if old.entry.revises}
        try:
            for imported in client.import_entries(self._olds, revised=revised):
                self.imported.append(imported)
            self.is_complete = True
        except StorageError as error:
            self._lan.count(f"import ended: {error.notice.kind}")


class ImportingUser:
    """Imports a file, again and again until all of it is in the notebook. `orphans` are those of `witness.Import`."""

    def __init__(
        self, lan: Lan, olds: Sequence[StoredEntry], *, orphans: set[int], new_outbox: Callable[[], OutboxDisk]
    ) -> None:
        self._lan, self._olds, self._orphans, self._new_outbox = lan, olds, orphans, new_outbox
        self._process: ImportingProcess | None = None
        self.is_settled = False

    def begin(self) -> None:
        self._process = process = ImportingProcess(self._lan, self._new_outbox(), self._olds, ended=self._ended)
        process.resume()

    def crash(self) -> None:
        if self._process is not None:
            self._process.crash()

    def _ended(self, process: ImportingProcess) -> None:
        """Check what the process has reported. If it has not imported everything, begin again later."""
        self._process = None
        told = [imported.old for imported in process.imported]
        if told != self._olds[: len(told)] or (process.is_complete and len(told) != len(self._olds)):
            raise Violation(f"an importing user was told of #{[old.number for old in told]}")
        for imported in process.imported:
            self._check(imported)
        self.is_settled = process.is_complete
        self._lan.count("import completed" if process.is_complete else "import cut short")
        if not process.is_complete:
            self._lan.clock.after(self._lan.random.uniform(*AGAIN_SECONDS), self.begin)

    def _check(self, imported: Imported) -> None:
        """Check the outcome of an entry, as the client has reported it."""
        old, outcome, number = imported
        self._lan.coverage[f"imported {outcome.name}"] += 1
        if (outcome is ImportOutcome.ORPHANED) != (old.number in self._orphans):
            raise Violation(f"#{old.number} of a file was taken for {outcome.name}")
        stored = self._lan.witness.history.entry(number)
        is_there = (
            outcome in (ImportOutcome.NEW, ImportOutcome.THERE_ALREADY)
            and stored is not None
            and stored.entry[:2] == old.entry[:2]
        )
        if outcome is not ImportOutcome.ORPHANED and not is_there:
            raise Violation(f"#{old.number} of a file was reported as {outcome.name}, as #{number}: {stored}")
