"""Hundreds of seeds of the simulated LAN keep every promise, and try everything that it is there for."""

from collections import Counter
from collections.abc import Iterator
from contextlib import closing

import pytest

from tests.simulation.disks import NotebookDisk, OutboxDisk
from tests.simulation.runs import Result, replay_command, run_seed, untried
from tests.simulation.witness import FOUND_IN_VAIN_MAX, Balance, Pace, Violation, Witness
from udpnote.entry import Entry, Kind, split

SEEDS = 400
"""Some ten seconds, and enough to meet each fault and path a few times; `python -m tests.simulation` runs more."""

SOURCE = ("10.0.0.1", 50_000)


@pytest.fixture(scope="module")
def results() -> list[Result]:
    return [run_seed(seed) for seed in range(SEEDS)]


def test_every_promise_is_kept_whatever_fails(results: list[Result]) -> None:
    failed = [result for result in results if result.failure]
    commands = "\n".join(replay_command(result.seed) for result in failed)
    assert not failed, f"{failed[0].failure}\n{len(failed)} of {SEEDS} seeds failed:\n{commands}"


def test_the_seeds_try_every_fault_and_every_path(results: list[Result]) -> None:
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


def entry(sequence: int, text: str) -> Entry:
    return Entry(b"c" * 16, sequence, Kind.NOTE, 1, 0, "王芳", text)


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
        Witness(notebook).look_into_outbox(outbox, ["unacknowledged"])


def test_one_byte_more_than_was_received_is_amplification() -> None:
    balance = Balance()
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
