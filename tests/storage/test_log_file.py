"""A log that was cut or damaged while no server ran is noticed, and a log that a crash has left is not taken for damaged."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from tests.support.killed_database import FRAME_BYTES, NOTES, Damage, Killed, cut, flip, zero
from udpnote.storage.database import LOG_HEADER_BYTES
from udpnote.storage.log_file import has_frames_up_to, is_damaged
from udpnote.storage.notebook.tables import SCHEMA


@pytest.fixture
def killed(tmp_path: Path) -> Killed:
    return Killed(tmp_path)


@pytest.mark.parametrize("damage", [zero, flip, cut])
def test_damage_in_a_log_is_noticed_or_costs_at_most_the_last_two_notes(killed: Killed, damage: Damage) -> None:
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


def test_a_log_without_a_whole_header_has_no_transaction_that_could_be_damaged(killed: Killed) -> None:
    for length in (LOG_HEADER_BYTES - 1, 0):
        killed.log.write_bytes(killed.log.read_bytes()[:length])
        assert not is_damaged(str(killed.path))
        assert not has_frames_up_to(str(killed.log), SCHEMA.page_bytes, b"mark")
