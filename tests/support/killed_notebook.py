"""A notebook whose server was killed, and damage to its log."""

import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from tests.storage.notebook.conftest import NOW, part
from tests.support.killed import printed_by
from udpnote.errors import StorageError
from udpnote.storage.database import LOG_HEADER_BYTES
from udpnote.storage.notebook.log_check import locked
from udpnote.storage.notebook.notebook import Notebook
from udpnote.storage.notebook.tables import SCHEMA, last_number
from udpnote.storage.reading_database import open_for_reading

FRAME_BYTES = 24 + SCHEMA.page_bytes
NOTES = 6

Damage = Callable[[bytearray, int], None]
"""Damages the frame that begins at an offset in a log."""


def zero(log: bytearray, offset: int) -> None:
    log[offset : offset + FRAME_BYTES] = bytes(FRAME_BYTES)


def flip(log: bytearray, offset: int) -> None:
    log[offset + FRAME_BYTES // 2] ^= 1


def cut(log: bytearray, offset: int) -> None:
    del log[offset:]


class Killed:
    """A notebook whose server was killed after it had stored `NOTES` notes, each in a transaction of its own."""

    def __init__(self, folder: Path, *, is_sealed: bool = False) -> None:
        served = folder / "served.sqlite3"
        self.path = folder / "notebook.sqlite3"
        with closing(Notebook(served)) as notebook:
            notebook.preallocate_log()
            notebook.set_sealed(is_sealed=is_sealed)
            for number in range(1, NOTES):
                notebook.store([part(number, f"note {number}")], NOW)
            notebook.store([part(NOTES, "x" * 5000)], NOW)
            for suffix in ("", "-wal", "-shm"):
                shutil.copy(f"{served}{suffix}", f"{self.path}{suffix}")
        self.log = Path(f"{self.path}-wal")
        self.index = Path(f"{self.path}-shm")
        self._log, self._index = self.log.read_bytes(), self.index.read_bytes()

    @property
    def frames(self) -> list[int]:
        """The frames (copies of a page) that the server has written: the offset of each in the notebook's log."""
        own = self._log[16:24]
        offsets = range(LOG_HEADER_BYTES, len(self._log) - FRAME_BYTES, FRAME_BYTES)
        return [offset for offset in offsets if self._log[offset + 8 : offset + 16] == own]

    def content(self, frame: int) -> bytes:
        """Return the bytes of the frame at the offset `frame`, as the server has written it."""
        return self._log[frame : frame + FRAME_BYTES]

    def files(self) -> dict[str, bytes]:
        """Return the bytes of the notebook's file, of its log and of the index of the log, by the names of the files."""
        return {each.name: each.read_bytes() for each in (self.path, self.log, self.index)}

    def damage(self, damage: Damage, offset: int, *, has_index: bool | None = True) -> None:
        """Write the log as the server has left it, but with `damage` at `offset`.

        If `has_index` is True, write the index of the log as the server has left it, too. If it is False, remove the index. If
        it is None, leave the index as it is.
        """
        log = bytearray(self._log)
        damage(log, offset)
        self.log.write_bytes(log)
        if has_index is None:
            return
        self.index.write_bytes(self._index)
        if not has_index:
            self.index.unlink()

    def repair(self) -> None:
        """Write the log and its index as the server has left them."""
        self.damage(lambda _log, _offset: None, 0)

    def is_refused(self) -> bool:
        """Whether the next two servers, one after the other, refuse the notebook."""
        return bool(self._refusal() and self._refusal())

    def _refusal(self) -> str:
        """Lock the notebook as a server does. Return the kind of the error, or an empty text if there is none."""
        try:
            locked(str(self.path)).release()
        except StorageError as error:
            return error.notice.kind
        return ""

    def notes(self) -> int:
        with closing(open_for_reading(str(self.path), SCHEMA)) as connection:
            return last_number(connection)


def is_held(path: Path) -> bool:
    """Whether another process sees that this one reads the database at `path`: it cannot empty the log."""
    printed = printed_by(f"""if True:
        import sqlite3
        connection = sqlite3.connect({str(path)!r}, timeout=0)
        print(connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0])
    """)
    return bool(int(printed))


@contextmanager
def open_elsewhere(path: Path) -> Iterator[None]:
    """Let another process have the database at `path` open during the block."""
    program = f"""if True:
        import sqlite3, sys
        connection = sqlite3.connect({str(path)!r})
        print(connection.execute("SELECT count(*) FROM entries").fetchone(), flush=True)
        sys.stdin.read()
    """
    with subprocess.Popen([sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None and process.stdout.readline()
        yield
        process.kill()
