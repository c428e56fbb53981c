"""One short round of each long experiment (see `python -m tests.endurance`), and how that program ends."""

import os
import sys
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest

from tests.endurance.crowd import crowd
from tests.endurance.full_disks import full_disks
from tests.endurance.kills import kills
from tests.endurance.power_cuts import power_cuts
from tests.endurance.table import Row
from tests.support.processes import Process, eventually
from tests.system.lab import SECONDS_MAX, Lab

NAMESPACES = Path("/run/netns")
SEED = 6683
ROUNDS = {
    "kills": partial(kills, times=3),
    "power cuts": partial(power_cuts, cuts_max=150),
    "full disks": partial(full_disks, times=2),
    "a crowd": partial(crowd, clients=10),
}


@pytest.mark.parametrize("experiment", ROUNDS.values(), ids=ROUNDS)
def test_every_entry_is_stored_once_after_the_experiment(lab: Lab, experiment: Callable[[Lab, int], Iterator[Row]]) -> None:
    rows = list(experiment(lab, SEED))
    assert all(row.times and row.entries for row in rows)
    assert [row for row in rows if not row.is_met] == []


def test_ctrl_c_ends_the_experiments_with_a_table_and_leaves_no_namespace(lab: Lab) -> None:
    command = [sys.executable, "-m", "tests.endurance", "kills", "--seed", "1"]
    running = lab.kill_at_end(Process(command, os.environ, folder=Path(__file__).parents[2]))
    own = f"udpnote-{running.pid}-*"
    running.expect_error("kills --seed 1")
    eventually(lambda: any(NAMESPACES.glob(own)), "it has made a namespace")
    running.interrupt()
    result = running.wait(SECONDS_MAX)
    assert result.code == 130
    assert result.out.startswith("| tried")
    assert not any(NAMESPACES.glob(own))
