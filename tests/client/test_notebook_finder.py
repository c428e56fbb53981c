"""A search: whatever answers it, the outbox is asked a few times, and what another command does meanwhile is heeded."""

import time
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path
from random import Random
from typing import cast

import pytest

from tests.support.errors import raises
from udpnote.client.connection import ClientEndpoint, Connection, SystemClock
from udpnote.client.notebook_finder import NotebookFinder
from udpnote.client.trust import Keyring
from udpnote.errors import NotSealed
from udpnote.model.address import Datagram
from udpnote.model.notebook import Destination, KnownNotebook
from udpnote.protocol.codec import decode, encode
from udpnote.protocol.messages import Discover, Offer
from udpnote.protocol.sealed_envelope import key_id
from udpnote.storage.outbox import Outbox

SEED = 6683
SERVER = ("192.0.2.66", 6683)
KEY = b"k" * 16
HOME = KnownNotebook(b"h" * 16, "家里", "192.0.2.7", 6683, 0, key_id(KEY))
CELLAR = KnownNotebook(b"c" * 16, "cellar", "192.0.2.5", 6683, 0)
FORGED = [HOME._replace(notebook_id=number.to_bytes(16)) for number in range(300)]
QUERIES_MAX = 20
"""Far fewer than one for each answer; how many it takes exactly is nobody's concern."""


class Crowd:
    """An endpoint at whose other side `answers` come in the open, each by itself; before each, `interlude` happens."""

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


@pytest.fixture
def outbox(tmp_path: Path) -> Iterator[Outbox]:
    with closing(Outbox(tmp_path / "outbox.sqlite3")) as outbox:
        yield outbox


def finder(outbox: Outbox, crowd: Crowd) -> NotebookFinder:
    connection = Connection(cast(ClientEndpoint, crowd), SystemClock(), Random(SEED))
    keyring = Keyring(outbox, random_bytes=Random(SEED).randbytes)
    return NotebookFinder(connection, outbox, keyring, Destination(*SERVER), port=SERVER[1])


def find(outbox: Outbox, crowd: Crowd) -> KnownNotebook:
    return finder(outbox, crowd).locate(time.monotonic() + 60).notebook


def test_the_outbox_is_not_asked_for_each_of_those_who_pose_as_a_sealed_notebook(outbox: Outbox) -> None:
    outbox.join(HOME, KEY)
    queries: list[str] = []
    outbox._connection.set_trace_callback(queries.append)
    assert find(outbox, Crowd([*FORGED, CELLAR])).name == "cellar"
    assert len(queries) <= QUERIES_MAX


def test_nor_is_it_where_all_that_answer_are_shown(outbox: Outbox) -> None:
    outbox.join(HOME, KEY)
    searching = finder(outbox, Crowd(FORGED))
    queries: list[str] = []
    outbox._connection.set_trace_callback(queries.append)
    search = searching.start()
    for _ in FORGED:
        [found] = searching.step(search, time.monotonic() + 60)
        assert searching.describe(search, found).poses_as == HOME
    assert len(queries) <= QUERIES_MAX


def test_who_poses_as_a_notebook_that_another_command_joins_meanwhile_is_not_believed(outbox: Outbox, tmp_path: Path) -> None:
    with closing(Outbox(tmp_path / "outbox.sqlite3")) as other, raises(NotSealed, "impostor"):
        find(outbox, Crowd([HOME], interlude=other))
