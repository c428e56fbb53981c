"""The outbox through the client: moving waiting notes to another notebook."""

from contextlib import nullcontext

import pytest

from tests.support.errors import raises
from tests.support.lan import CELLAR, KITCHEN, Lan
from tests.support.network import PORT
from udpnote.errors import (
    EntriesWait,
    InvalidSetting,
    Notice,
    Queued,
    ServerNotFound,
)
from udpnote.model.entry import Kind
from udpnote.model.notebook import SilentServer, display_name


def test_a_client_names_a_notebook_that_was_made_anew_and_can_move_waiting_notes_to_it(lan: Lan) -> None:
    old, client = lan.serve("old", called="家里"), lan.client()
    client.send("one")
    old.stop()
    with pytest.raises(Queued):
        client.send("waits")
    known = client.use("家里")
    assert known.notebook_id == old.notebook_id, "nobody else answers"
    new = lan.serve("new", called="家里")
    another = known._replace(notebook_id=new.notebook_id)
    server = SilentServer(display_name(known, [another]), KITCHEN, False, another)
    with raises(Queued, "no_answer_yet", server=SilentServer("家里", KITCHEN, False)):  # the old one may still be found
        lan.client().revise(1, "revised", wait=2.0)
    assert client.discard([each.entry.sequence for each in client.waiting()][1:]) == 1
    with raises(Queued, "no_answer_yet", server=server):
        client.revise(1, "revised")
    with raises(ServerNotFound, "no_answer_to_reading", server=server):
        list(client.entries())
    with raises(InvalidSetting, "nothing_waits_there", origin="cellar"):
        client.move("家里", origin="cellar")
    assert client.move("家里", origin=known.notebook_id.hex()[:4]) == (server.another, 1, 1)
    assert client.chosen() == known, "moving chooses nothing"
    assert client.use("家里") == client.chosen() == server.another
    assert {notice.kind for notice in lan.notices} >= {"other_notebook_of_this_name"}
    client.deliver()
    assert (lan.texts("new"), [each.entry.kind for each in client.waiting()]) == (["waits"], [Kind.REVISION])


@pytest.mark.parametrize(
    ("text", "kind"), [("", "setting_not_text"), (" ", "setting_not_text"), ("\udcff", "setting_not_utf8")]
)
def test_a_blank_or_broken_name_of_a_notebook_is_refused_without_a_discovery(lan: Lan, text: str, kind: str) -> None:
    client, before = lan.client(), lan.now
    for call in (client.use, client.leave, client.move):
        with raises(InvalidSetting, kind, where=Notice("name_or_id"), value=text):
            call(text)
    with raises(InvalidSetting, kind, where=Notice("origin_of_notes"), value=text):
        client.move("kitchen", origin=text)
    assert lan.now == before, "no discovery has waited for answers"


def test_a_note_that_its_old_notebook_has_stored_is_the_same_note_after_it_was_moved(lan: Lan) -> None:
    lan.serve("old")
    lan.serve("new", CELLAR)
    client = lan.client(notebook="old")
    assert client.name == "old"
    with pytest.raises(Queued):
        client.send("the answer comes too late", wait=0.0)
    assert client.move("new").notes == 1
    new_client = lan.client(notebook="new")
    new_client.deliver()
    [here], [there] = new_client.entries(), lan.client(notebook="old").entries()
    assert (here.entry, client.waiting_counts()) == (there.entry, [])


@pytest.mark.parametrize("sends_open", [False, True])
def test_a_move_needs_an_origin_if_notes_wait_in_several_places_and_consent_if_they_would_be_sent_in_the_open(
    lan: Lan, sends_open: bool
) -> None:
    sealed, client = lan.serve(sealed=True), lan.client(wait=0.1)
    lan.serve("cellar", CELLAR)
    client.join(sealed.code)
    sealed.stop()
    for options in ({}, {"server": "192.0.2.99", "notebook": "kitchen"}, {"notebook": "attic"}):
        with pytest.raises(Queued):
            lan.client(wait=0.1, **options).send("waits")
    with raises(InvalidSetting, "several_origins", places=["kitchen", f"kitchen at 192.0.2.99:{PORT}", "attic"]):
        client.move("cellar", sends_open=True)
    with raises(EntriesWait, "entries_for_sealed_notebook", origin="kitchen"):
        client.move("cellar", origin="kitchen")
    assert [client.move("cellar", origin=origin).notes for origin in ("192.0.2.99", "attic")] == [1, 1]
    with nullcontext() if sends_open else raises(EntriesWait, "entries_for_sealed_notebook", origin="kitchen"):
        assert client.move("cellar", sends_open=sends_open).notes == 1
    assert [each.entries for each in client.waiting_counts()] == ([3] if sends_open else [1, 2])
