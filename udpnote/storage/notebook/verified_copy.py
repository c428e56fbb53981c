"""Copies a notebook's file, also while its server stores entries, and checks the copy before it is used.

The whole copy shows one moment, because one read transaction lasts for all steps of SQLite's backup interface. If each step
were a transaction of its own, the interface would begin anew after each change by a server, and might never end. Until the copy
is finished, the server's log can only grow (see `log`).

If the log of the notebook is damaged or missing, the copy has what can be read. SQLite must not open such a notebook: it would
make a new index of the log (-shm), and the old index may be the only sign of the damage (see `log_file`). So the file and the
log are copied as they are, and SQLite opens the copies. From the log it applies the transactions before the damage. The
notebook's files stay as they are.

A copy is a draft (see `new_files`) until it was fsynced, read back from the disk and found whole. It has a mark of its own, so
that no log of the notebook is taken for the log of the copy (see `log_check`). The search index and the text file are not
copied, because the server of a restored notebook makes both again.
"""

import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from typing import NamedTuple, Self

from udpnote.errors import Notice, StorageError
from udpnote.model.entry import SeenEntry
from udpnote.storage.database import uri_of
from udpnote.storage.disk_errors import primary_code, storage_errors
from udpnote.storage.new_files import aside_name, draft_of, own_like
from udpnote.storage.notebook.log_check import CHECKPOINT_ID_BYTES, Mark, check_log, has_own_log
from udpnote.storage.notebook.read_only import ReadingConnection
from udpnote.storage.notebook.tables import SCHEMA, last_number, read_property, seen_at, stored_at

STEP_BYTES = 4 << 20
"""How much is copied in one step, which takes some milliseconds. Ctrl-C ends the copy between two steps."""

INSTRUCTIONS_BETWEEN_CHECKS = 100_000
"""After this many instructions of SQLite's virtual machine, about a millisecond, Python checks whether Ctrl-C was pressed."""

OnProgress = Callable[[int, int], None]
"""Called after each step of a copy with two numbers of bytes: copied so far, and all."""


class Content(NamedTuple):
    """What identifies the content of a notebook's file: a notebook and its copy have equal values here.

    `entries` is how many entries it has, erased ones included. `newest` is the latest of them, and `newest_at` the time when it
    was stored, in microseconds since 1970 UTC. In an empty notebook these are 0, `NOTHING_SEEN` and 0. `notebook_id` has 16
    bytes.
    """

    notebook_id: bytes
    name: str
    is_sealed: bool
    entries: int
    newest: SeenEntry
    newest_at: int

    @classmethod
    def read(cls, connection: sqlite3.Connection) -> Self:
        """Return the content of the notebook that `connection` has open. Counts all rows. Raises `sqlite3.Error`."""
        notebook_id, name, sealed = (read_property(connection, each) for each in ("notebook_id", "name", "sealed"))
        (entries,) = connection.execute("SELECT count(*) FROM entries").fetchone()
        last = last_number(connection)
        newest = seen_at(connection, last)
        known_id = notebook_id if isinstance(notebook_id, bytes) else b""
        return cls(known_id, str(name or ""), bool(sealed), entries, newest, stored_at(connection, last))


@contextmanager
def opened_to_copy(path: str) -> Iterator[sqlite3.Connection]:
    """Open the notebook in the file `path` for the block, in a read transaction: the block sees the state of one moment.

    Raises `StorageError` if the file is missing, and for the reasons of `ReadingConnection`. An `sqlite3.Error` in the block
    becomes a `StorageError` as well.
    """
    with storage_errors(path):
        if not os.path.exists(path):
            check_log(path)
            raise StorageError("notebook_not_there", path=path)
        reading = ReadingConnection(path)
        try:
            reading.connection.execute("BEGIN")
            with _interruptible(reading.connection):
                yield reading.connection
        finally:
            reading.close()


@contextmanager
def verified_copy(
    notebook: str, path: str, *, like: str, mode_max: int, on_progress: OnProgress | None, is_damaged: bool = False
) -> Iterator[tuple[str, Content]]:
    """Copy the notebook in the file `notebook` into a draft of `path`. Give the block (path of the draft, content).

    `is_damaged` says that the log of the notebook is damaged or missing: then what can be read is copied. `on_progress` is
    called after each step of the copy.

    Before the block runs, the draft is read back from the disk and found whole. The block moves the draft to its place. At the
    end of the block, a draft that was not moved is removed.

    The draft has the owner and permissions of `like`, up to `mode_max` (see `own_like`). Raises `NoSpace`, and `StorageError`:
    also if the copy is damaged, and for any `OSError` of the block.
    """
    with storage_errors(path), draft_of(path) as (descriptor, draft):
        own_like(descriptor, like, mode_max=mode_max)
        mark = Mark(os.urandom(CHECKPOINT_ID_BYTES), bytes(CHECKPOINT_ID_BYTES), is_open=False, is_last=True)
        if is_damaged:
            with _damaged_copy(notebook, draft, on_progress) as copy:
                with storage_errors(notebook):
                    content = Content.read(copy)
                mark.write(copy)
        else:
            with opened_to_copy(notebook) as source:
                content = Content.read(source)
                with storage_errors(path):  # most errors here are about the copy, such as a full disk
                    _copy(source, notebook, draft, mark, on_progress)
        os.fsync(descriptor)
        _drop_cache_of(descriptor)
        problem = _problem_of(draft, content, mark)
        if problem is not None:
            raise StorageError("copy_damaged", source=notebook, path=path, problem=problem)
        yield draft, content


def _copy(source: sqlite3.Connection, notebook: str, draft: str, mark: Mark, on_progress: OnProgress | None) -> None:
    """Copy the notebook that `source` has open, from the file `notebook`, into the empty file `draft`, and give it `mark`.

    Raises `StorageError` if the notebook is damaged, and `sqlite3.Error` for all else, such as a full disk.
    """

    def report(_status: int, left: int, total: int) -> None:
        if on_progress is not None:
            on_progress((total - left) * SCHEMA.page_bytes, total * SCHEMA.page_bytes)

    with closing(sqlite3.connect(draft, isolation_level=None)) as copy:
        copy.execute("PRAGMA journal_mode = OFF")  # after a failure the draft is removed
        copy.execute("PRAGMA synchronous = OFF")  # the caller fsyncs
        copy.execute("PRAGMA locking_mode = EXCLUSIVE")  # SQLite then makes no index of the log (-shm)
        try:
            source.backup(copy, pages=STEP_BYTES // SCHEMA.page_bytes, progress=report)
        except sqlite3.DatabaseError as error:
            if primary_code(error) in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
                raise StorageError("database_damaged", path=notebook, problem=str(error)) from error
            raise
        # the copied header says that the database has a write-ahead log, so SQLite writes the mark into one
        mark.write(copy)
        copy.execute("PRAGMA wal_checkpoint(TRUNCATE)")


@contextmanager
def _damaged_copy(notebook: str, draft: str, on_progress: OnProgress | None) -> Iterator[sqlite3.Connection]:
    """Copy the notebook in the file `notebook` into the empty file `draft`, and open `draft` for the block.

    `on_progress` is called after each step. At the end of the block, everything is in `draft`, and nothing beside it. The
    caller fsyncs. Raises `StorageError` if the log belongs to another file, or if a program changes the notebook meanwhile.
    Also raises `sqlite3.Error` and `OSError`.
    """
    log = f"{draft}-wal"
    try:
        before = _state_of(notebook)
        _copy_files(notebook, draft, on_progress)
        if _state_of(notebook) != before:
            raise StorageError("database_busy", path=notebook)
        with closing(sqlite3.connect(draft, isolation_level=None)) as copy:
            copy.execute("PRAGMA locking_mode = EXCLUSIVE")  # SQLite then makes no index of the log (-shm)
            copy.execute("PRAGMA synchronous = OFF")
            with storage_errors(notebook):
                copy.execute("PRAGMA schema_version").fetchone()  # now SQLite reads the log
            if not has_own_log(copy, draft):
                raise StorageError(
                    "log_of_another_file", path=notebook, log=f"{notebook}-wal", aside=aside_name(f"{notebook}-wal")
                )
            yield copy
            copy.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    finally:
        with suppress(FileNotFoundError):
            os.unlink(log)


def _copy_files(notebook: str, draft: str, on_progress: OnProgress | None) -> None:
    """Copy the file `notebook`, and its log if it has one, to `draft` and its log."""
    with ExitStack() as stack:
        pairs = []
        for suffix in ("", "-wal"):
            with suppress(FileNotFoundError):
                source = stack.enter_context(open(f"{notebook}{suffix}", "rb"))
                descriptor = os.open(f"{draft}{suffix}", os.O_CREAT | os.O_WRONLY, 0o600)
                pairs.append((source, stack.enter_context(open(descriptor, "wb"))))
        total = sum(os.fstat(source.fileno()).st_size for source, _ in pairs)
        copied = 0
        for source, copy in pairs:
            while step := source.read(STEP_BYTES):
                copied += copy.write(step)
                if on_progress is not None:
                    on_progress(copied, total)


def _state_of(notebook: str) -> list[tuple[int, int, int, int] | None]:
    """The device, inode, length and modification time of the file `notebook` and of its log; None for a missing one.

    The values of a file change if a program changes or replaces the file.
    """
    found: list[tuple[int, int, int, int] | None] = []
    for path in (notebook, f"{notebook}-wal"):
        try:
            status = os.stat(path)
        except FileNotFoundError:
            found.append(None)
        else:
            found.append((status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns))
    return found


def _drop_cache_of(descriptor: int) -> None:
    """Ask the system to drop the fsynced file from its memory, so that the file is next read from the disk."""
    if hasattr(os, "posix_fadvise"):  # not on macOS
        with suppress(OSError):
            os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)


def _problem_of(draft: str, content: Content, mark: Mark) -> Notice | str | None:
    """Check the copy in the file `draft`, which must have `content` and `mark`.

    If something is wrong with the copy, return a notice or SQLite's message that says what. Return None if the copy is whole.
    """
    with closing(sqlite3.connect(uri_of(draft, "immutable=1"), uri=True)) as copy, _interruptible(copy):
        try:
            (found,) = copy.execute("PRAGMA integrity_check(1)").fetchone()
            if found != "ok":
                return Notice("database_inconsistent", problem=str(found))
            if (Content.read(copy), Mark.read(copy)) != (content, mark):
                return Notice("copy_has_other_entries")
        except sqlite3.DatabaseError as error:
            if primary_code(error) == sqlite3.SQLITE_INTERRUPT:
                raise
            return str(error)
    return None


@contextmanager
def _interruptible(connection: sqlite3.Connection) -> Iterator[None]:
    """In the block, let Ctrl-C, and other signals whose handlers raise an error, end a long statement of `connection`.

    Python handles a signal only while Python code runs, so SQLite is told to call a Python function from time to time. If a
    handler raises an error in that function, SQLite reports only that the statement was interrupted. So this raises
    `KeyboardInterrupt` for every such error.
    """
    connection.set_progress_handler(lambda: 0, INSTRUCTIONS_BETWEEN_CHECKS)
    try:
        yield
    except sqlite3.DatabaseError as error:
        if primary_code(error) == sqlite3.SQLITE_INTERRUPT:
            raise KeyboardInterrupt from error
        raise
    finally:
        connection.set_progress_handler(None, 0)
