"""The status of a client's notebook: which one it is, whether it is the chosen one, and why it does not answer."""

from contextlib import closing

import pytest

from tests.support.lan import CELLAR, KITCHEN, Lan
from udpnote import Client
from udpnote.client.status import HostedNotebook, hosted_notebook
from udpnote.errors import StorageError
from udpnote.protocol.discovery import DISCOVERY_SECONDS
from udpnote.storage.notebook.notebook import Notebook


def facts(client: Client) -> tuple[str | None, bool, int | None, str | None]:
    """The name, whether it is the chosen notebook, its entries, and the kind of the problem."""
    status = client.status(1.0)
    problem = status.failure.notice.kind if status.failure is not None else None
    return status.notebook.name if status.notebook is not None else None, status.is_chosen, status.entries, problem


def test_the_status_names_the_notebook_that_commands_use_and_chooses_none(lan: Lan) -> None:
    assert facts(lan.client()) == (None, False, None, "no_answer_on_lan")
    kitchen = lan.serve()
    assert facts(lan.client()) == facts(lan.client()) == ("kitchen", False, 0, None)
    assert lan.client(outbox="page").status(1.0, saves=True).is_chosen
    cellar = lan.serve("cellar", CELLAR)
    assert facts(lan.client(outbox="page")) == ("kitchen", True, 0, None)
    assert facts(lan.client()) == (None, False, None, "several_notebooks")
    lan.client().use("kitchen")
    lan.client().send("milk")
    assert facts(lan.client()) == ("kitchen", True, 1, None)
    assert facts(lan.client(notebook="cellar")) == ("cellar", False, 0, None)
    assert facts(lan.client(server=CELLAR)) == ("cellar", False, 0, None)
    assert facts(lan.client(server=CELLAR, notebook="kitchen")) == (None, False, None, "wrong_notebook")
    list(lan.client(server=CELLAR).entries())
    kitchen.stop()
    assert facts(lan.client()) == ("kitchen", True, None, "no_answer_to_reading")
    cellar.stop()
    assert facts(lan.client()) == ("kitchen", True, None, "no_answer_on_lan")
    assert facts(lan.client(server=CELLAR)) == ("cellar", False, None, "no_answer_at_server")


def test_the_status_says_how_long_the_client_has_waited_and_not_how_long_it_might_have(lan: Lan) -> None:
    silent = lan.client().status(5.0)  # after the first discovery, a second one would not end in time
    assert silent.waited_seconds == pytest.approx(DISCOVERY_SECONDS)
    lan.serve()
    assert lan.client(server=KITCHEN).status(5.0).waited_seconds < 0.1


def test_the_status_of_a_sealed_notebook_says_whether_its_key_is_here_and_still_accepted(lan: Lan) -> None:
    serving = lan.serve(sealed=True)
    assert (lan.client().status(1.0).notebook, lan.client(key=serving.code).status(1.0).has_key) == (None, True)
    lan.client(key=serving.code).send("milk")
    assert facts(lan.client(notebook="kitchen")) == ("kitchen", False, None, "key_missing")
    assert not lan.client(notebook="kitchen").status(1.0).has_key
    lan.client().join(serving.code)
    assert lan.client().status(1.0).has_key
    serving.rotate()
    assert facts(lan.client()) == ("kitchen", True, None, "key_changed")


def test_the_notebook_of_this_host_is_described_whether_a_server_uses_it_or_not(lan: Lan) -> None:
    path = str(lan.notebook())
    assert hosted_notebook(path) is None
    with closing(Notebook(path)) as notebook:
        notebook.rename("厨房")
        notebook_id = notebook.notebook_id.hex()
        used = hosted_notebook(path)
    assert used == HostedNotebook("厨房", notebook_id, 0, is_sealed=False, has_key_file=False, is_in_use=True)
    assert hosted_notebook(path) == used._replace(is_in_use=False)
    lan.notebook().write_text("garbage")
    with pytest.raises(StorageError):
        hosted_notebook(path)
