"""Records of an outbox beside its entries: round-trip times, watched revisions, and keys that cannot be saved."""

from collections.abc import Callable
from contextlib import closing

import pytest

from tests.storage.outbox.conftest import HERE, KEY, OTHER_KEY, REKEYED, SEALED, WORK
from udpnote.errors import NoSpace, StorageError
from udpnote.model.entry import SeenEntry
from udpnote.storage.outbox.outbox import Outbox
from udpnote.storage.outbox.records import REVISIONS_WATCHED_MAX, ROUND_TRIP_SECONDS_MIN

SHORTEST = ROUND_TRIP_SECONDS_MIN


def seconds(outbox: Outbox) -> list[float | None]:
    return [outbox.round_trips.seconds(notebook_id) for notebook_id in (HERE.notebook_id, WORK.notebook_id, b"?" * 16)]


@pytest.mark.parametrize(
    ("noted", "kept", "writes"),
    [
        ((0.1,), 0.1, 1), ((0.1, 0.19, 0.06), 0.1, 1), ((0.1, 0.21), 0.21, 2), ((0.1, 0.049), 0.049, 2),
        ((0.1, 0.19, 0.37), 0.37, 2), ((0.0001,), ROUND_TRIP_SECONDS_MIN, 1), ((0.0, 0.0002, 2 * SHORTEST), SHORTEST, 1),
    ],
)  # fmt: skip
def test_the_round_trip_of_a_notebook_is_written_when_it_has_more_than_doubled_or_halved(
    outbox: Outbox, other: Outbox, noted: tuple[float, ...], kept: float, writes: int
) -> None:
    for notebook in (HERE, WORK):
        outbox.remember(notebook)
    assert seconds(outbox) == [None, None, None]
    versions = [other.version()]
    for each in noted:
        outbox.round_trips.record(HERE.notebook_id, each)
        versions.append(other.version())
    assert seconds(outbox) == seconds(other) == [kept, None, None]
    assert len(set(versions)) == 1 + writes
    outbox.remember(HERE._replace(host="192.0.2.8"))
    assert seconds(outbox) == [kept, None, None], "an address that changes does not change it"


def test_revisions_are_watched_per_notebook_until_they_are_forgotten_or_too_many(outbox: Outbox) -> None:
    three, five, nine = (SeenEntry(number, bytes(16), number) for number in (3, 5, 9))
    revisions = outbox.revisions
    for revision in (nine._replace(sequence=1), three, nine):  # after a restored backup, another one had this number
        revisions.watch(HERE.notebook_id, revision)
    revisions.watch(WORK.notebook_id, five)
    assert revisions.watched(HERE.notebook_id) == [three, nine]
    revisions.forget(HERE.notebook_id, [3, 5])
    assert (revisions.watched(HERE.notebook_id), revisions.watched(WORK.notebook_id)) == ([nine], [five])
    more = [SeenEntry(number, bytes(16), number) for number in range(10, REVISIONS_WATCHED_MAX + 11)]
    for revision in more:
        revisions.watch(HERE.notebook_id, revision)
    assert revisions.watched(HERE.notebook_id) == more[1:]


def test_a_new_key_is_kept_in_memory_if_the_outbox_cannot_be_written(outbox: Outbox) -> None:
    outbox.remember(HERE)
    with closing(Outbox(outbox.path, is_read_only=True)) as reading:
        reading.keys.renew(HERE.notebook_id, b"new id", b"new key")
        assert reading.keys.by_id() == {b"new id": b"new key"}
        assert outbox.keys.by_id() == {}


@pytest.mark.parametrize(
    ("change", "key_id"),
    [
        (lambda outbox: outbox.keys.renew(SEALED.notebook_id, b"newer id", b"newer key"), b"newer id"),
        (lambda outbox: outbox.join(REKEYED, OTHER_KEY), REKEYED.key_id),
        (lambda outbox: outbox.leave(SEALED.notebook_id), None),
    ],
    ids=["renew", "join", "leave"],
)
def test_a_key_in_memory_does_not_count_any_more_once_the_notebook_has_another_one_or_none(
    outbox: Outbox, change: Callable[[Outbox], None], key_id: bytes | None
) -> None:
    refusals: list[StorageError] = [NoSpace("disk_full", path=outbox.path)]

    def before_writing() -> None:
        if refusals:
            raise refusals.pop()

    outbox.join(SEALED, KEY)
    with closing(Outbox(outbox.path, is_read_only=True, before_writing=before_writing)) as late:
        late.keys.renew(SEALED.notebook_id, b"new id", b"new key")
        assert [each.key_id for each in late.notebooks()] == [b"new id"]
        change(late)
        assert [each.key_id for each in late.notebooks()] == [each.key_id for each in outbox.notebooks()] == [key_id]
        assert late.keys.by_id() == outbox.keys.by_id()
