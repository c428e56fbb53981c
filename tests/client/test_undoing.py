"""Undo: takes back the user's last write, exactly once, and nothing that others have written."""

from contextlib import nullcontext, suppress
from random import Random
from types import SimpleNamespace
from typing import cast

import pytest

from tests.support.errors import raises
from tests.support.lan import CELLAR, IN_ORDER, KITCHEN, Lan, SimulatedServer
from udpnote import Client
from udpnote.client.driver import Driver
from udpnote.client.undoing import Way, plan_undo
from udpnote.errors import NotTakenBack, Queued, ServerNotFound
from udpnote.model.entry import Kind
from udpnote.model.outbox_entries import OwnWrite


def change(client: Client, deed: str) -> None:
    """Write note 1, or revise or delete it as somebody who has seen its latest version."""
    latest = next(client.log(newest_first=True, limit=1), None)
    if deed == "delete":
        client.delete(1, seen=latest)
    elif latest is None or deed == "note":
        client.send(deed)
    else:
        client.revise(1, deed, seen=latest)


def undo(client: Client) -> Way:
    plan = client.plan_undo()
    client.undo(plan)
    return plan.way


def texts(client: Client) -> list[str]:
    return [note.text for note in client.entries()]


def versions(client: Client) -> list[Kind]:
    return [version.entry.kind for version in client.log()]


@pytest.mark.parametrize(
    ("deeds", "states"),
    [
        (["一"], [[]]), (["a", "b"], [["a"], []]), (["a", "b", "c", "delete"], [["c"], ["b"], ["a"], []]),
        (["a", "delete", "b"], [[], ["a"], []]), (["a", "b", "delete", "delete"], [["b"], ["b"], ["a"], []]),
    ],
)  # fmt: skip
def test_each_write_is_taken_back_and_the_note_is_what_it_was_before(
    lan: Lan, deeds: list[str], states: list[list[str]]
) -> None:
    lan.serve()
    client = lan.client()
    for deed in deeds:
        change(client, deed)
    for place, state in enumerate(states):
        undo(client)
        assert texts(client) == state, place
    with raises(NotTakenBack, "undo_nothing"):
        client.plan_undo()
    assert len(versions(client)) == 2 * len(deeds)


def test_a_plan_undoes_the_last_write_once_and_the_next_plan_the_write_before(lan: Lan) -> None:
    lan.serve()
    client = lan.client()
    for deed in ("one", "two"):
        change(client, deed)
    plan = client.plan_undo()
    assert (plan.way, plan.note, plan.written, plan.text, plan.write.number) == (Way.RESTORE, 1, "two", "one", 2)
    sent = client.undo(plan)
    assert sent is not None
    assert (sent.number, sent.entry.revises) == (3, 2)
    with raises(NotTakenBack, "undo_meanwhile"):
        client.undo(plan)
    change(client, "three")
    assert [undo(client), undo(client)] == [Way.RESTORE, Way.DELETE]
    assert (texts(client), len(versions(client))) == ([], 6)


@pytest.mark.parametrize("deed", ["a", "b", "delete"])
@pytest.mark.parametrize("theirs", ["theirs", "delete"])
def test_a_note_that_others_have_changed_since_is_left_alone_and_passed_over(lan: Lan, deed: str, theirs: str) -> None:
    lan.serve()
    client, bob = lan.client(), lan.client("bob.sqlite3", author="bob@desk")
    for each in ("a", "b", "delete"):
        change(client, each)
        if each == deed:
            break
    change(bob, theirs)
    before = versions(client)
    for own in reversed(range(1, len(before))):
        with raises(NotTakenBack, "undo_changed_since", note=1, own=own, number=len(before), author="bob@desk"):
            client.plan_undo()
    with raises(NotTakenBack, "undo_nothing"):
        client.plan_undo()
    assert versions(client) == before


def test_an_edit_that_overtook_another_is_taken_back_to_that_one(lan: Lan) -> None:
    lan.serve()
    client, bob = lan.client(), lan.client("bob.sqlite3", author="bob@desk")
    client.send("a")
    bob.revise(1, "theirs")
    client.revise(1, "mine")
    assert (undo(client), texts(client)) == (Way.RESTORE, ["theirs"])
    with raises(NotTakenBack, "undo_changed_since", number=2):
        client.plan_undo()


@pytest.mark.parametrize(("is_stored", "is_same"), [(True, False), (False, False), (False, True)])
def test_undo_of_a_queued_note_that_may_be_stored_deletes_it_once_also_in_another_process(
    lan: Lan, is_stored: bool, is_same: bool
) -> None:
    server = lan.serve()
    writer = lan.client()
    writer.send("before")
    if not is_stored:
        server.stop()
    with pytest.raises(Queued):
        writer.send("oops", wait=0.0)
    if not is_same:
        writer.close()
    lan.run(lan.now + 1.0)
    if is_stored:
        server.stop()
    client = writer if is_same else lan.client()
    plan = client.plan_undo()
    assert plan.way is Way.DELETE_LATER
    with pytest.raises(Queued):
        client.undo(plan, wait=0.5)
    if not is_same:
        client.close()
    lan.serve()
    for later in client if is_same else lan.client(), lan.client():
        later.deliver()
        assert (texts(later), versions(later)) == (["before"], [Kind.NOTE, Kind.NOTE, Kind.DELETION])
    plan = later.plan_undo()
    assert plan.write.number == 1, "the next undo takes back the write before"


def test_undo_discards_a_note_that_was_sent_nowhere(lan: Lan) -> None:
    client = lan.client()
    with pytest.raises(Queued):
        client.send("unsent", wait=0.1)
    plan = client.plan_undo()
    assert (plan.way, plan.written, client.undo(plan), list(client.waiting())) == (Way.DISCARD, "unsent", None, [])


def test_undo_delivers_a_queued_note_that_may_be_stored_and_deletes_it(lan: Lan) -> None:
    server, client = lan.serve(), lan.client()
    client.send("before")
    server.stop()
    with pytest.raises(Queued):
        client.send("late", wait=0.1)
    lan.serve()
    assert (undo(client), texts(client)) == (Way.DELETE, ["before"])


def test_without_a_server_a_note_is_deleted_unseen_later_and_a_change_is_not_taken_back(lan: Lan) -> None:
    server = lan.serve()
    client = lan.client()
    change(client, "a")
    change(client, "b")
    server.stop()
    with raises(ServerNotFound, "undo_without_server", number=2):
        client.plan_undo()
    with pytest.raises(Queued):
        client.revise(1, "c", wait=0.1)
    with raises(ServerNotFound, "undo_of_waiting_revision", number=1, sequence=3):
        client.plan_undo()
    with pytest.raises(Queued):
        client.delete(1, wait=0.1)
    with raises(ServerNotFound, "undo_of_waiting_deletion", number=1, sequence=4):
        client.plan_undo()
    server = lan.serve()
    assert [undo(client) for _ in range(3)] == [Way.RESTORE] * 3
    server.stop()
    plan = client.plan_undo()
    assert (plan.way, plan.latest) == (Way.DELETE, None)
    with pytest.raises(Queued):
        client.undo(plan, wait=0.1)
    lan.serve()
    client.deliver()
    assert texts(client) == []


def test_a_write_in_another_notebook_is_named_and_taken_back_only_there(lan: Lan) -> None:
    lan.serve()
    lan.serve("cellar", CELLAR)
    client, other = lan.client(server=KITCHEN), lan.client(server=CELLAR)
    client.send("kitchen")
    other.send("cellar")
    with raises(NotTakenBack, "undo_elsewhere", notebook="cellar"):
        client.plan_undo()
    assert client.plan_undo(anywhere=False).written == "kitchen"
    assert other.plan_undo().written == "cellar"
    with raises(NotTakenBack, "undo_nothing"):
        lan.client("bob.sqlite3", server=CELLAR).plan_undo()


def test_an_entry_for_a_named_server_that_never_answered_is_removed_from_the_outbox(lan: Lan) -> None:
    lan.serve()
    lan.client(server=KITCHEN).send("kitchen")
    client = lan.client(server=CELLAR)
    with raises(ServerNotFound, "no_answer_at_server"):
        client.plan_undo(anywhere=False)
    with pytest.raises(Queued):
        client.send("nowhere", wait=0.1)
    assert client.undo(client.plan_undo(anywhere=False)) is None
    assert list(client.waiting()) == []


def test_an_entry_that_a_restored_notebook_does_not_have_is_not_taken_back(lan: Lan) -> None:
    server = lan.serve()
    client, bob = lan.client(), lan.client("bob.sqlite3", author="bob@desk")
    client.send("a")
    copy = lan.back_up(server)
    server = lan.serve()
    client.send("lost")
    lan.back_up(server)
    lan.restore(copy)
    lan.serve()
    bob.send("theirs")
    with raises(NotTakenBack, "undo_not_there", number=2):
        client.plan_undo()
    assert (undo(client), texts(client)) == (Way.DELETE, ["theirs"])


def test_the_text_of_an_erased_note_is_not_replaced_by_an_empty_one(lan: Lan) -> None:
    server = lan.serve()
    client = lan.client()
    client.send("a")
    client.revise(1, "b")
    server.stop()
    lan.erase(1)
    lan.serve()
    with raises(NotTakenBack, "undo_of_erased", note=1, own=2):
        client.plan_undo()


@pytest.mark.parametrize("others", [0, 1])
def test_a_write_that_leaves_the_outbox_during_the_plan_is_not_mistaken_for_another(lan: Lan, others: int) -> None:
    client = lan.client(wait=0.0)
    for text in ("left meanwhile", "another"):
        with suppress(Queued):
            client.send(text)
    write, other = (each.entry for each in client.waiting())
    last = OwnWrite(write.client_id, write.sequence, Kind.NOTE, None, 0, is_unsent=True)
    later = {write.sequence: [SimpleNamespace(entry=other)][:others]}
    outbox = SimpleNamespace(writes=SimpleNamespace(last=lambda: last), listing=later.__getitem__)
    driver = SimpleNamespace(connection=SimpleNamespace(lock=nullcontext), outbox=outbox)
    with raises(NotTakenBack, "undo_meanwhile"):
        plan_undo(client, cast(Driver, driver), client.deliver, anywhere=True)


@pytest.mark.parametrize("seed", range(8))
def test_with_lost_datagrams_and_restarts_the_notebook_has_the_notes_that_were_not_taken_back(lan: Lan, seed: int) -> None:
    random = Random(seed)
    server: SimulatedServer | None = lan.serve()
    client = lan.client(wait=2.0)
    client.send("first")
    lan.network.weather = IN_ORDER._replace(loss=random.choice((0.0, 0.2, 0.5)))
    kept = ["first"]
    for number in range(40):
        deed = random.choice(("send", "send", "undo", "undo", "server", "client"))
        if deed == "server":
            if server is not None:
                server.stop()
            server = lan.serve() if server is None else None
        elif deed == "client":
            client.close()
            client = lan.client(wait=2.0)
        else:
            with suppress(Queued):
                if deed == "send":
                    kept.append(str(number))
                    client.send(str(number), wait=random.choice((0.0, 0.3, 2.0)))
                elif kept:
                    plan = client.plan_undo()
                    assert plan.written in (None, kept.pop())
                    client.undo(plan, wait=random.choice((0.0, 0.3, 2.0)))
    lan.network.weather = IN_ORDER
    if server is None:
        lan.serve()
    client = lan.client()
    client.deliver()
    assert sorted(texts(client)) == sorted(kept)
    assert not list(client.waiting())
