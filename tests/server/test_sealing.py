"""The seal of a notebook: its keys as they change, and how a notebook comes to be sealed or open."""

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.disks import fill, shorten
from udpnote.errors import NoSpace, NotebookOpen, NotebookSealed, StorageError
from udpnote.model.entry import Entry, Kind, Status, split
from udpnote.protocol.sealed_envelope import key_id
from udpnote.server.sealing import SealingKeys, open_sealing_keys, seal_notebook, unseal_notebook
from udpnote.storage.key_file import EarlierKey, NotebookKeys, key_path, read_key_file, write_key_file
from udpnote.storage.notebook.notebook import Notebook

NEW, MIDDLE, OLD = (bytes((number,)) * 16 for number in range(1, 4))
NOW = 1_795_622_400_000_000
HOUR = 3_600_000_000


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "notebook.sqlite3"


@pytest.fixture
def notebook(path: Path) -> Iterator[Notebook]:
    with closing(Notebook(path)) as notebook:
        yield notebook


def keep(notebook: Notebook, text: str) -> None:
    [verdict] = notebook.store(split(Entry(b"c" * 16, 1, Kind.NOTE, NOW, 480, "amy@pi", text), 1000), NOW)
    assert verdict is not None and verdict.status is Status.STORED


def seal(notebook: Notebook) -> None:
    seal_notebook(notebook, name="厨房")


def texts(notebook: Notebook) -> list[str]:
    return [each.entry.text for each in notebook.entries_after(0)]


def key_file(path: Path) -> Path:
    return Path(key_path(os.fspath(path)))


def write(path: Path, keys: NotebookKeys) -> str:
    """Write the key file of the notebook at `path`; gives where it is."""
    write_key_file(key_path(os.fspath(path)), keys, notebook_name="厨房")
    return key_path(os.fspath(path))


# How a notebook comes to be sealed or open


def test_a_new_notebook_is_sealed_with_a_key_of_its_own_if_that_is_wanted(notebook: Notebook, path: Path) -> None:
    seal = open_sealing_keys(notebook, is_wanted=True, name="厨房")
    assert notebook.is_sealed
    assert (seal.path, seal.keys) == (str(key_file(path)), read_key_file(str(key_file(path))))
    assert seal.keys.earlier == ()
    assert "厨房" in key_file(path).read_text(), "the file says whose key it has"


def test_a_sealed_notebook_keeps_its_key_and_stays_sealed_when_it_is_opened_again(path: Path) -> None:
    keys = []
    for _ in range(2):
        with closing(Notebook(path)) as notebook:
            keys.append(open_sealing_keys(notebook, is_wanted=True, name="厨房").keys)
    assert keys[0] == keys[1]


def test_a_sealed_notebook_is_not_opened_for_everybody(notebook: Notebook) -> None:
    seal_notebook(notebook, name="厨房")
    with pytest.raises(NotebookSealed, match=f"{notebook.path} is sealed.*serve --sealed.*udpnote unseal"):
        open_sealing_keys(notebook, is_wanted=False, name="厨房")
    assert notebook.is_sealed


@pytest.mark.parametrize("use", ["named", "written in"])
def test_an_open_notebook_that_was_used_is_not_sealed_by_the_way(notebook: Notebook, path: Path, use: str) -> None:
    if use == "named":
        notebook.rename("厨房")
    else:
        keep(notebook, "今天开会")
    with pytest.raises(NotebookOpen, match=f"{notebook.path} is open.*udpnote seal"):
        open_sealing_keys(notebook, is_wanted=True, name="厨房")
    assert not notebook.is_sealed
    assert not key_file(path).exists()


def test_a_sealed_notebook_without_its_key_file_is_not_served_and_gets_no_new_key(notebook: Notebook, path: Path) -> None:
    seal_notebook(notebook, name="厨房")
    key_file(path).unlink()
    with pytest.raises(StorageError, match=f"{key_file(path)} is missing.*backup.*udpnote key rotate"):
        open_sealing_keys(notebook, is_wanted=True, name="厨房")
    assert not key_file(path).exists()
    assert notebook.is_sealed


def test_a_sealed_notebook_whose_key_file_is_damaged_is_not_served_and_the_file_left_as_it_is(
    notebook: Notebook, path: Path
) -> None:
    seal_notebook(notebook, name="厨房")
    key_file(path).write_text("key = ")
    with pytest.raises(StorageError, match=f"{key_file(path)} is damaged"):
        open_sealing_keys(notebook, is_wanted=True, name="厨房")
    assert key_file(path).read_text() == "key = "


def test_sealing_and_unsealing_are_durable_and_keep_every_entry(path: Path) -> None:
    with closing(Notebook(path)) as notebook:
        keep(notebook, "今天开会")
        keys = seal_notebook(notebook, name="厨房")
    with closing(Notebook(path)) as notebook:
        assert (notebook.is_sealed, texts(notebook)) == (True, ["今天开会"])
        assert read_key_file(str(key_file(path))) == keys
        unseal_notebook(notebook)
    with closing(Notebook(path)) as notebook:
        assert (notebook.is_sealed, texts(notebook)) == (False, ["今天开会"])
    assert not key_file(path).exists()


def test_a_notebook_gets_another_key_each_time_it_is_sealed(notebook: Notebook) -> None:
    keys = set()
    for _ in range(3):
        keys.add(seal_notebook(notebook, name="厨房").current)
        unseal_notebook(notebook)
    assert len(keys) == 3


def test_a_notebook_whose_key_file_is_gone_already_is_unsealed(notebook: Notebook, path: Path) -> None:
    seal_notebook(notebook, name="厨房")
    key_file(path).unlink()
    unseal_notebook(notebook)
    assert not notebook.is_sealed


def put_a_folder_at(key_file: Path) -> None:
    """Have something there that cannot be removed."""
    key_file.unlink()
    key_file.mkdir()


def test_a_notebook_whose_key_file_cannot_be_removed_stays_sealed(notebook: Notebook, path: Path) -> None:
    seal(notebook)
    put_a_folder_at(key_file(path))
    with pytest.raises(StorageError, match=f"{path} stays sealed, because .* cannot be removed: cannot use {key_file(path)} "):
        unseal_notebook(notebook)
    assert notebook.is_sealed


def test_a_notebook_that_cannot_be_sealed_again_either_is_said_to_be_open(notebook: Notebook, path: Path) -> None:
    seal(notebook)
    put_a_folder_at(key_file(path))
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute(
            "CREATE TRIGGER refusing BEFORE UPDATE ON properties WHEN NEW.name = 'sealed' AND NEW.value = 1"
            " BEGIN SELECT RAISE(ABORT, 'refused'); END"
        )
    with pytest.raises(
        StorageError, match=rf"{path} is open now, but its keys are still in {key_file(path)} .*: remove that file"
    ):
        unseal_notebook(notebook)
    assert not notebook.is_sealed


def test_a_notebook_whose_key_cannot_be_kept_stays_open(notebook: Notebook, path: Path) -> None:
    key_file(path).mkdir()
    with pytest.raises(StorageError):
        seal_notebook(notebook, name="厨房")
    assert not notebook.is_sealed, "or nobody would be answered any more"


@pytest.mark.parametrize("written_before", range(4))
def test_a_full_disk_leaves_a_notebook_sealed_with_its_key_or_open_without_one(small_disk: Path, written_before: int) -> None:
    path = small_disk / "notebook.sqlite3"
    with closing(Notebook(path)) as notebook:
        for number in range(written_before):  # so that the log is about to need a page at another moment each time
            notebook.rename(f"厨房 {number}")
        filler = fill(small_disk)
        for change in (seal, unseal_notebook):
            for _ in range(16):
                before = notebook.is_sealed
                try:
                    change(notebook)
                    break
                except NoSpace:
                    assert (notebook.is_sealed, key_file(path).exists()) == (before, before)
                shorten(filler, 4096)
            assert (notebook.is_sealed, key_file(path).exists()) == (not before, not before)
            fill(small_disk)
    assert not list(small_disk.glob("*.new"))


# The keys over time


def ids(*keys: bytes) -> list[bytes]:
    return [key_id(key) for key in keys]


def test_an_earlier_key_is_accepted_until_its_time_and_retired_from_then_on(path: Path) -> None:
    keys = NotebookKeys(NEW, (EarlierKey(MIDDLE, NOW + HOUR), EarlierKey(OLD, NOW)))
    seal = SealingKeys(write(path, keys))
    for now, accepted, retired in [
        (NOW - 1, [NEW, MIDDLE, OLD], []),
        (NOW, [NEW, MIDDLE], [OLD]),
        (NOW + HOUR - 1, [NEW, MIDDLE], [OLD]),
        (NOW + HOUR, [NEW], [MIDDLE, OLD]),
    ]:
        envelopes = seal.envelopes(now)
        assert [each.key_id for each in envelopes.accepted] == ids(*accepted)
        assert [each.key_id for each in envelopes.retired] == ids(*retired)


def test_the_envelope_of_a_key_that_stays_is_the_same_before_and_after(path: Path) -> None:
    file = write(path, NotebookKeys(MIDDLE, (EarlierKey(OLD, NOW + HOUR),)))
    seal = SealingKeys(file)
    before = seal.envelopes(NOW)
    assert seal.envelopes(NOW) == before, "nothing has changed, so nothing is to be taken up"
    write(path, NotebookKeys(NEW, (EarlierKey(MIDDLE, NOW + HOUR), EarlierKey(OLD, NOW + HOUR))))
    seal.read_again()
    assert seal.envelopes(NOW).accepted[1:] == before.accepted
    assert seal.envelopes(NOW + HOUR).retired == before.accepted


def test_a_key_that_is_dropped_from_the_file_has_no_envelope_any_more(path: Path) -> None:
    seal = SealingKeys(write(path, NotebookKeys(NEW, (EarlierKey(OLD, NOW + HOUR),))))
    write(path, NotebookKeys(NEW))
    seal.read_again()
    envelopes = seal.envelopes(NOW)
    assert [each.key_id for each in (*envelopes.accepted, *envelopes.retired)] == ids(NEW)


@pytest.mark.parametrize("text", [None, "", "key = 'nonsense'"], ids=["missing", "empty", "damaged"])
def test_the_keys_stay_what_they_were_while_the_file_cannot_be_read(path: Path, text: str | None) -> None:
    file = write(path, NotebookKeys(OLD))
    seal = SealingKeys(file)
    before = seal.envelopes(NOW)
    Path(file).unlink()
    if text is not None:
        Path(file).write_text(text)
    with pytest.raises(StorageError, match=file):
        seal.read_again()
    assert (seal.keys, seal.envelopes(NOW)) == (NotebookKeys(OLD), before)
    write(path, NotebookKeys(NEW))
    seal.read_again()
    assert seal.keys == NotebookKeys(NEW)
