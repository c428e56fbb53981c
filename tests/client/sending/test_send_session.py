"""Sending: entries leave the outbox when they are in the notebook, and not before."""

import os
import sys
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, closing, nullcontext, suppress
from pathlib import Path
from random import Random

import pytest

from tests.support.notebook_files import change, fail_before
from udpnote.client.sending.send_session import Renewed, SendSession
from udpnote.client.session import Peer
from udpnote.errors import StorageError
from udpnote.model.address import Address
from udpnote.model.entry import Bundle, Entry, Kind, NoteRun, Status, Verdict
from udpnote.model.notebook import KnownNotebook
from udpnote.protocol.codec.codec import decode, encode
from udpnote.protocol.delivery.events import Rejected, Stored
from udpnote.protocol.envelope import OPEN
from udpnote.protocol.messages import Ack, Append, Discover, Offer, PartAck, Reason, Refuse, Run, content_check
from udpnote.protocol.rediscovery import RediscoveryEvent
from udpnote.storage.outbox.outbox import PAGE_ENTRIES, Outbox

SEED = 1637
HOME = KnownNotebook(b"h" * 16, "家里", "192.0.2.7", 6683, 0)
WORK_ID = b"w" * 16
ADDRESS: Address = ("192.0.2.7", 6683)
Happened = Stored | Rejected | Renewed | RediscoveryEvent


def new_session(outbox: Outbox, writes: AbstractContextManager[object] | None = None) -> SendSession:
    return SendSession(Peer(HOME, OPEN, Random(SEED), None), outbox, writes or nullcontext())


class World:
    """A session, its outbox and a clock that stands still until it is moved."""

    def __init__(self, outbox: Outbox) -> None:
        self.outbox = outbox
        self.session = new_session(outbox)
        self.now = 1000.0

    def write(self, *texts: str, kind: Kind = Kind.NOTE) -> list[Entry]:
        """Add entries to the outbox, for the notebook at home."""
        return self.outbox.add(
            texts, author="amy@pi", written_at=0, utc_offset=480, notebook_id=HOME.notebook_id, kind=kind,
            revises=int(kind is not Kind.NOTE),
        )  # fmt: skip

    def carry(self, *texts: str, kind: Kind = Kind.NOTE) -> list[Entry]:
        """Add entries to the outbox, and let the session deliver them now."""
        entries = self.write(*texts, kind=kind)
        self.session.deliver_now(entries, self.now)
        return entries

    def sent(self) -> list[Append | Run]:
        """Return the messages that the session sends now."""
        sent = []
        for data, destination in self.session.datagrams_to_send():
            message = decode(data)
            assert isinstance(message, Append | Run) and destination == ADDRESS
            sent.append(message)
        return sent

    def answer(self, sent: Sequence[Append | Run], verdict: Callable[[int], Verdict]) -> list[Happened]:
        """Acknowledge `sent`, each with the verdict on its first sequence. Return the events that follow."""
        datagrams = [(encode(acknowledgement(message, verdict)), ADDRESS) for message in sent]
        self.session.receive_datagrams(datagrams, self.now)
        return self.session.events()

    def carry_all(self, verdict: Callable[[int], Verdict]) -> list[int]:
        """Deliver what waits until nothing waits, at most a page at a time. Return the sequences that were sent."""
        sequences: list[int] = []
        while True:
            self.session.prepare(self.now)
            assert self.session.outstanding <= PAGE_ENTRIES, "memory stays bounded"
            assert len(sequences) < 9 * PAGE_ENTRIES, "the session sends for ever"
            sent = self.sent()
            if not sent:
                return sequences
            while sent:
                sequences += [sequence for message in sent for sequence in sequences_in(message)]
                self.now += 0.001
                self.answer(sent, verdict)
                sent = self.sent()

    def waiting(self) -> list[str]:
        self.session.flush()
        return [entry.text for entry in self.outbox.waiting_for(HOME.notebook_id, limit=9999)]


def sequences_in(message: Append | Run) -> Sequence[int]:
    if isinstance(message, Append):
        return [message.part.sequence]
    if isinstance(message.notes, Bundle):
        return [note.sequence for note in message.notes.notes]
    return range(message.notes.sequence, message.notes.sequence + len(message.notes.texts))


def acknowledgement(message: Append | Run, verdict: Callable[[int], Verdict]) -> Ack:
    first = sequences_in(message)[0]
    if isinstance(message, Append):
        client_id, offset, check = message.part.client_id, message.part.offset, content_check(message.part)
    else:
        client_id, offset, check = message.notes.client_id, 0, message.check
    return Ack(message.token, client_id, (PartAck(first, offset, message.attempt, *verdict(first), check),))


def stored(sequence: int) -> Verdict:
    return Verdict(Status.STORED, 1000 + sequence)


def always(status: Status) -> Callable[[int], Verdict]:
    return lambda _: Verdict(status, 0)


@pytest.fixture
def world(outbox: Outbox) -> World:
    outbox.remember(HOME, may_choose=True)
    return World(outbox)


def test_an_entry_that_cannot_leave_the_outbox_is_not_sent_again_and_leaves_it_later(world: World) -> None:
    world.session = new_session(world.outbox, suppress(StorageError))
    fail_before(world.outbox.path, "DELETE ON entries")
    world.write("one", "two")
    assert world.carry_all(stored) == [1, 2]
    assert world.waiting() == ["one", "two"]
    world.write("three")
    world.session.look_into_outbox()
    assert world.carry_all(stored) == [3]
    change(world.outbox.path, "DROP TRIGGER failing")
    assert world.waiting() == []


@pytest.mark.parametrize("refused_last", [True, False])
def test_of_an_answer_and_a_refusal_that_arrive_together_the_later_one_counts(world: World, refused_last: bool) -> None:
    world.carry("stored before the server moved")
    world.carry("refused by the server that has the address now")
    [first, second] = world.sent()
    assert isinstance(second, Append)
    refuse = Refuse(second.token, Reason.WRONG_NOTEBOOK, second.part.client_id, second.part.sequence, 0, second.attempt)
    datagrams = [(encode(acknowledgement(first, stored)), ADDRESS), (encode(refuse), ADDRESS)]
    world.session.receive_datagrams(datagrams if refused_last else datagrams[::-1], world.now)
    world.session.handle_timeout(world.now)
    is_sent_again, is_looked_for = bool(world.sent()), bool(world.session.probes_to_send())
    assert (world.session.is_silent, is_sent_again, is_looked_for) == (refused_last, not refused_last, refused_last)


def arriving(random: Random, sent: Sequence[Append | Run], probes: Sequence[bytes]) -> list[tuple[bytes, Address]]:
    """Make datagrams that may arrive together: verdicts on some of `sent`, refusals of others, and an answer to a probe."""
    datagrams = []
    for message in random.choices(sent, k=random.randint(1, 3)) if sent else ():
        first, offset = sequences_in(message)[0], message.part.offset if isinstance(message, Append) else 0
        client_id = message.part.client_id if isinstance(message, Append) else message.notes.client_id
        refuse = Refuse(message.token, Reason.WRONG_NOTEBOOK, client_id, first, offset, message.attempt)
        answer = refuse if random.random() < 0.5 else acknowledgement(message, stored)
        datagrams.append((encode(answer), ADDRESS))
    if probes and random.random() < 0.3:
        discover = decode(random.choice(probes))
        assert isinstance(discover, Discover)
        offer = Offer(discover.probe_id, HOME.notebook_id, HOME.name, 9, "1", 0, b"s" * 16)
        datagrams.append((encode(offer), random.choice([ADDRESS, ("192.0.2.9", 6683)])))
    random.shuffle(datagrams)
    return datagrams


@pytest.mark.parametrize("seed", range(60))
def test_a_silent_server_is_looked_for_in_every_state_of_the_session(world: World, seed: int) -> None:
    random, session, sent, probes = Random(seed), world.session, list[Append | Run](), list[bytes]()
    for _ in range(40):
        match random.randrange(4):
            case 0:
                world.carry("milk" * random.choice([1, 1000]))
            case 1:
                world.now += random.choice([0.001, 0.3, 1.0, 5.0])
                session.handle_timeout(world.now)
            case 2:
                session.receive_datagrams(arriving(random, sent, probes), world.now)
            case _:
                session.record_unreachable(world.now)
        messages = [decode(data) for data, _ in session.datagrams_to_send()]
        sent += [message for message in messages if isinstance(message, Append | Run)]
        probes += session.probes_to_send()
    world.carry("bread")
    is_looked_for = False
    for _ in range(1000):  # about three minutes: the longest pause before a discovery is one
        due = session.next_timeout()
        assert due is not None
        world.now = max(world.now, due)
        session.handle_timeout(world.now)
        session.datagrams_to_send()
        is_looked_for = is_looked_for or bool(session.probes_to_send())
    assert is_looked_for


def test_an_entry_leaves_the_outbox_after_its_acknowledgement_and_a_flush_only(world: World) -> None:
    [one], [two] = world.carry("我是一个中文"), world.carry("two")
    first, second = world.sent()
    assert isinstance(first, Append)
    assert (first.notebook_id, first.part.data.decode()) == (HOME.notebook_id, "我是一个中文")
    assert world.waiting() == ["我是一个中文", "two"], "they were only sent"
    assert world.answer([first], stored) == [Stored((one,), 1001)]
    assert len(world.outbox.listing()) == 2, "removing can wait for the others"
    assert world.waiting() == ["two"]
    assert world.answer([second], lambda _: Verdict(Status.STORED_ALREADY, 7)) == [Stored((two,), 7)]
    assert (world.waiting(), world.session.outstanding, world.session.next_timeout()) == ([], 0, None)


def test_earlier_entries_are_delivered_page_by_page_in_the_order_of_writing(world: World) -> None:
    count = 2 * PAGE_ENTRIES + 1
    world.write(*(f"entry {number}" for number in range(count)))
    assert not world.session.is_idle
    assert world.carry_all(stored) == list(range(1, count + 1))
    assert (world.waiting(), world.session.is_idle) == ([], True)


def test_a_call_sends_notes_that_waited_before_its_own_and_is_idle_after_its_own(world: World) -> None:
    world.write("waited")
    world.carry("one", "two")
    sent = world.sent()
    assert [sequence for message in sent for sequence in sequences_in(message)] == [1, 2, 3]
    world.answer(sent, stored)
    assert world.waiting() == []
    world.session = new_session(world.outbox)
    world.carry("three", "four")
    assert not world.session.is_idle
    world.answer(world.sent(), stored)
    assert world.session.is_idle


def test_waiting_notes_leave_together_without_the_revisions_and_the_notes_of_others_between_them(world: World) -> None:
    two_hours, notes = 7_200_000_000, list[Entry]()
    for number in range(20):
        author, written_at = ["amy@pi", "小明"][number % 2], number % 15 * two_hours
        [note] = world.outbox.add(
            [f"note {number}"], author=author, written_at=written_at, utc_offset=60, notebook_id=HOME.notebook_id
        )
        renewed = world.outbox.renew(HOME.notebook_id, note) if number % 9 == 8 else note
        assert renewed is not None
        notes.append(renewed)
        if number % 3 == 0:
            world.write(f"change {number}", kind=Kind.REVISION)
        if number % 5 == 0:
            world.outbox.add(["elsewhere"], author="amy", written_at=0, utc_offset=0, notebook_id=WORK_ID)
    world.session.prepare(world.now)
    bundle, change = world.sent()
    assert isinstance(bundle, Run) and isinstance(bundle.notes, Bundle) and isinstance(change, Append)
    assert bundle.notes.notes == tuple(sorted(notes, key=lambda note: note.sequence))
    assert world.answer([bundle], stored) == [Stored(bundle.notes.notes, 1000 + notes[0].sequence)]
    assert world.waiting() == [f"change {number}" for number in range(0, 20, 3)]
    assert len(world.outbox.listing()) == 7 + 4


def test_entries_for_another_notebook_or_for_another_key_stay_where_they_are(world: World) -> None:
    world.outbox.add(["work"], author="amy", written_at=0, utc_offset=0, notebook_id=WORK_ID)
    world.outbox.add(["anywhere"], author="amy", written_at=0, utc_offset=0)
    assert world.carry_all(stored) == []
    world.outbox.join(HOME._replace(key_id=b"k" * 8), b"k" * 16)
    world.write("secret")
    world.session.look_into_outbox()
    assert world.carry_all(stored) == [], "this session would send it in the open"
    assert (len(world.outbox.listing()), world.session.is_idle) == (3, True)


def test_a_conflict_is_cured_by_a_new_identity_once(world: World) -> None:
    world.carry("mine")
    [append] = world.sent()
    [cure] = world.answer([append], always(Status.CONFLICT))
    assert isinstance(cure, Renewed) and cure.renewed is not None
    assert (cure.renewed.text, cure.renewed.client_id == cure.entry.client_id) == ("mine", False)
    assert world.answer(world.sent(), stored) == [Stored((cure.renewed,), 1000 + cure.renewed.sequence)]
    assert world.waiting() == []
    [entry] = world.carry("mine, too")
    renewed = world.outbox.renew(HOME.notebook_id, entry)
    assert world.answer(world.sent(), always(Status.CONFLICT)) == [Renewed(entry, None)]
    assert world.sent() == []
    assert world.outbox.waiting_for(HOME.notebook_id, limit=9) == [renewed]


def test_notes_of_a_run_that_get_new_identities_leave_together_again(world: World) -> None:
    world.carry(*map(str, range(9)))
    world.answer(world.sent(), always(Status.SPLIT))
    one_by_one = [acknowledgement(append, always(Status.CONFLICT)) for append in world.sent()]
    conflicts = one_by_one[0]._replace(parts=tuple(part for each in one_by_one for part in each.parts))
    world.session.receive_datagrams([(encode(conflicts), ADDRESS)], world.now)
    [run] = world.sent()
    assert isinstance(run, Run) and isinstance(run.notes, NoteRun)
    assert run.notes.texts == tuple(map(str, range(9)))
    world.answer([run], stored)
    assert world.waiting() == []


def test_without_space_the_whole_outbox_waits_until_it_is_looked_into_again(world: World) -> None:
    world.write(*["x"] * (PAGE_ENTRIES + 1))
    assert len(world.carry_all(always(Status.NO_SPACE))) == PAGE_ENTRIES, "the rest is not even sent"
    assert (len(world.waiting()), world.session.is_idle) == (PAGE_ENTRIES + 1, True)
    assert {each.refused for each in world.outbox.listing()} == {None}
    world.session.look_into_outbox()
    assert len(world.carry_all(stored)) == PAGE_ENTRIES + 1
    assert world.waiting() == []


@pytest.mark.parametrize("waits_for_space", [False, True])
def test_a_revision_does_not_overtake_an_earlier_one_that_waits(world: World, waits_for_space: bool) -> None:
    if waits_for_space:
        world.session.prepare(world.now)
        world.carry("first", kind=Kind.REVISION)
        world.answer(world.sent(), always(Status.NO_SPACE))
    else:
        world.write("first", kind=Kind.REVISION)
    world.carry("second", kind=Kind.REVISION)
    assert world.carry_all(stored) == [1, 2]
    assert [each.number for each in world.outbox.revisions.watched(HOME.notebook_id)] == [1001, 1002]


def test_a_deletion_of_a_note_that_is_on_its_way_is_not_sent_before_the_note_has_a_number(world: World) -> None:
    assert world.carry_all(stored) == []
    [note] = world.carry("oops")
    sent = world.sent()
    deletion = world.outbox.add(
        [""], author="amy@pi", written_at=0, utc_offset=480, notebook_id=HOME.notebook_id, kind=Kind.DELETION,
        undoes=note.sequence,
    )  # fmt: skip
    world.session.deliver_now(deletion, world.now)
    assert world.sent() == []
    world.answer(sent, stored)
    assert world.carry_all(stored) == [deletion[0].sequence]
    assert world.waiting() == []


@pytest.mark.skipif(sys.platform == "darwin", reason="macOS has another call for it")
def test_an_entry_that_another_command_adds_is_durable_before_it_is_sent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with closing(Outbox(tmp_path / "outbox.sqlite3")) as own, closing(Outbox(own.path)) as other:
        world, synced = World(own), list[int]()
        monkeypatch.setattr(os, "fdatasync", synced.append)
        world.session.prepare(world.now)
        assert not synced, "nothing waits"
        World(other).write("new")
        earlier = len(synced)
        world.session.look_into_outbox()
        world.session.prepare(world.now)
        assert (len(synced), len(world.sent())) == (earlier + 1, 1)
