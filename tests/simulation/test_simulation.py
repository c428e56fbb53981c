"""In each seed of the simulated LAN, udpnote keeps every promise. All seeds together try every fault and every path."""

import json
import os
from collections import Counter
from pathlib import Path

import pytest

from tests.simulation.runs import replay_command, run_seed, untried

ALL_SEEDS = 70
"""Enough seeds to meet each fault and path a few times. `.ci/run` runs this many."""

SEEDS = range(int(os.environ.get("UDPNOTE_SIMULATION_SEEDS", "12")))
"""By default, a sixth of `ALL_SEEDS`: enough to meet most faults and paths, and to kill each mutant that needs a simulation."""


@pytest.fixture(scope="session")
def coverage_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that all workers of this test run share. Each seed writes there what it has tried."""
    is_worker = "PYTEST_XDIST_WORKER" in os.environ
    base = tmp_path_factory.getbasetemp()
    folder = (base.parent if is_worker else base) / "simulation-coverage"
    folder.mkdir(exist_ok=True)
    return folder


@pytest.mark.parametrize("seed", SEEDS)
def test_a_seed_keeps_every_promise_and_all_seeds_together_try_every_fault_and_path(seed: int, coverage_folder: Path) -> None:
    result = run_seed(seed)
    assert not result.failure, f"{result.failure}\nto see each step: {replay_command(seed)}"
    written = coverage_folder / f"{seed}.part"
    written.write_text(json.dumps(result.coverage))
    written.rename(written.with_suffix(".json"))
    all_written = list(coverage_folder.glob("*.json"))
    if len(all_written) == len(SEEDS) >= ALL_SEEDS:  # this seed is the last one, or one of the last ones
        coverage = sum((Counter(json.loads(path.read_text())) for path in all_written), Counter[str]())
        assert untried(coverage) == []


def test_a_seed_takes_the_same_course_each_time() -> None:
    courses: list[list[str]] = [[], []]
    for course in courses:
        run_seed(1, course.append)
    assert courses[0] == courses[1] != []
