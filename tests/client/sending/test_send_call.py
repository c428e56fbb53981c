"""Sending: the outcome of each entry, also if the server, the disk or the iterator of texts fails or is slow."""

import errno
import os
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.support.disks import fill, mounted
from tests.support.errors import raises
from tests.support.lan import CELLAR, KITCHEN, Lan
from tests.support.network import PORT
from tests.support.notebook_files import fail_before
from udpnote.client.sending.results import SentEntry, State
from udpnote.errors import (
    EntryRefused,
    InvalidEntry,
    Notice,
    Queued,
    ServerNotFound,
    StorageError,
)
from udpnote.model.notebook import SilentServer
from udpnote.settings import PORTS
from udpnote.storage.outbox.outbox import Outbox


def test_send_many_yields_each_outcome_in_order_and_stored_entries_leave_the_outbox_meanwhile(lan: Lan) -> None:
    lan.serve()
    client = lan.client()
    assert list(client.send_many([])) == []
    texts = [f"entry {number}" for number in range(6000)]
    sending = client.send_many(texts)
    sent = [next(sending) for _ in range(5900)]
    assert len(lan.outbox().listing()) < 4500
    sent += sending
    assert [(each.number, each.entry.text) for each in sent] == list(enumerate(texts, 1))
    assert (lan.texts(), client.waiting_counts()) == (texts, [])


@pytest.mark.skipif(sys.platform == "darwin", reason="macOS has another call for it")
def test_texts_that_cannot_be_saved_in_the_outbox_are_not_sent(lan: Lan, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_descriptor: int) -> None:
        raise OSError(errno.EIO, "Input/output error")

    lan.serve()
    client = lan.client()
    client.send("one")
    with monkeypatch.context() as failing:
        failing.setattr(os, "fdatasync", fail)
        with pytest.raises(StorageError, match="Input/output error"):
            client.send("two")
    client.send("three")
    client.deliver()
    assert (lan.texts(), client.waiting_counts()) == (["one", "three"], [])


@pytest.mark.parametrize("is_served", [True, False])
def test_a_text_after_which_the_iterator_blocks_is_saved_and_sent_before_the_next_one_is_asked_for(
    lan: Lan, is_served: bool
) -> None:
    if is_served:
        lan.serve()
    client, seen = lan.client(wait=5.0 if is_served else 0.2), list[tuple[list[str], list[str]]]()

    def texts() -> Iterator[str]:
        for burst in (["first"], ["second"], ["third", "fourth"], ["fifth"]):
            yield from burst
            seen.append((lan.texts() if is_served else [], [each.entry.text for each in client.waiting()]))
            lan.now += 60.0

    list(client.send_many(texts()))
    everything = ["first", "second", "third", "fourth", "fifth"]
    for count, (stored, waiting) in zip((1, 2, 4, 5), seen, strict=True):
        assert stored == everything[:count] * is_served
        assert waiting == everything[:count] if not is_served else set(waiting) <= set(stored)


def test_a_stored_entry_is_reported_as_stored_even_if_the_outbox_cannot_remove_it(lan: Lan) -> None:
    lan.serve()
    client = lan.client()
    one = client.send("one")
    fail_before(lan.outbox().path, "DELETE ON entries")
    assert one.number == 1 and client.revise(1, "two").number == 2
    assert [each.number for each in client.send_many(["three", "four"])] == [3, 4]
    assert ([each.kind for each in lan.notices], len([*client.waiting()])) == (["not_removed"], 3)
    assert lan.texts() == ["one", "two", "three", "four"]


def test_saved_entries_are_queued_before_the_error_of_a_failing_outbox_is_raised(lan: Lan) -> None:
    server = lan.serve()
    client = lan.client()
    client.send("first")
    server.stop()
    fail_before(lan.outbox().path, "INSERT ON entries WHEN new.sequence = 200")
    outcomes: list[SentEntry] = []
    with raises(StorageError, "database_failed"):
        for sent in client.send_many(map(str, range(300))):
            outcomes.append(sent)  # noqa: PERF402 - a list comprehension would lose them all
    assert [(each.state, each.entry.text) for each in outcomes] == [(State.QUEUED, str(number)) for number in range(1 + 128)]


def test_the_entries_before_an_invalid_text_are_stored_when_it_is_reported(lan: Lan) -> None:
    lan.serve()
    sending = lan.client().send_many(["one", "two", "", "never"])
    assert [next(sending).number, next(sending).number] == [1, 2]
    with pytest.raises(InvalidEntry):
        next(sending)
    assert lan.texts() == ["one", "two"]


def test_the_texts_before_an_error_of_the_iterator_are_queued(lan: Lan) -> None:
    def texts() -> Iterator[str]:
        yield from ("one", "两")
        raise EOFError

    client = lan.client()
    with pytest.raises(EOFError):
        list(client.send_many(texts()))
    assert [each.entry.text for each in client.waiting()] == ["one", "两"]


def test_without_a_server_an_entry_is_queued_and_delivered_later_with_its_time(lan: Lan) -> None:
    with raises(Queued, "no_answer_on_lan", ports=PORTS) as queued:
        lan.client(wait=0.3).send("early")
    delivered: list[SentEntry] = []
    client = lan.client(on_delivered=delivered.append)
    [waiting] = client.waiting()
    assert (waiting.entry.client_id, waiting.entry.sequence) == (queued.value.client_id, queued.value.sequence)
    with raises(ServerNotFound, "no_answer_on_lan", ports=PORTS):
        client.deliver(wait=0.3)
    lan.serve()
    client.deliver()
    assert [(sent.number, sent.entry) for sent in delivered] == [(1, waiting.entry)]
    assert (client.waiting_counts(), lan.texts()) == ([], ["early"])


def test_delivering_ends_only_when_nothing_waits_also_while_another_call_has_not_taken_its_outcomes(lan: Lan) -> None:
    lan.serve()
    client, waiting = lan.client(), list[str]()
    client.send("before")

    def texts() -> Iterator[str | None]:
        lan.network.mute.add(KITCHEN)
        yield "first"
        yield None  # now the client has sent it, and gets no answer
        with pytest.raises(Queued):
            lan.client().send("by another command", wait=0.0)
        lan.network.mute.clear()
        client.deliver()
        waiting.extend(each.entry.text for each in client.waiting())
        yield "second"

    assert [sent.state for sent in client.send_many(texts())] == [State.STORED] * 2
    assert (waiting, sorted(lan.texts())) == ([], ["before", "by another command", "first", "second"])


def test_entries_for_a_stopped_server_wait_and_are_delivered_once(lan: Lan) -> None:
    server = lan.serve()
    client = lan.client()
    assert client.send("one").number == 1
    server.stop()
    with raises(Queued, "no_answer_yet", server=SilentServer("kitchen", KITCHEN, False)):
        client.send("two")
    with raises(Queued, "not_waited"):
        client.send("three", wait=0.0)
    lan.serve(host=CELLAR)
    client.deliver(wait=10.0)
    assert (client.waiting_counts(), lan.texts()) == ([], ["one", "two", "three"])
    assert lan.notices[:2] == [Notice("server_silent"), Notice("server_found_again", address=f"{CELLAR}:{PORT}")]
    chosen = lan.outbox().chosen()
    assert chosen is not None and chosen.host == CELLAR, "other commands find it there at once"


def test_a_text_after_a_pause_waits_for_its_answer_as_long_as_the_first_one(lan: Lan) -> None:
    lan.serve()
    client = lan.client(wait=5.0)

    def texts() -> Iterator[str | None]:
        for text in ("one", "two"):
            yield from [None] * 10  # for each, the client waits a second
            yield text

    assert [sent.number for sent in client.send_many(texts())] == [1, 2]
    assert lan.now > 1015.0, "there were no pauses"


def test_a_stored_text_has_its_outcome_before_a_slow_iterator_is_asked_for_the_next_one(lan: Lan) -> None:
    lan.serve()
    client = lan.client()
    last = client.send("before").number
    last_before: list[int | None] = []

    def texts() -> Iterator[str]:
        for number in range(4):
            last_before.append(last)
            lan.run(lan.now + 60.0)
            yield str(number)

    for sent in client.send_many(texts()):
        last = sent.number
    assert (last_before, last) == ([1, 2, 3, 4], 5)


def test_the_time_that_the_caller_takes_between_two_outcomes_is_no_wait_for_an_answer(lan: Lan) -> None:
    lan.serve()
    states = Counter[State]()
    for place, sent in enumerate(lan.client(wait=5.0).send_many(f"{number:0300}" for number in range(3000))):
        states[sent.state] += 1
        if place % 200 == 0:
            lan.run(lan.now + 10.0)
    assert states == {State.STORED: 3000}


def test_texts_that_are_sent_while_the_server_is_silent_do_not_wait_one_after_the_other(lan: Lan) -> None:
    server = lan.serve()
    client = lan.client(wait=5.0)
    assert client.send("one").number == 1
    server.stop()
    stopped_at, outcomes = lan.now, list[SentEntry]()

    def texts() -> Iterator[str | None]:
        for number in range(5):
            yield f"text {number}"
            while len(outcomes) <= number:
                yield None

    for sent in client.send_many(texts()):
        outcomes.append(sent)
    assert [sent.state for sent in outcomes] == [State.QUEUED] * 5
    assert lan.now - stopped_at < 2 * 5.0


def test_an_entry_that_the_notebook_refuses_is_marked_and_the_others_go_on(lan: Lan) -> None:
    lan.refuse("spam")
    client = lan.client()
    with pytest.raises(Queued):
        lan.client(wait=0.0).send("spam")
    lan.serve()
    client.deliver()
    assert [(notice.kind, notice.values["sequence"]) for notice in lan.notices] == [("queued_entry_refused", 1)]
    lan.notices.clear()
    with raises(EntryRefused, "entry_refused"):
        client.send("spam")
    states = [(sent.state, sent.number) for sent in client.send_many(["ham", "spam", "eggs"])]
    assert states == [(State.STORED, 1), (State.REFUSED, None), (State.STORED, 2)]
    assert [(each.entry.text, each.refused is not None) for each in client.waiting()] == [("spam", True)] * 3
    assert client.discard([each.entry.sequence for each in client.waiting()]) == 3
    assert (client.waiting_counts(), lan.notices) == ([], [])


def test_a_change_queued_behind_an_entry_for_a_full_disk_has_the_full_disk_as_its_reason(tmp_path: Path) -> None:
    with mounted(tmp_path / "disk") as disk, closing(Lan(disk)) as lan, closing(Outbox(tmp_path / "outbox")) as outbox:
        lan.serve()
        assert lan.client(outbox).send("one").number == 1
        filler = fill(disk)
        with raises(Queued, "notebook_disk_full"):
            lan.client(outbox).send("x" * 9000)
        with raises(Queued, "notebook_disk_full"):
            lan.client(outbox).revise(1, "two")
        reason = lan.client(outbox).deliver()
        assert reason == Notice("notebook_disk_full")
        filler.unlink()
        assert lan.client(outbox).deliver() is None
        assert outbox.waiting_counts() == []


@pytest.mark.parametrize("is_queued", [True, False], ids=["after it is queued", "while it waits for an answer"])
@pytest.mark.parametrize("pattern", ["outbox*", "outbox.sqlite3-wal"], ids=["outbox", "log"])
def test_no_entry_is_called_queued_in_a_removed_outbox(lan: Lan, pattern: str, *, is_queued: bool) -> None:
    sent: list[SentEntry] = []

    def texts() -> Iterator[str | None]:
        yield "one"
        yield None
        while is_queued and not sent:
            yield None
        for file in lan.folder.glob(pattern):
            file.unlink()

    server, client = lan.serve(), lan.client()
    client.send("zero")
    server.stop()
    with raises(StorageError, "outbox_removed"):
        for outcome in client.send_many(texts()):
            sent.append(outcome)  # noqa: PERF402 - `texts` looks at it meanwhile
    assert [each.state for each in sent] == [State.QUEUED] * is_queued


def test_an_entry_that_another_command_has_delivered_meanwhile_is_stored_once(lan: Lan) -> None:
    other = lan.client()
    lan.after(0.5, lan.serve)
    lan.after(0.5, other.deliver)
    sent = lan.client().send("one")
    assert (sent.state, sent.number, lan.texts()) == (State.STORED, None, ["one"])


@pytest.mark.parametrize("is_served", [True, False])
def test_an_entry_that_another_command_has_discarded_meanwhile_is_neither_called_stored_nor_queued(
    lan: Lan, is_served: bool
) -> None:
    other = lan.client()
    lan.after(0.5, lambda: other.discard([1]))
    if is_served:
        lan.after(0.6, lan.serve)
    with raises(EntryRefused, "entry_discarded"):
        lan.client().send("one")
    assert other.waiting_counts() == []
