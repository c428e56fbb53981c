"""Copies a notebook's file into a backup, also while its server stores entries, and checks the copy before it is used.

The whole copy shows one moment, because one read transaction lasts for all steps of SQLite's backup interface. If each step
were a transaction of its own, the interface would begin anew after each change by a server, and might never end. Until the copy
is finished, the server's log can only grow (see `log`).

If the log of the notebook is damaged or missing, the copy has what can be read (see `damaged_copy`), and the caller is told.

A copy is a draft (see `new_files`) until it was fsynced, read back from the disk and found whole. It has a mark of its own, so
that no log of the notebook is taken for the log of the copy (see `log_check`). The search index and the text file are not
copied, because the server of a restored notebook makes both again.
"""

import os
import sqlite3
import stat
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from functools import partial
from typing import NamedTuple, Self

from udpnote.errors import InvalidSetting, NotebookInUse, NotebookOpen, Notice, StorageError
from udpnote.model.entry import SeenEntry
from udpnote.storage.database import check_belongs_to_none, check_folder, uri_of
from udpnote.storage.disk_errors import primary_code, storage_errors
from udpnote.storage.key_file import NotebookKeys, key_path, read_key_file, remove_key_file, write_key_file
from udpnote.storage.new_files import draft_of, link_draft, own_like, sync_folder
from udpnote.storage.notebook.damaged_copy import damaged_copy
from udpnote.storage.notebook.file_guard import is_guarded
from udpnote.storage.notebook.log_check import CHECKPOINT_ID_BYTES, Mark, check_log
from udpnote.storage.notebook.read_only import ReadingConnection, damage_of
from udpnote.storage.notebook.tables import SCHEMA, last_number, read_property, seen_at, stored_at

STEP_BYTES = 4 << 20
"""How much is copied in one step, which takes some milliseconds. Ctrl-C ends the copy between two steps."""

INSTRUCTIONS_BETWEEN_CHECKS = 100_000
"""After this many instructions of SQLite's virtual machine, about a millisecond, Python checks whether Ctrl-C was pressed."""

MODE_MAX = 0o600
"""The permissions of a backup and its key file: only the owner may read and write them, because they hold all notes."""

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


class Backup(NamedTuple):
    """A backup that was made: the paths of its file and of its key file (None if it has none), its size, and its content.

    If the log of the notebook is damaged or missing, the backup is not complete: it lacks some of the latest entries.
    """

    path: str
    key_path: str | None
    size_bytes: int
    content: Content
    is_complete: bool


def back_up(
    notebook: str,
    path: str,
    *,
    with_key: bool | None,
    replaces: bool = False,
    on_progress: OnProgress | None = None,
    before_placing: Callable[[], None] = lambda: None,
) -> Backup:
    """Make a backup of the notebook in the file `notebook`, which a server may be using, as the file `path`.

    The backup appears at `path` when it is whole, or not at all. Only its owner can read it. If the notebook is sealed,
    `with_key` must be True or False: whether to copy the key file, too, to `path` with the suffix `.key`. If the notebook is
    open, it must be False or None.

    `on_progress` is called after each step of the copy. `before_placing` is called when the copy is whole and was read back,
    before any file is made at `path`.

    With `replaces`, an earlier backup of the same notebook at `path` is replaced, and so is its key file, which is removed if
    the new backup has none. A backup that would not be complete replaces none: the earlier one may have what it lacks.

    Raises `InvalidSetting` if `with_key` is None and the notebook is sealed, `NotebookOpen` if `with_key` is True and the
    notebook is not sealed, `NotebookInUse` if a server serves the file at `path`, `NoSpace`, and `StorageError`. It is also a
    `StorageError` if the file at `path` may not be replaced, or if the copy is damaged.
    """
    notebook, path = os.path.realpath(notebook), os.path.realpath(path)
    checked_keys = partial(_checked_keys, notebook, path, with_key=with_key, replaces=replaces)
    keys, damage = None, damage_of(notebook)
    if damage is None:  # all that can forbid the backup is checked first, because a copy may take minutes
        with opened_to_copy(notebook) as source:
            is_sealed, notebook_id = bool(read_property(source, "sealed")), read_property(source, "notebook_id")
        keys = checked_keys(is_sealed=is_sealed, notebook_id=notebook_id)
    elif replaces and os.path.exists(path):
        raise damage
    else:
        _check_place(path, notebook)
    like = path if os.path.exists(path) else os.path.dirname(path)
    copy = verified_copy(notebook, path, like=like, mode_max=MODE_MAX, on_progress=on_progress, is_damaged=damage is not None)
    with copy as (draft, content):
        if damage is not None:  # only the copy can be read, so it is checked now
            keys = checked_keys(is_sealed=content.is_sealed, notebook_id=content.notebook_id)
        size_bytes = os.path.getsize(draft)
        before_placing()
        _place(draft, path, keys, content.name, replaces=replaces)
    return Backup(path, key_path(path) if keys is not None else None, size_bytes, content, is_complete=damage is None)


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
            with damaged_copy(notebook, draft, step_bytes=STEP_BYTES, on_progress=on_progress) as copy:
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


def _drop_cache_of(descriptor: int) -> None:
    """Ask the system to drop the fsynced file from its memory, so that the file is next read from the disk."""
    if hasattr(os, "posix_fadvise"):  # not on macOS
        with suppress(OSError):
            os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)


def _problem_of(draft: str, content: Content, mark: Mark) -> Notice | str | None:
    """Check the copy in the file `draft`, which must have `content` and `mark`.

    Return what is wrong with the copy, as a notice or as SQLite's message; None if the copy is whole.
    """
    with closing(sqlite3.connect(uri_of(draft, "immutable=1"), uri=True)) as copy, _interruptible(copy):
        try:
            (found,) = copy.execute("PRAGMA integrity_check(1)").fetchone()
            if found == "ok" and (Content.read(copy), Mark.read(copy)) != (content, mark):
                return Notice("copy_has_other_entries")
        except sqlite3.DatabaseError as error:
            if primary_code(error) == sqlite3.SQLITE_INTERRUPT:
                raise
            return str(error)
    return None if found == "ok" else Notice("database_inconsistent", problem=str(found))


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


def _checked_keys(
    notebook: str, path: str, *, with_key: bool | None, replaces: bool, is_sealed: bool, notebook_id: object
) -> NotebookKeys | None:
    """Check all that can forbid a backup at `path`, and return the keys for its key file; None if it gets no key file.

    `is_sealed` and `notebook_id` are those of the notebook in the file `notebook`. The other arguments and the errors are those
    of `back_up`.
    """
    keys = _keys_to_copy(notebook, is_sealed=is_sealed, with_key=with_key)
    _check_place(path, notebook)
    _check_free(path, keys, notebook_id, replaces=replaces)
    return keys


def _keys_to_copy(notebook: str, *, is_sealed: bool, with_key: bool | None) -> NotebookKeys | None:
    """Return the keys to write into the key file of a backup; None if the backup gets no key file.

    The arguments and the errors about keys are those of `back_up`.
    """
    if is_sealed and with_key is None:
        raise InvalidSetting("backup_key_undecided", path=notebook)
    if not is_sealed and with_key:
        raise NotebookOpen("open_without_key", path=notebook)
    if not with_key:
        return None
    keys = read_key_file(key_path(notebook))
    if keys is None:
        raise StorageError("key_file_missing", path=key_path(notebook))
    return keys


def _write_keys(path: str, keys: NotebookKeys, name: str) -> None:
    """Write `keys` into the key file `path` of a backup, and read it back. Raises `StorageError` if it then has other keys.

    A comment in the key file has the notebook's `name`.
    """
    write_key_file(path, keys, notebook_name=name)
    os.chmod(path, MODE_MAX)
    if read_key_file(path) != keys:
        raise StorageError("key_copy_damaged", path=path)


def _place(draft: str, path: str, keys: NotebookKeys | None, name: str, *, replaces: bool) -> None:
    """Put the backup in the file `draft` at `path`, with a key file that has `keys`; if they are None, without a key file.

    `name` is as in `_write_keys`. If there is a file at `path`, it is replaced if `replaces` is true;
    else this raises `StorageError`. Also raises `OSError`.
    """
    if keys is not None:
        _write_keys(key_path(path), keys, name)
    if replaces:
        os.replace(draft, path)
    elif not link_draft(draft, path):
        raise StorageError("backup_exists", path=path)
    if keys is None:
        remove_key_file(key_path(path))
    sync_folder(os.path.dirname(path))


def _check_place(path: str, notebook: str) -> None:
    """Raise `StorageError` if no backup of the notebook in the file `notebook` may be at `path`, with or without `replaces`.

    The reasons: the folder is missing, `path` is `notebook` itself or no regular file, or `path` belongs to a database.
    """
    with storage_errors(path):
        check_folder(path)
        if os.path.exists(path):
            if os.path.samefile(path, notebook):
                raise StorageError("copy_onto_itself", path=path)
            mode = os.stat(path).st_mode
            if not stat.S_ISREG(mode):
                raise StorageError("is_a_folder" if stat.S_ISDIR(mode) else "backup_needs_a_file", path=path)
        check_belongs_to_none(path)


def _check_free(path: str, keys: NotebookKeys | None, notebook_id: object, *, replaces: bool) -> None:
    """Raise `StorageError` or `NotebookInUse` if a file stands in the way of a new backup at `path`, which gets `keys`.

    Without `replaces`, no file may be at `path`. With it, an empty file may be there, or an earlier backup of the notebook
    `notebook_id`: the new backup replaces it and its key file. A key file without a backup may be the only copy of its keys.
    So the new backup may replace it only if these are the same as `keys`.
    """
    if os.path.exists(path) and not replaces:
        raise StorageError("backup_exists", path=path)
    if os.path.exists(path) and os.path.getsize(path):
        if is_guarded(path):
            raise NotebookInUse("backup_in_use", path=path)
        with opened_to_copy(path) as earlier:
            if read_property(earlier, "notebook_id") != notebook_id:
                raise StorageError("backup_of_another", path=path)
    elif os.path.exists(key_path(path)) and (keys is None or read_key_file(key_path(path)) != keys):
        raise StorageError("backup_key_exists", path=key_path(path))
