"""An outbox that is open for reading, because it could not be written: what it does once it can be."""

from contextlib import closing
from pathlib import Path

import pytest

from tests.support.errors import raises
from tests.support.killed_database import damage_last_frame, is_held, killed_outbox
from tests.support.processes import few_files
from udpnote.errors import StorageError
from udpnote.storage.outbox.log_check import move_lone_log
from udpnote.storage.outbox.outbox import Outbox


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """An outbox whose command was killed, with its log."""
    killed_outbox(tmp_path / "outbox")
    return tmp_path / "outbox"


def opened_to_read(path: Path) -> Outbox:
    """The outbox at `path`, opened for reading, as if it could not be written at that time."""
    return Outbox(path, is_read_only=True, before_writing=lambda: None)


def add(outbox: Outbox) -> None:
    outbox.add(["new"], author="amy@pi", written_at=1, utc_offset=0)


def texts(outbox: Outbox) -> list[str]:
    return [each.entry.text for each in outbox.listing(1)]


def test_a_log_that_is_left_without_its_outbox_is_not_taken_for_that_of_the_new_outbox(path: Path) -> None:
    path.unlink()
    with closing(opened_to_read(path)) as outbox:
        for _ in range(2):
            with raises(StorageError, "outbox_log_alone", path=str(path), log=f"{path}-wal"):
                add(outbox)
        assert (path.exists(), texts(outbox)) == (False, [])
        move_lone_log(str(path))
        add(outbox)
        assert texts(outbox) == ["new"], "not the notes in the log: the notebook may have them already"


def test_a_log_that_is_damaged_after_the_outbox_was_opened_for_reading_is_noticed_before_it_is_written(path: Path) -> None:
    with closing(opened_to_read(path)) as outbox:
        damage_last_frame(path)
        with raises(StorageError, "outbox_log_damaged", path=str(path), log=f"{path}-wal"):
            add(outbox)


def test_an_outbox_that_cannot_be_opened_for_writing_for_want_of_files_is_written_once_there_are_enough(tmp_path: Path) -> None:
    path = tmp_path / "outbox"
    Outbox(path).close()
    failures, limits = 0, range(-6, 6)  # the outbox that is open for reading gives some files back
    for written, left in enumerate(limits, 1):
        with closing(opened_to_read(path)) as outbox:
            try:
                with few_files(left):
                    add(outbox)
            except StorageError:
                failures += 1
                add(outbox)
            assert len(texts(outbox)) == written
    assert 0 < failures < len(limits)


def test_after_an_attempt_to_write_in_vain_the_outbox_has_another_version_because_sqlite_counts_anew(path: Path) -> None:
    with closing(opened_to_read(path)) as outbox:
        damage_last_frame(path)
        version = outbox.version()
        with pytest.raises(StorageError):
            add(outbox)
        assert outbox.version() != version, "or the client would not notice that another command has left a notebook"


def test_once_an_outbox_is_open_for_writing_it_stays_open_with_its_locks(path: Path) -> None:
    openings: list[None] = []
    with closing(Outbox(path, is_read_only=True, before_writing=lambda: openings.append(None))) as outbox:
        add(outbox)
        version = outbox.version()
        add(outbox)
        assert (len(openings), outbox.version()) == (1, version)
        outbox._file.connection.execute("BEGIN")
        assert texts(outbox)[-2:] == ["new", "new"] and is_held(path)
        outbox._file.connection.execute("COMMIT")


def test_a_file_that_cannot_even_be_opened_for_reading_again_is_read_as_soon_as_it_can_be(path: Path) -> None:
    with closing(opened_to_read(path)) as outbox:
        before, away = texts(outbox), path.with_name("away")
        path.rename(away)
        path.mkdir()
        for use in (lambda: add(outbox), lambda: texts(outbox)):
            with raises(StorageError, "database_is_no_file", path=str(path), is_folder=True):
                use()
        path.rmdir()
        away.rename(path)
        assert texts(outbox) == before
        add(outbox)
        assert texts(outbox) == [*before, "new"]
