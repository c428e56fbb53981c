"""The server that the user names: what a client does if another notebook than before answers there."""

from functools import partial

import pytest

from tests.support.errors import raises
from tests.support.lan import CELLAR, KITCHEN, Lan
from tests.support.network import PORT
from udpnote.errors import Notice, Queued, WrongNotebook

NOTICE = Notice("other_notebook_at_server", server=f"{KITCHEN}:{PORT}", name="cellar", last="kitchen", address=None)
REFUSAL = {"number": 1, "name": "cellar", "last": "kitchen"}


@pytest.fixture
def replaced(lan: Lan) -> Lan:
    """A LAN where the client has used the kitchen's notebook at a named server, which has that of the cellar now."""
    kitchen = lan.serve("kitchen")
    client = lan.client(server=KITCHEN)
    client.send("in the kitchen")
    client.close()
    kitchen.stop()
    lan.serve("cellar")
    lan.client("other.sqlite3", server=KITCHEN).send("in the cellar")
    return lan


def test_a_note_for_a_server_with_another_notebook_than_before_is_stored_there_with_one_notice(replaced: Lan) -> None:
    for text in ("one", "two"):
        replaced.client(server=KITCHEN).send(text)
    assert (replaced.notices, replaced.texts("cellar")) == ([NOTICE], ["in the cellar", "one", "two"])


def test_the_notice_names_the_address_where_the_notebook_from_before_was_seen_since(replaced: Lan) -> None:
    replaced.serve("kitchen", CELLAR)
    replaced.client(notebook="kitchen").send("from its new address")
    replaced.notices.clear()
    replaced.client(server=KITCHEN).send("one")
    assert [each.values["address"] for each in replaced.notices] == [f"{CELLAR}:{PORT}"]


@pytest.mark.parametrize("reads_first", [True, False])
def test_a_change_for_a_server_with_another_notebook_than_before_is_refused_by_the_client_that_says_so(
    replaced: Lan, reads_first: bool
) -> None:
    client = replaced.client(server=KITCHEN)
    if reads_first:
        assert len(list(client.entries())) == 1
        with raises(WrongNotebook, "number_of_last_notebook", **REFUSAL):
            client.check_notebook_is_same(1)
    for change in (partial(client.delete, 1), partial(client.revise, 1, "text")):
        with raises(WrongNotebook, "number_of_last_notebook", **REFUSAL):
            change()
    assert (replaced.notices, client.waiting_counts(), replaced.texts("cellar")) == ([NOTICE], [], ["in the cellar"])
    [seen] = client.entries()
    assert client.revise(1, "as seen there", seen=seen).number == 2
    again = replaced.client(server=KITCHEN)
    assert (again.delete(1).number, len(replaced.notices)) == (3, 1)


def test_a_client_that_also_names_the_other_notebook_gets_no_notice(replaced: Lan) -> None:
    client = replaced.client(server=KITCHEN, notebook="cellar")
    assert (client.delete(1).number, replaced.notices) == (2, [])


def test_at_a_silent_named_server_a_change_waits_for_its_notebook_and_a_note_for_any_that_answers(
    lan: Lan,
) -> None:
    kitchen = lan.serve("kitchen")
    lan.client(server=KITCHEN).send("milk")
    kitchen.stop()
    client = lan.client(server=KITCHEN, wait=1.0)
    for change in (partial(client.revise, 1, "oat milk"), partial(client.send, "note")):
        with raises(Queued, "no_answer_at_server", host=KITCHEN, port=PORT):
            change()
    assert [each.notebook_id for each in client.waiting()] == [kitchen.notebook_id, None]
    lan.serve("cellar")
    lan.client(server=KITCHEN).deliver()
    assert lan.texts("cellar") == ["note"]
    lan.serve("kitchen", CELLAR)
    lan.client(notebook="kitchen").deliver()
    assert lan.texts("kitchen") == ["milk", "oat milk"]
