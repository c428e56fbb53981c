"""The outbox: nothing lost, no sequence twice, and each entry for the notebook it was meant for."""

import errno
import gc
import os
import sys
from collections.abc import Callable
from contextlib import closing
from itertools import count
from pathlib import Path

import pytest

from tests.storage.outbox.conftest import HERE, KEY, SEALED, WORK, WRITTEN_AT, add, waiting
from tests.support.errors import raises
from tests.support.interrupted import interrupted_after
from tests.support.losses import LOSSES, log_of
from udpnote.errors import JoinedOrLeftMeanwhile, StorageError
from udpnote.model.entry import Entry, Kind, Status
from udpnote.model.notebook import Destination
from udpnote.model.outbox_entries import StoredRun, WaitingCount
from udpnote.storage.database import IN_MEMORY
from udpnote.storage.outbox.outbox import PAGE_CHARACTERS, PAGE_ENTRIES, Outbox

ANY, WORK_BY_NAME, PI = Destination(), Destination(port=6683, name_or_id="work"), Destination("pi.local", 6683)
NOT_ON_MACOS = pytest.mark.skipif(sys.platform == "darwin", reason="macOS has another call for it")


@pytest.fixture
def path(outbox_path: Path) -> Path:
    return outbox_path


def acknowledge(outbox: Outbox, *sequences: range) -> None:
    """Remove the entries with these sequences, as if their notebook had acknowledged them."""
    outbox.remove(HERE.notebook_id, [StoredRun(each, each.start, b"c" * 16, Kind.NOTE) for each in sequences])


# Entries


def test_entries_get_consecutive_sequences_and_wait_in_the_order_of_writing(outbox: Outbox, other: Outbox) -> None:
    an_hour_before = WRITTEN_AT - 3_600_000_000  # the clock was set back meanwhile
    entries = add(outbox, "我是一个中文", "a\0b") + add(other, "🖋️\n", written_at=an_hour_before)
    [client_id] = {entry.client_id for entry in entries}
    assert len(client_id) == 16
    assert entries[2] == Entry(client_id, 3, Kind.NOTE, an_hour_before, 480, "amy@pi", "🖋️\n")
    assert [entry.sequence for entry in entries] == [1, 2, 3]
    assert outbox.waiting_for(HERE.notebook_id, limit=10) == other.waiting_for(HERE.notebook_id, limit=10) == entries
    assert waiting(outbox, limit=2) == ["我是一个中文", "a\0b"]


def test_entries_of_exactly_one_destination_are_assigned_to_a_notebook_once_and_for_all(outbox: Outbox, other: Outbox) -> None:
    for text, notebook_id, destination in (("elsewhere", WORK.notebook_id, ANY), ("any", None, ANY), ("pi", None, PI)):
        add(outbox, text, notebook_id=notebook_id, destination=destination)
    add(outbox, "work", "work too", notebook_id=None, destination=WORK_BY_NAME)
    bound: list[str] = []
    moved = PI._replace(port=7000)
    for destination, texts in ((moved, []), (ANY, ["any"]), (PI, ["pi"]), (WORK_BY_NAME, ["work", "work too"])):
        for notebook in (HERE, WORK):
            outbox.assign(notebook.notebook_id, destination=destination)
        bound += texts
        assert (waiting(other), waiting(other, WORK)) == (bound, ["elsewhere"])


def test_only_removed_entries_are_gone_and_their_sequences_are_never_used_again(outbox: Outbox, other: Outbox) -> None:
    entries = add(outbox, *"abcdefgh")
    acknowledge(outbox, range(7, 8), range(2, 3), range(3, 4), range(99, 100))
    acknowledge(outbox)
    acknowledge(other, range(4, 6))
    assert (waiting(outbox), outbox.waiting_sequences(entries)) == (list("afh"), {1, 6, 8})
    acknowledge(outbox, range(8, 9), range(1, 2), range(6, 7))
    assert add(other, "three")[0].sequence == 9
    other.mark_refused(HERE.notebook_id, 9, Status.REFUSED)
    other.discard([9])
    assert add(outbox, "four")[0].sequence == 10


def test_nothing_is_added_if_the_check_in_the_same_transaction_fails(outbox: Outbox, other: Outbox) -> None:
    def check() -> None:
        assert outbox._file.connection.in_transaction, "another process could change the outbox between check and addition"
        raise JoinedOrLeftMeanwhile("joined_or_left_meanwhile", name="home")

    with pytest.raises(JoinedOrLeftMeanwhile):
        add(outbox, "no", check=check)
    assert [entry.sequence for entry in add(other, "yes")] == [1]
    assert waiting(outbox) == ["yes"]


@pytest.mark.parametrize(("adds", "then"), [(True, "remove"), (False, "remove"), (True, "close"), (True, "nothing")])
def test_ctrl_c_at_any_step_leaves_an_outbox_that_can_be_used_again_or_closed(adds: bool, then: str) -> None:
    for steps in count(1):
        with closing(Outbox(IN_MEMORY)) as outbox:
            add(outbox, "one", "two")
            try:
                with interrupted_after(steps):
                    add(outbox, "new") if adds else acknowledge(outbox, range(2, 3))
                break
            except KeyboardInterrupt:
                if then == "remove":
                    acknowledge(outbox, range(1, 2))  # what a client does that is closed by Ctrl-C
                elif then == "close":
                    outbox.close()
            assert then == "close" or add(outbox, "three")
    assert steps > 20


@pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning")
def test_an_outbox_that_is_forgotten_without_being_closed_leaves_no_file_open(path: Path) -> None:
    before = os.listdir("/dev/fd")
    outbox = Outbox(path)
    add(outbox, "one")
    del outbox
    gc.collect()
    assert len(os.listdir("/dev/fd")) == len(before)


@pytest.fixture
def synced(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The length of the log at each fdatasync that Python calls. SQLite's own calls are not counted."""
    sizes: list[int] = []
    monkeypatch.setattr(os, "fdatasync", lambda descriptor: sizes.append(os.fstat(descriptor).st_size))
    return sizes


@NOT_ON_MACOS
def test_entries_are_handed_out_while_the_disk_writes_them_and_adding_waits_for_the_disk(
    path: Path, outbox: Outbox, other: Outbox, synced: list[int]
) -> None:
    for text in ("one", "two"):
        earlier = len(synced)
        handed_out: list[Entry] = []

        def take(entries: list[Entry], earlier: int = earlier, handed_out: list[Entry] = handed_out) -> None:
            assert len(synced) == earlier, "the disk writes meanwhile"
            assert other.waiting_for(HERE.notebook_id)[-1:] == entries, "they are committed"
            handed_out += entries

        assert add(outbox, text, on_added=take) == handed_out
        assert synced[earlier:] == [log_of(path).stat().st_size]


def test_an_outbox_behind_a_symbolic_link_takes_entries_until_the_link_leads_elsewhere(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    link = tmp_path / "link.sqlite3"
    link.symlink_to(tmp_path / "real" / "one.sqlite3")
    for path in (tmp_path / "real" / "one.sqlite3", tmp_path / "other.sqlite3"):
        Outbox(path).close()
    with closing(Outbox(link)) as outbox:
        for text in ("one", "two"):
            add(outbox, text)
        assert waiting(outbox) == ["one", "two"]
        link.unlink()
        link.symlink_to(tmp_path / "other.sqlite3")
        with raises(StorageError, "outbox_removed", path=str(link)):
            add(outbox, "two")


@pytest.mark.parametrize("place_of", [Path, log_of], ids=["the outbox", "its log"])
@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("before", [0, 2], ids=["before its first entry", "after two"])
def test_an_outbox_that_has_lost_its_file_or_its_log_takes_no_entries(
    outbox: Outbox, path: Path, loss: str, place_of: Callable[[Path], Path], before: int
) -> None:
    for _ in range(before):
        add(outbox, "one")
    lose, _ = LOSSES[loss]
    lose(place_of(path))
    for use in (lambda: add(outbox, "two"), outbox.make_durable):
        with raises(StorageError, "outbox_removed", path=str(path)):
            use()


def test_an_outbox_that_was_emptied_while_it_was_open_takes_no_entries(outbox: Outbox, path: Path) -> None:
    add(outbox, "one")
    os.truncate(path, 0)
    with raises(StorageError, "outbox_removed", path=str(path)):
        add(outbox, "two")


def test_a_log_that_was_removed_while_another_command_uses_it_is_named_and_no_disk_is_blamed(
    outbox: Outbox, path: Path
) -> None:
    add(outbox, "one")
    log_of(path).unlink()
    with closing(Outbox(path)) as other, raises(StorageError, "log_removed_in_use", log=str(log_of(path))):
        other.listing()


def test_entries_are_not_in_the_outbox_if_preparing_their_datagrams_fails(outbox: Outbox) -> None:
    def fail(_entries: list[Entry]) -> None:
        raise StorageError("disk_fails", path=outbox.path, problem="Input/output error")

    with pytest.raises(StorageError, match="Input/output error"):
        add(outbox, "one", on_added=fail)
    assert waiting(outbox) == []


@NOT_ON_MACOS
def test_entries_that_the_disk_does_not_take_are_not_in_the_outbox(outbox: Outbox, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_descriptor: int) -> None:
        raise OSError(errno.EIO, "Input/output error")

    add(outbox, "one")
    with monkeypatch.context() as failing:
        failing.setattr(os, "fdatasync", fail)
        with pytest.raises(StorageError, match="Input/output error"):
            add(outbox, "two", "three")
        with pytest.raises(StorageError, match="Input/output error"):
            outbox.make_durable()
    assert waiting(outbox) == ["one"]
    assert [entry.sequence for entry in add(outbox, "four")] == [4]


@NOT_ON_MACOS
def test_entries_after_a_failed_fsync_survive_a_power_failure_that_loses_the_pages_of_that_fsync(
    outbox: Outbox, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log, lost = log_of(path), b""
    add(outbox, "one")
    taken = log.stat().st_size

    def fail(_descriptor: int) -> None:
        nonlocal lost
        lost = log.read_bytes()
        raise OSError(errno.EIO, "Input/output error")

    with monkeypatch.context() as failing:
        failing.setattr(os, "fdatasync", fail)
        with pytest.raises(StorageError, match="Input/output error"):
            add(outbox, "two")
    add(outbox, "three")

    on_disk = bytearray(log.read_bytes())
    for start in range(taken - taken % 4096, len(lost), 4096):
        if on_disk[start : start + 4096] == lost[start : start + 4096]:  # nobody has written this page again
            on_disk[max(start, taken) : start + 4096] = bytes(start + 4096 - max(start, taken))
    copy = path.with_name("copy")
    copy.write_bytes(path.read_bytes())
    log_of(copy).write_bytes(on_disk)
    with closing(Outbox(copy, uses_damaged_log=True)) as later:
        assert waiting(later) == ["one", "three"]


def test_joining_and_leaving_wait_for_the_disk_and_removing_does_not(outbox: Outbox) -> None:
    add(outbox, "one", "two")
    statements: list[str] = []
    outbox._file.connection.set_trace_callback(statements.append)
    outbox.join(SEALED, KEY)
    outbox.leave(SEALED.notebook_id)
    assert not [statement for statement in statements if "synchronous" in statement]
    acknowledge(outbox, range(1, 2))
    outbox.mark_refused(HERE.notebook_id, 2, Status.TOO_LARGE)
    assert "PRAGMA synchronous = NORMAL" in statements
    outbox._file.connection.execute("PRAGMA query_only = ON")
    with pytest.raises(StorageError):
        acknowledge(outbox, range(1, 2))
    assert outbox._file.connection.execute("PRAGMA synchronous").fetchone() == (2,), "FULL again, also after a failure"


def test_a_refused_entry_is_kept_and_listed_but_not_sent_until_it_is_discarded(outbox: Outbox) -> None:
    outbox.join(SEALED, KEY)
    add(outbox, "known", "long")
    add(outbox, "unknown", notebook_id=WORK.notebook_id)
    add(outbox, "meant", "too", notebook_id=None, destination=PI)
    outbox.mark_refused(HERE.notebook_id, 1, Status.REFUSED)
    outbox.mark_refused(HERE.notebook_id, 2, Status.TOO_LARGE)
    known = (HERE.notebook_id, "家里", SEALED.key_id, ANY)
    assert [(each.entry.text, *each[1:]) for each in outbox.listing()] == [
        ("known", *known, Status.REFUSED), ("long", *known, Status.TOO_LARGE),
        ("unknown", WORK.notebook_id, None, None, ANY, None), ("meant", None, None, None, PI, None),
        ("too", None, None, None, PI, None),
    ]  # fmt: skip
    assert outbox.waiting_counts() == [
        (HERE.notebook_id, SEALED.key_id, ANY, Status.REFUSED, 1), (HERE.notebook_id, SEALED.key_id, ANY, Status.TOO_LARGE, 1),
        (WORK.notebook_id, None, ANY, None, 1), (None, None, PI, None, 2),
    ]  # fmt: skip
    assert (waiting(outbox, SEALED), waiting(outbox, WORK)) == ([], ["unknown"])
    assert outbox.discard([1, 17]) == 1
    assert [outbox.discard(named, every_refused=True) for named in ([1], [])] == [1, 0]
    assert [each.entry.text for each in outbox.listing()] == ["unknown", "meant", "too"]
    assert [outbox.first_of_latest(entries) for entries in (1, 2, 3, 4)] == [5, 4, 3, 1]


def test_waiting_entries_are_read_a_page_at_a_time_which_is_shorter_if_they_are_long(outbox: Outbox) -> None:
    add(outbox, *map(str, range(PAGE_ENTRIES)), "x" * PAGE_CHARACTERS, "y" * PAGE_CHARACTERS, "z")
    assert [len(outbox.listing(first)) for first in (1, 2, PAGE_ENTRIES, PAGE_ENTRIES + 2, PAGE_ENTRIES + 4)] == [
        PAGE_ENTRIES, PAGE_ENTRIES, 2, 1, 0,
    ]  # fmt: skip
    outbox.discard(range(2, PAGE_ENTRIES + 1))
    assert [entry.sequence for entry in outbox.waiting_for(HERE.notebook_id)] == [1, PAGE_ENTRIES + 1]


# Identities


def test_notes_are_moved_with_their_identity_and_later_answers_of_the_old_notebook_do_not_count(
    outbox: Outbox, other: Outbox
) -> None:
    moved, refused, stays = add(outbox, "笔记", "refused", "stays")
    add(outbox, "a revision", kind=Kind.REVISION, revises=2)
    [typo] = add(outbox, "mistyped", notebook_id=None, destination=PI)
    outbox.mark_refused(HERE.notebook_id, refused.sequence, Status.TOO_LARGE)
    outbox.discard([stays.sequence])

    def wanted(counts: list[WaitingCount]) -> list[WaitingCount]:
        return [each for each in counts if each.refused is None]

    assert outbox.move(WORK.notebook_id, select=wanted) == (2, 1)
    assert other.waiting_for(WORK.notebook_id) == [moved, typo]
    assert [each.destination for each in outbox.listing()] == [ANY] * 4
    for sequences in (range(1, 2), range(1, 6)):
        acknowledge(outbox, sequences)
    outbox.mark_refused(HERE.notebook_id, moved.sequence, Status.REFUSED)
    assert outbox.renew(HERE.notebook_id, moved) is None
    assert (other.waiting_for(WORK.notebook_id), waiting(outbox)) == ([moved, typo], [])
    assert add(outbox, "next")[0].sequence == 6


def test_a_conflict_gives_the_client_a_new_identity_once(outbox: Outbox, other: Outbox) -> None:
    first, second = add(outbox, "one", "two", kind=Kind.REVISION, revises=42)
    renewed = outbox.renew(HERE.notebook_id, first)
    assert renewed is not None and renewed.client_id != first.client_id
    assert renewed == first._replace(client_id=renewed.client_id, sequence=3)
    assert other.waiting_for(HERE.notebook_id, limit=9) == [second, renewed]
    assert other.renew(HERE.notebook_id, first) is None, "another process was faster"
    assert other.renew(HERE.notebook_id, second) == second._replace(client_id=renewed.client_id, sequence=4)
    assert add(outbox, "three")[0][:2] == (renewed.client_id, 5)
    acknowledge(outbox, range(5, 6))
    assert outbox.renew(HERE.notebook_id, renewed._replace(sequence=5)) is None, "an acknowledged entry gets no new identity"
