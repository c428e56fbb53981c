"""Partial entries: their parts make the whole entry, are never mixed up, and never take more room than the limit."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, suppress
from itertools import permutations
from pathlib import Path
from random import Random

import pytest

from tests.storage.notebook.conftest import CONFLICT, KEPT, LONG, NOW, REFUSED, entry, in_parts, part, stored, texts
from udpnote.model.entry import TEXT_BYTES_MAX, Kind, Part, Status, Verdict, cut, split
from udpnote.storage.database import IN_MEMORY, atomic, open_database
from udpnote.storage.notebook.notebook import Notebook
from udpnote.storage.notebook.parts import (
    PART_OVERHEAD_BYTES,
    PARTIAL_ENTRIES_BYTES_MAX,
    PARTIAL_ENTRY_OVERHEAD_BYTES,
    PartialEntries,
)
from udpnote.storage.notebook.tables import SCHEMA

DAY = 24 * 3600 * 1_000_000


@pytest.fixture
def connection() -> Iterator[sqlite3.Connection]:
    with closing(open_database(IN_MEMORY, SCHEMA)) as connection:
        yield connection


def store_each(notebook: Notebook, parts: list[Part]) -> list[Verdict | None]:
    return [notebook.store([part], NOW)[0] for part in parts]


@pytest.mark.parametrize("order", list(permutations(range(3))), ids=str)
def test_parts_in_any_order_make_the_entry_when_the_last_one_is_there_also_after_restarts(
    path: Path, order: tuple[int, ...]
) -> None:
    parts = in_parts(entry(1, LONG))
    verdicts: list[Verdict | None] = []
    for index in order:
        with closing(Notebook(path)) as notebook:
            verdicts += notebook.store([parts[index]], NOW)
            entries, left = list(notebook.entries_after(0)), unfinished(notebook._connection)
    assert verdicts == [KEPT, KEPT, stored(1)]
    assert (entries, left) == ([(1, NOW, entry(1, LONG), 1)], []), "its parts are removed"


def test_parts_that_disagree_with_the_kept_ones_or_with_the_stored_entry_are_conflicts(notebook: Notebook) -> None:
    first, second, third = in_parts(entry(1, LONG))
    headers = ({"kind": Kind.REVISION}, {"written_at": NOW}, {"utc_offset": 0}, {"author": "eve@pi"}, {"total_bytes": 99})
    wrong = [second._replace(**changes) for changes in headers]
    assert store_each(notebook, [first, *wrong, first._replace(data=second.data)]) == [KEPT] + [CONFLICT] * 6
    assert store_each(notebook, [second, third]) == [KEPT, stored(1)]
    wrong += [second._replace(data=first.data), second._replace(offset=17), part(1), first._replace(revises=1)]
    assert store_each(notebook, wrong) == [CONFLICT] * 9
    assert texts(notebook) == [LONG]


def test_parts_that_make_no_text_are_refused_and_a_bad_row_loses_no_part(notebook: Notebook) -> None:
    for sequence, data in enumerate((b"ab\xffcd", "中文".encode()[:-1], "\n\t \u3000".encode()), 2):
        for _ in range(2):
            verdicts = store_each(notebook, cut(part(sequence)._replace(total_bytes=len(data), data=data), 2))
            assert verdicts == [KEPT] * (len(verdicts) - 1) + [REFUSED]
    first, second, third = in_parts(entry(1, LONG))
    bad = part(0)  # the database rejects this sequence
    assert notebook.store([bad, first], NOW) == [REFUSED, KEPT]
    assert notebook.store([second, third, bad], NOW) == [KEPT, stored(1), REFUSED]
    assert texts(notebook) == [LONG]


def test_an_unfinished_entry_is_forgotten_when_nobody_adds_to_it_for_a_day(notebook: Notebook) -> None:
    first, second, third = in_parts(entry(1, LONG))
    notebook.store([first], NOW)
    notebook.expire_partial_entries(NOW + DAY)
    notebook.store([second], NOW + DAY)
    notebook.expire_partial_entries(NOW + 2 * DAY)
    assert notebook.store([third], NOW + 2 * DAY) == [stored(1)]
    notebook.store(split(entry(2), 30)[:1], NOW)
    notebook.expire_partial_entries(NOW + DAY + 1)
    assert notebook.store(split(entry(2), 30)[1:], NOW + DAY + 1) == [KEPT]


def test_an_unfinished_entry_from_the_future_is_forgotten_when_the_clock_was_ahead_by_more_than_a_day(path: Path) -> None:
    first, second, _ = in_parts(entry(1, LONG))
    with closing(Notebook(path)) as notebook:
        for ahead, left in ((DAY, [1]), (DAY + 1, [])):
            notebook.store([first, second], NOW + ahead)
            notebook.expire_partial_entries(NOW)
            assert unfinished(notebook._connection) == left


def xs(sequence: int) -> list[Part]:
    """An entry in three parts of 100 bytes."""
    return split(entry(sequence, "x" * 300), 100)


def keep(partial_entries: PartialEntries, connection: sqlite3.Connection, sequence: int, now: int, index: int = 0) -> None:
    with atomic(connection):
        partial_entries.keep(xs(sequence)[index], now)


def unfinished(connection: sqlite3.Connection) -> list[int]:
    """The sequences of the partial entries."""
    return [sequence for (sequence,) in connection.execute("SELECT sequence FROM partial_entries ORDER BY sequence")]


COST_BYTES = PARTIAL_ENTRY_OVERHEAD_BYTES + PART_OVERHEAD_BYTES + 100
"""What a partial entry with one part of 100 bytes takes on disk."""


def test_the_entries_untouched_for_longest_make_room(connection: sqlite3.Connection) -> None:
    for sequence in (1, 2):  # before a restart
        keep(PartialEntries(connection), connection, sequence, 0)
    partial_entries = PartialEntries(connection, bytes_max=3 * COST_BYTES)
    for now, (sequence, index, left) in enumerate([(3, 0, [1, 2, 3]), (1, 0, [1, 2, 3]), (4, 0, [1, 3, 4]), (1, 1, [1, 4])], 2):
        keep(partial_entries, connection, sequence, now, index)
        assert unfinished(connection) == left
    assert connection.execute("SELECT count(*) FROM parts").fetchone() == (3,)


def test_forgotten_and_expired_entries_make_room_and_rolled_back_ones_take_none(connection: sqlite3.Connection) -> None:
    partial_entries = PartialEntries(connection, bytes_max=3 * COST_BYTES)
    for sequence in range(1, 6):
        keep(partial_entries, connection, sequence, now=sequence)
        if sequence == 3:
            with atomic(connection):
                partial_entries.forget(*part(2)[:2])
                partial_entries.forget(*part(99)[:2])
                partial_entries.expire(before=2, after=3)
        elif sequence == 4:
            with suppress(ZeroDivisionError), atomic(connection):
                partial_entries.keep(xs(9)[0], 4)
                _ = 1 // 0
            partial_entries.handle_rollback()
    assert unfinished(connection) == [3, 4, 5]
    assert connection.execute("SELECT count(*) FROM parts").fetchone() == (3,)


def test_parts_whose_batch_was_rolled_back_are_counted_only_when_they_are_kept(path: Path) -> None:
    text = b"x" * TEXT_BYTES_MAX
    count = PARTIAL_ENTRIES_BYTES_MAX // len(text) // 2 + 1  # twice as many do not fit
    parts = [part(number)._replace(total_bytes=len(text), data=text[1:]) for number in range(1, count + 1)]
    rejected = part(count + 1)._replace(author=None)  # type: ignore[arg-type]
    with closing(Notebook(path)) as notebook:
        assert notebook.store([*parts, rejected], NOW) == [KEPT] * count + [REFUSED]
        assert unfinished(notebook._connection) == list(range(1, count + 1))


def test_the_entry_that_gets_a_part_stays_even_if_it_alone_exceeds_the_limit(connection: sqlite3.Connection) -> None:
    partial_entries = PartialEntries(connection, bytes_max=10)
    for index in range(2):
        keep(partial_entries, connection, 1, now=index, index=index)
    with atomic(connection):
        assert partial_entries.keep(xs(1)[2], 3) == (Status.PART_KEPT, True)
        assert partial_entries.text_of(xs(1)[2]) == b"x" * 300


@pytest.mark.parametrize("seed", range(3))
def test_a_flood_of_parts_stays_within_the_bound(connection: sqlite3.Connection, seed: int) -> None:
    random = Random(seed)
    bytes_max = 5 * COST_BYTES
    partial_entries = PartialEntries(connection, bytes_max=bytes_max)
    for now in range(400):
        text = "x" * 300 + random.choice("abc") * random.choice((1, 1, 10, 200))
        part = random.choice(split(entry(random.randint(1, 50), text), random.choice((1, 50, 300))))
        with atomic(connection):
            _, is_complete = partial_entries.keep(part, now)
            if is_complete:
                partial_entries.forget(*part[:2])
        (entries, cost) = connection.execute("SELECT count(*), total(cost_bytes) FROM partial_entries").fetchone()
        (parts, kept) = connection.execute("SELECT count(*), total(length(data)) FROM parts").fetchone()
        assert cost == entries * PARTIAL_ENTRY_OVERHEAD_BYTES + parts * PART_OVERHEAD_BYTES + kept, f"seed {seed}"
        assert cost <= bytes_max, f"seed {seed}"
