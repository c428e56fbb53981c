"""The simulation notices each broken promise, and takes nothing for one that is allowed."""

from collections import Counter
from collections.abc import Callable
from contextlib import closing, nullcontext
from random import Random

import pytest

from tests.simulation.disks import NotebookDisk, OutboxDisk
from tests.simulation.history import Asked, History, Violation, check_entries, check_tallies
from tests.simulation.seals import Seals
from tests.simulation.traffic import FOUND_IN_VAIN_MAX, Balance, Pace
from tests.simulation.witness import Witness, written
from tests.support.golden import CLIENT_ID, PROBE_ID, TOKEN
from udpnote.model.entry import NO_PREDECESSOR, Entry, Kind, Restored, Status, StoredEntry, split
from udpnote.model.query import FIRST, LAST, Cursor, Query, Tally, View
from udpnote.protocol.codec import encode
from udpnote.protocol.envelope import OPEN
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

SOURCE = ("10.0.0.1", 50_000)


def violation(complaint: str) -> pytest.RaisesExc[Violation]:
    return pytest.raises(Violation, match=complaint)


# Entries


def entry(sequence: int, text: str, revises: int = 0) -> Entry:
    return Entry(b"c" * 16, sequence, Kind.REVISION if revises else Kind.NOTE, 1, 0, "王芳", text, revises)


def stored(number: int, text: str, revises: int = 0) -> StoredEntry:
    return StoredEntry(number, 1, entry(number, text, revises), number)


class Scene(Witness):
    """A witness, and what users and the notebook do in front of it."""

    def __init__(self, notebook: NotebookDisk) -> None:
        super().__init__(notebook)
        self.notebook = notebook

    def store(self, *entries: Entry, wrote: tuple[Entry, ...] = ()) -> None:
        """Have users write, and the notebook store."""
        self.wrote(list(wrote))
        self.notebook.store([part for each in entries for part in split(each, 1000)], 1)
        self.look_into_notebook()
        self.look_at_all()

    def restore(self, file: list[StoredEntry], *restored: StoredEntry) -> None:
        """Have a user import `file`, and the notebook restore."""
        self.imports(file)
        for old in restored:
            self.notebook.store(split(old.entry, 1000, Restored(old.stored_at, *NO_PREDECESSOR)), 1)
        self.store()

    def confuse(self, stored: Entry, told: Entry) -> None:
        self.store(stored, wrote=(stored,))
        self.acknowledged(told, stored.sequence)

    def forget(self, lost: Entry) -> None:
        with closing(OutboxDisk()) as outbox:
            self.look_into_outbox(outbox, [written(lost)])

    def refuse(self) -> None:
        entries = [entry(1, "good"), entry(2, "revises nothing", 9)]
        self.wrote(entries)
        for each in reversed(entries):
            self.refused(each, Status.REFUSED)

    def overtake(self) -> None:
        note, first, second = entries = (entry(1, "note"), entry(2, "first", 1), entry(3, "second", 1))
        self.store(note, second, first, wrote=entries)
        self.look_at_order([written(each) for each in entries])


ONE, TWO = stored(1, "one"), stored(2, "two")


@pytest.mark.parametrize(
    ("complaint", "misdeed"),
    [
        ("twice", lambda it: it.store(entry(1, "once"), entry(2, "once"), wrote=(entry(1, "once"),))),
        ("nobody wrote", lambda it: it.store(entry(1, "wrItten"), wrote=(entry(1, "written"),))),
        ("not in the notebook", lambda it: it.acknowledged(entry(1, "gone"), 1)),
        ("another entry", lambda it: it.confuse(entry(1, "stored"), entry(2, "told"))),
        ("lost", lambda it: it.store(wrote=(entry(1, "lost"),))),
        ("leaves its outbox", lambda it: it.removed(entry(1, "not stored"))),
        ("left its outbox", lambda it: it.forget(entry(1, "not stored"))),
        ("'good' was refused for good", Scene.refuse),
        ("written after", Scene.overtake),
        ("was imported before #1", lambda it: it.restore([ONE, TWO], TWO)),
        ("became something else", lambda it: it.restore([ONE, TWO, stored(3, "new", 1)], ONE, TWO, stored(3, "new", 2))),
        ("1 entries of a file are lost", lambda it: it.restore([ONE, TWO], ONE)),
    ],
)
def test_what_goes_wrong_with_entries_is_noticed(complaint: str, misdeed: Callable[[Scene], None]) -> None:
    with closing(NotebookDisk(Counter())) as notebook, violation(complaint):
        misdeed(Scene(notebook))


# Readers

LOG = [stored(1, "an apple"), stored(2, "a pear"), stored(3, "an orange", 2), stored(4, "", 1), stored(5, "a plum")]
LOG[3] = LOG[3]._replace(entry=LOG[3].entry._replace(kind=Kind.DELETION))
PEAR, ORANGE = LOG[1], LOG[1]._replace(entry=LOG[1].entry._replace(text="an orange"), version=3)
WHOLE_LOG, NOTES, ORANGES = Query(View.LOG), Query(View.NOTES), Query(View.NOTES, words=("orange",))
NEWEST, NUMBER_3 = Query(View.LOG, newest_first=True), Query(View.LOG, numbers=(3,))


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
    ("asked", "items", "complaint"),
    [
        (Asked(WHOLE_LOG, began=3), LOG[:3], ""),
        (Asked(WHOLE_LOG, began=3), LOG, ""),
        (Asked(WHOLE_LOG, began=5, start=4), LOG[3:], ""),
        (Asked(NEWEST, began=3, limit=2), [LOG[3], LOG[2]], ""),
        (Asked(NUMBER_3, began=5), LOG[1:3], ""),
        (Asked(NOTES, began=5), [ORANGE, LOG[4]], ""),
        (Asked(NOTES, began=2), LOG[:2], ""),
        (Asked(NOTES, began=2), [ORANGE], ""),
        (Asked(ORANGES, began=2), [], ""),
        (Asked(ORANGES, began=2), [ORANGE], ""),
        (Asked(WHOLE_LOG, began=3), LOG[:2], "not given #3"),
        (Asked(WHOLE_LOG, began=3), [*LOG[:3], LOG[4]], "not given #4"),
        (Asked(WHOLE_LOG, began=3), [LOG[0], *LOG], "twice"),
        (Asked(WHOLE_LOG, began=3), [LOG[1], LOG[0], LOG[2]], "out of order"),
        (Asked(WHOLE_LOG, began=3), [*LOG, stored(6, "late")], "not in the notebook"),
        (Asked(WHOLE_LOG, began=5, start=4), LOG[2:], "never was"),
        (Asked(NEWEST, began=5, limit=2), [LOG[4], LOG[2]], "not given #4"),
        (Asked(NEWEST, began=5, limit=2), LOG[:1:-1], "wanted 2"),
        (Asked(NUMBER_3, began=5), LOG[2:3], "not given #2"),
        (Asked(NOTES, began=5), [PEAR, LOG[4]], "never was"),
        (Asked(NOTES, began=5), [LOG[4]], "not given #2"),
        (Asked(NOTES, began=5), [LOG[0], ORANGE, LOG[4]], "never was"),
        (Asked(ORANGES, began=3), [], "not given #2"),
        (Asked(ORANGES, began=2), [PEAR], "never was"),
    ],
)
def test_a_reader_gets_what_was_so_at_some_moment(asked: Asked, items: list[StoredEntry], complaint: str) -> None:
    with violation(complaint) if complaint else nullcontext():
        check_entries(history(), asked, items, is_complete=True)


def test_of_one_commit_only_the_end_is_seen_and_a_reading_that_was_cut_short_lacks_its_end_only() -> None:
    with violation("never was"):
        check_entries(history(commits=False, until=3), Asked(NOTES, began=0), [LOG[0], PEAR], is_complete=True)
    check_entries(history(), Asked(WHOLE_LOG, began=5), LOG[:2], is_complete=False)
    with violation("not given #1"):
        check_entries(history(), Asked(WHOLE_LOG, began=5), LOG[1:2], is_complete=False)


def test_tallies_that_were_never_so_are_noticed() -> None:
    asked = Asked(Query(View.AUTHORS), began=3)
    for amount in (1, 2):
        check_tallies(history(), asked, [Tally(1, "王芳", amount)])
    with violation("never so"):
        check_tallies(history(), asked, [Tally(1, "王芳", 3)])


# Traffic

NOTEBOOK_ID = b"n" * 16
ANY_READ = Read(NOTEBOOK_ID, b"stream 1", 7, FIRST, 0, 0, NOTES)
READ, SAME_PLACE, ELSEWHERE = map(encode, (ANY_READ, ANY_READ._replace(burst=8), ANY_READ._replace(burst=8, cursor=LAST)))


def page(burst: int, texts: int = 3) -> bytes:
    items = tuple(stored(number, "x" * 250) for number in range(1, texts + 1))
    return encode(Page(b"stream 1", burst, PageState.MORE, FIRST, Cursor(9, 0), Cursor(9, 0), 9, 0, items))


def give(balance: Balance, *steps: tuple[str, list[bytes]]) -> None:
    """Have a server do `steps`: what it received, answered or served."""
    for name, datagrams in steps:
        getattr(balance, name)(*([[(data, SOURCE) for data in datagrams]] if name != "interrupted" else []))


READ_ONCE = ("received", [READ])


@pytest.mark.parametrize(
    ("allowed", "amplified"),
    [
        (
            [READ_ONCE, ("answered", []), ("received", [READ, ELSEWHERE]), ("answered", []), ("served", [page(7)] * 2)],
            [page(7)],
        ),
        ([READ_ONCE, ("answered", []), ("received", [ELSEWHERE]), ("served", [page(7), page(8)])], [page(8)]),
        ([("received", [READ, SAME_PLACE]), ("served", [page(7)] * 2), ("received", [SAME_PLACE])], [page(7)]),
        ([READ_ONCE, ("interrupted", []), ("received", [SAME_PLACE]), ("served", [page(7), page(8)])], [page(8)]),
        ([READ_ONCE], [page(7)] * 2),
        ([READ_ONCE], [page(8, 0)]),
        ([READ_ONCE], [page(7, 0)] * 20),
        ([("received", [b"12", b"3"]), ("answered", [b"abc"]), ("received", [b"123"])], [b"abcd"]),
    ],
)
def test_what_nobody_paid_for_is_amplification(allowed: list[tuple[str, list[bytes]]], amplified: list[bytes]) -> None:
    balance = Balance(NOTEBOOK_ID)
    give(balance, *allowed)
    with violation("amplifies"):
        give(balance, ("served" if amplified[0].startswith(b"UN") else "answered", amplified))


def test_a_client_that_floods_a_silent_server_or_does_not_notice_the_silence_is_noticed() -> None:
    told, untold, vain = Pace(0.0), Pace(0.0), Pace(0.0)
    told.sent(10, 0.0)
    told.begin_silence(0.5)
    for pace, moments in ((told, (4.0, 6.9)), (untold, (21.0, 22.0))):
        pace.sent(1, moments[0])
        with violation("silent server"):
            pace.sent(1, moments[1])
    for burst in range(FOUND_IN_VAIN_MAX):
        vain.found(float(burst))
    with violation("without an answer"):
        vain.found(float(FOUND_IN_VAIN_MAX))


# Sealing

REQUEST = Append(NOTEBOOK_ID, TOKEN, 1, split(entry(1, "a note that nobody else reads"), 1000)[0])
DISCOVER, OFFER = Discover(PROBE_ID, ANY_NOTEBOOK), Offer(PROBE_ID, NOTEBOOK_ID, "sealed", 3, "0.1.0", 0)
REFUSAL = Refuse(TOKEN, Reason.WRONG_NOTEBOOK, CLIENT_ID, 1, 0, 1)
EMPTY_PAGE = Page(b"stream 1", 7, PageState.END, FIRST, FIRST, FIRST, 0, 0, ())
OFFER_OF_CHANGE, PAGE_OF_CHANGE = OFFER._replace(flags=KEY_CHANGED, entries=0), EMPTY_PAGE._replace(state=PageState.KEY_CHANGED)


class RotatedSeals(Seals):
    """The keys of a sealed notebook: its first one, taken back, and the one in force."""

    def __init__(self) -> None:
        super().__init__(Random(6683), is_sealed=True)
        self.of_server(0.0)
        self.old_ids = list(self._keys)
        self.rotate(0.0)
        with violation("still holds"):
            self.check_told(self.old_ids)  # the server has not looked yet
        (self.server,), (self.old_server,) = self.of_server(0.0)[:2]
        self.ids = [key_id for key_id in self._keys if key_id not in self.old_ids]
        [self.old_client] = self.former


def test_what_a_client_says_openly_or_with_another_key_than_its_own_is_noticed() -> None:
    seals = RotatedSeals()
    allowed = [(encode(DISCOVER), seals.ids), (encode(REQUEST, seals.client), seals.ids)]
    for data, own in [*allowed, (encode(REQUEST, seals.old_client), seals.old_ids)]:
        seals.check_request(data, own)
    openly = [(encode(each), "in the open") for each in (REQUEST, DISCOVER._replace(notebook_id=NOTEBOOK_ID), REFUSAL)]
    foreign = [(encode(REQUEST, seals.old_client), "than its own"), (encode(REQUEST, seals.stranger), "none of the notebook")]
    for data, complaint in [*openly, *foreign]:
        with violation(complaint):
            seals.check_request(data, seals.ids)


def test_what_a_server_says_openly_as_a_client_or_under_an_old_key_is_noticed() -> None:
    seals = RotatedSeals()
    check = seals.check_answer
    check(encode(OFFER, seals.server))
    for change in (OFFER_OF_CHANGE, REFUSAL._replace(reason=Reason.KEY_CHANGED), PAGE_OF_CHANGE):
        check(encode(change, seals.old_server))
    for envelope in (OPEN, seals.client):
        with violation("in the open"):
            check(encode(OFFER, envelope))
    others: list[Message] = [OFFER, OFFER._replace(flags=KEY_CHANGED), REFUSAL, EMPTY_PAGE]
    for message in others:
        with violation("should not accept any more"):
            check(encode(message, seals.old_server))


def test_an_old_key_may_be_used_for_its_time_and_a_client_is_not_told_too_early() -> None:
    seals = RotatedSeals()
    seals.check_told(seals.old_ids)
    with violation("still holds"):
        seals.check_told(seals.ids)
    seals.rotate(30.0)
    data = encode(OFFER, seals.of_server(29.0).accepted[1])
    seals.check_answer(data)
    assert seals.server in seals.of_server(30.0).retired
    with violation("should not accept any more"):
        seals.check_answer(data)


def test_what_a_client_has_sealed_pays_for_an_answer_under_its_own_key_and_nothing_else_does() -> None:
    seals = RotatedSeals()
    balance, strange = Balance(NOTEBOOK_ID, seals), encode(DISCOVER, seals.stranger)
    offer, probe = encode(OFFER, seals.server), encode(DISCOVER, seals.client)
    changed = encode(OFFER_OF_CHANGE, seals.old_server)
    give(balance, ("received", [probe]), ("answered", [offer]))
    give(balance, ("received", [encode(DISCOVER, seals.old_client)]), ("answered", [changed]))
    give(balance, ("received", [encode(ANY_READ._replace(burst=burst), seals.old_client) for burst in (7, 8)]))
    give(balance, ("answered", [encode(PAGE_OF_CHANGE._replace(burst=burst), seals.old_server) for burst in (7, 8)]))
    for unpaid in ([encode(DISCOVER, seals.old_client)], [encode(DISCOVER), strange, strange[:-1], probe[:-1], offer]):
        give(balance, ("received", unpaid))
        with violation("amplifies"):
            give(balance, ("answered", [encode(OFFER, seals.server)]))
        balance = Balance(NOTEBOOK_ID, seals)
