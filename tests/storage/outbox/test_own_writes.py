"""The latest writes of an outbox: none is taken back twice, and none but the last."""

import pytest

from tests.storage.outbox.conftest import HERE, WORK, add
from tests.support.errors import raises
from udpnote.errors import NotTakenBack
from udpnote.model.entry import Entry, Kind, SeenEntry, Status
from udpnote.model.notebook import Destination, KnownNotebook
from udpnote.model.outbox_entries import OwnWrite, StoredRun
from udpnote.storage.outbox.outbox import Outbox
from udpnote.storage.outbox.own_writes import DISCARDED_MAX, RUNS_AT_ONCE_MAX, WRITES_MAX

ANY, PI = Destination(), Destination("pi.local", 6683)


@pytest.fixture(autouse=True)
def known(outbox: Outbox) -> None:
    for notebook in (HERE, WORK):
        outbox.remember(notebook)


def store(outbox: Outbox, number: int, *entries: Entry, notebook: KnownNotebook = HERE) -> None:
    """Remove `entries`, as if `notebook` had acknowledged them with the numbers from `number` on."""
    runs = [
        StoredRun(range(entry.sequence, entry.sequence + 1), number + place, entry.client_id, entry.kind)
        for place, entry in enumerate(entries)
    ]
    outbox.remove(notebook.notebook_id, runs)


def take_back(outbox: Outbox, number: int) -> int:
    """Take back the last write by an entry that gets the number `number`. Return the number of the write."""
    write = last(outbox)
    [undo] = add(outbox, kind=Kind.DELETION, revises=write.number, undoes=write.sequence)
    store(outbox, number, undo)
    return write.number


def last(outbox: Outbox) -> OwnWrite:
    write = outbox.writes.last()
    assert write is not None
    return write


def waiting(outbox: Outbox, notebook: KnownNotebook = HERE) -> list[tuple[int, int, SeenEntry]]:
    """The sequence, revised number and seen entry of each entry that would be sent."""
    return [(each.sequence, each.revises, each.seen) for each in outbox.waiting_for(notebook.notebook_id)]


def test_writes_are_taken_back_from_the_last_to_the_first_each_once_and_an_undo_never(outbox: Outbox) -> None:
    assert outbox.writes.last() is None
    notes = add(outbox, "one", "two", "three")
    store(outbox, 11, *notes)
    store(outbox, 14, *add(outbox, kind=Kind.REVISION, revises=12))
    store(outbox, 15, *add(outbox, "four"))
    assert last(outbox) == OwnWrite(notes[0].client_id, 5, Kind.NOTE, HERE.notebook_id, 15, is_unsent=False)
    assert [take_back(outbox, number) for number in range(16, 21)] == [15, 14, 13, 12, 11]
    assert outbox.writes.last() is None
    settled = [outbox.writes.is_settled(notes[0].client_id, sequence) for sequence in range(1, 12)]
    assert settled == [False, False, False, True, False, True, True, True, True, True, False], "revisions and undos"


def test_a_write_that_is_being_taken_back_is_no_longer_the_last_and_cannot_be_taken_back_again(outbox: Outbox) -> None:
    store(outbox, 1, *add(outbox, "one", "two"))
    [undo] = add(outbox, kind=Kind.DELETION, revises=2, undoes=2)
    assert (last(outbox).number, undo.seen) == (1, SeenEntry(2, undo.client_id, 2))
    deletion = {"kind": Kind.DELETION, "revises": 2}
    for undo_again in ({"undoes": 2} | deletion, {"undoes": 99} | deletion, {"undoes": 99}):
        with raises(NotTakenBack, "undo_meanwhile"):
            add(outbox, **undo_again)
    assert len(waiting(outbox)) == 1, "nothing was added"
    outbox.mark_refused(HERE.notebook_id, undo.sequence, Status.OLDER_COPY)
    assert last(outbox).number == 2, "the undo was refused, and is no write itself"
    outbox.discard([], every_refused=True)
    [undo] = add(outbox, kind=Kind.DELETION, revises=2, undoes=2)
    assert last(outbox).number == 1
    outbox.discard([undo.sequence])
    assert last(outbox).number == 2


def test_a_deletion_of_a_queued_entry_is_held_until_that_has_a_number_also_under_another_identity(outbox: Outbox) -> None:
    [note] = add(outbox, "oops")
    [undo] = add(outbox, kind=Kind.DELETION, undoes=note.sequence, notebook_id=WORK.notebook_id)
    assert (waiting(outbox), waiting(outbox, WORK), outbox.writes.last()) == ([(1, 0, note.seen)], [], None)
    renewed = outbox.renew(HERE.notebook_id, note)
    assert renewed is not None
    store(outbox, 7, renewed)
    assert waiting(outbox) == [(2, 7, SeenEntry(7, renewed.client_id, renewed.sequence))]
    store(outbox, 8, undo)
    assert (waiting(outbox), outbox.writes.last()) == ([], None)


@pytest.mark.parametrize("ends", ["refused", "discarded", "moved"])
def test_a_held_deletion_is_moved_or_removed_with_its_entry(outbox: Outbox, ends: str) -> None:
    [note] = add(outbox, "oops")
    [undo] = add(outbox, kind=Kind.DELETION, undoes=note.sequence)
    if ends == "moved":
        assert outbox.move(WORK.notebook_id, select=lambda counts: counts) == (1, 0)
        store(outbox, 3, note, notebook=WORK)
        assert waiting(outbox, WORK) == [(undo.sequence, 3, SeenEntry(3, note.client_id, 1))]
        return
    if ends == "refused":
        outbox.mark_refused(HERE.notebook_id, note.sequence, Status.TOO_LARGE)
        assert last(outbox).is_unsent
    else:
        assert outbox.discard([note.sequence]) == 1
        assert outbox.writes.last() is None
    assert [each.entry.sequence for each in outbox.listing()] == [1] * (ends == "refused")


def test_only_an_entry_that_no_notebook_can_have_is_discarded_as_unsent(outbox: Outbox) -> None:
    for sequence, here, is_unsent in ((1, None, True), (2, HERE.notebook_id, False)):
        add(outbox, "oops", notebook_id=here)
        assert last(outbox)[1:] == (sequence, Kind.NOTE, here, 0, is_unsent)
        assert outbox.writes.discard_unsent(sequence) is is_unsent
    outbox.mark_refused(HERE.notebook_id, 2, Status.TOO_LARGE)
    assert outbox.writes.discard_unsent(2)
    assert outbox.writes.last() is None


def test_the_last_write_in_one_notebook_is_found_among_those_in_others(outbox: Outbox) -> None:
    store(outbox, 5, *add(outbox, "one"))
    store(outbox, 6, *add(outbox, "two", notebook_id=WORK.notebook_id), notebook=WORK)
    add(outbox, "three", notebook_id=None, destination=PI)
    for notebook, destination, sequence in ((HERE, ANY, 1), (WORK, ANY, 2), (HERE, PI, 3)):
        write = outbox.writes.last(notebook_id=notebook.notebook_id, destination=destination)
        assert write is not None
        assert write.sequence == sequence


def test_an_entry_that_another_process_has_removed_is_remembered_once(outbox: Outbox, other: Outbox) -> None:
    entries = add(outbox, "one", "two", "three", "four")
    run = StoredRun(range(1, 5), 1, entries[0].client_id, Kind.NOTE)
    store(other, 2, entries[1])
    outbox.remove(HERE.notebook_id, [run])
    outbox.remove(HERE.notebook_id, [run])
    assert [take_back(outbox, number) for number in range(9, 13)] == [4, 3, 2, 1]
    assert outbox.writes.last() is None


def test_a_limited_number_of_writes_is_remembered_and_none_before_a_gap(outbox: Outbox) -> None:
    store(outbox, 1, *add(outbox, "early"))
    entries = add(outbox, *map(str, range(3 * RUNS_AT_ONCE_MAX)))
    runs = [
        StoredRun(range(each.sequence, each.sequence + 1), 2 * each.sequence, each.client_id, each.kind) for each in entries
    ]
    outbox.remove(HERE.notebook_id, runs)
    found = [take_back(outbox, 1000 + place) for place in range(RUNS_AT_ONCE_MAX)]
    assert found == [run.number for run in runs[::-1][:RUNS_AT_ONCE_MAX]]
    assert outbox.writes.last() is None, "not the early one: those between are forgotten"
    for number in range(2 * WRITES_MAX):
        store(outbox, 5000 + 2 * number, *add(outbox, "edited", kind=Kind.REVISION, revises=1))
    (rows,) = outbox._file.connection.execute("SELECT count(*) FROM writes").fetchone()
    assert rows == WRITES_MAX


def test_discarded_entries_are_remembered_up_to_a_limit_and_push_out_no_writes(outbox: Outbox) -> None:
    store(outbox, 1, *add(outbox, "stored"))
    discarded = {entry.sequence for entry in add(outbox, *["no"] * (WRITES_MAX + 10))}
    assert outbox.discard(discarded) == len(discarded)
    store(outbox, 2, *add(outbox, kind=Kind.REVISION, revises=1))
    assert outbox.writes.discarded(range(1, 2 * WRITES_MAX)) == discarded
    assert [take_back(outbox, number) for number in (3, 4)] == [2, 1]
    latest = add(outbox, *["no"] * DISCARDED_MAX)[-1].sequence
    outbox.discard([latest])
    assert outbox.writes.discarded([*discarded, latest]) == {latest}
