"""Puts a backup in the place of a notebook's file. The replaced file is kept under another name.

A restore may be killed between any two of its steps. There is a whole notebook at the path at every moment, the old or the new
one; only on a file system without hard links there is none for a moment. The steps are:

1. If a crash has left the server's log, it is copied into the old file, as a server does at its start. But a log stays until
   step 4 if it is damaged, if it belongs to another file, or if the old file is damaged.
2. The old file gets a second name. If the restore is killed then, the next server removes that name (`remove_old_drafts`).
3. The copy of the backup, a draft until now, takes the place of the old file.
4. A log that is left is renamed. Until then, servers and readers refuse it: it lacks the mark of the copy (see `log_check`).
5. If the key file changes, the new one is written. The old one was moved away before step 3, so that no notebook is ever
   served with the key of another.

No server can use the file meanwhile, because it is locked (see `file_guard`).
"""

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, nullcontext, suppress
from enum import Enum, auto
from typing import NamedTuple

from udpnote.errors import NotebookInUse, StorageError
from udpnote.model.entry import Kind
from udpnote.storage.database import (
    check_belongs_to_none,
    check_folder,
    check_header,
    check_is_file,
    has_log,
    uri_of,
)
from udpnote.storage.disk_errors import storage_errors
from udpnote.storage.index.index_file import index_path, remove_index_file
from udpnote.storage.key_file import NotebookKeys, key_path, read_key_file, write_key_file
from udpnote.storage.new_files import aside_name, link_draft, sync_folder
from udpnote.storage.notebook.file_guard import FileGuard, guarded
from udpnote.storage.notebook.log import opened_with_log
from udpnote.storage.notebook.log_check import check_complete
from udpnote.storage.notebook.read_only import LOG_DAMAGES
from udpnote.storage.notebook.tables import SCHEMA
from udpnote.storage.notebook.verified_copy import Content, OnProgress, opened_to_copy, verified_copy

_UNREADABLE = {
    *LOG_DAMAGES,
    "database_damaged",
    "database_failed",
    "disk_fails",
    "log_of_another_file",
    "log_without_notebook",
}
"""The kinds of errors because of which a notebook cannot be read and a restore may replace it. Other errors end the restore."""

_VANISHING = """
    SELECT count(*), coalesce(min(number), 0), coalesce(max(number), 0) FROM main.entries AS old
    JOIN main.clients USING (client) WHERE NOT EXISTS (
        SELECT 1 FROM restored.clients AS client JOIN restored.entries AS new ON new.client = client.client
        WHERE client.client_id = clients.client_id AND new.sequence = old.sequence
    )
"""
"""The statement whose row is a `Vanishing`. The database `main` is the old notebook, `restored` is the copy of the backup."""


RETURNING_MAX = 20
"""The most erased notes that `OldNotebook.returning` names."""

_RETURNING = f"""
    SELECT new.number FROM main.entries AS old
    JOIN main.clients USING (client)
    JOIN restored.clients AS client ON client.client_id = clients.client_id
    JOIN restored.entries AS new ON new.client = client.client AND new.sequence = old.sequence
    WHERE old.kind = {Kind.ERASED:d} AND new.kind = {Kind.NOTE:d} ORDER BY new.number LIMIT {RETURNING_MAX}
"""
"""The numbers, in the backup, of notes that were erased in the old notebook."""


class Vanishing(NamedTuple):
    """The entries of the old notebook that the backup does not have: how many, and their lowest and highest numbers.

    All three are 0 if there are no such entries. Entries with the same client id and sequence number are the same.
    """

    entries: int
    first: int
    last: int


class OldNotebook(NamedTuple):
    """The notebook that a restore replaces: its content, which of its entries vanish, and which notes come back.

    `returning` are the numbers of at most `RETURNING_MAX` notes that were erased in the old notebook, but not in the backup. If
    the old notebook cannot be read, `content` is None and `problem` is the error; what vanishes and comes back is then unknown,
    `vanishing` is all zeros, and `returning` is empty.
    """

    content: Content | None
    problem: StorageError | None
    vanishing: Vanishing
    returning: tuple[int, ...] = ()


class KeySource(Enum):
    """Where the key file of the restored notebook comes from, and what happens to the one that is there."""

    OPEN = auto()
    """The restored notebook is not sealed. A key file that is there is kept under another name."""
    KEPT = auto()
    """The key file that is there stays."""
    FROM_BACKUP = auto()
    """The key file of the backup is copied. A key file that is there, with other keys, is kept under another name."""
    MISSING = auto()
    """There is no key file for the restored notebook. A key file of another notebook is kept under another name."""


class Restore:
    """A restore that is prepared: a whole copy of the backup waits beside the notebook's file `path`, which is locked.

    `content` is the content of the copy. `old` is the notebook that the copy replaces, or None if there is none. `key_source`
    says where the key file of the restored notebook comes from. `backup_has_other_keys` says whether it is `KEPT` although the
    key file of the backup has other keys. `backup_key_problem` is the error of reading the key file of the backup; None if
    there was no error. `aside` is the path to which the replaced file is moved. If the log and the key file of the replaced
    file are moved, they get this path with the suffix `-wal` or `.key`.
    """

    def __init__(
        self, draft: str, path: str, content: Content, old: OldNotebook | None, guard: FileGuard | None, keys: "_KeyPlan"
    ) -> None:
        self.path = path
        self.content = content
        self.old = old
        self.key_source = keys.source
        self.backup_has_other_keys = keys.source is KeySource.KEPT and keys.backup not in (None, keys.present)
        self.backup_key_problem = keys.problem
        self.aside = aside_name(path, ("", "-wal", "-shm", ".key"))
        self._draft = draft
        self._guard = guard
        self._keys = keys

    @property
    def replaces_another(self) -> bool:
        """Whether the replaced notebook has another id than the copy. False if there is none, or if it cannot be read."""
        old = self.old.content if self.old is not None else None
        return old is not None and old.notebook_id != self.content.notebook_id

    def commit(self) -> list[str]:
        """Put the copy in its place, durably, and return the paths under which the replaced files are kept.

        Raises `NoSpace`, and `StorageError`: also if another program has put a file at `path` meanwhile.

        After an error that comes before the copy is in its place, the old notebook is still there; at most, its log was copied
        into its file. After a later error, the notebook is restored, but the key file may be missing if `key_source` is not
        `KEPT`.
        """
        with storage_errors(self.path):
            os.utime(self._draft)  # the user may have thought for so long that it counts as an old draft
            if self._guard is not None and not self._guard.is_in_place:
                raise StorageError("restore_place_taken", path=self.path)
            is_readable = self.old is not None and self.old.content is not None
            if self._guard is not None and is_readable and has_log(self.path):
                # copy the log into the old file; if the disk fails, the log is kept beside the replaced file
                with suppress(StorageError), opened_with_log(self.path, self._guard):
                    pass
            kept = self._place() + self._move_log()
            remove_index_file(index_path(self.path))
            if self.key_source is KeySource.FROM_BACKUP and self._keys.backup is not None:
                write_key_file(key_path(self.path), self._keys.backup, notebook_name=self.content.name)
            sync_folder(os.path.dirname(self.path))
            return kept

    def _place(self) -> list[str]:
        """Move the old notebook away, and its key file if that changes, and put the copy in its place; all of this or nothing.

        Returns the new names of what was moved.
        """
        kept = []
        with ExitStack() as undo:
            if self._keys.must_move:
                undo.callback(_move_back, f"{self.aside}.key", key_path(self.path))
                os.rename(key_path(self.path), f"{self.aside}.key")
                kept.append(f"{self.aside}.key")
            if self._guard is not None:
                undo.callback(_move_back, self.aside, self.path)
                try:
                    os.link(self.path, self.aside)
                except OSError:  # a file system without hard links: for a moment there is no notebook
                    os.rename(self.path, self.aside)
                sync_folder(os.path.dirname(self.path))  # a power failure must not leave only the copy
                os.replace(self._draft, self.path)
                kept.insert(0, self.aside)
            elif not link_draft(self._draft, self.path):
                raise StorageError("restore_place_taken", path=self.path)
            undo.pop_all()
        return kept

    def _move_log(self) -> list[str]:
        """If the old notebook has a log, move away the log and SQLite's index of it. Return the new name of the log, if any.

        A log without a transaction is removed, and so is its index.
        """
        kept = []
        if has_log(self.path):
            with suppress(FileNotFoundError):  # perhaps only the index of the log shows that it is damaged
                os.rename(f"{self.path}-shm", f"{self.aside}-shm")
            os.rename(f"{self.path}-wal", f"{self.aside}-wal")
            kept.append(f"{self.aside}-wal")
        for suffix in ("-wal", "-shm"):
            with suppress(FileNotFoundError):
                os.unlink(self.path + suffix)
        return kept


@contextmanager
def prepared_restore(
    backup: str, path: str, *, with_key: bool | None = None, on_progress: OnProgress | None = None
) -> Iterator[Restore]:
    """Prepare to put the backup in the file `backup` in the place of the notebook in the file `path`, which may be missing.

    Nothing is changed until `commit` is called in the block. The notebook is locked during the block.

    If the restored notebook is sealed, `with_key` says which key file it gets. True: the key file of the backup. False: the key
    file that is beside `path` now. None: the key file beside `path`, which is never older than that of the backup, or the key
    file of the backup if none that can be used is beside `path`. A key file of another notebook is never used: it is moved
    away.

    Raises `NotebookInUse` if a server uses the notebook, `NoSpace`, and `StorageError`: if one of the files is not a notebook,
    if the backup cannot be read or is damaged, or if `with_key` is True and the backup has no key file or is not sealed.
    """
    backup, path = os.path.realpath(backup), os.path.realpath(path)
    check_places(backup, path)
    is_there = os.path.exists(path)
    with guarded(path, in_use=NotebookInUse("restore_while_served", path=path)) if is_there else nullcontext() as guard:
        like = path if guard is not None else os.path.dirname(path)
        with verified_copy(backup, path, like=like, mode_max=0o666, on_progress=on_progress) as (draft, content):
            old = _old_notebook(path, draft)
            keys = _key_plan(backup, path, content, old, with_key=with_key)
            yield Restore(draft, path, content, old, guard, keys)


class _KeyPlan(NamedTuple):
    """What happens to the key file: its `source`, the keys of the `backup`, and those `present` beside the old notebook.

    `backup` is None if the backup has no key file, or one that is not needed or cannot be used. `present` is None if the
    present key file is missing or damaged. `must_move` says that the present key file is moved away. `problem` is the error
    of reading the key file of the backup if that file is not needed; None if there was no error.
    """

    source: KeySource
    backup: NotebookKeys | None
    present: NotebookKeys | None
    must_move: bool
    problem: StorageError | None


def _key_plan(backup: str, path: str, content: Content, old: OldNotebook | None, *, with_key: bool | None) -> _KeyPlan:
    """Decide what to do with the key file if the notebook `old` at `path` is replaced by the copy of `backup` with `content`.

    `with_key` is that of `prepared_restore`. Raises `StorageError` if it is True and the backup is not sealed or has no key
    file. Also raises it if the key file of a sealed backup is damaged and needed.
    """
    key_file = key_path(path)
    is_of_other = old is not None and old.content is not None and old.content.notebook_id != content.notebook_id
    try:
        present = read_key_file(key_file)
    except StorageError:  # a damaged key file; the server refuses it
        present = None
    can_stay = present is not None and not is_of_other  # whether the server can use the present key file after the restore
    keys_of_backup, problem = None, None
    if content.is_sealed and with_key is not False:
        keys_of_backup, problem = _keys_of_backup(backup, is_needed=with_key is True or not can_stay)
    if with_key and keys_of_backup is None:
        raise StorageError("backup_without_key", path=key_path(backup))
    if not content.is_sealed:
        source = KeySource.OPEN
    elif can_stay and (not with_key or present == keys_of_backup):
        source = KeySource.KEPT
    else:
        source = KeySource.FROM_BACKUP if keys_of_backup is not None else KeySource.MISSING
    must_move = source is not KeySource.KEPT and os.path.lexists(key_file)
    return _KeyPlan(source, keys_of_backup, present, must_move, problem)


def _keys_of_backup(backup: str, *, is_needed: bool) -> tuple[NotebookKeys | None, StorageError | None]:
    """Read the key file of `backup`. Return a pair: (its keys or None, the error or None).

    Both are None if the file is missing. If the file cannot be used, this raises `StorageError` if the file `is_needed`, and
    else returns (None, that error).
    """
    try:
        return read_key_file(key_path(backup)), None
    except StorageError as error:
        if is_needed:
            raise
        return None, error


def check_places(backup: str, path: str) -> None:
    """Raise `StorageError` if no database is at `backup`, if no notebook may be at `path`, or if both are the same file."""
    with storage_errors(path):
        check_folder(path)
        check_is_file(path, SCHEMA)
        if not os.path.exists(backup):
            raise StorageError("backup_not_there", path=backup)
        check_header(backup, SCHEMA)
        if os.path.exists(path) and os.path.samefile(path, backup):
            raise StorageError("copy_onto_itself", path=path)
        check_belongs_to_none(path)


def _old_notebook(path: str, draft: str) -> OldNotebook | None:
    """Return the notebook in the file `path`, compared with the copy of the backup in the file `draft`.

    Returns None if the file is missing or empty, and has no log with a transaction (see `has_log`) either. Raises
    `StorageError` if the file is not a notebook of this version, or cannot be read for a reason that a restore does not mend.
    """
    if not has_log(path) and (not os.path.exists(path) or not os.path.getsize(path)):
        return None
    try:
        if os.path.exists(path):
            check_complete(path)
        with opened_to_copy(path) as old:
            old.execute("COMMIT")  # no database can be attached in a transaction; nobody else writes here
            old.execute("ATTACH ? AS restored", (os.fsencode(uri_of(draft, "immutable=1")),))
            vanishing, returning = old.execute(_VANISHING).fetchone(), old.execute(_RETURNING).fetchall()
            return OldNotebook(Content.read(old), None, Vanishing(*vanishing), tuple(number for (number,) in returning))
    except StorageError as error:
        if error.notice.kind not in _UNREADABLE:
            raise
        return OldNotebook(None, error, Vanishing(0, 0, 0))


def _move_back(aside: str, path: str) -> None:
    """Undo a move of the file `path` to `aside`. Does nothing if the move was not done, or if the system does not allow it."""
    with suppress(OSError):
        if os.path.exists(path) and os.path.samefile(aside, path):
            os.unlink(aside)
        elif os.path.lexists(aside) and not os.path.lexists(path):
            os.rename(aside, path)
