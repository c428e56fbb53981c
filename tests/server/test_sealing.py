"""Sealing: the keys of a notebook as they change, and how a notebook becomes sealed or open."""

import os
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from tests.support.disks import fill, shorten
from tests.support.errors import raises
from tests.support.notebook_files import fail_before
from udpnote.errors import NoSpace, NotebookOpen, NotebookSealed, StorageError
from udpnote.model.entry import Entry, Kind, split
from udpnote.protocol.sealed_envelope import key_id
from udpnote.server.sealing import (
    TAKE_UP_SECONDS_MAX,
    KeyUse,
    SealingKeys,
    open_sealing_keys,
    seal_notebook,
    unseal_notebook,
    wait_for_use,
)
from udpnote.storage.key_file import EarlierKey, NotebookKeys, key_path, read_key_file, write_key_file
from udpnote.storage.notebook.notebook import Notebook

NEW, MIDDLE, OLD = (bytes((number,)) * 16 for number in range(1, 4))
NOW = 1_795_622_400_000_000
HOUR = 3_600_000_000


@pytest.fixture
def key_file(path: Path) -> Path:
    return Path(key_path(str(path)))


def keep(notebook: Notebook) -> None:
    notebook.store(split(Entry(b"c" * 16, 1, Kind.NOTE, NOW, 480, "amy@pi", "今天开会"), 1000), NOW)


def seal(notebook: Notebook) -> NotebookKeys:
    return seal_notebook(notebook, name="厨房")


def open_keys(notebook: Notebook, *, is_wanted: bool | None = True) -> SealingKeys:
    return open_sealing_keys(notebook, wants_sealed=is_wanted, name="厨房")


def write(key_file: Path, keys: NotebookKeys) -> None:
    write_key_file(os.fspath(key_file), keys, notebook_name="厨房")


def test_a_new_notebook_is_sealed_with_a_key_that_it_keeps_and_not_served_to_everybody(path: Path, key_file: Path) -> None:
    found = []
    for _ in range(2):
        with closing(Notebook(path)) as notebook:
            found.append(open_keys(notebook))
            with raises(NotebookSealed, "notebook_is_sealed", path=notebook.path):
                open_keys(notebook, is_wanted=False)
            assert notebook.is_sealed
            assert open_keys(notebook, is_wanted=None).keys == found[-1].keys, "without a wish, it is served as it is"
    assert found[0].keys == found[1].keys == read_key_file(str(key_file))
    assert (found[0].path, found[0].keys.earlier) == (str(key_file), ())
    assert "厨房" in key_file.read_text(), "the file says whose key it has"


@pytest.mark.parametrize("use", [keep, lambda notebook: notebook.rename("厨房")], ids=["written in", "named"])
def test_an_open_notebook_that_was_used_is_not_sealed(
    notebook: Notebook, key_file: Path, use: Callable[[Notebook], None]
) -> None:
    use(notebook)
    with raises(NotebookOpen, "notebook_is_open", path=notebook.path):
        open_keys(notebook)
    assert (notebook.is_sealed, key_file.exists()) == (False, False)


def test_a_sealed_notebook_whose_key_file_is_damaged_or_missing_is_not_served_and_gets_no_new_key(
    notebook: Notebook, key_file: Path
) -> None:
    seal(notebook)
    key_file.write_text("key = ")
    with pytest.raises(StorageError):
        open_keys(notebook)
    assert key_file.read_text() == "key = "
    key_file.unlink()
    with raises(StorageError, "key_file_missing", path=str(key_file)):
        open_keys(notebook)
    assert (notebook.is_sealed, key_file.exists()) == (True, False)
    unseal_notebook(notebook)
    assert not notebook.is_sealed


def test_sealing_and_unsealing_are_durable_keep_every_entry_and_each_time_take_a_new_key(path: Path, key_file: Path) -> None:
    keys = set()
    with closing(Notebook(path)) as notebook:
        keep(notebook)
        for _ in range(2):
            keys.add(seal(notebook).current)
            unseal_notebook(notebook)
        assert not key_file.exists()
        keys.add(seal(notebook).current)
    with closing(Notebook(path)) as notebook:
        assert (notebook.is_sealed, key_file.exists()) == (True, True)
        assert [each.entry.text for each in notebook.entries_after(0)] == ["今天开会"]
    assert len(keys) == 3


def test_a_notebook_whose_key_cannot_be_kept_stays_open_and_no_key_file_is_replaced(notebook: Notebook, key_file: Path) -> None:
    write(key_file, NotebookKeys(OLD))
    with raises(StorageError, "key_file_in_the_way", path=str(key_file)):
        seal(notebook)
    assert (notebook.is_sealed, read_key_file(str(key_file))) == (False, NotebookKeys(OLD))
    key_file.unlink()
    key_file.mkdir()
    with pytest.raises(StorageError):
        seal(notebook)
    assert not notebook.is_sealed, "or nobody would be answered any more"


@pytest.mark.parametrize("is_in_the_way", [False, True])
def test_a_notebook_that_cannot_be_sealed_stays_open_and_says_if_its_key_file_cannot_be_removed(
    path: Path, key_file: Path, is_in_the_way: bool
) -> None:
    class Failing(Notebook):
        """The disk fails at the last moment; another process may have made a folder in the key file's place."""

        def set_sealed(self, *, is_sealed: bool) -> None:
            assert is_sealed and key_file.exists(), "a notebook would be sealed without a key"
            if is_in_the_way:
                key_file.unlink()
                key_file.mkdir()
            raise StorageError("database_failed", path=self.path, problem="disk I/O error")

    with closing(Failing(path)) as notebook:
        with raises(StorageError, "key_file_left_behind" if is_in_the_way else "database_failed"):
            seal(notebook)
        assert (notebook.is_sealed, key_file.exists()) == (False, is_in_the_way)


def test_a_notebook_whose_key_file_cannot_be_removed_is_sealed_again_or_reported_open(
    notebook: Notebook, path: Path, key_file: Path
) -> None:
    seal(notebook)
    key_file.unlink()
    key_file.mkdir()  # this cannot be removed as a file
    with raises(StorageError, "key_file_not_removed"):
        unseal_notebook(notebook)
    assert notebook.is_sealed
    fail_before(path, "UPDATE ON properties WHEN NEW.name = 'sealed' AND NEW.value = 1")
    with raises(StorageError, "key_file_left_behind", key_file=str(key_file)):
        unseal_notebook(notebook)
    assert not notebook.is_sealed


@pytest.mark.parametrize("written_before", [0, 2])
def test_a_full_disk_leaves_a_notebook_sealed_with_its_key_or_open_without_one(small_disk: Path, written_before: int) -> None:
    path = small_disk / "notebook.sqlite3"
    key_file = Path(key_path(str(path)))
    with closing(Notebook(path)) as notebook:
        for number in range(written_before):  # so that the log needs a new page at another moment each time
            notebook.rename(f"厨房 {number}")
        filler = fill(small_disk)
        changes: tuple[Callable[[Notebook], object], ...] = (seal, unseal_notebook)
        for change in changes:
            for _ in range(16):
                before = notebook.is_sealed
                try:
                    change(notebook)
                    break
                except NoSpace:
                    assert (notebook.is_sealed, key_file.exists()) == (before, before)
                shorten(filler, 4096)
            assert (notebook.is_sealed, key_file.exists()) == (not before, not before)
            fill(small_disk)
    assert not list(small_disk.glob("*.udpnote"))


def opened(key_file: Path, keys: NotebookKeys) -> SealingKeys:
    write(key_file, keys)
    return SealingKeys(os.fspath(key_file))


def test_a_key_keeps_its_envelope_as_long_as_it_is_in_the_file(key_file: Path) -> None:
    keys = opened(key_file, NotebookKeys(MIDDLE, (EarlierKey(OLD, NOW + HOUR),)))
    before = keys.envelopes(NOW)
    assert not keys.read_again()
    assert keys.envelopes(NOW) == before, "the server must not take an unchanged key for a new one"
    write(key_file, NotebookKeys(NEW, (EarlierKey(MIDDLE, NOW + HOUR), EarlierKey(OLD, NOW + HOUR))))
    assert keys.read_again()
    assert keys.envelopes(NOW).accepted[1:] == before.accepted
    at_its_end = keys.envelopes(NOW + HOUR)
    assert (len(at_its_end.accepted), at_its_end.retired) == (1, before.accepted)
    write(key_file, NotebookKeys(NEW))
    assert not keys.read_again(), "the current key is the same"
    envelopes = keys.envelopes(NOW)
    assert [each.key_id for each in (*envelopes.accepted, *envelopes.retired)] == [key_id(NEW)]


def test_the_keys_stay_in_use_while_the_key_file_cannot_be_read(key_file: Path) -> None:
    keys = opened(key_file, NotebookKeys(OLD))
    before = keys.envelopes(NOW)
    key_file.unlink()
    for text in (None, "", "key = 'nonsense'"):
        if text is not None:
            key_file.write_text(text)
        with pytest.raises(StorageError):
            keys.read_again()
        assert (keys.keys, keys.envelopes(NOW)) == (NotebookKeys(OLD), before)


@pytest.mark.parametrize(
    ("happens", "use", "seconds"),
    [("taken up", KeyUse.IN_USE, 1.0), ("ended", KeyUse.NO_SERVER, 1.0), ("nothing", KeyUse.NOT_IN_USE, TAKE_UP_SECONDS_MAX)],
)
def test_a_change_of_key_waits_until_the_server_uses_it_or_has_ended_but_not_for_ever(
    path: Path, key_file: Path, happens: str, use: KeyUse, seconds: float
) -> None:
    now, notebook = 0.0, Notebook(path)
    keys = opened(key_file, NotebookKeys(OLD))
    keys.record_use(notebook)
    write(key_file, NotebookKeys(NEW))

    def sleep(length: float) -> None:
        nonlocal now
        now += length
        if now >= 1.0 and happens == "taken up":
            keys.read_again()
            keys.record_use(notebook)
        elif now >= 1.0 and happens == "ended":
            notebook.close()

    assert wait_for_use(str(path), NEW, monotonic=lambda: now, sleep=sleep) is use
    assert seconds <= now < seconds + 0.1
    if happens != "ended":
        notebook.close()


def test_a_server_that_cannot_record_its_key_goes_on_and_the_key_counts_as_not_in_use(path: Path, key_file: Path) -> None:
    notebook = Notebook(path)
    notebook.close()
    opened(key_file, NotebookKeys(NEW)).record_use(notebook)
    path.write_bytes(b"nonsense")
    assert wait_for_use(str(path), NEW) is KeyUse.NOT_IN_USE
