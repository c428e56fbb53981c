"""The session: entries leave the outbox when they are in the notebook, and not before; a lost server is found again."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from itertools import pairwise
from pathlib import Path
from random import Random

import pytest

from udpnote.client.sending import PAGE_ENTRIES, Renewed, SendSession
from udpnote.model.address import Address
from udpnote.model.entry import Entry, Kind, Part, Status, Verdict
from udpnote.model.notebook import KnownNotebook, address_of
from udpnote.protocol.codec import decode, encode
from udpnote.protocol.delivery import Rejected, Stored
from udpnote.protocol.discovery import DISCOVERY_SECONDS, DiscoveryAnswer
from udpnote.protocol.messages import Ack, Append, Discover, Offer, PartAck, Reason, Refuse, content_check
from udpnote.protocol.rediscovery import LookingForServer, RediscoveryEvent, ServerMoved, known_notebook
from udpnote.storage.notebook.notebook import Notebook
from udpnote.storage.outbox import Outbox

SEED = 1637
HOME = KnownNotebook(b"h" * 16, "家里", "192.0.2.7", 6683, 0)
WORK = KnownNotebook(b"w" * 16, "work", "192.0.2.9", 6683, 0)
OLD_ADDRESS: Address = ("192.0.2.7", 6683)
NEW_ADDRESS: Address = ("fe80::7", 6684, 0, 3)


Happened = Stored | Rejected | Renewed | RediscoveryEvent


class World:
    """A session, its outbox and a clock that stands still until it is moved."""

    def __init__(self, outbox: Outbox) -> None:
        self.outbox = outbox
        self.session = SendSession(outbox, HOME, random=Random(SEED))
        self.now = 1000.0
        self.happened: list[Happened] = []

    def write(self, *texts: str) -> list[Entry]:
        """Add entries to the outbox, for the notebook at home."""
        return self.outbox.add(texts, author="amy@pi", written_at=0, utc_offset=480, notebook_id=HOME.notebook_id)

    def carry(self, *texts: str) -> list[Entry]:
        entries = self.write(*texts)
        self.session.carry(entries, self.now)
        return entries

    def appends(self, address: Address = OLD_ADDRESS) -> list[Append]:
        """What leaves now, all of it to `address`."""
        appends = []
        for data, destination in self.session.datagrams_to_send():
            message = decode(data)
            assert isinstance(message, Append) and destination == address
            appends.append(message)
        return appends

    def receive(self, *messages: Ack | Refuse | Offer, source: Address = OLD_ADDRESS) -> list[Happened]:
        """Let messages arrive; gives what that makes happen."""
        for message in messages:
            self.session.receive_datagram(encode(message), source, self.now)
        return self.session.events()

    def answer(self, appends: Sequence[Append], verdict: Callable[[Part], Verdict]) -> list[Happened]:
        return self.receive(*(acknowledgement(append, verdict(append.part)) for append in appends))

    def wait(self, seconds: float) -> list[Discover]:
        """Let timers expire for this long; gives the probes for everybody. What the session sends meanwhile is lost."""
        until, probes = self.now + seconds, []
        while (due := self.session.next_timeout()) is not None and due <= until:
            self.now = max(due, self.now)
            self.session.handle_timeout(self.now)
            probes += [decode(data) for data in self.session.probes_to_send()]
            self.session.datagrams_to_send()
            self.happened += self.session.events()
        self.now = until
        return [probe for probe in probes if isinstance(probe, Discover)]

    def waiting(self) -> list[str]:
        return [entry.text for entry in self.outbox.waiting_for(HOME.notebook_id, limit=9999)]


def acknowledgement(append: Append, verdict: Verdict) -> Ack:
    part = append.part
    return Ack(part.client_id, (PartAck(part.sequence, part.offset, append.attempt, *verdict, content_check(part)),))


def stored(part: Part) -> Verdict:
    return Verdict(Status.STORED, 1000 + part.sequence)


def always(status: Status) -> Callable[[Part], Verdict]:
    return lambda _: Verdict(status, 0)


def offer(probe: Discover, notebook: KnownNotebook = HOME) -> Offer:
    return Offer(probe.probe_id, notebook.notebook_id, notebook.name, 42, "1.0", 0)


def refusal(append: Append) -> Refuse:
    part = append.part
    return Refuse(Reason.WRONG_NOTEBOOK, part.client_id, part.sequence, part.offset, append.attempt)


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with closing(Outbox(tmp_path / "outbox.sqlite3")) as outbox:
        outbox.remember(HOME, may_choose=True)
        yield World(outbox)


def test_an_entry_is_delivered_to_the_notebooks_address(world: World) -> None:
    (entry,) = world.carry("我是一个中文")
    (append,) = world.appends()
    assert (append.notebook_id, append.part.data.decode()) == (HOME.notebook_id, "我是一个中文")
    assert world.session.outstanding == 1
    assert world.answer([append], stored) == [Stored(entry, 1001)]
    assert world.session.outstanding == 0
    assert world.session.next_timeout() is None


def test_an_entry_leaves_the_outbox_after_its_acknowledgement_and_a_flush_only(world: World) -> None:
    world.carry("one", "two")
    first, second = world.appends()
    world.session.flush()
    assert world.waiting() == ["one", "two"], "it was only sent"
    world.answer([first], stored)
    assert world.waiting() == ["one", "two"], "removing can wait for the others"
    world.session.flush()
    assert world.waiting() == ["two"]
    world.answer([second], lambda _: Verdict(Status.STORED_ALREADY, 7))
    world.session.flush()
    assert world.waiting() == []


def test_an_entry_in_parts_leaves_the_outbox_when_it_is_stored(world: World) -> None:
    (entry,) = world.carry("x" * 3000)
    *parts, last = world.appends()
    assert len(parts) == 2
    assert world.answer(parts, always(Status.PART_KEPT)) == []
    world.session.flush()
    assert len(world.waiting()) == 1
    assert world.answer([last], stored) == [Stored(entry, 1001)]
    world.session.flush()
    assert world.waiting() == []


def carry_all(world: World, verdict: Callable[[Part], Verdict]) -> list[int]:
    """Carry what waits until nothing more does; gives the sequences that left, page by page at most."""
    sequences: list[int] = []
    while True:
        world.session.prepare(world.now)
        assert world.session.outstanding <= PAGE_ENTRIES, "memory stays bounded"
        appends = world.appends()
        if not appends:
            return sequences
        while appends:
            sequences += [append.part.sequence for append in appends]
            world.now += 0.001
            world.answer(appends, verdict)
            appends = world.appends()


def test_earlier_entries_are_delivered_page_by_page_in_the_order_of_writing(world: World) -> None:
    count = 2 * PAGE_ENTRIES + 1
    world.write(*(f"entry {number}" for number in range(count)))
    assert not world.session.is_idle
    assert carry_all(world, stored) == list(range(1, count + 1))
    assert world.waiting() == []
    assert world.session.is_idle


def test_an_entry_that_is_on_its_way_is_not_carried_a_second_time(world: World) -> None:
    world.write("earlier")
    (entry,) = world.carry("just now")
    world.session.prepare(world.now)
    assert [append.part.sequence for append in world.appends()] == [entry.sequence]
    world.session.carry([entry], world.now)
    assert world.appends() == []


def test_entries_for_another_notebook_stay_where_they_are(world: World) -> None:
    world.outbox.add(["work"], author="amy", written_at=0, utc_offset=0, notebook_id=WORK.notebook_id)
    world.outbox.add(["anywhere"], author="amy", written_at=0, utc_offset=0)
    assert carry_all(world, stored) == []
    assert len(world.outbox.listing()) == 2


def test_a_conflict_is_cured_by_a_new_identity_and_the_entry_is_delivered(world: World) -> None:
    with closing(Notebook(":memory:")) as notebook:

        def verdict(part: Part) -> Verdict:
            [given] = notebook.store([part], now=0)
            assert given is not None
            return given

        world.carry("mine")
        (append,) = world.appends()
        notebook.store([append.part._replace(data=b"other", total_bytes=5)], now=0)
        (cure,) = world.answer([append], verdict)
        assert isinstance(cure, Renewed) and cure.renewed is not None
        renewed = cure.renewed
        assert (renewed.text, renewed.client_id == cure.entry.client_id) == ("mine", False)
        assert world.answer(world.appends(), verdict) == [Stored(renewed, 2)]
        assert carry_all(world, verdict) == []
        assert [each.entry.text for each in notebook.entries_after(0)] == ["other", "mine"]
    assert world.waiting() == []


def test_a_conflict_that_another_process_has_cured_is_left_to_it(world: World) -> None:
    (entry,) = world.carry("mine")
    renewed = world.outbox.renew(entry)
    assert world.answer(world.appends(), always(Status.CONFLICT)) == [Renewed(entry, None)]
    assert world.appends() == []
    assert world.outbox.waiting_for(HOME.notebook_id, limit=9) == [renewed]


def test_without_space_an_entry_stays_and_is_sent_again_when_asked(world: World) -> None:
    (entry,) = world.write("one")
    world.session.prepare(world.now)
    assert world.answer(world.appends(), always(Status.NO_SPACE)) == [Rejected(entry, Status.NO_SPACE)]
    world.session.prepare(world.now)
    assert world.appends() == [], "a full disk is not asked again and again"
    assert world.session.is_idle
    assert [each.refused for each in world.outbox.listing()] == [None]
    world.session.look_into_outbox()
    assert carry_all(world, stored) == [1]
    assert world.waiting() == []


def test_a_full_notebook_is_not_offered_the_rest_of_the_outbox(world: World) -> None:
    world.write(*["x"] * (PAGE_ENTRIES + 1))
    assert len(carry_all(world, always(Status.NO_SPACE))) == PAGE_ENTRIES
    assert len(world.waiting()) == PAGE_ENTRIES + 1


def revise(world: World, text: str) -> None:
    details = {"author": "amy@pi", "written_at": 0, "utc_offset": 480, "notebook_id": HOME.notebook_id}
    world.session.carry(world.outbox.add([text], kind=Kind.REVISION, revises=1, **details), world.now)  # type: ignore[arg-type]


def test_a_revision_does_not_overtake_an_earlier_one_that_waits_in_the_outbox(world: World) -> None:
    world.outbox.add(
        ["first"], author="amy@pi", written_at=0, utc_offset=480, kind=Kind.REVISION, revises=1, notebook_id=HOME.notebook_id
    )
    revise(world, "second")
    assert carry_all(world, stored) == [1, 2]


def test_a_revision_does_not_overtake_an_earlier_one_that_waits_for_space(world: World) -> None:
    world.session.prepare(world.now)
    revise(world, "first")
    world.answer(world.appends(), always(Status.NO_SPACE))
    revise(world, "second")
    assert carry_all(world, stored) == [1, 2]


@pytest.mark.parametrize("status", [Status.REFUSED, Status.TOO_LARGE])
def test_a_refused_entry_is_marked_and_not_sent_again(world: World, status: Status) -> None:
    first, second = world.write("bad", "good")
    assert carry_all(world, lambda part: stored(part) if part.data == b"good" else Verdict(status, 0)) == [1, 2]
    assert [(each.entry, each.refused) for each in world.outbox.listing()] == [(first, status)]
    world.session.look_into_outbox()
    assert carry_all(world, stored) == []
    assert second.sequence == 2


def test_a_lost_datagram_is_sent_again_without_a_search(world: World) -> None:
    world.carry("one", "two")
    first, _ = world.appends()
    world.now += 0.001
    world.answer([first], stored)
    world.now = world.session.next_timeout() or 0.0
    world.session.handle_timeout(world.now)
    assert [(append.part.sequence, append.attempt) for append in world.appends()] == [(2, 2)]
    assert (world.session.retransmissions, world.session.probes_to_send()) == (1, [])


def silence(world: World) -> Discover:
    """Let the server fall silent over one entry; gives the first probe of the search."""
    world.carry("one")
    world.appends()
    probe, *_ = world.wait(1.2)
    return probe


def test_a_server_that_falls_silent_is_looked_for_under_its_own_id(world: World) -> None:
    probe = silence(world)
    assert world.happened == [LookingForServer()]
    assert probe.notebook_id == HOME.notebook_id
    assert world.session.is_silent


def test_a_search_is_five_rounds_and_the_pauses_between_searches_double_to_a_minute(world: World) -> None:
    silence(world)
    world.wait(DISCOVERY_SECONDS)
    counts = []
    for pause in (3, 6, 12, 24, 48, 60, 60):
        assert world.wait(pause - 0.5) == [], "quiet between searches"
        counts.append(len(world.wait(0.5 + DISCOVERY_SECONDS)))
    assert counts == [5] * 7
    assert world.happened == [LookingForServer()]


def test_while_it_is_silent_at_most_one_datagram_per_three_seconds_is_sent_to_it(world: World) -> None:
    world.carry(*["x"] * 20)
    world.appends()
    world.wait(1.2)
    sent_at = []
    while world.now < 1200:
        world.now = max(world.now, world.session.next_timeout() or 0.0)
        world.session.handle_timeout(world.now)
        sent_at += [world.now for _ in world.appends()]
    assert len(sent_at) > 2
    assert all(after - before >= 3 for before, after in pairwise(sent_at))


def test_a_server_that_answers_from_a_new_address_gets_the_entries_there_and_is_remembered(world: World) -> None:
    probe = silence(world)
    moved = KnownNotebook(HOME.notebook_id, "家里", "fe80::7", 6684, 3)
    assert world.receive(offer(probe), source=NEW_ADDRESS) == [ServerMoved(NEW_ADDRESS)]
    assert world.session.notebook == moved
    (append,) = world.appends(NEW_ADDRESS)
    assert [type(event) for event in world.answer([append], stored)] == [Stored]
    assert (world.session.is_silent, world.session.next_timeout()) == (False, None)
    world.carry("two")
    assert len(world.appends(NEW_ADDRESS)) == 1


@pytest.mark.parametrize("changes", [{"probe_id": b"forged!!"}, {"notebook_id": WORK.notebook_id}], ids=["probe", "notebook"])
def test_an_offer_that_answers_nobody_or_is_of_another_notebook_moves_nothing(world: World, changes: dict[str, bytes]) -> None:
    probe = silence(world)
    false_offer = offer(probe)._replace(**changes)  # type: ignore[arg-type]
    assert world.receive(false_offer, source=NEW_ADDRESS) == []
    assert (world.session.notebook, world.session.is_silent) == (HOME, True)


def test_an_offer_without_a_search_moves_nothing(world: World) -> None:
    probe = silence(world)
    world.receive(offer(probe))
    assert world.receive(offer(probe), source=NEW_ADDRESS) == []
    assert world.session.notebook == HOME


def test_an_answer_from_the_old_address_ends_the_search(world: World) -> None:
    world.carry("one", "two")
    first, second = world.appends()
    world.wait(1.2)
    assert [type(event) for event in world.answer([first], stored)] == [Stored]
    assert not world.session.is_silent
    assert world.wait(0.9) == []
    world.answer([second], stored)
    assert world.wait(600) == []


def test_kept_parts_from_the_old_address_end_the_search_too(world: World) -> None:
    world.carry("x" * 3000)
    appends = world.appends()
    world.wait(1.2)
    world.answer(appends[:2], always(Status.PART_KEPT))
    assert not world.session.is_silent
    assert world.wait(0.8) == []


def test_another_notebook_at_the_address_starts_a_search_and_nothing_is_lost(world: World) -> None:
    world.carry("one")
    (append,) = world.appends()
    assert world.receive(refusal(append)) == [LookingForServer()]
    world.session.handle_timeout(world.now)
    (probe,) = [decode(data) for data in world.session.probes_to_send()]
    assert isinstance(probe, Discover) and probe.notebook_id == HOME.notebook_id
    world.session.flush()
    assert (world.waiting(), world.appends()) == (["one"], [])
    world.receive(offer(probe), source=NEW_ADDRESS)
    assert [again.part for again in world.appends(NEW_ADDRESS)] == [append.part]


def test_a_refusal_of_what_is_not_on_its_way_is_ignored(world: World) -> None:
    world.carry("one")
    (append,) = world.appends()
    assert world.receive(refusal(append)._replace(sequence=99)) == []
    assert not world.session.is_silent


def test_noise_is_ignored(world: World) -> None:
    world.carry("one")
    world.appends()
    random = Random(SEED)
    for _ in range(100):
        world.session.receive_datagram(random.randbytes(random.randint(0, 1300)), OLD_ADDRESS, world.now)
    assert (world.session.events(), world.session.outstanding) == ([], 1)


def test_an_address_and_a_known_notebook_say_the_same() -> None:
    for address in (OLD_ADDRESS, NEW_ADDRESS):
        found = DiscoveryAnswer(Offer(bytes(8), HOME.notebook_id, "家里", 0, "1.0", 0), address, 0.001)
        assert address_of(known_notebook(found)) == address


def test_what_waits_is_not_carried_by_who_knows_the_notebook_as_open_once_it_was_joined(world: World) -> None:
    world.outbox.remember(HOME)
    world.outbox.join(HOME._replace(key_id=b"k" * 8), b"k" * 16)
    world.write("secret")
    world.session.look_into_outbox()
    world.session.prepare(world.now)
    assert world.appends() == []
    assert world.session.is_idle
