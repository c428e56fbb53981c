"""The text file beside a notebook: always a copy of the notes, and text that others have put there is kept in another file."""

import os
import stat
import threading
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing
from pathlib import Path
from unittest import mock

import pytest

from tests.support.disks import fill
from tests.support.errors import raises
from tests.support.exports import mixed_log, notes
from tests.support.processes import DEADLINE_SECONDS, eventually
from udpnote.client.reading.file_reader import FileReader
from udpnote.errors import NoSpace, Notice, StorageError
from udpnote.model.entry import StoredEntry, split
from udpnote.storage.notebook.notebook import Notebook
from udpnote.storage.text_mirror import ASIDE_MAX, OWN_NANOSECONDS, TextMirror
from udpnote.text.notebook_text import text_block


class Writer:
    """A notebook, and the text file beside it while a mirror keeps it up to date."""

    def __init__(self, notebook: Notebook, path: Path, mirrors: ExitStack) -> None:
        self.notebook = notebook
        self.path = path
        self.notices: list[Notice] = []
        self._mirrors = mirrors

    def mirror(self) -> TextMirror:
        mirror = TextMirror(str(self.path), self.notebook.path, self.notices.append, retry_seconds=0.05)
        return self._mirrors.enter_context(closing(mirror))

    def mirror_once(self) -> list[Notice]:
        """Bring the text file up to date once. Return all notices so far."""
        TextMirror(str(self.path), self.notebook.path, self.notices.append).close()
        return self.notices

    def store(self, entries: Sequence[StoredEntry], mirror: TextMirror | None = None) -> None:
        self.notebook.store([part for stored in entries for part in split(stored.entry, 1 << 20)], 0)
        if mirror is not None:
            mirror.update()

    @property
    def text(self) -> str:
        return self.path.read_bytes().decode() if self.path.exists() else ""

    def expect(self, text: str) -> None:
        """Wait until the mirror has written `text`, and has marked the file as its own."""
        eventually(lambda: self.text == text and self.path.stat().st_mtime_ns % 1_000_000 == OWN_NANOSECONDS)

    def asides(self) -> list[str]:
        return [path.read_text() for path in sorted(self.path.parent.glob("notes.txt.*"))]


@pytest.fixture
def writer(tmp_path: Path) -> Iterator[Writer]:
    with closing(Notebook(tmp_path / "notebook.sqlite3")) as notebook, ExitStack() as mirrors:
        yield Writer(notebook, tmp_path / "notes.txt", mirrors)


def blocks(*texts: str) -> str:
    """The text file of `notes(*texts)`."""
    return "".join(f"2019/05/09 16:{38 + place}:08\n{text}\n\n" for place, text in enumerate(texts))


def without_first(text: str) -> str:
    return text.partition("\n\n")[2]


def test_entries_are_appended_as_they_are_stored_and_a_revision_and_a_deletion_change_them(writer: Writer) -> None:
    texts = ["one", "two\nlines", "三"]
    log = notes(*texts)
    mirror = writer.mirror()
    for count in range(1, 4):
        writer.store(log.entries[count - 1 : count], mirror)
        writer.expect(blocks(*texts[:count]))
    assert stat.S_IMODE(writer.path.stat().st_mode) == 0o600
    writer.store([log.revise(2, "zwei")], mirror)
    writer.expect(blocks("one", "zwei", "三"))
    writer.store([log.delete(1)], mirror)
    writer.expect(without_first(blocks("one", "zwei", "三")))
    assert (writer.notices, writer.asides()) == ([], [])


def test_a_file_that_is_cut_off_or_misses_the_latest_entries_is_brought_up_to_date(writer: Writer) -> None:
    log = notes(*[f"第{number}条" for number in range(700)])
    writer.store(log.entries)
    writer.mirror_once()
    whole = writer.path.read_bytes()
    middle = whole.index("第600条".encode())
    for cut in (23, middle + 4, middle + 1, middle - 12, whole.index(b"\n\n", middle) + 2):  # in a character, in a time, ...
        writer.path.write_bytes(whole[:cut])
        writer.mirror_once()
        assert writer.path.read_bytes() == whole
    writer.store([log.note("new")])
    writer.mirror_once()
    assert writer.text.startswith(whole.decode()) and writer.text.endswith("\nnew\n\n")
    writer.store([log.revise(600, "revised")])
    writer.mirror_once()
    assert "第599条" not in writer.text and "\nrevised\n\n" in writer.text
    assert (writer.notices, writer.asides()) == ([], [])


def test_the_text_file_counts_as_the_servers_own_where_times_are_counted_in_units_of_100_nanoseconds(writer: Writer) -> None:
    log = notes("one", "two")
    writer.store(log.entries)
    writer.mirror_once()
    status = writer.path.stat()
    os.utime(writer.path, ns=(status.st_atime_ns, status.st_mtime_ns // 100 * 100))
    writer.store([log.revise(1, "ONE")])
    writer.mirror_once()
    assert (writer.text, writer.notices, writer.asides()) == (blocks("ONE", "two"), [], [])


def test_the_text_file_counts_as_the_servers_own_while_it_runs_where_times_are_counted_in_seconds(writer: Writer) -> None:
    set_times = os.utime

    def in_seconds(file: int, *, ns: tuple[int, int]) -> None:
        set_times(file, (ns[0] // 1_000_000_000, ns[1] // 1_000_000_000))

    log = notes("one", "two")
    with mock.patch("os.utime", in_seconds):
        mirror = writer.mirror()
        writer.store(log.entries, mirror)
        eventually(lambda: writer.text == blocks("one", "two"))
        writer.store([log.revise(1, "ONE")], mirror)
        eventually(lambda: writer.text == blocks("ONE", "two"))
        mirror.close()
    assert (writer.notices, writer.asides()) == ([], [])


OTHER_CONTENT = {
    "an older notebook's": "2019/05/09 16:37:08\n我是一个中文\n\n", "an entry changed": blocks("one", "TWO"),
    "a line added": blocks("one", "two") + "P. S.\n", "a heading added": "# My notes\n\n" + blocks("one", "two"),
}  # fmt: skip


@pytest.mark.parametrize("edited", OTHER_CONTENT.values(), ids=OTHER_CONTENT)
def test_other_content_is_put_aside_at_the_start_and_with_the_next_entry(writer: Writer, edited: str) -> None:
    log = notes("one", "two")
    writer.store(log.entries)
    writer.path.write_text(edited)
    [notice] = writer.mirror_once()
    assert notice == Notice("text_file_put_aside", path=str(writer.path), aside=f"{writer.path}.1.old")
    assert (writer.text, writer.asides()) == (blocks("one", "two"), [edited])
    writer.path.unlink()
    mirror = writer.mirror()
    writer.expect(blocks("one", "two"))
    writer.path.write_text(edited)
    writer.store([log.note("three")], mirror)
    writer.expect(blocks("one", "two", "three"))
    writer.path.unlink()
    writer.store([log.note("four")], mirror)
    writer.expect(blocks("one", "two", "three", "four"))
    writer.path.write_text("x")
    writer.store([log.delete(1)], mirror)
    writer.expect(without_first(blocks("one", "two", "three", "four")))
    assert writer.asides() == [edited, edited, "x"]


def test_text_that_another_program_writes_during_a_rewriting_is_put_aside(writer: Writer) -> None:
    log = notes(*["one"] * 10_000)  # writing them takes long enough to be disturbed
    writer.store(log.entries)
    writer.mirror_once()
    mirror = writer.mirror()
    writer.store([log.revise(1, "eins")], mirror)
    eventually(lambda: bool(list(writer.path.parent.glob("*.udpnote"))))
    with writer.path.open("a") as file:
        file.write("somebody's work\n")
    eventually(lambda: "eins" in writer.text)
    assert [text.endswith("somebody's work\n") for text in writer.asides()] == [True]


def test_text_that_another_program_writes_while_notes_are_appended_is_put_aside(writer: Writer) -> None:
    log = notes("one")
    writer.store(log.entries)
    writer.mirror_once()
    mirror = writer.mirror()
    writer.store([log.note("two") for _ in range(10_000)], mirror)  # appending them takes long enough to be disturbed
    eventually(lambda: "two" in writer.text)
    writer.path.write_text("somebody's work\n")
    eventually(lambda: writer.text.startswith(blocks("one")) and writer.text.count("two") == 10_000)
    assert [text.startswith("somebody's work\n") for text in writer.asides()] == [True]


def test_only_a_few_files_are_put_aside(writer: Writer) -> None:
    writer.store(notes("one").entries)
    for count in range(1, ASIDE_MAX + 1):
        writer.path.write_text(f"edited {count}")
        writer.mirror_once()
    writer.path.write_text("edited once more")
    error = writer.mirror_once()[-1].values["error"]
    assert isinstance(error, StorageError)
    assert error.notice == Notice("too_many_files_put_aside", path=str(writer.path), count=ASIDE_MAX)
    assert writer.text == "edited once more"
    assert writer.asides() == [f"edited {count}" for count in range(1, ASIDE_MAX + 1)]


def test_only_a_text_file_can_be_the_text_file(writer: Writer, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    Notebook(tmp_path / "other.sqlite3").close()
    own = [tmp_path / f"notebook.sqlite3{suffix}" for suffix in ("", "-wal", "-shm", ".lock", ".index", ".key")]
    for path in (*own, tmp_path, tmp_path / "pipe", tmp_path / "other.sqlite3", tmp_path / "pipe" / "x"):
        before = path.read_bytes() if path.is_file() else None
        writer.path = path
        with pytest.raises(StorageError):
            writer.mirror()
        assert (path.read_bytes() if path.is_file() else None) == before


def test_no_file_is_made_in_place_of_a_notebook_that_is_gone(writer: Writer, tmp_path: Path) -> None:
    mirror = writer.mirror()
    writer.expect("")
    files = {path: tmp_path.with_name(f"{tmp_path.name}.{path.name}") for path in tmp_path.glob("notebook.sqlite3*")}
    for path, moved in files.items():
        path.rename(moved)
    mirror.update()
    eventually(lambda: [notice.kind for notice in writer.notices] == ["text_file_not_updated"])
    assert os.listdir(tmp_path) == ["notes.txt"]
    for path, moved in files.items():
        moved.rename(path)


def test_the_notes_are_written_at_the_start_in_the_file_that_a_link_leads_to(writer: Writer, tmp_path: Path) -> None:
    target = tmp_path / "new" / "folder" / "notes.txt"
    writer.store(mixed_log(1000, seed=5).entries)
    writer.path = tmp_path / "link.txt"
    writer.path.symlink_to(target)
    with raises(StorageError, "folder_not_there", folder=str(target.parent)):
        writer.mirror()
    target.parent.mkdir(parents=True)
    with FileReader(writer.notebook.path) as archive:
        text = "".join(text_block(each.entry.written_at, 480, each.entry.text) for each in archive.entries(by_number=True))
    for _ in ("missing", "up to date"):
        assert writer.mirror_once() == []
        assert (writer.path.is_symlink(), target.read_text()) == (True, text)


def test_a_full_disk_is_reported_once_and_the_file_completed_when_there_is_space(writer: Writer, small_disk: Path) -> None:
    texts = [f"{number} {'x' * 1000}" for number in range(20)]
    log = notes(*texts)
    writer.path = small_disk / "notes.txt"
    mirror = writer.mirror()
    writer.store(log.entries[:3], mirror)
    writer.expect(blocks(*texts[:3]))
    filler = fill(small_disk)
    writer.store(log.entries[3:])
    for _ in range(4):  # several attempts
        mirror.update()
        eventually(lambda: not mirror._is_due.is_set())
    filler.unlink()
    writer.expect(blocks(*texts))
    [notice] = writer.notices
    assert isinstance(notice.values["error"], NoSpace)


def test_a_mirror_that_hangs_does_not_delay_its_closing(writer: Writer) -> None:
    hangs, goes_on, has_gone_on = threading.Event(), threading.Event(), threading.Event()

    def hang(_notice: Notice) -> None:
        hangs.set()
        goes_on.wait(DEADLINE_SECONDS)
        has_gone_on.set()

    writer.path.write_text("something that is put aside, with a notice")
    mirror = TextMirror(str(writer.path), writer.notebook.path, hang)
    assert hangs.wait(DEADLINE_SECONDS)
    writer.store(notes("one").entries)
    mirror.close()
    assert not has_gone_on.is_set()
    goes_on.set()
    mirror._thread.join(DEADLINE_SECONDS)
    assert (has_gone_on.is_set(), writer.text) == (True, ""), "after the closing, the entry is not written"
