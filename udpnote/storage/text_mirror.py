"""A plain text file beside a notebook, for any editor: kept up with the notebook, and never what is believed.

A thread of its own reads the notebook's file and writes the text file, so that the server waits for neither. What is in the
text file is compared with the notebook at the start, and when another program has written it: where it is a beginning of what
it should be, it is gone on with, also after a crash in the middle of an entry; else it is written anew, and, unless we were the
last to write it, put aside under another name, since it may be somebody's work. It is written anew, too, when an entry is
revised or deleted.
"""

import os
import sqlite3
import stat
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import BinaryIO
from urllib.parse import quote

from udpnote.errors import StorageError
from udpnote.model.entry import Kind
from udpnote.storage.atomic_file import whole_file
from udpnote.storage.database import SERVER_BUSY_SECONDS, is_database, storage_errors
from udpnote.storage.entry_rows import last_number, notes_from
from udpnote.text.notebook_text import text_block

CHUNK_ENTRIES = 256
"""Entries between two pauses, in which the server's thread gets its turn."""

RETRY_SECONDS = 10.0
"""After a failure: a full disk or a folder without permission is seldom mended sooner."""

REBUILD_RATIO = 10
"""After writing all anew, so many times as long as that took passes before the next time: revising does not keep it busy."""

CLOSING_SECONDS = 2.0
"""How long the end of the server waits for the last entries to be written."""

ASIDE_MAX = 9
"""How many files are put aside: after that, somebody has to say what is to become of them."""

_OWN_SUFFIXES = ("-", ".lock", ".index", ".key")
"""So the names go on of the files that belong to a notebook's, which no text may replace."""

_OWN_NANOSECONDS = 717_131
"""Within a millisecond, when a text file was last written, if we have written it: nobody else's writing ends just then."""

_State = tuple[int, int, int]
"""What tells whether another program has written a file: its inode, its length, and when it was written."""


class TextFile:
    """Keeps the text file `path` up with the notebook file `notebook`; `on_notice` is told what whoever runs it should see.

    After a failure it is tried again every `retry_seconds`. Raises `StorageError` if the text file cannot be written at first.
    """

    def __init__(
        self, path: str, notebook: str, on_notice: Callable[[str], None], *, retry_seconds: float = RETRY_SECONDS
    ) -> None:
        self.path = os.path.realpath(path)
        self._notebook = notebook
        self._on_notice = on_notice
        self._retry_seconds = retry_seconds
        self._state: _State | None = None
        self._number = 0
        self._revision = 0
        self._rebuild_at = 0.0
        self._give_up_at = float("inf")
        self._ended = threading.Event()
        self._news = threading.Event()
        with storage_errors(self.path):
            self._check_path()
            os.makedirs(os.path.dirname(self.path), mode=0o700, exist_ok=True)
            os.close(_open(self.path))
        self._thread = threading.Thread(target=self._run, name="udpnote text file", daemon=True)
        self._thread.start()

    def notice_stored(self) -> None:
        """There is something new in the notebook."""
        self._news.set()

    def close(self) -> None:
        """Write what is missing, as far as that can be done in a moment, and end."""
        self._give_up_at = time.monotonic() + CLOSING_SECONDS
        self._ended.set()
        self._news.set()
        self._thread.join(CLOSING_SECONDS)

    def _check_path(self) -> None:
        notebook = os.path.realpath(self._notebook)
        is_own = self.path == notebook or self.path.startswith(tuple(notebook + suffix for suffix in _OWN_SUFFIXES))
        is_there = os.path.exists(self.path)
        if is_own or (is_there and (not stat.S_ISREG(os.stat(self.path).st_mode) or is_database(self.path))):
            raise StorageError(f"{self.path} cannot be the text file, it is something else: name another one with --text-file")

    def _run(self) -> None:
        complaint = ""
        while True:
            is_last_time = self._ended.is_set()  # what was stored before the end is seen now, and not all of it before
            wait_seconds: float | None = 0.0
            try:
                wait_seconds = self._keep_up()
                complaint = ""
            except _GivenUp:
                return
            except StorageError as error:
                self._state = None
                if str(error) != complaint:
                    complaint = str(error)
                    self._on_notice(f"the text file is not kept up: {complaint}")
                self._ended.wait(self._retry_seconds)
            if is_last_time:
                return
            self._news.wait(wait_seconds)
            self._news.clear()

    def _keep_up(self) -> float | None:
        """Write what is new; gives after how many seconds there is more to do, or None if only when there is news."""
        with storage_errors(self.path), _opened(self._notebook) as notes:
            if self._state is None or self._state != _state_of(self.path):
                self._compare(notes)
            is_revised = notes.last_revision() != self._revision
            left = self._rebuild_at - time.monotonic()
            if is_revised and (left <= 0 or self._ended.is_set()):
                self._rebuild(notes)
                is_revised = False
            elif notes.last_number() > self._number:
                with open(self.path, "ab") as file:
                    self._write(file, notes, self._number)
            return left if is_revised else None

    def _compare(self, notes: "_Notes") -> None:
        """Find out how far the text file is what it should be; if it is something else, write it anew."""
        self._revision = notes.last_revision()
        with open(_open(self.path), "r+b") as file:
            number, good_bytes, chunk, found = 0, 0, b"", b""
            for following, chunk in self._chunks(notes, 0):
                found = file.read(len(chunk))
                if found != chunk:
                    break
                number, good_bytes = following, good_bytes + len(chunk)
            else:
                chunk, found = b"", file.read(1)
            is_beginning = chunk.startswith(found)  # of what it should be, perhaps cut off by a crash
            if is_beginning:
                file.truncate(good_bytes)
                self._number, self._state = number, _sign(file.fileno())
        if not is_beginning:
            self._rebuild(notes)

    def _rebuild(self, notes: "_Notes") -> None:
        """Write the whole text file under another name, and put it in its place."""
        began = time.monotonic()
        self._revision = notes.last_revision()
        with whole_file(self.path, before_placing=self._put_aside) as file:
            self._write(file, notes, 0, must_end=True)
        ended = time.monotonic()
        self._rebuild_at = ended + REBUILD_RATIO * (ended - began)

    def _put_aside(self) -> None:
        """Keep what is there under another name, if somebody else has written it, perhaps just now."""
        state = _state_of(self.path)
        if state is not None and state[1] and not _is_ours(state):
            aside = self._free_name()
            os.rename(self.path, aside)
            self._on_notice(f"{self.path} held something else than the notebook: that is {aside} now, and it is written anew")

    def _write(self, file: BinaryIO, notes: "_Notes", number: int, *, must_end: bool = False) -> None:
        """Write the notes after `number`; if there is no time for all, those that there is time for."""
        for following, chunk in self._chunks(notes, number, must_end=must_end):
            file.write(chunk)
            self._number = following
        file.flush()
        self._state = _sign(file.fileno())

    def _chunks(self, notes: "_Notes", number: int, *, must_end: bool = True) -> Iterator[tuple[int, bytes]]:
        """The notes after `number` as bytes, a chunk at a time, each with the number it goes up to.

        Between chunks the thread rests for as long as it has worked. Raises `_GivenUp` if there is no time, and it `must_end`.
        """
        end = notes.last_number()
        while number < end:
            began = time.monotonic()
            if began >= self._give_up_at:
                if must_end:
                    raise _GivenUp
                return
            following = min(end, number + CHUNK_ENTRIES)
            yield following, notes.blocks(number, following)
            number = following
            if not self._ended.is_set():
                time.sleep(time.monotonic() - began)

    def _free_name(self) -> str:
        """A name that no file has, for the one that is put aside."""
        for count in range(1, ASIDE_MAX + 1):
            name = f"{self.path}.{count}.old"
            if not os.path.lexists(name):
                return name
        raise StorageError(
            f"another program writes {self.path}, too, and {ASIDE_MAX} files were put aside already: move the *.old away"
        )


class _GivenUp(Exception):
    """The server ends, and there is no time to write all."""


class _Notes:
    """A notebook's file, for reading beside its server; raises `StorageError`."""

    def __init__(self, path: str, connection: sqlite3.Connection) -> None:
        self._path = path
        self._connection = connection

    def last_number(self) -> int:
        """The highest number in the notebook; 0 if it is empty."""
        with storage_errors(self._path):
            return last_number(self._connection)

    def last_revision(self) -> int:
        """The number of the latest revision or deletion: when it changes, something old has changed."""
        with storage_errors(self._path):
            (number,) = self._connection.execute("SELECT coalesce(max(number), 0) FROM revisions").fetchone()
            return int(number)

    def blocks(self, after: int, last: int) -> bytes:
        """The notes after the number `after`, up to `last`, as the text file has them."""
        clause = f"WHERE number > ? AND number <= ? AND kind = {Kind.NOTE:d} ORDER BY number"
        with storage_errors(self._path):
            notes = [note.entry for _, note in notes_from(self._connection, clause, (after, last)) if note is not None]
        return "".join([text_block(note.written_at, note.utc_offset, note.text) for note in notes]).encode()


@contextmanager
def _opened(path: str) -> Iterator[_Notes]:
    """The notebook at `path`, for as long as something is read in it; if it has gone, nothing is made in its place."""
    with storage_errors(path):
        address = f"file:{quote(os.fsencode(path))}?mode=rw"
        connection = sqlite3.connect(address, uri=True, timeout=SERVER_BUSY_SECONDS, isolation_level=None)
        connection.execute("PRAGMA query_only = ON")
    try:
        yield _Notes(path, connection)
    finally:
        connection.close()


def _open(path: str) -> int:
    """Open a file to be read and written, made for its owner only if it is not there."""
    return os.open(path, os.O_CREAT | os.O_RDWR, 0o600)


def _sign(descriptor: int) -> _State | None:
    """Mark an open file as written by us, and give its state."""
    status = os.fstat(descriptor)
    written_at = status.st_mtime_ns - status.st_mtime_ns % 1_000_000 + _OWN_NANOSECONDS
    os.utime(descriptor, ns=(status.st_atime_ns, written_at))
    return _state_of(descriptor)


def _is_ours(state: _State) -> bool:
    """Whether we were the last to write the file that is in this state."""
    return state[2] % 1_000_000 == _OWN_NANOSECONDS


def _state_of(file: str | int) -> _State | None:
    """The state of a file, or of the one that is open; None if it is not there."""
    try:
        status = os.stat(file)
    except FileNotFoundError:
        return None
    return status.st_ino, status.st_size, status.st_mtime_ns
