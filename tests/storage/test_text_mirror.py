"""The text file beside a notebook: always what the notebook holds, whatever becomes of it, and nothing of it is lost."""

import os
import stat
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing
from pathlib import Path

import pytest

from tests.disks import fill
from tests.household import House
from tests.support.exports import mixed_log, notes
from tests.support.processes import DEADLINE_SECONDS, eventually
from udpnote import Client, Server
from udpnote.client.file_reader import Archive
from udpnote.errors import NoSpace, Notice, StorageError
from udpnote.model.entry import StoredEntry, split
from udpnote.storage.atomic_file import whole_file
from udpnote.storage.notebook.notebook import Notebook
from udpnote.storage.text_mirror import ASIDE_MAX, CLOSING_SECONDS, TextMirror
from udpnote.text.notebook_text import text_block

OLD_NOTEBOOK = "2019/05/09 16:37:08\n我是一个中文\n\n"


class Desk:
    """A notebook, and the text file beside it while one is kept."""

    def __init__(self, folder: Path) -> None:
        self.notebook = Notebook(folder / "notebook.sqlite3")
        self.path = folder / "notes.txt"
        self.notices: list[str] = []
        self._open = ExitStack()

    def keep(self) -> TextMirror:
        text_file = TextMirror(str(self.path), self.notebook.path, self.notices.append, retry_seconds=0.05)
        return self._open.enter_context(closing(text_file))

    def keep_once(self) -> list[str]:
        """Have the text file kept for a moment; gives the notices."""
        TextMirror(str(self.path), self.notebook.path, self.notices.append).close()
        return self.notices

    def store(self, entries: Sequence[StoredEntry], text_file: TextMirror | None = None) -> None:
        parts = [part for stored in entries for part in split(stored.entry, 1 << 20)]
        self.notebook.store(parts, 0)
        if text_file is not None:
            text_file.update()

    @property
    def text(self) -> str:
        return self.path.read_bytes().decode() if self.path.exists() else ""

    def expect(self, text: str) -> None:
        eventually(lambda: self.text == text)

    def asides(self) -> list[str]:
        return [path.read_text() for path in sorted(self.path.parent.glob("notes.txt.*"))]

    def close(self) -> None:
        self._open.close()
        self.notebook.close()


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    desk = Desk(tmp_path)
    yield desk
    desk.close()


def blocks(*texts: str) -> str:
    """What the text file has for `notes(*texts)`."""
    return "".join(f"2019/05/09 16:{38 + place}:08\n{text}\n\n" for place, text in enumerate(texts))


def test_entries_are_appended_as_they_are_stored(desk: Desk) -> None:
    texts = ["one", "two\nlines", "三"]
    log = notes(*texts)
    text_file = desk.keep()
    for count in range(1, 4):
        desk.store(log.entries[count - 1 : count], text_file)
        desk.expect(blocks(*texts[:count]))
    assert desk.notices == []


def test_it_is_for_its_owner_only(desk: Desk) -> None:
    desk.keep_once()
    assert stat.S_IMODE(desk.path.stat().st_mode) == 0o600


def test_what_was_there_before_is_written_at_the_start(desk: Desk) -> None:
    desk.store(mixed_log(1000, seed=5).entries)
    desk.keep_once()
    first = desk.text
    with Archive(desk.notebook.path) as archive:
        assert first == "".join(text_block(each.entry.written_at, 480, each.entry.text) for each in archive.entries())
    desk.path.unlink()
    assert desk.keep_once() == []
    assert desk.text == first
    assert desk.keep_once() == []
    assert desk.text == first


def test_a_revision_and_a_deletion_change_what_it_says(desk: Desk) -> None:
    log = notes("one", "two", "three")
    text_file = desk.keep()
    desk.store(log.entries, text_file)
    desk.expect(blocks("one", "two", "three"))
    desk.store([log.revise(2, "zwei")], text_file)
    desk.expect(blocks("one", "zwei", "three"))
    desk.store([log.delete(1)], text_file)
    desk.expect(blocks("one", "zwei", "three").partition("\n\n")[2])
    assert desk.notices == []
    assert desk.asides() == []


def test_permissions_that_somebody_has_given_stay_when_it_is_written_anew(desk: Desk) -> None:
    log = notes("one")
    desk.store(log.entries)
    desk.keep_once()
    desk.path.chmod(0o644)
    desk.store([log.revise(1, "eins")])
    desk.path.unlink()
    desk.path.write_text("something else\n")
    desk.path.chmod(0o644)
    desk.keep_once()
    assert desk.text == blocks("eins")
    assert stat.S_IMODE(desk.path.stat().st_mode) == 0o644


@pytest.mark.parametrize("place", ["in an entry", "in a character", "in a time", "between entries", "in the first entry"])
def test_one_that_a_crash_has_cut_off_is_gone_on_with(desk: Desk, place: str) -> None:
    desk.store(notes(*[f"第{number}条" for number in range(700)]).entries)
    desk.keep_once()
    whole = desk.path.read_bytes()
    middle = whole.index("第600条".encode())
    cut = {
        "in an entry": middle + 4,
        "in a character": middle + 1,
        "in a time": middle - 12,
        "between entries": whole.index(b"\n\n", middle) + 2,
        "in the first entry": 23,
    }[place]
    desk.path.write_bytes(whole[:cut])
    assert desk.keep_once() == []
    assert desk.path.read_bytes() == whole
    assert desk.asides() == []


def test_one_that_is_behind_is_gone_on_with(desk: Desk) -> None:
    log = notes("one", "two", "three")
    desk.store(log.entries[:1])
    desk.keep_once()
    desk.store(log.entries[1:])
    assert desk.keep_once() == []
    assert desk.text == blocks("one", "two", "three")


@pytest.mark.parametrize(
    "edited",
    [
        OLD_NOTEBOOK,
        blocks("one", "two").replace("two", "TWO"),
        blocks("one", "two") + "P. S.\n",
        "# My notes\n\n" + blocks("one", "two"),
        "Dear diary\n",
    ],
    ids=["the old notebook's", "an entry changed", "a line added", "a heading added", "something else"],
)
def test_one_that_holds_something_else_is_put_aside_and_written_anew(desk: Desk, edited: str) -> None:
    desk.store(notes("one", "two").entries)
    desk.path.write_text(edited)
    [notice] = desk.keep_once()
    assert f"{desk.path}.1.old" in notice
    assert desk.text == blocks("one", "two")
    assert desk.asides() == [edited]


def test_another_programs_changes_while_it_is_kept_are_put_aside_with_the_next_entry(desk: Desk) -> None:
    log = notes("one", "two", "three", "four")
    text_file = desk.keep()
    desk.store(log.entries[:1], text_file)
    desk.expect(blocks("one"))
    desk.path.write_text(blocks("ONE"))
    desk.store(log.entries[1:2], text_file)
    desk.expect(blocks("one", "two"))
    assert desk.asides() == [blocks("ONE")]
    desk.path.unlink()
    desk.store(log.entries[2:3], text_file)
    desk.expect(blocks("one", "two", "three"))
    desk.path.write_text("x")
    desk.store([log.delete(1)], text_file)
    desk.expect(blocks("one", "two", "three").partition("\n\n")[2])
    assert desk.asides() == [blocks("ONE"), "x"]


def test_one_that_only_misses_a_revision_is_written_anew_and_nobody_is_accused(desk: Desk) -> None:
    log = notes("one", "two")
    desk.store(log.entries)
    desk.keep_once()
    log.revise(1, "eins")
    desk.store(log.entries)
    assert desk.keep_once() == []
    assert desk.text == blocks("eins", "two")
    assert desk.asides() == []


def test_what_somebody_writes_while_it_is_written_anew_is_put_aside(desk: Desk) -> None:
    log = notes(*["one"] * 20_000)
    desk.store(log.entries)
    text_file = desk.keep()
    eventually(lambda: desk.text.count("\n\n") == 20_000)
    log.revise(1, "eins")
    desk.store(log.entries[-1:], text_file)
    eventually(lambda: bool(list(desk.path.parent.glob("*.new"))))
    with desk.path.open("a") as file:
        file.write("somebody's work\n")
    eventually(lambda: "eins" in desk.text)
    assert [text.endswith("somebody's work\n") for text in desk.asides()] == [True]


def test_files_are_put_aside_only_so_often(desk: Desk) -> None:
    desk.store(notes("one").entries)
    for count in range(1, ASIDE_MAX + 1):
        desk.path.write_text(f"edited {count}")
        desk.keep_once()
    desk.path.write_text("edited once more")
    assert "move the *.old away" in desk.keep_once()[-1]
    assert desk.text == "edited once more"
    assert desk.asides() == [f"edited {count}" for count in range(1, ASIDE_MAX + 1)]


def test_nothing_but_a_text_file_is_taken_for_one(desk: Desk, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    other = Notebook(tmp_path / "other.sqlite3")
    other.close()
    own = [tmp_path / f"notebook.sqlite3{suffix}" for suffix in ("", "-wal", "-shm", ".lock", ".index", ".key")]
    for path in (*own, tmp_path, tmp_path / "pipe", tmp_path / "other.sqlite3", tmp_path / "pipe" / "x"):
        before = path.read_bytes() if path.is_file() else None
        desk.path = path
        with pytest.raises(StorageError, match=r"--text-file|check the path"):
            desk.keep()
        assert (path.read_bytes() if path.is_file() else None) == before


def test_nothing_is_made_in_the_place_of_a_notebook_that_has_gone(desk: Desk, tmp_path: Path) -> None:
    text_file = desk.keep()
    desk.expect("")
    for path in tmp_path.glob("notebook.sqlite3*"):
        path.unlink()
    text_file.update()
    eventually(lambda: any("the text file is not kept up" in notice for notice in desk.notices))
    assert os.listdir(tmp_path) == ["notes.txt"]


def test_its_folder_is_made_and_a_link_is_followed(desk: Desk, tmp_path: Path) -> None:
    target = tmp_path / "new" / "folder" / "notes.txt"
    desk.store(notes("one").entries)
    desk.path = tmp_path / "link.txt"
    desk.path.symlink_to(target)
    desk.keep_once()
    assert desk.path.is_symlink()
    assert target.read_text() == blocks("one")


def test_what_cannot_be_written_is_one_notice_and_written_when_it_can_be(desk: Desk, small_disk: Path) -> None:
    texts = [f"{number} {'x' * 1000}" for number in range(20)]
    log = notes(*texts)
    desk.path = small_disk / "notes.txt"
    text_file = desk.keep()
    desk.store(log.entries[:3], text_file)
    desk.expect(blocks(*texts[:3]))
    filler = fill(small_disk)
    desk.store(log.entries[3:], text_file)
    eventually(lambda: len(desk.notices) == 1)
    time.sleep(0.3)  # several attempts, of which there must be no word
    filler.unlink()
    desk.expect(blocks(*texts))
    [notice] = desk.notices
    assert "the text file is not kept up" in notice
    assert "disk is full" in notice


def test_a_folder_that_is_gone_is_a_notice_and_no_crash(desk: Desk, tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    desk.path = folder / "notes.txt"
    log = notes("one", "two")
    text_file = desk.keep()
    desk.store(log.entries[:1], text_file)
    desk.expect(blocks("one"))
    folder.rename(tmp_path / "away")
    desk.store(log.entries[1:], text_file)
    eventually(lambda: len(desk.notices) == 1)
    (tmp_path / "away").rename(folder)
    desk.expect(blocks("one", "two"))


# Beside a server


@pytest.fixture
def serving(house: House, tmp_path: Path) -> Iterator[tuple[Client, Path, list[Notice]]]:
    """A client of a server with a text file; that; and the server's notices."""
    path, notices = tmp_path / "notes.txt", list[Notice]()
    server = Server(house.notebook(), bind="127.0.0.1", port=0, text_file=path, on_notice=notices.append)
    with server:
        house.port = server.port
        yield house.client(), path, notices


def test_the_servers_entries_are_in_the_text_file_and_when_it_has_ended_all_of_them(house: House, tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    with Server(house.notebook(), bind="127.0.0.1", port=0, text_file=path) as server:
        house.port = server.port
        client = house.client()
        client.send("first")
        eventually(lambda: path.read_text().endswith("\nfirst\n\n"))
        assert len(list(client.send_many(map(str, range(2000))))) == 2000
    lines = path.read_text().split("\n")
    assert lines[1::3] == ["first", *house.texts()[1:]]


def test_a_revision_reaches_the_text_file(serving: tuple[Client, Path, list[Notice]]) -> None:
    client, path, notices = serving
    client.send("one")
    client.send("two")
    client.revise(1, "eins")
    client.delete(2)
    eventually(lambda: path.read_text().count("\n") == 3 and "\neins\n" in path.read_text())
    assert notices == []


def test_a_text_file_that_stands_still_holds_up_neither_the_server_nor_its_end(house: House, tmp_path: Path) -> None:
    stands_still, goes_on = threading.Event(), threading.Event()

    def stand_still(_notice: Notice) -> None:
        stands_still.set()
        goes_on.wait(10 * CLOSING_SECONDS)

    path = tmp_path / "notes.txt"
    path.write_text("something that is put aside, which is told")
    with Server(house.notebook(), bind="127.0.0.1", port=0, text_file=path, on_notice=stand_still) as server:
        house.port = server.port
        client = house.client()
        assert stands_still.wait(DEADLINE_SECONDS)
        assert [client.send(str(number)).number for number in range(1, 4)] == [1, 2, 3]
        ending_at = time.monotonic()
    assert time.monotonic() - ending_at < CLOSING_SECONDS + 2
    goes_on.set()


def test_a_text_file_that_cannot_be_is_told_before_anything_is_served(house: House, tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="--text-file"):
        Server(house.notebook(), bind="127.0.0.1", port=0, text_file=tmp_path)
    with Server(house.notebook(), bind="127.0.0.1", port=0):
        pass  # nothing is left open


def test_the_text_file_of_the_settings_is_kept_too(house: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UDPNOTE_TEXT_FILE", str(tmp_path / "notes.txt"))
    with Server(house.notebook(), bind="127.0.0.1", port=0) as server:
        house.port = server.port
        house.client().send("one")
    assert (tmp_path / "notes.txt").read_text().endswith("\none\n\n")


# Files that are whole or not there


def test_a_file_is_in_its_place_when_it_is_whole_and_not_before(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text("before")
    with whole_file(str(path)) as file:
        file.write(b"after")
        file.flush()
        assert path.read_text() == "before"
    assert path.read_text() == "after"
    assert os.listdir(tmp_path) == ["file"]


def write_and_fail(path: Path, error: BaseException) -> None:
    with whole_file(str(path)) as file:
        file.write(b"half")
        raise error


@pytest.mark.parametrize("error", [KeyboardInterrupt(), SystemExit(143), ValueError()], ids=repr)
@pytest.mark.parametrize("is_there", [False, True], ids=["a new file", "an old file"])
def test_what_is_cut_short_leaves_nothing(tmp_path: Path, error: BaseException, is_there: bool) -> None:
    path = tmp_path / "file"
    if is_there:
        path.write_text("before")
    with pytest.raises(type(error)):
        write_and_fail(path, error)
    assert [file.read_text() for file in tmp_path.iterdir()] == ["before"] * is_there


def test_a_file_is_for_its_owner_or_for_whom_the_one_before_it_was(tmp_path: Path) -> None:
    for path, mode in ((tmp_path / "new", 0o600), (tmp_path / "old", 0o640)):
        if mode == 0o640:
            path.touch(mode)
            path.chmod(mode)
        with whole_file(str(path)):
            pass
        assert stat.S_IMODE(path.stat().st_mode) == mode


def test_a_disk_without_room_keeps_the_file_that_is_there(small_disk: Path) -> None:
    path = small_disk / "file"
    path.write_text("before")
    filler = fill(small_disk)
    with pytest.raises(NoSpace), whole_file(str(path)) as file:
        file.write(bytes(10 << 20))
    filler.unlink()
    assert [file.read_text() for file in small_disk.iterdir()] == ["before"]


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="folder"), whole_file(str(tmp_path)):
        pass


def test_a_pipe_is_written_to_as_it_is() -> None:
    reading, writing = os.pipe()
    with whole_file(f"/dev/fd/{writing}") as file:
        file.write(b"some")
    os.close(writing)
    assert os.read(reading, 100) == b"some"
    os.close(reading)


def test_a_database_is_not_replaced(desk: Desk) -> None:
    before = Path(desk.notebook.path).read_bytes()
    with pytest.raises(StorageError, match="is a database"), whole_file(desk.notebook.path):
        pytest.fail("it may not be written to")
    assert Path(desk.notebook.path).read_bytes() == before
