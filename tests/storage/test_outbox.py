"""The outbox: nothing lost, no sequence twice, and each entry for the notebook it was meant for."""

import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from udpnote.errors import EntriesWait, StorageError
from udpnote.model.entry import Entry, Kind, Status
from udpnote.model.notebook import Destination, KnownNotebook, SealedNotebook
from udpnote.storage.outbox import REVISIONS_KEPT_MAX, Outbox

HERE = KnownNotebook(b"h" * 16, "家里", "192.0.2.7", 6683, 0)
WORK = KnownNotebook(b"w" * 16, "work", "fe80::1", 6683, 3)
ANY, WORK_BY_NAME, PI = Destination(), Destination(port=6683, wanted="work"), Destination("pi.local", 6683)
WRITTEN_AT = 1_557_419_828_000_000


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "outbox.sqlite3"


@pytest.fixture
def outbox(path: Path) -> Iterator[Outbox]:
    with closing(Outbox(path)) as outbox:
        yield outbox


def add(
    outbox: Outbox, *texts: str, notebook_id: bytes | None = HERE.notebook_id, meant_for: Destination = ANY, later: int = 0
) -> list[Entry]:
    return outbox.add(
        texts, author="amy@pi", written_at=WRITTEN_AT + later, utc_offset=480, notebook_id=notebook_id, meant_for=meant_for
    )


def waiting(outbox: Outbox, notebook: KnownNotebook = HERE, limit: int = 100) -> list[str]:
    return [entry.text for entry in outbox.waiting_for(notebook.notebook_id, key_id=notebook.key_id, limit=limit)]


def test_entries_get_consecutive_sequences_under_one_identity_of_16_bytes(outbox: Outbox) -> None:
    entries = add(outbox, "one", "two") + add(outbox, "three")
    (client_id,) = {entry.client_id for entry in entries}
    assert len(client_id) == 16
    assert entries[2] == Entry(client_id, 3, Kind.NOTE, WRITTEN_AT, 480, "amy@pi", "three")
    assert [entry.sequence for entry in entries] == [1, 2, 3]


def test_what_was_added_is_what_waits_also_after_opening_again(path: Path) -> None:
    with closing(Outbox(path)) as outbox:
        entries = add(outbox, "我是一个中文", "a\0b", "🖋️\n")
        assert outbox.waiting_for(HERE.notebook_id, limit=10) == entries
    with closing(Outbox(path)) as outbox:
        assert outbox.waiting_for(HERE.notebook_id, limit=10) == entries
        assert add(outbox, "next")[0][:2] == (entries[0].client_id, 4)


def test_waiting_entries_come_in_the_order_of_writing_and_at_most_the_limit(outbox: Outbox) -> None:
    add(outbox, "first", "second")
    add(outbox, "third", "fourth", later=-3_600_000_000)  # the clock was set back meanwhile
    assert waiting(outbox) == ["first", "second", "third", "fourth"]
    assert waiting(outbox, limit=3) == ["first", "second", "third"]


def test_entries_wait_for_their_own_notebook_only(outbox: Outbox) -> None:
    add(outbox, "mine")
    add(outbox, "at work", notebook_id=WORK.notebook_id)
    add(outbox, "anywhere", notebook_id=None)
    assert (waiting(outbox), waiting(outbox, WORK)) == (["mine"], ["at work"])


@pytest.mark.parametrize(
    ("meant_for", "bound"),
    [(ANY, ["any"]), (WORK_BY_NAME, ["work", "work too"]), (PI, ["pi"]), (Destination("pi.local", 7000), [])],
)
def test_only_what_was_meant_for_the_same_is_bound_to_a_notebook(
    outbox: Outbox, meant_for: Destination, bound: list[str]
) -> None:
    add(outbox, "any", notebook_id=None)
    add(outbox, "work", "work too", notebook_id=None, meant_for=WORK_BY_NAME)
    add(outbox, "pi", notebook_id=None, meant_for=PI)
    outbox.bind(HERE.notebook_id, meant_for=meant_for)
    assert waiting(outbox) == bound


def test_what_is_bound_is_never_bound_to_another_notebook(path: Path) -> None:
    with closing(Outbox(path)) as outbox:
        add(outbox, "one", notebook_id=None)
        outbox.bind(HERE.notebook_id, meant_for=ANY)
        outbox.bind(WORK.notebook_id, meant_for=ANY)
    with closing(Outbox(path)) as outbox:
        assert (waiting(outbox), waiting(outbox, WORK)) == (["one"], [])


def test_what_is_removed_is_gone_and_nothing_else(outbox: Outbox) -> None:
    add(outbox, *"abcdefgh")
    outbox.remove([7, 2, 3, 99])
    assert waiting(outbox) == list("adefh")
    outbox.remove([])
    outbox.remove(range(4, 6))
    assert waiting(outbox) == list("afh")


def test_a_sequence_is_never_used_again(path: Path) -> None:
    with closing(Outbox(path)) as outbox:
        add(outbox, "one", "two")
        outbox.remove([1, 2])
    with closing(Outbox(path)) as outbox:
        assert add(outbox, "three")[0].sequence == 3
        outbox.mark_refused(3, Status.REFUSED)
        outbox.discard([3])
        assert add(outbox, "four")[0].sequence == 4


def synchronous(outbox: Outbox) -> int:
    (mode,) = outbox._connection.execute("PRAGMA synchronous").fetchone()
    assert isinstance(mode, int)
    return mode


def test_adding_waits_for_the_disk_and_removing_does_not(outbox: Outbox) -> None:
    statements: list[str] = []
    outbox._connection.set_trace_callback(statements.append)
    add(outbox, "one", "two")
    assert not [statement for statement in statements if "synchronous" in statement]
    assert synchronous(outbox) == 2  # FULL
    outbox.remove([1])
    outbox.mark_refused(2, Status.TOO_LARGE)
    assert "PRAGMA synchronous = NORMAL" in statements
    assert synchronous(outbox) == 2


def test_adding_waits_for_the_disk_also_after_a_removal_that_failed(path: Path) -> None:
    with closing(Outbox(path)) as outbox:
        outbox._connection.execute("PRAGMA query_only = ON")
        add_before = synchronous(outbox)
        with pytest.raises(StorageError):
            outbox.remove([1])
        assert (add_before, synchronous(outbox)) == (2, 2)


ADD_AT_ONCE = """
import sys
from udpnote.storage.outbox import Outbox
print("ready", flush=True)
sys.stdin.readline()
outbox = Outbox(sys.argv[1])
for count in (1, 3, 1):
    for entry in outbox.add(["x"] * count, author=sys.argv[2], written_at=0, utc_offset=0):
        print(entry.client_id.hex(), entry.sequence)
outbox.close()
"""


def test_twenty_processes_that_make_the_outbox_at_once_share_one_identity_and_no_sequence(path: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-c", ADD_AT_ONCE, str(path)]
    processes = [
        subprocess.Popen([*command, f"writer {index}"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for index in range(20)
    ]
    for process in processes:
        assert process.stdout is not None and process.stdout.readline() == "ready\n"
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    lines = [process.communicate(timeout=60)[0].splitlines() for process in processes]
    assert [process.returncode for process in processes] == [0] * 20
    identities = [line.split() for each in lines for line in each]
    assert len({client_id for client_id, _ in identities}) == 1
    assert sorted(int(sequence) for _, sequence in identities) == list(range(1, 101))
    with closing(Outbox(path)) as outbox:
        authors = [each.entry.author for each in outbox.listing()]
        assert sorted(authors) == sorted(f"writer {index}" for index in range(20) for _ in range(5))
    assert [file.name for file in tmp_path.iterdir()] == ["outbox.sqlite3"], "no drafts are left"


def test_two_openings_see_each_others_entries_and_removals(path: Path) -> None:
    with closing(Outbox(path)) as one, closing(Outbox(path)) as two:
        add(one, "from one")
        assert add(two, "from two")[0].sequence == 2
        two.remove([1])
        assert waiting(one) == ["from two"]


def test_a_conflict_with_the_current_identity_gives_the_client_a_new_one(path: Path) -> None:
    with closing(Outbox(path)) as outbox:
        first, second = add(outbox, "one", "two")
        renewed = outbox.renew(first)
        assert renewed == first._replace(client_id=renewed.client_id, sequence=3) if renewed else False
        assert renewed is not None and renewed.client_id != first.client_id
    with closing(Outbox(path)) as outbox:
        assert outbox.waiting_for(HERE.notebook_id, limit=9) == [second, renewed]
        assert add(outbox, "three")[0][:2] == (renewed.client_id, 4)


def test_a_conflict_with_an_older_identity_moves_the_entry_to_the_current_one(outbox: Outbox) -> None:
    first, second = add(outbox, "one", "two")
    renewed = outbox.renew(first)
    assert renewed is not None
    assert outbox.renew(second) == second._replace(client_id=renewed.client_id, sequence=4)
    assert add(outbox, "three")[0].client_id == renewed.client_id


def test_an_entry_that_is_gone_or_renewed_already_is_not_renewed_again(path: Path) -> None:
    with closing(Outbox(path)) as outbox, closing(Outbox(path)) as other:
        first, second = add(outbox, "one", "two")
        other.remove([first.sequence])
        other.renew(second)
        identity = add(outbox, "three")[0].client_id
        assert outbox.renew(first) is None
        assert outbox.renew(second) is None
        assert add(outbox, "four")[0].client_id == identity, "and the client keeps its identity"
        assert waiting(outbox) == ["two", "three", "four"]


def test_a_renewed_entry_keeps_its_notebook_and_what_it_was_meant_for(outbox: Outbox) -> None:
    (entry,) = add(outbox, "one", meant_for=PI)
    renewed = outbox.renew(entry)
    assert [each[:2] + each[4:] for each in outbox.listing()] == [(renewed, HERE.notebook_id, PI, None)]


@pytest.mark.parametrize("status", [Status.REFUSED, Status.TOO_LARGE])
def test_a_refused_entry_is_kept_and_shown_but_not_handed_out(outbox: Outbox, status: Status) -> None:
    first, second = add(outbox, "one", "two")
    outbox.mark_refused(first.sequence, status)
    assert outbox.waiting_for(HERE.notebook_id, limit=9) == [second]
    assert [(each.entry, each.refused) for each in outbox.listing()] == [(first, status), (second, None)]


def test_discarding_removes_the_entries_named_only_and_says_how_many_there_were(outbox: Outbox) -> None:
    add(outbox, "one", "two", "three")
    outbox.mark_refused(1, Status.REFUSED)
    assert outbox.discard([1, 3, 17]) == 2
    assert outbox.discard([1, 3, 17]) == 0
    assert outbox.discard([]) == 0
    assert waiting(outbox) == ["two"]


def test_the_listing_tells_each_entrys_notebook_and_purpose(outbox: Outbox) -> None:
    outbox.remember(HERE, may_choose=True)
    add(outbox, "known")
    add(outbox, "unknown", notebook_id=WORK.notebook_id)
    add(outbox, "meant", notebook_id=None, meant_for=PI)
    assert [each[1:] for each in outbox.listing()] == [
        (HERE.notebook_id, "家里", None, ANY, None),
        (WORK.notebook_id, None, None, ANY, None),
        (None, None, None, PI, None),
    ]


def test_the_first_notebook_that_is_remembered_is_chosen_until_another_one_is(path: Path) -> None:
    with closing(Outbox(path)) as outbox:
        assert outbox.chosen() is None
        outbox.remember(WORK, may_choose=True)
        outbox.remember(HERE, may_choose=True)
        assert outbox.chosen() == WORK
        assert outbox.notebooks() == [WORK, HERE]
        outbox.choose(HERE.notebook_id)
        outbox.remember(WORK, may_choose=True)
    with closing(Outbox(path)) as outbox:
        assert outbox.chosen() == HERE
        outbox.choose(WORK.notebook_id)
        assert outbox.chosen() == WORK


def test_a_notebook_that_is_remembered_again_is_known_by_its_new_address_and_stays_chosen(outbox: Outbox) -> None:
    moved = HERE._replace(name="客厅", host="fe80::2", port=7000, scope=5)
    for notebook in (HERE, WORK, moved):
        outbox.remember(notebook, may_choose=True)
    assert outbox.chosen() == moved
    assert outbox.notebooks() == [WORK, moved]


def test_a_damaged_outbox_is_an_error_and_left_as_it_is(path: Path) -> None:
    with closing(Outbox(path)) as outbox:
        add(outbox, *["x" * 1000] * 100)
    damaged = path.read_bytes()[: path.stat().st_size // 2]
    path.write_bytes(damaged)
    with pytest.raises(StorageError, match="damaged"):
        Outbox(path)
    assert path.read_bytes() == damaged


def test_a_file_of_another_kind_is_an_error_and_left_as_it_is(path: Path) -> None:
    path.write_text("我是一个中文\n")
    with pytest.raises(StorageError, match="not a udpnote outbox"):
        Outbox(path)
    assert path.read_text() == "我是一个中文\n"


def test_a_revision_keeps_what_it_revises_while_it_waits_and_under_a_new_identity(outbox: Outbox) -> None:
    [revision] = outbox.add(
        ["改了"],
        author="amy@pi",
        written_at=WRITTEN_AT,
        utc_offset=480,
        kind=Kind.REVISION,
        revises=42,
        notebook_id=HERE.notebook_id,
    )
    assert (revision.kind, revision.revises) == (Kind.REVISION, 42)
    assert outbox.waiting_for(HERE.notebook_id, limit=9) == [revision]
    renewed = outbox.renew(revision)
    assert renewed is not None
    assert (renewed.kind, renewed.revises) == (Kind.REVISION, 42)
    assert outbox.waiting_for(HERE.notebook_id, limit=9) == [renewed]


def test_revisions_are_watched_per_notebook_until_they_are_forgotten(outbox: Outbox) -> None:
    for number in (9, 3, 9):
        outbox.watch_revision(HERE.notebook_id, number)
    outbox.watch_revision(WORK.notebook_id, 5)
    assert outbox.watched_revisions(HERE.notebook_id) == [3, 9]
    outbox.forget_revisions(HERE.notebook_id, [3, 5])
    assert outbox.watched_revisions(HERE.notebook_id) == [9]
    assert outbox.watched_revisions(WORK.notebook_id) == [5]


def test_the_oldest_of_too_many_watched_revisions_make_room(outbox: Outbox) -> None:
    for number in range(1, REVISIONS_KEPT_MAX + 3):
        outbox.watch_revision(HERE.notebook_id, number)
    assert outbox.watched_revisions(HERE.notebook_id) == list(range(3, REVISIONS_KEPT_MAX + 3))


# Sealed notebooks

KEY, OTHER_KEY = b"k" * 16, b"o" * 16
SEALED = HERE._replace(key_id=b"key id k")
REKEYED = HERE._replace(key_id=b"key id o")


def test_a_notebook_that_is_joined_is_chosen_and_its_key_is_kept(path: Path) -> None:
    with closing(Outbox(path)) as outbox:
        outbox.remember(WORK, may_choose=True)
        outbox.join(SEALED, KEY)
    with closing(Outbox(path)) as outbox:
        assert (outbox.chosen(), outbox.notebook(HERE.notebook_id)) == (SEALED, SEALED)
        assert outbox.notebooks() == [WORK, SEALED]
        assert outbox.joined_keys() == {SEALED.key_id: KEY}


def test_joining_keeps_the_server_that_was_named_in_the_same_transaction(outbox: Outbox) -> None:
    statements: list[str] = []
    outbox._connection.set_trace_callback(statements.append)
    outbox.join(SEALED, KEY, server="pi.local:6683")
    assert statements.count("COMMIT") == 1, "a full disk or a crash leaves all of it or nothing"
    assert outbox.sealed() == [SealedNotebook(SEALED, "pi.local:6683")]


@pytest.mark.parametrize("other", [HERE, REKEYED], ids=["open", "another key"])
def test_a_sealed_notebook_stays_as_it_is_known_whoever_gives_itself_out_as_it(path: Path, other: KnownNotebook) -> None:
    with closing(Outbox(path)) as outbox:
        outbox.join(SEALED, KEY)
        outbox.remember(other._replace(name="elsewhere", host="192.0.2.66", port=6666, scope=6), may_choose=True)
    with closing(Outbox(path)) as outbox:
        assert (outbox.notebooks(), outbox.chosen()) == ([SEALED], SEALED)
        assert outbox.joined_keys() == {SEALED.key_id: KEY}


def test_a_sealed_notebook_that_is_remembered_under_its_key_is_known_by_its_new_address(outbox: Outbox) -> None:
    outbox.join(SEALED, KEY)
    moved = SEALED._replace(name="客厅", host="fe80::2", port=7000, scope=5)
    assert outbox.remember(moved) == moved
    assert outbox.notebooks() == [moved]


def test_that_a_notebook_is_sealed_with_a_named_key_is_remembered_without_the_key(path: Path) -> None:
    with closing(Outbox(path)) as outbox:
        outbox.remember(HERE)
        outbox.remember(SEALED)
    with closing(Outbox(path)) as outbox:
        outbox.remember(HERE)
        assert (outbox.notebooks(), outbox.chosen(), outbox.joined_keys()) == ([SEALED], None, {})


@pytest.mark.parametrize("before", [HERE, SEALED], ids=["open", "another key"])
def test_joining_replaces_what_was_known_of_a_notebook_and_forgets_the_key_that_nobody_uses(
    path: Path, before: KnownNotebook
) -> None:
    with closing(Outbox(path)) as outbox:
        if before is SEALED:
            outbox.join(SEALED, KEY)
        outbox.remember(before)
        outbox.choose(before.notebook_id)
        add(outbox, "waits")
        outbox.join(REKEYED, OTHER_KEY)
    with closing(Outbox(path)) as outbox:
        assert (outbox.notebooks(), outbox.chosen()) == ([REKEYED], REKEYED)
        assert outbox.joined_keys() == {REKEYED.key_id: OTHER_KEY}
        assert waiting(outbox, REKEYED) == ["waits"]
        assert waiting(outbox, before) == [], "who knows it as it was gets nothing"


def test_a_key_is_kept_while_any_notebook_has_it(outbox: Outbox) -> None:
    copied = WORK._replace(key_id=SEALED.key_id)
    outbox.join(SEALED, KEY)
    outbox.join(copied, KEY)
    outbox.leave(copied.notebook_id)
    assert outbox.joined_keys() == {SEALED.key_id: KEY}
    outbox.leave(SEALED.notebook_id)
    assert outbox.joined_keys() == {}


def test_a_notebook_that_is_left_is_known_as_open_and_not_chosen_any_more(path: Path) -> None:
    with closing(Outbox(path)) as outbox:
        outbox.join(WORK._replace(key_id=REKEYED.key_id), OTHER_KEY)
        outbox.join(SEALED, KEY)
        add(outbox, "waits")
        outbox.leave(HERE.notebook_id)
    with closing(Outbox(path)) as outbox:
        assert outbox.notebooks() == [WORK._replace(key_id=REKEYED.key_id), HERE]
        assert (outbox.chosen(), outbox.joined_keys()) == (None, {REKEYED.key_id: OTHER_KEY})
        assert waiting(outbox) == ["waits"], "what waits is nobody's to throw away"


def test_while_it_is_looked_at_what_waits_for_a_notebook_nobody_adds_to_that_and_it_may_stay(outbox: Outbox) -> None:
    outbox.join(SEALED, KEY)

    def object_to_it() -> None:
        with closing(sqlite3.connect(outbox.path, timeout=0)) as other, pytest.raises(sqlite3.OperationalError, match="locked"):
            other.execute("UPDATE sequences SET next_sequence = 7")
        raise EntriesWait("entries_wait")

    with pytest.raises(EntriesWait):
        outbox.leave(SEALED.notebook_id, check=object_to_it)
    assert (outbox.chosen(), outbox.joined_keys()) == (SEALED, {SEALED.key_id: KEY})


def test_leaving_one_notebook_leaves_the_choice_of_another(outbox: Outbox) -> None:
    outbox.join(SEALED, KEY)
    outbox.remember(WORK)
    outbox.choose(WORK.notebook_id)
    outbox.leave(SEALED.notebook_id)
    assert outbox.chosen() == WORK


def test_joining_and_leaving_wait_for_the_disk(outbox: Outbox) -> None:
    statements: list[str] = []
    outbox._connection.set_trace_callback(statements.append)
    outbox.join(SEALED, KEY)
    outbox.leave(SEALED.notebook_id)
    assert not [statement for statement in statements if "synchronous" in statement]
    assert synchronous(outbox) == 2  # FULL


def test_joining_is_seen_by_who_has_the_outbox_open(path: Path) -> None:
    with closing(Outbox(path)) as one, closing(Outbox(path)) as two:
        one.join(SEALED, KEY)
        assert (two.chosen(), two.joined_keys()) == (SEALED, {SEALED.key_id: KEY})
        two.leave(SEALED.notebook_id)
        assert (one.chosen(), one.joined_keys()) == (None, {})


def test_the_listing_tells_with_which_key_an_entrys_notebook_is_sealed(outbox: Outbox) -> None:
    outbox.join(SEALED, KEY)
    add(outbox, "secret")
    assert [each[1:] for each in outbox.listing()] == [(HERE.notebook_id, "家里", SEALED.key_id, ANY, None)]
