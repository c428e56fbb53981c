"""A log that was cut or damaged while no server ran is noticed, and what a crash leaves is never taken for that."""

import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from tests.storage.notebook.conftest import NOW, part
from udpnote.errors import StorageError
from udpnote.storage.database import LOG_HEADER_BYTES, open_for_reading
from udpnote.storage.notebook.backup import back_up
from udpnote.storage.notebook.log_check import locked
from udpnote.storage.notebook.notebook import Notebook
from udpnote.storage.notebook.restore import prepared_restore
from udpnote.storage.notebook.tables import SCHEMA, last_number

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
    """A notebook whose server was killed when it had stored some notes, each in a transaction of its own."""

    def __init__(self, folder: Path) -> None:
        served = folder / "served.sqlite3"
        self.path = folder / "notebook.sqlite3"
        with closing(Notebook(served)) as notebook:
            notebook.preallocate_log()
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
        """Where the frames are that the server has written."""
        own = self._log[16:24]
        offsets = range(LOG_HEADER_BYTES, len(self._log) - FRAME_BYTES, FRAME_BYTES)
        return [offset for offset in offsets if self._log[offset + 8 : offset + 16] == own]

    def content(self, frame: int) -> bytes:
        """The frame as the server has written it."""
        return self._log[frame : frame + FRAME_BYTES]

    def damage(self, damage: Damage, offset: int, *, has_index: bool) -> None:
        """Put the log there as the server has left it, but damaged at `offset`; `has_index` says whether its index is there."""
        log = bytearray(self._log)
        damage(log, offset)
        self.log.write_bytes(log)
        self.index.write_bytes(self._index)
        if not has_index:
            self.index.unlink()

    def is_refused(self) -> bool:
        """Whether the next server refuses the notebook. The one after that must decide alike."""
        return bool(self._refusal() and self._refusal())

    def _refusal(self) -> str:
        try:
            locked(str(self.path)).release()
        except StorageError as error:
            return error.notice.kind
        return ""

    def notes(self) -> int:
        with closing(open_for_reading(str(self.path), SCHEMA)) as connection:
            return last_number(connection)


@pytest.fixture
def killed(tmp_path: Path) -> Killed:
    return Killed(tmp_path)


@pytest.mark.parametrize("damage", [zero, flip, cut])
def test_wherever_a_log_is_damaged_no_note_is_missing_without_a_word(killed: Killed, damage: Damage) -> None:
    assert len(killed.frames) > 3 * NOTES
    for offset in killed.frames:
        killed.damage(damage, offset, has_index=True)
        assert killed.is_refused(), offset
        killed.damage(damage, offset, has_index=False)
        # Without the index, damage to the end of the last transaction but one looks like one long, interrupted transaction.
        assert killed.is_refused() or (killed.notes() >= NOTES - 2 and damage is not cut), offset


def test_a_transaction_that_a_power_failure_has_interrupted_is_no_damage_even_twice(killed: Killed) -> None:
    first = killed.frames[-6]  # of the last transaction, whose note takes several pages
    killed.damage(zero, first, has_index=False)
    assert (killed.is_refused(), killed.notes()) == (False, NOTES - 1)
    before = killed.path.read_bytes()
    with closing(sqlite3.connect(killed.path, isolation_level=None)) as connection:
        connection.execute("UPDATE properties SET value = 'renamed' WHERE name = 'name'")
        log = bytearray(killed.log.read_bytes())
    killed.path.write_bytes(before)  # as if the power had failed before the connection copied the log into the file
    changed = next(place for place in killed.frames if log[place : place + FRAME_BYTES] != killed.content(place))
    zero(log, changed)
    killed.log.write_bytes(log)
    killed.index.unlink(missing_ok=True)
    assert (killed.is_refused(), killed.notes()) == (False, NOTES - 1)


def test_a_restore_keeps_a_damaged_log_beside_the_notebook_that_it_replaces(killed: Killed, tmp_path: Path) -> None:
    killed.damage(flip, killed.frames[6], has_index=False)
    damaged = killed.log.read_bytes()
    copy = str(tmp_path / "copy.sqlite3")
    back_up(str(killed.path), copy, with_key=None)
    with prepared_restore(copy, str(killed.path)) as restore:
        kept = restore.commit()
    assert [Path(path).read_bytes() for path in kept if path.endswith("-wal")] == [damaged]
    with closing(Notebook(killed.path)) as notebook:
        assert notebook.last_number < NOTES
