"""A notebook whose server was killed, an outbox whose command was killed, and damage to their logs."""

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
from udpnote.storage.outbox.outbox import Outbox
from udpnote.storage.reading_database import open_for_reading

FRAME_BYTES = 24 + SCHEMA.page_bytes
NOTES, OUTBOX_NOTES = 6, 3
SUFFIXES = ("", "-wal", "-shm")

Damage = Callable[[bytearray, int], None]
"""Damages the frame that begins at an offset in a log."""


def zero(log: bytearray, offset: int) -> None:
    log[offset : offset + FRAME_BYTES] = bytes(FRAME_BYTES)


def flip(log: bytearray, offset: int) -> None:
    log[offset + FRAME_BYTES // 2] ^= 1


def cut(log: bytearray, offset: int) -> None:
    del log[offset:]


def frames(log: bytes | bytearray) -> list[int]:
    """Return the offset in `log` of each frame (a copy of a page) that was written since SQLite has begun the log anew.

    Other bytes are left out: older frames, and space that was allocated in advance.
    """
    page_bytes, salt = int.from_bytes(log[8:12]), log[16:24]  # in the header of the log
    offsets = range(LOG_HEADER_BYTES, len(log), 24 + page_bytes)
    return [offset for offset in offsets if log[offset + 8 : offset + 16] == salt]  # SQLite writes the salt into each frame


def copy(path: Path, to: Path) -> None:
    """Copy a database that is open, with its log, as a killed program would leave it."""
    for suffix in SUFFIXES:
        shutil.copy(f"{path}{suffix}", f"{to}{suffix}")


def files(path: Path) -> dict[str, bytes]:
    """Return the bytes of the database at `path`, of its log and of the index of the log, by the suffixes of the files."""
    return {suffix: Path(f"{path}{suffix}").read_bytes() for suffix in SUFFIXES}


def killed_outbox(path: Path) -> None:
    """Make an outbox as a killed command leaves it, after `OUTBOX_NOTES` notes, each in a transaction of its own."""
    used = path.with_name("used")
    with closing(Outbox(used)) as outbox:
        for number in range(OUTBOX_NOTES):
            outbox.add([f"note {number}"], author="amy@pi", written_at=1, utc_offset=0)
        copy(used, path)
    used.unlink()


def damage_last_frame(path: Path) -> None:
    """Damage the last frame in the log of the database at `path`."""
    log = bytearray(Path(f"{path}-wal").read_bytes())
    flip(log, frames(log)[-1])
    Path(f"{path}-wal").write_bytes(log)


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
            copy(served, self.path)
        self.log = Path(f"{self.path}-wal")
        self.index = Path(f"{self.path}-shm")
        self._log, self._index = self.log.read_bytes(), self.index.read_bytes()
        self.frames = frames(self._log)

    def content(self, frame: int) -> bytes:
        """Return the bytes of the frame at the offset `frame`, as the server has written it."""
        return self._log[frame : frame + FRAME_BYTES]

    def files(self) -> dict[str, bytes]:
        return files(self.path)

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
