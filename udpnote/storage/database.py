"""Opening database files: durable, migrated by name, and refused with a reason where they cannot be used."""

import os
import sqlite3
import stat
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import NamedTuple

from udpnote.errors import NoSpace, StorageError

IN_MEMORY = ":memory:"
"""The path of a database without a file, for tests and simulations."""

BUSY_SECONDS = 30.0
"""How long to wait for another process's transaction: far more than twenty commits on a slow disk."""

SERVER_BUSY_SECONDS = 0.5
"""How long a server waits for another program that has locked its notebook, before it answers somebody else."""

CACHE_KIBIBYTES = 8192
"""Page cache per database: the hot leaves of a thousand clients, an eighth of the server's 64 MiB."""

LOG_BYTES = 16 << 20
"""Write-ahead log between checkpoints: their fsync is then rare even at full speed."""

_SQLITE_HEADER = b"SQLite format 3\x00"

Migration = Callable[[sqlite3.Connection], object]


class Schema(NamedTuple):
    """One kind of database file: what it is called, its mark in the header, its page, and how its tables came about."""

    what: str
    application_id: int
    page_bytes: int
    migrations: dict[str, Migration]


def open_database(path: str, schema: Schema) -> sqlite3.Connection:
    """Open `path`, made if it is not there, migrated if it is older; raises `StorageError`.

    Commits are durable when they return: write-ahead log, `synchronous=FULL`. Several processes may open it at once.
    """
    with storage_errors(path):
        if path != IN_MEMORY:
            _check_file(path, schema)
            if not os.path.exists(path):
                _create(path, schema)
        connection = _connect(path, schema)
        try:
            _check_schema(connection, path, schema)
            _migrate(connection, schema)
        except BaseException:
            connection.close()
            raise
        return connection


@contextmanager
def storage_errors(path: str) -> Iterator[None]:
    """Turn what SQLite and the operating system say about `path` into a `StorageError` with the next step."""
    try:
        yield
    except sqlite3.Error as error:
        code = getattr(error, "sqlite_errorcode", 0) & 0xFF
        if code == sqlite3.SQLITE_FULL or (code == sqlite3.SQLITE_IOERR and _is_full(path)):
            raise NoSpace(f"the disk is full, {path} cannot grow: free some space and try again") from error
        raise StorageError(_advice(path, code, error)) from error
    except OSError as error:
        if error.errno == _ENOSPC:
            raise NoSpace(f"the disk is full, {path} cannot be made: free some space and try again") from error
        raise StorageError(f"cannot use {path} ({error.strerror}): check the path and its permissions") from error


_ENOSPC = 28

_ROOM_BYTES = 64 << 10
"""What SQLite needs before it writes anything, 32 KiB of shared memory, and as much again: with less, the disk is full."""


def _is_full(path: str) -> bool:
    """Whether there is next to no room where `path` is: SQLite says of its shared memory only that it cannot be made."""
    try:
        disk = os.statvfs(os.path.dirname(os.path.realpath(path)))
    except OSError:  # nobody knows: what SQLite has said is told then
        return False
    return disk.f_bavail * disk.f_frsize < _ROOM_BYTES


def _advice(path: str, code: int, error: sqlite3.Error) -> str:
    if code in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
        return (
            f"{path} is damaged ({error}): nothing was changed. Move it away to start a new one; "
            f"`sqlite3 {path} .recover` may save what it holds"
        )
    if code == sqlite3.SQLITE_BUSY:
        return f"{path} is busy: another program has held it for {BUSY_SECONDS:.0f} seconds. End that one and try again"
    if code in (sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM):
        return f"cannot write {path} ({error}): check its permissions and its folder's, or choose another file"
    return f"cannot use {path}: {error}"


@contextmanager
def atomic(connection: sqlite3.Connection) -> Iterator[sqlite3.Connection]:
    """One transaction that writes: committed at the end, rolled back if anything is raised."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield connection
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def lay_out_log(connection: sqlite3.Connection, path: str) -> None:
    """Give the write-ahead log of `path` its full length now, by a large transaction that is rolled back.

    A commit then overwrites blocks that the file has, instead of making it longer: its fsync need not wait for the file
    system's own journal, which nearly halves it on ext4. Where space is short, it is left to the entries.
    """
    from shutil import disk_usage  # here, because only servers lay out a log

    if path == IN_MEMORY or disk_usage(os.path.dirname(path) or ".").free < 4 * LOG_BYTES:
        return
    connection.execute("PRAGMA cache_size = 10")  # so small that the transaction spills into the log
    connection.execute("BEGIN IMMEDIATE")
    try:
        connection.execute("CREATE TABLE padding (bytes BLOB)")
        connection.execute("INSERT INTO padding VALUES (zeroblob(?))", (LOG_BYTES,))
    finally:
        if connection.in_transaction:  # it is not where the disk filled up meanwhile
            connection.execute("ROLLBACK")
        connection.execute(f"PRAGMA cache_size = -{CACHE_KIBIBYTES}")


def is_database(path: str) -> bool:
    """Whether the file `path` is a database of SQLite; raises `OSError`."""
    with open(path, "rb") as file:
        return file.read(len(_SQLITE_HEADER)) == _SQLITE_HEADER


def check_kind(path: str, schema: Schema) -> None:
    """Raise `StorageError` if there is something at `path` that is no file: who reads from a pipe may wait for ever."""
    with storage_errors(path):
        try:
            mode = os.stat(path).st_mode
        except FileNotFoundError:
            return
    if not stat.S_ISREG(mode):
        what = "a folder" if stat.S_ISDIR(mode) else "a pipe, a device or a socket"
        raise StorageError(f"{path} is no udpnote {schema.what}, it is {what}: choose another file, or move it away")


def _check_file(path: str, schema: Schema) -> None:
    """Raise `StorageError` if `path` is something else than a database; an empty file may become one."""
    check_kind(path, schema)
    try:
        with open(path, "rb") as file:
            start = file.read(len(_SQLITE_HEADER))
    except FileNotFoundError:
        return
    if start and start != _SQLITE_HEADER:
        raise StorageError(f"{path} is not a udpnote {schema.what}: choose another file, or move it away")


def _create(path: str, schema: Schema) -> None:
    """Make the database under another name and link it into place: whoever opens `path` finds it whole."""
    os.makedirs(os.path.dirname(path) or ".", mode=0o700, exist_ok=True)
    draft = f"{path}.{os.getpid()}.{time.monotonic_ns()}.new"
    os.close(os.open(draft, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
    try:
        connection = _connect(draft, schema)
        try:
            connection.execute(f"PRAGMA application_id = {schema.application_id}")
            connection.execute("PRAGMA journal_mode = WAL")
            _migrate(connection, schema)
        finally:
            connection.close()
        _link(draft, path)
    finally:
        os.unlink(draft)


def _link(draft: str, path: str) -> None:
    try:
        os.link(draft, path)
    except FileExistsError:
        return  # another process was first, and its database is as good
    except OSError:  # a file system without links: one process at a time, and the caller finds a draft to remove
        from filelock import FileLock

        with FileLock(f"{path}.new.lock", mode=0o600):
            if not os.path.exists(path):
                os.replace(draft, path)
                open(draft, "wb").close()


def _connect(path: str, schema: Schema) -> sqlite3.Connection:
    connection = sqlite3.connect(path, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False)
    try:
        connection.execute(f"PRAGMA page_size = {schema.page_bytes}")  # of a new file
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA fullfsync = ON")  # macOS: fsync alone leaves data in the drive's cache
        connection.execute(f"PRAGMA cache_size = -{CACHE_KIBIBYTES}")
        connection.execute(f"PRAGMA wal_autocheckpoint = {LOG_BYTES // schema.page_bytes}")
    except BaseException:
        connection.close()
        raise
    return connection


def _check_schema(connection: sqlite3.Connection, path: str, schema: Schema) -> None:
    (application_id,) = connection.execute("PRAGMA application_id").fetchone()
    (tables,) = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    if tables == 0:
        connection.execute(f"PRAGMA application_id = {schema.application_id}")
        connection.execute("PRAGMA journal_mode = WAL")
    elif application_id != schema.application_id:
        raise StorageError(f"{path} is not a udpnote {schema.what}: choose another file, or move it away")
    unknown = _applied(connection) - set(schema.migrations)
    if unknown:
        raise StorageError(
            f"{path} was written by a newer udpnote (it knows {', '.join(sorted(unknown))}): upgrade udpnote to open it"
        )


def _applied(connection: sqlite3.Connection) -> set[str]:
    if connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'migrations'").fetchone() is None:
        return set()
    return {name for (name,) in connection.execute("SELECT name FROM migrations")}


def _migrate(connection: sqlite3.Connection, schema: Schema) -> None:
    """Apply the migrations that are missing, all of them or none."""
    if _applied(connection) >= set(schema.migrations):
        return
    with atomic(connection):
        connection.execute("CREATE TABLE IF NOT EXISTS migrations (name TEXT PRIMARY KEY) WITHOUT ROWID")
        applied = _applied(connection)
        for name, migration in schema.migrations.items():
            if name not in applied:
                migration(connection)
                connection.execute("INSERT INTO migrations VALUES (?)", (name,))
