"""The simulation notices each broken promise: its checks of the notebook, of readers, of traffic and of sealing."""

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing
from random import Random

import pytest

from tests.simulation.disks import NotebookDisk, OutboxDisk
from tests.simulation.history import Asked, History, Violation, check_entries, check_tallies
from tests.simulation.seals import KEY_BYTES, Seals, Watched
from tests.simulation.traffic import FOUND_IN_VAIN_MAX, Balance, Pace
from tests.simulation.witness import Witness, written
from tests.support.golden import CLIENT_ID, PROBE_ID
from udpnote.model.entry import NO_PREDECESSOR, Entry, Kind, Restored, Status, StoredEntry, split
from udpnote.model.query import FIRST, LAST, Cursor, Query, Tally, View
from udpnote.protocol.codec import encode
from udpnote.protocol.envelope import OPEN, SEALED_HEADER, Envelope
from udpnote.protocol.messages import (
    ANY_NOTEBOOK,
    KEY_CHANGED,
    Append,
    Discover,
    Message,
    Offer,
    Page,
    PageState,
    Read,
    Reason,
    Refuse,
)
from udpnote.protocol.sealed_envelope import SealedEnvelope

SOURCE = ("10.0.0.1", 50_000)


def entry(sequence: int, text: str, kind: Kind = Kind.NOTE, revises: int = 0) -> Entry:
    return Entry(b"c" * 16, sequence, kind, 1, 0, "王芳", text, revises)


def stored(number: int, text: str, kind: Kind = Kind.NOTE, revises: int = 0) -> StoredEntry:
    return StoredEntry(number, 1, entry(number, text, kind, revises), number)


def store(notebook: NotebookDisk, *entries: Entry) -> None:
    notebook.store([part for each in entries for part in split(each, 1000)], 1)


def restore(notebook: NotebookDisk, old: StoredEntry) -> None:
    notebook.store(split(old.entry, 1000, Restored(old.stored_at, *NO_PREDECESSOR)), 1)


@pytest.fixture
def notebook() -> Iterator[NotebookDisk]:
    with closing(NotebookDisk(Counter())) as disk:
        yield disk


def store_twice(witness: Witness, notebook: NotebookDisk) -> None:
    witness.wrote([entry(1, "once")])
    store(notebook, entry(1, "once"), entry(2, "once"))
    witness.look_into_notebook()


def store_another_text(witness: Witness, notebook: NotebookDisk) -> None:
    witness.wrote([entry(1, "written")])
    store(notebook, entry(1, "wrItten"))
    witness.look_into_notebook()


def acknowledge_nothing(witness: Witness, _notebook: NotebookDisk) -> None:
    witness.acknowledged(entry(1, "gone"), 1)


def acknowledge_another_entry(witness: Witness, notebook: NotebookDisk) -> None:
    store(notebook, entry(1, "stored"))
    witness.acknowledged(entry(2, "told"), 1)


def lose(witness: Witness, _notebook: NotebookDisk) -> None:
    witness.wrote([entry(1, "lost")])
    witness.look_at_all()


def remove_too_early(witness: Witness, _notebook: NotebookDisk) -> None:
    witness.wrote([entry(1, "not stored")])
    witness.removed(entry(1, "not stored"))


def forget_in_the_outbox(witness: Witness, _notebook: NotebookDisk) -> None:
    with closing(OutboxDisk()) as outbox:
        witness.look_into_outbox(outbox, [written(entry(1, "not stored"))])


def refuse_for_no_reason(witness: Witness, _notebook: NotebookDisk) -> None:
    witness.wrote([entry(1, "good"), entry(2, "revises nothing", Kind.REVISION, 9)])
    witness.refused(entry(2, "revises nothing", Kind.REVISION, 9), Status.REFUSED)
    witness.refused(entry(1, "good"), Status.REFUSED)


def overtake(witness: Witness, notebook: NotebookDisk) -> None:
    entries = [entry(1, "note"), entry(2, "first", Kind.REVISION, 1), entry(3, "second", Kind.REVISION, 1)]
    witness.wrote(entries)
    store(notebook, entries[0], entries[2], entries[1])
    witness.look_into_notebook()
    witness.look_at_order([written(each) for each in entries])


def import_out_of_order(witness: Witness, notebook: NotebookDisk) -> None:
    witness.imports([stored(1, "one"), stored(2, "two")])
    restore(notebook, stored(2, "two"))
    witness.look_into_notebook()


def import_a_revision_of_another_note(witness: Witness, notebook: NotebookDisk) -> None:
    witness.imports([stored(1, "one"), stored(2, "two"), stored(3, "revised", Kind.REVISION, 1)])
    for old in (stored(1, "one"), stored(2, "two"), stored(3, "revised", Kind.REVISION, 2)):
        restore(notebook, old)
    witness.look_into_notebook()


def import_a_part(witness: Witness, notebook: NotebookDisk) -> None:
    witness.imports([stored(1, "one"), stored(2, "two")])
    restore(notebook, stored(1, "one"))
    witness.look_into_notebook()
    witness.look_at_all()


@pytest.mark.parametrize(
    ("misdeed", "complaint"),
    [
        (store_twice, "twice"),
        (store_another_text, "nobody wrote"),
        (acknowledge_nothing, "not in the notebook"),
        (acknowledge_another_entry, "another entry"),
        (lose, "lost"),
        (remove_too_early, "leaves its outbox"),
        (forget_in_the_outbox, "left its outbox"),
        (refuse_for_no_reason, "refused for good"),
        (overtake, "written after"),
        (import_out_of_order, "was imported before #1"),
        (import_a_revision_of_another_note, "became something else"),
        (import_a_part, "1 entries of a file are lost"),
    ],
)
def test_the_witness_notices_what_goes_wrong_with_entries(
    notebook: NotebookDisk, misdeed: Callable[[Witness, NotebookDisk], None], complaint: str
) -> None:
    with pytest.raises(Violation, match=complaint):
        misdeed(Witness(notebook), notebook)


LOG = [
    stored(1, "an apple"),
    stored(2, "a pear"),
    stored(3, "an orange", Kind.REVISION, 2),
    stored(4, "", Kind.DELETION, 1),
    stored(5, "a plum"),
]
PEAR, ORANGE = LOG[1], LOG[1]._replace(entry=LOG[1].entry._replace(text="an orange"), version=3)
WHOLE_LOG, NOTES, ORANGES = Query(View.LOG), Query(View.NOTES), Query(View.NOTES, words=("orange",))
NEWEST = Query(View.LOG, newest_first=True)


def history(*, commits: bool = True, until: int = len(LOG)) -> History:
    """A history of `LOG`, each entry committed by itself, or all together."""
    kept = History()
    for each in LOG[:until]:
        kept.add(each)
        if commits:
            kept.commit()
    kept.commit()
    return kept


@pytest.mark.parametrize(
    ("asked", "items"),
    [
        (Asked(WHOLE_LOG, began=3), LOG[:3]),
        (Asked(WHOLE_LOG, began=3), LOG),
        (Asked(WHOLE_LOG, began=5, start=4), LOG[3:]),
        (Asked(NEWEST, began=3, limit=2), [LOG[3], LOG[2]]),
        (Asked(Query(View.LOG, numbers=(3,)), began=5), LOG[1:3]),
        (Asked(NOTES, began=5), [ORANGE, LOG[4]]),
        (Asked(NOTES, began=2), LOG[:2]),
        (Asked(NOTES, began=2), [ORANGE]),
        (Asked(ORANGES, began=2), []),
        (Asked(ORANGES, began=2), [ORANGE]),
    ],
)
def test_a_reader_may_get_what_was_so_at_some_moment(asked: Asked, items: list[StoredEntry]) -> None:
    check_entries(history(), asked, items, is_complete=True)


@pytest.mark.parametrize(
    ("asked", "items", "complaint"),
    [
        (Asked(WHOLE_LOG, began=3), LOG[:2], "not given #3"),
        (Asked(WHOLE_LOG, began=3), [*LOG[:3], LOG[4]], "not given #4"),
        (Asked(WHOLE_LOG, began=3), [LOG[0], *LOG], "twice"),
        (Asked(WHOLE_LOG, began=3), [LOG[1], LOG[0], LOG[2]], "out of order"),
        (Asked(WHOLE_LOG, began=3), [*LOG, stored(6, "late")], "not in the notebook"),
        (Asked(WHOLE_LOG, began=5, start=4), LOG[2:], "never was"),
        (Asked(NEWEST, began=5, limit=2), [LOG[4], LOG[2]], "not given #4"),
        (Asked(NEWEST, began=5, limit=2), LOG[:1:-1], "wanted 2"),
        (Asked(Query(View.LOG, numbers=(3,)), began=5), LOG[2:3], "not given #2"),
        (Asked(NOTES, began=5), [PEAR, LOG[4]], "never was"),
        (Asked(NOTES, began=5), [LOG[4]], "not given #2"),
        (Asked(NOTES, began=5), [LOG[0], ORANGE, LOG[4]], "never was"),
        (Asked(ORANGES, began=3), [], "not given #2"),
        (Asked(ORANGES, began=2), [PEAR], "never was"),
    ],
)
def test_the_chronicle_notices_what_was_read_wrong(asked: Asked, items: list[StoredEntry], complaint: str) -> None:
    with pytest.raises(Violation, match=complaint):
        check_entries(history(), asked, items, is_complete=True)


def test_a_text_that_was_replaced_in_the_same_commit_was_never_seen() -> None:
    with pytest.raises(Violation, match="never was"):
        check_entries(history(commits=False, until=3), Asked(NOTES, began=0), [LOG[0], PEAR], is_complete=True)


def test_a_reading_that_is_cut_short_need_not_have_come_to_the_end() -> None:
    check_entries(history(), Asked(WHOLE_LOG, began=5), LOG[:2], is_complete=False)
    with pytest.raises(Violation, match="not given #1"):
        check_entries(history(), Asked(WHOLE_LOG, began=5), LOG[1:2], is_complete=False)


def test_the_chronicle_notices_tallies_that_were_never_so() -> None:
    asked = Asked(Query(View.AUTHORS), began=3)
    for amount in (1, 2):
        check_tallies(history(), asked, [Tally(1, "王芳", amount)])
    with pytest.raises(Violation, match="never so"):
        check_tallies(history(), asked, [Tally(1, "王芳", 3)])


NOTEBOOK_ID = b"n" * 16
READ = encode(Read(NOTEBOOK_ID, b"stream 1", 7, FIRST, 0, 0, NOTES))
SAME_PLACE, ELSEWHERE = (encode(Read(NOTEBOOK_ID, b"stream 1", 8, cursor, 0, 0, NOTES)) for cursor in (FIRST, LAST))


def page(turn: int, texts: int = 0) -> bytes:
    items = tuple(stored(number, "x" * 250) for number in range(1, texts + 1))
    return encode(Page(b"stream 1", turn, PageState.MORE, FIRST, Cursor(9, 0), Cursor(9, 0), 9, 0, items))


def test_a_page_is_paid_for_by_the_reads_of_its_turn_even_later() -> None:
    balance = Balance(NOTEBOOK_ID)
    balance.received([(READ, SOURCE)])
    balance.answered([])
    balance.received([(READ, SOURCE), (ELSEWHERE, SOURCE)])
    balance.answered([])
    balance.served([(page(7, 3), SOURCE), (page(7, 3), SOURCE), (page(8, 3), SOURCE)])


def test_reads_from_the_same_place_may_pay_for_each_other_until_they_are_answered() -> None:
    balance = Balance(NOTEBOOK_ID)
    balance.received([(READ, SOURCE), (SAME_PLACE, SOURCE)])
    balance.served([(page(7, 3), SOURCE), (page(7, 3), SOURCE)])
    balance.received([(SAME_PLACE, SOURCE)])
    with pytest.raises(Violation, match="amplifies"):
        balance.served([(page(7, 3), SOURCE)])


def test_a_turn_that_was_interrupted_may_be_answered_twice_if_it_is_paid_for_twice() -> None:
    balance = Balance(NOTEBOOK_ID)
    balance.received([(READ, SOURCE)])
    balance.interrupted()
    balance.received([(SAME_PLACE, SOURCE)])
    balance.served([(page(7, 3), SOURCE), (page(8, 3), SOURCE)])
    with pytest.raises(Violation, match="amplifies"):
        balance.served([(page(8, 3), SOURCE)])


@pytest.mark.parametrize("pages", [[page(7, 3)] * 2, [page(8)], [page(7)] * 20])
def test_a_page_that_nobody_paid_for_is_amplification(pages: list[bytes]) -> None:
    balance = Balance(NOTEBOOK_ID)
    balance.received([(READ, SOURCE)])
    with pytest.raises(Violation, match="amplifies"):
        balance.served([(data, SOURCE) for data in pages])


def test_one_byte_more_than_was_received_is_amplification() -> None:
    balance = Balance(NOTEBOOK_ID)
    balance.received([(b"12", SOURCE), (b"3", SOURCE)])
    balance.answered([(b"abc", SOURCE)])
    balance.received([(b"123", SOURCE)])
    with pytest.raises(Violation, match="amplifies"):
        balance.answered([(b"abcd", SOURCE)])


def test_two_datagrams_to_a_silent_server_within_three_seconds_are_too_many() -> None:
    pace = Pace(0.0)
    pace.sent(10, 0.0)
    pace.begin_silence(0.5)
    pace.sent(1, 4.0)
    with pytest.raises(Violation, match="silent server"):
        pace.sent(1, 6.9)


def test_a_client_that_does_not_notice_the_silence_sends_too_much() -> None:
    pace = Pace(0.0)
    pace.sent(1, 21.0)
    with pytest.raises(Violation, match="silent server"):
        pace.sent(1, 22.0)


def test_a_server_that_is_found_again_and_again_is_flooded() -> None:
    pace = Pace(0.0)
    for turn in range(FOUND_IN_VAIN_MAX):
        pace.found(float(turn))
    with pytest.raises(Violation, match="without an answer"):
        pace.found(float(FOUND_IN_VAIN_MAX))


REQUEST = Append(NOTEBOOK_ID, 1, split(entry(1, "a note that nobody else reads"), 1000)[0])
DISCOVER, OFFER = Discover(PROBE_ID, ANY_NOTEBOOK), Offer(PROBE_ID, NOTEBOOK_ID, "sealed", 3, "0.1.0", 0)
REFUSAL = Refuse(Reason.WRONG_NOTEBOOK, CLIENT_ID, 1, 0, 1)
EMPTY_PAGE = Page(b"stream 1", 7, PageState.END, FIRST, FIRST, FIRST, 0, 0, ())
OFFER_OF_CHANGE = OFFER._replace(flags=KEY_CHANGED, entries=0)
CHANGE_TOLD = [
    OFFER_OF_CHANGE,
    REFUSAL._replace(reason=Reason.KEY_CHANGED),
    EMPTY_PAGE._replace(state=PageState.KEY_CHANGED),
]


@pytest.fixture
def seals() -> Seals:
    """The seals of a notebook with one key."""
    made = Seals(Random(6683), is_sealed=True)
    made.of_server(0.0)
    return made


def client(seals: Seals) -> Envelope:
    return seals.client(seals.key_id)


def keys_of(holder: Seals | Envelope) -> set[bytes]:
    """The key that is in force, or the key of an envelope."""
    assert holder.key_id is not None
    return {holder.key_id}


def server(seals: Seals) -> Envelope:
    return seals.of_server(0.0).accepted[0]


def take_back(seals: Seals) -> tuple[Envelope, Envelope]:
    """Change the key; gives the envelopes of a client and of the server with the key before."""
    before = client(seals)
    seals.rotate(0.0)
    return before, seals.of_server(0.0).retired[0]


class Gullible(SealedEnvelope):
    """An envelope that unseals anything."""

    def unseal(self, data: bytes) -> bytes:
        return data[len(SEALED_HEADER) :]


class Transparent(SealedEnvelope):
    """An envelope that hides nothing."""

    def seal(self, body: bytes) -> bytes:
        return SEALED_HEADER + self._random_bytes(16) + body


class Constant(Random):
    """Chance that always gives the same."""

    def randbytes(self, n: int) -> bytes:
        return bytes(n)


@pytest.mark.parametrize("is_client", [True, False])
def test_unsealing_what_the_other_end_has_not_sealed_is_noticed(is_client: bool) -> None:
    real = Gullible(bytes(KEY_BYTES), seals_with=b"one way", opens_with=b"the other", random_bytes=Random(1).randbytes)
    envelope = Watched(real, {}, is_client=is_client)
    own = envelope.seal(b"UN\1\1 what this end says itself")
    for data in (own, SEALED_HEADER + b"UN\1\1 forged"):
        with pytest.raises(Violation, match="nobody at the other end"):
            envelope.unseal(data)


def test_what_one_end_has_sealed_the_other_end_may_unseal(seals: Seals) -> None:
    body = OPEN.unseal(encode(REQUEST))
    assert server(seals).unseal(client(seals).seal(body)) == body
    assert client(seals).unseal(server(seals).seal(body)) == body


def test_a_salt_that_is_used_twice_is_noticed() -> None:
    seals = Seals(Constant(), is_sealed=True)
    encode(REQUEST, client(seals))
    with pytest.raises(Violation, match="one salt"):
        encode(DISCOVER, client(seals))


@pytest.mark.parametrize("message", [REQUEST, DISCOVER._replace(notebook_id=NOTEBOOK_ID), REFUSAL])
def test_what_a_client_of_a_sealed_notebook_says_openly_is_noticed(seals: Seals, message: Message) -> None:
    seals.check_request(encode(DISCOVER), keys_of(seals))
    seals.check_request(encode(message, client(seals)), keys_of(seals))
    with pytest.raises(Violation, match="in the open"):
        seals.check_request(encode(message), keys_of(seals))


def test_what_a_client_seals_with_a_key_that_is_not_its_own_is_noticed(seals: Seals) -> None:
    before, _ = take_back(seals)
    data = encode(REQUEST, before)
    seals.check_request(data, keys_of(before))
    with pytest.raises(Violation, match="than its own"):
        seals.check_request(data, keys_of(seals))
    with pytest.raises(Violation, match="none of the notebook's"):
        seals.check_request(encode(REQUEST, seals.stranger), keys_of(seals))


def test_what_a_sealed_server_says_openly_or_as_a_client_is_noticed(seals: Seals) -> None:
    seals.check_answer(encode(OFFER, server(seals)))
    for envelope in (OPEN, client(seals)):
        with pytest.raises(Violation, match="in the open"):
            seals.check_answer(encode(OFFER, envelope))


def test_a_sealed_datagram_that_can_be_read_is_noticed(seals: Seals) -> None:
    real = Transparent(seals.key, seals_with=b"requests", opens_with=b"answers", random_bytes=Random(1).randbytes)
    data = encode(REQUEST, Watched(real, seals.sealed, is_client=True))
    with pytest.raises(Violation, match="can be read"):
        seals.check_request(data, keys_of(seals))


@pytest.mark.parametrize("message", CHANGE_TOLD)
def test_under_an_old_key_a_server_may_say_that_it_was_changed(seals: Seals, message: Message) -> None:
    _, before = take_back(seals)
    seals.check_answer(encode(message, before))


@pytest.mark.parametrize("message", [OFFER, OFFER._replace(flags=KEY_CHANGED), REFUSAL, EMPTY_PAGE])
def test_what_else_a_server_says_under_an_old_key_is_noticed(seals: Seals, message: Message) -> None:
    _, before = take_back(seals)
    with pytest.raises(Violation, match="should not accept any more"):
        seals.check_answer(encode(message, before))


def test_an_old_key_that_is_accepted_for_a_while_is_answered_as_before_for_that_long(seals: Seals) -> None:
    seals.rotate(30.0)
    _, before = seals.of_server(29.0).accepted
    data = encode(OFFER, before)
    seals.check_answer(data)
    assert seals.of_server(30.0).retired == (before,)
    with pytest.raises(Violation, match="should not accept any more"):
        seals.check_answer(data)


def test_telling_a_client_too_early_that_the_key_has_changed_is_noticed(seals: Seals) -> None:
    before = keys_of(seals)
    seals.rotate(0.0)
    with pytest.raises(Violation, match="still holds"):
        seals.check_told(before)  # the server has not looked yet
    seals.of_server(0.0)
    seals.check_told(before)
    with pytest.raises(Violation, match="still holds"):
        seals.check_told(keys_of(seals))


def test_what_no_client_has_sealed_pays_for_no_answer(seals: Seals) -> None:
    balance = Balance(NOTEBOOK_ID, seals)
    strange = encode(DISCOVER, seals.stranger)
    requests = [encode(DISCOVER), strange, strange[:-1], encode(DISCOVER, client(seals))[:-1], encode(OFFER, server(seals))]
    balance.received([(data, SOURCE) for data in requests])
    with pytest.raises(Violation, match="amplifies"):
        balance.answered([(encode(OFFER, server(seals)), SOURCE)])


def test_what_a_client_has_sealed_pays_for_an_answer_under_its_own_key(seals: Seals) -> None:
    before, retired = take_back(seals)
    balance = Balance(NOTEBOOK_ID, seals)
    for envelope, answer in (
        (client(seals), encode(OFFER, server(seals))),
        (before, encode(OFFER_OF_CHANGE, retired)),
    ):
        balance.received([(encode(DISCOVER, envelope), SOURCE)])
        balance.answered([(answer, SOURCE)])
    balance.received([(encode(DISCOVER, before), SOURCE)])
    with pytest.raises(Violation, match="amplifies"):
        balance.answered([(encode(OFFER, server(seals)), SOURCE)])


def test_each_read_under_an_old_key_may_be_answered(seals: Seals) -> None:
    before, retired = take_back(seals)
    balance = Balance(NOTEBOOK_ID, seals)
    read = Read(NOTEBOOK_ID, b"stream 1", 7, FIRST, 0, 0, NOTES)
    balance.received([(encode(read._replace(turn=turn), before), SOURCE) for turn in (7, 8)])
    told = EMPTY_PAGE._replace(state=PageState.KEY_CHANGED)
    balance.answered([(encode(told._replace(turn=turn), retired), SOURCE) for turn in (7, 8)])
