"""What rediscovery believes of a sealed notebook: only answers with its key count, and impostors are reported."""

from random import Random

import pytest

from udpnote.model.address import Address
from udpnote.model.notebook import KnownNotebook
from udpnote.protocol.codec import decode, encode
from udpnote.protocol.discovery import DISCOVERY_SECONDS
from udpnote.protocol.envelope import OPEN, Envelope
from udpnote.protocol.messages import ANY_NOTEBOOK, KEY_CHANGED, Discover, Offer
from udpnote.protocol.rediscovery import (
    IMPOSTORS_REPORTED_MAX,
    ImpostorFound,
    LookingForServer,
    Rediscovery,
    RediscoveryEvent,
    ServerMoved,
)
from udpnote.protocol.sealed_envelope import client_envelope, key_id, server_envelope
from udpnote.protocol.server_contact import KeyChanged

SEED = 6683
RANDOM = Random(SEED)
KEY, STRANGE_KEY = b"k" * 16, b"s" * 16
OPEN_HOME = KnownNotebook(b"h" * 16, "家里", "192.0.2.7", 6683, 0)
HOME = OPEN_HOME._replace(key_id=key_id(KEY))
NEW_ADDRESS: Address = ("192.0.2.8", 6684)
IMPOSTOR: Address = ("192.0.2.66", 6683)


class Search:
    """A rediscovery under way, and the questions that it has asked, by the key of each."""

    def __init__(self, notebook: KnownNotebook, envelope: Envelope) -> None:
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

    def answer(self, notebook: KnownNotebook, source: Address, *, key: bytes | None, flags: int = 0) -> bool:
        """Have a server answer, in the open or with `key`; returns whether it counts as found."""
        asked = self.probes[None if key is None else HOME.key_id]
        return self.receive(Offer(asked.probe_id, notebook.notebook_id, notebook.name, 42, "1.0", flags), source, key)

    def receive(self, offer: Offer, source: Address, key: bytes | None) -> bool:
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
    wanted = {key: probe.notebook_id for key, probe in search.probes.items()}
    assert wanted == {HOME.key_id: HOME.notebook_id, None: ANY_NOTEBOOK}


def test_a_sealed_notebook_that_answers_with_its_key_is_used_where_it_is(search: Search) -> None:
    assert search.answer(HOME._replace(name="客厅"), NEW_ADDRESS, key=KEY)
    assert search.events() == [ServerMoved(NEW_ADDRESS)]
    assert search.rediscovery.address == NEW_ADDRESS
    assert search.rediscovery.notebook == HOME._replace(name="客厅", host="192.0.2.8", port=6684)


@pytest.mark.parametrize(
    "impostor",
    [OPEN_HOME, OPEN_HOME._replace(name="x"), OPEN_HOME._replace(notebook_id=b"x" * 16)],
    ids=["id and name", "id", "name"],
)
def test_an_open_notebook_of_its_id_or_name_is_reported_once_and_never_used(search: Search, impostor: KnownNotebook) -> None:
    for _ in range(3):
        assert not search.answer(impostor, IMPOSTOR, key=None)
        search.again()
    assert search.events() == [ImpostorFound(HOME, IMPOSTOR)]
    assert (search.rediscovery.notebook, search.rediscovery.address) == (HOME, (HOME.host, HOME.port))
    assert search.answer(HOME, NEW_ADDRESS, key=KEY), "and the search goes on meanwhile"


def test_each_impostor_is_reported_up_to_a_limit(search: Search) -> None:
    addresses: list[Address] = [(f"192.0.2.{100 + number}", 6683) for number in range(IMPOSTORS_REPORTED_MAX + 2)]
    for address in addresses:
        search.answer(OPEN_HOME, address, key=None)
        search.again()
    assert search.events() == [ImpostorFound(HOME, address) for address in addresses[:IMPOSTORS_REPORTED_MAX]]


def test_an_answer_with_another_key_or_in_another_envelope_or_of_another_notebook_counts_for_nothing(search: Search) -> None:
    sealed_probe_id = search.probes[HOME.key_id].probe_id
    assert not search.answer(HOME, IMPOSTOR, key=STRANGE_KEY)
    assert not search.receive(Offer(sealed_probe_id, HOME.notebook_id, HOME.name, 42, "1.0", 0), IMPOSTOR, None)
    assert not search.answer(OPEN_HOME._replace(notebook_id=b"c" * 16, name="cellar"), IMPOSTOR, key=None)
    assert (search.events(), search.rediscovery.notebook) == ([], HOME)


def test_a_sealed_notebook_whose_key_has_changed_is_reported_and_looked_for_no_more(search: Search) -> None:
    assert not search.answer(HOME, NEW_ADDRESS, key=KEY, flags=KEY_CHANGED)
    assert search.events() == [KeyChanged()]
    assert (search.rediscovery.notebook, search.rediscovery.next_timeout()) == (HOME, None)


def test_an_open_notebook_is_looked_for_in_the_open_under_its_id_and_found_there() -> None:
    search = Search(OPEN_HOME, OPEN)
    assert {key: probe.notebook_id for key, probe in search.probes.items()} == {None: HOME.notebook_id}
    assert search.answer(OPEN_HOME, NEW_ADDRESS, key=None)
    assert search.rediscovery.notebook == OPEN_HOME._replace(host="192.0.2.8", port=6684)


@pytest.mark.parametrize("key", [None, STRANGE_KEY], ids=["open", "another key"])
def test_no_other_envelope_than_its_own_is_ever_used_for_a_sealed_notebook(key: bytes | None) -> None:
    envelope: Envelope = OPEN if key is None else client_envelope(key, RANDOM.randbytes)
    with pytest.raises(AssertionError, match="in the open"):
        Rediscovery(HOME, random=Random(SEED), envelope=envelope)
