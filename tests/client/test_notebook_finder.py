"""A search for the notebook that is meant: how often it asks, and how seldom the outbox is asked meanwhile."""

from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from random import Random
from typing import cast

import pytest

from tests.support.errors import raises
from tests.support.lan import KITCHEN, Lan
from tests.support.network import PORT
from udpnote.client.connection import ClientEndpoint, Connection
from udpnote.client.notebook_finder import NotebookFinder
from udpnote.client.trust import Keyring
from udpnote.errors import Notice, NotSealed
from udpnote.model.address import Datagram
from udpnote.model.notebook import Destination, KnownNotebook
from udpnote.protocol.codec import decode, encode
from udpnote.protocol.messages import Discover, Offer
from udpnote.protocol.sealed_envelope import key_id
from udpnote.storage.outbox import Outbox

SERVER = ("192.0.2.66", 6683)
KEY = b"k" * 16
HOME = KnownNotebook(b"h" * 16, "家里", "192.0.2.7", 6683, 0, key_id(KEY))
CELLAR = KnownNotebook(b"c" * 16, "cellar", "192.0.2.5", 6683, 0)
FORGED = [HOME._replace(notebook_id=number.to_bytes(16)) for number in range(300)]
QUERIES_MAX = 20
"""Far fewer than one for each answer."""


class Crowd:
    """An endpoint at whose other side `answers` come in the open, each by itself; before each, `interlude` joins HOME."""

    def __init__(self, answers: Sequence[KnownNotebook], interlude: Outbox | None = None) -> None:
        self._left = iter(answers)
        self._interlude = interlude
        self._asked: Discover | None = None

    def send(self, datagrams: Sequence[Datagram]) -> None:
        for data, _ in datagrams:
            if data[3] != ord("S"):
                message = decode(data)
                assert isinstance(message, Discover)
                self._asked = message

    def receive(self, _timeout_seconds: float | None) -> list[Datagram]:
        assert self._asked is not None
        if self._interlude is not None:
            self._interlude.join(HOME, KEY)
        notebook = next(self._left)
        return [(encode(Offer(self._asked.probe_id, notebook.notebook_id, notebook.name, 42, "1.0", 0)), SERVER)]

    def end_probing(self) -> None:
        """Nothing more is asked."""


def finder(lan: Lan, outbox: Outbox, crowd: Crowd) -> NotebookFinder:
    connection = Connection(cast(ClientEndpoint, crowd), lan, Random(1))
    keyring = Keyring(outbox, random_bytes=Random(1).randbytes)
    return NotebookFinder(connection, outbox, keyring, Destination(*SERVER), port=SERVER[1])


def test_the_outbox_is_not_asked_for_each_impostor_that_answers(lan: Lan, outbox: Outbox) -> None:
    outbox.join(HOME, KEY)
    queries: list[str] = []
    outbox._connection.set_trace_callback(queries.append)
    assert finder(lan, outbox, Crowd([*FORGED, CELLAR])).locate(lan.now + 60).notebook.name == "cellar"
    searching = finder(lan, outbox, Crowd(FORGED))
    search = searching.start()
    for _ in FORGED:
        [found] = searching.step(search, lan.now + 60)
        assert searching.describe(search, found).impersonates == HOME
    assert len(queries) <= 2 * QUERIES_MAX


def test_an_impostor_of_a_notebook_that_is_joined_meanwhile_is_not_believed(lan: Lan, outbox: Outbox, tmp_path: Path) -> None:
    with closing(Outbox(tmp_path / "outbox.sqlite3")) as other, raises(NotSealed, "impostor", name="家里"):
        finder(lan, outbox, Crowd([HOME], interlude=other)).locate(lan.now + 60)


def test_a_search_is_repeated_while_there_is_time_and_ends_when_the_notebook_answers(lan: Lan) -> None:
    lan.after(20.0, lan.serve)
    assert lan.client(wait=60.0).send("found at last").number == 1
    assert 1020 < lan.now < 1040


def test_after_a_search_in_vain_entries_are_queued_for_a_while_without_another_one(lan: Lan) -> None:
    client = lan.client(wait=2.0)
    for texts in (["one"] * 3000, ["two"]):
        reasons = [sent.reason for sent in client.send_many(texts)]
        assert reasons == [Notice("no_answer_on_lan", port=PORT)] * len(texts)
    assert lan.now == pytest.approx(1002.0)
    lan.run(lan.now + 31)
    server = lan.serve()
    assert client.send("three").number
    assert sorted(lan.texts()) == [*["one"] * 3000, "three", "two"]
    assert [each.notebook_id for each in client.known()] == [server.notebook_id]


def test_a_notebook_at_a_named_server_is_taken_as_soon_as_it_answers(lan: Lan) -> None:
    lan.serve()
    lan.client(server=KITCHEN).send("at once")
    assert lan.now < 1000.1
    lan.client().send("after listening for others")
    assert lan.now > 1001.0
