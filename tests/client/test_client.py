"""The client as a library, against a real server in the same process: everything on loopback."""

import shutil
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from queue import Queue

import pytest

from tests.household import House
from tests.support.errors import raises
from udpnote import Client, Server
from udpnote.client.results import SentEntry, State
from udpnote.errors import (
    EntryRefused,
    InvalidEntry,
    InvalidSetting,
    Notice,
    Queued,
    ServerNotFound,
    SeveralNotebooks,
    StorageError,
    UdpnoteError,
)
from udpnote.model.entry import TEXT_BYTES_MAX
from udpnote.model.notebook import SilentServer
from udpnote.storage.outbox import Outbox


def test_send_finds_the_notebook_and_gives_the_stored_entry(house: House) -> None:
    house.serve()
    started = time.time_ns() // 1000
    sent = house.client().send("今天开会")
    assert (sent.state, sent.number, sent.reason) == (State.STORED, 1, None)
    assert (sent.entry.text, sent.entry.author, sent.entry.sequence) == ("今天开会", "amy@pi", 1)
    assert started <= sent.entry.written_at <= time.time_ns() // 1000
    assert house.texts() == ["今天开会"]


def test_the_author_of_one_entry_may_be_another(house: House) -> None:
    house.serve()
    assert house.client().send("text", author="小明").entry.author == "小明"


@pytest.mark.parametrize("count", [0, 1, 1000])
def test_send_many_gives_what_became_of_each_in_their_order(house: House, count: int) -> None:
    house.serve()
    texts = [f"line {number}" for number in range(count)]
    sent = list(house.client().send_many(texts))
    assert [each.entry.text for each in sent] == texts
    assert sorted(each.number or 0 for each in sent) == list(range(1, count + 1))
    assert sorted(house.texts()) == sorted(texts)


def test_send_many_goes_on_when_it_is_woken_for_more(
    house: House, in_time: Callable[[Callable[[], object]], threading.Thread]
) -> None:
    house.serve()
    client = house.client()
    typed: Queue[str | None] = Queue()
    told: Queue[str] = Queue()

    def lines() -> Iterator[str | None]:
        while True:
            text = typed.get_nowait() if not typed.empty() else None
            if text == "end":
                return
            yield text

    def send() -> None:
        for sent in client.send_many(lines()):
            told.put(sent.entry.text)

    in_time(send)
    for text in ("one", "two", "three"):
        typed.put(text)
        client.wake()
        assert told.get(timeout=10) == text
    typed.put("end")
    client.wake()


def test_a_source_that_is_always_ready_is_sent_to_its_end_without_being_woken(
    house: House, in_time: Callable[[Callable[[], object]], threading.Thread]
) -> None:
    house.serve()
    client = house.client()
    numbers: list[int | None] = []
    thread = in_time(lambda: numbers.extend(sent.number for sent in client.send_many(map(str, range(20_000)))))
    thread.join(10)
    assert sorted(number or 0 for number in numbers) == list(range(1, 20_001))


@pytest.mark.parametrize("text", ["", " \n", "\ud800", "x" * (TEXT_BYTES_MAX + 1)])
def test_an_invalid_text_is_refused_before_anything_is_done(house: House, text: str) -> None:
    house.serve()
    client = house.client()
    with pytest.raises(InvalidEntry):
        client.send(text)
    assert (client.waiting(), house.texts()) == ([], [])


@pytest.mark.parametrize("author", ["", "x" * 129, "\ud800"])
def test_an_invalid_author_is_refused_before_anything_is_done(house: House, author: str) -> None:
    house.serve()
    with pytest.raises(InvalidEntry):
        house.client().send("text", author=author)
    assert house.texts() == []


def test_the_entries_before_an_invalid_text_are_through_when_it_is_told(house: House) -> None:
    house.serve()
    sending = house.client().send_many(["one", "two", "", "never"])
    assert [next(sending).number, next(sending).number] == [1, 2]
    with pytest.raises(InvalidEntry):
        next(sending)
    assert house.texts() == ["one", "two"]


def test_the_largest_entry_is_stored_whole(house: House) -> None:
    house.serve()
    text = "x" * TEXT_BYTES_MAX
    assert house.client().send(text).number == 1
    assert house.texts() == [text]


def test_without_a_server_an_entry_is_queued_and_delivered_later_with_its_time(house: House) -> None:
    house.reserve_port()
    with pytest.raises(Queued) as queued:
        house.client().send("early", wait=0.3)
    delivered: list[SentEntry] = []
    client = house.client(on_delivered=delivered.append)
    (waiting,) = client.waiting()
    assert (waiting.entry.client_id, waiting.entry.sequence) == (queued.value.client_id, queued.value.sequence)
    house.serve()
    client.deliver()
    assert [(sent.number, sent.entry) for sent in delivered] == [(1, waiting.entry)]
    assert (client.waiting(), house.texts()) == ([], ["early"])


def test_to_deliver_without_a_server_says_that_none_was_found(house: House) -> None:
    house.reserve_port()
    with raises(ServerNotFound, "no_answer_on_lan"):
        house.client().deliver(wait=0.3)


def test_a_server_that_went_away_means_queued_and_its_return_delivery_once(house: House) -> None:
    with Server(house.notebook(), name="kitchen", bind="127.0.0.1", port=0) as server:
        house.port = server.port
        client = house.client()
        assert client.send("one").number == 1
    with raises(Queued, "no_answer_yet"):
        client.send("two", wait=0.3)
    house.serve()
    client.deliver(wait=10.0)
    assert client.waiting() == []
    assert client.send("three").number == 3
    assert house.texts() == ["one", "two", "three"]


def test_an_entry_for_one_notebook_is_not_stored_in_another_at_the_named_server(house: House) -> None:
    house.serve("kitchen")
    client = house.client()
    client.send("for the kitchen")
    other = House(house.notebook().parent)
    other.serve("cellar")
    stranger = house.client(server=f"127.0.0.1:{other.port}", notebook_id="kitchen", wait=0.5)
    with raises(Queued, "wrong_notebook"):
        stranger.send("for the kitchen, too")
    assert other.texts("cellar") == []
    other.close()


def test_an_entry_that_the_notebook_refuses_is_marked_and_the_others_go_on(house: House) -> None:
    house.refuse("spam")
    house.serve()
    client = house.client()
    with raises(EntryRefused, "entry_refused"):
        client.send("spam")
    states = [(sent.state, sent.number) for sent in client.send_many(["ham", "spam", "eggs"])]
    assert states == [(State.STORED, 1), (State.REFUSED, None), (State.STORED, 2)]
    assert [(each.entry.text, each.refused is not None) for each in client.waiting()] == [("spam", True)] * 2
    assert client.discard([each.entry.sequence for each in client.waiting()]) == 2
    assert client.waiting() == []


def test_a_copied_outbox_takes_a_new_identity_and_loses_nothing(house: House) -> None:
    house.serve()
    folder = house.notebook().parent
    Outbox(folder / "template").close()
    shutil.copy(folder / "template", folder / "copy")
    first = house.client("template").send("from the original")
    notices: list[Notice] = []
    copy = house.client("copy", on_notice=notices.append)
    second = copy.send("from the copy")
    assert (first.entry[:2] != second.entry[:2], second.number) == (True, 2)
    assert notices[0].kind == "identity_taken"
    assert (house.texts(), copy.waiting()) == (["from the original", "from the copy"], [])


def test_several_threads_share_a_client_and_each_gets_its_own_answers(
    house: House, in_time: Callable[[Callable[[], object]], threading.Thread]
) -> None:
    house.serve()
    client = house.client()
    answers: Queue[tuple[str, SentEntry]] = Queue()

    def send(name: str) -> None:
        for number in range(20):
            text = f"{name} {number}"
            answers.put((text, client.send(text)))

    for thread in [in_time(lambda name=f"thread {n}": send(name)) for n in range(8)]:  # type: ignore[misc]
        thread.join(30)
    given = [answers.get_nowait() for _ in range(160)]
    assert all(text == sent.entry.text for text, sent in given)
    assert sorted(sent.number or 0 for _, sent in given) == list(range(1, 161))
    by_number = sorted(given, key=lambda answer: answer[1].number or 0)
    assert house.texts() == [text for text, _ in by_number]


def test_several_clients_share_an_outbox_file(
    house: House, in_time: Callable[[Callable[[], object]], threading.Thread]
) -> None:
    house.serve()
    clients = [house.client() for _ in range(4)]
    for thread in [in_time(lambda c=client: list(c.send_many(map(str, range(50))))) for client in clients]:  # type: ignore[misc]
        thread.join(30)
    assert sorted(house.texts(), key=int) == sorted([str(n) for n in range(50)] * 4, key=int)
    assert clients[0].waiting() == []


def test_find_gives_the_notebooks_as_they_answer(house: House) -> None:
    server = house.serve("厨房")
    client = house.client()
    client.send("one")
    found = next(client.find(timeout=5))
    assert (found.name, found.notebook_id, found.address) == ("厨房", server.notebook_id, "127.0.0.1")
    assert (found.port, found.entries) == (server.port, 1)
    assert 0 < found.round_trip_seconds < 5


def test_find_without_a_server_ends_in_time_and_says_where_it_looked(house: House) -> None:
    house.reserve_port()
    client = house.client()
    started = time.monotonic()
    assert list(client.find(timeout=0.3)) == []
    assert 0.3 <= time.monotonic() - started < 3
    assert "127.0.0.1" in {attempt.destination for attempt in client.probe_attempts}


def test_of_several_notebooks_none_is_taken_until_one_is_chosen(house: House) -> None:
    house.serve("kitchen")
    cellar = house.serve("cellar", bind="::1")
    client = house.client()
    assert {found.name for found in client.find(timeout=0.5)} == {"kitchen", "cellar"}
    with raises(Queued, "several_notebooks"):
        client.send("for whom?")
    with pytest.raises(SeveralNotebooks):
        house.client("other").deliver()
    assert client.use("cellar").notebook_id.hex() == cellar.notebook_id
    chosen = house.client()
    assert chosen.send("for the cellar").number in (1, 2)
    assert (house.texts("kitchen"), sorted(house.texts("cellar"))) == ([], ["for the cellar", "for whom?"])


def test_the_first_notebook_found_is_remembered_and_not_exchanged_silently(house: House) -> None:
    house.serve("kitchen")
    client = house.client()
    assert client.chosen() is None
    client.send("one")
    chosen = client.chosen()
    assert chosen is not None and chosen.name == "kitchen"
    house.serve("cellar", bind="::1")
    assert house.client().send("two").number == 2
    assert house.texts("cellar") == []


def test_use_of_an_unknown_notebook_names_what_there_is(house: House) -> None:
    house.serve("kitchen")
    client = house.client()
    with raises(ServerNotFound, "wanted_not_found"):
        client.use("attic")
    assert client.chosen() is None


def test_a_client_may_be_closed_twice_and_says_then_that_it_is_closed(house: House) -> None:
    house.serve()
    client = house.client()
    client.send("one")
    client.close()
    client.close()
    with raises(UdpnoteError, "client_closed"):
        client.send("two")
    assert house.texts() == ["one"]


@pytest.mark.parametrize(
    "options",
    [{"server": "[::1"}, {"server": ""}, {"port": 0}, {"port": 70000}, {"wait": -1}, {"wait": float("nan")}, {"author": ""}],
)
@pytest.mark.usefixtures("house")
def test_a_bad_setting_is_refused_before_any_file_or_socket_is_opened(options: dict[str, object], tmp_path: Path) -> None:
    with pytest.raises(InvalidSetting):
        Client(outbox=str(tmp_path / "o.sqlite3"), **options)  # type: ignore[arg-type]
    assert not (tmp_path / "o.sqlite3").exists()


@pytest.mark.usefixtures("house")
def test_an_outbox_that_cannot_be_used_is_told_at_once(tmp_path: Path) -> None:
    (tmp_path / "diary").write_text("Dear diary\n" * 100)
    with pytest.raises(StorageError, match="not a udpnote outbox"):
        Client(outbox=str(tmp_path / "diary"))


def test_a_notebook_named_for_one_command_is_not_chosen_for_the_others(house: House) -> None:
    house.serve("kitchen")
    house.serve("cellar", bind="::1")
    named = house.client(server=f"[::1]:{house.port}")
    assert named.send("for the cellar").number == 1
    assert named.chosen() is None
    with raises(Queued, "several_notebooks"):
        house.client().send("for whichever is chosen", wait=2.0)
    assert (house.texts("kitchen"), house.texts("cellar")) == ([], ["for the cellar"])


def test_clients_that_search_at_different_ports_leave_each_others_entries_alone(house: House, tmp_path: Path) -> None:
    house.serve("kitchen")
    with Server(tmp_path / "attic.sqlite3", name="attic", bind="127.0.0.1", port=0) as attic:
        kitchen, elsewhere = house.client(), house.client(port=attic.port)
        threads = [
            threading.Thread(target=kitchen.send, args=("to the kitchen",)),
            threading.Thread(target=elsewhere.send, args=("up",)),
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(20)
        assert not any(thread.is_alive() for thread in threads)
        assert (house.texts("kitchen"), house.texts("attic")) == (["to the kitchen"], ["up"])


def test_what_is_acknowledged_leaves_the_outbox_while_a_stream_goes_on(house: House) -> None:
    house.serve()
    client, other = house.client(), house.client()
    sending = client.send_many(f"entry {number}" for number in range(6000))
    for _ in range(5900):
        next(sending)
    assert len(other.waiting()) < 4500
    assert len(list(sending)) == 100


def test_what_is_no_text_is_refused_at_once(house: House) -> None:
    house.serve()
    client = house.client()
    for no_text in (None, 5, b"bytes"):
        with pytest.raises(InvalidEntry, match="an entry is a text"):
            client.send(no_text)  # type: ignore[arg-type]
    assert client.waiting() == []


@pytest.mark.parametrize("act", ["revise", "delete"])
def test_a_number_of_no_notebook_in_particular_is_not_queued(house: House, act: str) -> None:
    house.reserve_port()
    client = house.client(wait=0.3)
    with raises(ServerNotFound, "number_of_unknown_notebook"):
        client.revise(7, "text") if act == "revise" else client.delete(7)
    assert client.waiting() == []


def test_a_number_while_several_notebooks_answer_is_not_queued(house: House) -> None:
    house.serve("kitchen")
    house.serve("cellar", bind="::1")
    client = house.client()
    with pytest.raises(SeveralNotebooks):
        client.revise(1, "text")
    assert client.waiting() == []


def test_a_revision_by_who_knows_no_notebook_goes_to_the_only_one_that_answers(house: House) -> None:
    house.serve()
    house.client("other.sqlite3").send("milk")
    assert house.client().revise(1, "oat milk").number == 2


@pytest.mark.parametrize("settings", [{"notebook_id": "kitchen"}, {"server": "127.0.0.1"}], ids=["notebook", "server"])
def test_a_revision_for_a_notebook_that_is_said_or_known_waits_for_it_while_nobody_answers(
    house: House, settings: dict[str, object]
) -> None:
    with house.serve():
        house.client().send("milk")
    for client in (house.client(wait=0.3), house.client("other.sqlite3", wait=0.3, **settings)):
        with pytest.raises(Queued):
            client.revise(1, "oat milk")
        assert len(client.waiting()) == 1
        client.close()
    house.serve()
    house.client().deliver()
    house.client("other.sqlite3", **settings).deliver()
    assert house.texts() == ["milk", "oat milk", "oat milk"]


def test_of_two_known_notebooks_of_one_name_the_silent_one_is_told_by_its_id(house: House) -> None:
    with house.serve() as server:
        house.client().send("known from now on")
    client = house.client(wait=0.3)
    with closing(Outbox(house.outbox())) as outbox:
        [kitchen] = outbox.notebooks()
        outbox.remember(kitchen._replace(notebook_id=bytes(16)))
    assert [notebook.notebook_id for notebook in client.known()] == [bytes(16), bytes.fromhex(server.notebook_id)]
    silent = SilentServer(f"kitchen ({server.notebook_id[:8]})", "127.0.0.1", False)
    with raises(Queued, "no_answer_yet", server=silent):
        client.send("waits")
    with raises(ServerNotFound, "no_answer_to_reading", server=silent):
        list(client.entries())


def test_of_several_notebooks_of_one_name_one_is_chosen_by_its_id(house: House) -> None:
    house.serve("kitchen", called="厨房")
    other = house.serve("cellar", called="厨房", bind="::1")
    client = house.client()
    with raises(SeveralNotebooks, "several_notebooks"):
        client.deliver()
    with raises(SeveralNotebooks, "several_notebooks"):
        client.use("厨房")
    assert client.use(other.notebook_id[:8]).notebook_id.hex() == other.notebook_id
