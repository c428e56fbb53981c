"""Rediscovery: when a client looks for a server that has fallen silent, how often, until when, and whom it believes."""

from random import Random
from typing import Any, NamedTuple

import pytest

from tests.support.keys import AT_NEW, NEW, NEW_KEY, OLD, STRANGE_KEY
from tests.support.wire import decoded
from udpnote.model.address import Address
from udpnote.model.notebook import KnownNotebook, address_of
from udpnote.protocol.codec.codec import encode
from udpnote.protocol.congestion import JITTER
from udpnote.protocol.discovery import ANSWER_SECONDS, DISCOVERY_SECONDS, DiscoveryAnswer
from udpnote.protocol.envelope import OPEN, Envelope
from udpnote.protocol.messages import ANY_NOTEBOOK, KEY_CHANGED, Discover, Offer
from udpnote.protocol.rediscovery import (
    DISCOVERY_PAUSE_MAX_SECONDS,
    DISCOVERY_PAUSE_SECONDS,
    IMPOSTORS_REPORTED_MAX,
    MOVED_PAUSE_MAX_SECONDS,
    MOVED_PAUSE_SECONDS,
    AnotherNotebookFound,
    AnswersOnlyDiscovery,
    ImpostorFound,
    LookingForServer,
    Rediscovery,
    ServedTwice,
    ServerFoundAgain,
    is_impostor_of,
    known_notebook,
)
from udpnote.protocol.sealed_envelope import key_id, server_envelope
from udpnote.protocol.server_contact import KeyChanged

SEED = 6683
HOME = KnownNotebook(b"h" * 16, "家里", "192.0.2.7", 6683, 0)
SEALED_HOME = HOME._replace(key_id=key_id(NEW_KEY))
OLD_ADDRESS: Address = ("192.0.2.7", 6683)
NEW_ADDRESS: Address = ("192.0.2.8", 6684)
IMPOSTOR: Address = ("192.0.2.66", 6683)


def new_rediscovery() -> Rediscovery:
    return Rediscovery(HOME, random=Random(SEED), envelope=OPEN)


def begun() -> tuple[Rediscovery, Discover]:
    """A rediscovery at time 1.0, and its first question."""
    rediscovery = new_rediscovery()
    rediscovery.begin(1.0)
    rediscovery.handle_timeout(1.0)
    [question] = decoded(Discover, rediscovery.probes_to_send())
    return rediscovery, question


def answer(rediscovery: Rediscovery, source: Address, now: float) -> bool:
    """Let the notebook's server answer the latest DISCOVER from `source`. Return whether it counts as found."""
    rediscovery.handle_timeout(now)
    *_, question = decoded(Discover, rediscovery.probes_to_send())
    return rediscovery.receive_datagram(encode(offer(question, HOME)), source, now) is not None


def offer(question: Discover, notebook: KnownNotebook, *, flags: int = 0) -> Offer:
    return Offer(question.probe_id, notebook.notebook_id, notebook.name, 42, "1.0", flags, bytes(8))


def found(claimed: KnownNotebook, address: Address) -> DiscoveryAnswer[Address]:
    answer = Offer(bytes(8), claimed.notebook_id, claimed.name, 42, "1.0", 0, bytes(8))
    return DiscoveryAnswer(answer, address, 0.001, claimed.key_id)


class InVain(NamedTuple):
    """A discovery that found nothing: how many rounds it had, and how long the pause after it was, in seconds."""

    rounds: int
    pause: float


def in_vain(rediscovery: Rediscovery, now: float, count: int) -> list[InVain]:
    """Let `count` discoveries find nothing, the first of which begins now."""
    found, rounds = list[InVain](), 0
    while len(found) < count:
        rediscovery.handle_timeout(now)
        rounds += len(rediscovery.probes_to_send())
        before, now = now, rediscovery.next_timeout() or 0.0
        if now - before > 2 * ANSWER_SECONDS:  # within a discovery there is always less to wait for
            found.append(InVain(rounds, now - before))
            rounds = 0
    return found


def test_a_silent_server_is_looked_for_at_once_and_again_after_pauses_that_double_up_to_a_limit() -> None:
    rediscovery = new_rediscovery()
    rediscovery.begin(1.0)
    rediscovery.begin(1.0)
    assert rediscovery.events() == [LookingForServer()] * 2
    assert rediscovery.next_timeout() == 1.0
    before, longest = DISCOVERY_PAUSE_SECONDS / 2, DISCOVERY_PAUSE_MAX_SECONDS
    for _, pause in in_vain(rediscovery, 1.0, 7):
        base = min(2 * before, longest)
        assert base <= pause + 1e-9 and pause <= (1 + JITTER) * base + 1e-9
        before = pause
    assert before >= longest


def test_a_rediscovery_that_was_not_begun_asks_nothing() -> None:
    rediscovery = new_rediscovery()
    rediscovery.handle_timeout(1.0)
    assert (rediscovery.next_timeout(), rediscovery.probes_to_send(), rediscovery.events()) == (None, [], [])
    assert rediscovery.receive_datagram(b"", address_of(HOME), 1.0) is None


def test_after_a_discovery_in_vain_only_single_rounds_follow_until_the_server_is_found() -> None:
    rediscovery = new_rediscovery()
    rediscovery.begin(1.0)
    found = in_vain(rediscovery, 1.0, 20)
    assert [each.rounds for each in found] == [5] + 19 * [1]
    minutes = (DISCOVERY_SECONDS + 19 * ANSWER_SECONDS + sum(each.pause for each in found)) / 60
    assert 5 * minutes >= 19, "as if it began a discovery with all rounds at most once a minute"
    now = rediscovery.next_timeout() or 0.0
    assert answer(rediscovery, NEW_ADDRESS, now)
    rediscovery.begin(now)
    begins_at = rediscovery.next_timeout() or 0.0
    assert in_vain(rediscovery, begins_at, 1)[0].rounds == 5, "the server was there a moment ago"
    rediscovery.end()
    rediscovery.begin(begins_at + 90.0)
    assert in_vain(rediscovery, begins_at + 90.0, 1)[0].rounds == 5


def test_a_server_that_answers_only_discoveries_is_reported_once_until_it_answers_a_request_or_none() -> None:
    rediscovery, now = new_rediscovery(), 1.0

    def found_at(address: Address) -> float:
        """Begin a discovery that finds the server at `address`, and return when."""
        rediscovery.begin(now)
        begins_at = rediscovery.next_timeout() or 0.0
        assert answer(rediscovery, address, begins_at)
        return begins_at

    for address in (OLD_ADDRESS, OLD_ADDRESS, OLD_ADDRESS, NEW_ADDRESS):
        now = found_at(address)
    only, moved = AnswersOnlyDiscovery(OLD_ADDRESS), ServerFoundAgain(OLD_ADDRESS)
    assert rediscovery.events() == [LookingForServer(), moved, only, ServerFoundAgain(NEW_ADDRESS)]
    rediscovery.begin(now)
    in_vain(rediscovery, rediscovery.next_timeout() or 0.0, 1)
    now = rediscovery.next_timeout() or 0.0
    assert answer(rediscovery, NEW_ADDRESS, now)
    assert rediscovery.events() == [ServerFoundAgain(NEW_ADDRESS)], "the server was away"
    for _ in range(2):
        rediscovery.end()
        found_at(NEW_ADDRESS)
        assert rediscovery.events() == [LookingForServer(), ServerFoundAgain(NEW_ADDRESS)]
        rediscovery.begin(now)
        assert rediscovery.events() == [AnswersOnlyDiscovery(NEW_ADDRESS)]
    in_vain(rediscovery, rediscovery.next_timeout() or 0.0, 1)
    rediscovery.begin(now)
    assert rediscovery.events() == [LookingForServer()], "it does not even answer discoveries any more"


def test_the_pause_before_a_discovery_grows_up_to_a_limit() -> None:
    rediscovery, now = new_rediscovery(), 1.0
    for _ in range(12):
        rediscovery.begin(now)
        now = rediscovery.next_timeout() or 0.0
        assert answer(rediscovery, NEW_ADDRESS, now)
    rediscovery.begin(now)
    longest = MOVED_PAUSE_MAX_SECONDS
    assert longest <= (rediscovery.next_timeout() or 0.0) - now <= longest * (1 + JITTER)


def test_the_pause_before_a_discovery_grows_if_the_server_that_was_found_is_silent_again() -> None:
    rediscovery, now = new_rediscovery(), 1.0
    rediscovery.begin(now)
    for pause in (1, 2, 4):
        assert answer(rediscovery, address_of(HOME), now)
        assert (rediscovery.notebook, rediscovery.next_timeout()) == (HOME, None)
        rediscovery.begin(now)
        begins_at, shortest = rediscovery.next_timeout() or 0.0, pause * MOVED_PAUSE_SECONDS
        assert now + shortest <= begins_at <= now + shortest * (1 + JITTER) ** 3
        now = begins_at


def test_a_discovery_that_is_begun_twice_goes_on_as_one() -> None:
    rediscovery = new_rediscovery()
    for now, questions in ((1.0, 1), (1.05, 0)):
        rediscovery.begin(now)
        rediscovery.handle_timeout(now)
        assert len(rediscovery.probes_to_send()) == questions
    assert rediscovery.next_timeout() == 1.1, "the second round"


def test_after_the_end_of_a_silence_the_next_discovery_begins_at_once() -> None:
    rediscovery = new_rediscovery()
    rediscovery.begin(1.0)
    assert answer(rediscovery, NEW_ADDRESS, 1.0)
    rediscovery.end()
    rediscovery.begin(9.0)
    assert rediscovery.next_timeout() == 9.0


class SealedClient:
    """The rediscovery of a sealed notebook, and the questions of its latest round: one with the key, and one in the open."""

    def __init__(self) -> None:
        self.now = 1.0
        self.rediscovery = Rediscovery(SEALED_HOME, random=Random(SEED), envelope=NEW)
        self.rediscovery.begin(self.now)
        self.ask()
        assert self.rediscovery.events() == [LookingForServer()]

    def ask(self) -> None:
        self.rediscovery.handle_timeout(self.now)
        sealed, openly = self.rediscovery.probes_to_send()
        [self.sealed], [self.openly] = decoded(Discover, [sealed], AT_NEW), decoded(Discover, [openly])

    def ask_again(self) -> None:
        """Begin another discovery, after the pause that follows one in vain."""
        self.now += DISCOVERY_SECONDS
        self.rediscovery.handle_timeout(self.now)
        self.now = self.rediscovery.next_timeout() or 0.0
        self.ask()

    def answer(self, message: Offer, source: Address, key: bytes | None = None) -> bool:
        """Let a server answer, in the open or with `key`. Return whether it counts as found."""
        envelope: Envelope = OPEN if key is None else server_envelope(key, Random(SEED).randbytes)
        return self.rediscovery.receive_datagram(encode(message, envelope), source, self.now) is not None


@pytest.fixture
def client() -> SealedClient:
    return SealedClient()


def test_a_sealed_notebook_is_asked_for_and_used_with_its_key_and_its_id_is_not_sent_in_the_open(client: SealedClient) -> None:
    assert (client.sealed.notebook_id, client.openly.notebook_id) == (ANY_NOTEBOOK, ANY_NOTEBOOK)
    assert client.answer(offer(client.sealed, HOME._replace(name="客厅")), NEW_ADDRESS, NEW_KEY)
    assert client.rediscovery.events() == [ServerFoundAgain(NEW_ADDRESS)]
    assert client.rediscovery.address == NEW_ADDRESS
    assert client.rediscovery.notebook == SEALED_HOME._replace(name="客厅", host="192.0.2.8", port=6684)
    for envelope in (OPEN, OLD):
        with pytest.raises(AssertionError, match="in the open"):
            Rediscovery(SEALED_HOME, random=Random(SEED), envelope=envelope)


def test_clients_that_lose_their_server_together_do_not_look_for_it_at_the_same_times() -> None:
    times = set[float]()
    for seed in range(20):
        rediscovery = Rediscovery(HOME, random=Random(seed), envelope=OPEN)
        rediscovery.begin(1.0)
        times.add(in_vain(rediscovery, 1.0, 1)[0].pause)
    assert len(times) == 20


def test_each_open_server_with_its_id_is_reported_once_up_to_a_limit_and_never_used(client: SealedClient) -> None:
    addresses: list[Address] = [(f"192.0.2.{100 + number}", 6683) for number in range(IMPOSTORS_REPORTED_MAX + 2)]
    for address in [IMPOSTOR, IMPOSTOR, *addresses]:
        assert not client.answer(offer(client.openly, HOME), address)
        client.ask_again()
    reported = [ImpostorFound(SEALED_HOME, address) for address in [IMPOSTOR, *addresses][:IMPOSTORS_REPORTED_MAX]]
    assert client.rediscovery.events() == reported
    assert (client.rediscovery.notebook, client.rediscovery.address) == (SEALED_HOME, address_of(HOME))
    assert client.answer(offer(client.sealed, HOME), NEW_ADDRESS, NEW_KEY), "and the rediscovery goes on"


def test_other_notebooks_and_wrong_envelopes_are_ignored_and_a_server_with_a_changed_key_is_not_used(
    client: SealedClient,
) -> None:
    cellar = HOME._replace(notebook_id=b"c" * 16, name="cellar")
    assert not client.answer(offer(client.openly, cellar), IMPOSTOR)
    assert not client.answer(offer(client.sealed, HOME), IMPOSTOR, STRANGE_KEY)
    assert not client.answer(offer(client.sealed, HOME), IMPOSTOR)
    assert (client.rediscovery.events(), client.rediscovery.notebook) == ([], SEALED_HOME)
    assert not client.answer(offer(client.sealed, HOME, flags=KEY_CHANGED), NEW_ADDRESS, NEW_KEY)
    assert list(map(type, client.rediscovery.events())) == [KeyChanged]
    assert (client.rediscovery.notebook, client.rediscovery.next_timeout()) == (SEALED_HOME, None)


def test_another_notebook_with_the_name_or_else_the_address_is_reported_when_the_server_was_not_found() -> None:
    rediscovery, question = begun()
    assert question.notebook_id == ANY_NOTEBOOK
    office, cellar = HOME._replace(notebook_id=b"o" * 16, name="办公室"), HOME._replace(notebook_id=b"c" * 16, name="cellar")
    anew = HOME._replace(notebook_id=b"n" * 16, host=str(NEW_ADDRESS[0]), port=NEW_ADDRESS[1])
    for notebook, source in ((cellar, NEW_ADDRESS), (office, OLD_ADDRESS), (anew, NEW_ADDRESS), (cellar, OLD_ADDRESS)):
        assert rediscovery.receive_datagram(encode(offer(question, notebook)), source, 1.0) is None
    assert (rediscovery.events(), rediscovery.another) == ([LookingForServer()], None), "the server may still answer"
    now, probes = 1.0, list[bytes]()
    while now <= 1.0 + DISCOVERY_SECONDS or not probes:
        now = rediscovery.next_timeout() or 0.0
        rediscovery.handle_timeout(now)
        probes = rediscovery.probes_to_send()
    assert rediscovery.events() == [AnotherNotebookFound(anew)]
    assert (rediscovery.another, rediscovery.notebook, rediscovery.address) == (anew, HOME, OLD_ADDRESS)
    [question] = decoded(Discover, probes)
    assert rediscovery.receive_datagram(encode(offer(question, anew)), NEW_ADDRESS, now) is None
    rediscovery.handle_timeout(now + DISCOVERY_SECONDS)
    assert (rediscovery.events(), rediscovery.another) == ([], anew), "it was reported by the discovery before"
    now = rediscovery.next_timeout() or 0.0
    rediscovery.handle_timeout(now)
    [question] = decoded(Discover, rediscovery.probes_to_send())
    assert rediscovery.receive_datagram(encode(offer(question, office)), OLD_ADDRESS, now) is None
    assert rediscovery.receive_datagram(encode(offer(question, HOME)), NEW_ADDRESS, now), "and the rediscovery goes on"
    assert (rediscovery.events(), rediscovery.another) == ([ServerFoundAgain(NEW_ADDRESS)], None)


def test_another_notebook_that_answers_after_the_server_is_reported_neither_then_nor_later() -> None:
    rediscovery, question = begun()
    assert rediscovery.receive_datagram(encode(offer(question, HOME)), NEW_ADDRESS, 1.0)
    another = HOME._replace(notebook_id=b"o" * 16)
    assert rediscovery.receive_datagram(encode(offer(question, another)), OLD_ADDRESS, 1.001) is None
    assert (rediscovery.events(), rediscovery.another) == ([LookingForServer(), ServerFoundAgain(NEW_ADDRESS)], None)
    rediscovery.begin(60.0)
    in_vain(rediscovery, rediscovery.next_timeout() or 0.0, 1)
    assert (rediscovery.events(), rediscovery.another) == ([AnswersOnlyDiscovery(NEW_ADDRESS)], None)


def test_a_second_server_of_the_notebook_is_reported_until_a_request_is_answered() -> None:
    for is_answered in (False, True):
        rediscovery, question = begun()
        assert rediscovery.receive_datagram(encode(offer(question, HOME)), OLD_ADDRESS, 1.0)
        if is_answered:
            rediscovery.end()
        copy = encode(offer(question, HOME)._replace(server_id=b"the copy"))
        assert rediscovery.receive_datagram(copy, NEW_ADDRESS, 1.001) is None
        reported = [each.answer for each in rediscovery.events() if isinstance(each, ServedTwice)]
        assert [(each.source, each.other_source) for each in reported] == ([] if is_answered else [(NEW_ADDRESS, OLD_ADDRESS)])
        assert rediscovery.address == OLD_ADDRESS


def test_an_impostor_has_the_id_of_a_sealed_notebook_without_its_key_or_its_name_without_any() -> None:
    unsealed, strange = dict[str, Any](key_id=None), dict[str, Any](key_id=b"stranger")
    other_id, other_name = dict[str, Any](notebook_id=b"x" * 16), dict[str, Any](name="客厅")
    for changes in (unsealed, strange, unsealed | other_id, unsealed | other_name):
        assert is_impostor_of(found(SEALED_HOME._replace(**changes), IMPOSTOR), SEALED_HOME)
    for changes in ({}, other_name | {"host": "fe80::1"}, strange | other_id, unsealed | other_id | other_name):
        assert not is_impostor_of(found(SEALED_HOME._replace(**changes), IMPOSTOR), SEALED_HOME)
    for changes in ({}, strange):
        assert not is_impostor_of(found(HOME._replace(**changes), IMPOSTOR), HOME)


def test_a_notebook_that_was_found_is_known_at_its_address() -> None:
    addresses: tuple[Address, ...] = (("192.0.2.7", 7000), ("fe80::1", 7000, 0, 3))
    for address in addresses:
        assert address_of(known_notebook(found(HOME, address))) == address
