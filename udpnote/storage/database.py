"""Opens SQLite files: creates missing ones, makes every commit durable, and refuses files that udpnote cannot use."""

import os
import sqlite3
import stat
from collections.abc import Callable, Collection, Iterator
from contextlib import closing, contextmanager, suppress
from typing import NamedTuple

from udpnote.errors import StorageError
from udpnote.storage.disk_errors import has_locks, has_small_blocks, storage_errors
from udpnote.storage.inherited_files import SQLITE_HEADER, record_opened, refuse_inherited
from udpnote.storage.new_files import draft_of, link_draft, make_folders, own_like, remove_old_drafts, sync_folder

IN_MEMORY = ":memory:"
"""The path of a database without a file, for tests and simulations."""

BUSY_SECONDS = 30.0
"""How long SQLite waits for another process's transaction to end. On a slow disk, twenty commits take less time than this."""

SERVER_BUSY_SECONDS = 0.5
"""How long a server waits for another program that has locked its notebook. Meanwhile it answers no client."""

CACHE_KIBIBYTES = 8192
"""The size of SQLite's page cache for each database: 8 MiB hold all pages that change when a thousand clients write at once."""

CHECKPOINT_BYTES = 4 << 20
"""When the write-ahead log (WAL) has this length, a commit also copies it into the file: SQLite does a checkpoint. That takes
some 10 ms. With a shorter log, bulk writes would be slower, because each checkpoint needs two fsyncs."""

LOG_HEADER_BYTES = 32
"""The length of a write-ahead log's header. A log that is not longer has no transaction."""

PAGE_BYTES_MIN = 512
"""The smallest page of SQLite, and the length of the shortest database that is not empty."""

COMPANION_SUFFIXES = ("-wal", "-shm", "-journal", ".index", ".index-wal", ".index-shm", ".lock", ".key")
"""Suffixes of the files that belong to a database: its logs, search index, key, and the lock against a second server."""


class Schema(NamedTuple):
    """One kind of database file.

    `file_kind` is its name in messages. `application_id` and `version` (SQLite's user_version) are in the file's header:
    `open_database` refuses a file whose header has other values. `page_bytes` is SQLite's page size. `create` makes the tables
    in an empty database. `check`, if there is one, gets the connection to a database and its path, and raises `StorageError`
    if the database has values with which the program cannot work; it is called whenever the database is opened.
    """

    file_kind: str
    application_id: int
    version: int
    page_bytes: int
    create: Callable[[sqlite3.Connection], None]
    check: Callable[[sqlite3.Connection, str], None] | None = None


def open_database(path: str, schema: Schema, *, beside: str | None = None) -> sqlite3.Connection:
    """Open the database at `path`, and create it if there is none; the connection commits each statement by itself.

    A commit is durable when it returns (`journal_mode=WAL`, `synchronous=FULL`). Several processes may open the file at once.
    With `IN_MEMORY` as the path, there is no file. A new file has the owner and the permissions of the file `beside`, as far as
    `own_like` can set them. Without a file `beside`, only its owner can read the new file. Raises `StorageError` if the folder
    of `path` is missing, or if the file is damaged, is of another kind or version than `schema`, or cannot be read or written.
    """
    with storage_errors(path):
        if path != IN_MEMORY:
            create_database(path, schema, beside=beside)
            check_log_index(path)
        connection = _connect(path, schema)
        try:
            if path != IN_MEMORY:
                record_opened(path)
            if _is_empty(connection):
                _set_up(connection, schema)
            check_schema(connection, path, schema)
            connection.execute("PRAGMA journal_mode = WAL")  # the file may be a copy that SQLite has made with another mode
            if path != IN_MEMORY and has_small_blocks(path):
                from udpnote.storage.log_index import fill_holes  # here, because few disks need it

                fill_holes(path, schema.page_bytes)
        except BaseException:
            connection.close()
            raise
        return connection


def create_database(path: str, schema: Schema, *, beside: str | None = None) -> None:
    """Create the database at `path` if there is none, but do not open it; see `open_database`, also for the errors.

    The database is made as a draft and then linked to `path`, so no process ever opens an unfinished one. It gets the owner and
    permissions of the file `beside`. If `beside` is None or missing, it gets the owner of its folder (see `own_like`).
    """
    with storage_errors(path):
        check_header(path, schema)
        remove_old_drafts(path)
        if os.path.exists(path):
            return
        folder = os.path.dirname(path)
        check_folder(path)
        check_log_index(path)
        with draft_of(path) as (descriptor, draft):
            own_like(descriptor, beside if beside is not None and os.path.exists(beside) else folder or ".")
            if not has_locks(descriptor):
                raise StorageError("file_system_unsuitable", path=path)
            try:
                with closing(_connect(draft, schema)) as connection:
                    _set_up(connection, schema)
            except BaseException:
                for suffix in ("-wal", "-shm"):  # SQLite leaves these if the disk has no space for the index of the log
                    with suppress(OSError):
                        os.unlink(f"{draft}{suffix}")
                raise
            link_draft(draft, path)
        sync_folder(folder)


def check_log_index(path: str) -> None:
    """Raise `OSError` if the disk has so little space that the system would kill a process which opens the database at `path`.

    Call this just before SQLite opens the database; see `log_index`.
    """
    if has_small_blocks(path):
        from udpnote.storage.log_index import check_space  # here, because few disks need it

        check_space(path)


def make_own_folder(path: str, own: Collection[str]) -> list[str]:
    """Make the folder of the file `path` if the folder is missing and is in `own`, the folders that belong to udpnote. Return
    what `make_folders` returns.

    Any other missing folder stays missing, so that a mistyped path, or a disk that is not mounted, is noticed later. Raises
    `StorageError` if the folder cannot be made.
    """
    folder = os.path.dirname(path)
    if folder not in own:
        return []
    with storage_errors(folder):
        return make_folders(folder)


@contextmanager
def own_folder_removed_if_empty(path: str, own: Collection[str]) -> Iterator[None]:
    """Make the folder of the file `path` for the block, as `make_own_folder` does.

    At the end of the block, remove those of the new folders that are empty. Raises `StorageError` if the folder cannot be made.
    """
    made = make_own_folder(path, own)
    try:
        yield
    finally:
        with suppress(OSError):  # there is something in it
            for folder in reversed(made):
                os.rmdir(folder)


def check_folder(path: str) -> None:
    """Raise `StorageError` if there is no folder in which the file `path` can be made."""
    folder = os.path.dirname(path)
    if not os.path.isdir(folder or "."):
        raise StorageError("folder_not_there", path=path, folder=folder)


def has_log(path: str) -> bool:
    """Whether the write-ahead log of the database at `path` has any transaction; raises `OSError`."""
    try:
        return os.path.getsize(f"{path}-wal") > LOG_HEADER_BYTES
    except FileNotFoundError:
        return False


@contextmanager
def atomic(connection: sqlite3.Connection) -> Iterator[sqlite3.Connection]:
    """Run the block in a write transaction. Commit it at the end, or roll it back if the block or the commit raises an error.

    The transaction begins after those of other processes have ended. Raises `sqlite3.Error`.
    """
    try:
        connection.execute("BEGIN IMMEDIATE")  # in the `try`, because Ctrl-C may come when the transaction has just begun
        yield connection
        connection.execute("COMMIT")
    except BaseException:
        # if Ctrl-C came just before the block, this runs when Python removes the generator: the database may be closed by then
        with suppress(sqlite3.ProgrammingError):
            roll_back(connection)
        raise


def roll_back(connection: sqlite3.Connection) -> None:
    """Roll back the transaction of `connection`, if there is one. Raises `sqlite3.Error`."""
    if connection.in_transaction:
        connection.execute("ROLLBACK")


def is_database(path: str) -> bool:
    """Whether the file `path` is an SQLite database, perhaps a damaged one; False for an empty file. Raises `OSError`.

    SQLite reads the file, without its write-ahead log. This function opens the file itself only if SQLite cannot use it:
    closing the file drops all locks that SQLite has on it in this process (POSIX).
    """
    # SQLite does not use the file if it may not be read, if it is no database, or if its header is damaged.
    with suppress(sqlite3.DatabaseError), closing(sqlite3.connect(uri_of(path, "immutable=1"), uri=True)) as connection:
        connection.execute("PRAGMA schema_version")
        return os.path.getsize(path) >= PAGE_BYTES_MIN  # SQLite takes a file with a single byte for an empty one
    with open(path, "rb") as file:
        return file.read(len(SQLITE_HEADER)) == SQLITE_HEADER


def is_same_file(path: str, other: str) -> bool:
    """Whether `path` and `other` lead to the same file; False if one of them leads to none."""
    try:
        return os.path.samefile(path, other)
    except OSError:
        return False


def uri_of(path: str, parameters: str) -> str:
    """Return the URI with which `sqlite3.connect` opens the file `path`; `parameters` are its options, such as `mode=ro`."""
    for character in "%?#":
        path = path.replace(character, f"%{ord(character):02x}")
    if path.startswith("//"):  # SQLite would take what follows for the name of a host
        path = f"/{path.lstrip('/')}"
    return f"file:{path}?{parameters}"


def check_belongs_to_none(path: str) -> None:
    """Raise `StorageError` if the file `path` belongs to a database. Raises `OSError`.

    The name decides: `notebook.sqlite3.key` belongs to `notebook.sqlite3` if this is a database.
    """
    target = os.path.realpath(path)
    for suffix in COMPANION_SUFFIXES:
        database = target.removesuffix(suffix)
        if database != target and os.path.isfile(database) and is_database(database):
            raise StorageError("belongs_to_a_database", path=path, database=database)


def check_is_file(path: str, schema: Schema) -> None:
    """Raise `StorageError` if `path` is a folder, a pipe, a device or a socket: opening a pipe may block for ever.

    A missing file is no error.
    """
    with storage_errors(path):
        try:
            mode = os.stat(path).st_mode
        except FileNotFoundError:
            return
    if not stat.S_ISREG(mode):
        raise StorageError("database_is_no_file", path=path, file_kind=schema.file_kind, is_folder=stat.S_ISDIR(mode))


def check_header(path: str, schema: Schema) -> None:
    """Raise `StorageError` if `path` is neither an SQLite database nor an empty file, which SQLite takes for a new database.

    Also raises it if the file was open when this process was forked (see `refuse_inherited`). A missing file is no error.
    """
    check_is_file(path, schema)
    with storage_errors(path):
        refuse_inherited(path)
        try:
            is_other = os.path.getsize(path) > 0 and not is_database(path)
        except FileNotFoundError:
            return
    if is_other:
        raise StorageError("other_kind_of_file", path=path, file_kind=schema.file_kind)


def _connect(path: str, schema: Schema) -> sqlite3.Connection:
    """Open the file `path`, which may be new, with the page size of `schema` and with durable commits."""
    connection = sqlite3.connect(path, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False)
    try:
        connection.execute(f"PRAGMA page_size = {schema.page_bytes}")  # has an effect on an empty file only
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA fullfsync = ON")  # macOS: fsync alone leaves data in the drive's cache
        connection.execute(f"PRAGMA cache_size = -{CACHE_KIBIBYTES}")
        connection.execute(f"PRAGMA wal_autocheckpoint = {CHECKPOINT_BYTES // schema.page_bytes}")
    except BaseException:
        connection.close()
        raise
    return connection


def _is_empty(connection: sqlite3.Connection) -> bool:
    """Whether the database that `connection` has open has no tables."""
    (tables,) = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    return bool(tables == 0)


def _set_up(connection: sqlite3.Connection, schema: Schema) -> None:
    """Turn on write-ahead logging. Then make the tables of `schema`, all or none, if no other process has just made them."""
    connection.execute("PRAGMA journal_mode = WAL")
    with atomic(connection):
        if _is_empty(connection):
            connection.execute(f"PRAGMA application_id = {schema.application_id}")
            connection.execute(f"PRAGMA user_version = {schema.version}")
            schema.create(connection)


def check_schema(connection: sqlite3.Connection, path: str, schema: Schema) -> None:
    """Raise `StorageError` if the header of the database has other values than `schema`, or if `schema.check` raises it."""
    (application_id,) = connection.execute("PRAGMA application_id").fetchone()
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if application_id != schema.application_id:
        raise StorageError("other_kind_of_file", path=path, file_kind=schema.file_kind)
    if version != schema.version:
        kind = "file_of_newer_version" if version > schema.version else "file_of_older_version"
        raise StorageError(kind, path=path, file_kind=schema.file_kind, version=version, known_version=schema.version)
    if schema.check is not None:
        schema.check(connection, path)
