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
from udpnote.protocol.codec import decode, encode
from udpnote.protocol.discovery import DISCOVERY_SECONDS, DiscoveryAnswer, DiscoveryTarget
from udpnote.protocol.envelope import OPEN, Envelope
from udpnote.protocol.messages import ANY_NOTEBOOK, KEY_CHANGED, Discover, Offer
from udpnote.protocol.rediscovery import (
    IMPOSTORS_REPORTED_MAX,
    ImpostorFound,
    LookingForServer,
    Rediscovery,
    RediscoveryEvent,
    ServerMoved,
    is_impostor_of,
)
from udpnote.protocol.sealed_envelope import client_envelope, key_id, server_envelope
from udpnote.protocol.server_contact import KeyChanged
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


# Looking for a sealed notebook again


class Search:
    """A rediscovery under way, and the questions that everybody on the LAN has heard, by the key of each."""

    def __init__(self, notebook: KnownNotebook, envelope: Envelope) -> None:
        self.envelope = envelope
        self.now = 1000.0
        self.rediscovery = Rediscovery(notebook, random=Random(SEED), envelope=envelope)
        self.rediscovery.begin(self.now)
        assert self.events() == [LookingForServer()]
        self.probes: dict[bytes | None, Discover] = {}
        self.ask()

    def ask(self) -> None:
        self.rediscovery.handle_timeout(self.now)
        for data in self.rediscovery.probes_to_send():
            is_open = data[3] != ord("S")
            message = decode(data, OPEN if is_open else server_envelope(KEY, RANDOM.randbytes))
            assert isinstance(message, Discover)
            self.probes[None if is_open else HOME.key_id] = message

    def answer(
        self, notebook: KnownNotebook, source: Address, *, key: bytes | None, flags: int = 0, probe_id: bytes | None = None
    ) -> bool:
        """Let somebody answer, in the open or with `key`; gives whether that tells where the notebook is."""
        asked = self.probes[None if key is None else HOME.key_id]
        offer = Offer(probe_id or asked.probe_id, notebook.notebook_id, notebook.name, 42, "1.0", flags)
        envelope = OPEN if key is None else server_envelope(key, RANDOM.randbytes)
        return self.rediscovery.receive_datagram(encode(offer, envelope), source, self.now) is not None

    def again(self) -> None:
        """Search once more, after a search in vain and the pause that follows it."""
        self.now += DISCOVERY_SECONDS
        self.rediscovery.handle_timeout(self.now)
        self.now = self.rediscovery.next_timeout() or 0.0
        self.ask()

    def events(self) -> list[RediscoveryEvent]:
        return self.rediscovery.events()


@pytest.fixture
def search() -> Search:
    return Search(HOME, client_envelope(KEY, RANDOM.randbytes))


def test_a_sealed_notebook_is_asked_for_with_its_key_and_its_id_stays_secret(search: Search) -> None:
    assert {key: probe.notebook_id for key, probe in search.probes.items()} == {
        HOME.key_id: HOME.notebook_id, None: ANY_NOTEBOOK,
    }  # fmt: skip


def test_a_sealed_notebook_that_answers_with_its_key_is_gone_on_with_where_it_is(search: Search) -> None:
    assert search.answer(HOME._replace(name="客厅"), NEW_ADDRESS, key=KEY)
    assert search.events() == [ServerMoved(NEW_ADDRESS)]
    assert search.rediscovery.address == NEW_ADDRESS
    assert search.rediscovery.notebook == HOME._replace(name="客厅", host="192.0.2.8", port=6684)


@pytest.mark.parametrize(
    "impostor",
    [OPEN_HOME, OPEN_HOME._replace(name="x"), OPEN_HOME._replace(notebook_id=b"x" * 16)],
    ids=["id and name", "id", "name"],
)
def test_an_open_notebook_of_its_id_or_name_is_told_of_once_and_never_gone_to(search: Search, impostor: KnownNotebook) -> None:
    for _ in range(3):
        assert not search.answer(impostor, IMPOSTOR, key=None)
        search.again()
    assert search.events() == [ImpostorFound(HOME, IMPOSTOR)]
    assert (search.rediscovery.notebook, search.rediscovery.address) == (HOME, (HOME.host, HOME.port))
    assert search.answer(HOME, NEW_ADDRESS, key=KEY), "and the search goes on meanwhile"


def test_each_address_of_an_impostor_is_told_of_up_to_a_limit(search: Search) -> None:
    addresses: list[Address] = [(f"192.0.2.{100 + number}", 6683) for number in range(IMPOSTORS_REPORTED_MAX + 2)]
    for address in addresses:
        search.answer(OPEN_HOME, address, key=None)
        search.again()
    assert search.events() == [ImpostorFound(HOME, address) for address in addresses[:IMPOSTORS_REPORTED_MAX]]


def test_an_open_notebook_that_is_another_one_is_nothing_to_tell_of(search: Search) -> None:
    assert not search.answer(CELLAR, IMPOSTOR, key=None)
    assert search.events() == []


def test_an_answer_with_another_key_is_nobodys(search: Search) -> None:
    assert not search.answer(HOME, IMPOSTOR, key=STRANGE_KEY)
    assert (search.events(), search.rediscovery.notebook) == ([], HOME)


def test_an_open_answer_to_the_sealed_question_is_none(search: Search) -> None:
    probe_id = search.probes[HOME.key_id].probe_id
    assert not search.answer(HOME, IMPOSTOR, key=None, probe_id=probe_id)
    assert (search.events(), search.rediscovery.notebook) == ([], HOME)


def test_a_sealed_notebook_that_says_that_its_key_has_changed_is_not_gone_to_and_not_looked_for_any_more(
    search: Search,
) -> None:
    assert not search.answer(HOME, NEW_ADDRESS, key=KEY, flags=KEY_CHANGED)
    assert search.events() == [KeyChanged()]
    assert (search.rediscovery.notebook, search.rediscovery.next_timeout()) == (HOME, None)


def test_an_open_notebook_is_looked_for_in_the_open_under_its_id_and_found_there() -> None:
    search = Search(OPEN_HOME, OPEN)
    assert {key: probe.notebook_id for key, probe in search.probes.items()} == {None: HOME.notebook_id}
    assert search.answer(OPEN_HOME, NEW_ADDRESS, key=None)
    assert search.events() == [ServerMoved(NEW_ADDRESS)]
    assert search.rediscovery.notebook == OPEN_HOME._replace(host="192.0.2.8", port=6684)


@pytest.mark.parametrize("key", [None, OTHER_KEY], ids=["open", "another key"])
def test_no_other_envelope_than_its_own_is_ever_used_for_a_sealed_notebook(key: bytes | None) -> None:
    envelope: Envelope = OPEN if key is None else client_envelope(key, RANDOM.randbytes)
    with pytest.raises(AssertionError, match="in the open"):
        Rediscovery(HOME, random=Random(SEED), envelope=envelope)
