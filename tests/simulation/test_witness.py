"""The simulation notices each kind of broken promise."""

from collections import Counter
from collections.abc import Callable
from contextlib import closing, nullcontext
from random import Random

import pytest

from tests.simulation.disks import NotebookDisk
from tests.simulation.history import Asked, History, Violation, check_entries, check_tallies
from tests.simulation.seals import Seals
from tests.simulation.traffic import FOUND_IN_VAIN_MAX, Balance, Pace
from tests.simulation.witness import Witness, written
from tests.support.golden import PROBE_ID, TOKEN
from udpnote.model.entry import Entry, Kind, SeenEntry, Status, StoredEntry, split
from udpnote.model.query import FIRST, Cursor, Query, Tally, View
from udpnote.protocol.codec.codec import encode
from udpnote.protocol.messages import ANY_NOTEBOOK, Append, Discover, Offer
from udpnote.protocol.reading_messages import Page, PageState, Read

SOURCE = ("10.0.0.1", 50_000)


def violation(complaint: str) -> pytest.RaisesExc[Violation]:
    return pytest.raises(Violation, match=complaint)


# Entries


def entry(sequence: int, text: str, revises: int = 0) -> Entry:
    return Entry(b"c" * 16, sequence, Kind.REVISION if revises else Kind.NOTE, 1, 0, "王芳", text, revises)


def stored(number: int, text: str, revises: int = 0) -> StoredEntry:
    return StoredEntry(number, 1, entry(number, text, revises), number)


class Scene(Witness):
    """A witness, with methods that do what users and the notebook do."""

    def __init__(self, notebook: NotebookDisk) -> None:
        super().__init__(notebook)
        self.notebook = notebook

    def store(self, *entries: Entry, wrote: tuple[Entry, ...] = ()) -> None:
        """Let users write `wrote`, and let the notebook store `entries`; then let the witness check everything."""
        self.wrote(list(wrote))
        self.notebook.store([part for each in entries for part in split(each, 1000)], 1)
        self.look_into_notebook()
        self.look_at_all()

    def refuse(self, refused: Entry) -> None:
        self.wrote([refused])
        self.refused(refused, Status.REFUSED)

    def overtake(self) -> None:
        """Store a user's second revision of a note before the first one."""
        note, first, second = entries = (entry(1, "note"), entry(2, "first", 1), entry(3, "second", 1))
        self.store(note, second, first, wrote=entries)
        self.look_at_order([written(each) for each in entries])

    def forget_import(self) -> None:
        """Begin an import, and store nothing of it."""
        self.imports([stored(1, "one")])
        self.store()


@pytest.mark.parametrize(
    ("complaint", "misdeed"),
    [
        ("twice", lambda scene: scene.store(entry(1, "once"), entry(2, "once"), wrote=(entry(1, "once"),))),
        ("nobody wrote", lambda scene: scene.store(entry(1, "wrItten"), wrote=(entry(1, "written"),))),
        ("not in the notebook", lambda scene: scene.acknowledged(entry(1, "gone"), 1)),
        ("are lost", lambda scene: scene.store(wrote=(entry(1, "lost"),))),
        ("leaves its outbox", lambda scene: scene.removed(entry(1, "not stored"))),
        ("'good' was refused for good", lambda scene: scene.refuse(entry(1, "good"))),
        ("written after", Scene.overtake),
        ("1 entries of a file are lost", Scene.forget_import),
    ],
)
def test_a_broken_promise_about_entries_is_noticed(complaint: str, misdeed: Callable[[Scene], None]) -> None:
    with closing(NotebookDisk(Counter())) as notebook, violation(complaint):
        misdeed(Scene(notebook))


def test_a_revision_that_was_refused_before_a_restart_may_be_stored_after_a_later_one() -> None:
    note, early, later, between = entries = (
        entry(1, "note"),
        entry(2, "early", 3),
        entry(3, "later", 1),
        entry(4, "between", 1),
    )
    with closing(NotebookDisk(Counter())) as notebook:
        scene = Scene(notebook)
        scene.wrote(list(entries))
        notebook.store(split(early, 1000), 1)
        notebook.reopen(Random(1))
        scene.store(note, later, between, early)
        scene.look_at_order([written(each) for each in entries])


# Readers

LOG = [stored(1, "an apple"), stored(2, "a pear"), stored(3, "an orange", 2), stored(4, "", 1), stored(5, "a plum")]
LOG[3] = LOG[3]._replace(entry=LOG[3].entry._replace(kind=Kind.DELETION))
WHOLE_LOG, NOTES, ORANGES = Query(View.LOG), Query(View.NOTES), Query(View.NOTES, words=("orange",))


def history() -> History:
    """A history of `LOG`, each entry committed by itself."""
    kept = History()
    for each in LOG:
        kept.add(each)
        kept.commit()
    return kept


@pytest.mark.parametrize(
    ("asked", "items", "complaint"),
    [
        (Asked(WHOLE_LOG, began=3), LOG[:2], "not given #3"),
        (Asked(WHOLE_LOG, began=3), [LOG[1], LOG[0], LOG[2]], "out of order"),
        (Asked(WHOLE_LOG, began=3), [*LOG, stored(6, "late")], "not in the notebook"),
        (Asked(Query(View.LOG, newest_first=True), began=5, limit=2), LOG[:1:-1], "wanted 2"),
        (Asked(NOTES, began=5), [LOG[1], LOG[4]], "never was"),
        (Asked(ORANGES, began=3), [], "not given #2"),
    ],
)
def test_a_wrong_result_for_a_reader_is_noticed(asked: Asked, items: list[StoredEntry], complaint: str) -> None:
    with violation(complaint):
        check_entries(history(), asked, items, is_complete=True)


def test_tallies_that_were_right_at_no_moment_are_noticed() -> None:
    with violation("never so"):
        check_tallies(history(), Asked(Query(View.AUTHORS), began=3), [Tally(1, "王芳", 3)])


# Traffic

NOTEBOOK_ID = b"n" * 16
READ = Read(NOTEBOOK_ID, b"stream 1", 7, FIRST, 0, 0, NOTES)


def page(stream_id: bytes) -> bytes:
    items = tuple(stored(number, "x" * 250) for number in range(1, 4))
    newest = SeenEntry(9, b"client 1" * 2, 9)
    return encode(Page(stream_id, 7, PageState.MORE, FIRST, Cursor(9, 0), Cursor(9, 0), newest, 0, items))


@pytest.mark.parametrize(
    "pages", [[page(b"stream 1")] * 2, [page(b"stream 2")]], ids=["more than asked for", "of another stream"]
)
def test_a_page_without_a_read_of_its_own_is_noticed(pages: list[bytes]) -> None:
    balance = Balance()
    balance.received([(encode(READ), SOURCE)])
    with violation("amplifies"):
        balance.served([(data, SOURCE) for data in pages])


def test_a_client_that_floods_a_silent_server_or_does_not_notice_the_silence_is_noticed() -> None:
    told, untold, vain = Pace(0.0), Pace(0.0), Pace(0.0)
    told.begin_silence(0.5)
    for pace, moments in ((told, (4.0, 6.9)), (untold, (21.0, 22.0))):
        pace.sent(1, moments[0])
        with violation("silent server"):
            pace.sent(1, moments[1])
    for burst in range(FOUND_IN_VAIN_MAX):
        vain.found(float(burst))
    with violation("without an answer"):
        vain.found(float(FOUND_IN_VAIN_MAX))


@pytest.mark.parametrize("lost_seconds", [0.0, 10.0], ids=["its clock goes on", "its clock stands still"])
def test_a_client_that_sends_much_after_a_pause_is_noticed_if_its_clock_told_it_of_the_pause(lost_seconds: float) -> None:
    pace = Pace(0.0)
    pace.sent(2, 1.0)
    pace.wake(paused_seconds=10.0, lost_seconds=lost_seconds)
    with violation("silent server") if not lost_seconds else nullcontext():
        pace.sent(2, 11.0)


def test_a_client_may_send_all_again_if_one_server_refuses_and_another_answers_at_the_same_time() -> None:
    refused, answered = Pace(0.0), Pace(0.0)
    refused.refused(1.0)
    for pace in (refused, answered):
        pace.answered(1.0)
    assert (refused.has_resumed_since(1.0), answered.has_resumed_since(1.0)) == (True, False)


# Sealing


class RotatedSeals(Seals):
    """The keys of a sealed notebook: its first one, which is no longer accepted, and the present one."""

    def __init__(self) -> None:
        super().__init__(Random(6683), is_sealed=True)
        self.of_server(0.0)
        self.old_ids = list(self._keys)
        self.rotate(0.0)
        (self.server,), (self.old_server,) = self.of_server(0.0)[:2]
        self.ids = [key_id for key_id in self._keys if key_id not in self.old_ids]
        [self.old_client] = self.former

    def amplify(self) -> None:
        """Let the server answer with the present key, though only a stranger and a client with the old key have asked."""
        balance = Balance(self)
        balance.received([(encode(DISCOVER, self.stranger), SOURCE), (encode(DISCOVER, self.old_client), SOURCE)])
        balance.answered([(encode(OFFER, self.server), SOURCE)])


REQUEST = Append(NOTEBOOK_ID, TOKEN, 1, split(entry(1, "a note that nobody else reads"), 1000)[0])
DISCOVER, OFFER = Discover(PROBE_ID, ANY_NOTEBOOK), Offer(PROBE_ID, NOTEBOOK_ID, "sealed", 3, "0.1.0", 0, bytes(8))


@pytest.mark.parametrize(
    ("complaint", "misdeed"),
    [
        ("says in the open", lambda seals: seals.check_request(encode(REQUEST), seals.ids)),
        ("than its own", lambda seals: seals.check_request(encode(REQUEST, seals.old_client), seals.ids)),
        ("none of the notebook", lambda seals: seals.check_request(encode(REQUEST, seals.stranger), seals.ids)),
        ("says something in the open", lambda seals: seals.check_answer(encode(OFFER))),
        ("should not accept any more", lambda seals: seals.check_answer(encode(OFFER, seals.old_server))),
        ("still holds", lambda seals: seals.check_told(seals.ids)),
        ("amplifies", RotatedSeals.amplify),
    ],
)
def test_a_message_in_the_open_or_under_a_wrong_key_is_noticed(complaint: str, misdeed: Callable[[RotatedSeals], None]) -> None:
    with violation(complaint):
        misdeed(RotatedSeals())
