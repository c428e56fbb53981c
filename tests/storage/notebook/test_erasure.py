"""Erasing: afterwards no file has the text or a digest of it, its identity is taken for ever, and all else is as it was."""

import hashlib
import os
import shutil
import sqlite3
from contextlib import closing
from itertools import groupby
from pathlib import Path

import pytest

from tests.storage.notebook.conftest import CLIENT, KEPT, LONG, NOW, entry, in_parts, part, stored
from tests.support.disks import fill
from tests.support.errors import raises
from tests.support.killed import killable
from tests.support.notebook_files import change
from udpnote.errors import EntryRefused, NoSpace, NotebookInUse, StorageError
from udpnote.model.entry import NO_PREDECESSOR, Bundle, Entry, Kind, NoteRun, Restored, SeenEntry, Status, StoredEntry, Verdict
from udpnote.model.query import FIRST, LAST, Query, Tally, View
from udpnote.storage.notebook.erasure import prepared_erasure
from udpnote.storage.notebook.notebook import Notebook
from udpnote.storage.text_mirror import TextMirror

ERASED = Verdict(Status.ERASED, 0)
ERASED_AT = NOW + 5_000_000
SECRETS = {
    "ASCII": ("pa55word-4711", "pa55word-4712 #s3cret"),
    "Chinese": ("密码是鲸鱼", "密码是海豚 #机密"),
    "long": ("S3cret line of 密码\n" * 300, "S3cret line of 密码!\n" * 300),
    "1 MiB": ("鲸鱼S3c\n" * 104_857, "鲸鱼s3C\n" * 104_857),
}
STEPS_MAX = 200
STRIDE = 6  # neighbouring steps are much alike


def revision(sequence: int, text: str, revises: int = 2, kind: Kind = Kind.REVISION) -> Entry:
    return entry(sequence, text)._replace(kind=kind, revises=revises, author="eve@s3crethost")


class Place:
    """A notebook with the notes 1, 2 and 4. Of 2 there are a deletion (3), a revision (5), and an incomplete revision.

    The file also has rows of another incomplete revision that SQLite has removed but not overwritten.
    """

    def __init__(self, folder: Path, first: str = "pa55word-4711", second: str = "pa55word-4712 #s3cret") -> None:
        self.folder, self.path, self.text_file = folder, folder / "notebook", folder / "notes.txt"
        folder.mkdir(exist_ok=True)
        self.first, self.second = first, second
        with closing(Notebook(self.path)) as notebook:
            notebook._connection.execute("PRAGMA secure_delete = OFF")
            note, deletion = entry(2, first)._replace(author="eve@s3crethost"), revision(3, "", 2, Kind.DELETION)
            for each in (entry(1, "keep #a"), note, deletion, entry(4, "too"), revision(5, second, 3)):
                notebook.store(in_parts(each), NOW)
            assert notebook.store(in_parts(revision(6, f"{second}{LONG}"))[:-1], NOW)[-1] == KEPT
            notebook.store(in_parts(revision(7, f"{second}{LONG}"))[:-1], 0)
            notebook.expire_partial_entries(NOW)
            assert notebook.lookup.index.catch_up(lambda: False)
            mirror = TextMirror(str(self.text_file), str(self.path), print)
            notebook.record_text_file(mirror.path)
            mirror.close()

    def erase(self, number: int = 2, now: int = ERASED_AT) -> list[str]:
        with prepared_erasure(str(self.path), number) as erasure:
            return erasure.commit(now)

    def files(self) -> dict[str, bytes]:
        return {each.name: each.read_bytes() for each in self.folder.iterdir() if each.is_file()}

    def traces(self) -> list[str]:
        """Return which file still has a piece of the text, the author, or a digest of the text or of its parts."""
        texts = [self.first.encode(), self.second.encode()]
        pieces = [piece for text in texts for piece in (text[:13], text[-13:].strip(), text[len(text) // 2 :][:13])]
        whole = [*texts, *(each.data for text in (self.first, self.second) for each in in_parts(entry(2, text))[-2:])]
        algorithms = (hashlib.sha256, hashlib.sha1, hashlib.md5, lambda data: hashlib.blake2b(data, digest_size=16))
        digests = [digest(data).digest() for data in whole for digest in algorithms]
        needles = [b"s3crethost", *pieces, *digests, *(each.hex().encode() for each in digests)]
        return [f"{name} has {each[:20]!r}" for name, data in self.files().items() for each in needles if each in data]

    def notebook(self) -> Notebook:
        return Notebook(self.path)


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path / "home")


@pytest.mark.parametrize(("text", "number"), [*zip(SECRETS, (2, 3, 5, 2), strict=True)])
def test_no_file_has_the_text_its_author_or_a_digest_of_them_whichever_version_is_named(
    tmp_path: Path, text: str, number: int
) -> None:
    place = Place(tmp_path / "home", *SECRETS[text])
    assert any("notebook has" in each for each in place.traces())
    with closing(sqlite3.connect(place.path)) as reader, prepared_erasure(str(place.path), number) as erasure:
        assert reader.execute("SELECT count(*) FROM entries").fetchone() == (5,)
        assert (erasure.note.number, erasure.note.text, erasure.numbers) == (2, place.second, [2, 3, 5])
        assert (erasure.is_done, erasure.commit(ERASED_AT)) == (False, [])
        assert place.traces() == [], "though somebody has the notebook open to read it"
    assert (place.traces(), sorted(place.files())) == ([], ["notebook", "notes.txt"])
    assert place.text_file.read_text().split("\n\n")[:2] == ["2019/05/10 00:37:07\nkeep #a", "2019/05/10 00:37:07\ntoo"]
    with closing(place.notebook()) as notebook:
        counts = [notebook._connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0] for table in (
            "part_digests", "parts", "partial_entries", "entries", "revisions",
        )]  # fmt: skip
        assert counts == [0, 0, 0, 5, 2]


def found(notebook: Notebook, query: Query) -> list[StoredEntry]:
    start = LAST if query.newest_first else FIRST
    return [each for each in notebook.lookup.answer(query, start, lambda: False) if isinstance(each, StoredEntry)]


def tallies(notebook: Notebook, view: View) -> list[Tally]:
    return [each for each in notebook.lookup.answer(Query(view), FIRST, lambda: False) if isinstance(each, Tally)]


def test_readers_get_an_erased_entry_only_by_its_number_and_then_without_text_and_with_the_time(place: Place) -> None:
    place.erase()
    with closing(place.notebook()) as notebook:
        for query in (
            Query(), Query(by_time=True), Query(newest_first=True), Query(View.LOG), Query(View.LOG, newest_first=True),
            Query(View.LOG, since=0), Query(author="amy@pi"),
        ):  # fmt: skip
            assert sorted(each.number for each in found(notebook, query)) == [1, 4], query
        for words in ("pa55word", "4711", "eve", "keep"):
            assert [each.number for each in found(notebook, Query(words=(words,)))] == [1] * (words == "keep")
        assert found(notebook, Query(numbers=(2, 3, 5))) == found(notebook, Query(tags=("s3cret",))) == []
        left = [(each.number, each.entry) for each in found(notebook, Query(View.LOG, numbers=(3,)))]
        empty = Entry(CLIENT, 2, Kind.ERASED, ERASED_AT, 0, "", "")
        assert left == [(2, empty), (3, empty._replace(sequence=3, revises=2)), (5, empty._replace(sequence=5, revises=3))]
        for view, labels in ((View.TAGS, ["a"]), (View.AUTHORS, ["amy@pi"])):
            assert [each.label for each in tallies(notebook, view)] == labels
        assert (notebook.last_number, notebook.seen_at(5)) == (5, SeenEntry(5, CLIENT, 5)), "followers go on"
        assert len(found(notebook, Query(View.LOG, numbers=tuple(range(1, 6))))) == 5, "the last number counts all entries"


@pytest.mark.parametrize("text", ["pa55word-4711", "something else", LONG])
def test_an_entry_under_an_erased_identity_gets_the_same_verdict_whatever_its_text(place: Place, text: str) -> None:
    place.erase()
    again = in_parts(entry(2, text))
    imported = part(2, text)._replace(restored=Restored(NOW, *NO_PREDECESSOR))
    run = NoteRun(CLIENT, 1, 480, "amy@pi", (NOW - 5,) * 2, ("keep #a", text))
    bundle = Bundle((entry(1, "keep #a"), entry(2, text)), (0, 0), *NO_PREDECESSOR)
    change = entry(7, text)._replace(kind=Kind.REVISION, revises=3)
    of_other_copy = change._replace(seen=SeenEntry(4, b"x" * 16, 4))
    with closing(place.notebook()) as notebook:
        assert notebook.store([*again, imported], NOW) == [ERASED] * (len(again) + 1)
        assert notebook.store([run, bundle], NOW) == [Verdict(Status.SPLIT, 0)] * 2
        assert notebook.store([*in_parts(change), part(9, "", b"y" * 16)._replace(kind=Kind.DELETION, revises=2)], NOW) == [
            ERASED
        ] * (len(in_parts(change)) + 1)
        assert notebook.store(in_parts(of_other_copy), NOW)[-1] == Verdict(Status.OLDER_COPY, 0)
        following = part(8, "after it")._replace(restored=Restored(NOW, CLIENT, 2))
        assert notebook.store([following], NOW) == [stored(6)], "what was imported after it can be imported"
        assert notebook._connection.execute("SELECT count(*) FROM parts").fetchone() == (0,)


def test_an_erasure_is_refused_under_a_server_and_for_a_missing_number_and_changes_nothing_before_its_commit(
    place: Place,
) -> None:
    before = place.files()
    with closing(place.notebook()), raises(NotebookInUse, "erase_while_served", path=str(place.path), number=2):
        place.erase()
    with raises(EntryRefused, "no_such_entry", number=9):
        place.erase(9)
    with prepared_erasure(str(place.path), 2), raises(NotebookInUse, "notebook_in_use"):
        place.notebook()
    assert {name: data for name, data in place.files().items() if name != "notebook"} == {
        name: data for name, data in before.items() if name != "notebook"
    }
    with closing(place.notebook()) as notebook:
        kinds = [each.entry.kind for each in notebook.entries_after(0)]
    assert kinds == [Kind.NOTE, Kind.NOTE, Kind.DELETION, Kind.NOTE, Kind.REVISION]
    with raises(StorageError, "notebook_not_there"), prepared_erasure(str(place.folder / "none"), 1):
        pass


def test_files_that_may_still_have_the_text_are_named_and_a_text_file_that_was_changed_is_kept(place: Place) -> None:
    os.utime(place.text_file, ns=(0, 5))
    draft = f"notebook.{'0' * 16}.udpnote"
    names = "notebook-wal.1.old", draft, "notebook.1.old", "notes.txt.3.old", "notebook.2.odd", "other.1.old"
    for name in names:
        (place.folder / name).write_text("x")
    assert place.erase() == sorted(str(place.folder / name) for name in (*names[:4], "notes.txt.1.old"))
    place.text_file.unlink()
    place.erase(4)
    assert not place.text_file.exists()


def test_without_room_for_a_copy_nothing_is_changed(small_disk: Path) -> None:
    place = Place(small_disk)
    before = place.files()["notebook"]
    filler = fill(small_disk)
    with raises(NoSpace, "no_space_to_erase"):
        place.erase()
    assert place.files()["notebook"] == before
    filler.unlink()
    assert (place.erase(), place.traces()) == ([], [])


def test_an_erasure_that_could_not_remove_all_says_so_and_another_one_does_the_rest(place: Place) -> None:
    place.text_file.unlink()
    change(place.text_file, "CREATE TABLE others (it)")
    with pytest.raises(StorageError) as raised:
        place.erase()
    assert (raised.value.notice.kind, raised.value.notice.values["number"]) == ("erasure_unfinished", 2)
    place.text_file.write_text("pa55word-4711")
    with prepared_erasure(str(place.path), 3) as erasure:
        assert (erasure.is_done, erasure.note.entry.written_at) == (True, ERASED_AT)
        assert erasure.commit(NOW + 9_000_000) == [f"{place.text_file}.1.old"]
    os.unlink(f"{place.text_file}.1.old")
    assert place.traces() == []
    with prepared_erasure(str(place.path), 2) as erasure:
        assert erasure.note.entry.written_at == ERASED_AT, "the time of the first erasure stays"


KILLED = """
from udpnote.storage.notebook.erasure import prepared_erasure
STEPS = {"execute", "link", "rename", "replace", "unlink"}
def look(_frame, event, called):
    if event == "c_call" and called.__name__ in STEPS:
        step()
def run(path):
    with prepared_erasure(path, 2) as erasure:
        sys.setprofile(look)
        erasure.commit(5)
"""


def test_an_erasure_that_is_killed_before_any_step_leaves_all_or_can_be_finished(tmp_path: Path) -> None:
    start, place = tmp_path / "start", Place(tmp_path / "home")
    place.folder.rename(start)
    outcomes = []
    with killable(KILLED) as erase:
        for steps in range(0, STEPS_MAX, STRIDE):
            shutil.copytree(start, place.folder)
            is_killed = erase(steps, place.path)
            with closing(place.notebook()) as notebook:
                outcomes.append([int(each.entry.kind) for each in notebook.entries_after(0)])
                assert notebook.lookup.index.catch_up(lambda: False)
                tags = [each.label for each in tallies(notebook, View.TAGS)]
                assert tags == ["a", "s3cret"][: 2 - (Kind.ERASED in outcomes[-1])]
            if not is_killed:
                break
            drafts = {each for each in place.erase() if each.endswith(".udpnote")}
            assert (place.traces(), len(drafts) <= 1) == ([], True)
            shutil.rmtree(place.folder)
    assert [each for each, _ in groupby(outcomes)] == [[1, 1, 3, 1, 2], [1, 4, 4, 1, 4]]
    assert len(outcomes) > 10
