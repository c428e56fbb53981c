"""Keeps a plain text copy of the notes in a file beside the notebook, for any editor; changes in the copy are never read back.

A thread reads the notebook's file and writes the text file, so that the server need not wait. At the start, and when another
program has written the text file, the thread compares it with the notebook:

- If the file has only the beginning of the right content, as after a crash in the middle of an entry, the thread appends the
  rest.
- If the file has anything else, the thread writes the whole file anew. If another program was the last to write it, the thread
  renames the old file first, because the change may be a person's work.

The thread also writes the whole file anew when a note is revised or deleted.
"""

import os
import sqlite3
import stat
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import BinaryIO, NamedTuple

from udpnote.errors import Notice, StorageError
from udpnote.model.entry import Kind
from udpnote.storage.atomic_file import whole_file
from udpnote.storage.database import SERVER_BUSY_SECONDS, check_folder, is_database, uri_of
from udpnote.storage.disk_errors import storage_errors
from udpnote.storage.new_files import aside_name, files_set_aside, own_like
from udpnote.storage.notebook.tables import last_number, notes_from
from udpnote.text.notebook_text import text_block

CHUNK_ENTRIES = 256
CHUNK_BYTES = 1 << 18
"""The thread pauses after `CHUNK_ENTRIES` entries, or after the entry with which they reach `CHUNK_BYTES` bytes, because the
server needs the processor too."""

RETRY_SECONDS = 10.0
"""Time between two attempts after an error: a full disk or a missing permission is seldom mended sooner."""

REBUILD_RATIO = 10
"""After writing the whole file, the thread waits this many times as long as that took before it writes the whole file again."""

CLOSING_SECONDS = 2.0
"""How long a server that ends waits for the last entries to be written. After this time the thread gives up."""

ASIDE_MAX = 9
"""How many renamed files (`*.old`) may exist. When there are so many, the text file is not updated any more until a person
moves some of the files."""

_OWN_SUFFIXES = ("-", ".lock", ".index", ".key")
"""A path that begins with the notebook's path and one of these belongs to the notebook, so it cannot be the text file."""

OWN_NANOSECONDS = 717_100
"""The last six digits of the modification time that this module gives the text file, in nanoseconds.

Another program sets them to this value only by a chance of one in a million, or in ten thousand where times are in units of 100
ns, as on NTFS. So they show whether this module was the last to write the file.
"""


class _FileState(NamedTuple):
    """The inode of a file, its length in bytes, and its modification time in nanoseconds since 1970 UTC.

    If one of them has changed since this module wrote the file, another program has written it.
    """

    inode: int
    length: int
    modified_at: int


def check_text_file(path: str, notebook: str) -> None:
    """Raise `StorageError` if `path` belongs to the notebook file `notebook`, is a database, or is no regular file.

    A missing file is no error, but a missing folder is. The notebook need not be there yet.
    """
    path, notebook = os.path.realpath(path), os.path.realpath(notebook)
    with storage_errors(path):
        is_own = path == notebook or path.startswith(tuple(notebook + suffix for suffix in _OWN_SUFFIXES))
        is_there = os.path.exists(path)
        if is_own or (is_there and (not stat.S_ISREG(os.stat(path).st_mode) or is_database(path))):
            raise StorageError("text_file_unsuitable", path=path)
        check_folder(path)


class TextMirror:
    """Keeps the text file `path` up to date with the notebook file `notebook`, in a thread of its own, which it starts.

    The thread calls `on_notice` with each notice for the server's owner. After an error it tries again every `retry_seconds`.
    The constructor makes the text file if it is missing. It raises `StorageError` if `path` is unsuitable or cannot be opened
    for writing.
    """

    def __init__(
        self, path: str, notebook: str, on_notice: Callable[[Notice], None], *, retry_seconds: float = RETRY_SECONDS
    ) -> None:
        self.path = os.path.realpath(path)
        self._notebook = notebook
        self._on_notice = on_notice
        self._retry_seconds = retry_seconds
        self._state: _FileState | None = None  # of the text file when this object last wrote it; None: compare it first
        self._number = 0  # the last entry that is in the text file
        self._revision = 0  # the last revision or deletion that the text file shows
        self._rebuild_at = 0.0  # when the whole file may be written again, by `time.monotonic`
        self._give_up_at = float("inf")  # when a server that ends waits no longer, by the same clock
        self._ended = threading.Event()
        self._is_due = threading.Event()
        check_text_file(path, notebook)
        with storage_errors(self.path):
            os.close(self._open())
        self._thread = threading.Thread(target=self._run, name="udpnote text file", daemon=True)
        self._thread.start()

    def update(self) -> None:
        """Tell the thread that the notebook has new entries; returns at once."""
        self._is_due.set()

    def close(self) -> None:
        """Let the thread write what is missing, then end it. Waits for this, but for at most `CLOSING_SECONDS`."""
        self._give_up_at = time.monotonic() + CLOSING_SECONDS
        self._ended.set()
        self._is_due.set()
        self._thread.join(CLOSING_SECONDS)

    def _open(self) -> int:
        """Open the text file for reading and appending, and return its descriptor.

        Even if another program shortens the file meanwhile, writes go to its end, so that they leave no gap. A new file gets
        the notebook's owner and permissions.
        """
        try:
            return os.open(self.path, os.O_RDWR | os.O_APPEND)
        except FileNotFoundError:
            descriptor = os.open(self.path, os.O_CREAT | os.O_EXCL | os.O_RDWR | os.O_APPEND, 0o600)
        try:
            own_like(descriptor, self._notebook)
        except BaseException:
            os.close(descriptor)
            raise
        return descriptor

    def _run(self) -> None:
        """Run the thread: write what is missing, first at once, then after each `update`. Report no error twice in a row."""
        reported: Notice | None = None
        while True:
            is_last_time = self._ended.is_set()  # read before the notebook is, so that nothing is missed at the end
            wait_seconds: float | None = 0.0
            try:
                wait_seconds = self._keep_up()
                reported = None
            except _GivenUp:
                return
            except StorageError as error:
                self._state = None
                if error.notice != reported:
                    reported = error.notice
                    self._on_notice(Notice("text_file_not_updated", error=error))
                self._ended.wait(self._retry_seconds)
            if is_last_time:
                return
            self._is_due.wait(wait_seconds)
            self._is_due.clear()

    def _keep_up(self) -> float | None:
        """Bring the text file up to date. Return in how many seconds to call this again; None means after the next `update`."""
        with storage_errors(self.path), _opened(self._notebook) as notes:
            if self._state is None or self._state != _state_of(self.path):
                self._compare(notes)
            is_revised = notes.last_revision() != self._revision
            left = self._rebuild_at - time.monotonic()
            if is_revised and (left <= 0 or self._ended.is_set()):
                self._rebuild(notes)
                is_revised = False
            elif notes.last_number() > self._number:
                with open(self._open(), "ab") as file:
                    state = _state_of(file.fileno())
                    if state is None or state != self._state:  # another program has just written or replaced it
                        return 0.0  # the next call compares it
                    self._write(file, notes, self._number, bytes_before=state.length)
            if self._state is None:  # another program has written it meanwhile
                return 0.0
            return left if is_revised else None

    def _compare(self, notes: "_Notes") -> None:
        """Compare the text file with the notebook, from the beginning on.

        If the file has only the beginning of the right content, cut off its last, incomplete chunk: `_keep_up` then appends
        what is missing. If the file has anything else, write the whole file anew.
        """
        self._revision = notes.last_revision()
        with open(self._open(), "r+b") as file:
            number, good_bytes, chunk, found = 0, 0, b"", b""
            for last, chunk in self._chunks(notes, 0):
                found = file.read(len(chunk))
                if found != chunk:
                    break
                number, good_bytes = last, good_bytes + len(chunk)
            else:  # all notes are there: nothing must follow
                chunk, found = b"", file.read(1)
            is_beginning = chunk.startswith(found)  # also if a crash has cut the file off in the middle of an entry
            if is_beginning:
                file.truncate(good_bytes)
                self._number, self._state = number, _mark_as_own(file.fileno(), good_bytes)
        if not is_beginning:
            self._rebuild(notes)

    def _rebuild(self, notes: "_Notes") -> None:
        """Write the whole text as a draft, which then takes the place of the text file.

        If another program was the last to write the text file, that file is first renamed, so that it is kept.
        """
        began = time.monotonic()
        self._revision = notes.last_revision()
        with whole_file(self.path, before_placing=partial(self._put_aside_and_tell, self._state)) as file:
            self._write(file, notes, 0, bytes_before=0, must_be_complete=True)
        ended = time.monotonic()
        self._rebuild_at = ended + REBUILD_RATIO * (ended - began)

    def _put_aside_and_tell(self, left: _FileState | None) -> None:
        """Rename the text file if another program was the last to write it, and tell the owner its new name.

        A file that is still in the state `left`, in which this object has left it, is not renamed. This is found out without
        `_is_ours`, because some file systems do not keep the nanoseconds that `_is_ours` needs.
        """
        if left is not None and left == _state_of(self.path):
            return
        aside = _put_aside_if_changed(self.path)
        if aside is not None:
            self._on_notice(Notice("text_file_put_aside", path=self.path, aside=aside))

    def _write(
        self, file: BinaryIO, notes: "_Notes", number: int, *, bytes_before: int, must_be_complete: bool = False
    ) -> None:
        """Append the notes after `number` to `file`, which has `bytes_before` bytes, and keep the file's new state in `_state`.

        If another program has written the file meanwhile, its length shows that: then the file is not marked as this module's,
        and `_state` becomes None, so that the next call of `_keep_up` compares the file.

        If the server ends and has waited for `CLOSING_SECONDS`, this leaves out the rest of the notes or, with
        `must_be_complete`, raises `_GivenUp`.
        """
        for last, chunk in self._chunks(notes, number, must_be_complete=must_be_complete):
            file.write(chunk)
            self._number, bytes_before = last, bytes_before + len(chunk)
        file.flush()
        self._state = _mark_as_own(file.fileno(), bytes_before)

    def _chunks(self, notes: "_Notes", number: int, *, must_be_complete: bool = True) -> Iterator[tuple[int, bytes]]:
        """Yield the notes after `number` in the format of the text file, in chunks: (number of the chunk's last entry, bytes).

        After each chunk the thread sleeps as long as it has worked, unless the server ends. If the server ends and has waited
        for `CLOSING_SECONDS`, the chunks end early or, with `must_be_complete`, this raises `_GivenUp`.
        """
        began = time.monotonic()
        for last, chunk in notes.chunks(number):
            if time.monotonic() >= self._give_up_at:
                if must_be_complete:
                    raise _GivenUp
                return
            yield last, chunk
            if not self._ended.is_set():
                time.sleep(time.monotonic() - began)
            began = time.monotonic()


def rewrite_text_file(path: str, notebook: str) -> str | None:
    """If there is a text file at `path`, write it anew, as a whole, from the notebook file `notebook`.

    The caller makes sure that no server uses the notebook. If another program was the last to write the text file, this first
    renames it and returns its new path. In all other cases it returns None. Raises `StorageError`.
    """
    if not os.path.isfile(path):
        return None
    asides: list[str | None] = []
    with (
        storage_errors(path),
        _opened(notebook) as notes,
        whole_file(path, before_placing=lambda: asides.append(_put_aside_if_changed(path))) as file,
    ):
        file.writelines(chunk for _, chunk in notes.chunks(0))
        file.flush()
        _mark_as_own(file.fileno(), file.tell())
    return asides[0]


class _GivenUp(Exception):
    """The server ends and has waited for `CLOSING_SECONDS`, but the thread has not written everything yet."""


class _Notes:
    """Reads the notes of the notebook file `path`, which `connection` has open. A server may be writing the file meanwhile.

    Methods raise `StorageError`.
    """

    def __init__(self, path: str, connection: sqlite3.Connection) -> None:
        self._path = path
        self._connection = connection

    def last_number(self) -> int:
        """The highest entry number in the notebook; 0 if it is empty."""
        with storage_errors(self._path):
            return last_number(self._connection)

    def last_revision(self) -> int:
        """The number of the latest revision or deletion, 0 if there is none. If it has grown, an earlier note has changed."""
        with storage_errors(self._path):
            (number,) = self._connection.execute("SELECT coalesce(max(number), 0) FROM revisions").fetchone()
            return int(number)

    def chunks(self, after: int) -> Iterator[tuple[int, bytes]]:
        """Yield the notes with numbers above `after`, in the format of the text file, without deleted ones.

        Each chunk is a pair: (number of the last entry that was read, bytes). It has at most `CHUNK_ENTRIES` entries, and ends
        with the entry with which it reaches `CHUNK_BYTES`. Entries that are stored meanwhile are left out.
        """
        end = self.last_number()
        while after < end:
            after, chunk = self._chunk(after, min(end, after + CHUNK_ENTRIES))
            yield after, chunk

    def _chunk(self, after: int, last: int) -> tuple[int, bytes]:
        """Read the notes with numbers above `after` and up to `last`, or fewer of them, as one of the `chunks`."""
        clause = f"WHERE number > ? AND number <= ? AND kind = {Kind.NOTE:d} ORDER BY number"
        blocks: list[bytes] = []
        size = 0
        with storage_errors(self._path):
            for number, note in notes_from(self._connection, clause, (after, last)):
                if note is not None:
                    entry = note.entry
                    blocks.append(text_block(entry.written_at, entry.utc_offset, entry.text).encode())
                    size += len(blocks[-1])
                if size >= CHUNK_BYTES:
                    return number, b"".join(blocks)
        return last, b"".join(blocks)


@contextmanager
def _opened(path: str) -> Iterator[_Notes]:
    """Open the notebook at `path` for reading during the block. If the file is gone, this raises `StorageError`."""
    with storage_errors(path):
        connection = sqlite3.connect(uri_of(path, "mode=rw"), uri=True, timeout=SERVER_BUSY_SECONDS, isolation_level=None)
        connection.execute("PRAGMA query_only = ON")
    try:
        yield _Notes(path, connection)
    finally:
        connection.close()


def _put_aside_if_changed(path: str) -> str | None:
    """Rename the text file at `path` if its modification time shows that another program was the last to write it.

    Returns its new path, or None if it was not renamed. An empty file is not renamed. Raises `StorageError` if there are
    `ASIDE_MAX` renamed files already, and `OSError`.
    """
    state = _state_of(path)
    if state is None or not state.length or _is_ours(state):
        return None
    if len(files_set_aside(path)) >= ASIDE_MAX:
        raise StorageError("too_many_files_put_aside", path=path, count=ASIDE_MAX)
    aside = aside_name(path)
    os.rename(path, aside)
    return aside


def _mark_as_own(descriptor: int, length: int) -> _FileState | None:
    """Mark the open file `descriptor`, by its modification time, as last written by this module. Return its new state.

    If the file does not have `length` bytes, another program has written it meanwhile: then it is not marked, and the result is
    None.
    """
    status = os.fstat(descriptor)
    if status.st_size != length:
        return None
    written_at = status.st_mtime_ns - status.st_mtime_ns % 1_000_000 + OWN_NANOSECONDS
    os.utime(descriptor, ns=(status.st_atime_ns, written_at))
    state = _state_of(descriptor)
    if state is not None and state.length != length:  # written between the two calls
        os.utime(descriptor)
        return None
    return state


def _is_ours(state: _FileState) -> bool:
    """Whether this module was the last to write a file with this state: its modification time shows it (`OWN_NANOSECONDS`)."""
    return state.modified_at % 1_000_000 == OWN_NANOSECONDS


def _state_of(file: str | int) -> _FileState | None:
    """The inode, length and modification time of a file, given by its path or descriptor; None if there is no such file."""
    try:
        status = os.stat(file)
    except FileNotFoundError:
        return None
    return _FileState(status.st_ino, status.st_size, status.st_mtime_ns)
