"""The notebooks that an outbox knows: which one is chosen, joined and left, and which entries are for it."""

import sqlite3
from contextlib import closing
from typing import Any

import pytest

from tests.storage.outbox.conftest import HERE, KEY, OTHER_KEY, REKEYED, SEALED, WORK, add, waiting
from udpnote.errors import EntriesWait
from udpnote.model.entry import NOTHING_SEEN, Kind, SeenEntry
from udpnote.model.notebook import Destination, KnownNotebook, SealedNotebook
from udpnote.model.outbox_entries import StoredRun
from udpnote.storage.outbox.outbox import Outbox


def test_the_first_notebook_that_is_remembered_is_chosen_until_another_one_is(outbox: Outbox, other: Outbox) -> None:
    assert outbox.chosen() is None
    moved = HERE._replace(name="客厅", host="fe80::2", port=7000, scope=5)
    for notebooks, chosen in (((WORK, HERE), WORK), ((WORK, moved), moved)):
        for notebook in notebooks:
            outbox.remember(notebook, may_choose=True)
        assert (other.chosen(), other.notebooks()) == (chosen, list(notebooks))
        outbox.choose(HERE.notebook_id)


def test_a_revision_gets_the_newest_entry_that_its_notebook_was_seen_to_have(outbox: Outbox) -> None:
    def revise(notebook: KnownNotebook = HERE, **more: Any) -> SeenEntry:
        [entry] = add(outbox, "new", kind=Kind.REVISION, revises=2, notebook_id=notebook.notebook_id, **more)
        assert outbox.waiting_for(notebook.notebook_id, limit=99)[-1] == entry
        return entry.seen

    newest, given = SeenEntry(9, b"c" * 16, 3), SeenEntry(2, b"d" * 16, 1)
    outbox.record_newest(HERE.notebook_id, newest)
    assert outbox.notebooks() == [], "a notebook is known only after `remember`"
    for notebook in (HERE, WORK):
        outbox.remember(notebook)
    assert revise() == NOTHING_SEEN
    outbox.record_newest(HERE.notebook_id, newest)
    outbox.remember(HERE._replace(name="elsewhere"))
    assert (revise(), revise(seen=given), revise(WORK)) == (newest, given, NOTHING_SEEN)
    assert [entry.seen for entry in add(outbox, "a note")] == [NOTHING_SEEN]
    outbox.record_newest(HERE.notebook_id, NOTHING_SEEN)
    assert revise() == NOTHING_SEEN
    outbox.remove(
        HERE.notebook_id, [StoredRun(range(7, 9), 4, b"c" * 16, Kind.NOTE), StoredRun(range(9, 10), 3, b"c" * 16, Kind.NOTE)]
    )
    assert revise() == SeenEntry(5, b"c" * 16, 8)


def test_a_notebook_that_is_joined_is_chosen_with_its_key_and_server_in_one_transaction(outbox: Outbox, other: Outbox) -> None:
    statements: list[str] = []
    outbox._file.connection.set_trace_callback(statements.append)
    outbox.remember(WORK, may_choose=True)
    outbox.join(SEALED, KEY, server="pi.local:6683")
    assert statements.count("COMMIT") == 2, "a full disk or a crash leaves all of the joining or nothing"
    assert (other.chosen(), other.notebook(HERE.notebook_id), other.notebooks()) == (SEALED, SEALED, [WORK, SEALED])
    assert (other.keys.by_id(), other.sealed()) == ({SEALED.key_id: KEY}, [SealedNotebook(SEALED, "pi.local:6683")])
    outbox.named_servers.record("pi:6683", HERE.notebook_id)
    assert other.sealed() == [SealedNotebook(SEALED, server) for server in ("pi.local:6683", "pi:6683")]


def test_a_joined_notebook_stays_as_it_is_known_unless_it_answers_with_its_key(outbox: Outbox) -> None:
    for notebook in (HERE, SEALED, HERE):
        outbox.remember(notebook)
    assert (outbox.notebooks(), outbox.chosen(), outbox.keys.by_id()) == ([SEALED], None, {})
    outbox.remember(REKEYED)
    assert outbox.notebooks() == [REKEYED], "it was sealed with a named key, which may be another one"
    outbox.join(SEALED, KEY)
    for impostor in (HERE, REKEYED):
        outbox.remember(impostor._replace(name="elsewhere", host="192.0.2.66", port=6666, scope=6), may_choose=True)
        assert (outbox.notebooks(), outbox.chosen(), outbox.keys.by_id()) == ([SEALED], SEALED, {SEALED.key_id: KEY})
    moved = SEALED._replace(name="客厅", host="fe80::2", port=7000, scope=5)
    assert outbox.remember(moved) == moved
    assert outbox.notebooks() == [moved]


def test_a_notebook_whose_answer_is_not_saved_does_not_become_the_chosen_one(outbox: Outbox) -> None:
    """Another command has joined the notebook since this one has asked for it, and then chosen and left another notebook."""
    outbox.join(SEALED, KEY)
    outbox.join(WORK._replace(key_id=REKEYED.key_id), OTHER_KEY)
    outbox.leave(WORK.notebook_id)
    assert [outbox.remember(each, may_choose=True) for each in (HERE, REKEYED, SEALED)] == [None, None, SEALED]


@pytest.mark.parametrize("before", [HERE, SEALED], ids=["open", "another key"])
def test_joining_replaces_the_known_facts_about_a_notebook(outbox: Outbox, other: Outbox, before: KnownNotebook) -> None:
    if before is SEALED:
        outbox.join(SEALED, KEY)
    outbox.remember(before)
    add(outbox, "waits")
    outbox.join(REKEYED, OTHER_KEY)
    assert (other.notebooks(), other.chosen()) == ([REKEYED], REKEYED)
    assert other.keys.by_id() == {REKEYED.key_id: OTHER_KEY}
    assert (waiting(other, REKEYED), waiting(other, before)) == (["waits"], []), "nothing goes out as it was known before"


@pytest.mark.parametrize("has_changed", [False, True])
def test_entries_for_which_only_a_key_was_named_are_assigned_to_the_notebook_with_that_key(
    outbox: Outbox, has_changed: bool
) -> None:
    by_key = Destination(None, 6683, None, SEALED.key_id)
    others = [by_key._replace(host="pi.local"), by_key._replace(name_or_id="work"), by_key._replace(key_id=REKEYED.key_id)]
    for destination in (by_key, by_key._replace(port=7000), *others, Destination()):
        add(outbox, str(destination), notebook_id=None, destination=destination)
    if has_changed:
        outbox.assign_for_replaced_key(SEALED)
    else:
        outbox.join(SEALED, KEY)
    assert [entry.sequence for entry in outbox.waiting_for(HERE.notebook_id, key_id=SEALED.key_id, limit=9)] == [1, 2]


def test_a_notebook_that_is_left_is_known_as_open_and_not_chosen_and_its_entries_stay(outbox: Outbox, other: Outbox) -> None:
    version = other.version()
    copied = WORK._replace(key_id=SEALED.key_id)
    other.join(copied, KEY)
    other.join(SEALED, KEY)
    assert other.version() == version, "only another process changes it"
    add(outbox, "waits")
    outbox.leave(HERE.notebook_id)
    assert other.version() != version
    assert (other.notebooks(), other.chosen(), waiting(other)) == ([copied, HERE], None, ["waits"])
    assert other.keys.by_id() == {SEALED.key_id: KEY}, "another notebook has the same key"
    outbox.choose(HERE.notebook_id)
    outbox.choose(b"a notebook that nobody knows"[:16])
    outbox.leave(copied.notebook_id)
    assert (other.chosen(), other.keys.by_id()) == (HERE, {})


def test_leaving_a_notebook_locks_out_other_processes_and_may_be_refused(outbox: Outbox) -> None:
    outbox.join(SEALED, KEY)

    def refuse() -> None:
        with closing(sqlite3.connect(outbox.path, timeout=0)) as other, pytest.raises(sqlite3.OperationalError, match="locked"):
            other.execute("UPDATE sequences SET next_sequence = 7")
        raise EntriesWait("entries_wait", entries=1, name="家里")

    with pytest.raises(EntriesWait):
        outbox.leave(SEALED.notebook_id, check=refuse)
    assert (outbox.chosen(), outbox.keys.by_id()) == (SEALED, {SEALED.key_id: KEY})
