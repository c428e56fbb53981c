"""The databases of the simulation: the real ones, in memory; they outlive whoever crashes, fill up, break, and are copied."""

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any, Self

from udpnote.entry import Entry, Part, Status, Verdict, is_whole
from udpnote.storage.fragments import Fragments
from udpnote.storage.notebook import Notebook
from udpnote.storage.outbox import Outbox
from udpnote.storage.schema import IN_MEMORY

PAGES_MAX = 4_294_967_294
"""What SQLite has by default."""


class NotebookDisk(Notebook):
    """A notebook that counts its verdicts, and whose disk may be full or broken."""

    def __init__(self, coverage: Counter[str]) -> None:
        super().__init__(IN_MEMORY)
        self._coverage = coverage

    def store(self, parts: Sequence[Part], now: int) -> list[Verdict]:
        verdicts = super().store(parts, now)
        for part, verdict in zip(parts, verdicts, strict=True):
            self._coverage[f"verdict {verdict.status.name}"] += 1
            if verdict.status is Status.STORED and not is_whole(part):
                self._coverage["multi-part entry completed"] += 1
        return verdicts

    def expire_fragments(self, now: int) -> None:
        before = self._unfinished()
        super().expire_fragments(now)
        self._coverage["unfinished entry expired"] += before - self._unfinished()

    @property
    def is_empty(self) -> bool:
        """Whether it holds nothing, not even a part of an entry."""
        return not self.last_number and not self._unfinished()

    def reopen(self) -> None:
        """Forget what only the process knew, as opening the file anew does."""
        self._clients = {}
        self._fragments = Fragments(self._connection)
        (self._last_number,) = self._connection.execute("SELECT coalesce(max(number), 0) FROM entries").fetchone()

    def fill(self) -> None:
        """Let the database not grow any more."""
        self._connection.execute("PRAGMA max_page_count = 1")

    def free(self) -> None:
        """Let it grow again."""
        self._connection.execute(f"PRAGMA max_page_count = {PAGES_MAX}")

    def fail(self, is_failing: bool) -> None:
        """Let every write fail, or succeed again."""
        self._connection.execute(f"PRAGMA query_only = {is_failing:d}")

    def _unfinished(self) -> int:
        (count,) = self._connection.execute("SELECT count(*) FROM fragments").fetchone()
        return int(count)


class OutboxDisk(Outbox):
    """An outbox whose removals a power failure may undo, and that may be copied, as the disk of a virtual machine is."""

    def __init__(self) -> None:
        super().__init__(IN_MEMORY)
        self._removed: list[tuple[Any, ...]] = []

    def remove(self, sequences: Iterable[int]) -> None:
        removed = list(sequences)
        for sequence in removed:
            self._removed += self._connection.execute("SELECT * FROM entries WHERE sequence = ?", (sequence,))
        super().remove(removed)

    def add(self, texts: Sequence[str], **details: Any) -> list[Entry]:
        self._removed = []  # what is written durably takes along what was written before
        return super().add(texts, **details)

    def renew(self, entry: Entry) -> Entry | None:
        self._removed = []
        return super().renew(entry)

    def lose_power(self) -> int:
        """Undo the removals that no durable write has followed; gives how many."""
        undone, self._removed = self._removed, []
        for row in undone:
            self._connection.execute(f"INSERT INTO entries VALUES ({', '.join('?' * len(row))})", row)
        return len(undone)

    def copy(self) -> Self:
        """A database of its own with the same content."""
        copied = type(self)()
        self._connection.backup(copied._connection)
        return copied
