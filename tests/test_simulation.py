"""Hundreds of seeds of the simulated LAN keep every promise, and try everything that it is there for."""

from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from multiprocessing import get_context

import pytest

from tests.simulation.chronicle import Asked, Chronicle, Violation, check_entries, check_tallies
from tests.simulation.conduct import FOUND_IN_VAIN_MAX, Balance, Pace
from tests.simulation.disks import NotebookDisk, OutboxDisk
from tests.simulation.runs import replay_command, run_seed, untried
from tests.simulation.witness import Witness, written
from udpnote.entry import NO_PREDECESSOR, Entry, Kind, Restored, Status, StoredEntry, split
from udpnote.protocol.messages import Page, PageState, Read
from udpnote.protocol.wire import encode
from udpnote.query import FIRST, LAST, Cursor, Query, Tally, View

SEEDS = 400
"""A minute on one core, and enough to meet each fault and path a few times; `python -m tests.simulation` runs more."""

SOURCE = ("10.0.0.1", 50_000)


def test_hundreds_of_seeds_keep_every_promise_and_try_every_fault_and_every_path() -> None:
    with get_context("spawn").Pool() as pool:  # a fork would copy the locks of the threads that a test runner may have
        results = pool.map(run_seed, range(SEEDS), chunksize=10)
    failed = [result for result in results if result.failure]
    commands = "\n".join(replay_command(result.seed) for result in failed)
    assert not failed, f"{failed[0].failure}\n{len(failed)} of {SEEDS} seeds failed:\n{commands}"
    coverage: Counter[str] = Counter()
    for result in results:
        coverage.update(result.coverage)
    assert untried(coverage) == []


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_seed_is_replayed_step_by_step(seed: int) -> None:
    first: list[str] = []
    second: list[str] = []
    run_seed(seed, first.append)
    run_seed(seed, second.append)
    assert first == second


def entry(sequence: int, text: str, kind: Kind = Kind.NOTE, revises: int = 0) -> Entry:
    return Entry(b"c" * 16, sequence, kind, 1, 0, "王芳", text, revises)


def stored(number: int, text: str, kind: Kind = Kind.NOTE, revises: int = 0) -> StoredEntry:
    return StoredEntry(number, 1, entry(number, text, kind, revises), number)


def store(notebook: NotebookDisk, *entries: Entry) -> None:
    notebook.store([part for each in entries for part in split(each, 1000)], 1)


@pytest.fixture
def notebook() -> Iterator[NotebookDisk]:
    with closing(NotebookDisk(Counter())) as disk:
        yield disk


def test_the_witness_notices_an_entry_that_is_stored_twice(notebook: NotebookDisk) -> None:
    witness = Witness(notebook)
    witness.wrote([entry(1, "once")])
    store(notebook, entry(1, "once"), entry(2, "once"))
    with pytest.raises(Violation, match="twice"):
        witness.look_into_notebook()


def test_the_witness_notices_an_entry_that_nobody_wrote(notebook: NotebookDisk) -> None:
    witness = Witness(notebook)
    witness.wrote([entry(1, "written")])
    store(notebook, entry(1, "wrItten"))
    with pytest.raises(Violation, match="nobody wrote"):
        witness.look_into_notebook()


def test_the_witness_notices_an_acknowledgement_without_an_entry(notebook: NotebookDisk) -> None:
    with pytest.raises(Violation, match="not in the notebook"):
        Witness(notebook).acknowledged(entry(1, "gone"), 1)


def test_the_witness_notices_an_acknowledgement_of_another_entry(notebook: NotebookDisk) -> None:
    store(notebook, entry(1, "stored"))
    with pytest.raises(Violation, match="another entry"):
        Witness(notebook).acknowledged(entry(2, "told"), 1)


def test_the_witness_notices_an_entry_that_is_lost(notebook: NotebookDisk) -> None:
    witness = Witness(notebook)
    witness.wrote([entry(1, "lost")])
    with pytest.raises(Violation, match="lost"):
        witness.look_at_all()


def test_the_witness_notices_an_entry_that_left_its_outbox_too_early(notebook: NotebookDisk) -> None:
    with closing(OutboxDisk()) as outbox, pytest.raises(Violation, match="left its outbox"):
        Witness(notebook).look_into_outbox(outbox, [written(entry(1, "unacknowledged"))])


def test_the_witness_notices_that_an_entry_is_refused_for_no_reason(notebook: NotebookDisk) -> None:
    witness = Witness(notebook)
    witness.wrote([entry(1, "good"), entry(2, "revises nothing", Kind.REVISION, 9)])
    witness.refused(entry(2, "revises nothing", Kind.REVISION, 9), Status.REFUSED)
    with pytest.raises(Violation, match="refused for good"):
        witness.refused(entry(1, "good"), Status.REFUSED)


def test_the_witness_notices_a_revision_that_is_overtaken(notebook: NotebookDisk) -> None:
    witness = Witness(notebook)
    entries = [entry(1, "note"), entry(2, "first", Kind.REVISION, 1), entry(3, "second", Kind.REVISION, 1)]
    witness.wrote(entries)
    store(notebook, entries[0], entries[2], entries[1])
    witness.look_into_notebook()
    with pytest.raises(Violation, match="written after"):
        witness.look_at_order([written(each) for each in entries])


def restore(notebook: NotebookDisk, old: StoredEntry) -> None:
    notebook.store(split(old.entry, 1000, Restored(old.stored_at, *NO_PREDECESSOR)), 1)


def test_the_witness_notices_an_import_out_of_order(notebook: NotebookDisk) -> None:
    witness = Witness(notebook)
    witness.imports([stored(1, "one"), stored(2, "two")])
    restore(notebook, stored(2, "two"))
    with pytest.raises(Violation, match="was imported before #1"):
        witness.look_into_notebook()


def test_the_witness_notices_an_imported_revision_of_another_note(notebook: NotebookDisk) -> None:
    witness = Witness(notebook)
    witness.imports([stored(1, "one"), stored(2, "two"), stored(3, "revised", Kind.REVISION, 1)])
    for old in (stored(1, "one"), stored(2, "two"), stored(3, "revised", Kind.REVISION, 2)):
        restore(notebook, old)
    with pytest.raises(Violation, match="became something else"):
        witness.look_into_notebook()


def test_the_witness_notices_an_import_that_is_not_complete(notebook: NotebookDisk) -> None:
    witness = Witness(notebook)
    witness.imports([stored(1, "one"), stored(2, "two")])
    restore(notebook, stored(1, "one"))
    witness.look_into_notebook()
    with pytest.raises(Violation, match="1 entries of a file are lost"):
        witness.look_at_all()


LOG = [
    stored(1, "an apple"),
    stored(2, "a pear"),
    stored(3, "an orange", Kind.REVISION, 2),
    stored(4, "", Kind.DELETION, 1),
    stored(5, "a plum"),
]
PEAR, ORANGE = LOG[1], LOG[1]._replace(entry=LOG[1].entry._replace(text="an orange"), version=3)
NOTES, ORANGES = Query(View.NOTES), Query(View.NOTES, words=("orange",))


@pytest.fixture
def chronicle() -> Chronicle:
    """A chronicle of `LOG`, of which each entry was committed by itself."""
    kept = Chronicle()
    for each in LOG:
        kept.add(each)
        kept.commit()
    return kept


@pytest.mark.parametrize(
    ("asked", "items"),
    [
        (Asked(Query(View.LOG), began=3), LOG[:3]),
        (Asked(Query(View.LOG), began=3), LOG),
        (Asked(Query(View.LOG), began=5, start=4), LOG[3:]),
        (Asked(Query(View.LOG, newest_first=True), began=3, limit=2), [LOG[3], LOG[2]]),
        (Asked(Query(View.LOG, numbers=(3,)), began=5), LOG[1:3]),
        (Asked(NOTES, began=5), [ORANGE, LOG[4]]),
        (Asked(NOTES, began=2), LOG[:2]),
        (Asked(NOTES, began=2), [ORANGE]),
        (Asked(ORANGES, began=2), []),
        (Asked(ORANGES, began=2), [ORANGE]),
    ],
)
def test_what_was_so_at_some_moment_is_well_read(chronicle: Chronicle, asked: Asked, items: list[StoredEntry]) -> None:
    check_entries(chronicle, asked, items, is_complete=True)


@pytest.mark.parametrize(
    ("asked", "items", "complaint"),
    [
        (Asked(Query(View.LOG), began=3), LOG[:2], "not given #3"),
        (Asked(Query(View.LOG), began=3), [*LOG[:3], LOG[4]], "not given #4"),
        (Asked(Query(View.LOG), began=3), [LOG[0], *LOG], "twice"),
        (Asked(Query(View.LOG), began=3), [LOG[1], LOG[0], LOG[2]], "out of order"),
        (Asked(Query(View.LOG), began=3), [*LOG, stored(6, "late")], "not in the notebook"),
        (Asked(Query(View.LOG), began=5, start=4), LOG[2:], "never was"),
        (Asked(Query(View.LOG, newest_first=True), began=5, limit=2), [LOG[4], LOG[2]], "not given #4"),
        (Asked(Query(View.LOG, newest_first=True), began=5, limit=2), LOG[:1:-1], "wanted 2"),
        (Asked(Query(View.LOG, numbers=(3,)), began=5), LOG[2:3], "not given #2"),
        (Asked(NOTES, began=5), [PEAR, LOG[4]], "never was"),
        (Asked(NOTES, began=5), [LOG[4]], "not given #2"),
        (Asked(NOTES, began=5), [LOG[0], ORANGE, LOG[4]], "never was"),
        (Asked(ORANGES, began=3), [], "not given #2"),
        (Asked(ORANGES, began=2), [PEAR], "never was"),
    ],
)
def test_the_witness_notices_what_was_read_wrong(
    chronicle: Chronicle, asked: Asked, items: list[StoredEntry], complaint: str
) -> None:
    with pytest.raises(Violation, match=complaint):
        check_entries(chronicle, asked, items, is_complete=True)


def test_what_was_replaced_in_the_same_commit_was_never_seen() -> None:
    kept = Chronicle()
    for each in LOG[:3]:
        kept.add(each)
    kept.commit()
    with pytest.raises(Violation, match="never was"):
        check_entries(kept, Asked(NOTES, began=0), [LOG[0], PEAR], is_complete=True)


def test_a_reading_that_is_cut_short_need_not_have_come_to_the_end(chronicle: Chronicle) -> None:
    check_entries(chronicle, Asked(Query(View.LOG), began=5), LOG[:2], is_complete=False)
    with pytest.raises(Violation, match="not given #1"):
        check_entries(chronicle, Asked(Query(View.LOG), began=5), LOG[1:2], is_complete=False)


def test_the_witness_notices_tallies_that_were_never_so(chronicle: Chronicle) -> None:
    asked = Asked(Query(View.AUTHORS), began=3)
    check_tallies(chronicle, asked, [Tally(1, "王芳", 1)])
    check_tallies(chronicle, asked, [Tally(1, "王芳", 2)])
    with pytest.raises(Violation, match="never so"):
        check_tallies(chronicle, asked, [Tally(1, "王芳", 3)])


READ = encode(Read(b"n" * 16, b"stream 1", 7, FIRST, 0, 0, NOTES))
SAME_PLACE, ELSEWHERE = (encode(Read(b"n" * 16, b"stream 1", 8, cursor, 0, 0, NOTES)) for cursor in (FIRST, LAST))


def page(turn: int, texts: int = 0) -> bytes:
    items = tuple(stored(number, "x" * 250) for number in range(1, texts + 1))
    return encode(Page(b"stream 1", turn, PageState.MORE, FIRST, Cursor(9, 0), Cursor(9, 0), 9, 0, items))


def test_a_page_is_paid_for_by_the_reads_of_its_turn_even_later() -> None:
    balance = Balance(b"n" * 16)
    balance.received([(READ, SOURCE)])
    balance.answered([])
    balance.received([(READ, SOURCE), (ELSEWHERE, SOURCE)])
    balance.answered([])
    balance.served([(page(7, 3), SOURCE), (page(7, 3), SOURCE), (page(8, 3), SOURCE)])


def test_reads_from_the_same_place_may_pay_for_each_other_until_they_are_answered() -> None:
    balance = Balance(b"n" * 16)
    balance.received([(READ, SOURCE), (SAME_PLACE, SOURCE)])
    balance.served([(page(7, 3), SOURCE), (page(7, 3), SOURCE)])
    balance.received([(SAME_PLACE, SOURCE)])
    with pytest.raises(Violation, match="amplifies"):
        balance.served([(page(7, 3), SOURCE)])


def test_a_turn_that_was_interrupted_may_be_answered_twice_if_it_is_paid_for_twice() -> None:
    balance = Balance(b"n" * 16)
    balance.received([(READ, SOURCE)])
    balance.interrupted()
    balance.received([(SAME_PLACE, SOURCE)])
    balance.served([(page(7, 3), SOURCE), (page(8, 3), SOURCE)])
    with pytest.raises(Violation, match="amplifies"):
        balance.served([(page(8, 3), SOURCE)])


@pytest.mark.parametrize("pages", [[page(7, 3)] * 2, [page(8)], [page(7)] * 20])
def test_a_page_that_nobody_paid_for_is_amplification(pages: list[bytes]) -> None:
    balance = Balance(b"n" * 16)
    balance.received([(READ, SOURCE)])
    with pytest.raises(Violation, match="amplifies"):
        balance.served([(data, SOURCE) for data in pages])


def test_one_byte_more_than_was_received_is_amplification() -> None:
    balance = Balance(b"n" * 16)
    balance.received([(b"12", SOURCE), (b"3", SOURCE)])
    balance.answered([(b"abc", SOURCE)])
    balance.received([(b"123", SOURCE)])
    with pytest.raises(Violation, match="amplifies"):
        balance.answered([(b"abcd", SOURCE)])


def test_two_datagrams_to_a_silent_server_within_three_seconds_are_too_many() -> None:
    pace = Pace(0.0)
    pace.sent(10, 0.0, is_silent=False)
    pace.sent(1, 1.0, is_silent=True)
    pace.sent(1, 4.0, is_silent=True)
    with pytest.raises(Violation, match="silent server"):
        pace.sent(1, 6.9, is_silent=True)


def test_a_courier_that_does_not_notice_the_silence_sends_too_much() -> None:
    pace = Pace(0.0)
    pace.sent(1, 21.0, is_silent=False)
    with pytest.raises(Violation, match="silent server"):
        pace.sent(1, 22.0, is_silent=False)


def test_a_server_that_is_found_on_and_on_is_flooded() -> None:
    pace = Pace(0.0)
    for turn in range(FOUND_IN_VAIN_MAX):
        pace.found(float(turn))
    with pytest.raises(Violation, match="without an answer"):
        pace.found(float(FOUND_IN_VAIN_MAX))
