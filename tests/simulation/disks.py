"""The databases of the simulation: real ones, in memory. They survive crashes, and may be full, broken or copied."""

import sqlite3
from collections import Counter
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager
from random import Random
from typing import Any, Self

from udpnote.errors import StorageError
from udpnote.model.entry import NOTHING_SEEN, Arrival, Bundle, Kind, NoteRun, Part, Status, Verdict, is_whole
from udpnote.model.notebook import KnownNotebook
from udpnote.model.outbox_entries import WaitingEntry
from udpnote.model.query import Cursor, LookupStep, Query
from udpnote.storage.database import IN_MEMORY
from udpnote.storage.index.index import Index
from udpnote.storage.index.search_worker import BackgroundSearch, Executor, search
from udpnote.storage.index.shard_search import Answer, Question
from udpnote.storage.notebook.entry_store import EntryStore
from udpnote.storage.notebook.erasure import replace_rows
from udpnote.storage.notebook.lookup import Lookup
from udpnote.storage.notebook.notebook import Notebook
from udpnote.storage.outbox.outbox import Outbox
from udpnote.storage.outbox.outbox_file import OutboxFile

PAGES_MAX, PAGE_BYTES = 4_294_967_294, 4096  # the defaults of SQLite
SHARD_NUMBERS_MAX = 32  # few enough that the search index of a simulated notebook has several shards
ITEMS_BEFORE_FAILURE = 3  # how many items of an answer a broken disk still gives


class IndexDisk(Index):
    """A search index whose file outlives its server. The index is written without fsync, so a crash may undo its latest
    transactions: `left_by_a_crash` draws what is left.

    The argument `image` is the content of the file when the server opens it; None stands for no file. `earlier` is the content
    at the latest `NotebookDisk.remember_index`, or None.
    """

    def __init__(self, notebook: sqlite3.Connection, image: bytes | None) -> None:
        self._image = image
        self.earlier: bytes | None = None
        super().__init__(IN_MEMORY, notebook, shard_numbers_max=SHARD_NUMBERS_MAX)

    def _connect(self, path: str) -> sqlite3.Connection:
        connection = super()._connect(path)
        image, self._image = self._image, None
        if image is not None:
            connection.deserialize(image)
        return connection

    def use_executor(self, executor: Executor) -> None:
        super().use_executor(executor)
        self._open_index.search = SearchesDisk(self._open_index.connection, executor)

    def search_at_once(self) -> None:
        """Search in this thread from now on."""
        self._executor = self._open_index.search = None

    def execute(self, statement: str) -> None:
        self._open_index.connection.execute(statement)

    def image(self) -> bytes:
        return self._open_index.connection.serialize()

    def left_by_a_crash(self, random: Random) -> tuple[bytes | None, str]:
        """Return the content of the file after a crash (None if it is lost), and what has happened to it."""
        chance = random.random()
        if chance < 0.4 and self.earlier is not None:
            return self.earlier, "index behind after a crash"
        if chance < 0.8:
            return self.image(), "index kept"
        return (damaged(self.image(), random), "index damaged") if chance < 0.9 else (None, "index lost")


class SearchesDisk(BackgroundSearch):
    """Searches an index in memory, through its only connection. Each job searches two shards."""

    def __init__(self, connection: sqlite3.Connection, executor: Executor) -> None:
        super().__init__(IN_MEMORY, executor)
        self._only_connection = connection

    def _answer(self, question: Question) -> Answer | None:
        asked = iter((False, True))
        return search(self._only_connection, question, lambda: next(asked))

    def close(self) -> None:
        """Close nothing: the connection belongs to the index."""


class LookupDisk(Lookup):
    """A lookup that raises `StorageError` after a few results while its disk is broken."""

    is_broken = False

    def answer(self, query: Query, start: Cursor, is_time_up: Callable[[], bool]) -> Generator[LookupStep, None, None]:
        for place, found in enumerate(super().answer(query, start, is_time_up)):
            if self.is_broken and place == ITEMS_BEFORE_FAILURE:
                break
            yield found
        if self.is_broken:
            raise StorageError("the disk is broken")


def damaged(image: bytes, random: Random) -> bytes:
    """Return a copy of the database file `image` in which one page is zeroed, or which is cut off before a page."""
    page = PAGE_BYTES * random.randrange(len(image) // PAGE_BYTES)
    if page and random.random() < 0.3:
        return image[:page]
    return image[:page] + bytes(PAGE_BYTES) + image[page + PAGE_BYTES :]


class NotebookDisk(Notebook):
    """A notebook that counts its verdicts, and whose disk may be full or broken.

    `refused` are the client ids and sequences of all entries that it has refused at least once. It must not store a change that
    it has refused since it was last opened.
    """

    def __init__(self, coverage: Counter[str]) -> None:
        super().__init__(IN_MEMORY)
        self._coverage = coverage
        self.refused: set[tuple[bytes, int]] = set()
        self._refused_lately: set[Part] = set()
        self.lookup.index.close()
        self._open_index(None)

    def store(self, arrivals: Sequence[Arrival], now: int) -> list[Verdict | None]:
        verdicts = super().store(arrivals, now)
        for each, verdict in zip(arrivals, verdicts, strict=True):
            if verdict is not None:
                what = " on a run" * isinstance(each, NoteRun) + " on a bundle" * isinstance(each, Bundle)
                self._coverage[f"verdict {verdict.status.name}{what}"] += 1
            if verdict is not None and verdict.status is Status.REFUSED:
                self.refused.add((each.client_id, each.sequence))
            if isinstance(each, Part) and each.kind is not Kind.NOTE and verdict is not None:
                if verdict.status is Status.REFUSED:
                    self._refused_lately.add(each)
                assert verdict.status is not Status.STORED or each not in self._refused_lately, "stored, though it was refused"
            if verdict is not None and verdict.status is Status.STORED and isinstance(each, Part):
                self._coverage[f"{each.kind.name.lower()} stored"] += 1
                self._coverage["multi-part entry completed"] += not is_whole(each)
        return verdicts

    def expire_partial_entries(self, now: int) -> None:
        before = self.unfinished
        super().expire_partial_entries(now)
        self._coverage["unfinished entry expired"] += before - self.unfinished

    @property
    def unfinished(self) -> int:
        """How many entries of which some parts are still missing are kept."""
        (count,) = self._connection.execute("SELECT count(*) FROM partial_entries").fetchone()
        return int(count)

    def reopen(self, random: Random) -> None:
        """Forget what only the process knew, as after a restart of the server. The search index may lose its latest writes."""
        self._entry_store = EntryStore(self._connection)
        self._refused_lately.clear()
        (self._last_number,) = self._connection.execute("SELECT coalesce(max(number), 0) FROM entries").fetchone()
        image, what = self._index.left_by_a_crash(random)
        self._coverage[what] += 1
        self._index.close()
        self._open_index(image)

    def go_back_to(self, number: int) -> None:
        """Become an older copy, with the entries up to this `number`. No server may run."""
        for table in ("entries", "revisions", "part_digests"):
            self._connection.execute(f"DELETE FROM {table} WHERE number > ?", (number,))
        self._last_number, self._newest = number, NOTHING_SEEN

    def erase(self, number: int, now: int) -> list[int]:
        """Erase the note of the entry with this number, and return the numbers of its versions. No server may run.

        `now` is the time in microseconds since 1970 UTC.
        """
        root = self.note_number(number)
        rows = self._connection.execute("SELECT number FROM revisions WHERE root = ?", (root,))
        numbers = [root, *(each for (each,) in rows)]
        replace_rows(self._connection, numbers, now)
        self._index.close()
        self._open_index(None)
        return numbers

    def remember_index(self) -> None:
        """Remember the search index as it is now. A crash may set it back to this state."""
        self._index.earlier = self._index.image()

    def search_at_once(self) -> None:
        """Search without an executor from now on, because no server runs any more that would wait for it."""
        self._index.search_at_once()

    def fill(self, pages_max: int = 1) -> None:
        """Fill the disk: no database may have more than `pages_max` pages."""
        self._set_pragma(f"max_page_count = {pages_max}")

    def free(self) -> None:
        """Make room on the disk again."""
        self.fill(PAGES_MAX)

    def fail(self, is_failing: bool) -> None:
        """Let the disk be broken from now on, or work again."""
        self._set_pragma(f"query_only = {is_failing:d}")
        self._lookup_disk.is_broken = is_failing

    def _set_pragma(self, pragma: str) -> None:
        for file in (self._connection, self._index):
            file.execute(f"PRAGMA {pragma}")

    def _open_index(self, image: bytes | None) -> None:
        self._index = IndexDisk(self._connection, image)
        self._lookup = self._lookup_disk = LookupDisk(self._connection, self.path, self._index)


class OutboxDiskFile(OutboxFile):
    """The file of an `OutboxDisk`. It has the outbox as it was at the latest fsync."""

    def __init__(self, path: str, **options: Any) -> None:
        super().__init__(path, **options)
        self._durable = b""
        self._changes_without_fsync = -1

    @contextmanager
    def without_fsync(self) -> Iterator[sqlite3.Connection]:
        if self._is_durable:
            self._durable = self.connection.serialize()
        with super().without_fsync() as connection:
            yield connection
        self._changes_without_fsync = self.connection.total_changes

    def make_durable(self) -> None:
        self._changes_without_fsync = -1

    @property
    def _is_durable(self) -> bool:
        """Whether the latest write had an fsync, which also makes all earlier writes durable."""
        return self.connection.total_changes != self._changes_without_fsync

    def lose_power(self) -> None:
        """Undo the writes that were not durable yet."""
        if not self._is_durable:
            self.connection.deserialize(self._durable)


class OutboxDisk(Outbox):
    """The file of an outbox. A power failure undoes those of its latest writes that had no fsync. It may be copied.

    `key_ids` are the ids of all keys with which it has joined, and `joins` counts how often it has joined.
    """

    _File = OutboxDiskFile
    _file: OutboxDiskFile

    def __init__(self) -> None:
        super().__init__(IN_MEMORY)
        self.key_ids: set[bytes] = set()
        self.joins = 0

    def join(self, notebook: KnownNotebook, key: bytes, *, server: str | None = None) -> None:
        assert notebook.key_id is not None, "only sealed notebooks are joined"
        self.key_ids.add(notebook.key_id)
        self.joins += 1
        super().join(notebook, key, server=server)

    def lose_power(self) -> None:
        """Undo the writes that were not durable yet."""
        self._file.lose_power()

    def copy(self) -> Self:
        copied = type(self)()
        self._file.connection.backup(copied._file.connection)
        copied.key_ids = set(self.key_ids)
        return copied


def all_waiting(outbox: Outbox) -> list[WaitingEntry]:
    """Return all entries in `outbox`, which lists them page by page."""
    found: list[WaitingEntry] = []
    while page := outbox.listing(found[-1].entry.sequence + 1 if found else 1):
        found += page
    return found
