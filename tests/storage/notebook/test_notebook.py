"""The notebook: each entry is stored once, durably, under a number of its own, however often it is sent."""

from contextlib import closing
from pathlib import Path

import pytest

from tests.storage.notebook.conftest import (
    CLIENT,
    CONFLICT,
    KEPT,
    LONG,
    NOW,
    REFUSED,
    entry,
    in_parts,
    part,
    stored,
    stored_already,
    texts,
)
from tests.support.disks import fill
from tests.support.errors import raises
from tests.support.notebook_files import change
from udpnote.errors import StorageError
from udpnote.model.entry import (
    NO_PREDECESSOR,
    NOTHING_SEEN,
    SEQUENCE_MAX,
    Arrival,
    Bundle,
    Entry,
    Kind,
    NoteRun,
    Part,
    Restored,
    SeenEntry,
    Status,
    Verdict,
    split,
)
from udpnote.storage.database import IN_MEMORY
from udpnote.storage.notebook.entry_store import REFUSALS_REMEMBERED_MAX
from udpnote.storage.notebook.insertion import ROWS_AT_ONCE
from udpnote.storage.notebook.notebook import Notebook

OTHER_CLIENT = b"fedcba9876543210"
NO_SPACE = Verdict(Status.NO_SPACE, 0)


def test_entries_are_stored_under_consecutive_numbers_and_a_duplicate_once_under_its_own(notebook: Notebook) -> None:
    assert notebook.last_number == 0
    assert notebook.store([part(7), part(7), part(3)], NOW) == [stored(1), stored_already(1), stored(2)]
    assert notebook.store([part(7, client_id=OTHER_CLIENT)], NOW + 1) == [stored(3)]
    assert notebook.store([part(7), part(1), part(3)], NOW + 2) == [stored_already(1), stored(4), stored_already(2)]
    other = entry(7, client_id=OTHER_CLIENT)
    assert list(notebook.entries_after(1)) == [(2, NOW, entry(3), 2), (3, NOW + 1, other, 3), (4, NOW + 2, entry(1), 4)]
    assert (list(notebook.entries_after(4)), notebook.last_number) == ([], 4)


def test_the_same_identity_with_other_content_is_a_conflict(notebook: Notebook) -> None:
    notebook.store([part(1)], NOW)
    for changes in (
        {"kind": Kind.REVISION, "revises": 1}, {"written_at": NOW}, {"utc_offset": 0}, {"author": "eve@pi"},
        {"data": entry().text.replace("中", "英").encode()}, {"data": b"short", "total_bytes": 5},
    ):  # fmt: skip
        assert notebook.store([part(1)._replace(**changes)], NOW) == [CONFLICT]
    assert list(notebook.entries_after(0)) == [(1, NOW, entry(1), 1)]
    assert notebook.store([part(2), revision(3, 1), revision(3, 1)], NOW) == [stored(2), stored(3), stored_already(3)]
    assert notebook.store([revision(3, 2), part(3, "改了")], NOW) == [CONFLICT] * 2


def test_a_conflict_or_a_row_that_the_database_rejects_does_not_harm_the_rest_of_a_batch(notebook: Notebook) -> None:
    notebook.store([part(1, "theirs", OTHER_CLIENT)], NOW)
    nameless = part(3)._replace(author=None)  # type: ignore[arg-type]
    batch = [part(0), part(1, "first"), part(1, "second"), nameless, part(2, "third"), part(1, "first")]
    assert notebook.store(batch, NOW) == [REFUSED, stored(2), CONFLICT, REFUSED, stored(3), stored_already(2)]
    assert texts(notebook) == ["theirs", "first", "third"]
    assert [each.entry.client_id for each in notebook.entries_after(0)] == [OTHER_CLIENT, CLIENT, CLIENT]
    assert notebook.last_number == 3


def run(first: int, *texts: str, client_id: bytes = CLIENT) -> NoteRun:
    return NoteRun(client_id, first, 480, "amy@pi", (NOW - 5,) * len(texts), texts)


def bundle(*notes: Entry, stored_at: int = 0, after: tuple[bytes, int] = NO_PREDECESSOR) -> Bundle:
    return Bundle(notes, (stored_at,) * len(notes), *after)


SPLIT = Verdict(Status.SPLIT, 0)


def test_a_run_is_stored_whole_under_consecutive_numbers_and_once_however_it_comes_again(notebook: Notebook) -> None:
    three = run(1, "a", "b", "c")
    assert notebook.store([three, part(9), three, run(10, "d", "e")], NOW) == [
        stored(1),
        stored(4),
        stored_already(1),
        stored(5),
    ]
    assert notebook.store([run(11, "f", "g", client_id=OTHER_CLIENT), three], NOW + 1) == [stored(7), stored_already(1)]
    assert notebook.store([run(2, "b", "c"), part(3, "c"), part(11, "e")], NOW) == [*map(stored_already, (2, 3, 6))]
    assert (notebook.last_number, texts(notebook)[:3]) == (8, ["a", "b", "c"])
    assert [each.stored_at for each in notebook.entries_after(0)] == [NOW] * 6 + [NOW + 1] * 2
    first, *_ = notebook.entries_after(0)
    assert first.entry == entry(1, "a")


@pytest.mark.parametrize(
    "second",
    [
        run(3, "c", "d"), run(4, "c", "d"), run(3, *["x"] * ROWS_AT_ONCE), run(3, "c", "d", client_id=OTHER_CLIENT),
        run(3, "c", "d")._replace(author="eve@pi"), run(3, "c", "d")._replace(utc_offset=0),
        run(3, "c", "d")._replace(written_at=(NOW, NOW + 1)),
    ],
)  # fmt: skip
def test_runs_that_arrive_together_are_stored_in_order_and_each_keeps_its_own_fields(
    notebook: Notebook, second: NoteRun
) -> None:
    runs = [run(1, "a", "b"), second, run(900, "y", "z")]
    firsts = 1, 3, 3 + len(second.texts)
    assert notebook.store(runs, NOW) == [*map(stored, firsts)]
    assert notebook.store(runs, NOW) == [*map(stored_already, firsts)]
    assert [each.entry for each in notebook.entries_after(0)] == [
        Entry(each.client_id, each.sequence + place, Kind.NOTE, written_at, each.utc_offset, each.author, text)
        for each in runs
        for place, (written_at, text) in enumerate(zip(each.written_at, each.texts, strict=True))
    ]


@pytest.mark.parametrize(
    "again",
    [
        run(2, "b", "c"), run(1, "x", "b"), run(1, "a", "x"), run(2, "b", "c", "d"), run(3, "x", "f"),
        run(1, "a", "b")._replace(author="eve@pi"), run(1, "a", "b")._replace(utc_offset=0),
        run(1, "a", "b")._replace(written_at=(NOW - 5, NOW)),
        bundle(entry(1, "x"), entry(2, "b")), bundle(entry(1, "a"), entry(2, "b"), entry(4, "d")),
        bundle(entry(2, "b"), entry(1, "a")), bundle(entry(2, "b"), entry(9, "e"), after=(CLIENT, 1)),
        bundle(entry(1, "a"), entry(1, "theirs", OTHER_CLIENT)), bundle(entry(9, "e"), entry(9, "e")),
        bundle(entry(1, "a"), entry(2, "b")._replace(author="eve@pi")), bundle(entry(9, "e"), entry(9, "f"), entry(10, "g")),
    ],
)  # fmt: skip
def test_a_run_that_has_a_stored_or_conflicting_note_is_split_and_each_note_judged_alone(
    notebook: Notebook, again: NoteRun | Bundle
) -> None:
    """The notes 1, 2 and 4 are stored; between the last two is a note of another client."""
    notebook.store([run(1, "a", "b"), part(1, "theirs", OTHER_CLIENT), part(4, "d")], NOW)
    before = texts(notebook)
    assert notebook.store([part(20), again, run(30, "y", "z")], NOW)[1:] == [SPLIT, stored(notebook.last_number - 1)]
    notes = again.notes if isinstance(again, Bundle) else [
        entry(again.sequence + place, text)._replace(author=again.author, utc_offset=again.utc_offset, written_at=written_at)
        for place, (text, written_at) in enumerate(zip(again.texts, again.written_at, strict=True))
    ]  # fmt: skip
    verdicts = notebook.store([whole for note in notes for whole in split(note, 99)], NOW)
    kept = [verdict is not None and verdict.status is Status.STORED_ALREADY for verdict in verdicts]
    assert [verdict for verdict, is_kept in zip(verdicts, kept, strict=True) if not is_kept] == [CONFLICT] * kept.count(False)
    assert texts(notebook)[: len(before)] == before
    assert len(set(texts(notebook))) == len(texts(notebook))


def test_a_run_that_the_database_rejects_is_split_and_does_not_harm_the_rest_of_a_batch(notebook: Notebook) -> None:
    nameless = run(1, "a", "b")._replace(author=None)  # type: ignore[arg-type]
    batch: list[Arrival] = [nameless, run(3, "c", "d"), run(0, "e", "f"), bundle(entry(7), entry(0))]
    assert notebook.store(batch, NOW) == [SPLIT, stored(1), SPLIT, SPLIT]
    assert (texts(notebook), notebook.last_number) == (["c", "d"], 2)


def test_a_bundle_is_stored_once_whole_after_its_predecessor_and_not_with_a_time_in_the_future(notebook: Notebook) -> None:
    first = bundle(entry(8, "a"), entry(3, "b", OTHER_CLIENT), entry(5, "c")._replace(utc_offset=0, author="小明"))
    second = bundle(entry(20, "d"), entry(6, "e"), stored_at=NOW - 99, after=(CLIENT, 5))
    third = bundle(entry(30, "f"), entry(31, "g"), stored_at=NOW + 99, after=(CLIENT, 6))
    assert notebook.store([third, *in_parts(entry(8, LONG))[:2], second], NOW) == [None, KEPT, KEPT, None]
    again: list[Arrival] = [first, second, part(40, "h"), second, first, third]
    verdicts = [stored(1), stored(4), stored(6), stored_already(4), stored_already(1), stored(7)]
    assert notebook.store(again, NOW) == verdicts
    assert notebook.store(again, NOW) == [stored_already(verdict.number) for verdict in verdicts]
    assert notebook.store([part(6, "e"), run(30, "f", "g")], NOW) == [stored_already(5), stored_already(7)]
    entries = list(notebook.entries_after(0))
    assert [each.entry for each in entries] == [*first.notes, *second.notes, entry(40, "h"), *third.notes]
    assert [each.stored_at for each in entries] == [NOW] * 3 + [NOW - 99] * 2 + [NOW] * 3
    assert not notebook._connection.execute("SELECT 1 FROM parts").fetchall(), "parts of an entry that is stored are kept"


def test_opening_again_keeps_the_id_the_name_the_numbers_and_every_character_of_the_entries(path: Path) -> None:
    kept = ["\0", "\x1b[31ma\0b\x07", "𠀀🖋️ e\u0301 ‮backwards", "\ufefftwo\r\nlines\n", "x" * (1 << 20)]
    parts = [part(SEQUENCE_MAX - number, text) for number, text in enumerate(kept)]
    with closing(Notebook(path)) as notebook:
        assert notebook.name == ""
        notebook.rename("家里")
        notebook.rename("客厅")
        notebook_id = notebook.notebook_id
        assert notebook.store(parts, NOW) == [*map(stored, range(1, 6))]
        assert notebook.store(parts, NOW) == [*map(stored_already, range(1, 6))]
        with closing(Notebook(IN_MEMORY)) as other:
            assert (other.notebook_id == notebook_id, len(notebook_id)) == (False, 16)
    with closing(Notebook(path)) as notebook:
        assert (notebook.notebook_id, notebook.name, notebook.last_number) == (notebook_id, "客厅", 5)
        assert texts(notebook) == kept
        assert notebook.store([parts[1], part(3)], NOW) == [stored_already(2), stored(6)]


def test_a_file_that_cannot_be_opened_as_a_notebook_is_refused_and_not_held(path: Path) -> None:
    Notebook(path).close()
    change(path, "PRAGMA user_version = 99")
    errors = []
    for _ in range(2):
        with raises(StorageError, "file_of_newer_version") as raised:
            Notebook(path)
        errors.append(raised.value)  # kept, and with its traceback all that the first attempt has left open


def test_on_a_full_disk_no_entry_is_stored_until_there_is_space(small_disk: Path) -> None:
    with closing(Notebook(small_disk / "notebook.sqlite3")) as notebook:
        filler = fill(small_disk)
        for first in range(1, 1000, 10):  # the log still has room for the first entries
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


def revision(sequence: int, revises: int, text: str = "改了", kind: Kind = Kind.REVISION) -> Part:
    return part(sequence, text)._replace(kind=kind, revises=revises)


def restored(sequence: int, stored_at: int = 0, after: tuple[bytes, int] = NO_PREDECESSOR) -> Part:
    return part(sequence)._replace(restored=Restored(stored_at, *after))


def test_a_change_of_a_missing_number_stays_refused_when_its_datagram_comes_again_after_the_note(notebook: Notebook) -> None:
    notebook.store([part(1)], NOW)
    long = split(entry(9, "长" * 600, OTHER_CLIENT)._replace(kind=Kind.REVISION, revises=2), 1000)
    changes = [revision(7, 2)._replace(client_id=OTHER_CLIENT), revision(8, 2, "", Kind.DELETION)]
    assert notebook.store([*changes, *long], NOW) == [REFUSED, REFUSED, KEPT, REFUSED]
    notebook.store([part(2, "never seen by their writers")], NOW)
    assert notebook.store([*changes, *long], NOW) == [REFUSED] * 4
    assert notebook.store([revision(8, 1)], NOW) == [stored(3)], "another entry of a copied outbox"
    imported = revision(10, 4)._replace(restored=Restored(NOW, *NO_PREDECESSOR))
    assert notebook.store([imported, revision(11, 3), imported], NOW) == [REFUSED, stored(4), stored(5)]
    for sequence in range(100, 100 + REFUSALS_REMEMBERED_MAX):
        assert notebook.store([revision(sequence, 99)], NOW) == [REFUSED]
    assert notebook.store(changes[:1], NOW) == [stored(6)], "only the latest are remembered"


def test_a_revision_of_a_stored_entry_is_stored_and_any_other_refused(notebook: Notebook) -> None:
    verdicts = notebook.store([part(1), revision(2, 3), revision(3, 2, "", Kind.DELETION), revision(4, 1)], NOW)
    assert verdicts == [stored(1), REFUSED, REFUSED, stored(2)]
    assert notebook.last_number == 2
    assert notebook.store([revision(2, 2, "", Kind.DELETION)], NOW) == [stored(3)]
    first, last = split(entry(5, "长" * 600)._replace(kind=Kind.REVISION, revises=1), 1000)
    assert notebook.store([last, first._replace(revises=2)], NOW) == [KEPT, CONFLICT]
    assert notebook.store([first], NOW) == [stored(4)]
    kept = [(each.entry.kind, each.entry.revises, each.entry.text) for each in notebook.entries_after(1)]
    assert kept == [(Kind.REVISION, 1, "改了"), (Kind.DELETION, 2, ""), (Kind.REVISION, 1, "长" * 600)]


@pytest.mark.parametrize("parts", [1, 3], ids=["whole", "in parts"])
def test_a_revision_whose_writer_has_seen_a_missing_entry_is_refused(notebook: Notebook, parts: int) -> None:
    notebook.store([part(1), part(2)], NOW)
    there, other, missing = SeenEntry(2, CLIENT, 2), SeenEntry(2, OTHER_CLIENT, 2), SeenEntry(3, CLIENT, 3)
    text = LONG if parts > 1 else "新的"
    for sequence, seen in enumerate((other, missing), 3):
        whole = entry(sequence, text)._replace(kind=Kind.REVISION, revises=1, seen=seen)
        assert notebook.store(in_parts(whole), NOW) == [KEPT] * (parts - 1) + [Verdict(Status.OLDER_COPY, 0)]
    whole = entry(3, text)._replace(kind=Kind.REVISION, revises=1, seen=there)
    for seen, verdict in ((there, stored(3)), (there, stored_already(3)), (other, stored_already(3))):
        assert notebook.store(in_parts(whole._replace(seen=seen)), NOW)[-1] == verdict
    [kept] = notebook.entries_after(2)
    assert kept.entry == whole._replace(seen=NOTHING_SEEN)


def test_a_restored_entry_waits_for_the_one_before_it_and_a_known_time_of_storing_is_kept(notebook: Notebook) -> None:
    first, second, third = restored(1, NOW - 99), restored(2, after=(CLIENT, 1)), restored(3, after=(CLIENT, 2))
    third = third._replace(restored=Restored(NOW + 99, CLIENT, 2))  # of a server whose clock was ahead
    beginning, end = in_parts(entry(4, "长" * 600), Restored(7, CLIENT, 3))
    assert notebook.store([third, second, beginning, end], NOW) == [None, None, KEPT, None]
    assert notebook.last_number == 0
    assert notebook.store([third, first, second, third], NOW) == [None, stored(1), stored(2), stored(3)]
    assert notebook.store([third, end], NOW) == [stored_already(3), stored(4)]
    assert [each.stored_at for each in notebook.entries_after(0)] == [NOW - 99, NOW, NOW, 7]


@pytest.mark.parametrize("are_parts", [True, False])
def test_a_long_entry_that_comes_again_is_compared_without_reading_its_text(notebook: Notebook, are_parts: bool) -> None:
    whole = [part(1, LONG)]
    parts = in_parts(entry(1, LONG)) if are_parts else whole
    notebook.store(parts, NOW)
    notebook._connection.execute("UPDATE entries SET text = CAST(x'FF' AS TEXT)")  # reading that raises an error
    again = [*in_parts(entry(1, LONG)), *whole]
    assert notebook.store(again, NOW) == [stored_already(1)] * len(again)
    assert notebook.store(in_parts(entry(1, LONG.replace("5", "6"))), NOW) == [CONFLICT] * 3
    assert notebook.store([part(1), part(1, LONG + "x")], NOW) == [CONFLICT] * 2
