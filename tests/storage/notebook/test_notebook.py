"""The notebook: each entry is stored once, durably, under a number of its own, however often it is sent."""

import os
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.disks import fill, shorten
from udpnote.errors import NoSpace, NotebookInUse, StorageError
from udpnote.model.entry import NO_PREDECESSOR, SEQUENCE_MAX, Entry, Kind, Part, Restored, Status, Verdict, split
from udpnote.storage.database import IN_MEMORY
from udpnote.storage.notebook.notebook import LONG_ENTRIES_CACHED_MAX, Notebook

CLIENT = b"0123456789abcdef"
OTHER_CLIENT = b"fedcba9876543210"
NOW = 1_557_419_828_000_000
REFUSED = Verdict(Status.REFUSED, 0)
CONFLICT = Verdict(Status.CONFLICT, 0)
NO_SPACE = Verdict(Status.NO_SPACE, 0)


def entry(sequence: int, text: str = "我是一个中文", client_id: bytes = CLIENT) -> Entry:
    return Entry(client_id, sequence, Kind.NOTE, NOW - 5, 480, "amy@pi", text)


def part(sequence: int, text: str = "我是一个中文", client_id: bytes = CLIENT) -> Part:
    (whole,) = split(entry(sequence, text, client_id), 1 << 20)
    return whole


def stored(number: int) -> Verdict:
    return Verdict(Status.STORED, number)


def stored_already(number: int) -> Verdict:
    return Verdict(Status.STORED_ALREADY, number)


def texts(notebook: Notebook) -> list[str]:
    return [each.entry.text for each in notebook.entries_after(0)]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "notebook.sqlite3"


@pytest.fixture
def notebook() -> Iterator[Notebook]:
    with closing(Notebook(IN_MEMORY)) as notebook:
        yield notebook


def test_entries_are_stored_under_consecutive_numbers(notebook: Notebook) -> None:
    assert notebook.last_number == 0
    assert notebook.store([part(7), part(3)], NOW) == [stored(1), stored(2)]
    assert notebook.store([part(7, client_id=OTHER_CLIENT)], NOW + 1) == [stored(3)]
    assert notebook.last_number == 3
    assert list(notebook.entries_after(1)) == [(2, NOW, entry(3), 2), (3, NOW + 1, entry(7, client_id=OTHER_CLIENT), 3)]
    assert list(notebook.entries_after(3)) == []


def test_a_duplicate_is_stored_once_and_keeps_its_number(notebook: Notebook) -> None:
    assert notebook.store([part(1), part(1), part(2)], NOW) == [stored(1), stored_already(1), stored(2)]
    assert notebook.store([part(2)], NOW + 1) == [stored_already(2)]
    assert notebook.store([part(1), part(3), part(2)], NOW + 2) == [stored_already(1), stored(3), stored_already(2)]
    assert [each.stored_at for each in notebook.entries_after(0)] == [NOW, NOW, NOW + 2]


@pytest.mark.parametrize(
    "changes",
    [
        {"kind": Kind.REVISION, "revises": 1}, {"written_at": NOW}, {"utc_offset": 0}, {"author": "eve@pi"},
        {"data": "我是一个英文".encode()}, {"data": b"short", "total_bytes": 5},
    ],
    ids=["kind", "written_at", "utc_offset", "author", "text", "length"],
)  # fmt: skip
def test_the_same_identity_with_other_content_is_a_conflict(notebook: Notebook, changes: dict[str, object]) -> None:
    other = part(1)._replace(**changes)  # type: ignore[arg-type]
    notebook.store([part(1)], NOW)
    assert notebook.store([other], NOW) == [CONFLICT]
    assert list(notebook.entries_after(0)) == [(1, NOW, entry(1), 1)]


def test_a_conflict_or_a_row_that_the_database_rejects_does_not_harm_the_rest_of_a_batch(notebook: Notebook) -> None:
    notebook.store([part(1, "theirs", OTHER_CLIENT)], NOW)
    nameless = part(3)._replace(author=None)  # type: ignore[arg-type]
    batch = [part(0), part(1, "first"), part(1, "second"), nameless, part(2, "third"), part(1, "first")]
    assert notebook.store(batch, NOW) == [REFUSED, stored(2), CONFLICT, REFUSED, stored(3), stored_already(2)]
    assert texts(notebook) == ["theirs", "first", "third"]
    assert [each.entry.client_id for each in notebook.entries_after(0)] == [OTHER_CLIENT, CLIENT, CLIENT]
    assert notebook.last_number == 3


@pytest.mark.parametrize(
    "text",
    ["\0", "\x1b[31ma\0b\x07", "𠀀🖋️ e\u0301 ‮backwards", "\ufefftwo\r\nlines\n", "x" * (1 << 20)],
    ids=["NUL", "control", "wide, combining and bidi", "BOM and lines", "1 MiB"],
)
def test_every_character_of_a_text_survives(path: Path, text: str) -> None:
    with closing(Notebook(path)) as notebook:
        assert notebook.store([part(SEQUENCE_MAX, text)], NOW) == [stored(1)]
        assert notebook.store([part(SEQUENCE_MAX, text)], NOW) == [stored_already(1)]
    with closing(Notebook(path)) as notebook:
        assert texts(notebook) == [text]


def test_opening_again_keeps_the_id_the_name_the_entries_and_the_numbers(path: Path) -> None:
    with closing(Notebook(path)) as notebook:
        assert notebook.name == ""
        notebook.rename("家里")
        notebook.rename("客厅")
        notebook_id = notebook.notebook_id
        notebook.store([part(1), part(2)], NOW)
    with closing(Notebook(path)) as notebook:
        assert (notebook.notebook_id, notebook.name, notebook.last_number) == (notebook_id, "客厅", 2)
        assert notebook.store([part(2), part(3)], NOW) == [stored_already(2), stored(3)]


def test_two_notebooks_have_different_ids_of_16_bytes_and_one_in_memory_no_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with closing(Notebook(IN_MEMORY)) as one, closing(Notebook(IN_MEMORY)) as two:
        assert one.notebook_id != two.notebook_id
        assert len(one.notebook_id) == len(two.notebook_id) == 16
    assert os.listdir(tmp_path) == []


def test_the_file_and_its_companions_are_for_their_owner_only(path: Path) -> None:
    before = os.umask(0o022)
    try:
        with closing(Notebook(path)) as notebook:
            notebook.store([part(1)], NOW)
            modes = {file.name: stat.S_IMODE(file.stat().st_mode) for file in path.parent.glob("notebook.sqlite3*")}
    finally:
        os.umask(before)
    del modes["notebook.sqlite3.lock"]  # it is empty
    names = [f"notebook.sqlite3{each}{suffix}" for each in ("", ".index") for suffix in ("", "-wal", "-shm")]
    assert modes == dict.fromkeys(names, 0o600)


@pytest.mark.parametrize("is_link", [False, True])
def test_a_notebook_in_use_is_not_opened_a_second_time(path: Path, is_link: bool) -> None:
    second = path.with_name("link.sqlite3") if is_link else path
    if is_link:
        second.symlink_to(path)
    with closing(Notebook(path)) as notebook:
        with pytest.raises(NotebookInUse):
            Notebook(second)
        assert notebook.store([part(1)], NOW) == [stored(1)]
    Notebook(second).close()


SERVE_AND_WAIT = """
import sys
from udpnote.model.entry import Entry, Kind, split
from udpnote.storage.database import IN_MEMORY
from udpnote.storage.notebook.notebook import Notebook
notebook = Notebook(sys.argv[1])
parts = split(Entry(b"0123456789abcdef", 1, Kind.NOTE, 0, 0, "amy", "kept"), 1200)
print(notebook.store(parts, 0)[0].number, flush=True)
sys.stdin.read()
"""


def test_what_was_stored_survives_the_death_of_its_server_and_the_file_is_free_again(path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", SERVE_AND_WAIT, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as server:
        assert server.stdout is not None and server.stdout.readline() == b"1\n"
        with pytest.raises(NotebookInUse):
            Notebook(path)
        server.kill()
    with closing(Notebook(path)) as notebook:
        assert texts(notebook) == ["kept"]


def test_a_file_that_is_no_notebook_is_refused_untouched_and_not_held(path: Path) -> None:
    path.write_text("2019/05/09 16:37:08\n我是一个中文\n")
    errors = []
    for _ in range(2):
        with pytest.raises(StorageError) as raised:
            Notebook(path)
        errors.append(raised.value)  # kept, and with its traceback all that the first attempt has left open
    assert [error.notice.kind for error in errors] == ["other_kind_of_file"] * 2
    assert path.read_text() == "2019/05/09 16:37:08\n我是一个中文\n"


def test_a_full_disk_is_no_space_for_all_until_there_is_some_again(small_disk: Path) -> None:
    with closing(Notebook(small_disk / "notebook.sqlite3")) as notebook:
        filler = fill(small_disk)
        for first in range(1, 1000, 10):  # what the log has room for is stored yet
            batch = [part(sequence, "x" * 90_000) for sequence in range(first, first + 10)]
            if (verdicts := notebook.store(batch, NOW)) != [*map(stored, range(first, first + 10))]:
                break
        assert verdicts == [NO_SPACE] * 10
        assert notebook.store(batch, NOW) == [NO_SPACE] * 10
        long = split(entry(2000, "y" * 1_000_000), 1000)
        assert notebook.store(long, NOW) == [NO_SPACE] * 1000
        assert notebook.last_number == len(texts(notebook)) == first - 1
        filler.unlink()
        assert notebook.store(batch, NOW) == [*map(stored, range(first, first + 10))]
        assert notebook.store(long, NOW)[-1] == stored(first + 10)


def test_a_disk_without_room_for_a_new_notebook_is_an_error_that_leaves_no_file_and_1_mib_is_enough(small_disk: Path) -> None:
    path = small_disk / "notebook.sqlite3"
    filler = fill(small_disk)
    with pytest.raises(NoSpace):
        Notebook(path)
    shorten(filler, 1 << 20)
    assert not path.exists()
    assert not list(small_disk.glob("*.new*"))
    with closing(Notebook(path)) as notebook:
        assert notebook.store([part(1)], NOW) == [stored(1)]


def revision(sequence: int, revises: int, text: str = "改了", kind: Kind = Kind.REVISION) -> Part:
    (whole,) = split(entry(sequence, text)._replace(kind=kind, revises=revises), 1 << 20)
    return whole


def deletion(sequence: int, revises: int) -> Part:
    return revision(sequence, revises, "", Kind.DELETION)


def restored(sequence: int, stored_at: int = 0, after: tuple[bytes, int] = NO_PREDECESSOR, text: str = "我是一个中文") -> Part:
    (whole,) = split(entry(sequence, text), 1 << 20, Restored(stored_at, *after))
    return whole


def test_revisions_and_deletions_are_entries_that_say_what_they_revise(notebook: Notebook) -> None:
    verdicts = notebook.store([part(1), revision(2, 1), deletion(3, 2), part(4)], NOW)
    assert verdicts == [stored(number) for number in (1, 2, 3, 4)]
    kept = list(notebook.entries_after(0))
    assert [(each.entry.kind, each.entry.revises, each.entry.text) for each in kept] == [
        (Kind.NOTE, 0, "我是一个中文"), (Kind.REVISION, 1, "改了"), (Kind.DELETION, 2, ""), (Kind.NOTE, 0, "我是一个中文"),
    ]  # fmt: skip


def test_a_revision_of_something_else_under_the_same_identity_is_a_conflict(notebook: Notebook) -> None:
    notebook.store([part(1), part(2), revision(3, 1)], NOW)
    assert notebook.store([revision(3, 1)], NOW) == [stored_already(3)]
    assert notebook.store([revision(3, 2)], NOW) == [CONFLICT]
    assert notebook.store([part(3, "改了")], NOW) == [CONFLICT]


def test_what_revises_a_number_that_is_not_there_is_refused_and_leaves_nothing(notebook: Notebook) -> None:
    verdicts = notebook.store([part(1), revision(2, 3), deletion(3, 2), revision(4, 1)], NOW)
    assert verdicts == [stored(1), REFUSED, REFUSED, stored(2)]
    assert notebook.last_number == 2
    assert notebook.store([revision(2, 2)], NOW) == [stored(3)]


def test_a_revision_in_parts_is_stored_when_it_is_whole(notebook: Notebook) -> None:
    notebook.store([part(1)], NOW)
    first, last = split(entry(2, "长" * 600)._replace(kind=Kind.REVISION, revises=1), 1000)
    assert notebook.store([last, first._replace(revises=2)], NOW) == [Verdict(Status.PART_KEPT, 0), CONFLICT]
    assert notebook.store([first], NOW) == [stored(2)]
    assert [each.entry.revises for each in notebook.entries_after(1)] == [1]


def test_a_restored_entry_waits_for_the_one_before_it(notebook: Notebook) -> None:
    first, second, third = restored(1, NOW - 99), restored(2, after=(CLIENT, 1)), restored(3, after=(CLIENT, 2))
    assert notebook.store([third, second], NOW) == [None, None]
    assert notebook.last_number == 0
    assert notebook.store([third, first, second, third], NOW) == [None, stored(1), stored(2), stored(3)]
    assert notebook.store([third], NOW) == [stored_already(3)]
    assert [each.stored_at for each in notebook.entries_after(0)] == [NOW - 99, NOW, NOW], "a known time of storing is kept"


def test_a_restored_entry_in_parts_waits_for_the_one_before_it_and_is_whole_then(notebook: Notebook) -> None:
    first, last = split(entry(2, "长" * 600), 1000, Restored(7, CLIENT, 1))
    assert notebook.store([first, last], NOW) == [Verdict(Status.PART_KEPT, 0), None]
    assert notebook.store([part(1), last], NOW) == [stored(1), stored(2)]
    assert [each.stored_at for each in notebook.entries_after(1)] == [7]


def test_long_entries_whose_parts_come_again_are_kept_in_memory_but_only_a_few(notebook: Notebook) -> None:
    for sequence in range(1, LONG_ENTRIES_CACHED_MAX + 3):
        parts = split(entry(sequence, "很长" * 1000), 1000)
        notebook.store([*parts, *parts], NOW)
    assert len(notebook._long_entries) == LONG_ENTRIES_CACHED_MAX
    notebook._connection.execute("UPDATE entries SET text = CAST(x'FF' AS TEXT)")  # reading that raises an error
    assert notebook.store(parts, NOW) == [stored_already(sequence)] * len(parts)
    assert notebook.store(split(entry(sequence, "别的" * 1000), 1000)[:1], NOW) == [CONFLICT]


def test_what_was_rolled_back_is_not_taken_for_stored(notebook: Notebook) -> None:
    parts = split(entry(7, "很长" * 1000), 1000)
    bad = part(0)  # the database rejects this sequence: all is rolled back, and stored one by one
    verdicts = notebook.store([*parts, parts[0], bad], NOW)
    assert verdicts[-3:] == [stored(1), stored_already(1), REFUSED]
    assert texts(notebook) == ["很长" * 1000]
