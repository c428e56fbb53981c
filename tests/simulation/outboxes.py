"""An outbox as one process has opened it: each change is checked, and the process may crash at each change."""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from tests.simulation.disks import OutboxDisk
from tests.simulation.lan import Lan
from udpnote.model.entry import Entry, Status
from udpnote.model.notebook import KnownNotebook
from udpnote.storage.database import IN_MEMORY
from udpnote.storage.outbox import Outbox

if TYPE_CHECKING:
    from tests.simulation.processes import Process


class OpenOutbox(Outbox):
    """The outbox on `disk`, for one process."""

    def __init__(self, disk: OutboxDisk, process: "Process", lan: Lan) -> None:
        self.path = IN_MEMORY
        self._connection = disk.connection
        self._disk, self._process, self._lan = disk, process, lan

    def close(self) -> None:
        """Close nothing: the disk outlives the process."""

    def version(self) -> int:
        """The number of all changes, because all processes share one connection."""
        return self._connection.total_changes

    def add(self, texts: Sequence[str], **details: Any) -> list[Entry]:
        self._process.check_alive()
        entries = super().add(texts, **details)
        self._disk.sync()
        self._process.wrote(entries)
        self._process.may_crash("after adding to the outbox")
        return entries

    def remove(self, sequences: Iterable[int]) -> None:
        removed = list(sequences)
        if removed:
            self._process.may_crash("between an answer and removing the entry", times=4)
        self._process.check_alive()
        for entry in self._disk.note_removal(removed):
            self._lan.witness.removed(entry)
        super().remove(removed)

    def mark_refused(self, sequence: int, status: Status) -> None:
        self._process.check_alive()
        for entry in self._disk.note_refusal(sequence):
            self._lan.witness.refused(entry, status)
        super().mark_refused(sequence, status)
        self._lan.count("revision refused")

    def renew(self, entry: Entry) -> Entry | None:
        self._process.check_alive()
        self._disk.sync()
        renewed = super().renew(entry)
        self._lan.witness.renewed(entry, renewed)
        self._lan.count("entry renewed" if renewed is not None else "entry renewed by another process")
        return renewed

    def join(self, notebook: KnownNotebook, key: bytes, *, server: str | None = None) -> None:
        self._process.check_alive()
        self._disk.join(notebook, key, server=server)

    def remember(self, notebook: KnownNotebook, *, may_choose: bool = False) -> KnownNotebook | None:
        self._process.check_alive()
        self._lan.coverage["notebook discovered"] += self.notebook(notebook.notebook_id) is None
        return super().remember(notebook, may_choose=may_choose)
