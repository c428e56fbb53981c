"""What a client with keys believes: a sealed notebook is found by its key alone, and who poses as it is told of."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from random import Random

import pytest

from tests.support.errors import raises
from udpnote.client.trust import Keyring
from udpnote.errors import KeyMissing
from udpnote.model.address import Address
from udpnote.model.notebook import KnownNotebook
from udpnote.protocol.discovery import DiscoveryAnswer, DiscoveryTarget
from udpnote.protocol.envelope import OPEN
from udpnote.protocol.messages import ANY_NOTEBOOK, Offer
from udpnote.protocol.rediscovery import (
    is_impostor_of,
)
from udpnote.protocol.sealed_envelope import key_id, server_envelope
from udpnote.storage.outbox import Outbox

SEED = 6683
RANDOM = Random(SEED)
KEY, OTHER_KEY, STRANGE_KEY = (bytes((number,)) * 16 for number in range(1, 4))
OPEN_HOME = KnownNotebook(b"h" * 16, "家里", "192.0.2.7", 6683, 0)
HOME = OPEN_HOME._replace(key_id=key_id(KEY))
WORK = KnownNotebook(b"w" * 16, "work", "192.0.2.9", 6683, 0, key_id(OTHER_KEY))
CELLAR = KnownNotebook(b"c" * 16, "cellar", "192.0.2.5", 6683, 0)
NEW_ADDRESS: Address = ("192.0.2.8", 6684)
IMPOSTOR: Address = ("192.0.2.66", 6683)


@pytest.fixture
def outbox(tmp_path: Path) -> Iterator[Outbox]:
    with closing(Outbox(tmp_path / "outbox.sqlite3")) as outbox:
        yield outbox


def found(notebook: KnownNotebook, **changes: object) -> DiscoveryAnswer[Address]:
    """The notebook as it answers a search."""
    notebook = notebook._replace(**changes)  # type: ignore[arg-type]
    offer = Offer(bytes(8), notebook.notebook_id, notebook.name, 42, "1.0", 0)
    return DiscoveryAnswer(offer, IMPOSTOR, 0.001, notebook.key_id)


# The keyring


def test_without_keys_what_is_open_is_wanted_and_spoken_with_in_the_open(outbox: Outbox) -> None:
    keyring = Keyring(outbox, random_bytes=RANDOM.randbytes)
    assert keyring.named_id is None
    assert keyring.targets() == [DiscoveryTarget(OPEN)]
    assert (keyring.can_open(CELLAR), keyring.envelope(CELLAR)) == (True, OPEN)


def test_each_joined_key_is_wanted_beside_what_is_open_and_also_one_that_was_joined_meanwhile(outbox: Outbox) -> None:
    outbox.join(HOME, KEY)
    keyring = Keyring(outbox, random_bytes=RANDOM.randbytes)
    assert [each.envelope.key_id for each in keyring.targets()] == [None, HOME.key_id]
    outbox.join(WORK, OTHER_KEY)
    assert {each.envelope.key_id for each in keyring.targets()} == {None, HOME.key_id, WORK.key_id}
    assert {each.notebook_id for each in keyring.targets()} == {ANY_NOTEBOOK}
    assert keyring.targets() == keyring.targets(), "asking twice makes no new envelopes"


def test_a_named_key_is_wanted_alone_of_all_keys(outbox: Outbox) -> None:
    outbox.join(WORK, OTHER_KEY)
    keyring = Keyring(outbox, KEY, random_bytes=RANDOM.randbytes)
    assert keyring.named_id == HOME.key_id
    assert [each.envelope.key_id for each in keyring.targets()] == [HOME.key_id, None]


@pytest.mark.parametrize("is_joined", [True, False], ids=["joined", "named"])
def test_a_notebook_is_spoken_with_in_the_envelope_of_its_key(outbox: Outbox, is_joined: bool) -> None:
    if is_joined:
        outbox.join(HOME, KEY)
    keyring = Keyring(outbox, None if is_joined else KEY, random_bytes=RANDOM.randbytes)
    assert keyring.can_open(HOME)
    envelope = keyring.envelope(HOME)
    assert envelope.key_id == HOME.key_id
    assert server_envelope(KEY, RANDOM.randbytes).unseal(envelope.seal(b"UN\1\1")) == b"UN\1\1"
    assert keyring.envelope(HOME) is envelope


def test_without_its_key_a_sealed_notebook_is_not_spoken_with_and_the_next_step_is_told(outbox: Outbox) -> None:
    outbox.join(WORK, OTHER_KEY)
    keyring = Keyring(outbox, STRANGE_KEY, random_bytes=RANDOM.randbytes)
    assert not keyring.can_open(HOME)
    with raises(KeyMissing, "key_missing"):
        keyring.envelope(HOME)


@pytest.mark.parametrize(
    ("changes", "poses"),
    [
        ({}, False),
        ({"name": "客厅", "host": "fe80::1"}, False),
        ({"key_id": None}, True),
        ({"key_id": key_id(STRANGE_KEY)}, True),
        ({"key_id": None, "notebook_id": b"x" * 16}, True),
        ({"key_id": None, "name": "客厅"}, True),
        ({"key_id": key_id(STRANGE_KEY), "notebook_id": b"x" * 16}, False),
        ({"key_id": None, "notebook_id": b"x" * 16, "name": "客厅"}, False),
    ],
    ids=[
        "itself", "itself, renamed and moved", "open", "another key", "open, by its name", "open, by its id",
        "a sealed one of the same name", "an open one of another id and name",
    ],
)  # fmt: skip
def test_who_has_the_id_or_in_the_open_the_name_of_a_sealed_notebook_but_not_its_key_poses_as_it(
    outbox: Outbox, changes: dict[str, object], poses: bool
) -> None:
    answer = found(HOME, **changes)
    assert is_impostor_of(answer, HOME) is poses
    outbox.remember(CELLAR)
    outbox.join(HOME, KEY)
    assert Keyring(outbox, random_bytes=RANDOM.randbytes).judge().posed_as(answer) == (HOME if poses else None)


@pytest.mark.parametrize("changes", [{}, {"key_id": HOME.key_id}, {"notebook_id": b"x" * 16}])
def test_nobody_poses_as_an_open_notebook(outbox: Outbox, changes: dict[str, object]) -> None:
    outbox.remember(OPEN_HOME)
    assert Keyring(outbox, random_bytes=RANDOM.randbytes).judge().posed_as(found(OPEN_HOME, **changes)) is None


def test_who_joins_by_the_key_that_is_there_believes_it_and_still_nobody_else(outbox: Outbox) -> None:
    outbox.join(HOME, KEY)
    joining = Keyring(outbox, OTHER_KEY, is_joining=True, random_bytes=RANDOM.randbytes)
    assert joining.judge().posed_as(found(HOME, key_id=key_id(OTHER_KEY))) is None
    assert joining.judge().posed_as(found(HOME, key_id=key_id(STRANGE_KEY))) == HOME
    assert joining.judge().posed_as(found(HOME, key_id=None)) == HOME
    assert (
        Keyring(outbox, OTHER_KEY, random_bytes=RANDOM.randbytes).judge().posed_as(found(HOME, key_id=key_id(OTHER_KEY)))
        == HOME
    )
