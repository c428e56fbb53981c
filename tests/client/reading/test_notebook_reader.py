"""Reading, through a server and from its file: the same methods, the same answers."""

import sqlite3
from collections.abc import Callable, Generator, Iterator
from contextlib import ExitStack, closing, suppress
from datetime import date
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

import pytest

from tests.support.errors import raises
from tests.support.lan import CELLAR, Lan
from tests.support.notebook_files import change
from udpnote.client.reading.file_reader import FIRST_PAGE_ITEMS, FileReader
from udpnote.client.reading.notebook_reader import NotebookReader
from udpnote.client.reading.queries import NUMBERS_PER_QUERY
from udpnote.errors import BadAnswer, InvalidQuery, JoinedOrLeftMeanwhile, StorageError
from udpnote.model.entry import Entry, Kind, StoredEntry
from udpnote.model.query import SUMMARY_LABELS, Item, Selection, Tally
from udpnote.protocol.sealed_envelope import key_id


@pytest.fixture(params=["server", "file"])
def notebook(request: pytest.FixtureRequest, lan: Lan) -> Iterator[NotebookReader]:
    """A notebook with some entries, to be read through its server or from its file."""
    lan.serve()
    client = lan.client()
    for text in ("买牛奶 #家", "Café at noon #work #家", "a line\nand another", "gone"):
        client.send(text)
    lan.client("bob.sqlite3", author="bob@desk").send("bob was here #work")
    client.revise(1, "买豆浆 #家")
    client.delete(4)
    if request.param == "server":
        yield client
    else:
        with FileReader(lan.notebook()) as reader:
            yield reader


def numbers(found: object) -> list[int]:
    return [stored.number for stored in found]  # type: ignore[attr-defined]


def test_notes_are_read_with_their_latest_text_by_filters_and_words(notebook: NotebookReader) -> None:
    assert [(each.number, each.version, each.entry.text) for each in notebook.entries()] == [
        (1, 6, "买豆浆 #家"), (2, 2, "Café at noon #work #家"), (3, 3, "a line\nand another"), (5, 5, "bob was here #work"),
    ]  # fmt: skip
    written_at = next(notebook.entries(numbers=[3])).entry.written_at
    options: list[tuple[dict[str, Any], list[int]]] = [
        ({"newest_first": True, "limit": 2}, [5, 3]), ({"limit": 0}, []), ({"author": "bob"}, [5]), ({"tags": ["家"]}, [1, 2]),
        ({"tags": ["#work"], "author": "amy"}, [2]), ({"since": written_at}, [3, 5]), ({"until": written_at}, [1, 2]),
        ({"on": "2019-05-09", "tags": "work"}, [2, 5]), ({"until": "2019-05-08"}, []), ({"words": "bob was"}, [5]),
    ]  # fmt: skip
    assert [numbers(notebook.entries(**each)) for each, _ in options] == [found for _, found in options]
    for words, found in ((["豆"], [1]), (["牛奶"], []), (["cafe", "NOON"], [2]), (["was here"], [5])):
        assert numbers(notebook.search(*words)) == found
    with pytest.raises(InvalidQuery):
        list(notebook.search("…"))


def test_the_log_and_the_history_of_one_note_are_read(notebook: NotebookReader) -> None:
    log = [(number, Kind.NOTE, 0) for number in range(1, 6)] + [(6, Kind.REVISION, 1), (7, Kind.DELETION, 4)]
    assert [(each.number, each.entry.kind, each.entry.revises) for each in notebook.log()] == log
    assert numbers(notebook.log(numbers=[4])) == [4, 7]
    assert numbers(notebook.log(numbers=[6, 4])) == [1, 4, 6, 7]
    assert numbers(notebook.log(numbers=[6, 4], start=2)) == [4, 6, 7]
    assert numbers(notebook.log(numbers=[6, 4], start=6, newest_first=True, limit=2)) == [6, 4]
    assert notebook.last_number() == 7


def test_the_state_of_a_note_has_its_latest_version_deleted_or_not(notebook: NotebookReader) -> None:
    states = notebook.note_states([7, 1, 6, 3, 99])
    assert {number: (note.number, latest.number) for number, (note, latest) in states.items()} == {
        7: (4, 7), 1: (1, 6), 6: (1, 6), 3: (3, 3),
    }  # fmt: skip
    assert (states[7].note.entry.text, states[1].latest.entry.text) == ("gone", "买豆浆 #家")
    between = [(note.number, latest.number) for note, latest in notebook.states_between(1, 4)]
    assert between == [(1, 6), (2, 2), (3, 3)]
    assert [note.number for note, _ in notebook.states_between(2, 2**63 - 1)] == [2, 3, 5]


def test_more_numbers_than_a_query_names_have_one_order_and_one_limit(notebook: NotebookReader) -> None:
    many = [*range(8, 8 + 2 * NUMBERS_PER_QUERY), *range(1, 8)]
    assert numbers(notebook.entries(numbers=many)) == [1, 2, 3, 5]
    assert numbers(notebook.entries(numbers=many[::-1], newest_first=True, limit=2)) == [5, 3]
    spread = [3, *many[: NUMBERS_PER_QUERY - 1], 2, *many[: NUMBERS_PER_QUERY - 1], 6, 1]
    assert numbers(notebook.entries(numbers=spread)) == [1, 2, 3], "each note once, though two numbers name it"
    assert numbers(notebook.entries(numbers=spread, limit=2)) == [1, 2]
    assert numbers(notebook.log(numbers=spread, newest_first=True, limit=2)) == [6, 3]
    with raises(InvalidQuery, "argument_out_of_range", number=0):
        notebook.entries(numbers=[0])


def test_the_notes_of_tags_authors_days_and_the_notebook_are_counted(notebook: NotebookReader) -> None:
    assert [(tally.label, tally.amount) for tally in notebook.tags()] == [("work", 2), ("家", 2)]
    assert [(tally.label, tally.amount) for tally in notebook.authors()] == [("amy@pi", 3), ("bob@desk", 1)]
    assert notebook.days() == [(date(2019, 5, 9), 4)]
    stats = notebook.stats()
    assert (stats.notes, stats.entries, stats.authors, stats.clients, stats.days) == (4, 7, 2, 2, 1)
    assert stats.first is not None and stats.last is not None and stats.first < stats.last


def test_an_empty_notebook_reads_as_nothing_and_a_long_entry_whole_though_datagrams_are_lost(lan: Lan) -> None:
    lan.serve()
    client = lan.client(wait=60.0)
    with FileReader(lan.notebook()) as file:
        for reader in (client, file):
            assert not [*reader.entries(), *reader.log(), *reader.tags(), *reader.days()]
            assert (reader.last_number(), reader.stats().notes, reader.stats().first) == (0, 0, None)
        lan.network.weather = lan.network.weather._replace(loss=0.1)
        client.send("长" * 100_000)
        assert client.retransmissions > 0
        for reader in (client, file):
            assert [each.entry.text for each in reader.entries(limit=5)] == ["长" * 100_000]


def test_two_readings_may_be_interleaved_and_one_that_is_given_up_leaves_the_client_usable(lan: Lan) -> None:
    lan.serve()
    client = lan.client()
    list(client.send_many(f"note {number}" for number in range(1500)))
    pairs = list(zip(client.log(), client.log(newest_first=True), strict=True))
    assert [(one.number, other.number) for one, other in pairs] == [(number, 1501 - number) for number in range(1, 1501)]
    reading = client.log()
    assert next(reading).number == 1
    reading.close()  # type: ignore[attr-defined]
    assert client.send("one more").number == next(client.log(newest_first=True)).number == 1501


def test_a_reading_goes_on_although_another_call_has_got_its_answers_during_a_pause(lan: Lan) -> None:
    lan.serve()
    client = lan.client(wait=2.0)
    texts = [f"{number} " + "x" * 900 for number in range(300)]
    list(client.send_many(texts))
    read = [next(reading := client.entries(by_number=True)).text]
    for entry in reading:
        read.append(entry.text)
        if len(read) in (30, 60, 100, 200):
            client.last_number()
            lan.now += 60.0
    assert read == texts


def test_a_follower_gets_the_latest_and_then_each_new_entry_once_also_after_the_server_has_moved(lan: Lan) -> None:
    server = lan.serve()
    client, follower = lan.client(), lan.client("follower.sqlite3")
    for number in range(1, 6):
        client.send(f"note {number}")
    following = follower.follow(last=2)
    assert [next(following).number for _ in range(2)] == [4, 5]
    lan.after(40.0, lambda: client.send("news"))
    assert next(following).entry.text == "news"
    lan.after(1.0, server.stop)
    lan.after(90.0, lambda: lan.serve(host=CELLAR))
    lan.after(100.0, lambda: client.revise(1, "revised", wait=200.0))
    assert next(following).entry.text == "revised"
    chosen = lan.outbox("follower.sqlite3").chosen()
    assert chosen is not None and chosen.host == CELLAR


def test_a_reader_does_not_go_on_in_the_open_after_another_command_has_joined(lan: Lan) -> None:
    lan.serve()
    reader = lan.client()
    reader.send("in the open")
    following = reader.follow(last=1)
    next(following)
    reader.send("and more")
    assert next(following).number == 2
    [known] = reader.known()
    lan.outbox().join(known._replace(key_id=key_id(b"k" * 16)), b"k" * 16)
    lan.client("other.sqlite3").send("nobody reads this in the open")
    with raises(JoinedOrLeftMeanwhile, "joined_or_left_meanwhile", name="kitchen"):
        next(following)


# Files


def test_a_file_that_is_no_notebook_is_not_read(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("我是一个中文\n")
    for name in ("notebook.sqlite3", "notes.txt"):
        with pytest.raises(StorageError):
            FileReader(tmp_path / name)
    assert list(tmp_path.iterdir()) == [tmp_path / "notes.txt"]


def test_a_search_leaves_a_file_as_it_was_and_goes_on_if_the_index_is_damaged(lan: Lan) -> None:
    server = lan.serve()
    list(lan.client().send_many(["今天开会"] * 600))
    server.stop()
    index = Path(f"{lan.notebook()}.index")
    index.unlink(missing_ok=True)
    before = lan.notebook().read_bytes()
    with FileReader(lan.notebook()) as archive:
        assert archive.name == "kitchen"
        found = archive.search("开会")
        first = [next(found).number for _ in range(100)]
        change(index, "DROP TABLE search_1")
        assert first + numbers(found) == list(range(1, 601))
    assert lan.notebook().read_bytes() == before


# Servers that do not keep to the protocol


NOTE = StoredEntry(1, 0, Entry(b"a" * 16, 1, Kind.NOTE, 0, 0, "amy", "x", 0), 1)


class Liar(NotebookReader):
    """A notebook whose server answers with `items`, whatever was asked."""

    def __init__(self, *items: Item) -> None:
        self._items = items

    @property
    def name(self) -> str:
        return "liar"

    def _now(self) -> int:
        return 0

    def _read(self, selection: Selection) -> Iterator[list[Item]]:  # noqa: ARG002
        yield list(self._items)


SUMMARY = [Tally(key, label, key) for key, label in enumerate(SUMMARY_LABELS, 1)]


def test_unknown_counts_of_a_later_server_are_ignored() -> None:
    stats = Liar(*SUMMARY, Tally(99, "smiles", 99)).stats()
    assert (stats.notes, stats) == (1, Liar(*SUMMARY).stats())


def test_an_answer_to_another_question_is_an_error() -> None:
    for liar in (Liar(NOTE), Liar(*SUMMARY[1:])):
        with raises(BadAnswer, "answer_invalid"):
            liar.stats()
    with raises(BadAnswer, "answer_invalid"):
        list(Liar(*SUMMARY).entries())
    assert Liar(NOTE).tags() == []


def test_a_tag_that_arrives_twice_because_its_notes_changed_meanwhile_is_listed_once() -> None:
    notebook = Liar(Tally(1, "home", 2), Tally(2, "work", 1), Tally(900, "home", 1))
    assert [(tally.label, tally.amount) for tally in notebook.tags()] == [("home", 1), ("work", 1)]


# A notebook that is restored from an older copy


@pytest.mark.parametrize("is_file", [False, True])
def test_a_follower_is_told_that_its_notebook_was_restored_and_gets_the_new_entries(lan: Lan, is_file: bool) -> None:
    server, writer = lan.serve(), lan.client("other.sqlite3")
    texts = [f"old {number}" for number in range(1, 8)]
    list(writer.send_many(texts[:5]))
    copy = lan.back_up(server)
    server = lan.serve()
    list(writer.send_many(texts[5:]))
    with ExitStack() as stack:
        reader: NotebookReader = lan.client()
        if is_file:
            server.stop()
            rest = [lambda: None]

            def sleep(_seconds: float) -> None:
                rest.pop()()

            reader = stack.enter_context(FileReader(lan.notebook(), on_notice=lan.notices.append, sleep=sleep))
        followed = reader.follow()
        assert isinstance(followed, Generator)
        stack.callback(followed.close)
        assert [next(followed).entry.text for _ in texts] == texts
        server.stop()

        def restore() -> None:
            lan.restore(copy)
            server = lan.serve()
            list(writer.send_many(["new 6", "new 7", "new 8"]))
            if is_file:
                server.stop()

        if is_file:
            rest.append(restore)
        else:
            restore()
        new = [(each.number, each.entry.text) for each in islice(followed, 3)]
        assert new == [(6, "new 6"), (7, "new 7"), (8, "new 8")]
        assert [notice.kind for notice in lan.notices if "server" not in notice.kind] == ["notebook_restored"]


@pytest.mark.parametrize("is_copy", [False, True])
def test_a_follower_of_a_file_goes_on_with_a_served_copy_in_its_place_but_not_with_another_notebook(
    lan: Lan, is_copy: bool
) -> None:
    writer, path = lan.client("other.sqlite3"), lan.notebook()
    server = lan.serve()
    writer.send("old")
    copy = lan.back_up(server) * is_copy
    server = lan.serve()
    writer.send("shown")
    server.stop()
    beside: list[Path] = []
    steps: list[Callable[[], object]] = [
        lambda: [each.rename(each.with_name(f"before {each.name}")) for each in path.parent.glob(f"{path.name}*")],
        lambda: path.write_bytes(copy[: len(copy) // 2]),
        lambda: path.write_bytes(copy),
        lambda: beside.extend(path.parent.glob(f"{path.name}-*")),
        lan.serve,
        lambda: lan.client("third.sqlite3").send("new"),
        lambda: None,
    ]
    with FileReader(path, sleep=lambda _: steps.pop(0)()) as reader:
        followed, shown = reader.follow(), []
        with suppress(IndexError):  # no step is left
            for each in followed:
                shown.append(each.entry.text)  # noqa: PERF401
    assert (shown, steps, beside) == (["old", "shown", *["new"] * is_copy], [], [])


@pytest.mark.parametrize("last", [0, 1])
def test_a_follower_that_began_after_the_restored_copy_was_made_gets_no_older_entries(lan: Lan, last: int) -> None:
    server, writer = lan.serve(), lan.client("other.sqlite3")
    list(writer.send_many(["old"] * 100))
    copy = lan.back_up(server)
    server = lan.serve()
    list(writer.send_many(["lost"] * 50))
    followed = lan.client().follow(last=last)
    if not last:
        lan.after(5.0, lambda: writer.send("lost"))  # when it has begun to wait
    assert next(followed).entry.text == "lost"
    server.stop()
    lan.restore(copy)
    lan.serve()
    list(writer.send_many(["new"] * 3))
    assert [(each.number, each.entry.text) for each in islice(followed, 3)] == [(101, "new"), (102, "new"), (103, "new")]


def test_a_file_is_read_in_pages_in_every_order_and_a_pause_keeps_no_transaction_open(lan: Lan) -> None:
    lan.serve()
    expected = list(range(1, 3 * FIRST_PAGE_ITEMS + 5))
    with lan.client() as client:
        for sent in client.send_many([f"note {number}" for number in expected]):
            assert sent.number
    with FileReader(lan.notebook()) as file:
        for newest_first in False, True:
            for found in file.entries, file.log, partial(file.search, "note"):
                assert numbers(found(newest_first=newest_first)) == sorted(expected, reverse=newest_first)
        reading = file.log()
        assert next(reading).number == 1
        with closing(sqlite3.connect(lan.notebook(), timeout=0)) as other:
            (is_busy, _, _) = other.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        assert not is_busy
        assert numbers(reading) == expected[1:]
