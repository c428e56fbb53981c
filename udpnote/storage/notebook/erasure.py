"""Erases a note with all of its versions: afterwards no file of the notebook has its text, its author or a digest of them.

Of each version, a row of the kind ERASED stays, with the number, client id, sequence and time of storing. In the place of the
time of writing it has the time of the erasure. So no entry gets another number, and a client that sends the entry again is told
that it was erased. These steps remove the rest from the files:

1. The search index is removed. The next server builds it again.
2. One transaction replaces the rows, and removes the digests of their parts and the parts of revisions that are not complete.
3. VACUUM writes all pages of the file anew: earlier versions of rows may be left between the rows of a page.
4. The log is copied into the file and cut to nothing.
5. The index is removed again, because a reader may have built it since step 1; and the text file is written anew.

If the program is killed before step 2, nothing was changed, because the index is only derived. If it is killed later, the note
is erased, and erasing it once more does the steps that are left. No server can use the file meanwhile, because it is locked
(see `file_guard`).
"""

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

from udpnote.errors import EntryRefused, NoSpace, NotebookInUse, StorageError
from udpnote.model.entry import Kind, StoredEntry
from udpnote.storage.database import atomic, check_is_file
from udpnote.storage.disk_errors import storage_errors
from udpnote.storage.index.index_file import index_path, remove_index_file
from udpnote.storage.new_files import kept_beside
from udpnote.storage.notebook.file_guard import FileGuard, guarded
from udpnote.storage.notebook.log import Log, opened_with_log
from udpnote.storage.notebook.log_check import check_complete
from udpnote.storage.notebook.tables import SCHEMA, TEXT_FILE_PROPERTY, entries_from, read_property, root_of
from udpnote.storage.reading_database import close_after_reading, open_for_reading
from udpnote.storage.text_mirror import rewrite_text_file

ROOM_RATIO = 2
"""How many times the size of the notebook's file must be free on its disk. VACUUM writes a copy of it, and all pages again into
the log."""

ROOM_BYTES_MIN = 16 << 20
"""How much must be free in addition: room for the log of its full length, for the text file of a small notebook, and more."""


class Erasure:
    """An erasure that is prepared: the notebook in the file `path` is locked, and nothing is changed before `commit`.

    `note` is the note as it was first stored, but with its last text, even if it was deleted later. If the note was erased
    before, its kind is ERASED. `numbers` are the numbers of the note and of all its revisions and deletions.
    """

    def __init__(self, path: str, content: "_Content", guard: FileGuard) -> None:
        self.path = path
        self.note, self.numbers, self._text_file = content
        self._guard = guard

    @property
    def is_done(self) -> bool:
        """Whether the note was erased before. Then `commit` only removes what is left in the files."""
        return self.note.entry.kind is Kind.ERASED

    def commit(self, now: int) -> list[str]:
        """Erase the note, and return the paths of files beside the notebook and its text file that may still have its text.

        These are files that somebody has kept, such as a notebook that a restore has replaced. `now` is the time of the
        erasure, in microseconds since 1970 UTC. Raises `NoSpace` if the disk has not enough room, and `StorageError`. After
        an error of the kind `erasure_unfinished`, the note is erased, but its text may be left in a file. An error before the
        rows are replaced leaves the note as it was. The search index may then be gone, and the next server builds it again.
        """
        self._check_room()
        self._remove_index()
        with storage_errors(self.path), opened_with_log(self.path, self._guard) as (connection, log):
            connection.execute("PRAGMA secure_delete = ON")
            if not self.is_done:
                with atomic(connection):
                    replace_rows(connection, self.numbers, now)
            aside = self._remove_rest(connection, log)
        beside = [*kept_beside(self.path), *(kept_beside(self._text_file) if self._text_file is not None else ())]
        return sorted({*beside, *aside})

    def _remove_rest(self, connection: sqlite3.Connection, log: Log) -> list[str]:
        """Do the steps after the rows are replaced (see the top of this module).

        Returns the new path of the old text file, if it was kept because somebody had changed it; else an empty list. Raises
        `StorageError` if a step fails; then the text may still be in the files.
        """
        try:
            with storage_errors(self.path):
                connection.execute("VACUUM")
                log.empty()
            self._remove_index()
            aside = rewrite_text_file(self._text_file, self.path) if self._text_file is not None else None
        except StorageError as error:
            raise StorageError("erasure_unfinished", number=self.note.number, error=error) from error
        return [aside] if aside is not None else []

    def _remove_index(self) -> None:
        """Remove the search index. Raises `StorageError` if that is not possible."""
        path = index_path(self.path)
        if not remove_index_file(path):
            raise StorageError("index_not_removed", path=path)

    def _check_room(self) -> None:
        """Raise `NoSpace` if the disk has not enough room for the copies that VACUUM makes."""
        with storage_errors(self.path):
            needed = ROOM_RATIO * os.path.getsize(self.path) + ROOM_BYTES_MIN
            disk = os.statvfs(self.path)
            if disk.f_bavail * disk.f_frsize < needed:
                raise NoSpace("no_space_to_erase", path=self.path, megabytes=-(-needed >> 20))  # rounded up


@contextmanager
def prepared_erasure(path: str, number: int) -> Iterator[Erasure]:
    """Prepare to erase the note that the entry `number` is, revises or deletes, in the notebook's file `path`.

    Nothing is changed until `commit` is called in the block. The notebook is locked during the block. Raises `EntryRefused` if
    there is no such entry, `NotebookInUse` if a server uses the notebook, and `StorageError` if there is no notebook, or if it
    cannot be read.
    """
    path = os.path.realpath(path)
    with storage_errors(path):
        if not os.path.exists(path):
            raise StorageError("notebook_not_there", path=path)
        check_is_file(path, SCHEMA)
    with guarded(path, in_use=NotebookInUse("erase_while_served", path=path, number=number)) as guard:
        check_complete(path)
        yield Erasure(path, _read(path, number), guard)


class _Content(NamedTuple):
    """What the notebook has of a note: `note` and `numbers` are as in `Erasure`.

    `text_file` is the path of the text file that a server has written last; None if there is none.
    """

    note: StoredEntry
    numbers: list[int]
    text_file: str | None


def _read(path: str, number: int) -> _Content:
    """Read what the notebook `path` has of the note that the entry `number` is, revises or deletes.

    Raises `EntryRefused` if there is no such entry.
    """
    with storage_errors(path):
        connection = open_for_reading(path, SCHEMA)
        try:
            root = root_of(connection, number)
            if root is None:
                raise EntryRefused("no_such_entry", number=number)
            later = connection.execute("SELECT number FROM revisions WHERE root = ? ORDER BY number", (root,)).fetchall()
            numbers = [root, *(each for (each,) in later)]
            [note] = entries_from(connection, "WHERE number = ?", (root,))
            # the text of the latest version that has one: a deletion has none
            text = next((text for each in reversed(numbers) if (text := _text_of(connection, each))), "")
            text_file = read_property(connection, TEXT_FILE_PROPERTY)
            note = note._replace(entry=note.entry._replace(text=text))
            return _Content(note, numbers, os.fsdecode(text_file) if isinstance(text_file, bytes) else None)
        finally:
            close_after_reading(connection, path)


def _text_of(connection: sqlite3.Connection, number: int) -> str:
    """The text with which the entry `number` was stored, which must exist."""
    (text,) = connection.execute("SELECT text FROM entries WHERE number = ?", (number,)).fetchone()
    return str(text)


def replace_rows(connection: sqlite3.Connection, numbers: list[int], now: int) -> None:
    """In the open transaction, remove text and author of the entries with these `numbers`, and make their kind ERASED.

    The numbers are those of all versions of one note. `now`, the time of the erasure, replaces the times at which they were
    written; it is in microseconds since 1970 UTC. Also removes the digests of their parts, and the kept parts of incomplete
    revisions of them.
    """
    for number in numbers:
        connection.execute(
            "UPDATE entries SET kind = ?, written_at = ?, utc_offset = 0, author = '', text = '' WHERE number = ?",
            (Kind.ERASED, now, number),
        )
        connection.execute("DELETE FROM part_digests WHERE number = ?", (number,))
        connection.execute(
            "DELETE FROM parts WHERE partial_entry IN (SELECT partial_entry FROM partial_entries WHERE revises = ?)", (number,)
        )
        connection.execute("DELETE FROM partial_entries WHERE revises = ?", (number,))
