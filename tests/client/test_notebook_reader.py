"""Reading, through a server and from its file: the same methods, the same answers; and revising."""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import date
from pathlib import Path
from queue import Queue
from threading import Thread

import pytest

from tests.household import House
from tests.support.errors import raises
from udpnote import Server
from udpnote.client.client import Client
from udpnote.client.file_reader import Archive
from udpnote.client.notebook_reader import NotebookReader, histories, overtaken
from udpnote.client.reading import Overtaken
from udpnote.errors import BadAnswer, EntryRefused, InvalidEntry, InvalidQuery, Queued, ServerNotFound, StorageError
from udpnote.model.entry import Entry, Kind, StoredEntry
from udpnote.model.query import SUMMARY_LABELS, Item, Query, Tally

InTime = Callable[[Callable[[], object]], Thread]


@pytest.fixture(params=["server", "file"])
def reads(request: pytest.FixtureRequest, house: House) -> NotebookReader:
    """A notebook with some entries in it, to be read in one way or the other."""
    house.serve()
    client = house.client()
    for text in ("买牛奶 #家", "Café at noon #work #家", "a line\nand another", "gone"):
        client.send(text)
    house.client("bob.sqlite3", author="bob@desk").send("bob was here #work")
    client.revise(1, "买豆浆 #家")
    client.delete(4)
    return client if request.param == "server" else Archive(house.notebook())


@contextmanager
def serving(house: House) -> Iterator[None]:
    """The notebook is served, for a while."""
    with Server(house.notebook(), name="kitchen", bind="127.0.0.1", port=house.port) as server:
        house.port = server.port
        yield


def numbers(found: object) -> list[int]:
    return [stored.number for stored in found]  # type: ignore[attr-defined]


def test_notes_are_read_with_their_latest_text(reads: NotebookReader) -> None:
    found = list(reads.entries())
    assert [(each.number, each.version, each.entry.text) for each in found] == [
        (1, 6, "买豆浆 #家"), (2, 2, "Café at noon #work #家"), (3, 3, "a line\nand another"), (5, 5, "bob was here #work"),
    ]  # fmt: skip
    assert numbers(reads.entries(newest_first=True, limit=2)) == [5, 3]
    assert list(reads.entries(limit=0)) == []


def test_notes_are_read_by_filters(reads: NotebookReader) -> None:
    assert numbers(reads.entries(author="bob")) == [5]
    assert numbers(reads.entries(tags=["家"])) == [1, 2]
    assert numbers(reads.entries(tags=["#work"], author="amy")) == [2]
    written_at = next(reads.entries(numbers=[3])).entry.written_at
    assert numbers(reads.entries(since=written_at)) == [3, 5]
    assert numbers(reads.entries(until=written_at)) == [1, 2]


def test_words_are_searched_for(reads: NotebookReader) -> None:
    assert numbers(reads.search("豆")) == [1]
    assert numbers(reads.search("牛奶")) == []
    assert numbers(reads.search("cafe", "NOON")) == [2]
    assert numbers(reads.search("was here")) == [5]
    with pytest.raises(InvalidQuery):
        list(reads.search("…"))


def test_the_log_and_the_history_of_one_note_are_read(reads: NotebookReader) -> None:
    assert [(each.number, each.entry.kind, each.entry.revises) for each in reads.log()] == [
        (1, Kind.NOTE, 0), (2, Kind.NOTE, 0), (3, Kind.NOTE, 0), (4, Kind.NOTE, 0), (5, Kind.NOTE, 0),
        (6, Kind.REVISION, 1), (7, Kind.DELETION, 4),
    ]  # fmt: skip
    assert numbers(reads.log(numbers=[4])) == [4, 7]
    assert numbers(reads.log(numbers=[6, 4])) == [1, 4, 6, 7]
    assert reads.last_number() == 7


def test_many_numbers_are_asked_for_in_turns(reads: NotebookReader) -> None:
    assert numbers(reads.entries(numbers=range(1, 300))) == [1, 2, 3, 5]
    with raises(InvalidQuery, "number_below_one"):
        list(reads.entries(numbers=[0]))


def test_tags_authors_days_and_the_whole_are_counted(reads: NotebookReader) -> None:
    assert [(tally.label, tally.amount) for tally in reads.tags()] == [("work", 2), ("家", 2)]
    assert [(tally.label, tally.amount) for tally in reads.authors()] == [("amy@pi", 3), ("bob@desk", 1)]
    days = reads.days()
    assert sum(amount for _, amount in days) == 4
    assert all(isinstance(day, date) for day, _ in days)
    stats = reads.stats()
    assert (stats.notes, stats.entries, stats.authors, stats.clients, stats.days) == (4, 7, 2, 2, len(days))
    assert stats.first is not None
    assert stats.last is not None
    assert stats.first < stats.last


def test_a_long_entry_is_read_whole(house: House) -> None:
    house.serve()
    client = house.client()
    text = "长" * 100_000
    client.send(text)
    assert [each.entry.text for each in client.entries(limit=5)] == [text]
    assert [each.entry.text for each in Archive(house.notebook()).entries()] == [text]


def test_an_empty_notebook_reads_as_nothing(house: House) -> None:
    house.serve()
    for empty in (house.client(), Archive(house.notebook())):
        assert list(empty.entries()) == list(empty.log()) == []
        assert empty.tags() == []
        assert empty.days() == []
        assert empty.last_number() == empty.stats().notes == 0
        assert empty.stats().first is None


def test_two_readings_may_be_interleaved(house: House) -> None:
    house.serve()
    client = house.client()
    list(client.send_many(f"note {number}" for number in range(1500)))
    pairs = list(zip(client.log(), client.log(newest_first=True), strict=True))
    assert [(one.number, other.number) for one, other in pairs] == [(number, 1501 - number) for number in range(1, 1501)]


def test_a_reading_that_is_given_up_leaves_the_client_usable(house: House) -> None:
    house.serve()
    client = house.client()
    list(client.send_many(f"note {number}" for number in range(1500)))
    reading = client.log()
    assert next(reading).number == 1
    reading.close()  # type: ignore[attr-defined]
    assert client.send("one more").number == 1501
    assert next(client.log(newest_first=True)).number == 1501


@pytest.mark.parametrize("is_archive", [False, True])
def test_followers_get_the_latest_and_then_each_new_entry_once(house: House, in_time: InTime, is_archive: bool) -> None:
    house.serve()
    client = house.client()
    for number in range(1, 6):
        client.send(f"note {number}")
    seen: Queue[StoredEntry] = Queue()

    def follow() -> None:
        reads = Archive(house.notebook()) if is_archive else house.client("follower.sqlite3")
        for stored in reads.follow(last=2):
            seen.put(stored)
            if stored.entry.text == "last":
                return

    in_time(follow)
    assert [seen.get(timeout=30).number for _ in range(2)] == [4, 5]
    client.send("news")
    client.revise(1, "revised")
    client.send("last")
    assert [seen.get(timeout=30).entry.text for _ in range(3)] == ["news", "revised", "last"]


def test_a_follower_survives_a_restart_of_the_server_without_losing_or_repeating(house: House, in_time: InTime) -> None:
    seen: Queue[str] = Queue()

    def follow() -> None:
        for stored in house.client("follower.sqlite3").follow(last=1):
            seen.put(stored.entry.text)
            if stored.entry.text == "last":
                return

    with serving(house):
        writer = house.client()
        writer.send("before")
        in_time(follow)
        assert seen.get(timeout=30) == "before"
    house.serve()
    for text in ("after", "last"):
        writer.send(text, wait=30)
    assert [seen.get(timeout=30) for _ in range(2)] == ["after", "last"]


def test_what_nobody_answers_is_not_read(house: House) -> None:
    with serving(house):
        client = house.client()
        client.send("here")
    with raises(ServerNotFound, "no_answer_to_reading"):
        list(client.entries())
    with raises(ServerNotFound, "no_answer_on_lan"):
        list(house.client("stranger.sqlite3", wait=0.5).entries())


def test_a_file_that_is_no_notebook_is_not_read(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="no notebook"):
        Archive(tmp_path / "notebook.sqlite3")
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "notes.txt").write_text("我是一个中文\n")
    with pytest.raises(StorageError, match="not a udpnote notebook"):
        Archive(tmp_path / "notes.txt")


def test_a_file_is_read_without_being_changed(house: House) -> None:
    with serving(house):
        house.client().send("here")
    before = house.notebook().read_bytes()
    with Archive(house.notebook()) as archive:
        assert numbers(archive.search("here")) == [1]
        assert archive.name == "kitchen"
    assert house.notebook().read_bytes() == before


def test_a_revision_of_nothing_is_refused(house: House) -> None:
    house.serve()
    client = house.client()
    with raises(EntryRefused, "no_such_entry"):
        client.revise(42, "text")
    with raises(EntryRefused, "no_such_entry"):
        client.delete(42)
    with pytest.raises(InvalidEntry):
        client.revise(0, "text")
    with pytest.raises(InvalidEntry):
        client.revise(42, " ")


def test_a_revision_without_a_server_waits_and_is_stored_once(house: House) -> None:
    with serving(house):
        client = house.client()
        client.send("one")
    with pytest.raises(Queued):
        client.revise(1, "two", wait=0.3)
    with pytest.raises(Queued):
        client.delete(1, wait=0.3)
    house.serve()
    client.deliver(wait=20)
    assert [(each.number, each.entry.kind, each.entry.revises) for each in client.log()] == [
        (1, Kind.NOTE, 0), (2, Kind.REVISION, 1), (3, Kind.DELETION, 1),
    ]  # fmt: skip


def test_whoever_is_overtaken_unseen_is_told_once(house: House) -> None:
    house.serve()
    amy, bob = house.client(), house.client("bob.sqlite3", author="bob@desk")
    amy.send("one")
    mine, theirs = amy.revise(1, "amy's"), bob.revise(1, "bob's")
    [told] = amy.overtaken()
    assert isinstance(told, Overtaken)
    assert (told.entry, told.number, told.by.number, told.by.entry.author) == (1, mine.number, theirs.number, "bob@desk")
    assert amy.overtaken() == bob.overtaken() == []
    assert [each.entry.text for each in amy.log(numbers=[1])] == ["one", "amy's", "bob's"]


def test_whoever_names_the_server_is_told_too(house: House) -> None:
    server = house.serve()
    amy, bob = house.client(server=f"127.0.0.1:{server.port}"), house.client("bob.sqlite3", author="bob@desk")
    amy.send("one")
    mine = amy.revise(1, "amy's")
    bob.revise(1, "bob's")
    assert [told.number for told in amy.overtaken()] == [mine.number]


def test_whoever_is_revised_knowingly_is_not_told(house: House) -> None:
    house.serve()
    amy, bob = house.client(), house.client("bob.sqlite3")
    amy.send("one")
    mine = amy.revise(1, "amy's")
    bob.revise(1, "bob's", seen=mine.number)
    assert amy.overtaken() == []
    assert bob.overtaken() == []


def version(number: int, revises: int, client_id: bytes | None = None) -> StoredEntry:
    kind = Kind.REVISION if revises else Kind.NOTE
    return StoredEntry(number, 0, Entry(client_id or number.to_bytes(16), number, kind, 0, 0, "amy", "x", revises), number)


def test_a_version_is_overtaken_by_the_next_if_that_was_made_from_an_earlier_one() -> None:
    history = [version(1, 0), version(5, 1), version(7, 5), version(9, 5)]
    assert overtaken(history, 1) is None
    assert overtaken(history, 5) is None
    assert overtaken(history, 7) == history[3]
    assert overtaken(history, 9) is None


def test_nobody_overtakes_themselves_unseen() -> None:
    history = [version(1, 0), version(5, 1, b"c" * 16), version(7, 1, b"c" * 16)]
    assert overtaken(history, 5) is None


def test_a_log_is_taken_apart_into_histories() -> None:
    log = [version(1, 0), version(2, 0), version(3, 1), version(4, 2), version(5, 3)]
    assert {root: numbers(versions) for root, versions in histories(log).items()} == {1: [1, 3, 5], 2: [2, 4]}


def test_an_old_notebook_is_searched_by_file_though_it_was_never_indexed(house: House) -> None:
    with serving(house):
        house.client().send("今天开会")
    Path(f"{house.notebook()}.index").unlink(missing_ok=True)
    with closing(sqlite3.connect(house.notebook())) as connection:
        assert connection.execute("SELECT count(*) FROM entries").fetchone() == (1,)
    with Archive(house.notebook()) as archive:
        assert numbers(archive.search("开")) == [1]


def test_a_client_is_one_that_reads() -> None:
    assert issubclass(Client, NotebookReader)
    assert issubclass(Archive, NotebookReader)


class Liar(NotebookReader):
    """A notebook whose server answers with `items`, whatever was asked."""

    def __init__(self, *items: Item) -> None:
        self._items = items

    @property
    def name(self) -> str:
        return "liar"

    def _read(self, query: Query, *, limit: int = 0, follows: bool = False, start: int | None = None) -> Iterator[Item]:  # noqa: ARG002
        yield from self._items


def test_an_answer_to_another_question_is_an_error_and_no_crash() -> None:
    with raises(BadAnswer, "nonsense"):
        list(Liar(Tally(1, "tag", 1)).entries())
    with pytest.raises(BadAnswer):
        Liar(version(1, 0)).stats()
    assert Liar(version(1, 0)).tags() == []


def test_what_a_later_server_counts_beside_the_rest_is_passed_over() -> None:
    tallies = [Tally(key, label, key) for key, label in enumerate((*SUMMARY_LABELS, "smiles"), 1)]
    assert Liar(*tallies).stats().notes == 1
    with pytest.raises(BadAnswer):
        Liar(*tallies[1:]).stats()


def test_a_search_that_is_interrupted_by_a_damaged_index_goes_on_where_it_was(house: House) -> None:
    with serving(house):
        list(house.client().send_many(["今天开会"] * 600))
    with Archive(house.notebook()) as archive:
        found = archive.search("开会")
        first = [next(found).number for _ in range(100)]
        with closing(sqlite3.connect(f"{house.notebook()}.index")) as connection, connection:
            connection.execute("DROP TABLE search_1")
        assert first + numbers(found) == list(range(1, 601))
